//! Writes the report of a simulated sweep: `cargo run --example sample_report -- DIR`.

use std::path::PathBuf;

use lawn_analysis::simulate::{ARMS, Simulation};
use lawn_analysis::{ReportRequest, write_report};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let dir = std::env::args_os()
        .nth(1)
        .map_or_else(|| "sample-report".into(), PathBuf::from);
    let simulation = Simulation {
        seeds: 8,
        divergence: 0.05,
        ..Simulation::default()
    };
    let mut records = simulation.records();
    let other = Simulation {
        task: "second".into(),
        batch_sizes: vec![10_000, 100_000, 1_000_000],
        seed: 7,
        counts: false,
        ..Simulation::default()
    };
    let mut more = other.records();
    // Two further arms, so that ranks and claims over several contrasts are drawn too.
    let third = Simulation {
        seed: 8,
        advantage_per_doubling: 0.001,
        ..other.clone()
    };
    let mut third = third.records();
    let renamed = |id: &str| id.replace("base", "other");
    third.trials.iter_mut().for_each(|row| {
        (row.arm, row.trial_id) = (renamed(&row.arm), renamed(&row.trial_id));
    });
    third
        .epochs
        .iter_mut()
        .for_each(|row| row.trial_id = renamed(&row.trial_id));
    more.trials.append(&mut third.trials);
    more.epochs.append(&mut third.epochs);
    // The figures over all tasks need arms that every task has: the second task alone has four.
    let four_arms = dir.join("four-arms");
    let request = ReportRequest::new("A simulated sweep of four arms", 10_000)
        .contrast("other", "other-lawn")
        .contrast(ARMS[0], ARMS[1]);
    write_report(&more, &request, &four_arms)?;

    // Trial ids are unique over a sweep; the simulation's are over a task.
    let rename = |id: &mut String| id.push_str("-second");
    more.trials
        .iter_mut()
        .for_each(|row| rename(&mut row.trial_id));
    more.epochs
        .iter_mut()
        .for_each(|row| rename(&mut row.trial_id));
    more.units
        .iter_mut()
        .for_each(|row| rename(&mut row.trial_id));
    more.measurements
        .iter_mut()
        .for_each(|row| rename(&mut row.trial_id));
    records.trials.append(&mut more.trials);
    records.epochs.append(&mut more.epochs);
    records.units.append(&mut more.units);
    records.measurements.append(&mut more.measurements);

    let mut request = ReportRequest::new("A simulated sweep", 1024).contrast(ARMS[0], ARMS[1]);
    request.margins.insert("hit rate".into(), 0.005);
    request.provenance = vec![("Source".into(), "simulated, not measured".into())];
    let files = write_report(&records, &request, &dir)?;
    println!("{}", files.html.display());
    Ok(())
}
