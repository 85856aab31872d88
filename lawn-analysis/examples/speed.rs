//! Times the report of 10,000 trials of 50 epochs: `cargo run --release --example speed`.

use std::time::Instant;

use lawn_analysis::simulate::{ARMS, Simulation};
use lawn_analysis::{Records, ReportRequest, write_report};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let dir = tempfile::tempdir()?;
    let simulation = Simulation {
        seeds: 1250,
        epochs: 50,
        settings: 0,
        ..Simulation::default()
    };
    let made = simulation.records();
    println!("{} trials, {} epochs", made.trials.len(), made.epochs.len());
    made.write(dir.path())?;
    drop(made);

    let start = Instant::now();
    let records = Records::load(dir.path())?;
    println!("load    {:>7.2} s", start.elapsed().as_secs_f64());
    let mut request = ReportRequest::new("Speed", 1024).contrast(ARMS[0], ARMS[1]);
    request.margins.insert("hit rate".into(), 0.005);
    let files = write_report(&records, &request, &dir.path().join("report"))?;
    println!("in all  {:>7.2} s", start.elapsed().as_secs_f64());
    let page = std::fs::metadata(&files.html)?.len();
    println!("page    {:>7.2} MB", page as f64 / 1e6);
    if let Ok(status) = std::fs::read_to_string("/proc/self/status") {
        let peak = status.lines().find(|line| line.starts_with("VmHWM"));
        println!("{}", peak.unwrap_or("peak memory unknown"));
    }
    Ok(())
}
