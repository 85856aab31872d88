//! What the harness itself costs, by criterion: a plan of 10,000 trials, and the status and the
//! records of a run with 1,000 finished ones. `cargo run --release --example harness` measures
//! processes and memory.

use std::fmt::Write;
use std::path::Path;
use std::time::Duration;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use lawn_bench::config::parse;
use lawn_bench::plan::{Excerpt, Plan};
use lawn_bench::report::status::Status;
use lawn_bench::run::ending::{self, Ending};
use lawn_bench::run::run_dir::RunDir;
use lawn_bench::run::{document, files};
use lawn_models::TrialSummary;
use serde_json::json;

/// A sweep of one task, ten arms and ten batch sizes, without tuning.
fn sweep(seeds: usize) -> String {
    let seeds: Vec<String> = (1..=seeds).map(|seed| seed.to_string()).collect();
    let mut text = format!(
        "name = \"scale\"\n\
         batch_sizes = [16, 32, 48, 64, 80, 96, 112, 128, 144, 160]\n\
         budget.epochs = 1\n\
         confirmation.seeds = [{}]\n\
         [tasks.feedback]\nkind = \"ncf\"\nmodel = \"gmf\"\n\
         generated = {{ users = 60, items = 220, interactions = 10 }}\n",
        seeds.join(", ")
    );
    for one in 0..10 {
        let _ = write!(
            text,
            "[arms.arm-{one}]\nrule = \"adam\"\nlearning_rate = 0.01\nbeta1 = 0.9{one}\n"
        );
    }
    text
}

fn planned(text: &str) -> Plan {
    let sweep = parse("scale.toml", text).expect("the sweep is sound");
    Plan::new(sweep, Default::default())
}

fn plans(criterion: &mut Criterion) {
    let text = sweep(100);
    let plan = planned(&text);
    let folder = tempfile::tempdir().expect("there is room");
    let run = RunDir::new(folder.path());
    let write = || {
        plan.write(&run, Path::new("scale.toml"), &text)
            .expect("there is room")
    };
    write();
    let trials = plan.trials.len();
    assert_eq!(trials, 10_000);
    let mut group = criterion.benchmark_group("plan of 10,000 trials");
    group.throughput(Throughput::Elements(trials as u64));
    group.bench_function("parse and list", |bencher| bencher.iter(|| planned(&text)));
    group.bench_function("write", |bencher| bencher.iter(write));
    group.bench_function("read", |bencher| {
        bencher.iter(|| Plan::read(&run).expect("it is there"))
    });
    group.bench_function("one trial of it", |bencher| {
        bencher.iter(|| Excerpt::read(&run, trials - 1).expect("it is there"));
    });
    group.finish();
}

/// A summary with as many measurements as a trial has.
fn summary() -> TrialSummary {
    let measured = |split: &str, metric: &str| json!({ "split": split, "metric": metric, "value": 0.512_345_678_9, "count": 31, "total": 60 });
    let metrics = ["hr@10", "ndcg@10", "loss"];
    let measurements: Vec<_> = ["train", "validation", "test"]
        .iter()
        .flat_map(|split| metrics.map(|metric| measured(split, metric)))
        .collect();
    let summary = json!({
        "epochs": 1.0, "steps": 10, "samples": 640, "measurements": measurements,
        "train_loss": 0.523_456_789_01,
    });
    serde_json::from_value(summary).expect("it is a summary")
}

fn finished(criterion: &mut Criterion) {
    let text = sweep(10);
    let plan = planned(&text);
    let folder = tempfile::tempdir().expect("there is room");
    let run = RunDir::new(folder.path());
    plan.write(&run, Path::new("scale.toml"), &text)
        .expect("there is room");
    for trial in &plan.trials {
        let dir = run.trial(&trial.id);
        std::fs::create_dir_all(dir.root()).expect("there is room");
        let path = dir.outcome();
        let bytes = document::to_bytes(&path, ending::SCHEMA, &Ending::ok(summary()));
        let bytes = bytes.expect("it has a form in JSON");
        files::replace_unflushed(&path, &bytes).expect("there is room");
    }
    let mut group = criterion.benchmark_group("run of 1,000 finished trials");
    group.throughput(Throughput::Elements(plan.trials.len() as u64));
    group.bench_function("status", |bencher| {
        bencher.iter(|| Status::read(&run).expect("the run is whole").render());
    });
    group.finish();
}

criterion_group! {
    name = benches;
    config = Criterion::default()
        .warm_up_time(Duration::from_secs(1))
        .measurement_time(Duration::from_secs(3))
        .sample_size(10);
    targets = plans, finished
}
criterion_main!(benches);
