//! The error rates of the whole path, from records to verdicts, on sweeps whose truth is known.

use crate::analysis::{Analysis, Question, Verdict};
use crate::error::Error;
use crate::report::{DecidingTest, ReportRequest};
use crate::simulate::{ARMS, Simulation};
use crate::stats::{Estimate, clopper_pearson, power};

/// What happened over many simulated sweeps.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Calibration {
    /// Sweeps with a verdict other than inconclusive on the test metric at any batch size. With no
    /// true effect this is the family-wise error rate, with one it is the power.
    pub decided: Estimate,
    /// Intervals of the advantage in the test metric that hold the truth.
    pub coverage: Estimate,
    /// Power of the paired t test at one batch size, as planned from the true effect.
    pub planned_power: Option<f64>,
}

/// Simulates `sweeps` sweeps, each through records and analysis as a real one.
///
/// The simulation's own seed is replaced by 0, 1, …; both rates come with Clopper and Pearson's
/// interval at level 0.99.
///
/// # Errors
/// As [`Analysis::new`]; [`Error::TooFew`] for no sweeps.
pub fn calibrate(
    simulation: &Simulation,
    test: DecidingTest,
    sweeps: u64,
) -> Result<Calibration, Error> {
    let mut request =
        ReportRequest::new("calibration", simulation.batch_sizes[0]).contrast(ARMS[0], ARMS[1]);
    request.deciding_test = test;
    let (mut decided, mut covered, mut intervals) = (0, 0, 0);
    for seed in 0..sweeps {
        let simulation = Simulation {
            seed,
            ..simulation.clone()
        };
        let analysis = Analysis::new(&simulation.records(), &request)?;
        let family = analysis.family(&simulation.task, Question::TestMetric);
        let answers = family.map_or(&[][..], |family| &family.answers);
        decided += usize::from(
            answers
                .iter()
                .any(|answer| answer.verdict != Verdict::Inconclusive),
        );
        for (answer, truth) in answers.iter().zip(simulation.true_advantages()) {
            let interval = answer
                .comparison
                .advantage
                .and_then(|advantage| advantage.interval);
            if let Some(interval) = interval {
                intervals += 1;
                covered += usize::from(interval.contains(truth));
            }
        }
    }
    let effect = simulation.true_advantages()[0] / Simulation::DEVIATION;
    Ok(Calibration {
        decided: clopper_pearson(decided, sweeps as usize, 0.99)?,
        coverage: clopper_pearson(covered, intervals, 0.99)?,
        planned_power: power(effect, simulation.seeds, request.alpha).ok(),
    })
}
