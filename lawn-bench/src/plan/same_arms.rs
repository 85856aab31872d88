//! Arms under two names that are trained alike.

use std::collections::BTreeMap;

use lawn_models::{Length, OptimizerSettings};

use crate::config::{Arm, Sweep};

/// Samples of an epoch where nobody has counted them: what two arms come to hardly hangs on it.
const EPOCH: u64 = 10_000;

/// What an arm trains at one length: its settings.
type Trained = (Length, Vec<OptimizerSettings>);

/// A warning for each set of arms that are the same trainings, given by task the samples of an epoch.
pub(super) fn same(sweep: &Sweep, epochs: &BTreeMap<String, u64>) -> Vec<String> {
    let mut sets: Vec<(Vec<&str>, Vec<Trained>)> = Vec::new();
    for arm in &sweep.arms {
        let trained = trained(sweep, arm, epochs);
        match sets.iter_mut().find(|(_, first)| is_same(first, &trained)) {
            Some((names, _)) => names.push(&arm.name),
            None => sets.push((vec![&arm.name], trained)),
        }
    }
    let several = sets.iter().filter(|(names, _)| names.len() > 1);
    let said = several.map(|(names, _)| {
        let names: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
        format!(
            "arms {} are the same trainings under {} names: their settings come to the same steps in \
             every trial, and no difference between them can be found",
            names.join(", "),
            names.len()
        )
    });
    said.collect()
}

/// What an arm trains, by task and batch size.
fn trained(sweep: &Sweep, arm: &Arm, epochs: &BTreeMap<String, u64>) -> Vec<Trained> {
    let tasks = sweep.tasks.iter();
    let samples = tasks.map(|task| epochs.get(&task.name).copied().unwrap_or(EPOCH).max(1));
    let of_task = |samples: u64| {
        let sizes = sweep.batch_sizes.iter();
        sizes.map(move |&size| {
            let settings = arm.settings.iter();
            let settings = settings.map(|setting| setting.at(size, arm, sweep));
            (sweep.budget.length(samples, size), settings.collect())
        })
    };
    samples.flat_map(of_task).collect()
}

/// Whether each setting of one has its like in the other, and the other way round.
fn is_same(one: &[Trained], other: &[Trained]) -> bool {
    let mut pairs = one.iter().zip(other);
    pairs.all(|((length, one), (_, other))| {
        let has = |all: &[OptimizerSettings], wanted: &OptimizerSettings, place: usize| {
            // At the same place, mostly.
            let near = all.get(place).into_iter();
            let mut all = near.chain(all);
            all.any(|found| found.trains_as(wanted, *length))
        };
        let settings = one.iter().enumerate();
        let has_all = |(place, wanted): (usize, &OptimizerSettings)| has(other, wanted, place);
        one.len() == other.len()
            && settings.clone().all(has_all)
            && (other.iter().enumerate()).all(|(place, wanted)| has(one, wanted, place))
    })
}
