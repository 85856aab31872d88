//! How each arm was tuned: the settings tried, the best of them, and whether it lies on a border.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::study::Task;
use crate::records::{Outcome, TrialRow};

/// The tuning of one arm at one batch size.
#[derive(Clone, Debug, PartialEq)]
pub struct Tuning {
    /// The task.
    pub task: String,
    /// The arm.
    pub arm: String,
    /// The batch size.
    pub batch_size: i64,
    /// Settings tried.
    pub settings: usize,
    /// Tuning trials run.
    pub trials: usize,
    /// Tuning trials that did not end well; they count against the budget.
    pub failed: usize,
    /// Seconds spent on tuning.
    pub seconds: f64,
    /// Index of the confirmed setting, or where none was confirmed, of the best on validation data.
    pub best: Option<i64>,
    /// Mean validation metric of that setting.
    pub validation: Option<f64>,
    /// The hyper-parameters that were varied, at that setting.
    pub varied: BTreeMap<String, String>,
    /// Hyper-parameters of that setting that lie on the border of what was tried.
    pub borders: Vec<Border>,
}

/// A hyper-parameter whose chosen value lies on the border of the values tried, so that a better
/// value may lie beyond. [`Border::of`] is the rule.
#[derive(Clone, Debug, PartialEq)]
pub struct Border {
    /// Name of the hyper-parameter.
    pub name: String,
    /// The chosen value.
    pub value: f64,
    /// Whether the value is the largest tried. Otherwise it is the smallest.
    pub largest: bool,
}

impl Border {
    /// The border that `value` lies on, chosen for the hyper-parameter `name` at one arm and batch
    /// size.
    ///
    /// It must be the smallest or the largest of at least three different numbers that were tried
    /// there. Of two numbers each is an end, which says nothing. Grids, ranges and choices are
    /// treated alike.
    pub fn of(name: &str, value: f64, tried: impl IntoIterator<Item = f64>) -> Option<Self> {
        let mut tried: Vec<f64> = tried.into_iter().collect();
        tried.sort_by(f64::total_cmp);
        tried.dedup();
        let [low, _, .., high] = tried[..] else {
            return None;
        };
        let largest = value >= high;
        (largest || value <= low).then(|| Self {
            name: name.to_owned(),
            value,
            largest,
        })
    }
}

/// The tuning of every arm at every batch size that has tuning trials.
pub fn tuning(tasks: &[Task]) -> Vec<Tuning> {
    let mut rows = Vec::new();
    for task in tasks {
        for arm in &task.arms {
            for batch_size in &task.batch_sizes {
                rows.extend(of_cell(task, arm, *batch_size));
            }
        }
    }
    rows
}

fn of_cell(task: &Task, arm: &str, batch_size: i64) -> Option<Tuning> {
    let trials = task.tuning(arm, batch_size);
    if trials.is_empty() {
        return None;
    }
    let mut settings: BTreeMap<i64, Vec<&TrialRow>> = BTreeMap::new();
    for trial in trials {
        settings.entry(trial.setting).or_default().push(trial);
    }
    // The confirmed setting is the chosen one, by whatever rule it was chosen.
    let confirmed = task
        .confirmations(arm, batch_size)
        .map(|trial| trial.setting)
        .next();
    let best = confirmed.or_else(|| best_setting(&settings, task.sign()));
    let tried: Vec<BTreeMap<String, Value>> = settings
        .values()
        .map(|trials| hyperparameters(trials[0]))
        .collect();
    let chosen = best.and_then(|best| settings.get(&best));
    let at_best = chosen
        .map(|trials| hyperparameters(trials[0]))
        .unwrap_or_default();
    let varied = varied_names(&tried);
    Some(Tuning {
        task: task.name.clone(),
        arm: arm.to_owned(),
        batch_size,
        settings: settings.len(),
        trials: trials.len(),
        failed: trials
            .iter()
            .filter(|trial| trial.outcome != Outcome::Ok)
            .count(),
        seconds: trials.iter().map(|trial| trial.seconds_total).sum(),
        best,
        validation: chosen.and_then(|trials| mean_validation(trials)),
        borders: borders(&tried, &at_best, &varied),
        varied: at_best
            .into_iter()
            .filter(|(name, _)| varied.contains(name))
            .map(|(name, value)| (name, text_of(&value)))
            .collect(),
    })
}

fn text_of(value: &Value) -> String {
    match (value.as_str(), value.as_f64()) {
        (Some(text), _) => text.to_owned(),
        (None, Some(number)) => crate::text::number(number),
        (None, None) => value.to_string(),
    }
}

/// The setting with the best mean validation metric among those whose trials all ended well.
fn best_setting(settings: &BTreeMap<i64, Vec<&TrialRow>>, sign: f64) -> Option<i64> {
    settings
        .iter()
        .filter_map(|(setting, trials)| Some((*setting, sign * mean_validation(trials)?)))
        .max_by(|a, b| a.1.total_cmp(&b.1).then(b.0.cmp(&a.0)))
        .map(|(setting, _)| setting)
}

fn mean_validation(trials: &[&TrialRow]) -> Option<f64> {
    let values: Option<Vec<f64>> = trials
        .iter()
        .map(|trial| {
            trial
                .validation_metric
                .filter(|_| trial.outcome == Outcome::Ok)
        })
        .collect();
    let values = values?;
    Some(values.iter().sum::<f64>() / values.len() as f64)
}

/// The hyper-parameters of a trial; none where the text is not a JSON object.
fn hyperparameters(trial: &TrialRow) -> BTreeMap<String, Value> {
    serde_json::from_str(&trial.hyperparameters).unwrap_or_default()
}

fn varied_names(tried: &[BTreeMap<String, Value>]) -> BTreeSet<String> {
    let names: BTreeSet<&String> = tried.iter().flat_map(BTreeMap::keys).collect();
    names
        .into_iter()
        .filter(|name| {
            tried
                .iter()
                .any(|setting| setting.get(*name) != tried[0].get(*name))
        })
        .cloned()
        .collect()
}

fn borders(
    tried: &[BTreeMap<String, Value>],
    best: &BTreeMap<String, Value>,
    varied: &BTreeSet<String>,
) -> Vec<Border> {
    let number = |setting: &BTreeMap<String, Value>, name: &String| setting.get(name)?.as_f64();
    varied
        .iter()
        .filter_map(|name| {
            let value = number(best, name)?;
            let values = tried.iter().filter_map(|setting| number(setting, name));
            Border::of(name, value, values)
        })
        .collect()
}

/// All tuning trials by the value of one hyper-parameter.
#[derive(Clone, Debug, PartialEq)]
pub struct TuningPoints {
    /// The hyper-parameter: of the numeric ones, that with the most values tried.
    pub parameter: String,
    /// The trials.
    pub points: Vec<TuningPoint>,
}

/// One tuning trial.
#[derive(Clone, Debug, PartialEq)]
pub struct TuningPoint {
    /// The arm.
    pub arm: String,
    /// The batch size.
    pub batch_size: i64,
    /// Index of its setting.
    pub setting: i64,
    /// Value of the hyper-parameter.
    pub value: f64,
    /// Its validation metric; none where it did not end well.
    pub validation: Option<f64>,
    /// Whether its setting is the confirmed one, or where none was confirmed, the best one.
    pub chosen: bool,
}

/// The tuning trials of a task; none where tuning varied no number.
pub fn tuning_points(task: &Task, tuning: &[Tuning]) -> Option<TuningPoints> {
    let mut values: BTreeMap<String, BTreeSet<u64>> = BTreeMap::new();
    let mut trials: Vec<(&TrialRow, BTreeMap<String, Value>)> = Vec::new();
    for arm in &task.arms {
        for batch_size in &task.batch_sizes {
            for trial in task.tuning(arm, *batch_size) {
                let setting = hyperparameters(trial);
                for (name, value) in &setting {
                    if let Some(number) = value.as_f64() {
                        values
                            .entry(name.clone())
                            .or_default()
                            .insert(number.to_bits());
                    }
                }
                trials.push((trial, setting));
            }
        }
    }
    let (parameter, _) = values
        .into_iter()
        .filter(|(_, tried)| tried.len() > 1)
        .max_by(|a, b| a.1.len().cmp(&b.1.len()).then(b.0.cmp(&a.0)))?;
    let best: BTreeMap<(&str, i64), i64> = tuning
        .iter()
        .filter(|row| row.task == task.name)
        .filter_map(|row| Some(((row.arm.as_str(), row.batch_size), row.best?)))
        .collect();
    let points = trials.into_iter().filter_map(|(trial, setting)| {
        let place = (trial.arm.as_str(), trial.batch_size);
        Some(TuningPoint {
            arm: trial.arm.clone(),
            batch_size: trial.batch_size,
            setting: trial.setting,
            value: setting.get(&parameter)?.as_f64()?,
            validation: trial
                .validation_metric
                .filter(|_| trial.outcome == Outcome::Ok),
            chosen: best.get(&place) == Some(&trial.setting),
        })
    });
    let points = points.collect();
    Some(TuningPoints { parameter, points })
}

#[cfg(test)]
mod tests {
    use super::Border;

    #[test]
    fn the_ends_of_three_numbers_are_borders_and_those_of_two_are_not() {
        let ends = |tried: &[f64]| -> Vec<Option<bool>> {
            let border = |value: &f64| Border::of("rate", *value, tried.iter().copied());
            let borders = tried.iter().map(border);
            borders
                .map(|border| border.map(|border| border.largest))
                .collect()
        };
        assert_eq!(ends(&[0.1, 0.3, 0.2]), [Some(false), Some(true), None]);
        // A number that was tried twice counts once.
        assert_eq!(ends(&[0.1, 0.3, 0.3, 0.1]), [None; 4]);
        assert_eq!(ends(&[0.1]), [None]);
    }
}
