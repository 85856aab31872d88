//! Numbers in percent beside fractions of one, which look like a great difference.

use std::collections::{BTreeSet, HashMap};
use std::path::Path;

use super::direction::may_be_percent;
use super::texts::{Texts, default_of};
use crate::error::Error;
use crate::records::rows::TrialRow;

/// By how much numbers in percent are about greater than fractions that measure the same.
const TIMES: std::ops::RangeInclusive<f64> = 20.0..=500.0;

/// What a trial has in a column.
type Value = fn(&TrialRow) -> Option<f64>;

/// The columns of a metric.
const COLUMNS: [(&str, Value); 3] = [
    ("test_metric", |trial| trial.test_metric),
    ("train_metric", |trial| trial.train_metric),
    ("validation_metric", |trial| trial.validation_metric),
];

/// Numbers that one hand wrote, most likely in one unit: those up to 1, or those above.
struct Group<'t> {
    file: usize,
    column: &'static str,
    metric: &'t str,
    task: &'t str,
    arm: &'t str,
    /// Whether they had a percent sign, so that their unit is known.
    is_signed: bool,
    /// Ascending.
    values: Vec<f64>,
}

/// Refuses numbers of a metric that are fractions in one file or of one arm and about a hundred times as
/// large in another, or in the same. Where they are said to be of the `same_unit` a sentence says so.
///
/// # Errors
/// [`Error::MixedUnits`].
pub(super) fn settle(
    trials: &[TrialRow],
    texts: &Texts,
    same_unit: bool,
) -> Result<Vec<String>, Error> {
    let groups = groups(trials, texts);
    let mut nearest: Option<(usize, &Group<'_>, &Group<'_>)> = None;
    for high in groups.iter().filter(|group| group.is_percent()) {
        for low in groups.iter().filter(|group| group.is_fraction()) {
            let is_like = high.is_signed || TIMES.contains(&(high.median() / low.median()));
            if !low.is_of_metric_of(high) || !is_like {
                continue;
            }
            // Of several pairs, that which differs in least.
            let apart = low.apart(high).iter().filter(|apart| **apart).count();
            if nearest.is_none_or(|(least, ..)| apart < least) {
                nearest = Some((apart, low, high));
            }
        }
    }
    let Some((_, low, high)) = nearest else {
        return Ok(Vec::new());
    };
    let said = |one: &Group<'_>, other| one.said(other, &texts.files[one.file]);
    let found = format!("{}, and {}", said(low, high), said(high, low));
    match same_unit {
        true => Ok(vec![format!(
            "Metric {}: {found}: taken as of one unit, as it is said.",
            high.metric
        )]),
        false => Err(Error::MixedUnits {
            path: texts.files[high.file].clone(),
            metric: high.metric.to_owned(),
            found,
        }),
    }
}

/// The numbers of metrics that may be in percent, by file, column, task and arm.
fn groups<'t>(trials: &'t [TrialRow], texts: &Texts) -> Vec<Group<'t>> {
    let mut groups: Vec<Group<'t>> = Vec::new();
    let mut known = HashMap::new();
    let is_signed = |column: &str, file: usize| {
        let mut columns = texts.columns.iter();
        let found = columns.find(|one| one.name == column);
        found.is_some_and(|column| column.in_percent[file])
    };
    let places = || trials.iter().zip(&texts.places);
    let in_percent: BTreeSet<&str> = places()
        .filter(|(_, place)| {
            COLUMNS
                .iter()
                .any(|(column, _)| is_signed(column, place.file))
        })
        .map(|(trial, _)| trial.metric.as_str())
        .collect();
    for (trial, place) in places() {
        let metric = &trial.metric;
        if !may_be_percent(metric) && !in_percent.contains(metric.as_str()) {
            continue;
        }
        for (column, of) in COLUMNS {
            let Some(value) = of(trial) else { continue };
            let (task, arm) = (&trial.task, &trial.arm);
            let is_signed = is_signed(column, place.file);
            let is_high = is_signed || value > 1.0;
            let at = *known
                .entry((place.file, column, metric, task, arm, is_high))
                .or_insert_with(|| {
                    groups.push(Group {
                        file: place.file,
                        column,
                        metric,
                        task,
                        arm,
                        is_signed,
                        values: Vec::new(),
                    });
                    groups.len() - 1
                });
            groups[at].values.push(value);
        }
    }
    for group in &mut groups {
        group.values.sort_by(f64::total_cmp);
    }
    groups
}

impl Group<'_> {
    /// In what they differ: file, task, arm, column.
    fn apart(&self, other: &Self) -> [bool; 4] {
        [
            self.file != other.file,
            self.task != other.task,
            self.arm != other.arm,
            self.column != other.column,
        ]
    }

    /// Whether both measure the same. Metrics without a name are others in each task.
    fn is_of_metric_of(&self, other: &Self) -> bool {
        let is_named = self.metric != default_of("metric");
        self.metric == other.metric && (is_named || self.task == other.task)
    }

    fn range(&self) -> (f64, f64) {
        let ends = (self.values.first(), self.values.last());
        (
            ends.0.copied().unwrap_or(0.0),
            ends.1.copied().unwrap_or(0.0),
        )
    }

    fn is_fraction(&self) -> bool {
        let (least, most) = self.range();
        !self.is_signed && least >= 0.0 && most <= 1.0 && self.median() > 0.0
    }

    fn is_percent(&self) -> bool {
        let (least, most) = self.range();
        self.is_signed || least > 1.0 && most <= 100.0
    }

    fn median(&self) -> f64 {
        self.values[self.values.len() / 2]
    }

    /// Where it is, as far as `other` is elsewhere, and its range.
    fn said(&self, other: &Self, path: &Path) -> String {
        let [file, task, arm, column] = self.apart(other);
        let mut parts = vec![self.column.to_owned()];
        if file {
            parts.push(format!("in {}", path.display()));
        }
        if arm && !file || !(file || task || column) {
            parts.push(format!("of arm {}", self.arm));
        }
        if task {
            parts.push(format!("of task {}", self.task));
        }
        let (least, most) = self.range();
        let unit = if self.is_signed { " %" } else { "" };
        format!("{} is {least} to {most}{unit}", parts.join(" "))
    }
}
