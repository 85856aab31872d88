//! The comparisons of the summary.

use super::screen::{COLUMNS, begun, item};
use crate::analysis::{AdjustedPValues, Analysis, Answer, IndependentSamples};
use crate::stats::Estimate;
use crate::text::{batch, better, p_number, resolved, shortened, signed};

/// The fewest characters that the names of arms get.
const SHORTEST_NAME: usize = 12;

/// Comparisons in rows, with a heading for each family.
pub(super) fn compared(analysis: &Analysis, what: &str, answers: &[&Answer]) -> Vec<String> {
    if answers.is_empty() {
        return Vec::new();
    }
    let mut shown = vec![String::new()];
    shown.extend(begun(what, ["", ""]));
    shown.extend([String::new(), "```text".to_owned()]);
    shown.extend(table(analysis, answers));
    shown.push("```".to_owned());
    shown
}

/// Arms without a seed in common as independent samples, a sentence per comparison.
pub(super) fn unpaired(answers: &[&Answer]) -> Vec<String> {
    let found: Vec<String> = answers
        .iter()
        .filter_map(|answer| {
            let place = &answer.comparison.place;
            let found = answer.comparison.unpaired.as_ref()?;
            let at = place
                .batch_size
                .map_or(String::new(), |size| format!(" at {}", batch(size)));
            Some(item(&format!(
                "{}: {} over {}{at}: {}",
                place.task,
                place.contrast.treatment,
                place.contrast.baseline,
                independent(found, &answer.adjusted)
            )))
        })
        .flatten()
        .collect();
    if found.is_empty() {
        return Vec::new();
    }
    let what = "**Arms without a seed in common**, as independent samples, which decide no verdict \
                (`tables/unpaired.md`):";
    let mut lines = vec![String::new()];
    lines.extend(begun(what, ["", ""]));
    lines.push(String::new());
    lines.extend(found);
    lines
}

/// The advantage of independent samples, with its interval, n and p.
fn independent(found: &IndependentSamples, adjusted: &AdjustedPValues) -> String {
    let advantage = advantage(found.difference);
    let p = |name: &str, p: Option<f64>| {
        p.map_or(format!("no {name}"), |p| {
            format!("{name} p {}", p_number(p))
        })
    };
    format!(
        "{advantage}, {} and {} trials, {}, {}",
        found.treatment,
        found.baseline,
        p("Welch", adjusted.welch),
        p("Mann–Whitney", adjusted.mann_whitney)
    )
}

/// An advantage with its interval.
fn advantage(found: Estimate) -> String {
    match found.interval {
        Some(interval) => {
            let [value, low, high] = resolved(found.value, interval.low, interval.high);
            format!("{value} [{low}, {high}]")
        }
        None => signed(found.value),
    }
}

/// The rows and their headings.
fn table(analysis: &Analysis, answers: &[&Answer]) -> Vec<String> {
    let cells: Vec<[String; 5]> = answers.iter().map(|answer| cells(answer)).collect();
    let widest = |column: usize| {
        let lengths = cells.iter().map(|cells| cells[column].chars().count());
        lengths.max().unwrap_or(0)
    };
    let widths: [usize; 5] = std::array::from_fn(widest);
    // The names of the arms get the width that the other columns leave.
    let others: usize = widths.iter().sum::<usize>() + 2 * widths.len();
    let room = COLUMNS.saturating_sub(others).max(SHORTEST_NAME);
    let whole = |answer: &Answer| {
        let contrast = &answer.comparison.place.contrast;
        format!("{} over {}", contrast.treatment, contrast.baseline)
    };
    let both = answers
        .iter()
        .all(|answer| whole(answer).chars().count() <= room);
    let names: Vec<String> = answers
        .iter()
        .map(|answer| {
            if both {
                whole(answer)
            } else {
                shortened(&answer.comparison.place.contrast.treatment, room)
            }
        })
        .collect();
    let names_width = names.iter().map(|name| name.chars().count()).max();
    let names_width = names_width.unwrap_or(0);
    let mut lines = Vec::new();
    let mut head = None;
    for ((answer, cells), name) in answers.iter().zip(&cells).zip(&names) {
        let place = &answer.comparison.place;
        let family = (&place.task, place.question);
        if head != Some(family) {
            head = Some(family);
            let over = if both { "" } else { ", over its baseline" };
            let of = analysis.tasks.iter().find(|task| task.name == place.task);
            let better = of.map_or("", |task| better(task.higher_is_better));
            let text = format!(
                "{}, {} ({better}): {}{over}",
                place.task,
                place.metric,
                place.question.name()
            );
            lines.push(shortened(&text, COLUMNS));
        }
        let [verdict, at, advantage, n, p] = cells;
        let line = format!(
            "{verdict:<0$}  {name:<1$}  {at:<2$}  {advantage:<3$}  {n:<4$}  {p}",
            widths[0], names_width, widths[1], widths[2], widths[3]
        );
        lines.push(line.trim_end().to_owned());
    }
    lines
}

/// Verdict, batch size, advantage with its interval, n and p.
fn cells(answer: &Answer) -> [String; 5] {
    let comparison = &answer.comparison;
    let advantage = comparison.advantage.map_or("–".to_owned(), advantage);
    let p = answer.adjusted.deciding;
    [
        answer.verdict.as_str().to_owned(),
        comparison
            .place
            .batch_size
            .map_or("all".to_owned(), |size| format!("at {}", batch(size))),
        advantage,
        format!("n {}", comparison.seeds.len()),
        p.map_or(String::new(), |p| format!("p {}", p_number(p))),
    ]
}
