//! What a task ended with: test metrics, gaps, drops, and the advantages of treatments.

use super::words::{
    band, capital, counts, missing, most, most_rows_of_an_arm, rows_by_arm, thinned,
};
use super::{Subject, by_arms, filled, in_parts, of_part, part_in_words};
use crate::analysis::{Answer, Question, Task};
use crate::error::Error;
use crate::figures::{Figure, by_batch, forest, paired, scatter, slopes};
use crate::records::Outcome;
use crate::tables::{self, ByBatch, Table, Value};
use crate::text::{batch, better, count, on_test, percent};

pub(super) fn figures(subject: &Subject<'_>) -> Result<Vec<Figure>, Error> {
    let task = subject.task;
    let mut figures = Vec::new();
    for quantity in [ByBatch::TestMetric, ByBatch::GeneralizationGap] {
        let table = tables::by_batch(task, quantity, subject.level())?;
        let parts = by_arms(table).into_iter();
        figures.extend(parts.map(|table| against_batch(subject, quantity, table)));
    }
    let largest = task.batch_sizes.last().copied().unwrap_or_default();
    let reference = subject.request.reference_batch_size;
    if task.batch_sizes.contains(&reference) && largest > reference {
        let table = tables::drops(task, reference, largest);
        let parts = by_arms(table).into_iter();
        figures.extend(parts.map(|table| slopegraph(subject, (reference, largest), table)));
    }
    figures.extend(forests(subject));
    let family = subject.analysis.family(&task.name, Question::TestMetric);
    let answers = family.into_iter().flat_map(|family| &family.answers);
    let at_largest = answers.filter(|answer| {
        answer.comparison.place.batch_size == Some(largest) && !answer.comparison.seeds.is_empty()
    });
    figures.extend(at_largest.map(|answer| pairs(subject, answer, largest)));
    let parts = by_arms(tables::fit(task)).into_iter();
    figures.extend(parts.map(|table| loss_and_test(subject, table)));
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

fn against_batch(subject: &Subject<'_>, quantity: ByBatch, table: Table) -> Figure {
    let task = subject.task;
    let name = quantity.name(&task.metric);
    let more_is_better = quantity == ByBatch::TestMetric && task.higher_is_better;
    let caption = format!(
        "{} ({}) of {} against batch size. Small markers are single seeds, large ones their means (n = \
         {} seeds); bars are {} t intervals of the mean, cut with an arrowhead where they leave the \
         panel.{}{}{}",
        capital(&name),
        better(more_is_better),
        task.name,
        counts(&table, "n"),
        percent(subject.level()),
        thinned(most(&table, "n"), "seeds"),
        missing(failed(subject)),
        part_in_words(&table),
    );
    let description = means_in_words(&table, &name);
    let title = subject.title(&format!("{name} by batch size{}", of_part(&table)));
    let label = match quantity {
        ByBatch::TestMetric => name,
        ByBatch::GeneralizationGap => "generalization gap".to_owned(),
    };
    let looks = subject.looks.clone();
    Figure::new(table, title, caption, description, move |table, width| {
        by_batch::draw(table, &label, &looks, width)
    })
}

/// The test metric and which direction of it is better.
fn directed(task: &Task) -> String {
    format!(
        "{} ({})",
        on_test(&task.metric),
        better(task.higher_is_better)
    )
}

fn slopegraph(subject: &Subject<'_>, batches: (i64, i64), table: Table) -> Figure {
    let task = subject.task;
    let most = most_rows_of_an_arm(&table);
    let caption = format!(
        "{} of {} at batch sizes {} and {}, seed by seed (thin, n = {} seeds an arm) and in the \
         mean (thick): the large-batch drop is the {} of a line.{} No intervals are drawn.{}",
        capital(&directed(task)),
        task.name,
        batch(batches.0),
        batch(batches.1),
        rows_by_arm(&table),
        if task.higher_is_better {
            "fall"
        } else {
            "rise"
        },
        thinned(most, "seeds"),
        part_in_words(&table),
    );
    let title = format!("large-batch drop{}", of_part(&table));
    let label = on_test(&task.metric);
    let looks = subject.looks.clone();
    Figure::new(
        table,
        subject.title(&title),
        caption.clone(),
        caption,
        move |table, width| slopes::draw(table, &label, batches, &looks, width),
    )
}

/// The advantages in the unit of the metric: in one figure, or one a question where there are many.
fn forests(subject: &Subject<'_>) -> Vec<Figure> {
    let questions = [
        Question::TestMetric,
        Question::GeneralizationGap,
        Question::LargeBatchDrop,
    ];
    let task = subject.task;
    let lost = diverged(subject, &questions);
    let table = |questions: &[Question]| tables::forest(subject.analysis, task, questions);
    let figure = |table| advantages(subject, table, &lost);
    if let Some(all) = filled(table(&questions)).map(figure)
        && all.fits_everywhere()
    {
        return vec![all];
    }
    let one_question = |question: Question| {
        let one = table(&[question]);
        let identity = one.identity().with(question.name());
        let one = one.identified(identity);
        // As many contrasts as a page has room for.
        let mut most = subject.request.contrasts.len().max(1);
        loop {
            let parts = in_parts(one.clone(), "treatment", most).into_iter();
            let figures: Vec<Figure> = parts.map(figure).collect();
            if most == 1 || figures.iter().all(Figure::fits_everywhere) {
                return figures;
            }
            most = most.div_ceil(2);
        }
    };
    questions.into_iter().flat_map(one_question).collect()
}

/// What divergence changes in the advantages, in a sentence.
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
             trials worst.",
        );
    }
    if !not.is_empty() {
        text.push_str(&format!(
            " {} of which every pair has a diverged trial {} no difference to draw.",
            count(not.len(), "comparison", "comparisons"),
            if not.len() == 1 { "has" } else { "have" },
        ));
    }
    text
}

fn advantages(subject: &Subject<'_>, table: Table, lost: &str) -> Figure {
    let question = table.column("question");
    let first = table.rows().first().map(|row| row[question].shown());
    let same = |row: &Vec<Value>| Some(row[question].shown()) == first;
    let title = match &first {
        Some(question) if table.rows().iter().all(same) => format!("advantages in {question}"),
        _ => "advantages".to_owned(),
    };
    let title = format!("{title}{}", of_part(&table));
    let caption = format!(
        "Advantage of the treatment on {} by question and batch size (n = {} paired seeds): mean \
         paired difference with {} t interval, cut with an arrowhead where it leaves the panel, \
         positive where the treatment is better, and p of the {} test adjusted by Holm.{lost}{}",
        subject.task.name,
        counts(&table, "n"),
        percent(subject.level()),
        subject.request.deciding_test.name(),
        band(subject.margin()),
    );
    let (margin, looks) = (subject.margin(), subject.looks.clone());
    Figure::new(
        table,
        subject.title(&title),
        caption.clone(),
        caption,
        move |table, width| forest::draw(table, margin, &looks, width),
    )
}

/// The test metric at the largest batch size, pair by pair.
fn pairs(subject: &Subject<'_>, answer: &Answer, largest: i64) -> Figure {
    let task = subject.task;
    let table = tables::paired(task, answer, subject.margin());
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
    let label = on_test(&task.metric);
    let looks = subject.looks.clone();
    Figure::new(
        table,
        title,
        caption.clone(),
        caption,
        move |table, width| paired::draw(table, &label, [&baseline, &treatment], &looks, width),
    )
}

fn loss_and_test(subject: &Subject<'_>, table: Table) -> Figure {
    let task = subject.task;
    let (column, label) = if tables::is_share(task) {
        ("test_error", format!("test error (1 − {})", task.metric))
    } else {
        ("test_metric", on_test(&task.metric))
    };
    let caption = format!(
        "Final training loss against {label} of {}: one marker a confirmation trial (n = {} trials \
         an arm), the larger the marker the larger the batch.{}{}",
        task.name,
        rows_by_arm(&table),
        missing(failed(subject)),
        part_in_words(&table),
    );
    let title = subject.title(&format!("training loss and {label}{}", of_part(&table)));
    let looks = subject.looks.clone();
    Figure::new(
        table,
        title,
        caption.clone(),
        caption,
        move |table, width| scatter::draw(table, column, &label, &looks, width),
    )
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
