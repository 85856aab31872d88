//! Every question that a request asks, answered family by family.

use super::comparison::{Comparison, compare};
use super::place::Place;
use super::places::{known, places, records_train_metric};
use super::question::Question;
use super::study::{Task, tasks};
use super::survival::{Failure, Survival, failures, survival};
use super::tuning::{Tuning, tuning};
use super::verdict::{self, AdjustedPValues, Verdict};
use crate::error::Error;
use crate::parallel;
use crate::records::Records;
use crate::request::{Contrast, PlannedTask, ReportRequest};
use crate::stats::{Adjustment, adjust};
use crate::text::number;

/// One question about one contrast, answered.
#[derive(Clone, Debug)]
pub struct Answer {
    /// Estimates and tests.
    pub comparison: Comparison,
    /// p-values after adjustment in their families.
    pub adjusted: AdjustedPValues,
    /// The answer in a word.
    pub verdict: Verdict,
    /// The answer in a sentence with its numbers.
    pub sentence: String,
}

/// The answers of one family: one question about one task, over all contrasts and batch sizes.
#[derive(Clone, Debug)]
pub struct Family {
    /// The task.
    pub task: String,
    /// The question.
    pub question: Question,
    /// The answers, by contrast as registered and then by batch size. Their number is the size of
    /// the family: that of the planned comparisons, whether or not they could be tested.
    pub answers: Vec<Answer>,
}

/// Everything that the records say about what was asked.
#[derive(Clone, Debug)]
pub struct Analysis {
    /// The tasks with their trials.
    pub tasks: Vec<Task>,
    /// The families in order: task by task, question by question.
    pub families: Vec<Family>,
    /// How many confirmation trials of each arm and batch size ended well.
    pub survival: Vec<Survival>,
    /// Every trial that did not end well.
    pub failures: Vec<Failure>,
    /// How each arm was tuned at each batch size.
    pub tuning: Vec<Tuning>,
    /// What was asked and cannot be answered, in words.
    pub notes: Vec<String>,
}

impl Analysis {
    /// Pairs, estimates, tests and adjusts, in families that the request and the plan fix.
    ///
    /// A family is one question about one task. It covers all registered contrasts and all batch
    /// sizes at which any trial was planned, and Holm's method adjusts p-values within it. Beside
    /// the registered contrasts, every treatment is compared with the best baseline
    /// ([`best_baseline`](super::best_baseline)), in a family of its own
    /// ([`Question::AgainstBest`]).
    ///
    /// # Errors
    /// As [`tasks`]; [`Error::BadContrast`] for a contrast that is asked for twice, or of an arm
    /// with itself; [`Error::OutOfRange`] for an alpha outside (0, 0.5); [`Error::BadMargin`] for a
    /// margin that is not positive.
    pub fn new(records: &Records, request: &ReportRequest) -> Result<Self, Error> {
        request.check()?;
        let tasks = tasks(records)?;
        let tuning = tuning(&tasks);
        let mut plans = Vec::new();
        for task in &tasks {
            let questions = Question::BY_BATCH.into_iter().chain(Question::OVERALL);
            for question in questions {
                let places = places(task, question, request, &tuning);
                if !places.is_empty() {
                    plans.push((task, question, places));
                }
            }
        }
        // Every comparison stands by itself. Only the adjustment needs a whole family.
        let work: Vec<(&Task, &Place, usize)> = plans
            .iter()
            .flat_map(|(task, _, places)| {
                places.iter().map(move |place| (*task, place, places.len()))
            })
            .collect();
        let compared = parallel::map(request.threads, &work, |(task, place, family)| {
            compare(task, (*place).clone(), request, *family)
        });
        let mut compared = compared.into_iter();
        let mut families = Vec::with_capacity(plans.len());
        for (task, question, places) in &plans {
            let comparisons = compared
                .by_ref()
                .take(places.len())
                .collect::<Result<_, _>>()?;
            families.push(family(task, *question, comparisons, request)?);
        }
        Ok(Self {
            notes: notes(&tasks, request),
            survival: survival(&tasks, 1.0 - request.alpha)?,
            failures: failures(records),
            tuning,
            families,
            tasks,
        })
    }

    /// Every answer, family by family.
    pub fn answers(&self) -> impl Iterator<Item = &Answer> {
        self.families.iter().flat_map(|family| &family.answers)
    }

    /// The family of one question about one task.
    pub fn family(&self, task: &str, question: Question) -> Option<&Family> {
        self.families
            .iter()
            .find(|family| family.task == task && family.question == question)
    }
}

/// Adjusts the comparisons of a family, and gives each its verdict.
fn family(
    task: &Task,
    question: Question,
    comparisons: Vec<Comparison>,
    request: &ReportRequest,
) -> Result<Family, Error> {
    let holm = |p: &dyn Fn(&Comparison) -> Option<f64>| {
        let family: Vec<Option<f64>> = comparisons.iter().map(p).collect();
        adjust(&family, Adjustment::Holm)
    };
    let sign_flip = holm(&|c| c.sign_flip.map(|test| test.p))?;
    let paired_t = holm(&|c| c.paired_t.map(|test| test.p))?;
    let equivalence = holm(&|c| c.equivalence.map(|test| test.p))?;
    let non_inferiority = holm(&|c| c.non_inferiority.map(|test| test.p))?;
    let welch = holm(&|c| c.unpaired?.welch.map(|test| test.p))?;
    let mann_whitney = holm(&|c| c.unpaired?.mann_whitney.map(|test| test.p))?;
    let test = request.deciding_test;
    let registered = holm(&|c| c.registered(test).map(|test| test.p))?;
    let deciding = holm(&|c| c.deciding(test).map(|test| test.p))?;
    let more_is_better = question.more_is_better(task.higher_is_better);
    let answers = comparisons
        .into_iter()
        .enumerate()
        .map(|(index, comparison)| {
            let adjusted = AdjustedPValues {
                sign_flip: sign_flip[index],
                paired_t: paired_t[index],
                registered: registered[index],
                deciding: deciding[index],
                equivalence: equivalence[index],
                non_inferiority: non_inferiority[index],
                welch: welch[index],
                mann_whitney: mann_whitney[index],
            };
            let verdict = verdict::decide(&comparison, &adjusted, request.alpha);
            let sentence = verdict::sentence(&comparison, &adjusted, verdict, test, more_is_better);
            Answer {
                comparison,
                adjusted,
                verdict,
                sentence,
            }
        });
    Ok(Family {
        task: task.name.clone(),
        question,
        answers: answers.collect(),
    })
}

/// Why there is no large-batch drop of a task, where there is none; `planned` is what is still going to
/// have trials.
fn without_drop(
    task: &Task,
    request: &ReportRequest,
    planned: Option<&PlannedTask>,
) -> Option<String> {
    let name = &task.name;
    let reference = request.reference_batch_size;
    let waits = |is_it: &dyn Fn(i64) -> bool| {
        let mut sizes = planned.into_iter().flat_map(|planned| &planned.batch_sizes);
        sizes.any(|size| is_it(*size))
    };
    if !task.batch_sizes.contains(&reference) {
        let (yet, so) = match waits(&|size| size == reference) {
            true => (" yet", "its large-batch drop is not known"),
            false => ("", "it has no large-batch drop"),
        };
        return Some(format!(
            "Task {name} has no trial at the reference batch size {}{yet}, so {so}.",
            number(reference as f64)
        ));
    }
    let [only] = task.batch_sizes[..] else {
        return None;
    };
    Some(match waits(&|size| size != only) {
        true => format!(
            "So far task {name} has trials of batch size {} alone, so its large-batch drop and its \
             slope are not known.",
            number(only as f64)
        ),
        false => format!(
            "Task {name} has only one batch size, so it has no large-batch drop and no slope."
        ),
    })
}

/// What was asked for and cannot be answered from the records.
fn notes(tasks: &[Task], request: &ReportRequest) -> Vec<String> {
    let mut notes = request.notes.clone();
    if tasks.is_empty() {
        notes.push("The records hold no trial yet.".to_owned());
    }
    if request.contrasts.is_empty() {
        notes.push("No contrast was registered, so nothing is compared.".to_owned());
    }
    let begun = |name: &String| tasks.iter().any(|task| task.name == *name);
    if !tasks.is_empty() {
        let waiting = request.planned.keys().filter(|name| !begun(name));
        notes.extend(waiting.map(|name| format!("Task {name} has no trial yet.")));
    }
    for task in tasks {
        let name = &task.name;
        let alone: Vec<&str> = task
            .arms
            .iter()
            .filter(|arm| {
                let of = |one: &Contrast| one.baseline == **arm || one.treatment == **arm;
                !request.contrasts.iter().any(of)
            })
            .map(String::as_str)
            .collect();
        if !alone.is_empty() && !request.contrasts.is_empty() {
            notes.push(format!(
                "Task {name}: no contrast names {}, so no verdict is about {}. Their means stand \
                 beside the others.",
                alone.join(", "),
                if alone.len() == 1 { "it" } else { "them" },
            ));
        }
        let planned = request.planned.get(name);
        for contrast in &request.contrasts {
            for arm in [&contrast.baseline, &contrast.treatment] {
                if !task.arms.contains(arm) {
                    let yet = planned.is_some_and(|planned| planned.arms.contains(arm));
                    notes.push(format!(
                        "Task {name} has no trial of arm {arm}{}, so {} is not compared with {} \
                         there.",
                        if yet { " yet" } else { "" },
                        contrast.treatment,
                        contrast.baseline
                    ));
                }
            }
        }
        notes.extend(without_drop(task, request, planned));
        let known = request.contrasts.iter().filter(|one| known(task, one));
        let mut without: Vec<&str> = known
            .flat_map(|one| [one.baseline.as_str(), one.treatment.as_str()])
            .filter(|arm| !records_train_metric(task, arm))
            .collect();
        without.sort_unstable();
        without.dedup();
        if !without.is_empty() {
            notes.push(format!(
                "Task {name}: no train metric was recorded for {}, so their generalization gap is \
                 not compared.",
                without.join(", ")
            ));
        }
        let confirmed = task
            .arms
            .iter()
            .flat_map(|arm| task.batch_sizes.iter().map(move |batch| (arm, *batch)))
            .any(|(arm, batch)| task.confirmations(arm, batch).next().is_some());
        if !confirmed {
            notes.push(format!(
                "Task {name}: no confirmation trial has finished yet."
            ));
        }
    }
    notes
}
