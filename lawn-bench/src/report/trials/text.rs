//! Trials for people: a list, one in full, and its log.

use std::fmt::Write;

use lawn_models::{EvaluationRecord, Measurement, Split, Stage};

use super::{TrialDetails, TrialEntry, TrialLog};
use crate::plan::Plan;
use crate::report::render;

/// Digits of an id that are shown in a list: as an id is asked for by its beginning, they suffice.
const SHOWN_DIGITS: usize = 8;

/// Width of the labels of one trial, at least.
const LABEL: usize = 14;

/// The list, a line a trial; the task only where the sweep has several.
pub(crate) fn table(plan: &Plan, entries: &[TrialEntry]) -> String {
    let with_task = plan.sweep.tasks.len() > 1;
    let mut header = vec![
        "index", "id", "stage", "arm", "batch", "setting", "seed", "state",
    ];
    header.extend(["metric", "validation", "test"]);
    if with_task {
        header.insert(3, "task");
    }
    let rows: Vec<Vec<String>> = entries.iter().map(|entry| row(entry, with_task)).collect();
    let mut text = render::table(&header, &rows);
    let _ = writeln!(text, "{}", render::count(entries.len(), "trial"));
    text
}

fn row(entry: &TrialEntry, with_task: bool) -> Vec<String> {
    let or_dash = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
    let value = |value: Option<f64>| or_dash(value.map(|value| format!("{value:.4}")));
    let mut row = vec![
        or_dash(entry.index.map(|index| index.to_string())),
        entry.trial.chars().take(SHOWN_DIGITS).collect(),
        stage(entry),
        entry.cell.arm.clone(),
        entry.cell.batch_size.to_string(),
        or_dash(entry.setting.map(|setting| setting.to_string())),
        entry.seed.to_string(),
        entry.state.clone(),
        entry.metric.clone(),
        value(entry.validation),
        value(entry.test),
    ];
    if with_task {
        row.insert(3, entry.cell.task.clone());
    }
    row
}

fn stage(entry: &TrialEntry) -> String {
    match (entry.stage, entry.rung) {
        (Stage::Confirm, _) => "confirm".to_owned(),
        (Stage::Tune, 0) => "tune".to_owned(),
        (Stage::Tune, rung) => format!("tune rung {}", rung + 1),
    }
}

/// One trial in full.
pub(crate) fn describe(details: &TrialDetails) -> String {
    let entry = &details.entry;
    let index = entry
        .index
        .map_or("of an earlier plan".to_owned(), |index| index.to_string());
    let mut text = format!("trial {index} ({}): {}\n", entry.trial, entry.state);
    let names = entry.measurements.iter().map(|one| named(one).len());
    let width = names.max().unwrap_or(0).max(LABEL);
    let mut line = |name: &str, value: String| {
        let _ = writeln!(text, "  {name:<width$}  {value}");
    };
    line("task", entry.cell.task.clone());
    line("arm", entry.cell.arm.clone());
    line("batch size", entry.cell.batch_size.to_string());
    line("stage", stage(entry));
    if let Some(setting) = entry.setting {
        line("setting", setting.to_string());
    }
    line("seed", entry.seed.to_string());
    if let Some(extension) = entry.retired_with {
        line("left the plan", format!("with extension {extension}"));
    }
    if let Some(id) = &details.adopted_from {
        line("trained as", format!("trial {id} of an earlier plan"));
    }
    if let Some(steps) = entry.steps {
        line("steps", steps.to_string());
    }
    if let Some(freeze) = entry.freeze {
        line("freeze", freeze.to_string());
    }
    for one in &entry.measurements {
        line(&named(one), format!("{:.6}", one.value));
    }
    if let Some(execution) = &entry.execution {
        line("on CUDA", execution.to_string());
    }
    for notice in &entry.notices {
        line("notice", notice.to_string());
    }
    if let Some(detail) = &entry.detail {
        line(
            "detail",
            detail
                .trim_end()
                .replace('\n', &format!("\n{:1$}", "", width + 4)),
        );
    }
    for (name, values) in [("optimizer", &details.optimizer), ("rule", &details.rule)] {
        if let Some(values) = values {
            line(name, values.to_string());
        }
    }
    line("folder", entry.folder.display().to_string());
    let files = details.files.iter();
    let files: Vec<String> = files
        .map(|(name, bytes)| format!("{name} ({bytes} B)"))
        .collect();
    if !files.is_empty() {
        line("files", files.join(", "));
    }
    text
}

/// `test hr@10`.
fn named(measured: &Measurement) -> String {
    let split = match measured.split {
        Split::Train => "train",
        Split::Validation => "validation",
        Split::Test => "test",
    };
    format!("{split} {}", measured.metric)
}

/// What a trial wrote: a line an evaluation, then its standard error.
pub(crate) fn describe_log(log: &TrialLog) -> String {
    let entry = &log.entry;
    let mut text = format!("trial {}: {}\n", entry.trial, entry.state);
    // Its process says nothing of a signal that ended it.
    let detail = entry.detail.as_deref().map(str::trim).unwrap_or_default();
    for line in detail.lines() {
        let _ = writeln!(text, "  {line}");
    }
    let mut header: Vec<String> = ["epoch", "step", "rate", "train loss"]
        .map(str::to_owned)
        .to_vec();
    let columns: Vec<String> = log
        .records
        .iter()
        .flat_map(|record| record.measurements.iter().map(named))
        .fold(Vec::new(), |mut columns, name| {
            if !columns.contains(&name) {
                columns.push(name);
            }
            columns
        });
    header.extend(columns.iter().cloned());
    header.push("samples/s".to_owned());
    let rows: Vec<Vec<String>> = log
        .records
        .iter()
        .map(|record| log_row(record, &columns))
        .collect();
    let header: Vec<&str> = header.iter().map(String::as_str).collect();
    match rows.is_empty() {
        true => text += "no evaluation yet\n",
        false => text += &render::table(&header, &rows),
    }
    if !log.stderr.trim().is_empty() {
        let _ = write!(text, "\nstandard error:\n{}\n", log.stderr.trim_end());
    }
    text
}

fn log_row(record: &EvaluationRecord, columns: &[String]) -> Vec<String> {
    let mut row = vec![
        format!("{:.2}", record.epoch),
        record.step.to_string(),
        format!("{:.3e}", record.learning_rate),
        format!("{:.4}", record.train_loss),
    ];
    row.extend(columns.iter().map(|column| {
        let found = record.measurements.iter().find(|one| named(one) == *column);
        found.map_or_else(|| "-".to_owned(), |one| format!("{:.4}", one.value))
    }));
    row.push(format!("{:.0}", record.samples_per_second));
    row
}
