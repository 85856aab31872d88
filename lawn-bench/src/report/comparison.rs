//! Two runs side by side: what was asked, what was planned, and what came out.

use std::collections::{BTreeMap, HashMap};
use std::fmt::Write;
use std::path::PathBuf;

use lawn_analysis::records::Outcome;
use lawn_models::{Split, Stage};
use serde::Serialize;

use crate::Error;
use crate::plan::choices::Frozen;
use crate::plan::difference::{Change, changes};
use crate::plan::{Cell, Plan, Trial, outcomes};
use crate::report::render;
use crate::run::ending::Ending;
use crate::run::run_dir::RunDir;

/// Trials of both runs with other results that are told one by one; the rest is counted.
const SHOWN: usize = 8;

/// In what two runs differ.
#[derive(Debug, Clone, Serialize)]
pub struct Comparison {
    /// Directories of the two runs.
    pub runs: [PathBuf; 2],
    /// Keys of the sweep files with both values, where they decide a trial or a verdict.
    pub settings: Vec<Change>,
    /// Trials that both plans have.
    pub in_both: usize,
    /// Trials that one plan alone has, by run.
    pub alone: [usize; 2],
    /// Trials of both that are over in both and came to the same numbers.
    pub same_results: usize,
    /// Those that came to others.
    pub other_results: Vec<OtherResult>,
    /// Trials of both that are over in one run alone, by run.
    pub over_alone: [usize; 2],
    /// Cell by cell: those of the first run, then those that the second alone has.
    pub cells: Vec<CellComparison>,
}

/// One trial of both runs whose results differ.
#[derive(Debug, Clone, Serialize)]
pub struct OtherResult {
    /// Its id.
    pub trial: String,
    /// Its index in each plan.
    pub index: [usize; 2],
    /// Its cell.
    #[serde(flatten)]
    pub cell: Cell,
    /// Its seed.
    pub seed: u64,
    /// How it ended in each.
    pub outcomes: [Outcome; 2],
}

/// One cell in both runs.
#[derive(Debug, Clone, Serialize)]
pub struct CellComparison {
    /// The cell.
    #[serde(flatten)]
    pub cell: Cell,
    /// What each run has of it; none where it has no such cell.
    pub runs: [Option<CellResults>; 2],
    /// Seeds whose confirmation ended `ok` in both.
    pub seeds: usize,
    /// Means of the test metric over these seeds, by run; over all of a run's own where there are
    /// none.
    pub means: [Option<f64>; 2],
    /// Mean over these of the second run's test metric less the first's.
    pub difference: Option<f64>,
}

/// What one run has of a cell.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct CellResults {
    /// Trials planned.
    pub trials: usize,
    /// Those that are over.
    pub over: usize,
    /// Those of them that did not end `ok`.
    pub failed: usize,
    /// The hyper-parameters chosen.
    pub chosen: BTreeMap<String, serde_json::Value>,
    /// The metric that chose.
    pub metric: String,
    /// By seed of a confirmation that ended `ok`, that metric on test data.
    pub test: BTreeMap<u64, f64>,
}

impl CellResults {
    /// Mean of the test metric over the confirmations; none before there is one.
    #[must_use]
    pub fn mean(&self) -> Option<f64> {
        let count = self.test.len();
        (count > 0).then(|| self.test.values().sum::<f64>() / count as f64)
    }
}

/// One run, read.
struct Side {
    plan: Plan,
    endings: Vec<Option<Ending>>,
    frozen: Option<Frozen>,
}

impl Side {
    fn read(run: &RunDir) -> Result<Self, Error> {
        let plan = Plan::read(run)?;
        Ok(Self {
            endings: outcomes::read(run, &plan)?.endings,
            frozen: Frozen::read(run)?,
            plan,
        })
    }

    fn trials(&self) -> impl Iterator<Item = (usize, &Trial, Option<&Ending>)> {
        let trials = self.plan.trials.iter().zip(&self.endings).enumerate();
        trials.map(|(index, (trial, ending))| {
            let ending = ending.as_ref().filter(|ending| ending.is_final());
            (index, trial, ending)
        })
    }

    fn cells(&self) -> HashMap<Cell, CellResults> {
        let mut cells: HashMap<Cell, CellResults> = HashMap::new();
        for (_, trial, ending) in self.trials() {
            let metric = self.plan.metric(&trial.cell.task).unwrap_or_default();
            let results = cells.entry(trial.cell.clone()).or_default();
            metric.clone_into(&mut results.metric);
            results.trials += 1;
            let Some(ending) = ending else { continue };
            results.over += 1;
            results.failed += usize::from(ending.outcome != Outcome::Ok);
            let measured = ending.summary.iter().flat_map(|it| &it.measurements);
            let mut test = measured.filter(|it| it.split == Split::Test && it.metric == metric);
            if let Some(test) = test.next().filter(|_| trial.stage == Stage::Confirm) {
                results.test.insert(trial.seed, test.value);
            }
        }
        for one in self.frozen.iter().flat_map(|frozen| &frozen.cells) {
            if let Some(results) = cells.get_mut(&one.cell) {
                results.chosen.clone_from(&one.tuned);
            }
        }
        cells
    }
}

impl Comparison {
    /// Reads both runs.
    ///
    /// # Errors
    ///
    /// As [`Plan::read`], [`Frozen::read`] and [`crate::run::document::read`].
    pub fn read(runs: [&RunDir; 2]) -> Result<Self, Error> {
        let [first, second] = [Side::read(runs[0])?, Side::read(runs[1])?];
        let of_second: HashMap<&str, (usize, Option<&Ending>)> = second
            .trials()
            .map(|(index, trial, ending)| (trial.id.as_str(), (index, ending)))
            .collect();
        let mut comparison = Self {
            runs: runs.map(|run| run.root().into()),
            settings: changes(&first.plan.sweep, &second.plan.sweep),
            in_both: 0,
            alone: [0, second.plan.trials.len()],
            same_results: 0,
            other_results: Vec::new(),
            over_alone: [0, 0],
            cells: cells(&first, &second),
        };
        for (index, trial, ending) in first.trials() {
            let Some(&(other, then)) = of_second.get(trial.id.as_str()) else {
                comparison.alone[0] += 1;
                continue;
            };
            comparison.in_both += 1;
            comparison.alone[1] -= 1;
            match (ending, then) {
                (None, None) => {}
                (Some(_), None) => comparison.over_alone[0] += 1,
                (None, Some(_)) => comparison.over_alone[1] += 1,
                (Some(a), Some(b)) if (a.outcome, &a.summary) == (b.outcome, &b.summary) => {
                    comparison.same_results += 1;
                }
                (Some(a), Some(b)) => comparison.other_results.push(OtherResult {
                    trial: trial.id.clone(),
                    index: [index, other],
                    cell: trial.cell.clone(),
                    seed: trial.seed,
                    outcomes: [a.outcome, b.outcome],
                }),
            }
        }
        Ok(comparison)
    }

    /// Whether both runs ask for the same, and have come to the same.
    #[must_use]
    pub fn is_same(&self) -> bool {
        self.settings.is_empty()
            && self.alone == [0, 0]
            && self.over_alone == [0, 0]
            && self.other_results.is_empty()
    }

    /// For people.
    #[must_use]
    pub fn describe(&self) -> String {
        let [first, second] = &self.runs;
        let mut text = format!("{} and {}\n", first.display(), second.display());
        for change in &self.settings {
            let _ = writeln!(text, "  {}", change.beside());
        }
        let _ = writeln!(
            text,
            "trials: {} in both, {} in the first alone, {} in the second alone",
            self.in_both, self.alone[0], self.alone[1]
        );
        let _ = writeln!(
            text,
            "of those in both: {} came to the same, {} to other numbers, {} are over in the first \
             alone, {} in the second alone",
            self.same_results,
            self.other_results.len(),
            self.over_alone[0],
            self.over_alone[1]
        );
        for one in self.other_results.iter().take(SHOWN) {
            let ([a, b], [before, after]) = (one.index, one.outcomes);
            let _ = writeln!(
                text,
                "  {} (index {a}, {b}): {}, seed {}: {before}, {after}",
                one.trial, one.cell, one.seed
            );
        }
        let rows: Vec<Vec<String>> = self.cells.iter().map(row).collect();
        let header = [
            "task",
            "arm",
            "batch size",
            "metric",
            "over",
            "over",
            "test",
            "test",
            "seeds",
            "difference",
            "chosen",
        ];
        let _ = write!(text, "\n{}", render::table(&header, &rows));
        if self.cells.iter().any(|one| one.seeds > 0) {
            text += "tests and difference are means over the seeds of both runs; in brackets those of each\n";
        }
        text
    }
}

fn cells(first: &Side, second: &Side) -> Vec<CellComparison> {
    let mut found = [first.cells(), second.cells()];
    let mut order = first.plan.cells();
    let more = second.plan.cells().into_iter();
    order.extend(more.filter(|cell| !found[0].contains_key(cell)));
    order
        .into_iter()
        .map(|cell| {
            let runs = [0, 1].map(|side| found[side].remove(&cell));
            let pairs: Vec<[f64; 2]> = match &runs {
                [Some(a), Some(b)] => {
                    let both = a.test.iter();
                    both.filter_map(|(seed, a)| Some([*a, *b.test.get(seed)?]))
                        .collect()
                }
                _ => Vec::new(),
            };
            let seeds = pairs.len();
            let mean = |of: fn(&[f64; 2]) -> f64| {
                (seeds > 0).then(|| pairs.iter().map(of).sum::<f64>() / seeds as f64)
            };
            let own = [0, 1].map(|side| runs[side].as_ref().and_then(CellResults::mean));
            let means = match seeds {
                0 => own,
                _ => [mean(|pair| pair[0]), mean(|pair| pair[1])],
            };
            CellComparison {
                cell,
                runs,
                seeds,
                means,
                difference: mean(|[a, b]| b - a),
            }
        })
        .collect()
}

fn row(one: &CellComparison) -> Vec<String> {
    let or_dash = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
    let of = |say: fn(&CellResults) -> Option<String>| {
        [0, 1].map(|side| or_dash(one.runs[side].as_ref().and_then(say)))
    };
    let metric = one.runs.iter().flatten().next();
    let over = of(|results| Some(format!("{}/{}", results.over, results.trials)));
    let test = one
        .means
        .map(|mean| or_dash(mean.map(|mean| format!("{mean:.4}"))));
    let seeds = of(|results| Some(results.test.len().to_string()));
    let chosen = of(|results| {
        let values = results.chosen.iter();
        let values: Vec<String> = values
            .map(|(name, value)| format!("{name} {value}"))
            .collect();
        (!values.is_empty()).then(|| values.join(" "))
    });
    let chosen = match chosen[0] == chosen[1] {
        true => chosen[0].clone(),
        false => chosen.join(" | "),
    };
    let mut row = vec![
        one.cell.task.clone(),
        one.cell.arm.clone(),
        one.cell.batch_size.to_string(),
        metric.map_or_else(String::new, |results| results.metric.clone()),
    ];
    row.extend(over);
    row.extend(test);
    row.push(format!("{} ({})", one.seeds, seeds.join(", ")));
    row.push(or_dash(one.difference.map(|mean| format!("{mean:+.4}"))));
    row.push(chosen);
    row
}
