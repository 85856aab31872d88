//! The report in one screen of text.

use crate::analysis::{Analysis, Answer, Family, POWER, Question, Sensitivity, Task};
use crate::report::ReportRequest;
use crate::tables::Table;
use crate::text::{batch, count, number, p_number, signed};

/// More rows than this would not fit a screen with the rest.
const MOST_ROWS: usize = 18;
/// More families than this are counted and not named.
const MOST_NAMES: usize = 3;

/// What each family can reach, equal lines said once.
pub(super) fn feasibility_lines(
    analysis: &Analysis,
    request: &ReportRequest,
    sensitivities: &[Vec<Option<Sensitivity>>],
) -> Vec<String> {
    let mut lines: Vec<(String, Vec<String>)> = Vec::new();
    for (family, found) in analysis.families.iter().zip(sensitivities) {
        let places = family
            .answers
            .iter()
            .map(|answer| answer.comparison.feasibility);
        let Some(fewest) = places.min_by_key(|feasibility| feasibility.n) else {
            continue;
        };
        let name = if analysis.tasks.len() > 1 {
            format!("{} of {}", family.question.name(), family.task)
        } else {
            family.question.name().to_owned()
        };
        // The place of fewest seeds sees least.
        let detectable = found.iter().flatten().map(|found| found.d_z);
        let line = match detectable.reduce(f64::max) {
            Some(d_z) => format!(
                "{fewest}; power {POWER} for a true difference of {d_z:.1} standard deviations"
            ),
            None => fewest.to_string(),
        };
        match lines.iter_mut().find(|(known, _)| *known == line) {
            Some((_, names)) => names.push(name),
            None => lines.push((line, vec![name])),
        }
    }
    let mut lines: Vec<String> = lines
        .into_iter()
        .map(|(line, names)| format!("{}: {line}.", named(&names)))
        .collect();
    if request.deciding_test == super::DecidingTest::PairedT && !lines.is_empty() {
        lines.push(
            "Verdicts rest on the paired t test, as registered: it assumes normal differences."
                .to_owned(),
        );
    }
    lines
}

/// The families that a line is about: their names, or how many they are where that is too long.
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
    let mut chars = joined.chars();
    chars.next().map_or(String::new(), |first| {
        first.to_uppercase().chain(chars).collect()
    })
}

/// One sentence a contrast and task: the test metric at the largest batch size, then the rest.
pub(super) fn headlines(analysis: &Analysis) -> Vec<&Answer> {
    let mut chosen = Vec::new();
    for task in &analysis.tasks {
        for question in [Question::TestMetric, Question::GeneralizationGap] {
            if let Some(family) = analysis.family(&task.name, question) {
                chosen.extend(at_largest(family, task));
            }
        }
        for question in Question::OVERALL {
            chosen.extend(
                analysis
                    .family(&task.name, question)
                    .into_iter()
                    .flat_map(|f| &f.answers),
            );
        }
    }
    chosen
}

fn at_largest<'a>(family: &'a Family, task: &Task) -> impl Iterator<Item = &'a Answer> {
    let largest = task.batch_sizes.last().copied();
    family
        .answers
        .iter()
        .filter(move |answer| answer.comparison.place.batch_size == largest)
}

/// The summary as Markdown.
pub(super) fn markdown(
    analysis: &Analysis,
    request: &ReportRequest,
    sensitivities: &[Vec<Option<Sensitivity>>],
) -> String {
    let mut text = format!("# {}\n", request.title);
    for note in &analysis.notes {
        text.push_str(&format!("\n> {note}\n"));
    }
    let feasibility = feasibility_lines(analysis, request, sensitivities);
    if !feasibility.is_empty() {
        text.push_str("\n**Before any p-value.**\n\n");
        feasibility
            .iter()
            .for_each(|line| text.push_str(&format!("- {line}\n")));
    }
    // One screen: the test metric at the largest batch, and the one answer over all batches.
    let mut headlines = headlines(analysis);
    headlines.retain(|answer| {
        [Question::TestMetric, Question::GapSlope].contains(&answer.comparison.place.question)
    });
    if !headlines.is_empty() {
        text.push_str("\n**Answers.**\n\n");
        for answer in headlines {
            text.push_str(&format!("- **{}**: {}\n", answer.verdict, answer.sentence));
        }
    }
    text.push_str(&table(analysis, request, sensitivities));
    text.push_str(&survival_line(analysis));
    text.push_str(&budget_line(analysis));
    text.push_str(&border_line(analysis));
    text
}

fn table(
    analysis: &Analysis,
    request: &ReportRequest,
    sensitivities: &[Vec<Option<Sensitivity>>],
) -> String {
    let mut table = Table::new(
        "summary",
        "",
        &[
            "task",
            "contrast",
            "question",
            "batch",
            "n",
            "advantage",
            "interval",
            "adj_p",
            "detectable",
            "verdict",
        ],
    );
    let questions = [
        Question::TestMetric,
        Question::GeneralizationGap,
        Question::LargeBatchDrop,
    ];
    let families = analysis.families.iter().zip(sensitivities);
    let answers = families
        .filter(|(family, _)| questions.contains(&family.question))
        .flat_map(|(family, found)| family.answers.iter().zip(found));
    for (answer, found) in answers {
        let comparison = &answer.comparison;
        let place = &comparison.place;
        let interval = comparison
            .advantage
            .and_then(|advantage| advantage.interval);
        table.push(vec![
            (&place.task).into(),
            format!(
                "{} vs {}",
                place.contrast.treatment, place.contrast.baseline
            )
            .into(),
            place.question.name().into(),
            place.batch_size.map(batch).into(),
            comparison.seeds.len().into(),
            comparison
                .advantage
                .map(|advantage| signed(advantage.value))
                .into(),
            interval
                .map(|i| format!("{} to {}", signed(i.low), signed(i.high)))
                .into(),
            answer
                .adjusted
                .deciding(request.deciding_test)
                .map(p_number)
                .into(),
            found.map(|found| number(found.difference)).into(),
            answer.verdict.as_str().into(),
        ]);
    }
    if table.is_empty() {
        return String::new();
    }
    if table.rows().len() > MOST_ROWS {
        let rows = count(table.rows().len(), "comparison", "comparisons");
        return format!("\nAll {rows} by batch size are in `tables/comparisons.md`.\n");
    }
    format!(
        "\n{}\nThe advantage is the mean paired difference, positive where the treatment is better; \
         p of the {} test, adjusted by Holm; detectable is the smallest true difference found with \
         power {POWER}.\n",
        table.to_markdown(),
        request.deciding_test.name(),
    )
}

/// How many confirmation trials ended well, in a sentence.
pub(super) fn survival_line(analysis: &Analysis) -> String {
    let sum = |pick: fn(&crate::analysis::Survival) -> usize| {
        analysis.survival.iter().map(pick).sum::<usize>()
    };
    let (ok, diverged, failed) = (sum(|s| s.ok), sum(|s| s.diverged), sum(|s| s.failed));
    let ended = ok + diverged + failed;
    if ended == 0 {
        return String::new();
    }
    let mut line = format!(
        "\n{} of {} ended well",
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
    line.push_str(".\n");
    line
}

/// What confirmation trials trained for, in a sentence.
pub(super) fn budget_line(analysis: &Analysis) -> String {
    let mut budgets: Vec<String> = Vec::new();
    for task in &analysis.tasks {
        let arms = task.arms.iter();
        let places = arms.flat_map(|arm| task.batch_sizes.iter().map(move |size| (arm, *size)));
        for trial in places.flat_map(|(arm, size)| task.confirmations(arm, size)) {
            if let (Some(unit), Some(amount)) = (trial.budget_unit, trial.budget_amount) {
                let budget = format!("{} {unit}", number(amount as f64));
                if !budgets.contains(&budget) {
                    budgets.push(budget);
                }
            }
        }
    }
    match &budgets[..] {
        [] => String::new(),
        [one] => format!("\nBudget of every confirmation trial: {one}.\n"),
        several => format!(
            "\nBudgets of confirmation trials: {}.\n",
            several.join(", ")
        ),
    }
}

fn border_line(analysis: &Analysis) -> String {
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
        "\nBest setting on the border of what was tried: {}{tail}.\n",
        on_border[..shown].join("; ")
    )
}
