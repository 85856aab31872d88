//! How a task was trained and tuned: curves, steps and time to a target, settings tried.

use super::words::{capital, counts, listed};
use super::{Subject, filled};
use crate::analysis;
use crate::figures::curves::{self, Along, Style};
use crate::figures::series::batch_sizes;
use crate::figures::{Figure, target, tuning_map};
use crate::tables::{self, ByEpoch, Table};
use crate::text::{batch, number};

pub(super) fn figures(subject: &Subject<'_>) -> Vec<Figure> {
    let task = subject.task;
    let mut figures = Vec::new();
    for by in [ByEpoch::Norms, ByEpoch::Learning] {
        let table = tables::curves(task, subject.records, by);
        figures.extend(filled(table).map(|table| course(subject, by, table)));
    }
    if let Some(found) = analysis::target(task) {
        let table = tables::target(task, &found);
        figures.extend(filled(table).map(|table| to_target(subject, found.value, table)));
    }
    if let Some(map) = analysis::tuning_map(task) {
        let table = tables::tuning_map(task, &map);
        figures
            .extend(filled(table).map(|table| tuned(subject, &map.parameter, map.gathered, table)));
    }
    figures
}

/// What a column of curves is called on its axis, and in a sentence.
fn quantity(column: &str, metric: &str) -> Option<(String, String)> {
    let same = |name: String| (name.clone(), name);
    Some(match column {
        "logit_mean_abs" => (
            "mean |logit|".to_owned(),
            "mean magnitude of the logits".to_owned(),
        ),
        "weight_norm" => ("weight norm".to_owned(), "global weight norm".to_owned()),
        "distance_from_freeze" => (
            "distance moved".to_owned(),
            "distance of the weights from where they were at the freeze".to_owned(),
        ),
        "train_loss" => same("training loss".to_owned()),
        "test_loss" => same("test loss".to_owned()),
        "validation_loss" => same("validation loss".to_owned()),
        "test_metric" => same(format!("test {metric}")),
        "validation_metric" => same(format!("validation {metric}")),
        _ => return None,
    })
}

fn course(subject: &Subject<'_>, by: ByEpoch, table: Table) -> Figure {
    let task = subject.task;
    let found: Vec<(&'static str, (String, String))> = table
        .columns
        .iter()
        .filter_map(|column| Some((*column, quantity(column, &task.metric)?)))
        .collect();
    let names: Vec<String> = found.iter().map(|(_, (_, name))| name.clone()).collect();
    let along = match by {
        ByEpoch::Norms => Along::Step,
        ByEpoch::Learning => Along::Epoch,
    };
    let axis = match along {
        Along::Step => "optimizer step",
        Along::Epoch => "epoch",
    };
    let all = batch_sizes(&table);
    let drawn = curves::drawn_batches(&all);
    let omitted = if drawn.len() < all.len() {
        let drawn: Vec<String> = drawn.iter().map(|size| batch(*size)).collect();
        format!(
            " Of {} batch sizes {} are drawn.",
            all.len(),
            listed(&drawn)
        )
    } else {
        String::new()
    };
    let phase = table.column("phase");
    let freeze = if table
        .rows()
        .iter()
        .any(|row| row[phase] == "constrained".into())
    {
        " The dotted line marks the freeze (the last evaluation in the free phase), the open \
         marker the curve that it belongs to."
    } else {
        ""
    };
    let caption = format!(
        "{} (from the top) of {} by {axis}, as recorded at each evaluation. Lines are means \
         over seeds (n = {}), bands the range from the least to the most of them.{freeze}{omitted}",
        capital(&listed(&names)),
        task.name,
        counts(&table, "n"),
    );
    let title = match by {
        ByEpoch::Norms => "logits and weights by step",
        ByEpoch::Learning => "learning by epoch",
    };
    let style = Style {
        along,
        quantities: found
            .into_iter()
            .map(|(column, (label, _))| (column, label))
            .collect(),
        from_zero: by == ByEpoch::Norms,
    };
    let looks = subject.looks.clone();
    Figure::new(
        table,
        subject.title(title),
        caption.clone(),
        caption,
        move |table, width| curves::draw(table, &style, &looks, width),
    )
}

fn to_target(subject: &Subject<'_>, value: f64, table: Table) -> Figure {
    let task = subject.task;
    let caption = format!(
        "Optimizer steps and seconds of training of {} to a validation {} of {}, which every arm \
         reaches in the mean at the smallest batch: mean and range over the seeds that reach it (n = \
         {} of {}), read at the evaluations; where there is no marker, none does. The dashed line \
         halves with each doubling of the batch.",
        task.name,
        task.metric,
        number(value),
        counts(&table, "reached"),
        counts(&table, "seeds"),
    );
    let looks = subject.looks.clone();
    Figure::new(
        table,
        subject.title("steps and time to a target"),
        caption.clone(),
        caption,
        move |table, width| target::draw(table, &looks, width),
    )
}

fn tuned(subject: &Subject<'_>, parameter: &str, gathered: bool, table: Table) -> Figure {
    let task = subject.task;
    let name = tables::title(parameter);
    let rows = if gathered {
        format!(" Values of {name} are gathered into rows of equal ratios, named by their middle.")
    } else {
        String::new()
    };
    let caption = format!(
        "Best validation {} of {} in tuning, by batch size and {name}, of n = {} trials a cell; the \
         darker the better. Hatched cells have no trial that ended well (diverged or failed); a \
         cut corner marks cells with some that did not. White: not tried.{rows}",
        task.metric,
        task.name,
        counts(&table, "trials"),
    );
    let higher = task.higher_is_better;
    Figure::new(
        table,
        subject.title("tuning"),
        caption.clone(),
        caption,
        move |table, width| tuning_map::draw(table, &name, higher, width),
    )
}
