//! How each arm was tuned: settings tried, the best of them, and whether it lies on a border.

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
    /// Index of the setting that was confirmed, else of the best one on validation data.
    pub best: Option<i64>,
    /// Mean validation metric of that setting.
    pub validation: Option<f64>,
    /// The hyper-parameters that were varied, at that setting.
    pub varied: BTreeMap<String, String>,
    /// Hyper-parameters of that setting that lie on the border of what was tried.
    pub borders: Vec<Border>,
}

/// A hyper-parameter whose chosen value lies on the border of what was tried: a better one may
/// lie beyond. [`Border::of`] is the rule.
#[derive(Clone, Debug, PartialEq)]
pub struct Border {
    /// Name of the hyper-parameter.
    pub name: String,
    /// The chosen value.
    pub value: f64,
    /// Whether it is the largest tried, and not the smallest.
    pub largest: bool,
}

impl Border {
    /// The border that `value`, chosen for the hyper-parameter `name` in a cell, lies on: it is
    /// the smallest or the largest of three different numbers or more that were tried there.
    ///
    /// Of two numbers each is an end, whichever is chosen, so that it says nothing. How the
    /// numbers were asked for, as a grid, a range or a choice, makes no difference.
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
    // What was confirmed is what was chosen, whatever rule chose it.
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

/// The setting of best mean validation metric, all of whose trials ended well.
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

/// The most values of a hyper-parameter that have a row each; more are gathered.
const MOST_VALUES: usize = 12;
/// Rows that more values are gathered into.
const ROWS: usize = 8;

/// Validation metric over batch sizes and values of one hyper-parameter.
#[derive(Clone, Debug, PartialEq)]
pub struct TuningMap {
    /// The hyper-parameter: of those that are numbers, the one of most values tried.
    pub parameter: String,
    /// Whether values are gathered into rows of equal ratios, each named by its middle, because
    /// too many were tried for a row each.
    pub gathered: bool,
    /// The cells that were tried.
    pub cells: Vec<TuningCell>,
}

/// All tuning trials of an arm at a batch size and a value of the hyper-parameter.
#[derive(Clone, Debug, PartialEq)]
pub struct TuningCell {
    /// The arm.
    pub arm: String,
    /// The batch size.
    pub batch_size: i64,
    /// Value of the hyper-parameter.
    pub value: f64,
    /// Tuning trials with this value.
    pub trials: usize,
    /// Those of them that did not end well.
    pub failed: usize,
    /// The best validation metric of those that did.
    pub validation: Option<f64>,
}

/// The map of a task; none where tuning varied no number.
pub fn tuning_map(task: &Task) -> Option<TuningMap> {
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
    let (parameter, tried) = values
        .into_iter()
        .filter(|(_, tried)| tried.len() > 1)
        .max_by(|a, b| a.1.len().cmp(&b.1.len()).then(b.0.cmp(&a.0)))?;
    let tried: Vec<f64> = tried.into_iter().map(f64::from_bits).collect();
    let rows = Rows::of(&tried);
    let mut cells: Vec<TuningCell> = Vec::new();
    for (trial, setting) in trials {
        let Some(value) = setting.get(&parameter).and_then(Value::as_f64) else {
            continue;
        };
        let value = rows.as_ref().map_or(value, |rows| rows.middle(value));
        let same = |cell: &&mut TuningCell| {
            cell.arm == trial.arm && cell.batch_size == trial.batch_size && cell.value == value
        };
        let cell = match cells.iter_mut().find(same) {
            Some(cell) => cell,
            None => {
                cells.push(TuningCell {
                    arm: trial.arm.clone(),
                    batch_size: trial.batch_size,
                    value,
                    trials: 0,
                    failed: 0,
                    validation: None,
                });
                cells.last_mut()?
            }
        };
        cell.trials += 1;
        let metric = trial
            .validation_metric
            .filter(|_| trial.outcome == Outcome::Ok);
        match metric {
            None => cell.failed += 1,
            Some(metric) => {
                let better = |known: &f64| task.sign() * metric > task.sign() * known;
                if cell.validation.as_ref().is_none_or(better) {
                    cell.validation = Some(metric);
                }
            }
        }
    }
    Some(TuningMap {
        parameter,
        gathered: rows.is_some(),
        cells,
    })
}

/// Rows of equal ratios between the least and the largest of some values.
struct Rows {
    least: f64,
    /// Ratio of the ends of a row, in logarithms.
    step: f64,
}

impl Rows {
    /// Rows for more values than have one each, if all are positive.
    fn of(values: &[f64]) -> Option<Self> {
        let least = values.iter().copied().fold(f64::INFINITY, f64::min);
        let largest = values.iter().copied().fold(0.0, f64::max);
        let step = (largest / least).ln() / ROWS as f64;
        (values.len() > MOST_VALUES && least > 0.0 && step > 0.0).then_some(Self { least, step })
    }

    /// The middle of the row that a value lies in.
    fn middle(&self, value: f64) -> f64 {
        let row = ((value / self.least).ln() / self.step).floor();
        let row = row.clamp(0.0, (ROWS - 1) as f64);
        self.least * ((row + 0.5) * self.step).exp()
    }
}

#[cfg(test)]
mod tests {
    use super::{Border, MOST_VALUES, ROWS, Rows};

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
        // The same number twice is one.
        assert_eq!(ends(&[0.1, 0.3, 0.3, 0.1]), [None; 4]);
        assert_eq!(ends(&[0.1]), [None]);
    }

    #[test]
    fn many_values_are_gathered_into_rows_of_equal_ratios() {
        let tried: Vec<f64> = (0..=MOST_VALUES)
            .map(|i| 1e-3 * 2.0_f64.powi(i as i32))
            .collect();
        let rows = Rows::of(&tried).unwrap();
        let mut middles: Vec<f64> = tried.iter().map(|value| rows.middle(*value)).collect();
        middles.dedup();
        assert_eq!(middles.len(), ROWS);
        let ratios = middles.windows(2).map(|pair| pair[1] / pair[0]);
        for ratio in ratios {
            assert!((ratio - 2.0_f64.powf(1.5)).abs() < 1e-9, "{ratio}");
        }
        assert!(Rows::of(&tried[1..]).is_none());
        assert!(Rows::of(&[-1.0; MOST_VALUES + 1]).is_none());
    }
}
