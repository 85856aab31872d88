//! How a task was trained and tuned: curves, steps and time to a target, settings tried.

use super::words::{capital, counts, listed, rows_by_arm};
use super::{Subject, by_arms, of_part, part_in_words};
use crate::analysis;
use crate::figures::curves::{self, Along, Style};
use crate::figures::series::batch_sizes;
use crate::figures::{Figure, target, tuning};
use crate::tables::{self, ByEpoch, Table, Value};
use crate::text::{batch, count, number, on_test};

pub(super) fn figures(subject: &Subject<'_>) -> Vec<Figure> {
    let task = subject.task;
    let mut figures = Vec::new();
    for by in [ByEpoch::Norms, ByEpoch::Learning] {
        let parts = by_arms(tables::curves(task, subject.records, by)).into_iter();
        figures.extend(parts.map(|table| course(subject, by, table)));
    }
    if let Some(found) = analysis::target(task) {
        let parts = by_arms(tables::target(task, &found)).into_iter();
        figures.extend(parts.map(|table| to_target(subject, found.value, table)));
    }
    if let Some(found) = analysis::tuning_points(task, &subject.analysis.tuning) {
        let parts = by_arms(tables::tuning_points(task, &found)).into_iter();
        figures.extend(parts.map(|table| tuned(subject, &found.parameter, table)));
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
        "test_metric" => same(on_test(metric)),
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
         over seeds (n = {}), bands the range from the least to the most of them.{freeze}{}{omitted}{}",
        capital(&listed(&names)),
        task.name,
        counts(&table, "n"),
        without_distance(&table),
        part_in_words(&table),
    );
    let title = match by {
        ByEpoch::Norms => "logits and weights by step",
        ByEpoch::Learning => "learning by epoch",
    };
    let title = format!("{title}{}", of_part(&table));
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
        subject.title(&title),
        caption.clone(),
        caption,
        move |table, width| curves::draw(table, &style, &looks, width),
    )
}

/// Why some arms have no distance, where others have one.
fn without_distance(table: &Table) -> String {
    let mut columns = table.columns.iter();
    let Some(distance) = columns.position(|name| *name == "distance_from_freeze") else {
        return String::new();
    };
    let [arm, phase] = ["arm", "phase"].map(|name| table.column(name));
    let arms = |holds: &dyn Fn(&[Value]) -> bool| -> Vec<String> {
        let rows = table.rows().iter().filter(|row| holds(row));
        let mut names: Vec<String> = Vec::new();
        for name in rows.map(|row| row[arm].shown()) {
            if !names.contains(&name) {
                names.push(name);
            }
        }
        names
    };
    let with = arms(&|row| row[distance].as_number().is_some());
    if with.is_empty() {
        return String::new();
    }
    let constrained = arms(&|row| row[phase] == "constrained".into());
    let mut without = arms(&|_| true);
    without.retain(|name| !with.contains(name));
    let (unrecorded, free): (Vec<String>, Vec<String>) = without
        .into_iter()
        .partition(|name| constrained.contains(name));
    let has = |names: &[String]| if names.len() == 1 { "has" } else { "have" };
    let mut said = String::new();
    if !free.is_empty() {
        let they = if free.len() == 1 { "it" } else { "they" };
        said.push_str(&format!(
            " {} {} no line of the distance: {they} never froze, so there is nothing to measure from.",
            listed(&free),
            has(&free)
        ));
    }
    if !unrecorded.is_empty() {
        said.push_str(&format!(
            " {} {} no line of the distance: none was recorded.",
            listed(&unrecorded),
            has(&unrecorded)
        ));
    }
    said
}

fn to_target(subject: &Subject<'_>, value: f64, table: Table) -> Figure {
    let task = subject.task;
    let caption = format!(
        "Optimizer steps and seconds of training of {} to a validation {} of {}, which every arm \
         reaches in the mean at the smallest batch: mean and range over the seeds that reach it (n = \
         {} of {}), read at the evaluations. A hollow marker is the mean of those that arrive where \
         not all do, which favours it, and is joined to no other; where there is no marker, none \
         arrives. The dashed line halves with each doubling of the batch.{}",
        task.name,
        task.metric,
        number(value),
        counts(&table, "reached"),
        counts(&table, "seeds"),
        part_in_words(&table),
    );
    let title = format!("steps and time to a target{}", of_part(&table));
    let looks = subject.looks.clone();
    Figure::new(
        table,
        subject.title(&title),
        caption.clone(),
        caption,
        move |table, width| target::draw(table, &looks, width),
    )
}

fn tuned(subject: &Subject<'_>, parameter: &str, table: Table) -> Figure {
    let task = subject.task;
    let name = tables::title(parameter);
    let validation = table.column("validation_metric");
    let lost = table
        .rows()
        .iter()
        .filter(|row| row[validation] == Value::Absent)
        .count();
    let lost = if lost > 0 {
        format!(
            " Crosses at the foot: {} without a value, diverged or failed.",
            count(lost, "trial", "trials")
        )
    } else {
        String::new()
    };
    let caption = format!(
        "Validation {} of {} in tuning against {name}: one marker a trial (n = {} trials an arm), \
         the larger one at each batch size that of the chosen setting; batch sizes stand side by \
         side. Other hyper-parameters may have been varied with it.{lost}{}",
        task.metric,
        task.name,
        rows_by_arm(&table),
        part_in_words(&table),
    );
    let label = format!("validation {}", task.metric);
    let title = format!("tuning{}", of_part(&table));
    Figure::new(
        table,
        subject.title(&title),
        caption.clone(),
        caption,
        move |table, width| tuning::draw(table, [&name, &label], width),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arms_without_a_distance_are_named_with_a_reason_that_is_true() {
        let columns = ["arm", "phase", "distance_from_freeze"];
        let table = |rows: &[(&str, &str, Option<f64>)]| {
            let mut table = Table::new("norms", "", &columns);
            for (arm, phase, distance) in rows {
                table.push(vec![(*arm).into(), (*phase).into(), (*distance).into()]);
            }
            without_distance(&table)
        };
        let lawn = [("lawn", "free", None), ("lawn", "constrained", Some(0.5))];
        assert_eq!(table(&lawn), "");
        assert_eq!(table(&[("adam", "free", None)]), "");
        let free = [&lawn[..], &[("adam", "free", None), ("sgd", "free", None)]].concat();
        assert_eq!(
            table(&free),
            " adam and sgd have no line of the distance: they never froze, so there is nothing to \
             measure from."
        );
        let held = [&lawn[..], &[("ball", "constrained", None)]].concat();
        assert_eq!(
            table(&held),
            " ball has no line of the distance: none was recorded."
        );
    }
}
