//! The figures of a task: which there are, and what stands under each.

use super::{
    Figure, by_batch, curves, forest, paired, profile, ranks, scatter, slopes, target, tuning_map,
};
use crate::analysis::{self, Analysis, ArmRanks, ArmScores, Question, Task};
use crate::error::Error;
use crate::records::Records;
use crate::report::ReportRequest;
use crate::tables::{self, ByBatch, ByEpoch, Table};
use crate::text::{batch, number, p_value, percent};

/// Every figure of a task that has something to draw.
///
/// # Errors
/// As [`tables::by_batch`].
pub(crate) fn of_task(
    task: &Task,
    analysis: &Analysis,
    records: &Records,
    request: &ReportRequest,
) -> Result<Vec<Figure>, Error> {
    let mut figures = Vec::new();
    let level = 1.0 - request.alpha;
    for quantity in [ByBatch::TestMetric, ByBatch::GeneralizationGap] {
        let table = tables::by_batch(task, quantity, level)?;
        figures.extend(filled(table).map(|table| against_batch(task, quantity, level, table)));
    }
    let largest = task.batch_sizes.last().copied().unwrap_or_default();
    let reference = request.reference_batch_size;
    if task.batch_sizes.contains(&reference) && largest > reference {
        let table = tables::drops(task, reference, largest);
        figures.extend(filled(table).map(|table| slopegraph(task, (reference, largest), table)));
    }
    let margin = request.margins.get(&task.metric).copied();
    let table = tables::forest(analysis, task, request.deciding_test);
    figures.extend(filled(table).map(|table| advantages(task, request, margin, table)));
    figures.extend(pairs(task, analysis, largest, margin, level));
    for quantities in [ByEpoch::Norms, ByEpoch::Learning] {
        let table = tables::curves(task, records, quantities);
        figures.extend(filled(table).map(|table| against_epoch(task, quantities, table)));
    }
    figures.extend(filled(tables::fit(task)).map(|table| loss_and_test(task, table)));
    if let Some(found) = analysis::target(task) {
        let table = tables::target(task, &found);
        figures.extend(filled(table).map(|table| to_target(task, found.value, table)));
    }
    if let Some(map) = analysis::tuning_map(task) {
        let table = tables::tuning_map(task, &map);
        figures.extend(filled(table).map(|table| tuned(task, &map.parameter, table)));
    }
    Ok(figures)
}

/// The figures over all tasks.
pub(crate) fn of_all_tasks(scores: &[ArmScores], ranked: Option<&ArmRanks>) -> Vec<Figure> {
    let mut figures = Vec::new();
    if scores.len() > 1 {
        let caption = "Performance profile over all tasks at the largest batch size: the part of \
                       runs with a score above each value, a score being the test metric as a share \
                       of the baseline's mean at the reference batch size.";
        let title = "All tasks: performance profile".to_owned();
        let table = tables::profile(scores);
        figures.push(Figure::new(
            table,
            title,
            caption.into(),
            caption.into(),
            profile::draw,
        ));
    }
    if let Some(found) = ranked {
        let test = found.friedman.map_or(String::new(), |test| {
            format!(" Friedman's test: {}.", p_value(test.p))
        });
        let caption = format!(
            "Mean ranks of the arms over {} blocks (task, batch size and seed), 1 being the best. \
             Bars join arms whose ranks differ by less than Nemenyi's critical difference.{test}",
            found.ranking.blocks
        );
        let title = "All tasks: mean ranks".to_owned();
        let table = tables::ranks(found);
        figures.push(Figure::new(
            table,
            title,
            caption.clone(),
            caption,
            ranks::draw,
        ));
    }
    figures
}

fn filled(table: Table) -> Option<Table> {
    (!table.is_empty()).then_some(table)
}

fn against_batch(task: &Task, quantity: ByBatch, level: f64, table: Table) -> Figure {
    let name = quantity.name(&task.metric);
    let caption = format!(
        "{} of {} against batch size. Small markers are single seeds, large ones their means (n = \
         {} seeds); bars are {} t intervals of the mean, cut with an arrowhead where they leave the \
         panel.",
        capital(&name),
        task.name,
        counts(&table),
        percent(level)
    );
    let description = means_in_words(&table, &name);
    let title = format!("{}: {name} by batch size", task.name);
    let label = match quantity {
        ByBatch::TestMetric => name,
        ByBatch::GeneralizationGap => "generalization gap".to_owned(),
    };
    Figure::new(table, title, caption, description, move |table, width| {
        by_batch::draw(table, &label, width)
    })
}

fn slopegraph(task: &Task, batches: (i64, i64), table: Table) -> Figure {
    let caption = format!(
        "Test {} of {} at batch sizes {} and {}, seed by seed (thin) and in the mean (thick): the \
         large-batch drop is the fall of a line.",
        task.metric,
        task.name,
        batch(batches.0),
        batch(batches.1)
    );
    let title = format!("{}: large-batch drop", task.name);
    let label = format!("test {}", task.metric);
    Figure::new(
        table,
        title,
        caption.clone(),
        caption,
        move |table, width| slopes::draw(table, &label, batches, width),
    )
}

fn advantages(task: &Task, request: &ReportRequest, margin: Option<f64>, table: Table) -> Figure {
    let band = margin.map_or(String::new(), |margin| {
        format!(" The grey band is the margin of ±{margin}.")
    });
    let caption = format!(
        "Advantage of the treatment on {} by question and batch size (n = {} paired seeds): mean \
         paired difference with {} t interval, positive where the treatment is better, and p of the \
         {} test adjusted by Holm.{band}",
        task.name,
        counts(&table),
        percent(1.0 - request.alpha),
        request.deciding_test.name()
    );
    let title = format!("{}: advantages", task.name);
    Figure::new(
        table,
        title,
        caption.clone(),
        caption,
        move |table, width| forest::draw(table, margin, width),
    )
}

/// One figure a contrast: the test metric at the largest batch size, pair by pair.
fn pairs(
    task: &Task,
    analysis: &Analysis,
    largest: i64,
    margin: Option<f64>,
    level: f64,
) -> Vec<Figure> {
    let family = analysis.family(&task.name, Question::TestMetric);
    let answers = family.into_iter().flat_map(|family| &family.answers);
    let at_largest = answers.filter(|answer| {
        answer.comparison.place.batch_size == Some(largest) && !answer.comparison.seeds.is_empty()
    });
    let figure = |answer| {
        let table = tables::paired(task, answer, margin);
        let contrast = &answer.comparison.place.contrast;
        let (baseline, treatment) = (contrast.baseline.clone(), contrast.treatment.clone());
        let band = margin.map_or(String::new(), |margin| {
            format!(" The grey band is the margin of ±{margin}.")
        });
        let caption = format!(
            "Test {} of {} at batch size {}: {} pairs of {baseline} and {treatment} (left; dashed \
             where the treatment is worse), their advantages and the mean with its {} t interval \
             (right).{band}",
            task.metric,
            task.name,
            batch(largest),
            answer.comparison.seeds.len(),
            percent(level)
        );
        let title = format!(
            "{}: {treatment} against {baseline}, pair by pair",
            task.name
        );
        let label = format!("test {}", task.metric);
        Figure::new(
            table,
            title,
            caption.clone(),
            caption,
            move |table, width| paired::draw(table, &label, [&baseline, &treatment], width),
        )
    };
    at_largest.map(figure).collect()
}

fn against_epoch(task: &Task, quantities: ByEpoch, table: Table) -> Figure {
    let validation = format!("validation {}", task.metric);
    let (labels, what, title) = match quantities {
        ByEpoch::Norms => (
            ["mean |logit|".to_owned(), "weight norm".to_owned()],
            "Mean magnitude of the logits (top) and global weight norm (bottom)".to_owned(),
            "logits and weight norm by epoch",
        ),
        ByEpoch::Learning => (
            ["training loss".to_owned(), validation.clone()],
            format!("Training loss (top) and {validation} (bottom)"),
            "learning by epoch",
        ),
    };
    let caption = format!(
        "{what} of {} by epoch. Lines are means over seeds (n = {}), bands their range; the dotted \
         line marks the end of the last epoch in the free phase.",
        task.name,
        counts(&table)
    );
    let title = format!("{}: {title}", task.name);
    let from_zero = quantities == ByEpoch::Norms;
    Figure::new(
        table,
        title,
        caption.clone(),
        caption,
        move |table, width| curves::draw(table, [&labels[0], &labels[1]], from_zero, width),
    )
}

fn loss_and_test(task: &Task, table: Table) -> Figure {
    let caption = format!(
        "Final training loss against test {} of {}, one marker a confirmation trial, all batch \
         sizes.",
        task.metric, task.name
    );
    let title = format!("{}: training loss and test {}", task.name, task.metric);
    let label = format!("test {}", task.metric);
    Figure::new(
        table,
        title,
        caption.clone(),
        caption,
        move |table, width| scatter::draw(table, &label, width),
    )
}

fn to_target(task: &Task, value: f64, table: Table) -> Figure {
    let caption = format!(
        "Optimizer steps of {} to a validation {} of {}, which every arm reaches in the mean at the \
         smallest batch: mean and range over the seeds that reach it, read at the ends of epochs; \
         where there is no marker, none does. The dashed line halves the steps with each doubling of the batch.",
        task.name,
        task.metric,
        number(value)
    );
    let title = format!("{}: steps to a target", task.name);
    Figure::new(table, title, caption.clone(), caption, target::draw)
}

fn tuned(task: &Task, parameter: &str, table: Table) -> Figure {
    let caption = format!(
        "Best validation {} of {} in tuning, by batch size and {}; the darker the better. Hatched \
         cells have no trial that ended well; a cut corner marks cells with some that did not.",
        task.metric,
        task.name,
        tables::title(parameter)
    );
    let title = format!("{}: tuning", task.name);
    let name = tables::title(parameter);
    let higher = task.higher_is_better;
    Figure::new(
        table,
        title,
        caption.clone(),
        caption,
        move |table, width| tuning_map::draw(table, &name, higher, width),
    )
}

/// The counts in the column `n`: one, or the smallest and largest where they differ.
fn counts(table: &Table) -> String {
    let column = table.column("n");
    let counts = || {
        table
            .rows()
            .iter()
            .filter_map(|row| row[column].as_number())
    };
    let (low, high) = (counts().reduce(f64::min), counts().reduce(f64::max));
    match (low, high) {
        (Some(low), Some(high)) if low < high => format!("{low} to {high}"),
        (Some(low), _) => low.to_string(),
        _ => "0".to_owned(),
    }
}

fn capital(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or(String::new(), |first| {
        first.to_uppercase().chain(chars).collect()
    })
}

/// The means in words, for who cannot see the figure.
fn means_in_words(table: &Table, name: &str) -> String {
    let [arm, batch, kind, value] = ["arm", "batch_size", "kind", "value"].map(|c| table.column(c));
    let means = table.rows().iter().filter(|row| row[kind] == "mean".into());
    let parts: Vec<String> = means
        .map(|row| {
            format!(
                "{} at {}: {}",
                row[arm].shown(),
                row[batch].shown(),
                row[value].shown()
            )
        })
        .collect();
    format!("Mean {name} by arm and batch size. {}.", parts.join("; "))
}
