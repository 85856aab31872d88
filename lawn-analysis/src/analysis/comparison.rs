//! One contrast on one question: paired by seed, estimated, tested, not yet adjusted.

use std::collections::BTreeSet;

use super::question::{DIVERGED, Quantity, Question, quantity};
use super::study::Task;
use super::worst_rank::{Diverged, worst_rank};
use crate::error::Error;
use crate::report::{Contrast, DecidingTest, ReportRequest};
use crate::stats::{
    Alternative, Bootstrap, BootstrapInterval, Differences, Equivalence, Estimate,
    FEWEST_FOR_BOOTSTRAP, Feasibility, Interval, ProbabilityOfSuperiority, Sample, TestResult, d_z,
    equivalence, hedges_g, mean_t, non_inferiority, paired_t, probability_of_superiority,
    sign_flip,
};

/// What a contrast is asked, and where.
#[derive(Clone, Debug, PartialEq)]
pub struct Place {
    /// The task.
    pub task: String,
    /// The primary metric.
    pub metric: String,
    /// What is compared.
    pub question: Question,
    /// The arms.
    pub contrast: Contrast,
    /// The batch size, where the question has one.
    pub batch_size: Option<i64>,
}

impl Place {
    /// The batch size at which an arm is taken.
    pub(crate) fn batch_of(&self, arm: &str, reference: i64) -> Option<i64> {
        match self.question {
            Question::AgainstReference if arm == self.contrast.baseline => Some(reference),
            _ => self.batch_size,
        }
    }
}

/// A seed that could not be paired, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unmatched {
    /// The seed.
    pub seed: i64,
    /// The arm that lacks the quantity.
    pub arm: String,
    /// Why it does.
    pub why: String,
    /// Whether that is because a trial diverged.
    pub diverged: bool,
}

/// One contrast on one question.
///
/// Advantages are oriented: positive favours the treatment, whatever the question.
#[derive(Clone, Debug)]
pub struct Comparison {
    /// What is compared, and where.
    pub place: Place,
    /// Seeds of the pairs, rising.
    pub seeds: Vec<i64>,
    /// Seeds that could not be paired.
    pub unmatched: Vec<Unmatched>,
    /// Mean of the quantity over the paired seeds, baseline.
    pub baseline: Option<Estimate>,
    /// Mean of the quantity over the paired seeds, treatment.
    pub treatment: Option<Estimate>,
    /// Advantage of each pair, in the order of `seeds`.
    pub advantages: Vec<f64>,
    /// Mean advantage of the treatment with its t interval.
    pub advantage: Option<Estimate>,
    /// BCa bootstrap interval of the mean advantage, beside the t interval and never instead of
    /// it; none below ten pairs.
    pub bootstrap: Option<Interval>,
    /// Standardized advantage.
    pub d_z: Option<Estimate>,
    /// Standardized advantage without small-sample bias.
    pub hedges_g: Option<Estimate>,
    /// Part of the pairs that the treatment wins.
    pub superiority: Option<ProbabilityOfSuperiority>,
    /// What the exact test can reach here.
    pub feasibility: Feasibility,
    /// The exact sign-flip test.
    pub sign_flip: Option<TestResult>,
    /// The paired t test.
    pub paired_t: Option<TestResult>,
    /// The signed-rank test in which a diverged trial is worse than any other; none where no trial
    /// of a pair diverged.
    pub worst_rank: Option<TestResult>,
    /// How many trials of the pairs diverged.
    pub diverged: Diverged,
    /// Equivalence within the margin registered for the metric.
    pub equivalence: Option<Equivalence>,
    /// That the treatment is not worse by more than that margin.
    pub non_inferiority: Option<TestResult>,
}

impl Comparison {
    /// The test that decides: the registered one, or where a trial of a pair diverged, the
    /// worst-rank test. The pairs that ended well are then a selection, and a test of them alone
    /// would favour the arm that loses its worst trials.
    pub fn deciding(&self, registered: DecidingTest) -> Option<TestResult> {
        self.worst_rank.or(match registered {
            DecidingTest::SignFlip => self.sign_flip,
            DecidingTest::PairedT => self.paired_t,
        })
    }

    /// Which arm the deciding test leans to: above zero the treatment, below zero the baseline.
    pub(super) fn leaning(&self) -> f64 {
        match self.worst_rank {
            Some(test) => test.statistic - (test.n * (test.n + 1)) as f64 / 4.0,
            None => self.advantage.map_or(0.0, |advantage| advantage.value),
        }
    }
}

/// The seeds of a contrast, sorted into pairs and the rest.
pub(super) struct Pairing {
    seeds: Vec<i64>,
    pub(super) baseline: Vec<Quantity>,
    pub(super) treatment: Vec<Quantity>,
    unmatched: Vec<Unmatched>,
}

/// Compares the arms of one place.
pub(super) fn compare(
    task: &Task,
    place: Place,
    request: &ReportRequest,
    family: usize,
) -> Result<Comparison, Error> {
    let pairing = pair(task, &place, request.reference_batch_size);
    let more_is_better = place.question.more_is_better(task.higher_is_better);
    let worst_rank = worst_rank(&pairing, more_is_better)?;

    // Where a trial of a pair diverged there is no difference, only an order.
    let whole = (0..pairing.seeds.len()).filter(|index| {
        pairing.baseline[*index].number().is_some() && pairing.treatment[*index].number().is_some()
    });
    let whole: Vec<usize> = whole.collect();
    let numbers = |side: &[Quantity]| -> Vec<f64> {
        whole
            .iter()
            .filter_map(|index| side[*index].number())
            .collect()
    };
    let diverged = Diverged::of(&pairing);
    // The worst-rank test has all pairs.
    let tested = if diverged.any() {
        pairing.seeds.len()
    } else {
        whole.len()
    };
    let feasibility = Feasibility::new(tested, family, request.alpha);
    let mut comparison = Comparison {
        seeds: whole.iter().map(|index| pairing.seeds[*index]).collect(),
        unmatched: unmatched(&pairing, &place.contrast),
        baseline: None,
        treatment: None,
        advantages: Vec::new(),
        advantage: None,
        bootstrap: None,
        d_z: None,
        hedges_g: None,
        superiority: None,
        feasibility,
        sign_flip: None,
        paired_t: None,
        worst_rank,
        diverged,
        equivalence: None,
        non_inferiority: None,
        place,
    };
    if whole.is_empty() {
        return Ok(comparison);
    }
    let level = 1.0 - request.alpha;
    let mean = |values: Vec<f64>| Ok::<_, Error>(mean_t(&Sample::new(values)?, level));
    comparison.baseline = Some(mean(numbers(&pairing.baseline))?);
    comparison.treatment = Some(mean(numbers(&pairing.treatment))?);

    let chosen = |side: &[Quantity]| whole.iter().map(|index| side[*index]).collect::<Vec<_>>();
    let (treatment, baseline) = (chosen(&pairing.treatment), chosen(&pairing.baseline));
    let differences = differences(&treatment, &baseline, more_is_better)?;
    comparison.advantages = differences.sample().values().to_vec();
    let advantage = mean_t(differences.sample(), level);
    // Equal differences have no variance, which says that the metric is coarse and not that the
    // mean is known: an interval without width would claim the latter.
    let units = differences.units();
    let varies = units.iter().any(|unit| *unit != units[0]);
    comparison.advantage = Some(Estimate {
        method: "mean paired advantage",
        interval: advantage.interval.filter(|_| varies),
        ..advantage
    });
    // A statistic that does not exist for so few or such equal values is absent, not an error.
    let bootstrap = Bootstrap {
        level,
        ..Bootstrap::default()
    };
    let mean_of = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
    comparison.bootstrap = (differences.n() >= FEWEST_FOR_BOOTSTRAP)
        .then(|| bootstrap.bca(differences.sample(), mean_of).ok())
        .flatten()
        .map(BootstrapInterval::secondary);
    comparison.d_z = d_z(&differences).ok();
    comparison.hedges_g = hedges_g(&differences).ok();
    comparison.superiority = Some(probability_of_superiority(&differences, level));
    comparison.sign_flip = Some(sign_flip(&differences, Alternative::TwoSided));
    comparison.paired_t = paired_t(&differences, Alternative::TwoSided).ok();
    let question = comparison.place.question;
    let margin = request
        .margins
        .get(&task.metric)
        .filter(|_| question.in_metric_units());
    if let Some(margin) = margin {
        let margin = scaled_margin(task, question, *margin);
        comparison.equivalence = equivalence(&differences, margin, request.alpha).ok();
        comparison.non_inferiority = non_inferiority(&differences, margin).ok();
    }
    Ok(comparison)
}

/// A margin of the metric as a margin of the question.
///
/// A slope is per doubling: the margin is what may be lost from the smallest batch to the largest.
fn scaled_margin(task: &Task, question: Question, margin: f64) -> f64 {
    if !question.overall() {
        return margin;
    }
    let log2 = |batch: Option<&i64>| batch.map_or(0.0, |batch| (*batch as f64).log2());
    let doublings = log2(task.batch_sizes.last()) - log2(task.batch_sizes.first());
    if doublings > 0.0 {
        margin / doublings
    } else {
        margin
    }
}

fn pair(task: &Task, place: &Place, reference: i64) -> Pairing {
    let Contrast {
        baseline,
        treatment,
    } = &place.contrast;
    let relevant = |arm: &str| -> BTreeSet<i64> {
        match place.batch_of(arm, reference) {
            Some(batch) => task
                .confirmations(arm, batch)
                .map(|trial| trial.seed)
                .collect(),
            None => task.seeds(arm).into_iter().collect(),
        }
    };
    let seeds: BTreeSet<i64> = relevant(baseline)
        .union(&relevant(treatment))
        .copied()
        .collect();
    let mut pairing = Pairing {
        seeds: Vec::new(),
        baseline: Vec::new(),
        treatment: Vec::new(),
        unmatched: Vec::new(),
    };
    for seed in seeds {
        let of = |arm: &str| quantity(task, place, arm, reference, seed);
        match (of(baseline), of(treatment)) {
            (Ok(b), Ok(t)) => {
                pairing.seeds.push(seed);
                pairing.baseline.push(b);
                pairing.treatment.push(t);
            }
            (b, t) => {
                for (side, arm) in [(b, baseline), (t, treatment)] {
                    if let Err(why) = side {
                        pairing.unmatched.push(Unmatched {
                            seed,
                            arm: arm.clone(),
                            diverged: why.starts_with(DIVERGED),
                            why,
                        });
                    }
                }
            }
        }
    }
    pairing
}

/// Seeds without a pair, and those of which a trial diverged.
fn unmatched(pairing: &Pairing, contrast: &Contrast) -> Vec<Unmatched> {
    let mut unmatched = pairing.unmatched.clone();
    for (index, seed) in pairing.seeds.iter().enumerate() {
        let sides = [
            (pairing.baseline[index], &contrast.baseline),
            (pairing.treatment[index], &contrast.treatment),
        ];
        for (quantity, arm) in sides {
            if quantity == Quantity::Diverged {
                unmatched.push(Unmatched {
                    seed: *seed,
                    arm: arm.clone(),
                    why: DIVERGED.to_owned(),
                    diverged: true,
                });
            }
        }
    }
    unmatched.sort_by(|a, b| (a.seed, &a.arm).cmp(&(b.seed, &b.arm)));
    unmatched
}

/// Exact differences, positive where the treatment is better.
pub(super) fn differences(
    treatment: &[Quantity],
    baseline: &[Quantity],
    more_is_better: bool,
) -> Result<Differences, Error> {
    let counts = |side: &[Quantity]| -> Option<(Vec<i64>, Vec<i64>)> {
        side.iter()
            .map(|quantity| match quantity {
                Quantity::Count { count, total } => Some((*count, *total)),
                Quantity::Value(_) | Quantity::Diverged => None,
            })
            .collect::<Option<Vec<_>>>()
            .map(|pairs| pairs.into_iter().unzip())
    };
    let raw = match (counts(treatment), counts(baseline)) {
        (Some((t, totals)), Some((b, others)))
            if totals
                .iter()
                .chain(&others)
                .all(|total| *total == totals[0]) =>
        {
            Differences::of_counts(&t, &b, totals[0])?
        }
        _ => {
            let numbers =
                |side: &[Quantity]| side.iter().filter_map(|q| q.number()).collect::<Vec<_>>();
            Differences::new(&numbers(treatment), &numbers(baseline))?
        }
    };
    Ok(if more_is_better { raw } else { raw.negated() })
}
