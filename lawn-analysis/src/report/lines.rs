//! Lines that the page and the summary share.

use super::contents::Contents;
use crate::analysis::{Analysis, Answer, POWER, Survival, Verdict, claims_feasibility};
use crate::request::DecidingTest;
use crate::text::{batch, capital, count, number};
use crate::word::Word;

/// True differences of more standard deviations than this are not to be expected.
const LARGEST_EXPECTED: f64 = 10.0;
/// The most families that a line names. The others are counted.
const MOST_NAMES: usize = 3;

/// What each family can reach. Families with equal lines share one.
pub(super) fn feasibility(contents: &Contents<'_>) -> Vec<String> {
    let Contents {
        request,
        analysis,
        sensitivities,
        claims,
        ..
    } = contents;
    let of_task = |name: &str, task: &str| {
        if analysis.tasks.len() > 1 {
            format!("{name} of {task}")
        } else {
            name.to_owned()
        }
    };
    let mut found: Vec<(String, String)> = Vec::new();
    for (family, sensitivities) in analysis.families.iter().zip(sensitivities) {
        let places = || {
            family
                .answers
                .iter()
                .map(|answer| answer.comparison.feasibility)
        };
        let Some(fewest) = places().min_by_key(|feasibility| feasibility.n) else {
            continue;
        };
        let mut line = fewest.to_string();
        let most = places().map(|feasibility| feasibility.n).max();
        if let Some(most) = most.filter(|most| *most > fewest.n) {
            line.push_str(&format!("; other comparisons have up to {most}"));
        }
        // The place with the fewest seeds detects only the largest difference.
        let detectable = sensitivities.iter().flatten().map(|found| found.d_z);
        if let Some(d_z) = detectable.reduce(f64::max) {
            line.push_str(&if d_z <= LARGEST_EXPECTED {
                format!(
                    "; the paired t test has power {POWER} for a true difference of {d_z:.1} \
                     standard deviations"
                )
            } else {
                format!(
                    "; the paired t test has power {POWER} only for a true difference above \
                     {LARGEST_EXPECTED} standard deviations"
                )
            });
        }
        found.push((of_task(family.question.name(), &family.task), line));
    }
    for task in &analysis.tasks {
        if let Some(fewest) = claims_feasibility(claims, &task.name, request.alpha) {
            found.push((of_task("claims", &task.name), fewest.to_string()));
        }
    }
    let mut lines: Vec<(String, Vec<String>)> = Vec::new();
    for (name, line) in found {
        match lines.iter_mut().find(|(known, _)| *known == line) {
            Some((_, names)) => names.push(name),
            None => lines.push((line, vec![name])),
        }
    }
    let mut lines: Vec<String> = lines
        .into_iter()
        .map(|(line, names)| format!("{}: {line}.", named(&names)))
        .collect();
    if request.deciding_test == DecidingTest::PairedT && !lines.is_empty() {
        lines.push(
            "Verdicts rest on the paired t test, as registered: it assumes normal differences."
                .to_owned(),
        );
    }
    lines
}

/// The names of the families that a line is about. Where these are too many, the rest is counted.
fn named(names: &[String]) -> String {
    let joined = if names.len() > MOST_NAMES {
        let more = names.len() - MOST_NAMES;
        format!(
            "{} and {}",
            names[..MOST_NAMES].join(", "),
            count(more, "more", "more")
        )
    } else {
        names.join(", ")
    };
    capital(&joined)
}

/// Every answer that a treatment is worse, except the primary ones, all of which are shown anyway.
pub(super) fn worse(analysis: &Analysis) -> impl Iterator<Item = &Answer> {
    let families = analysis.families.iter();
    let others = families.filter(|family| !family.question.is_primary());
    let answers = others.flat_map(|family| &family.answers);
    answers.filter(|answer| answer.verdict == Verdict::Worse)
}

/// How many confirmation trials ended well, in a sentence.
pub(super) fn survival(analysis: &Analysis) -> String {
    let sum = |pick: fn(&Survival) -> usize| analysis.survival.iter().map(pick).sum::<usize>();
    let (ok, diverged, failed) = (sum(|s| s.ok), sum(|s| s.diverged), sum(|s| s.failed));
    let ended = ok + diverged + failed;
    if ended == 0 {
        return String::new();
    }
    let mut line = format!(
        "{} of {} ended well",
        number(ok as f64),
        count(ended, "confirmation trial", "confirmation trials")
    );
    if diverged + failed > 0 {
        line.push_str(&format!("; {diverged} diverged, {failed} failed otherwise"));
    }
    let preempted = sum(|s| s.preempted);
    if preempted > 0 {
        line.push_str(&format!("; {preempted} stopped and can resume"));
    }
    line.push('.');
    line
}

/// The budgets of the confirmation trials, in a sentence.
pub(super) fn budget(analysis: &Analysis) -> String {
    let mut budgets: Vec<String> = Vec::new();
    for task in &analysis.tasks {
        let arms = task.arms.iter();
        let places = arms.flat_map(|arm| task.batch_sizes.iter().map(move |size| (arm, *size)));
        for trial in places.flat_map(|(arm, size)| task.confirmations(arm, size)) {
            if let (Some(unit), Some(amount)) = (trial.budget_unit, trial.budget_amount) {
                let unit = match amount {
                    1 => unit.as_str().trim_end_matches('s'),
                    _ => unit.as_str(),
                };
                let budget = format!("{} {unit}", number(amount as f64));
                if !budgets.contains(&budget) {
                    budgets.push(budget);
                }
            }
        }
    }
    match &budgets[..] {
        [] => String::new(),
        [one] => format!("Budget of every confirmation trial: {one}."),
        several => format!("Budgets of confirmation trials: {}.", several.join(", ")),
    }
}

/// The best settings that lie on the border of the values tried, in a sentence.
pub(super) fn border(analysis: &Analysis) -> String {
    let on_border: Vec<String> = analysis
        .tuning
        .iter()
        .filter(|row| !row.borders.is_empty())
        .map(|row| {
            let names: Vec<&str> = row
                .borders
                .iter()
                .map(|border| border.name.as_str())
                .collect();
            format!(
                "{} on {} at {} ({})",
                row.arm,
                row.task,
                batch(row.batch_size),
                names.join(", ")
            )
        })
        .collect();
    if on_border.is_empty() {
        return String::new();
    }
    let shown = on_border.len().min(8);
    let more = on_border.len() - shown;
    let tail = if more > 0 {
        format!(", and {more} more")
    } else {
        String::new()
    };
    format!(
        "The best setting lies on the border of the values tried: {}{tail}.",
        on_border[..shown].join("; ")
    )
}
