//! Error rates of the whole path from records to verdicts, on sweeps whose truth is known.

use crate::analysis::{AdjustedPValues, Analysis, Answer, Question, Support, Verdict, claims};
use crate::error::Error;
use crate::parallel;
use crate::records::Records;
use crate::request::ReportRequest;
use crate::simulate::{ARMS, Noise, Simulation};
use crate::stats::{Estimate, clopper_pearson, power};

/// What happened over many simulated sweeps.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Calibration {
    /// Share of sweeps in which the exact sign-flip test decided the test metric at any batch size.
    /// With no true effect this is the family-wise error rate, with one it is the power.
    pub sign_flip: Estimate,
    /// The same share for the paired t test.
    pub paired_t: Estimate,
    /// Share of the t intervals of the advantage in the test metric that contain the truth.
    pub coverage: Estimate,
    /// Share of the t intervals of the slope of the test metric that contain the truth. The slope
    /// is per doubling of the batch; there is none with one batch size.
    pub slope_coverage: Option<Estimate>,
    /// What the rates should be.
    pub expected: ExpectedRates,
}

/// The rates that theory predicts, where it predicts any.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct ExpectedRates {
    /// Error rate of the sign-flip test without an effect. Its p-values are multiples of 2/2ⁿ, so
    /// the rate is the largest such multiple up to alpha, and 0 with few seeds.
    pub sign_flip: Option<f64>,
    /// Rate of the paired t test with normal noise: alpha without an effect, and the planned power
    /// with an effect at one batch size.
    pub paired_t: Option<f64>,
}

impl ExpectedRates {
    fn of(simulation: &Simulation, alpha: f64) -> Self {
        let cells = simulation.batch_sizes.len() as i32;
        let normal = simulation.noise == Noise::Normal;
        let truths = simulation.true_advantages();
        if truths.iter().any(|truth| *truth != 0.0) {
            let effect = truths[0] / Simulation::DEVIATION;
            let planned = || power(effect, simulation.seeds, alpha).ok();
            let plain = normal && cells == 1 && simulation.divergence == 0.0;
            return Self {
                sign_flip: None,
                paired_t: plain.then(planned).flatten(),
            };
        }
        // Holm errs where any p is up to alpha divided by the number of cells. The cells are
        // independent.
        let share = alpha / f64::from(cells);
        let family = |one: f64| 1.0 - (1.0 - one).powi(cells);
        let size = |n: usize| {
            let patterns = 2.0_f64.powi(n as i32 - 1);
            (share * patterns).floor() / patterns
        };
        let over_pairs = |rate: &dyn Fn(usize) -> f64| -> f64 {
            let pairs = 0..=simulation.seeds;
            pairs.map(|n| simulation.chance_of_pairs(n) * rate(n)).sum()
        };
        Self {
            sign_flip: Some(family(over_pairs(&size))),
            paired_t: normal.then(|| family(over_pairs(&|n| if n > 1 { share } else { 0.0 }))),
        }
    }
}

/// The counts of one sweep.
#[derive(Default)]
struct Tally {
    sign_flip: usize,
    paired_t: usize,
    intervals: usize,
    covered: usize,
    slopes: usize,
    slopes_covered: usize,
}

/// Simulates `sweeps` sweeps. Each passes through records and analysis as a real one does.
///
/// The seed of the simulation is the master seed. The master seed and the name of the scenario make
/// a stream, from which each sweep gets its own seed. Scenarios of different names therefore err
/// independently of each other. The rates come with Clopper–Pearson intervals at level 0.99. The
/// number of threads changes only the time.
///
/// # Errors
/// As [`Analysis::new`]; [`Error::TooFew`] for no sweeps.
pub fn calibrate(
    scenario: &str,
    simulation: &Simulation,
    sweeps: u64,
    threads: usize,
) -> Result<Calibration, Error> {
    let mut request =
        ReportRequest::new("calibration", simulation.batch_sizes[0]).contrast(ARMS[0], ARMS[1]);
    request.threads = 1;
    let seeds = stream(simulation.seed, scenario, sweeps as usize);
    let tallies = parallel::map(threads, &seeds, |seed| {
        let simulation = Simulation {
            seed: *seed,
            ..simulation.clone()
        };
        tally(&simulation, &request)
    });
    let mut all = Tally::default();
    for tally in tallies {
        let tally = tally?;
        all.sign_flip += tally.sign_flip;
        all.paired_t += tally.paired_t;
        all.intervals += tally.intervals;
        all.covered += tally.covered;
        all.slopes += tally.slopes;
        all.slopes_covered += tally.slopes_covered;
    }
    let rate = |count| clopper_pearson(count, sweeps as usize, 0.99);
    Ok(Calibration {
        sign_flip: rate(all.sign_flip)?,
        paired_t: rate(all.paired_t)?,
        coverage: clopper_pearson(all.covered, all.intervals, 0.99)?,
        slope_coverage: clopper_pearson(all.slopes_covered, all.slopes, 0.99).ok(),
        expected: ExpectedRates::of(simulation, request.alpha),
    })
}

/// The seeds of the sweeps of a scenario. A longer list begins with the same seeds.
fn stream(master: u64, scenario: &str, sweeps: usize) -> Vec<u64> {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&master.to_le_bytes());
    hasher.update(scenario.as_bytes());
    let mut bytes = vec![0; 8 * sweeps];
    hasher.finalize_xof().fill(&mut bytes);
    let (seeds, _) = bytes.as_chunks::<8>();
    seeds.iter().copied().map(u64::from_le_bytes).collect()
}

fn tally(simulation: &Simulation, request: &ReportRequest) -> Result<Tally, Error> {
    let analysis = Analysis::new(&simulation.records(), request)?;
    let family = analysis.family(&simulation.task, Question::TestMetric);
    let answers = family.map_or(&[][..], |family| &family.answers);
    let decided = |p: fn(&AdjustedPValues) -> Option<f64>| {
        let mut adjusted = answers.iter().map(|answer| p(&answer.adjusted));
        usize::from(adjusted.any(|p| p.is_some_and(|p| p <= request.alpha)))
    };
    let mut tally = Tally {
        sign_flip: decided(|adjusted| adjusted.sign_flip),
        paired_t: decided(|adjusted| adjusted.paired_t),
        ..Tally::default()
    };
    for (answer, truth) in answers.iter().zip(simulation.true_advantages()) {
        let advantage = answer.comparison.advantage;
        if let Some(interval) = advantage.and_then(|advantage| advantage.interval) {
            tally.intervals += 1;
            tally.covered += usize::from(interval.contains(truth));
        }
    }
    let slopes = analysis.family(&simulation.task, Question::TestSlope);
    for answer in slopes.iter().flat_map(|family| &family.answers) {
        let advantage = answer.comparison.advantage;
        if let Some(interval) = advantage.and_then(|advantage| advantage.interval) {
            tally.slopes += 1;
            let truth = simulation.advantage_per_doubling;
            tally.slopes_covered += usize::from(interval.contains(truth));
        }
    }
    Ok(tally)
}

/// Rates over many simulated sweeps in which trials diverge.
///
/// Each sweep has two contrasts of equal truth and independent noise, so that every claim about the
/// test metric is made. A rate is the share of sweeps in which any test of the family decided.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Divergence {
    /// The registered sign-flip test over the pairs that ended well, for all contrasts and batch
    /// sizes.
    pub survivors: Estimate,
    /// The part of these in which it favoured a treatment.
    pub survivors_better: Estimate,
    /// The verdicts. The worst-rank test decides them where a trial diverged.
    pub verdicts: Estimate,
    /// The part of these in which a verdict was *better*.
    pub verdicts_better: Estimate,
    /// The claims.
    pub claims: Estimate,
    /// The part of these in which a claim was borne out.
    pub claims_borne_out: Estimate,
}

/// Simulates `sweeps` sweeps as [`calibrate`] does, for the error rates where trials diverge.
///
/// # Errors
/// As [`calibrate`].
pub fn calibrate_divergence(
    scenario: &str,
    simulation: &Simulation,
    sweeps: u64,
    threads: usize,
) -> Result<Divergence, Error> {
    const OTHERS: [&str; 2] = ["other", "other-lawn"];
    let mut request = ReportRequest::new("calibration", simulation.batch_sizes[0])
        .contrast(ARMS[0], ARMS[1])
        .contrast(OTHERS[0], OTHERS[1]);
    request.threads = 1;
    let seeds = stream(simulation.seed, scenario, 2 * sweeps as usize);
    let (seeds, _) = seeds.as_chunks::<2>();
    let counts = parallel::map(threads, seeds, |[first, second]| {
        let of = |seed: u64, arms: [&str; 2]| Simulation {
            seed,
            arms: arms.map(str::to_owned),
            ..simulation.clone()
        };
        let mut records = of(*first, ARMS).records();
        records.append(of(*second, OTHERS).records());
        decisions(&records, &simulation.task, &request)
    });
    let mut all = [0; 6];
    for found in counts {
        for (sum, decided) in all.iter_mut().zip(found?) {
            *sum += usize::from(decided);
        }
    }
    let rate = |index: usize| clopper_pearson(all[index], sweeps as usize, 0.99);
    Ok(Divergence {
        survivors: rate(0)?,
        survivors_better: rate(1)?,
        verdicts: rate(2)?,
        verdicts_better: rate(3)?,
        claims: rate(4)?,
        claims_borne_out: rate(5)?,
    })
}

/// Whether one sweep decided anything, in the order of the fields of [`Divergence`].
fn decisions(records: &Records, task: &str, request: &ReportRequest) -> Result<[bool; 6], Error> {
    let analysis = Analysis::new(records, request)?;
    let family = analysis.family(task, Question::TestMetric);
    let answers = family.map_or(&[][..], |family| &family.answers);
    let survivor = |answer: &&Answer| {
        let adjusted = answer.adjusted.sign_flip;
        adjusted.is_some_and(|p| p <= request.alpha)
    };
    let favoured = |answer: &Answer| {
        let advantage = answer.comparison.advantage;
        advantage.is_some_and(|advantage| advantage.value > 0.0)
    };
    let verdict = |is: Verdict| answers.iter().any(|answer| answer.verdict == is);
    let claims = claims(&analysis, request)?;
    let claim = |is: Support| claims.iter().any(|claim| claim.verdict == is);
    Ok([
        answers.iter().any(|answer| survivor(&answer)),
        answers.iter().filter(survivor).any(favoured),
        verdict(Verdict::Better) || verdict(Verdict::Worse),
        verdict(Verdict::Better),
        claim(Support::BorneOut) || claim(Support::OppositeBorneOut),
        claim(Support::BorneOut),
    ])
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn scenarios_share_no_sweep() {
        let names = ["no effect, 3 seeds", "no effect, 5 seeds", ""];
        let streams = names.map(|name| stream(0, name, 1000));
        let distinct: BTreeSet<&u64> = streams.iter().flatten().collect();
        assert_eq!(distinct.len(), 3000);
        assert!(
            stream(1, names[0], 1000)
                .iter()
                .all(|seed| !distinct.contains(seed))
        );
    }

    #[test]
    fn more_sweeps_begin_with_the_same() {
        assert_eq!(stream(7, "name", 10)[..4], stream(7, "name", 4));
    }
}
