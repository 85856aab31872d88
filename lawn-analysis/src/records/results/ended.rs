//! Trials that end before others that take as many steps.
//!
//! A run that was killed, or whose loss became no number, leaves rows as any other and then no more.
//! What it measured last is no result.

use std::collections::HashMap;

use super::layout::Layout;
use super::sheet::Cells;
use super::states;
use super::texts::Texts;
use super::wide::METRIC;
use crate::records::words::Outcome;
use crate::text::count;
use crate::word::Word;

/// Columns that say how many steps a trial takes. Tuning trials take as many as they are given.
const AS_LONG: [&str; 3] = ["task", "batch_size", "stage"];

/// Takes the test metric from the confirmations of outcome ok that end early, by the column `order`
/// of numbers, and says how many there are. Where the command line says that they ended well, what they have is read.
pub(super) fn settle(
    texts: &mut Texts,
    order: &str,
    layout: &Layout,
    outcomes: &[(String, Outcome)],
) -> Vec<String> {
    let ok = Outcome::Ok.as_str();
    let all_ok = layout
        .constants
        .iter()
        .any(|(column, value)| column == "outcome" && value == ok);
    let (mut taken, mut left) = (Vec::new(), 0);
    for (row, others) in others(texts).into_iter().enumerate() {
        let Some(others) = others else { continue };
        let said = texts
            .cells("outcome")
            .map_or("", |cells| cells[row].as_str());
        let stated = outcomes.iter().find(|(word, _)| word == said);
        let stated = stated.map(|(_, outcome)| *outcome);
        match stated.or_else(|| states::of(said)) {
            _ if said.is_empty() => taken.push((row, others)),
            Some(Outcome::Ok) if stated.is_some() || (all_ok && said == ok) => left += 1,
            Some(Outcome::Ok) => taken.push((row, others)),
            // It is said not to have ended, or not well.
            _ => {}
        }
    }
    let mut notes = Vec::new();
    if !taken.is_empty() {
        notes.push(format!(
            "{} no number any more where others of the task and batch size go on: taken as \
             without a metric.",
            count(taken.len(), "trial has", "trials have"),
        ));
    }
    if left > 0 {
        notes.push(format!(
            "{} before others of the task and batch size by {order}: what was measured last is \
             read, as the outcome is said to be ok.",
            count(left, "trial ends", "trials end"),
        ));
    }
    for (row, others) in taken {
        texts.early[row] = Some(others);
        texts.clear(METRIC, row);
    }
    let passed_over = texts.ends.iter().zip(&texts.early);
    let passed_over = passed_over
        .filter(|(end, early)| early.is_none() && end.is_some_and(|end| end.is_passed_over))
        .count();
    if passed_over > 0 {
        notes.push(format!(
            "Of {} the last rows have no number in their column: the last number is read. Where \
             such a trial diverged, this is not known here.",
            count(passed_over, "trial", "trials"),
        ));
    }
    notes
}

/// Columns of other tools that count what a trial has done, and that are not read as results.
const COUNTS: [&str; 8] = [
    "_step",
    "epoch",
    "global_step",
    "iteration",
    "iterations",
    "step",
    "timesteps_total",
    "training_iteration",
];

/// Whether a column counts what a trial has done.
pub(super) fn is_count(name: &str) -> bool {
    let last = name.rsplit(['.', '/']).next().unwrap_or(name);
    COUNTS.contains(&last.to_lowercase().as_str())
}

/// What is said of a table with a row a trial where, by the `numbers` in a column that is not read, some
/// that ended well had done less than others of their task and batch size.
pub(super) fn suspected(
    columns: &[(String, Cells)],
    name: &str,
    numbers: &[String],
) -> Option<String> {
    let cells = |name: &str| {
        let mut columns = columns.iter();
        columns
            .find(|(ours, _)| ours == name)
            .map(|(_, cells)| &cells.texts)
    };
    let alike: Vec<&Vec<String>> = AS_LONG.iter().filter_map(|name| cells(name)).collect();
    let group =
        |row: usize| -> Vec<&str> { alike.iter().map(|cells| cells[row].as_str()).collect() };
    let is_well = |row: usize| {
        let said = cells("outcome").map(|cells| cells[row].as_str());
        let stage = cells("stage").map(|cells| cells[row].as_str());
        said.is_none_or(|said| states::of(said) == Some(Outcome::Ok)) && stage != Some("tune")
    };
    let rows = (0..numbers.len()).filter(|row| is_well(*row));
    let rows: Vec<(usize, f64)> = rows
        .filter_map(|row| Some((row, numbers[row].parse().ok()?)))
        .collect();
    let mut most: HashMap<Vec<&str>, f64> = HashMap::new();
    for (row, number) in &rows {
        let most = most.entry(group(*row)).or_insert(*number);
        *most = most.max(*number);
    }
    let fewer = rows
        .iter()
        .filter(|(row, number)| *number < most[&group(*row)]);
    match fewer.count() {
        0 => None,
        fewer => Some(format!(
            "By column {name}, {} less than others of the task and batch size, and counted as any \
             other: `--last {name}` has those that ended early told.",
            count(fewer, "trial had done", "trials had done"),
        )),
    }
}

/// Of each trial that ends early, where others end.
///
/// It does where others of its task and batch size go on for longer than it took from one number to
/// the next, or where the longest of them has its last number too, and then one more.
fn others(texts: &Texts) -> Vec<Option<f64>> {
    let alike: Vec<&[String]> = AS_LONG
        .iter()
        .filter_map(|name| texts.cells(name))
        .collect();
    let group = |row: usize| -> Vec<&str> {
        let cells = alike.iter();
        cells.map(|cells| cells[row].as_str()).collect()
    };
    let is_tuning = |row: usize| {
        texts
            .cells("stage")
            .is_some_and(|cells| cells[row] == "tune")
    };
    let rows = || (0..texts.ends.len()).filter(|row| !is_tuning(*row));
    let ends = || rows().filter_map(|row| Some((row, texts.ends[row]?, texts.ends[row]?.at?)));
    let mut longest: HashMap<Vec<&str>, (f64, Option<f64>)> = HashMap::new();
    for (row, end, at) in ends() {
        let known = longest.entry(group(row)).or_insert((at, end.before));
        if at > known.0 {
            *known = (at, end.before);
        }
    }
    let mut early = vec![None; texts.ends.len()];
    for (row, end, at) in ends() {
        let (last, before) = longest[&group(row)];
        // Without a number before there is no next place of one.
        let next = end.before.map_or(at, |before| at + (at - before));
        if last > at && (next <= last || before == Some(at)) {
            early[row] = Some(last);
        }
    }
    early
}
