//! What a task ended with: test metrics, gaps, drops, and advantages of treatments.

use super::parts::{Part, by_arms, in_parts};
use super::subject::Subject;
use super::words::{band, counts, missing, rows_by_arm, rows_of_arms, thinned};
use crate::analysis::{Answer, Question, Task};
use crate::error::Error;
use crate::figures::by_batch;
use crate::figures::figure::{Figure, Words};
use crate::figures::forest;
use crate::figures::measure::Measure;
use crate::figures::paired;
use crate::figures::scatter;
use crate::figures::slopes;
use crate::records::Outcome;
use crate::tables::{self, BatchPoint, BatchRow, ByBatch, DropRow, FitRow, ForestRow, PairedPoint};
use crate::text::{batch, better, capital, count, integer, number, on_test, percent};

pub(super) fn figures(subject: &Subject<'_>) -> Result<Vec<Figure>, Error> {
    let (task, contrasts) = (subject.task, &subject.request.contrasts);
    let mut figures = Vec::new();
    for quantity in [ByBatch::TestMetric, ByBatch::GeneralizationGap] {
        let rows = tables::by_batch(task, quantity, subject.level())?;
        let parts = by_arms(rows, contrasts).into_iter();
        figures.extend(parts.map(|part| against_batch(subject, quantity, part)));
    }
    let largest = task.batch_sizes.last().copied().unwrap_or_default();
    let reference = subject.request.reference_batch_size;
    if task.batch_sizes.contains(&reference) && largest > reference {
        let rows = tables::drops(task, reference, largest);
        let parts = by_arms(rows, contrasts).into_iter();
        figures.extend(parts.map(|part| slopegraph(subject, (reference, largest), part)));
    }
    figures.extend(forests(subject));
    let family = subject.analysis.family(&task.name, Question::TestMetric);
    let answers = family.into_iter().flat_map(|family| &family.answers);
    let at_largest = answers.filter(|answer| {
        answer.comparison.place.batch_size == Some(largest) && !answer.comparison.seeds.is_empty()
    });
    figures.extend(at_largest.map(|answer| pairs(subject, answer, largest)));
    let parts = by_arms(tables::fit(task), contrasts).into_iter();
    figures.extend(parts.map(|part| loss_and_test(subject, part)));
    Ok(figures)
}

/// Confirmation trials that did not end well.
fn failed(subject: &Subject<'_>) -> usize {
    let task = subject.task;
    let cells = task
        .arms
        .iter()
        .flat_map(|arm| task.batch_sizes.iter().map(move |size| (arm, *size)));
    let trials = cells.flat_map(|(arm, size)| task.confirmations(arm, size));
    trials.filter(|trial| trial.outcome != Outcome::Ok).count()
}

fn against_batch(subject: &Subject<'_>, quantity: ByBatch, part: Part<BatchRow>) -> Figure {
    let task = subject.task;
    let name = quantity.name(&task.metric);
    let title = subject.title(&format!("{name} by batch size{}", part.title()));
    let Part { rows, whole, said } = part;
    let more_is_better = quantity == ByBatch::TestMetric && task.higher_is_better;
    let means = rows.rows().iter().filter_map(|row| match row.point {
        BatchPoint::Seed { .. } => None,
        BatchPoint::Mean(mean) => Some(mean.n),
    });
    let caption = format!(
        "{} ({}) of {} against batch size. Small markers are single seeds, large markers their \
         means (n = {} seeds). Bars are {} t intervals of the mean. An arrowhead ends a bar that \
         leaves the panel.{}{}{said}",
        capital(&name),
        better(more_is_better),
        task.name,
        counts(means.clone()),
        percent(subject.level()),
        thinned(means.max().unwrap_or(0), "seeds"),
        missing(failed(subject)),
    );
    let description = Some(means_in_words(rows.rows(), &name));
    let seeds = whole.iter().filter_map(|row| match row.point {
        BatchPoint::Seed { value, .. } => Some(value),
        BatchPoint::Mean(_) => None,
    });
    let measure = match quantity {
        ByBatch::TestMetric => test_metric(task, seeds),
        ByBatch::GeneralizationGap => Measure::unbounded("generalization gap"),
    };
    let looks = subject.looks.clone();
    let words = Words {
        title,
        caption,
        description,
    };
    Figure::new(rows, words, move |rows, width| {
        by_batch::draw(rows, &whole, &measure, &looks, width)
    })
}

/// The test metric, and which direction of it is better.
fn directed(task: &Task) -> String {
    format!(
        "{} ({})",
        on_test(&task.metric),
        better(task.higher_is_better)
    )
}

/// The test metric, of which these are values, on an axis.
fn test_metric(task: &Task, values: impl Iterator<Item = f64>) -> Measure {
    Measure::metric(on_test(&task.metric), task.higher_is_better, values)
}

fn slopegraph(subject: &Subject<'_>, batches: (i64, i64), part: Part<DropRow>) -> Figure {
    let task = subject.task;
    let title = format!("large-batch drop{}", part.title());
    let Part { rows, whole, said } = part;
    let most = rows_of_arms(rows.rows()).into_iter().max().unwrap_or(0);
    let caption = format!(
        "{} of {} at batch sizes {} and {}. Thin lines are single seeds (n = {} seeds per arm), \
         thick lines their means. The large-batch drop is the {} of a line.{} No intervals are \
         drawn.{said}",
        capital(&directed(task)),
        task.name,
        batch(batches.0),
        batch(batches.1),
        rows_by_arm(rows.rows()),
        if task.higher_is_better {
            "fall"
        } else {
            "rise"
        },
        thinned(most, "seeds"),
    );
    let values = whole
        .iter()
        .flat_map(|row| [row.at_reference, row.at_largest]);
    let measure = test_metric(task, values);
    let looks = subject.looks.clone();
    let words = Words {
        title: subject.title(&title),
        caption,
        description: None,
    };
    Figure::new(rows, words, move |rows, width| {
        slopes::draw(rows, &whole, &measure, batches, &looks, width)
    })
}

/// The advantages in the unit of the metric. They are in one figure, or where there are many, in
/// one figure per question.
fn forests(subject: &Subject<'_>) -> Vec<Figure> {
    let questions = [
        Question::TestMetric,
        Question::GeneralizationGap,
        Question::LargeBatchDrop,
    ];
    let task = subject.task;
    let lost = diverged(subject, &questions);
    let rows = |questions: &[Question]| tables::forest(subject.analysis, task, questions);
    let figure = |part| advantages(subject, part, &lost);
    let all = rows(&questions);
    if !all.is_empty() {
        let all = figure(Part::all(all));
        if all.fits_everywhere() {
            return vec![all];
        }
    }
    let one_question = |question: Question| {
        let one = rows(&[question]);
        let identity = one.identity().with(question.name());
        let one = one.identified(identity);
        // A part has as many contrasts as a page has room for.
        let mut most = subject.request.contrasts.len().max(1);
        loop {
            let parts = in_parts(one.clone(), |row| &row.treatment, &[], most).into_iter();
            let figures: Vec<Figure> = parts.map(figure).collect();
            if most == 1 || figures.iter().all(Figure::fits_everywhere) {
                return figures;
            }
            most = most.div_ceil(2);
        }
    };
    questions.into_iter().flat_map(one_question).collect()
}

/// What divergence changes in the figure of advantages, in a sentence.
fn diverged(subject: &Subject<'_>, questions: &[Question]) -> String {
    let families = questions
        .iter()
        .filter_map(|question| subject.analysis.family(&subject.task.name, *question));
    let answers = families.flat_map(|family| &family.answers);
    let some = answers.filter(|answer| answer.comparison.diverged.any());
    let (drawn, not): (Vec<&Answer>, Vec<&Answer>) =
        some.partition(|answer| answer.comparison.advantage.is_some());
    let mut text = String::new();
    if !drawn.is_empty() {
        text.push_str(
            " Where a trial of a pair diverged, p is that of the signed-rank test with diverged \
             trials ranked worst.",
        );
    }
    if !not.is_empty() {
        text.push_str(&format!(
            " In {} every pair has a diverged trial, so there is no difference to draw.",
            count(not.len(), "comparison", "comparisons"),
        ));
    }
    text
}

fn advantages(subject: &Subject<'_>, part: Part<ForestRow>, lost: &str) -> Figure {
    let title_of_part = part.title();
    let Part { rows, whole, said } = part;
    let first = rows.rows().first().map(|row| row.question);
    let title = match first {
        Some(question) if rows.rows().iter().all(|row| row.question == question) => {
            format!("advantages in {}", question.name())
        }
        _ => "advantages".to_owned(),
    };
    let title = format!("{title}{title_of_part}");
    let caption = format!(
        "Advantage of the treatment on {} by question and batch size (n = {} paired seeds). It is \
         the mean paired difference, positive where the treatment is better, with its {} t \
         interval. An arrowhead ends an interval that leaves the panel. p is that of the {} test, \
         adjusted by Holm.{lost}{}{said}",
        subject.task.name,
        counts(rows.rows().iter().map(|row| row.n)),
        percent(subject.level()),
        subject.request.deciding_test.name(),
        band(subject.margin()),
    );
    let (margin, looks) = (subject.margin(), subject.looks.clone());
    let words = Words {
        title: subject.title(&title),
        caption,
        description: None,
    };
    Figure::new(rows, words, move |rows, width| {
        forest::draw(rows, &whole, margin, &looks, width)
    })
}

/// The test metric at the largest batch size, pair by pair.
fn pairs(subject: &Subject<'_>, answer: &Answer, largest: i64) -> Figure {
    let task = subject.task;
    let rows = tables::paired(task, answer, subject.margin());
    let contrast = &answer.comparison.place.contrast;
    let (baseline, treatment) = (contrast.baseline.clone(), contrast.treatment.clone());
    let n = answer.comparison.seeds.len();
    let caption = format!(
        "{} of {} at batch size {}: n = {n} {} of {baseline} and {treatment} (left; dashed \
         where the treatment is worse), their advantages and the mean with its {} t interval \
         (right).{}{}",
        capital(&directed(task)),
        task.name,
        batch(largest),
        if n == 1 { "pair" } else { "pairs" },
        percent(subject.level()),
        band(subject.margin()),
        thinned(n, "pairs"),
    );
    let title = subject.title(&format!("{treatment} against {baseline}, pair by pair"));
    let values = rows.rows().iter().flat_map(|row| match row.point {
        PairedPoint::Seed {
            baseline,
            treatment,
            ..
        } => [baseline, treatment],
        PairedPoint::Mean { .. } => [None; 2],
    });
    let measure = test_metric(task, values.flatten());
    let looks = subject.looks.clone();
    let words = Words {
        title,
        caption,
        description: None,
    };
    Figure::new(rows, words, move |rows, width| {
        paired::draw(rows, &measure, [&baseline, &treatment], &looks, width)
    })
}

fn loss_and_test(subject: &Subject<'_>, part: Part<FitRow>) -> Figure {
    let task = subject.task;
    let title_of_part = part.title();
    let Part { rows, whole, said } = part;
    let (test, measure): (fn(&FitRow) -> Option<f64>, _) = if tables::is_share(task) {
        let error = format!("test error (1 − {})", task.metric);
        (|row| row.test_error, Measure::share(error))
    } else {
        let metric = Measure::unbounded(on_test(&task.metric));
        (|row| Some(row.test_metric), metric)
    };
    let label = &measure.label;
    let caption = format!(
        "Final training loss against {label} of {}: one marker per confirmation trial (n = {} \
         trials per arm). The larger the marker, the larger the batch.{}{said}",
        task.name,
        rows_by_arm(rows.rows()),
        missing(failed(subject)),
    );
    let title = subject.title(&format!("training loss and {label}{title_of_part}"));
    let looks = subject.looks.clone();
    let words = Words {
        title,
        caption,
        description: None,
    };
    Figure::new(rows, words, move |rows, width| {
        scatter::draw(rows, &whole, test, &measure, &looks, width)
    })
}

/// The means in words, for readers who cannot see the figure.
fn means_in_words(rows: &[BatchRow], name: &str) -> String {
    let mean = |row: &BatchRow| match row.point {
        BatchPoint::Seed { .. } => None,
        BatchPoint::Mean(mean) => Some(format!(
            "{} at {}: {}",
            row.arm,
            integer(row.batch_size),
            number(mean.value)
        )),
    };
    let parts: Vec<String> = rows.iter().filter_map(mean).collect();
    format!("Mean {name} by arm and batch size. {}.", parts.join("; "))
}
