//! How a task was trained and tuned: curves, steps and time to a target, and settings tried.

use super::parts::{Part, by_arms};
use super::subject::Subject;
use super::words::{bands, counts, listed, rows_by_arm, rows_of_arms};
use crate::analysis;
use crate::figures::curves::{self, HorizontalAxis, Style};
use crate::figures::figure::{Figure, Words};
use crate::figures::measure::Measure;
use crate::figures::series::{MOST_BANDS, batch_sizes};
use crate::figures::target;
use crate::figures::tuning;
use crate::records::Phase;
use crate::tables::{self, ByEpoch, CurveQuantity, CurveRow, TargetRow, TuningPointRow};
use crate::text::{batch, capital, count, number, on_test};

pub(super) fn figures(subject: &Subject<'_>) -> Vec<Figure> {
    let (task, contrasts) = (subject.task, &subject.request.contrasts);
    let mut figures = Vec::new();
    for by in [ByEpoch::Norms, ByEpoch::Learning] {
        let curves = tables::curves(task, subject.records, by);
        let parts = by_arms(curves.rows, contrasts);
        let arms = parts
            .iter()
            .map(|part| rows_of_arms(part.rows.rows()).len());
        // All parts have room for bands where one of them has these.
        let bands = arms.min().is_some_and(|least| least <= MOST_BANDS);
        let parts = parts.into_iter();
        figures.extend(parts.map(|part| course(subject, by, bands, &curves.quantities, part)));
    }
    if let Some(found) = analysis::target(task) {
        let parts = by_arms(tables::target(task, &found), contrasts).into_iter();
        figures.extend(parts.map(|part| to_target(subject, found.value, part)));
    }
    if let Some(found) = analysis::tuning_points(task, &subject.analysis.tuning) {
        let parts = by_arms(tables::tuning_points(task, &found), contrasts).into_iter();
        figures.extend(parts.map(|part| tuned(subject, &found.parameter, part)));
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
    bands_have_room: bool,
    quantities: &[CurveQuantity],
    part: Part<CurveRow>,
) -> Figure {
    let task = subject.task;
    let title_of_part = part.title();
    let Part { rows, whole, said } = part;
    let measured = |(which, quantity): (usize, &CurveQuantity)| {
        let [label, name] = names_of(*quantity, &task.metric);
        let spreads = whole.iter().filter_map(|row| row.values[which]);
        let values = spreads.flat_map(|spread| [spread.low, spread.high]);
        let measure = match quantity {
            CurveQuantity::TestMetric | CurveQuantity::ValidationMetric => {
                Measure::metric(label, task.higher_is_better, values)
            }
            _ => Measure::unbounded(label),
        };
        (measure, name)
    };
    let (measures, names): (Vec<Measure>, Vec<String>) =
        quantities.iter().enumerate().map(measured).unzip();
    let along = match by {
        ByEpoch::Norms => HorizontalAxis::Step,
        ByEpoch::Learning => HorizontalAxis::Epoch,
    };
    let axis = match along {
        HorizontalAxis::Step => "optimizer step",
        HorizontalAxis::Epoch => "epoch",
    };
    let all = batch_sizes(whole.iter().map(|row| row.batch_size));
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
         over seeds (n = {}).{}{freeze}{}{omitted}{said}",
        capital(&shown),
        task.name,
        counts(rows.rows().iter().map(|row| row.n)),
        bands(
            rows_of_arms(rows.rows()).len(),
            "the range from the smallest to the largest value"
        ),
        without_distance(quantities, rows.rows()),
    );
    let title = match by {
        ByEpoch::Norms => "logits and weights by step",
        ByEpoch::Learning => "learning by epoch",
    };
    let title = format!("{title}{title_of_part}");
    let style = Style {
        along,
        measures,
        bands: bands_have_room,
        from_zero: by == ByEpoch::Norms,
    };
    let looks = subject.looks.clone();
    let words = Words {
        title: subject.title(&title),
        caption,
        description: None,
    };
    Figure::new(rows, words, move |rows, width| {
        curves::draw(rows, &whole, &style, &looks, width)
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

fn to_target(subject: &Subject<'_>, value: f64, part: Part<TargetRow>) -> Figure {
    let task = subject.task;
    let title = format!("steps and time to a target{}", part.title());
    let Part { rows, whole, said } = part;
    let caption = format!(
        "Optimizer steps and seconds of training of {} to a validation {} of {}. Every arm reaches \
         this target in the mean at the smallest batch. Markers are means and bars ranges over \
         the seeds that reach it (n = {} of {}), read at the evaluations. A hollow marker is a mean \
         over some of the seeds only, since the others do not reach it. This favours its arm, and \
         no line joins it. Without a marker, no seed reaches it. The dashed line halves with each \
         doubling of the batch.{said}",
        task.name,
        task.metric,
        number(value),
        counts(rows.rows().iter().map(|row| row.reached)),
        counts(rows.rows().iter().map(|row| row.seeds)),
    );
    let looks = subject.looks.clone();
    let words = Words {
        title: subject.title(&title),
        caption,
        description: None,
    };
    Figure::new(rows, words, move |rows, width| {
        target::draw(rows, &whole, &looks, width)
    })
}

fn tuned(subject: &Subject<'_>, parameter: &str, part: Part<TuningPointRow>) -> Figure {
    let task = subject.task;
    let title = format!("tuning{}", part.title());
    let Part { rows, whole, said } = part;
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
         by side. Other hyper-parameters may have been varied as well.{lost}{said}",
        task.metric,
        task.name,
        rows_by_arm(rows.rows()),
    );
    let values = whole.iter().filter_map(|trial| trial.validation);
    let label = format!("validation {}", task.metric);
    let measure = Measure::metric(label, task.higher_is_better, values);
    let words = Words {
        title: subject.title(&title),
        caption,
        description: None,
    };
    Figure::new(rows, words, move |rows, width| {
        tuning::draw(rows, &whole, &name, &measure, width)
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
