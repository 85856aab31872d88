//! Two arms without a seed in common, compared as independent samples.

use super::measured::quantity;
use super::place::Place;
use super::quantity::{Quantity, integers};
use super::study::Task;
use crate::request::ReportRequest;
use crate::stats::{
    Alternative, Estimate, Sample, TestResult, difference_welch, rank_sum, welch_t,
};

/// Two arms that share no seed, compared as independent samples.
///
/// The result stands beside the verdict and does not decide it, since the registered test is one of
/// pairs.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct IndependentSamples {
    /// Trials of the baseline that ended well or diverged.
    pub baseline: usize,
    /// Trials of the treatment that ended well or diverged.
    pub treatment: usize,
    /// How many of both diverged.
    pub diverged: usize,
    /// Difference of the means of those that ended well, positive where the treatment is better. It
    /// has Welch's interval where one of the arms varies.
    pub difference: Estimate,
    /// Welch's t test; none where neither arm varies, or where one has a single trial.
    pub welch: Option<TestResult>,
    /// The exact Mann–Whitney test with diverged trials ranked worst; none for more than 120
    /// trials.
    pub mann_whitney: Option<TestResult>,
}

impl IndependentSamples {
    /// The comparison of a place whose arms share no seed. There is none where they share one, or
    /// where an arm has no number.
    pub(super) fn of(
        task: &Task,
        place: &Place,
        request: &ReportRequest,
        more_is_better: bool,
    ) -> Option<Self> {
        let reference = request.reference_batch_size;
        let seeds = |arm: &str| -> Vec<i64> {
            match place.batch_of(arm, reference) {
                Some(batch) => {
                    let trials = task.confirmations(arm, batch);
                    trials.map(|trial| trial.seed).collect()
                }
                None => task.seeds(arm),
            }
        };
        let contrast = &place.contrast;
        let [b, t] = [&contrast.baseline, &contrast.treatment].map(|arm| (arm, seeds(arm)));
        if b.1.iter().any(|seed| t.1.contains(seed)) {
            return None;
        }
        let [b, t] = [b, t].map(|(arm, seeds)| -> Vec<Quantity> {
            let found = seeds.into_iter();
            let found = found.filter_map(|seed| quantity(task, place, arm, reference, seed).ok());
            found.collect()
        });
        let numbers: Vec<&Quantity> = t.iter().chain(&b).filter(|q| q.is_number()).collect();
        let all = integers(&numbers);
        let sign = if more_is_better { 1 } else { -1 };
        let worst = all.units.iter().map(|unit| sign * unit).min().unwrap_or(0) - 1;
        let mut units = all.units.iter().map(|unit| sign * unit);
        let ranked: Vec<i128> = t
            .iter()
            .chain(&b)
            .map(|q| {
                q.is_number()
                    .then(|| units.next())
                    .flatten()
                    .unwrap_or(worst)
            })
            .collect();
        let of = |ranked: &[i128]| {
            let numbers = ranked.iter().filter(|unit| **unit > worst);
            Sample::new(numbers.map(|unit| all.scale.value(*unit)).collect())
        };
        let (x, y) = (of(&ranked[..t.len()]).ok()?, of(&ranked[t.len()..]).ok()?);
        let difference = difference_welch(&x, &y, 1.0 - request.alpha).unwrap_or(Estimate {
            value: x.mean() - y.mean(),
            interval: None,
            n: x.n() + y.n(),
            method: "difference of means",
        });
        Some(Self {
            baseline: b.len(),
            treatment: t.len(),
            diverged: ranked.len() - numbers.len(),
            difference,
            welch: welch_t(&x, &y, Alternative::TwoSided).ok(),
            mann_whitney: rank_sum(&ranked, t.len(), Alternative::TwoSided).ok(),
        })
    }
}
