//! Figures over all tasks.

use crate::analysis::{ArmRanks, ArmScores};
use crate::figures::palette::Looks;
use crate::figures::{Figure, profile, ranks};
use crate::tables;
use crate::text::p_value;

/// The figures over all tasks.
pub(crate) fn of_all_tasks(
    tasks: &[crate::analysis::Task],
    scores: &[ArmScores],
    ranked: Option<&ArmRanks>,
) -> Vec<Figure> {
    let looks = super::looks(tasks);
    let profile = (scores.len() > 1).then(|| of_scores(scores, looks.clone()));
    let ranks = ranked.map(|ranks| of_ranks(ranks, looks));
    profile.into_iter().chain(ranks).collect()
}

fn of_scores(scores: &[ArmScores], looks: Looks) -> Figure {
    let runs = scores.iter().map(|arm| arm.interquartile_mean.n);
    let (least, most) = (runs.clone().min(), runs.max());
    let n = match (least, most) {
        (Some(least), Some(most)) if least < most => format!("{least} to {most}"),
        (_, most) => most.unwrap_or(0).to_string(),
    };
    let caption = format!(
        "Performance profile over all tasks at the largest batch size: the part of runs (n = {n} an \
         arm) with a score above each value, a score being the test metric as a share of the \
         baseline's mean at the reference batch size, 0 where a trial diverged. No intervals are drawn."
    );
    Figure::new(
        tables::profile(scores),
        "All tasks: performance profile".to_owned(),
        caption.clone(),
        caption,
        move |table, width| profile::draw(table, &looks, width),
    )
}

fn of_ranks(found: &ArmRanks, looks: Looks) -> Figure {
    let test = format!(" Friedman's test: {}.", p_value(found.friedman.p));
    let caption = format!(
        "Critical-difference diagram: mean ranks of the arms over n = {} blocks (task, batch size \
         and seed), 1 being the best and diverged trials the worst. The blocks are those of the \
         tasks at hand, so nothing is said of other tasks. Bars join arms whose ranks differ by less than Nemenyi's \
         critical difference.{test}",
        found.ranking.blocks
    );
    Figure::new(
        tables::ranks(found),
        "All tasks: mean ranks".to_owned(),
        caption.clone(),
        caption,
        move |table, width| ranks::draw(table, &looks, width),
    )
}
