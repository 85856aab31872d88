//! The claims over all tasks: what each task says of each claim, and what cannot be said.

use super::claim::Claim;
use super::kind::ClaimKind;
use crate::analysis::families::Analysis;
use crate::analysis::freeze::freeze_of;
use crate::analysis::places::known;
use crate::analysis::study::Task;
use crate::error::Error;
use crate::request::{Contrast, ReportRequest};
use crate::stats::{Estimate, RandomEffects, random_effects, t_quantile};

/// The fewest tasks over which a mean is taken. Two would have an interval of 12.7 standard errors.
const FEWEST_TASKS: usize = 3;

/// One claim over all tasks.
#[derive(Clone, Debug)]
pub struct ClaimAcross {
    /// What it is about.
    pub kind: ClaimKind,
    /// The contrast that it is made for; none for a claim about all of them.
    pub contrast: Option<Contrast>,
    /// The claim in words.
    pub claim: String,
    /// What each task says, in the order of the tasks.
    pub cells: Vec<ClaimCell>,
    /// The mean over the tasks.
    pub pooled: Pooled,
}

/// What one task says of a claim.
#[derive(Clone, Debug)]
pub struct ClaimCell {
    /// The task.
    pub task: String,
    /// The claim with its estimate and verdict; none where the task cannot be asked.
    pub claim: Option<Claim>,
    /// Why there is no estimate; none where there is one.
    pub why_none: Option<String>,
    /// Whether the study of the task asks it: it registered the contrast, and no other contrast asks
    /// the same.
    pub is_asked: bool,
}

/// A random-effects mean over tasks, or why there is none.
#[derive(Clone, Debug)]
pub enum Pooled {
    /// The mean, with the interval of Hartung and Knapp.
    Mean(RandomEffects),
    /// Why there is no mean.
    None(String),
}

impl ClaimCell {
    /// The estimate, where there is one.
    pub fn estimate(&self) -> Option<Estimate> {
        self.claim.as_ref()?.estimate
    }
}

/// The analysis of one study, with its claims and what was asked.
#[derive(Clone, Copy)]
pub struct Study<'a> {
    /// The analysis.
    pub analysis: &'a Analysis,
    /// The claims of its tasks.
    pub claims: &'a [Claim],
    /// What was asked.
    pub request: &'a ReportRequest,
}

/// Every claim of the contrasts of some studies, each with what every task says of it.
///
/// The words in a cell are those of [`Claim`]: adjusted by Holm over the claims of its task. Nothing
/// is adjusted over tasks, so with twenty tasks one is expected to err. The mean over tasks gets no
/// word: that a claim holds in general is more than a handful of chosen tasks can show.
///
/// A mean is taken over three tasks or more whose numbers have one unit: doublings, or one metric. A
/// claim that is a smallest part of several has no standard error, and no mean. A contrast that a
/// study did not register is not looked for in it, even where it has both arms.
///
/// # Errors
/// As [`random_effects`].
pub fn claims_across_tasks(studies: &[Study<'_>]) -> Result<Vec<ClaimAcross>, Error> {
    let mut contrasts: Vec<&Contrast> = Vec::new();
    for contrast in studies.iter().flat_map(|study| &study.request.contrasts) {
        if !contrasts.contains(&contrast) {
            contrasts.push(contrast);
        }
    }
    let Some(first) = contrasts.first().copied() else {
        return Ok(Vec::new());
    };
    let tasks: Vec<(&Study<'_>, &Task)> = studies
        .iter()
        .flat_map(|study| study.analysis.tasks.iter().map(move |task| (study, task)))
        .collect();
    let alpha = studies.iter().map(|study| study.request.alpha);
    let level = 1.0 - alpha.fold(0.0, f64::max);
    let mut rows = Vec::new();
    for kind in ClaimKind::ALL {
        let asked: Vec<Option<&Contrast>> = if kind.of_each_contrast() {
            contrasts.iter().copied().map(Some).collect()
        } else {
            vec![None]
        };
        for contrast in asked {
            let cells: Vec<ClaimCell> = tasks
                .iter()
                .map(|(study, task)| cell(task, kind, contrast, study))
                .collect();
            rows.push(ClaimAcross {
                kind,
                contrast: contrast.cloned(),
                claim: in_words(kind, contrast.unwrap_or(first)),
                pooled: pooled(kind, &cells, &tasks, level)?,
                cells,
            });
        }
    }
    rows.retain(|row| !row.cells.is_empty());
    Ok(rows)
}

fn in_words(kind: ClaimKind, contrast: &Contrast) -> String {
    let Contrast {
        baseline,
        treatment,
    } = contrast;
    match kind {
        ClaimKind::LosesAdaptivity => {
            format!("{baseline} loses adaptivity: its logits grow after the freeze of {treatment}")
        }
        ClaimKind::KeepsAdaptivity => {
            format!("{treatment} keeps it: its logits grow less than {baseline}'s")
        }
        ClaimKind::GeneralizesBetter => format!("{treatment} generalizes better than {baseline}"),
        ClaimKind::LosesLess => {
            format!("{treatment} loses less than {baseline} as the batch grows")
        }
        ClaimKind::FirstGainsMost => {
            format!("{treatment} gains most over its baseline, at the largest batch")
        }
        ClaimKind::AllGain => "every treatment gains at the largest batch".to_owned(),
    }
}

fn cell(task: &Task, kind: ClaimKind, contrast: Option<&Contrast>, study: &Study<'_>) -> ClaimCell {
    let mut of_task = study.claims.iter().filter(|claim| claim.task == task.name);
    let found = of_task.find(|one| one.kind == kind && one.contrast.as_ref() == contrast);
    let is_registered = contrast.is_none_or(|one| study.request.contrasts.contains(one));
    // Its growth was measured, and is that of the baseline with another treatment.
    let is_said = found.is_none()
        && kind == ClaimKind::LosesAdaptivity
        && study.claims.iter().any(|claim| {
            claim.task == task.name
                && claim.kind == ClaimKind::KeepsAdaptivity
                && claim.contrast.as_ref() == contrast
        });
    let why_none = match found {
        Some(claim) if claim.estimate.is_some() => None,
        Some(claim) => {
            let why = claim.why_none.clone();
            Some(why.unwrap_or_else(|| "no seed has a number".to_owned()))
        }
        None if is_said => {
            Some("it is said with a treatment that freezes where this one does".to_owned())
        }
        None => Some(why_not_asked(task, kind, contrast, study.request)),
    };
    ClaimCell {
        task: task.name.clone(),
        claim: found.cloned(),
        why_none,
        is_asked: is_registered && !is_said,
    }
}

/// Why a task makes no such claim.
fn why_not_asked(
    task: &Task,
    kind: ClaimKind,
    contrast: Option<&Contrast>,
    request: &ReportRequest,
) -> String {
    let Some(contrast) = contrast else {
        let of_task = request.contrasts.iter().filter(|one| known(task, one));
        return match of_task.count() {
            0 => "no registered contrast has both of its arms here".to_owned(),
            _ => "only one contrast was made here".to_owned(),
        };
    };
    if !request.contrasts.contains(contrast) {
        return "it was not asked here".to_owned();
    }
    let arms = [&contrast.baseline, &contrast.treatment];
    if let Some(absent) = arms.into_iter().find(|arm| !task.arms.contains(arm)) {
        return format!("{absent} was not trained here");
    }
    match kind {
        ClaimKind::LosesLess => "it was trained at one batch size".to_owned(),
        ClaimKind::LosesAdaptivity | ClaimKind::KeepsAdaptivity => {
            let trials = task
                .batch_sizes
                .iter()
                .flat_map(|batch| task.confirmations(&contrast.treatment, *batch));
            let curves: Vec<_> = trials.map(|trial| task.curve(trial)).collect();
            if curves.iter().all(|curve| curve.is_empty()) {
                "logits were not measured".to_owned()
            } else if curves.iter().all(|curve| freeze_of(curve).is_none()) {
                format!("no evaluation shows a freeze of {}", contrast.treatment)
            } else {
                "logits were not measured at the largest batch".to_owned()
            }
        }
        _ => "no confirmation trial has finished".to_owned(),
    }
}

fn pooled(
    kind: ClaimKind,
    cells: &[ClaimCell],
    tasks: &[(&Study<'_>, &Task)],
    level: f64,
) -> Result<Pooled, Error> {
    let none = |why: &str| Ok(Pooled::None(why.to_owned()));
    if !kind.of_each_contrast() {
        return none("it is the smallest of several parts, which has no standard error");
    }
    let with_number = cells.iter().zip(tasks);
    let numbers: Vec<(Estimate, &Task)> = with_number
        .filter_map(|(cell, (_, task))| Some((cell.estimate()?, *task)))
        .collect();
    if numbers.len() < FEWEST_TASKS {
        let few = match numbers.len() {
            0 => "no task has a number",
            1 => "one task has a number: others may differ",
            _ => "two tasks are too few to say how tasks differ",
        };
        return none(few);
    }
    let unit = |task: &Task| (task.metric.clone(), task.higher_is_better);
    if !kind.in_doublings()
        && numbers
            .iter()
            .any(|(_, task)| unit(task) != unit(numbers[0].1))
    {
        return none("the tasks have different metrics, whose differences have no common unit");
    }
    let diverged = |cell: &&ClaimCell| cell.claim.as_ref().is_some_and(|claim| claim.worst_rank);
    if cells.iter().any(|cell| diverged(&cell)) {
        return none("trials diverged, so an estimate rests on a selection of seeds");
    }
    let (mut values, mut errors) = (Vec::new(), Vec::new());
    for (estimate, _) in numbers {
        let Some(interval) = estimate.interval.filter(|interval| interval.has_width()) else {
            return none("an estimate has no standard error");
        };
        let t = t_quantile(0.5 + 0.5 * interval.level, estimate.n as f64 - 1.0);
        values.push(estimate.value);
        errors.push(0.5 * (interval.high - interval.low) / t);
    }
    random_effects(&values, &errors, level).map(Pooled::Mean)
}
