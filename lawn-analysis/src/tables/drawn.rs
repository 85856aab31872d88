//! Tables made to be drawn.

use super::{Table, Value};
use crate::analysis::{Analysis, Answer, Question, Target, Task, TuningPoints};
use crate::records::Outcome;
use crate::text::on_test;

/// Every advantage of some questions, which are all in the unit of the metric.
pub fn forest(analysis: &Analysis, task: &Task, questions: &[Question]) -> Table {
    let mut table = Table::of_task(
        [task.name.as_str(), "forest"],
        format!("Advantages of the treatments on {}.", task.name),
        &[
            "question",
            "treatment",
            "baseline",
            "batch_size",
            "n",
            "advantage",
            "low",
            "high",
            "adjusted_p",
            "verdict",
        ],
    );
    let families = questions
        .iter()
        .filter_map(|question| analysis.family(&task.name, *question));
    for answer in families.flat_map(|family| &family.answers) {
        let Some(advantage) = answer.comparison.advantage else {
            continue;
        };
        let place = &answer.comparison.place;
        table.push(vec![
            place.question.name().into(),
            (&place.contrast.treatment).into(),
            (&place.contrast.baseline).into(),
            place.batch_size.into(),
            advantage.n.into(),
            advantage.value.into(),
            advantage.interval.map(|interval| interval.low).into(),
            advantage.interval.map(|interval| interval.high).into(),
            answer.adjusted.deciding.into(),
            answer.verdict.as_str().into(),
        ]);
    }
    table
}

/// The pairs of one comparison of the test metric, and their mean.
pub fn paired(task: &Task, answer: &Answer, margin: Option<f64>) -> Table {
    let comparison = &answer.comparison;
    let contrast = &comparison.place.contrast;
    let mut table = Table::of_task(
        [
            task.name.as_str(),
            "paired",
            &contrast.treatment,
            &contrast.baseline,
        ],
        format!(
            "Pairs of {} and {} on {}.",
            contrast.baseline, contrast.treatment, task.name
        ),
        &[
            "kind",
            "seed",
            "n",
            "baseline",
            "treatment",
            "advantage",
            "low",
            "high",
            "margin",
        ],
    );
    let test = |arm: &str, seed: i64| {
        task.confirmation(arm, comparison.place.batch_size?, seed)?
            .test_metric
    };
    for (seed, advantage) in comparison.seeds.iter().zip(&comparison.advantages) {
        table.push(vec![
            "seed".into(),
            (*seed).into(),
            Value::Absent,
            test(&contrast.baseline, *seed).into(),
            test(&contrast.treatment, *seed).into(),
            (*advantage).into(),
            Value::Absent,
            Value::Absent,
            Value::Absent,
        ]);
    }
    if let Some(advantage) = comparison.advantage {
        table.push(vec![
            "mean".into(),
            Value::Absent,
            advantage.n.into(),
            comparison.baseline.map(|mean| mean.value).into(),
            comparison.treatment.map(|mean| mean.value).into(),
            advantage.value.into(),
            advantage.interval.map(|interval| interval.low).into(),
            advantage.interval.map(|interval| interval.high).into(),
            margin.into(),
        ]);
    }
    table
}

/// Test metric of every seed at the reference and at the largest batch size.
pub fn drops(task: &Task, reference: i64, largest: i64) -> Table {
    let mut table = Table::of_task(
        [task.name.as_str(), "drop"],
        format!(
            "Large-batch drop: {} of {} at batch sizes {reference} and {largest}.",
            on_test(&task.metric),
            task.name
        ),
        &["arm", "seed", "at_reference", "at_largest", "drop"],
    );
    for arm in &task.arms {
        for small in task.confirmations(arm, reference) {
            let large = task.confirmation(arm, largest, small.seed);
            let ends = small
                .test_metric
                .zip(large.and_then(|trial| trial.test_metric));
            let Some((from, to)) = ends else { continue };
            table.push(vec![
                arm.into(),
                small.seed.into(),
                from.into(),
                to.into(),
                (task.sign() * (from - to)).into(),
            ]);
        }
    }
    table
}

/// Whether a metric is a share of what is right, of which the rest is an error.
pub(crate) fn is_share(task: &Task) -> bool {
    let tests = task
        .arms
        .iter()
        .flat_map(|arm| task.batch_sizes.iter().map(move |size| (arm, *size)))
        .flat_map(|(arm, size)| task.confirmations(arm, size))
        .filter_map(|trial| trial.test_metric);
    task.higher_is_better && tests.into_iter().all(|test| (0.0..=1.0).contains(&test))
}

/// Final training loss and test metric of every confirmation trial that ended well.
pub fn fit(task: &Task) -> Table {
    let mut table = Table::of_task(
        [task.name.as_str(), "fit"],
        format!(
            "Training loss and {} of {}, trial by trial.",
            on_test(&task.metric),
            task.name
        ),
        &[
            "arm",
            "batch_size",
            "seed",
            "train_loss",
            "test_metric",
            "test_error",
        ],
    );
    let share = is_share(task);
    for arm in &task.arms {
        for batch_size in &task.batch_sizes {
            let trials = task.confirmations(arm, *batch_size);
            for trial in trials.filter(|trial| trial.outcome == Outcome::Ok) {
                let loss = trial.train_loss.filter(|loss| loss.is_finite());
                let Some((loss, test)) = loss.zip(trial.test_metric) else {
                    continue;
                };
                table.push(vec![
                    arm.into(),
                    (*batch_size).into(),
                    trial.seed.into(),
                    loss.into(),
                    test.into(),
                    share.then_some(1.0 - test).into(),
                ]);
            }
        }
    }
    table
}

/// Every tuning trial by the value of a hyper-parameter.
pub fn tuning_points(task: &Task, found: &TuningPoints) -> Table {
    let mut table = Table::of_task(
        [task.name.as_str(), "tuning"],
        format!(
            "Validation {} of {} in tuning by {}.",
            task.metric, task.name, found.parameter
        ),
        &[
            "arm",
            "batch_size",
            "setting",
            "parameter",
            "value",
            "validation_metric",
            "chosen",
        ],
    );
    for point in &found.points {
        table.push(vec![
            (&point.arm).into(),
            point.batch_size.into(),
            point.setting.into(),
            (&found.parameter).into(),
            point.value.into(),
            point.validation.into(),
            if point.chosen { "yes" } else { "no" }.into(),
        ]);
    }
    table
}

/// Steps and seconds to the target: mean and range over the seeds that reach it.
pub fn target(task: &Task, target: &Target) -> Table {
    let mut table = Table::of_task(
        [task.name.as_str(), "target"],
        format!(
            "Steps and seconds of {} to a validation {}.",
            task.name, task.metric
        ),
        &[
            "arm",
            "batch_size",
            "target",
            "seeds",
            "reached",
            "steps",
            "steps_low",
            "steps_high",
            "seconds",
            "seconds_low",
            "seconds_high",
        ],
    );
    for cell in &target.cells {
        let mean = |values: &[f64]| {
            (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
        };
        table.push(vec![
            (&cell.arm).into(),
            cell.batch_size.into(),
            target.value.into(),
            cell.seeds.into(),
            cell.steps.len().into(),
            mean(&cell.steps).into(),
            cell.steps.iter().copied().reduce(f64::min).into(),
            cell.steps.iter().copied().reduce(f64::max).into(),
            mean(&cell.seconds).into(),
            cell.seconds.iter().copied().reduce(f64::min).into(),
            cell.seconds.iter().copied().reduce(f64::max).into(),
        ]);
    }
    table
}
