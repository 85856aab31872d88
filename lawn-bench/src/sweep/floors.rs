//! The floors of a sweep's tasks, measured beside its first trials, and the arms that stay below.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use crate::plan::choices::score;
use crate::plan::{Cell, Plan};
use crate::process::spawn::this_command;
use crate::run::ending::Ending;
use crate::run::floors::Floors;
use crate::run::run_dir::RunDir;

/// Time that a sweep waits at the end of a round for floors that are still measured.
const PATIENCE: Duration = Duration::from_secs(5);

/// Looks which arms have come to less than a predictor without a network.
pub(super) struct Watch<'a> {
    run: &'a RunDir,
    plan: &'a Plan,
    /// The process that measures.
    measuring: Option<Child>,
    /// Cells that were warned about.
    told: BTreeSet<Cell>,
}

impl<'a> Watch<'a> {
    /// Measures the floors of the tasks of `plan` in another process, where they are not known.
    pub(super) fn new(run: &'a RunDir, plan: &'a Plan, data_root: Option<&Path>) -> Self {
        let known = Floors::read(run).ok().flatten().unwrap_or_default();
        let mut tasks = plan.sweep.tasks.iter();
        let is_known = tasks.all(|task| known.tasks.contains_key(&task.name));
        let start = || {
            let mut command = this_command().ok()?;
            command.arg("floors").arg(run.root()).arg("--keep");
            if let Some(root) = data_root {
                command.arg("--data-root").arg(root);
            }
            for name in ["OMP_NUM_THREADS", "MKL_NUM_THREADS"] {
                command.env(name, "1");
            }
            command
                // It ends with this process, which has the other end.
                .stdin(Stdio::piped())
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn()
                .ok()
        };
        Self {
            run,
            plan,
            measuring: (!is_known).then(start).flatten(),
            told: BTreeSet::new(),
        }
    }

    /// A warning for each arm of a task that stays below a floor at some batch sizes, each of them
    /// once. `endings` are those of the plan's trials.
    pub(super) fn below(&mut self, endings: &[Option<Ending>]) -> Vec<String> {
        self.wait();
        let Ok(Some(floors)) = Floors::read(self.run) else {
            return Vec::new();
        };
        let mut below: Vec<Below<'_>> = Vec::new();
        for (cell, best) in best(self.plan, endings) {
            let Some((task, metric)) = self.plan.task(&cell.task).zip(self.plan.metric(&cell.task))
            else {
                continue;
            };
            let higher = task.metrics().is_higher_better(metric);
            let Some((name, floor)) = floors.to_beat(&cell.task, metric, higher) else {
                continue;
            };
            let is_below = if higher { best < floor } else { best > floor };
            if !is_below || !self.told.insert(cell.clone()) {
                continue;
            }
            let said = format!("{} ({best:.4})", cell.batch_size);
            let arm = (cell.task.as_str(), cell.arm.as_str());
            match below.last_mut().filter(|last| last.arm == arm) {
                Some(last) => last.sizes.push(said),
                None => below.push(Below {
                    arm,
                    floor: format!("{name} gives {metric} {floor:.4}"),
                    sizes: vec![said],
                }),
            }
        }
        below.iter().map(ToString::to_string).collect()
    }

    /// Waits a little for the process that measures.
    fn wait(&mut self) {
        let since = Instant::now();
        while let Some(child) = &mut self.measuring {
            match child.try_wait() {
                Ok(None) if since.elapsed() < PATIENCE => {
                    std::thread::sleep(Duration::from_millis(20));
                }
                // Another round may find them.
                Ok(None) => return,
                _ => self.measuring = None,
            }
        }
    }
}

impl Drop for Watch<'_> {
    fn drop(&mut self) {
        if let Some(child) = &mut self.measuring {
            // What it has not measured, another launch measures.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// An arm of a task that is below a floor.
struct Below<'a> {
    /// Names of the task and the arm.
    arm: (&'a str, &'a str),
    /// Which floor it is, and its height.
    floor: String,
    /// Batch sizes with the best that it came to there.
    sizes: Vec<String>,
}

impl std::fmt::Display for Below<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let ((task, arm), sizes) = (self.arm, self.sizes.join(", "));
        write!(
            f,
            "warning: {task} · {arm} stays below a floor at batch {sizes}: {} on validation data \
             without a network",
            self.floor
        )
    }
}

/// By cell, the best validation metric of the trials that are over.
fn best<'p>(plan: &'p Plan, endings: &[Option<Ending>]) -> BTreeMap<&'p Cell, f64> {
    let mut found: BTreeMap<&Cell, f64> = BTreeMap::new();
    for (trial, ending) in plan.trials.iter().zip(endings) {
        let cell = &trial.cell;
        let scored = ending.as_ref().and_then(|ending| {
            let (task, metric) = plan.task(&cell.task).zip(plan.metric(&cell.task))?;
            let value = score(metric, ending.summary.as_ref()?)?;
            Some((value, task.metrics().is_higher_better(metric)))
        });
        if let Some((value, higher)) = scored.filter(|(value, _)| value.is_finite()) {
            let best = found.entry(cell).or_insert(value);
            *best = if higher {
                best.max(value)
            } else {
                best.min(value)
            };
        }
    }
    found
}
