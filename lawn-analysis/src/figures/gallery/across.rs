//! Figures over all tasks.

use super::parts::{Part, by_arms, in_parts};
use super::subject::looks;
use super::words::{bands, rows_of_arms};
use crate::analysis::{ArmRanks, ArmScores, Improvement, Task};
use crate::figures::estimates;
use crate::figures::figure::{Figure, Words};
use crate::figures::palette::Looks;
use crate::figures::profile;
use crate::figures::ranks;
use crate::request::ReportRequest;
use crate::tables::{self, ImprovementRow, ProfileRow, ScoreRow};
use crate::text::{batch, on_test, p_value, percent};

/// The most names for which a drawing has room on a page.
const MOST_ROWS: usize = 25;

/// What was found over all tasks.
#[derive(Clone, Copy)]
pub(crate) struct AcrossTasks<'a> {
    pub(crate) scores: &'a [ArmScores],
    pub(crate) improvements: &'a [Improvement],
    pub(crate) ranks: Option<&'a ArmRanks>,
}

/// The figures over all tasks.
pub(crate) fn of_all_tasks(
    tasks: &[Task],
    found: AcrossTasks<'_>,
    request: &ReportRequest,
) -> Vec<Figure> {
    let looks = looks(tasks);
    let mut figures = Vec::new();
    let score = Score::new(tasks, request);
    if found.scores.len() > 1 {
        let rows = tables::profile(found.scores, score.level);
        let parts = by_arms(rows, &request.contrasts).into_iter();
        figures.extend(parts.map(|part| of_profile(found.scores, part, &score, looks.clone())));
        let rows = tables::interval_estimates(found.scores);
        let parts = in_parts(rows, |row| &row.arm, &request.contrasts, MOST_ROWS);
        let figure = |part| of_estimates(found.scores, part, &score, looks.clone());
        figures.extend(parts.into_iter().map(figure));
    }
    let rows = tables::improvement(found.improvements);
    let parts = in_parts(rows, |row| &row.treatment, &[], MOST_ROWS);
    let figure = |part| of_improvement(found.improvements, part, &score, looks.clone());
    figures.extend(parts.into_iter().map(figure));
    figures.extend(found.ranks.map(|ranks| of_ranks(ranks, looks)));
    figures
}

/// What a score is, as a label and as a sentence.
struct Score {
    label: String,
    sentence: String,
    level: f64,
}

impl Score {
    fn new(tasks: &[Task], request: &ReportRequest) -> Self {
        let baseline = request
            .contrasts
            .first()
            .map_or("", |c| c.baseline.as_str());
        let reference = batch(request.reference_batch_size);
        let unit = format!("{baseline}'s mean at batch {reference}");
        let metric = match tasks {
            [task] => on_test(&task.metric),
            _ => "test metric".to_owned(),
        };
        let largest: Vec<String> = tasks
            .iter()
            .filter_map(|task| task.batch_sizes.last().map(|size| batch(*size)))
            .collect();
        let at = match &largest[..] {
            [one] => format!("the largest batch size ({one})"),
            _ => "the largest batch size of each task".to_owned(),
        };
        let inverse = tasks.iter().any(|task| !task.higher_is_better);
        let turned = if inverse {
            " (inverted where less of the metric is better)"
        } else {
            ""
        };
        Self {
            label: format!("score: {metric} as a share of {unit}"),
            sentence: format!(
                "A score is the {metric} of a run at {at}, divided by {unit}{turned}. A diverged \
                 trial scores 0."
            ),
            level: 1.0 - request.alpha,
        }
    }
}

fn runs(scores: &[ArmScores]) -> String {
    let runs = scores.iter().map(|arm| arm.interquartile_mean.n);
    match (runs.clone().min(), runs.max()) {
        (Some(least), Some(most)) if least < most => format!("{least} to {most}"),
        (_, most) => most.unwrap_or(0).to_string(),
    }
}

fn of_profile(scores: &[ArmScores], part: Part<ProfileRow>, score: &Score, looks: Looks) -> Figure {
    let title = format!("All tasks: performance profile{}", part.title());
    let Part { rows, whole, said } = part;
    let caption = format!(
        "Performance profile over all tasks: the share of runs (n = {} per arm) with a score \
         above each value. The higher a line, the better its arm. {}{}{said}",
        runs(scores),
        score.sentence,
        bands(
            rows_of_arms(rows.rows()).len(),
            &format!(
                "{} Clopper–Pearson intervals at each single value, not simultaneous bands",
                percent(score.level)
            )
        ),
    );
    let label = score.label.clone();
    let words = Words {
        title,
        caption,
        description: None,
    };
    Figure::new(rows, words, move |rows, width| {
        profile::draw(rows, &whole, &label, &looks, width)
    })
}

fn of_estimates(scores: &[ArmScores], part: Part<ScoreRow>, score: &Score, looks: Looks) -> Figure {
    let title = format!("All tasks: interval estimates{}", part.title());
    let Part { rows, whole, said } = part;
    let without = scores
        .iter()
        .flat_map(|arm| &arm.aggregates)
        .any(|(_, estimate)| estimate.interval.is_none());
    let without = if without {
        " Where all resamples agree there is no interval, and none is drawn."
    } else {
        ""
    };
    let caption = format!(
        "Scores of all tasks in one number per arm (n = {} runs), with {} stratified bootstrap \
         intervals. With fewer than ten runs per task these cover less than their level. {} More \
         is better, except for the optimality gap: it is how far scores fall short of \
         1.{without}{said}",
        runs(scores),
        percent(score.level),
        score.sentence,
    );
    let words = Words {
        title,
        caption,
        description: None,
    };
    Figure::new(rows, words, move |rows, width| {
        estimates::draw_statistics(rows, &whole, &looks, width)
    })
}

fn of_improvement(
    found: &[Improvement],
    part: Part<ImprovementRow>,
    score: &Score,
    looks: Looks,
) -> Figure {
    let title = format!("All tasks: probability of improvement{}", part.title());
    let Part { rows, said, .. } = part;
    let runs: Vec<usize> = found.iter().map(|one| one.probability.n).collect();
    let n = match (runs.iter().min(), runs.iter().max()) {
        (Some(least), Some(most)) if least < most => format!("{least} to {most}"),
        (_, most) => most.map_or(String::new(), usize::to_string),
    };
    let caption = format!(
        "Probability that a run of the treatment scores more than a run of the baseline, averaged \
         over tasks (n = {n} runs of both). Right of the dashed line the treatment is favoured, \
         left of it the baseline. {} Bars are {} stratified bootstrap intervals. Where every run \
         of one arm beats every run of the other, they are Clopper–Pearson intervals for disjoint \
         pairs of runs.{said}",
        score.sentence,
        percent(score.level),
    );
    let words = Words {
        title,
        caption,
        description: None,
    };
    Figure::new(rows, words, move |rows, width| {
        estimates::draw_improvement(rows, &looks, width)
    })
}

fn of_ranks(found: &ArmRanks, looks: Looks) -> Figure {
    let test = format!(" Friedman's test: {}.", p_value(found.friedman.p));
    let caption = format!(
        "Critical-difference diagram: mean ranks of the arms over n = {} blocks. A block is a \
         task, a batch size and a seed. Rank 1 is the best, and diverged trials rank worst. All \
         blocks come from these tasks, so nothing is said about other tasks. Bars join arms whose \
         mean ranks differ by less than Nemenyi's critical difference.{test}",
        found.ranking.blocks
    );
    let words = Words {
        title: "All tasks: mean ranks".to_owned(),
        caption,
        description: None,
    };
    Figure::new(tables::ranks(found), words, move |rows, width| {
        ranks::draw(rows, &looks, width)
    })
}
