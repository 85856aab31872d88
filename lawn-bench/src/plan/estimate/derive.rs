//! What each cell takes, derived from what was measured of some.

use std::collections::BTreeMap;

use super::line::{self, Points};
use super::measurement::{Basis, Measurement};
use super::probe::Probed;
use super::{Survey, group, has_diverged};
use crate::plan::trials::Cell;

impl<S: FnMut(&str)> Survey<'_, S> {
    /// The arm whose steps say what those of `cell` take: its own, or the first with its rule and
    /// constraint; none where no such arm took any.
    pub(super) fn alike<'s>(&'s self, cell: &'s Cell) -> Option<&'s str> {
        let stepped = |arm: &&str| {
            let found = self.found.get(&(cell.task.clone(), (*arm).to_owned()));
            found.is_some_and(|found| found.values().any(|one| one.step_seconds.is_some()))
        };
        let kind = self.kind(cell);
        let others = self.plan.sweep.arms.iter().map(|arm| arm.name.as_str());
        let others = others.filter(|arm| self.kind_of(arm) == kind);
        std::iter::once(cell.arm.as_str())
            .chain(others)
            .find(stepped)
    }

    /// The first arm of the task of `cell` that took steps: the others are derived from it.
    fn base(&self, cell: &Cell) -> Option<&str> {
        let mut arms = self.plan.sweep.arms.iter().map(|arm| arm.name.as_str());
        arms.find(|arm| {
            let known = self.found.get(&(cell.task.clone(), (*arm).to_owned()));
            known.is_some_and(|known| known.values().any(|one| one.step_seconds.is_some()))
        })
    }

    /// What was measured of the arm of `cell`, or of one alike, and of the arm that the others are
    /// derived from.
    fn points(&self, cell: &Cell, of: fn(&Probed) -> Option<f64>) -> [Points; 2] {
        [self.alike(cell), self.base(cell)].map(|arm| {
            let known = arm.and_then(|arm| self.found.get(&(cell.task.clone(), arm.to_owned())));
            let probed = known.into_iter().flatten();
            probed
                .filter_map(|(size, one)| Some((*size, of(one)?)))
                .collect()
        })
    }

    fn value(&self, cell: &Cell, batch_size: u64, of: fn(&Probed) -> Option<f64>) -> Option<f64> {
        let [own, base] = self.points(cell, of);
        line::of_arm(&own, &base, batch_size)
    }

    /// What steps in other batch sizes say of those of `cell`.
    fn other_sizes(&self, cell: &Cell) -> Basis {
        let points = self.points(cell, |probed| probed.step_seconds);
        match points
            .iter()
            .any(|points| line::is_sure(points, cell.batch_size))
        {
            true => Basis::OtherBatchSizes,
            false => {
                let largest = points.iter().filter_map(|points| points.keys().next_back());
                Basis::SmallBatchSizes(largest.max().copied().unwrap_or_default())
            }
        }
    }

    pub(super) fn step_seconds(&self, cell: &Cell, batch_size: u64) -> Option<f64> {
        self.value(cell, batch_size, |probed| probed.step_seconds)
    }

    /// What all cells take, and what could not be said.
    pub(super) fn result(&self, cells: &[Cell]) -> (BTreeMap<Cell, Measurement>, Vec<String>) {
        let mut measured = BTreeMap::new();
        let mut without: Vec<(&Cell, String)> = Vec::new();
        for cell in cells {
            match self.cell(cell) {
                Some(found) => drop(measured.insert(cell.clone(), found)),
                None => without.push((cell, self.reason(cell))),
            }
        }
        let mut said = unmeasured(cells, &without);
        said.extend(self.died.iter().map(|((task, arm), reason)| {
            format!(
                "measuring {task} · {arm} ended before it was through: {reason}; what it did not come \
                 to is derived"
            )
        }));
        let tasks = self.plan.sweep.tasks.iter();
        said.extend(tasks.filter_map(|task| self.without_evaluation(&task.name)));
        if !self.has_device {
            said.push(
                "resources.device = \"cuda\", and there is no CUDA here: what a step takes of time \
                 and memory could not be measured; `lawn plan` says it on a machine that has it"
                    .to_owned(),
            );
            said.retain(|line| !line.starts_with("an evaluation of task"));
        }
        (measured, said)
    }

    /// Why a cell could not be measured.
    fn reason(&self, cell: &Cell) -> String {
        if let Some(reason) = self.failed.get(&group(cell)) {
            return reason.clone();
        }
        let mut own = self.found.get(&group(cell)).into_iter().flatten();
        if let Some(diverged) = own.find_map(|(_, one)| one.diverged.as_ref()) {
            return diverged.clone();
        }
        // What one arm was set up for, all are.
        let mut of_task = self
            .found
            .iter()
            .filter(|((task, _), _)| *task == cell.task);
        match of_task.any(|(_, probed)| !has_diverged(probed.values())) {
            true => "a step takes too long for a plan",
            false => "the time of a plan was up before it began",
        }
        .to_owned()
    }

    /// Why the time of an evaluation of a task is left out, where it is. Its first arm was to be
    /// evaluated.
    fn without_evaluation(&self, task: &str) -> Option<String> {
        let own = || self.found.iter().filter(|((name, _), _)| *name == task);
        let mut probed = own().flat_map(|(_, probed)| probed.values());
        if own().next().is_none() || probed.any(|one| one.evaluation_seconds.is_some()) {
            return None;
        }
        let first = self.plan.sweep.arms.first()?;
        let first = (task.to_owned(), first.name.clone());
        let is_cut_short = [&self.died, &self.failed].map(|why| why.contains_key(&first));
        let probed = self.found.get(&first);
        let is_known = probed.is_some_and(|probed| !has_diverged(probed.values()));
        let why = match is_cut_short.contains(&true) || !is_known {
            true => "was not measured",
            false => "takes longer than a plan may",
        };
        Some(format!(
            "an evaluation of task `{task}` {why}: its time is left out"
        ))
    }

    fn cell(&self, cell: &Cell) -> Option<Measurement> {
        let own = self.found.get(&group(cell));
        let exact = own.and_then(|own| own.get(&cell.batch_size));
        let mut of_task = self
            .found
            .iter()
            .filter(|((task, _), _)| *task == cell.task)
            .flat_map(|(_, probed)| probed.values());
        let any = exact
            .or_else(|| own?.values().next())
            .or_else(|| of_task.next())?;
        let evaluation = of_task.chain([any]).find_map(|one| one.evaluation_seconds);
        // Where no step was taken its memory was not either.
        let [own_peaks, peaks] = self.points(cell, |probed| {
            probed.step_seconds.map(|_| probed.peak_bytes as f64)
        });
        // The process itself has most of it: one point says nothing of the samples' part.
        let peak = match own_peaks.len().max(peaks.len()) {
            0 | 1 => any.peak_bytes as f64,
            _ => line::of_arm(&own_peaks, &peaks, cell.batch_size)?,
        };
        let step_seconds = self.step_seconds(cell, cell.batch_size);
        // Where no step can be taken there is still something to say.
        if step_seconds.is_none() && self.has_device {
            return None;
        }
        let treatments = own.and_then(|own| own.values().next());
        let of_task = self
            .found
            .iter()
            .filter(|((task, _), _)| *task == cell.task);
        let waited = of_task.flat_map(|(_, probed)| probed.values().map(|one| one.waited));
        Some(Measurement {
            epoch_samples: any.epoch_samples,
            step_seconds,
            last_step_seconds: match any.epoch_samples % cell.batch_size {
                0 => step_seconds,
                rest => self.step_seconds(cell, rest),
            },
            evaluation_seconds: evaluation.unwrap_or(0.0),
            start_seconds: any.start_seconds,
            peak_bytes: step_seconds.map_or(0, |_| peak as u64),
            treatments: treatments.map_or_else(Vec::new, |one| one.treatments.clone()),
            without_cuda_kernels: treatments
                .map_or_else(Vec::new, |one| one.without_cuda_kernels.clone()),
            waited: waited.fold(0.0, f64::max),
            basis: match (exact, self.alike(cell), self.base(cell)) {
                (Some(exact), _, _) if exact.step_seconds.is_some() => Basis::Measured,
                (_, None, Some(base)) => Basis::OtherArm(base.to_owned()),
                (_, Some(_), _) => self.other_sizes(cell),
                (_, None, None) => Basis::Measured,
            },
        })
    }
}

/// What is said of cells `without` a measurement, of all: a line a task or an arm where their reason is one.
fn unmeasured(all: &[Cell], without: &[(&Cell, String)]) -> Vec<String> {
    let mut said: Vec<String> = Vec::new();
    for (cell, reason) in without {
        let is_whole = |is_of: &dyn Fn(&Cell) -> bool| {
            let same = without
                .iter()
                .filter(|(one, why)| is_of(one) && why == reason);
            same.count() == all.iter().filter(|one| is_of(one)).count()
        };
        let of_task = |one: &Cell| one.task == cell.task;
        let of_arm = |one: &Cell| of_task(one) && one.arm == cell.arm;
        let what = match (is_whole(&of_task), is_whole(&of_arm)) {
            (true, _) => cell.task.clone(),
            (false, true) => format!("{} · {}", cell.task, cell.arm),
            (false, false) => cell.to_string(),
        };
        let line = format!("{what} could not be measured: {reason}");
        if !said.contains(&line) {
            said.push(line);
        }
    }
    said
}
