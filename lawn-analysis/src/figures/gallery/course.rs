//! How a task was trained and tuned: curves, steps and time to a target, and settings tried.

use super::parts::{by_arms, of_part, part_in_words};
use super::subject::Subject;
use super::words::{bands, counts, listed, rows_by_arm, rows_of_arms};
use crate::analysis;
use crate::figures::curves::{self, HorizontalAxis, Style};
use crate::figures::figure::{Figure, Words};
use crate::figures::series::batch_sizes;
use crate::figures::target;
use crate::figures::tuning;
use crate::records::Phase;
use crate::tables::{self, ByEpoch, CurveQuantity, CurveRow, Rows, TargetRow, TuningPointRow};
use crate::text::{batch, capital, count, number, on_test};

pub(super) fn figures(subject: &Subject<'_>) -> Vec<Figure> {
    let task = subject.task;
    let mut figures = Vec::new();
    for by in [ByEpoch::Norms, ByEpoch::Learning] {
        let curves = tables::curves(task, subject.records, by);
        let parts = by_arms(curves.rows).into_iter();
        figures.extend(parts.map(|rows| course(subject, by, &curves.quantities, rows)));
    }
    if let Some(found) = analysis::target(task) {
        let parts = by_arms(tables::target(task, &found)).into_iter();
        figures.extend(parts.map(|rows| to_target(subject, found.value, rows)));
    }
    if let Some(found) = analysis::tuning_points(task, &subject.analysis.tuning) {
        let parts = by_arms(tables::tuning_points(task, &found)).into_iter();
        figures.extend(parts.map(|rows| tuned(subject, &found.parameter, rows)));
    }
    figures
}

/// The name of a quantity on its axis, and in a sentence.
fn names_of(quantity: CurveQuantity, metric: &str) -> [String; 2] {
    let same = |name: &str| [name.to_owned(), name.to_owned()];
    match quantity {
        CurveQuantity::LogitMagnitude => {
            ["mean |logit|", "mean magnitude of the logits"].map(str::to_owned)
        }
        CurveQuantity::WeightNorm => ["weight norm", "global weight norm"].map(str::to_owned),
        CurveQuantity::DistanceFromFreeze => [
            "distance moved",
            "distance of the weights from where they were at the freeze",
        ]
        .map(str::to_owned),
        CurveQuantity::FunctionDistance => [
            "answers moved",
            "mean total variation distance of the answers to validation inputs from those at the \
             same place",
        ]
        .map(str::to_owned),
        CurveQuantity::TrainLoss => same("training loss"),
        CurveQuantity::TestLoss => same("test loss"),
        CurveQuantity::ValidationLoss => same("validation loss"),
        CurveQuantity::TestMetric => same(&on_test(metric)),
        CurveQuantity::ValidationMetric => same(&format!("validation {metric}")),
    }
}

fn course(
    subject: &Subject<'_>,
    by: ByEpoch,
    quantities: &[CurveQuantity],
    rows: Rows<CurveRow>,
) -> Figure {
    let task = subject.task;
    let named = quantities.iter().map(|one| names_of(*one, &task.metric));
    let (labels, names): (Vec<String>, Vec<String>) =
        named.map(|[label, name]| (label, name)).unzip();
    let along = match by {
        ByEpoch::Norms => HorizontalAxis::Step,
        ByEpoch::Learning => HorizontalAxis::Epoch,
    };
    let axis = match along {
        HorizontalAxis::Step => "optimizer step",
        HorizontalAxis::Epoch => "epoch",
    };
    let all = batch_sizes(rows.rows().iter().map(|row| row.batch_size));
    let drawn = curves::drawn_batches(&all);
    let omitted = if drawn.len() < all.len() {
        let drawn: Vec<String> = drawn.iter().map(|size| batch(*size)).collect();
        format!(
            " Of {} batch sizes, {} are drawn.",
            all.len(),
            listed(&drawn)
        )
    } else {
        String::new()
    };
    let constrained = |row: &CurveRow| row.phase == Phase::Constrained;
    let freeze = if rows.rows().iter().any(constrained) {
        " The dotted line marks the freeze, which is the last evaluation in the free phase. The \
         open marker shows the curve that it belongs to."
    } else {
        ""
    };
    let shown = if names.len() > 1 {
        format!("from the top: {}", listed(&names))
    } else {
        listed(&names)
    };
    let caption = format!(
        "{} of {}, by {axis}, as recorded at each evaluation. Lines are means \
         over seeds (n = {}).{}{freeze}{}{omitted}{}",
        capital(&shown),
        task.name,
        counts(rows.rows().iter().map(|row| row.n)),
        bands(
            rows_of_arms(rows.rows()).len(),
            "the range from the smallest to the largest value"
        ),
        without_distance(quantities, rows.rows()),
        part_in_words(&rows),
    );
    let title = match by {
        ByEpoch::Norms => "logits and weights by step",
        ByEpoch::Learning => "learning by epoch",
    };
    let title = format!("{title}{}", of_part(&rows));
    let style = Style {
        along,
        labels,
        from_zero: by == ByEpoch::Norms,
    };
    let looks = subject.looks.clone();
    let words = Words {
        title: subject.title(&title),
        caption,
        description: None,
    };
    Figure::new(rows, words, move |rows, width| {
        curves::draw(rows, &style, &looks, width)
    })
}

/// Why some arms have no distance where others have one.
fn without_distance(quantities: &[CurveQuantity], rows: &[CurveRow]) -> String {
    let mut all = quantities.iter();
    let Some(distance) = all.position(|one| *one == CurveQuantity::DistanceFromFreeze) else {
        return String::new();
    };
    let arms = |holds: &dyn Fn(&CurveRow) -> bool| -> Vec<String> {
        let mut names: Vec<String> = Vec::new();
        for row in rows.iter().filter(|row| holds(row)) {
            if !names.contains(&row.arm) {
                names.push(row.arm.clone());
            }
        }
        names
    };
    let with = arms(&|row| row.values[distance].is_some());
    if with.is_empty() {
        return String::new();
    }
    let constrained = arms(&|row| row.phase == Phase::Constrained);
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

fn to_target(subject: &Subject<'_>, value: f64, rows: Rows<TargetRow>) -> Figure {
    let task = subject.task;
    let caption = format!(
        "Optimizer steps and seconds of training of {} to a validation {} of {}. Every arm reaches \
         this target in the mean at the smallest batch. Markers are means and bars ranges over \
         the seeds that reach it (n = {} of {}), read at the evaluations. A hollow marker is a mean \
         over some of the seeds only, since the others do not reach it. This favours its arm, and \
         no line joins it. Without a marker, no seed reaches it. The dashed line halves with each \
         doubling of the batch.{}",
        task.name,
        task.metric,
        number(value),
        counts(rows.rows().iter().map(|row| row.reached)),
        counts(rows.rows().iter().map(|row| row.seeds)),
        part_in_words(&rows),
    );
    let title = format!("steps and time to a target{}", of_part(&rows));
    let looks = subject.looks.clone();
    let words = Words {
        title: subject.title(&title),
        caption,
        description: None,
    };
    Figure::new(rows, words, move |rows, width| {
        target::draw(rows, &looks, width)
    })
}

fn tuned(subject: &Subject<'_>, parameter: &str, rows: Rows<TuningPointRow>) -> Figure {
    let task = subject.task;
    let name = tables::title(parameter);
    let trials = rows.rows().iter();
    let lost = trials.filter(|trial| trial.validation.is_none()).count();
    let lost = if lost > 0 {
        format!(
            " Crosses at the foot are {} without a value, which diverged or failed.",
            count(lost, "trial", "trials")
        )
    } else {
        String::new()
    };
    let caption = format!(
        "Validation {} of {} in tuning against {name}: one marker per trial (n = {} trials per \
         arm). At each batch size the larger marker is the chosen setting. Batch sizes stand side \
         by side. Other hyper-parameters may have been varied as well.{lost}{}",
        task.metric,
        task.name,
        rows_by_arm(rows.rows()),
        part_in_words(&rows),
    );
    let label = format!("validation {}", task.metric);
    let title = format!("tuning{}", of_part(&rows));
    let words = Words {
        title: subject.title(&title),
        caption,
        description: None,
    };
    Figure::new(rows, words, move |rows, width| {
        tuning::draw(rows, [&name, &label], width)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tables::Spread;

    #[test]
    fn arms_without_a_distance_are_named_with_a_reason_that_is_true() {
        let said = |rows: &[(&str, Phase, Option<f64>)]| {
            let row = |(arm, phase, distance): &(&str, Phase, Option<f64>)| CurveRow {
                arm: (*arm).to_owned(),
                batch_size: 1024,
                epoch: 1.0,
                step: 1,
                n: 1,
                phase: *phase,
                values: vec![Spread::of(distance.as_slice())],
            };
            let rows: Vec<CurveRow> = rows.iter().map(row).collect();
            without_distance(&[CurveQuantity::DistanceFromFreeze], &rows)
        };
        let lawn = [
            ("lawn", Phase::Free, None),
            ("lawn", Phase::Constrained, Some(0.5)),
        ];
        assert_eq!(said(&lawn), "");
        assert_eq!(said(&[("adam", Phase::Free, None)]), "");
        let free = [
            &lawn[..],
            &[("adam", Phase::Free, None), ("sgd", Phase::Free, None)],
        ]
        .concat();
        assert_eq!(
            said(&free),
            " adam and sgd have no line of the distance: they never froze, so there is nothing to \
             measure from."
        );
        let held = [&lawn[..], &[("ball", Phase::Constrained, None)]].concat();
        assert_eq!(
            said(&held),
            " ball has no line of the distance: none was recorded."
        );
    }
}
