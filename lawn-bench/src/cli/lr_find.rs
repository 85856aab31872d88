//! `lawn lr-find`: where to tune the learning rate.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use clap::Args;
use lawn_analysis::{RateCurve, rate_range_png};
use lawn_models::{RangeTest, RateRange, TrialConfig, range_test};
use serde::Serialize;

use super::output::{print, to_json};
use super::values::{Chosen, DataRoot, Sets};
use crate::error::{Fault, Place};
use crate::plan::choices::Choices;
use crate::plan::{Cell, Plan};
use crate::process::streams::say;
use crate::report::render;
use crate::run::files;
use crate::{Error, Exit, data};

#[derive(Debug, Args)]
#[command(after_help = "\
The learning rate grows by the same factor from step to step; shape, warm-up and the end of a free
phase are left out, other hyper-parameters are those of the arm's first setting. A constraint that
begins after a free phase takes no part, and the table says so. Only the training split is looked at.
Rates of layers (`layer_decay`) and of embedding tables (`embedding_learning_rate`) keep their ratios to the
learning rate: the test goes over all of them together, and its rates are those of `learning_rate`.
Two rates are suggested: where the smoothed loss falls fastest, and a tenth of that where it is least. The
second is none where the loss falls up to the last rate.
They are rates at that batch size; where `learning_rate_scaling` makes another of a file's, the file's is
said beside them. They say where to tune, and take the place of no tuning. A figure of the same name is
replaced. Where no arm has a suggestion, it ends with 1.

Examples:
  lawn lr-find lawn-bench/studies/embedded.toml
  lawn lr-find lawn-bench/studies/embedded.toml --arm adam --arm adam-lawn --batch 1000 --steps 200
  lawn lr-find lawn-bench/studies/arms.toml --from 1e-5 --to 1 --out rates --json")]
pub(super) struct LrFind {
    /// The sweep file.
    file: PathBuf,
    #[command(flatten)]
    sets: Sets,
    #[command(flatten)]
    data: DataRoot,
    #[command(flatten)]
    chosen: Chosen,
    /// This batch size only; any number of times.
    #[arg(long = "batch", value_name = "N")]
    batches: Vec<u64>,
    /// Learning rate of the first step.
    #[arg(long, value_name = "RATE", default_value_t = 1e-6)]
    from: f64,
    /// Learning rate of the last step.
    #[arg(long, value_name = "RATE", default_value_t = 10.0)]
    to: f64,
    /// Steps of each test.
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u64).range(3..))]
    steps: u64,
    /// Folder for the figures, `lr-find-TASK.png` of each task.
    #[arg(long, value_name = "DIR", default_value = ".")]
    out: PathBuf,
    /// Print JSON, every step of each test in it.
    #[arg(long)]
    json: bool,
}

/// The test of one cell.
#[derive(Debug, Serialize)]
struct CellTest {
    task: String,
    arm: String,
    batch_size: u64,
    /// How many times a rate of the file this batch size is trained with: `learning_rate_scaling`.
    rate_factor: f64,
    #[serde(flatten)]
    found: RangeTest,
}

impl CellTest {
    fn has_suggestion(&self) -> bool {
        self.found.steepest.is_some() || self.found.tenth_of_minimum.is_some()
    }

    /// Whether another arm's test there is the same step for step.
    fn is_as(&self, other: &Self) -> bool {
        let place = (&self.task, self.batch_size) == (&other.task, other.batch_size);
        place && self.found.steps == other.found.steps
    }

    /// How it ended, and where it suggests nothing, what to try.
    fn end(&self) -> String {
        let RangeTest {
            steps, diverged, ..
        } = &self.found;
        let Some(last) = steps.last() else {
            return "diverged at once: lower --from".to_owned();
        };
        let reached = format!("{:.2e}", last.learning_rate);
        let has_minimum = self.found.tenth_of_minimum.is_some();
        match (diverged, self.has_suggestion()) {
            (true, true) => format!("diverged above {reached}"),
            (false, true) if has_minimum => String::new(),
            (false, true) => format!(
                "no minimum, the loss falls up to {reached}: raise --to, or take more --steps"
            ),
            (true, false) => format!(
                "diverged above {reached}, after {}: lower --from, or take more --steps",
                render::count(steps.len(), "step")
            ),
            (false, false) => format!(
                "the loss has not fallen up to {reached}, in {}, by more than it differs from step to \
                 step: lower --from, raise --to, or take more --steps",
                render::count(steps.len(), "step")
            ),
        }
    }
}

impl LrFind {
    pub(super) fn run(self) -> Result<Exit, Error> {
        let (from, to) = (self.from, self.to);
        if !(from > 0.0 && to > from && to.is_finite()) {
            let fault = Fault::new(Place::key("--from, --to"), format!("{from} to {to}"));
            let allowed = ["a range above 0 whose end is the larger"];
            return Err(Error::Option(Box::new(fault.allowed(allowed))));
        }
        let plan = Plan::new(self.sets.read(&self.file)?.sweep()?, BTreeMap::new());
        let sweep = &plan.sweep;
        self.chosen.require(sweep, &self.file)?;
        sweep.require_batch_sizes(&self.batches)?;
        let mut cells = plan.cells();
        cells.retain(|cell| {
            let is_meant = self.batches.is_empty() || self.batches.contains(&cell.batch_size);
            is_meant && self.chosen.has(cell)
        });
        let tasks = sweep.tasks.iter();
        let tasks = tasks.filter(|task| self.chosen.has_task(&task.name));
        let tasks: Vec<_> = tasks.cloned().collect();
        data::find(&tasks, self.data.folder())?;
        let mut tests = Vec::new();
        for (index, cell) in cells.iter().enumerate() {
            let Cell { task, arm, .. } = cell;
            let (batch, of) = (cell.batch_size, cells.len());
            say(&format!(
                "test {} of {of}: {task} · {arm} at {batch}",
                index + 1
            ));
            tests.push(self.test(&plan, cell)?);
        }
        std::fs::create_dir_all(&self.out).map_err(Error::io("create", &self.out))?;
        let mut figures = Vec::new();
        for task in &tasks {
            let of_task: Vec<_> = tests.iter().filter(|test| test.task == task.name).collect();
            let path = self.out.join(format!(
                "lr-find-{}.png",
                files::name(Path::new(&task.name))
            ));
            let is_there = path.exists();
            files::write(&path, &rate_range_png(&curves(&of_task))?)?;
            figures.push(match is_there {
                true => format!("{}, which replaces another", path.display()),
                false => path.display().to_string(),
            });
        }
        print(&match self.json {
            true => to_json(&tests),
            false => describe(&tests, &figures),
        });
        if tests.iter().all(|test| !test.has_suggestion()) {
            say("error: no rate is suggested for any arm; the last column says what to try");
            return Ok(Exit::Failed);
        }
        Ok(Exit::Ok)
    }

    fn test(&self, plan: &Plan, cell: &Cell) -> Result<CellTest, Error> {
        let index = plan.trials.iter().position(|trial| trial.cell == *cell);
        let (_, config) = plan.resolve(index.unwrap_or(0), &Choices::default())?;
        let config: TrialConfig = config;
        let range = RateRange {
            from: self.from,
            to: self.to,
            steps: self.steps,
        };
        let device = plan.sweep.resources.device.here();
        let mut arms = plan.sweep.arms.iter();
        let arm = arms.find(|arm| arm.name == cell.arm);
        Ok(CellTest {
            task: cell.task.clone(),
            arm: cell.arm.clone(),
            batch_size: cell.batch_size,
            rate_factor: arm.map_or(1.0, |arm| plan.sweep.rate_factor(arm, cell.batch_size)),
            found: range_test(&config, range, device, self.data.folder())?,
        })
    }
}

/// The curves of a task. Tests that are the same step for step are one: the last would cover the
/// others.
fn curves(tests: &[&CellTest]) -> Vec<RateCurve> {
    let mut drawn: Vec<Vec<&CellTest>> = Vec::new();
    for &test in tests {
        match drawn.iter_mut().find(|same| test.is_as(same[0])) {
            Some(same) => same.push(test),
            None => drawn.push(vec![test]),
        }
    }
    let curve = |same: &Vec<&CellTest>| {
        let test = same[0];
        let steps = test.found.steps.iter();
        let others = match &same[1..] {
            [] => String::new(),
            [other] => format!(" and {}", other.arm),
            others => format!(" and {} others", others.len()),
        };
        RateCurve {
            name: format!("{}{others}, batch {}", test.arm, test.batch_size),
            points: steps
                .map(|step| (step.learning_rate, step.smoothed))
                .collect(),
            marked: [test.found.steepest, test.found.tenth_of_minimum],
        }
    };
    drawn.iter().map(curve).collect()
}

fn describe(tests: &[CellTest], figures: &[String]) -> String {
    let rate =
        |rate: Option<f64>| rate.map_or_else(|| "none".to_owned(), |rate| format!("{rate:.2e}"));
    let row = |(index, test): (usize, &CellTest)| {
        vec![
            test.task.clone(),
            test.arm.clone(),
            test.batch_size.to_string(),
            rate(test.found.steepest),
            rate(test.found.tenth_of_minimum),
            remarks(test, &tests[..index]),
        ]
    };
    let rows: Vec<Vec<String>> = tests.iter().enumerate().map(row).collect();
    let head = ["task", "arm", "batch", "steepest", "minimum / 10", ""];
    format!(
        "{}\nfigure: {}\n",
        render::table(&head, &rows),
        figures.join("; ")
    )
}

/// What is to be known of a test, which came after those `before`.
fn remarks(test: &CellTest, before: &[CellTest]) -> String {
    let (found, factor) = (&test.found, test.rate_factor);
    let mut said = vec![test.end()];
    if found.unconstrained {
        said.push("free all along".to_owned());
    }
    if let Some(other) = before.iter().find(|other| test.is_as(other)) {
        said.push(format!("step for step as {}", other.arm));
    }
    let in_file: Vec<String> = [found.steepest, found.tenth_of_minimum]
        .into_iter()
        .flatten()
        .map(|rate| format!("{:.2e}", rate / factor))
        .collect();
    if factor != 1.0 && !in_file.is_empty() {
        let in_file = in_file.join(" and ");
        said.push(format!(
            "{in_file} in the file, trained with {factor:.3} times that"
        ));
    }
    said.retain(|one| !one.is_empty());
    said.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use lawn_models::RangeStep;

    fn test(arm: &str, losses: &[f64]) -> CellTest {
        let steps = losses.iter().enumerate();
        let step = |(index, &smoothed): (usize, &f64)| RangeStep {
            learning_rate: 10f64.powi(index as i32),
            loss: smoothed,
            smoothed,
        };
        CellTest {
            task: "task".into(),
            arm: arm.into(),
            batch_size: 1,
            rate_factor: 1.0,
            found: RangeTest {
                steps: steps.map(step).collect(),
                diverged: false,
                steepest: None,
                tenth_of_minimum: None,
                unconstrained: false,
            },
        }
    }

    #[test]
    fn arms_that_are_alike_are_one_curve() {
        let tests = [
            test("adam", &[2.0, 1.0]),
            test("lion", &[2.0, 1.5]),
            test("adam-lawn", &[2.0, 1.0]),
            test("adam-cpr", &[2.0, 1.0]),
        ];
        let names: Vec<String> = (curves(&tests.iter().collect::<Vec<_>>()).into_iter())
            .map(|curve| curve.name)
            .collect();
        assert_eq!(names, ["adam and 2 others, batch 1", "lion, batch 1"]);
        let two: Vec<&CellTest> = tests[..3].iter().collect();
        assert_eq!(curves(&two)[0].name, "adam and adam-lawn, batch 1");
    }

    #[test]
    fn what_to_try_hangs_on_how_a_test_ended() {
        let end = |losses: &[f64], diverged: bool, [steepest, minimum]: [Option<f64>; 2]| {
            let mut test = test("arm", losses);
            test.found.diverged = diverged;
            (test.found.steepest, test.found.tenth_of_minimum) = (steepest, minimum);
            test.end()
        };
        let (none, both) = ([None; 2], [Some(1.0); 2]);
        assert_eq!(end(&[], true, none), "diverged at once: lower --from");
        assert_eq!(end(&[2.0, 1.0, 3.0], false, both), "");
        assert_eq!(end(&[2.0, 1.0], true, both), "diverged above 1.00e1");
        for (found, part) in [
            (
                end(&[2.0, 1.0, 0.5], false, [Some(1.0), None]),
                "no minimum, the loss falls up to 1.00e2: raise --to",
            ),
            (
                end(&[2.0], true, none),
                "after 1 step: lower --from, or take more --steps",
            ),
            (
                end(&[2.0, 3.0, 4.0], false, none),
                "has not fallen up to 1.00e2, in 3 steps",
            ),
        ] {
            assert!(found.contains(part), "{part:?} is not in: {found}");
        }
    }
}
