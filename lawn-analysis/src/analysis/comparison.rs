//! One contrast on one question: paired by seed, estimated and tested, but not yet adjusted.

use super::advantages::Advantages;
use super::lack::UnmatchedSeed;
use super::pairing::Pairing;
use super::place::Place;
use super::quantity::{Quantity, integers};
use super::question::Question;
use super::reason::why_no_number;
use super::study::Task;
use super::unpaired::IndependentSamples;
use super::worst_rank::{DivergedTrials, leaning, worst_rank};
use crate::error::Error;
use crate::request::{DecidingTest, ReportRequest};
use crate::stats::{
    Alternative, Bootstrap, BootstrapInterval, Equivalence, Estimate, FEWEST_FOR_BOOTSTRAP,
    Feasibility, Interval, ProbabilityOfSuperiority, Sample, TestResult, d_z, equivalence,
    hedges_g, mean_difference, mean_t, non_inferiority, paired_t, probability_of_superiority,
    sign_flip,
};

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
    pub unmatched: Vec<UnmatchedSeed>,
    /// Mean of the quantity over the paired seeds, baseline.
    pub baseline: Option<Estimate>,
    /// Mean of the quantity over the paired seeds, treatment.
    pub treatment: Option<Estimate>,
    /// Advantage of each pair, in the order of `seeds`.
    pub advantages: Vec<f64>,
    /// Mean advantage of the treatment with its t interval.
    pub advantage: Option<Estimate>,
    /// BCa bootstrap interval of the mean advantage, beside the t interval and never instead of it.
    /// There is none for fewer than ten pairs.
    pub bootstrap: Option<Interval>,
    /// Standardized advantage d_z.
    pub d_z: Option<Estimate>,
    /// Hedges' g: d_z without its small-sample bias.
    pub hedges_g: Option<Estimate>,
    /// Share of the pairs that the treatment wins.
    pub superiority: Option<ProbabilityOfSuperiority>,
    /// What the exact test can reach with these seeds.
    pub feasibility: Feasibility,
    /// The exact sign-flip test.
    pub sign_flip: Option<TestResult>,
    /// The paired t test.
    pub paired_t: Option<TestResult>,
    /// The signed-rank test in which a diverged trial is worse than any other. A seed that has no
    /// number because of a divergence counts against either answer. There is no such test where no
    /// trial diverged.
    pub worst_rank: Option<TestResult>,
    /// How many trials diverged.
    pub diverged: DivergedTrials,
    /// Equivalence within the margin registered for the metric.
    pub equivalence: Option<Equivalence>,
    /// The test that the treatment is not worse by more than that margin.
    pub non_inferiority: Option<TestResult>,
    /// Why there is no advantage; none where there is one.
    pub why_none: Option<String>,
    /// The arms compared as independent samples, where they share no seed.
    pub unpaired: Option<IndependentSamples>,
}

impl Comparison {
    /// The test that decides: the registered one, or where a trial diverged, the worst-rank test.
    ///
    /// The pairs that ended well are then a selection. A test of them alone would favour the arm
    /// that loses its worst trials.
    pub fn deciding(&self, registered: DecidingTest) -> Option<TestResult> {
        self.worst_rank.or(self.registered(registered))
    }

    /// The registered test over the pairs that ended well. Equal differences have no t, so the
    /// exact test takes its place there.
    pub(super) fn registered(&self, registered: DecidingTest) -> Option<TestResult> {
        match registered {
            DecidingTest::SignFlip => self.sign_flip,
            DecidingTest::PairedT => self.paired_t.or(self.sign_flip),
        }
    }

    /// Which arm the deciding test leans to: positive is the treatment, negative the baseline.
    pub(super) fn leaning(&self) -> f64 {
        match self.worst_rank {
            Some(test) => leaning(&test),
            None => self.advantage.map_or(0.0, |advantage| advantage.value),
        }
    }
}

/// Compares the arms of one place.
pub(super) fn compare(
    task: &Task,
    place: Place,
    request: &ReportRequest,
    family: usize,
) -> Result<Comparison, Error> {
    let pairing = Pairing::of(task, &place, request.reference_batch_size);
    let more_is_better = place.question.more_is_better(task.higher_is_better);
    // A pair of which a trial diverged has no difference, only an order.
    let advantages = Advantages::sum(&[(&pairing, 1)], 1, more_is_better)?;
    let diverged = DivergedTrials::of(&pairing);
    // Without a divergence this test would add nothing to the registered one.
    let worst_rank = diverged
        .any()
        .then(|| worst_rank(&advantages.standings))
        .transpose()?;
    let feasibility = Feasibility::new(advantages.standings.len(), family, request.alpha);
    let mut comparison = Comparison {
        seeds: advantages.seeds,
        unmatched: pairing.unmatched(&place.contrast),
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
        why_none: None,
        unpaired: None,
        place,
    };
    let Some(differences) = advantages.differences else {
        let place = &comparison.place;
        let several = place.question.overall() || place.question == Question::LargeBatchDrop;
        comparison.why_none = Some(why_no_number(&[(&pairing, &place.contrast)], several));
        comparison.unpaired = IndependentSamples::of(task, place, request, more_is_better);
        return Ok(comparison);
    };
    let level = 1.0 - request.alpha;
    let whole = pairing.pairs().map(|(_, b, t)| (b, t));
    let whole = whole.filter(|(b, t)| b.is_number() && t.is_number());
    let (baseline, treatment): (Vec<&Quantity>, Vec<&Quantity>) = whole.unzip();
    let mean = |side: &[&Quantity]| -> Result<Estimate, Error> {
        let found = integers(side);
        let values = found.units.iter().map(|unit| found.scale.value(*unit));
        Ok(mean_t(&Sample::new(values.collect())?, level))
    };
    comparison.baseline = Some(mean(&baseline)?);
    comparison.treatment = Some(mean(&treatment)?);
    comparison.advantages = differences.sample().values().to_vec();
    // Equal differences have no variance. That says that the metric is coarse, not that the mean is
    // known, which an interval of no width would claim.
    comparison.advantage = Some(Estimate {
        method: "mean paired advantage",
        ..mean_difference(&differences, level)
    });
    // A statistic that is undefined for so few or for equal values is absent. It is not an error.
    let bootstrap = Bootstrap {
        level,
        ..Bootstrap::default()
    };
    let mean_of = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
    comparison.bootstrap = (differences.n() >= FEWEST_FOR_BOOTSTRAP && differences.varies())
        .then(|| bootstrap.bca(differences.sample(), mean_of).ok())
        .flatten()
        .map(BootstrapInterval::secondary)
        .filter(Interval::has_width);
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
/// The margin limits what is lost from the smallest batch to the largest. A slope is per doubling,
/// so its margin is divided by the number of doublings between them.
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
