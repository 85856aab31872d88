//! Type I error, coverage and power of the whole path: `cargo run --release --example calibrate`.
//!
//! An argument sets the number of sweeps of each line (default 2,000).

use lawn_analysis::calibrate::calibrate;
use lawn_analysis::report::DecidingTest;
use lawn_analysis::simulate::{Noise, Simulation};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let sweeps = std::env::args()
        .nth(1)
        .map_or(Ok(2_000), |text| text.parse())?;
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
    let shifted = Simulation {
        advantage: Simulation::DEVIATION,
        ..one_batch.clone()
    };
    let family = Simulation {
        batch_sizes: vec![1024, 4096, 16_384],
        ..one_batch.clone()
    };
    let scenarios = [
        ("no effect, normal", null(Noise::Normal, 0.0)),
        ("no effect, heavy tails", null(Noise::HeavyTailed, 0.0)),
        ("no effect, 10 % diverge", null(Noise::Normal, 0.1)),
        ("no effect, family of 3", family),
        ("effect d_z = 1, normal", shifted),
    ];
    println!("{sweeps} sweeps a line; intervals at 99 %");
    println!(
        "scenario                  seeds  test         decided              coverage             planned"
    );
    for (name, simulation) in scenarios {
        for seeds in [3, 5, 8, 12, 20, 30] {
            let simulation = Simulation {
                seeds,
                ..simulation.clone()
            };
            for test in [DecidingTest::SignFlip, DecidingTest::PairedT] {
                let found = calibrate(&simulation, test, sweeps)?;
                let rate = |estimate: lawn_analysis::stats::Estimate| {
                    let interval = estimate.interval.map_or((0.0, 1.0), |i| (i.low, i.high));
                    format!(
                        "{:.4} [{:.4} {:.4}]",
                        estimate.value, interval.0, interval.1
                    )
                };
                println!(
                    "{name:<25} {seeds:>5}  {:<15} {} {} {}",
                    test.name(),
                    rate(found.decided),
                    rate(found.coverage),
                    found
                        .planned_power
                        .map_or("–".into(), |power| format!("{power:.4}")),
                );
            }
        }
    }
    Ok(())
}
