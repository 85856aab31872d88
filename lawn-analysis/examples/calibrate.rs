//! Type I error, coverage and power of the whole path, on simulated sweeps:
//! `cargo run --release --example calibrate -- [SWEEPS] [THREADS] [SEED] [TABLE]`.
//!
//! SWEEPS is the number of sweeps of each line (default 2,000), THREADS how many threads simulate
//! them (default 2): it changes no number. SEED is the master seed (default 0), from which each line
//! draws a stream of its own. TABLE is `tests` or `divergence`, for one of the two tables (default
//! both); the second has a fifth as many sweeps. The output is Markdown: `CALIBRATION.md` of the
//! crate is that of 5,000 sweeps a line.

use lawn_analysis::calibrate::{calibrate, calibrate_divergence};
use lawn_analysis::simulate::{Noise, Simulation};
use lawn_analysis::stats::Estimate;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let sweeps = arguments.next().map_or(Ok(2_000), |text| text.parse())?;
    let threads = arguments.next().map_or(Ok(2), |text| text.parse())?;
    let seed = arguments.next().map_or(Ok(0), |text| text.parse())?;
    let table = arguments.next();
    let wanted = |name: &str| table.as_deref().is_none_or(|table| table == name);
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
    if !wanted("tests") {
        return where_trials_diverge(&family(0.0), sweeps, threads);
    }
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
         a line is {sweeps} simulated sweeps. Each passes through records, pairing, tests and \
         adjustment as a real one does. Brackets hold the 99 % interval of a rate. Every line draws \
         a stream of its own from the master seed {seed} and its name, so no two lines share a sweep \
         and their errors are independent. The number of threads changes nothing.\n\n\
         - **Without an effect** a test decides as often as expected: 5 % for the paired t test with \
         normal noise, and for the exact sign-flip test the largest multiple of 2/2ⁿ up to 5 % (a \
         share of 5 % in a family), which is 0 with few seeds. A sweep counts where the test decides \
         at any batch size.\n\
         - **With an effect** of one standard deviation of the paired differences, the rate is the \
         power; the planned power of the paired t test is beside it.\n\
         - **Coverage** is the share of the 95 % t intervals of the advantage, and of its slope over \
         three batch sizes, that contain the truth.\n\
         - `!` marks a rate whose interval does not contain the expected rate, an error rate above \
         5 %, and a coverage outside 95 ± 1 %. Of the rates with an expected rate above 0, one in a \
         hundred is marked by chance.\n\n\
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
    println!("\n{marked} rates are marked; {checked} have an expected rate above 0.\n");
    if wanted("divergence") {
        where_trials_diverge(&family(0.0), sweeps, threads)?;
    }
    Ok(())
}

/// The second table: the tests that decide where trials diverge, and the claims.
fn where_trials_diverge(
    family: &Simulation,
    sweeps: u64,
    threads: usize,
) -> Result<(), Box<dyn std::error::Error>> {
    // Each is as long as several of the others.
    let sweeps = (sweeps / 5).max(1);
    let both = |divergence| Simulation {
        divergence,
        treatment_divergence: divergence,
        ..family.clone()
    };
    let scenarios = [
        ("no effect, none diverges", both(0.0), true),
        ("no effect, 10 % of either arm diverge", both(0.1), true),
        ("no effect, 30 % of either arm diverge", both(0.3), true),
        (
            "no effect, the worst 20 % of the treatment diverge",
            Simulation {
                treatment_loses_below: Some(-0.8416),
                ..family.clone()
            },
            false,
        ),
        (
            "d_z = 1.5, 20 % of the baseline diverge",
            Simulation {
                advantage: 1.5 * Simulation::DEVIATION,
                divergence: 0.2,
                ..family.clone()
            },
            false,
        ),
    ];
    println!(
        "# Where trials diverge\n\nA line is {sweeps} sweeps. Each has two contrasts of equal truth at three batch sizes: six tests in \
         one family, and the six claims about the test metric in another. A rate is the share of \
         sweeps in which any test of a family decides.\n\n\
         - **Survivors** is the exact sign-flip test of the pairs that ended well. **Verdicts** is \
         what the report says: where a trial diverged, the signed-rank test with diverged trials \
         ranked worst. **Claims** is the same for the claims.\n\
         - **Without an effect**, where both arms diverge alike, each may decide in at most 5 % of \
         the sweeps. Exact tests of few seeds, undefined slopes and Holm keep the rate below. `!` \
         marks a rate whose 99 % interval lies above 5 %.\n\
         - Where **the treatment loses its worst trials**, its survivors look better than it is. A \
         test of them alone calls it better; the verdicts and the claims do not.\n\
         - In the last lines the treatment is better and diverges less often.\n\n\
         | scenario | seeds | survivors | of these better | verdicts | of these better | claims | of these borne out |\n\
         | :-- | --: | :-- | :-- | :-- | :-- | :-- | :-- |"
    );
    for (name, simulation, null) in scenarios {
        for seeds in [8, 12, 20] {
            let simulation = Simulation {
                seeds,
                ..simulation.clone()
            };
            let name = format!("{name}, {seeds} seeds");
            let found = calibrate_divergence(&name, &simulation, sweeps, threads)?;
            let rates = [
                found.survivors,
                found.survivors_better,
                found.verdicts,
                found.verdicts_better,
                found.claims,
                found.claims_borne_out,
            ];
            let cells = rates.map(|rate| {
                let low = rate.interval.map_or(0.0, |interval| interval.low);
                shown(rate, !null || low <= 0.05)
            });
            let scenario = name.rsplit_once(", ").map_or("", |(scenario, _)| scenario);
            println!("| {scenario} | {seeds} | {} |", cells.join(" | "));
        }
    }
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
