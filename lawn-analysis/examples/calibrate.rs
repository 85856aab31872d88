//! Type I error, coverage and power of the whole path, on simulated sweeps:
//! `cargo run --release --example calibrate -- [SWEEPS] [THREADS] [SEED]`.
//!
//! SWEEPS is the number of sweeps of each line (default 2,000), THREADS how many threads simulate
//! them (default 2): it changes no number. SEED is the master seed (default 0), from which each line
//! draws a stream of its own. The output is Markdown: `CALIBRATION.md` of the crate is that of 5,000
//! sweeps a line.

use lawn_analysis::calibrate::calibrate;
use lawn_analysis::simulate::{Noise, Simulation};
use lawn_analysis::stats::Estimate;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let sweeps = arguments.next().map_or(Ok(2_000), |text| text.parse())?;
    let threads = arguments.next().map_or(Ok(2), |text| text.parse())?;
    let seed = arguments.next().map_or(Ok(0), |text| text.parse())?;
    let one_batch = Simulation {
        seed,
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
    println!(
        "# Error rates of the report's own code\n\nWritten by `just calibrate {sweeps} {threads} {seed} > lawn-analysis/CALIBRATION.md`: \
         {sweeps} simulated sweeps a line, each through records, pairing, tests and adjustment as a \
         real one; in brackets the interval of a rate at 99 %. Every line draws a stream of its own \
         from the master seed {seed} and its name, so no two lines share a sweep and their errors \
         are independent. The number of threads changes nothing.\n\n\
         - **Without an effect** a test decides as often as expected: 5 % for the paired t test with \
         normal noise, and for the exact sign-flip test the largest multiple of 2/2ⁿ up to 5 % (a \
         share of 5 % in a family), which is 0 with few seeds. Decided at any batch size counts.\n\
         - **With an effect** of one standard deviation of the paired differences, the rate is the \
         power; the planned power of the paired t test is beside it.\n\
         - **Coverage** is the part of the 95 % t intervals of the advantage, and of its slope over \
         three batch sizes, that hold the truth.\n\
         - `!` marks a rate whose interval leaves out what is expected, an error rate above 5 %, and \
         a coverage outside 95 ± 1 %. Of the rates with something expected above 0, one in a hundred \
         is marked by chance.\n\n\
         | scenario | seeds | sign-flip | expected | paired t | expected | coverage | of the slope |\n\
         | :-- | --: | :-- | --: | :-- | --: | :-- | :-- |"
    );
    let (mut marked, mut checked) = (0, 0);
    for (name, simulation) in scenarios {
        for seeds in [3, 5, 8, 12, 20, 30] {
            let simulation = Simulation {
                seeds,
                ..simulation.clone()
            };
            let found = calibrate(
                &format!("{name}, {seeds} seeds"),
                &simulation,
                sweeps,
                threads,
            )?;
            let is_null = simulation.advantage == 0.0;
            let rate = |rate: Estimate, expected: Option<f64>| {
                let holds = |value| {
                    rate.interval
                        .is_none_or(|interval| interval.contains(value))
                };
                let low = rate.interval.map_or(0.0, |interval| interval.low);
                shown(rate, expected.map_or(!is_null || low <= 0.05, holds))
            };
            let covers = |rate: Estimate| shown(rate, (0.94..=0.96).contains(&rate.value));
            let number =
                |expected: Option<f64>| expected.map_or("–".to_owned(), |p| format!("{p:.4}"));
            let line = format!(
                "| {name} | {seeds} | {} | {} | {} | {} | {} | {} |",
                rate(found.sign_flip, found.expected.sign_flip),
                number(found.expected.sign_flip),
                rate(found.paired_t, found.expected.paired_t),
                number(found.expected.paired_t),
                covers(found.coverage),
                found.slope_coverage.map_or("–".to_owned(), covers),
            );
            let expected = [found.expected.sign_flip, found.expected.paired_t];
            checked += expected
                .into_iter()
                .flatten()
                .filter(|rate| *rate > 0.0)
                .count();
            marked += line.matches('!').count();
            println!("{line}");
        }
    }
    println!("\n{marked} rates are marked; {checked} have something expected above 0.");
    Ok(())
}

/// A rate with its interval, and a mark where it is not as it should be.
fn shown(rate: Estimate, fine: bool) -> String {
    let (low, high) = rate
        .interval
        .map_or((0.0, 1.0), |found| (found.low, found.high));
    let mark = if fine { "" } else { " !" };
    format!("{:.4} [{low:.4}, {high:.4}]{mark}", rate.value)
}
