//! Type I error, coverage and power of the whole path, on simulated sweeps:
//! `cargo run --release --example calibrate -- [SWEEPS] [THREADS]`.
//!
//! SWEEPS is the number of sweeps of each line (default 2,000), THREADS how many threads simulate
//! them (default 2): it changes no number. Intervals are Clopper and Pearson's at 99 %; a rate whose
//! interval leaves out what it should be is marked with `!`.

use lawn_analysis::calibrate::calibrate;
use lawn_analysis::report::DecidingTest;
use lawn_analysis::simulate::{Noise, Simulation};
use lawn_analysis::stats::Estimate;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let sweeps = arguments.next().map_or(Ok(2_000), |text| text.parse())?;
    let threads = arguments.next().map_or(Ok(2), |text| text.parse())?;
    let one_batch = Simulation {
        batch_sizes: vec![1024],
        epochs: 1,
        settings: 0,
        counts: false,
        advantage_per_doubling: 0.0,
        ..Simulation::default()
    };
    let null = |noise, divergence| Simulation {
        noise,
        divergence,
        ..one_batch.clone()
    };
    let shifted = |by: f64, noise| Simulation {
        advantage: by * Simulation::DEVIATION,
        noise,
        ..one_batch.clone()
    };
    let family = |advantage| Simulation {
        batch_sizes: vec![1024, 4096, 16_384],
        advantage,
        ..one_batch.clone()
    };
    let scenarios = [
        ("no effect, normal", null(Noise::Normal, 0.0)),
        ("no effect, heavy tails", null(Noise::HeavyTailed, 0.0)),
        ("no effect, 10 % diverge", null(Noise::Normal, 0.1)),
        ("no effect, family of 3", family(0.0)),
        ("d_z = 1, normal", shifted(1.0, Noise::Normal)),
        ("d_z = 1, heavy tails", shifted(1.0, Noise::HeavyTailed)),
        ("d_z = 1, family of 3", family(Simulation::DEVIATION)),
    ];
    println!("{sweeps} sweeps a line; intervals at 99 %");
    println!(
        "{:<24} {:>5}  {:<25} {:<25} {:<25} planned",
        "scenario", "seeds", "decided by sign-flip", "decided by paired t", "coverage of t"
    );
    for (name, simulation) in scenarios {
        for seeds in [3, 5, 8, 12, 20, 30] {
            let simulation = Simulation {
                seeds,
                ..simulation.clone()
            };
            let found = calibrate(&simulation, sweeps, threads)?;
            let is_null = simulation.advantage == 0.0;
            let planned = simulation.noise == Noise::Normal && simulation.batch_sizes.len() == 1;
            // Without an effect a test may err less often than alpha, never more often.
            let errors = |rate: Estimate| shown(rate, |low, _| !is_null || low <= 0.05);
            println!(
                "{name:<24} {seeds:>5}  {} {} {} {}",
                errors(found.decided(DecidingTest::SignFlip)),
                errors(found.decided(DecidingTest::PairedT)),
                shown(found.coverage, |low, high| low <= 0.96 && high >= 0.94),
                match found.planned_power {
                    Some(power) if planned && !is_null => format!("{power:.4}"),
                    _ => "–".to_owned(),
                },
            );
        }
    }
    Ok(())
}

/// A rate with its interval, and a mark where the interval is not as it should be.
fn shown(rate: Estimate, fine: impl Fn(f64, f64) -> bool) -> String {
    let (low, high) = rate
        .interval
        .map_or((0.0, 1.0), |found| (found.low, found.high));
    let mark = if fine(low, high) { ' ' } else { '!' };
    format!("{:.4} [{low:.4} {high:.4}]{mark} ", rate.value)
}
