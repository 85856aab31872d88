//! The settings of all arms, the best first, with the floors among them.

use std::collections::BTreeMap;

use lawn_models::{Split, Stage};
use serde::Serialize;
use serde_json::Value;

use crate::plan::choices::{Choices, score};
use crate::plan::{Cell, Plan};
use crate::report::render;
use crate::run::ending::Ending;
use crate::run::floors::Floors;

/// The leaderboard of one task at one batch size: settings of several do not compare.
#[derive(Debug, Clone, Serialize)]
pub struct Leaderboard {
    /// Name of the task.
    pub task: String,
    /// The batch size of its settings.
    pub batch_size: u64,
    /// The validation metric that settings are chosen by.
    pub metric: String,
    /// Whether more of it is better.
    pub higher_is_better: bool,
    /// The best first. Settings without a finite score are left out.
    pub entries: Vec<LeaderboardEntry>,
}

/// One setting of an arm at a batch size, or a floor.
#[derive(Debug, Clone, Serialize)]
pub struct LeaderboardEntry {
    /// What it is.
    #[serde(flatten)]
    pub what: Contestant,
    /// The metric on validation data: of the rung that the setting came to, or the mean of its
    /// seeds where nothing is tuned.
    pub validation: f64,
    /// Part of the budget that this was measured after.
    pub part: f64,
    /// Mean of the metric over the seeds of its confirmation, on test data; of a setting that was
    /// chosen alone.
    pub test: Option<f64>,
    /// Seeds of which that is the mean.
    pub seeds: usize,
}

/// Who has a place.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Contestant {
    /// A setting.
    Setting {
        /// Its arm.
        arm: String,
        /// Its batch size.
        batch_size: u64,
        /// Its index among its arm's.
        setting: usize,
        /// Its hyper-parameters that are tuned.
        tuned: BTreeMap<String, Value>,
    },
    /// A predictor without a network, by name.
    Floor(String),
}

/// What was measured of a setting.
#[derive(Default)]
struct Measured {
    /// Rung and score of the furthest tuning trial.
    tuned: Option<(usize, f64)>,
    /// On validation data, by seed.
    confirmed: Vec<f64>,
    /// On test data, by seed.
    test: Vec<f64>,
}

/// The leaderboards of all tasks and batch sizes, as far as trials are over; floors stand in them before
/// that.
pub(super) fn leaderboards(
    plan: &Plan,
    choices: &Choices,
    endings: &[Option<Ending>],
    floors: Option<&Floors>,
) -> Vec<Leaderboard> {
    let mut found: BTreeMap<(&Cell, usize), Measured> = BTreeMap::new();
    for (trial, ending) in plan.trials.iter().zip(endings) {
        let setting = trial.setting.or_else(|| choices.setting(trial));
        let summary = ending.as_ref().and_then(|ending| ending.summary.as_ref());
        let (Some(setting), Some(summary)) = (setting, summary) else {
            continue;
        };
        let metric = plan.metric(&trial.cell.task).unwrap_or_default();
        let measured = found.entry((&trial.cell, setting)).or_default();
        let value = score(metric, summary).filter(|value| value.is_finite());
        match trial.stage {
            Stage::Tune => {
                let earlier = measured.tuned.map(|(rung, _)| rung);
                if let Some(value) = value.filter(|_| earlier.is_none_or(|it| it < trial.rung)) {
                    measured.tuned = Some((trial.rung, value));
                }
            }
            Stage::Confirm => {
                measured.confirmed.extend(value);
                let test = summary.measurements.iter();
                let mut test = test.filter(|it| it.split == Split::Test && it.metric == metric);
                measured.test.extend(test.next().map(|one| one.value));
            }
        }
    }
    let tasks = plan.sweep.tasks.iter();
    let sizes = &plan.sweep.batch_sizes;
    let places = tasks.flat_map(|task| sizes.iter().map(move |&size| (task, size)));
    places
        .map(|(task, batch_size)| {
            let higher = task.config.metrics().is_higher_better(&task.metric);
            let own = found
                .iter()
                .filter(|((cell, _), _)| cell.task == task.name && cell.batch_size == batch_size);
            let settings =
                own.filter_map(|(&(cell, setting), measured)| entry(plan, cell, setting, measured));
            let floors = floors.and_then(|floors| floors.tasks.get(&task.name));
            let floors = floors.into_iter().flatten().filter_map(|floor| {
                Some(LeaderboardEntry {
                    what: Contestant::Floor(floor.predictor.clone()),
                    validation: floor.validation(&task.metric)?,
                    part: 1.0,
                    test: None,
                    seeds: 0,
                })
            });
            let mut entries: Vec<LeaderboardEntry> = settings.chain(floors).collect();
            let sign = if higher { -1.0 } else { 1.0 };
            entries.sort_by(|a, b| (sign * a.validation).total_cmp(&(sign * b.validation)));
            Leaderboard {
                task: task.name.clone(),
                batch_size,
                metric: task.metric.clone(),
                higher_is_better: higher,
                entries,
            }
        })
        .collect()
}

fn entry(
    plan: &Plan,
    cell: &Cell,
    setting: usize,
    measured: &Measured,
) -> Option<LeaderboardEntry> {
    let mean = |values: &[f64]| {
        let count = values.len() as f64;
        (!values.is_empty()).then(|| values.iter().sum::<f64>() / count)
    };
    let (part, validation) = match measured.tuned {
        Some((rung, value)) => (plan.sweep.rungs.get(rung)?.part, value),
        None => (1.0, mean(&measured.confirmed)?),
    };
    let arm = plan.sweep.arms.iter().find(|arm| arm.name == cell.arm)?;
    Some(LeaderboardEntry {
        what: Contestant::Setting {
            arm: cell.arm.clone(),
            batch_size: cell.batch_size,
            setting,
            tuned: arm.settings.get(setting)?.tuned_at(cell.batch_size).clone(),
        },
        validation,
        part,
        test: mean(&measured.test),
        seeds: measured.test.len(),
    })
}

impl Leaderboard {
    /// Rows of the first `count` settings and of every floor, each with its place among all.
    pub(super) fn rows(&self, count: usize) -> Vec<Vec<String>> {
        let dash = || "-".to_owned();
        let mut settings = 0;
        let mut rows = Vec::new();
        for (place, entry) in self.entries.iter().enumerate() {
            let mut row = vec![(place + 1).to_string()];
            match &entry.what {
                Contestant::Floor(name) => row.extend([name.clone(), dash()]),
                Contestant::Setting { .. } if settings == count => continue,
                Contestant::Setting {
                    arm,
                    setting,
                    tuned,
                    ..
                } => {
                    settings += 1;
                    let values = tuned.iter().map(|(name, value)| format!("{name} {value}"));
                    let values: Vec<String> = values.collect();
                    let values = match values.is_empty() {
                        true => dash(),
                        false => format!("{setting}: {}", values.join(", ")),
                    };
                    row.extend([arm.clone(), values]);
                }
            }
            let part = match entry.part < 1.0 {
                true => format!(" after {:.2} of the budget", entry.part),
                false => String::new(),
            };
            row.push(format!("{:.4}{part}", entry.validation));
            row.push(match entry.test {
                Some(test) => format!("{test:.4} ({})", render::count(entry.seeds, "seed")),
                None => dash(),
            });
            rows.push(row);
        }
        rows
    }

    /// Settings that have a place.
    pub(super) fn settings(&self) -> usize {
        let entries = self.entries.iter();
        let settings = entries.filter(|entry| matches!(entry.what, Contestant::Setting { .. }));
        settings.count()
    }
}
