//! Times the reports of sweeps of 10,000 trials of 50 epochs, one of many seeds and one of many
//! settings: `cargo run --release --example speed -- [DIR]`. With DIR the reports are kept there,
//! in `seeds` and `settings`.

use std::path::Path;
use std::time::Instant;

use lawn_analysis::simulate::{ARMS, Simulation};
use lawn_analysis::{Records, ReportRequest, write_report};

/// Two arms at four batch sizes with 1,250 seeds each.
fn seeds() -> (Records, ReportRequest) {
    let simulation = Simulation {
        seeds: 1250,
        epochs: 50,
        settings: 0,
        ..Simulation::default()
    };
    let request = ReportRequest::new("Many seeds", 1024).contrast(ARMS[0], ARMS[1]);
    (simulation.records(), request)
}

/// Eight arms at five batch sizes, each tuned with 240 settings and confirmed with ten seeds.
fn settings() -> (Records, ReportRequest) {
    let mut records = Records::default();
    let mut request = ReportRequest::new("Many settings", 1024);
    for (seed, rule) in ["sgd", "adam", "lamb", "lars"].into_iter().enumerate() {
        let arms = [rule.to_owned(), format!("{rule}-lawn")];
        request = request.contrast(&arms[0], &arms[1]);
        let simulation = Simulation {
            arms,
            batch_sizes: vec![1024, 4096, 16_384, 65_536, 262_144],
            seeds: 10,
            epochs: 50,
            settings: 240,
            divergence: 0.1,
            seed: seed as u64,
            ..Simulation::default()
        };
        records.append(simulation.records());
    }
    (records, request)
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let kept = std::env::args_os().nth(1);
    let dir = tempfile::tempdir()?;
    for (name, made) in [("seeds", seeds()), ("settings", settings())] {
        let (made, mut request) = made;
        println!(
            "{name}: {} trials, {} epochs",
            made.trials.len(),
            made.epochs.len()
        );
        let records = dir.path().join(name);
        made.write(&records)?;
        drop(made);

        let start = Instant::now();
        let loaded = Records::load(&records)?;
        println!("load    {:>7.2} s", start.elapsed().as_secs_f64());
        request.margins.insert("hit rate".into(), 0.005);
        let report = kept
            .as_ref()
            .map_or(records.join("report"), |dir| Path::new(dir).join(name));
        let files = write_report(&loaded, &request, &report)?;
        println!("in all  {:>7.2} s", start.elapsed().as_secs_f64());
        let page = std::fs::metadata(&files.html)?.len();
        println!("page    {:>7.2} MB", page as f64 / 1e6);
    }
    if let Ok(status) = std::fs::read_to_string("/proc/self/status") {
        let peak = status.lines().find(|line| line.starts_with("VmHWM"));
        println!("{}", peak.unwrap_or("peak memory unknown"));
    }
    Ok(())
}
