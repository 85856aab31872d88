//! The error rates of the whole path, from records to verdicts, on sweeps whose truth is known.

use crate::analysis::{Analysis, Question};
use crate::error::Error;
use crate::parallel;
use crate::report::{DecidingTest, ReportRequest};
use crate::simulate::{ARMS, Simulation};
use crate::stats::{Estimate, clopper_pearson, power};

/// What happened over many simulated sweeps.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Calibration {
    /// Sweeps in which the exact sign-flip test decided the test metric at any batch size. With no
    /// true effect this is the family-wise error rate, with one it is the power.
    pub sign_flip: Estimate,
    /// The same of the paired t test.
    pub paired_t: Estimate,
    /// t intervals of the advantage in the test metric that hold the truth.
    pub coverage: Estimate,
    /// Power of the paired t test at one batch size, as planned from the true effect.
    pub planned_power: Option<f64>,
}

impl Calibration {
    /// How often a test decided.
    pub fn decided(&self, test: DecidingTest) -> Estimate {
        match test {
            DecidingTest::SignFlip => self.sign_flip,
            DecidingTest::PairedT => self.paired_t,
        }
    }
}

/// What one sweep adds to the counts.
#[derive(Default)]
struct Tally {
    sign_flip: usize,
    paired_t: usize,
    intervals: usize,
    covered: usize,
}

/// Simulates `sweeps` sweeps, each through records and analysis as a real one.
///
/// The simulation's own seed is replaced by 0, 1, …; the rates come with Clopper and Pearson's
/// interval at level 0.99. The number of threads changes nothing but the time.
///
/// # Errors
/// As [`Analysis::new`]; [`Error::TooFew`] for no sweeps.
pub fn calibrate(
    simulation: &Simulation,
    sweeps: u64,
    threads: usize,
) -> Result<Calibration, Error> {
    let mut request =
        ReportRequest::new("calibration", simulation.batch_sizes[0]).contrast(ARMS[0], ARMS[1]);
    request.threads = 1;
    let seeds: Vec<u64> = (0..sweeps).collect();
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
    }
    let effect = simulation.true_advantages()[0] / Simulation::DEVIATION;
    let rate = |count| clopper_pearson(count, sweeps as usize, 0.99);
    Ok(Calibration {
        sign_flip: rate(all.sign_flip)?,
        paired_t: rate(all.paired_t)?,
        coverage: clopper_pearson(all.covered, all.intervals, 0.99)?,
        planned_power: power(effect, simulation.seeds, request.alpha).ok(),
    })
}

fn tally(simulation: &Simulation, request: &ReportRequest) -> Result<Tally, Error> {
    let analysis = Analysis::new(&simulation.records(), request)?;
    let family = analysis.family(&simulation.task, Question::TestMetric);
    let answers = family.map_or(&[][..], |family| &family.answers);
    let decided = |test| {
        let mut adjusted = answers.iter().map(|answer| answer.adjusted.deciding(test));
        usize::from(adjusted.any(|p| p.is_some_and(|p| p <= request.alpha)))
    };
    let mut tally = Tally {
        sign_flip: decided(DecidingTest::SignFlip),
        paired_t: decided(DecidingTest::PairedT),
        ..Tally::default()
    };
    for (answer, truth) in answers.iter().zip(simulation.true_advantages()) {
        let advantage = answer.comparison.advantage;
        if let Some(interval) = advantage.and_then(|advantage| advantage.interval) {
            tally.intervals += 1;
            tally.covered += usize::from(interval.contains(truth));
        }
    }
    Ok(tally)
}
