//! The exact tests, the resampling, and all that a report computes, by criterion.

use std::hint::black_box;
use std::time::Duration;

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use lawn_analysis::simulate::{ARMS, Simulation};
use lawn_analysis::stats::{
    Alternative, Bootstrap, Differences, Philox, Ranking, Sample, Scores, mann_whitney,
    minimum_detectable_effect, permutation, sign_flip, signed_rank,
};
use lawn_analysis::{Report, ReportRequest};

/// Decimals of four digits, as metrics are; ties occur.
fn values(n: usize, seed: u64) -> Vec<f64> {
    let generator = Philox::new(seed);
    (0..n as u64)
        .map(|index| f64::from(generator.block(index)[0] % 4001) / 1e4 - 0.15)
        .collect()
}

fn sample(n: usize, seed: u64) -> Sample {
    Sample::new(values(n, seed)).expect("values are finite")
}

fn paired(criterion: &mut Criterion) {
    let differences = |n| Differences::from_values(&values(n, 0)).expect("values are finite");
    let mut group = criterion.benchmark_group("exact sign-flip");
    // The last one is beyond the complete count: 100,000 draws.
    for n in [8, 20, 30, 40, 1000] {
        let differences = differences(n);
        group.bench_function(BenchmarkId::from_parameter(n), |bencher| {
            bencher.iter(|| sign_flip(black_box(&differences), Alternative::TwoSided));
        });
    }
    group.finish();
    let mut group = criterion.benchmark_group("exact signed-rank");
    for n in [8, 30, 120] {
        let differences = differences(n);
        group.bench_function(BenchmarkId::from_parameter(n), |bencher| {
            bencher.iter(|| signed_rank(black_box(differences.units()), Alternative::TwoSided));
        });
    }
    group.finish();
}

fn independent(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("exact mann-whitney");
    for n in [5, 20, 60] {
        let (x, y) = (sample(n, 0), sample(n, 1));
        group.bench_function(BenchmarkId::from_parameter(n), |bencher| {
            bencher.iter(|| mann_whitney(black_box(&x), black_box(&y), Alternative::TwoSided));
        });
    }
    group.finish();
    let mut group = criterion.benchmark_group("exact permutation");
    for n in [5, 10, 20] {
        let (x, y) = (sample(n, 0), sample(n, 1));
        group.bench_function(BenchmarkId::from_parameter(n), |bencher| {
            bencher.iter(|| permutation(black_box(&x), black_box(&y), Alternative::TwoSided));
        });
    }
    group.finish();
    let blocks: Vec<Vec<f64>> = (0..50).map(|block| values(6, block)).collect();
    let ranking = Ranking::new(&blocks).expect("blocks are of one length");
    criterion.bench_function("friedman and nemenyi, 50 blocks of 6", |bencher| {
        bencher.iter(|| {
            (
                ranking.friedman(),
                ranking.critical_difference(black_box(0.05)),
            )
        });
    });
}

fn resampled(criterion: &mut Criterion) {
    let bootstrap = Bootstrap::default();
    let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
    let mut group = criterion.benchmark_group("10,000 resamples");
    group.sample_size(20);
    let thirty = sample(30, 0);
    group.bench_function("BCa of a mean, n = 30", |bencher| {
        bencher.iter(|| bootstrap.bca(black_box(&thirty), mean));
    });
    let scores = |seed| {
        let tasks = (0..26_u64).map(|task| sample(10, seed + task)).collect();
        Scores::new(tasks).expect("there are tasks")
    };
    let (x, y) = (scores(0), scores(100));
    group.bench_function("interquartile mean, 26 tasks of 10", |bencher| {
        bencher.iter(|| black_box(&x).interquartile_mean(&bootstrap));
    });
    group.bench_function("probability of improvement, 26 tasks of 10", |bencher| {
        bencher.iter(|| black_box(&x).probability_of_improvement(&y, &bootstrap));
    });
    group.finish();
    criterion.bench_function("minimum detectable effect, n = 8", |bencher| {
        bencher.iter(|| minimum_detectable_effect(black_box(8), 0.05, 0.8));
    });
}

/// All that a report says of a simulated sweep, drawn but not written.
fn whole(criterion: &mut Criterion) {
    let records = Simulation::default().records();
    let request = ReportRequest::new("timed", 1024).contrast(ARMS[0], ARMS[1]);
    let mut group = criterion.benchmark_group("report");
    group.sample_size(10);
    group.bench_function(format!("of {} trials", records.trials.len()), |bencher| {
        bencher.iter(|| {
            Report::new(black_box(&records), &request).map(|report| report.claims().len())
        });
    });
    group.finish();
}

/// Criterion with times that keep the whole of `cargo bench` under ten minutes; its own options
/// override them.
fn criterion() -> Criterion {
    Criterion::default()
        .warm_up_time(Duration::from_secs(1))
        .measurement_time(Duration::from_secs(3))
}

criterion_group! {
    name = benches;
    config = criterion();
    targets = paired, independent, resampled, whole
}
criterion_main!(benches);
