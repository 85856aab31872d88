//! Batches on their way to a network, by criterion: the order of an epoch with its negatives, what a
//! batch is gathered from, and image files read, decoded, cut and resized.

mod common;

use std::path::Path;
use std::sync::Arc;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use lawn_models::{Dataset, MakeData, TaskConfig, make_data, train_dataset};
use serde_json::{Value, json};

/// Seed of the trial that the samples are for.
const SEED: u64 = 0;

fn dataset(kind: &str, table: Value, root: Option<&Path>) -> Arc<dyn Dataset> {
    let task = TaskConfig::from_table(kind, table).expect("the table is sound");
    train_dataset(&task, root, SEED).expect("the data are there")
}

/// The beginning of an epoch, which brings its order about, and a batch in the midst of one.
fn sampled(criterion: &mut Criterion, name: &str, dataset: &dyn Dataset, batch: u64) {
    let mut group = criterion.benchmark_group(format!("samples of {name}"));
    group.throughput(Throughput::Elements(dataset.len()));
    let mut epoch = 0;
    group.bench_function("order of an epoch", |bencher| {
        bencher.iter(|| {
            epoch += 1;
            dataset.batch(0..1, epoch).expect("nothing is read")
        });
    });
    group.throughput(Throughput::Elements(batch));
    let mut start = 0;
    group.bench_function(format!("batch of {batch}"), |bencher| {
        bencher.iter(|| {
            start = if start + 2 * batch > dataset.len() {
                0
            } else {
                start + batch
            };
            let samples = start..start + batch;
            dataset
                .batch(samples, epoch.max(1))
                .expect("nothing is read")
        });
    });
    group.finish();
}

fn samples(criterion: &mut Criterion) {
    let ratings = json!({ "generated": { "users": 6040, "items": 3706, "interactions": 60 } });
    let ratings = dataset("ncf", ratings, None);
    sampled(criterion, "ratings, 6,040 users", &*ratings, 16_384);
    let clicks = json!({ "generated": { "rows": 200_000, "dense": 13, "columns": 26 } });
    let clicks = dataset("ctr", clicks, None);
    sampled(criterion, "clicks, 200,000 rows", &*clicks, 16_384);
}

fn images(criterion: &mut Criterion) {
    let root = tempfile::tempdir().expect("there is room");
    let sizes = json!({ "kind": "image", "classes": 2, "side": 256, "train": 64, "test": 2 });
    let sizes: MakeData = serde_json::from_value(sizes).expect("these are sizes of images");
    make_data(&sizes, &root.path().join("photographs")).expect("there is room");
    let mut group = criterion.benchmark_group("16 JPEG files of 256 px to 224 px");
    group.throughput(Throughput::Elements(16));
    for (name, augment) in [("plain", json!(false)), ("cropped", json!(true))] {
        let table = json!({
            "data": "photographs", "augment": augment, "validation_fraction": 0.1,
            "transform": { "size": 224, "normalization": "imagenet" },
        });
        let dataset = dataset("image", table, Some(root.path()));
        let mut epoch = 0;
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                epoch += 1;
                dataset.batch(0..16, epoch).expect("the files are whole")
            });
        });
    }
    group.finish();
}

criterion_group! {
    name = benches;
    config = common::criterion();
    targets = samples, images
}
criterion_main!(benches);
