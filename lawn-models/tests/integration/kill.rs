//! Trials that are killed, whose files are damaged, and what is left of them.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::time::Duration;

use lawn_models::{
    Amount, Device, Diagnostics, Evaluation, EvaluationRecord, FreePhase, LrShape, Notice,
    Observer, OptimizerSettings, Precision, RuleName, Stage, TaskConfig, TrialConfig, TrialContext,
    TrialEnd, TrialInfo, TrialSummary, run_trial,
};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde_json::json;

/// Keeps the log as a launcher would, and dies at a given call.
#[derive(Default)]
struct Log {
    records: BTreeMap<u64, EvaluationRecord>,
    notices: Vec<Notice>,
    info: Option<TrialInfo>,
    /// Calls until this panics, as after a kill: nothing is written any more.
    left: Option<u32>,
    stop_at: Option<u64>,
    step: u64,
}

impl Log {
    fn count(&mut self) {
        if let Some(left) = &mut self.left {
            *left = left.checked_sub(1).unwrap_or_else(|| {
                // Not `panic!`, whose hook would print hundreds of messages.
                std::panic::resume_unwind(Box::new("killed"))
            });
        }
    }
}

impl Observer for Log {
    fn started(&mut self, info: &TrialInfo) {
        self.records.retain(|&step, _| step <= info.resumed_step);
        let last = self.records.last_key_value();
        assert_eq!(last.map_or(0, |(&step, _)| step), info.recorded_step);
        self.info = Some(info.clone());
        self.count();
    }
    fn progress(&mut self, step: u64, _steps: u64) {
        self.step = step;
        self.count();
    }
    fn evaluated(&mut self, record: &EvaluationRecord) {
        let timeless = EvaluationRecord {
            samples_per_second: 0.0,
            seconds: Default::default(),
            ..record.clone()
        };
        self.records.insert(record.step, timeless);
        self.count();
    }
    fn notice(&mut self, notice: &Notice) {
        self.notices.push(notice.clone());
    }
    fn stop_requested(&self) -> bool {
        self.stop_at.is_some_and(|stop| self.step >= stop)
    }
}

fn trial(kind: &str, budget: Amount, every: Amount) -> TrialConfig {
    let table = match kind {
        "ncf" => json!({ "generated": { "users": 40, "items": 150, "interactions": 10 } }),
        _ => json!({
            "depth": 8, "width": 4, "statistics_batch": 16,
            "generated": { "classes": 3, "side": 8, "train": 90, "test": 15 },
        }),
    };
    TrialConfig {
        task: TaskConfig::from_table(kind, table).unwrap(),
        optimizer: OptimizerSettings {
            lawn: true,
            free_fraction: Some(0.4),
            warmup: 0.1,
            decay: LrShape::Linear,
            ..OptimizerSettings::new(RuleName::Adam, 1e-2)
        },
        batch_size: if kind == "ncf" { 500 } else { 32 },
        budget,
        seed: 5,
        stage: Stage::Confirm,
        precision: Precision::F32,
        micro_batch_size: None,
        stop_after: None,
        evaluation: Evaluation {
            every,
            test_curve: true,
        },
        diagnostics: Diagnostics {
            units: true,
            distance_from: None,
        },
    }
}

fn context(folder: &Path, checkpoint_every: Duration) -> TrialContext {
    TrialContext {
        device: Device::Cpu,
        data_root: None,
        checkpoint: folder.join("checkpoint.safetensors"),
        checkpoint_every,
        keep_weights: true,
        deterministic: false,
        graphs: false,
    }
}

fn run(config: &TrialConfig, folder: &Path, log: &mut Log) -> TrialEnd {
    // Sums over threads depend on their number.
    lawn_models::set_threads(1);
    run_trial(config, &context(folder, Duration::ZERO), log).unwrap()
}

fn through(config: &TrialConfig) -> (TrialSummary, Log) {
    let folder = tempfile::tempdir().unwrap();
    let mut log = Log::default();
    match run(config, folder.path(), &mut log) {
        TrialEnd::Finished(summary) => (summary, log),
        other => panic!("{other:?}"),
    }
}

/// Every kind of budget, each with another cadence of evaluation.
const BUDGETS: [(Amount, Amount); 3] = [
    (Amount::Epochs(3), Amount::Epochs(1)),
    (Amount::Steps(8), Amount::Steps(3)),
    (Amount::Samples(230), Amount::Samples(70)),
];

#[test]
fn any_sequence_of_kills_ends_with_the_same_bits() {
    lawn_models::set_threads(1);
    let mut rng = ChaCha8Rng::seed_from_u64(7);
    let mut kills = 0;
    for kind in ["ncf", "image"] {
        for (budget, every) in BUDGETS {
            let scale = if kind == "ncf" { 10 } else { 1 };
            let scaled = |amount| match amount {
                Amount::Samples(samples) => Amount::Samples(samples * scale),
                other => other,
            };
            let config = trial(kind, scaled(budget), scaled(every));
            let (summary, expected) = through(&config);
            for _ in 0..8 {
                let folder = tempfile::tempdir().unwrap();
                let mut log = Log::default();
                // Each step, or some of them.
                let pause = Duration::from_millis(rng.random_range(0..2) * 4);
                let context = context(folder.path(), pause);
                let end = loop {
                    log.left = Some(rng.random_range(0..12));
                    let run = AssertUnwindSafe(|| run_trial(&config, &context, &mut log));
                    match catch_unwind(run) {
                        Ok(end) => break end.unwrap(),
                        Err(_) => kills += 1,
                    }
                };
                assert_eq!(end, TrialEnd::Finished(summary.clone()), "{kind}, {budget}");
                assert_eq!(log.records, expected.records, "{kind}, {budget}");
                assert!(log.notices.is_empty());
            }
        }
    }
    assert!(kills > 60, "{kills}");
}

#[test]
fn a_budget_is_kept_to_the_sample_and_measured_where_asked() {
    for kind in ["ncf", "image"] {
        let config = trial(kind, Amount::Samples(1010), Amount::Samples(400));
        let (summary, log) = through(&config);
        assert_eq!(summary.samples, 1010);
        let info = log.info.unwrap();
        assert_eq!(summary.steps, info.steps);
        let batch = config.batch_size.min(info.train_samples);
        let measured: Vec<u64> = log.records.values().map(|record| record.samples).collect();
        assert_eq!(measured.last(), Some(&1010));
        for (&samples, multiple) in measured.iter().zip([400, 800, 1010]) {
            let late = samples - multiple;
            assert!(late < batch, "{samples} after {multiple}");
        }
        assert_eq!(summary.epochs, 1010.0 / info.train_samples as f64);

        let steps = trial(kind, Amount::Steps(5), Amount::Steps(2));
        let (summary, log) = through(&steps);
        assert_eq!(summary.steps, 5);
        assert_eq!(log.records.keys().copied().collect::<Vec<_>>(), [2, 4, 5]);
    }
}

/// Damages the file, and says how.
type Damage = (&'static str, fn(&mut Vec<u8>));

const DAMAGES: [Damage; 4] = [
    ("truncated", |bytes| bytes.truncate(bytes.len() / 2)),
    ("empty", Vec::clear),
    ("a flipped bit in the header", |bytes| bytes[60] ^= 4),
    ("a flipped bit in the data", |bytes| {
        let last = bytes.len() - 9;
        bytes[last] ^= 32;
    }),
];

#[test]
fn a_damaged_checkpoint_gives_way_to_the_one_before() {
    for kind in ["ncf", "image"] {
        let config = trial(kind, Amount::Epochs(3), Amount::Epochs(1));
        let (summary, expected) = through(&config);
        for (how, damage) in DAMAGES {
            for both in [false, true] {
                let folder = tempfile::tempdir().unwrap();
                let mut log = Log {
                    stop_at: Some(5),
                    ..Log::default()
                };
                let end = run(&config, folder.path(), &mut log);
                assert!(
                    matches!(end, TrialEnd::Preempted { step: 5, .. }),
                    "{end:?}"
                );
                let names = ["checkpoint.safetensors", "checkpoint.previous.safetensors"];
                for name in &names[..1 + usize::from(both)] {
                    let file = folder.path().join(name);
                    let mut bytes = std::fs::read(&file).unwrap();
                    damage(&mut bytes);
                    std::fs::write(&file, &bytes).unwrap();
                }
                log.stop_at = None;
                let end = run(&config, folder.path(), &mut log);
                assert_eq!(end, TrialEnd::Finished(summary.clone()), "{kind}, {how}");
                assert_eq!(log.records, expected.records, "{kind}, {how}");
                let resumed = log.info.unwrap().resumed_step;
                // A stop writes the state of the step that was just written.
                assert_eq!(resumed, if both { 0 } else { 5 }, "{how}");
                assert_eq!(log.notices.len(), 1 + usize::from(both));
                for notice in &log.notices {
                    let Notice::CheckpointDamaged { kept_as, .. } = notice else {
                        panic!("{notice:?}");
                    };
                    assert!(folder.path().join(kept_as).exists(), "{kept_as}");
                }
            }
        }
    }
}

#[test]
fn distances_are_measured_from_the_weights_at_the_freeze() {
    for kind in ["ncf", "image"] {
        let mut config = trial(kind, Amount::Steps(8), Amount::Steps(1));
        let weights = |folder: &Path| {
            let file = folder.join("checkpoint.safetensors");
            lawn_core::State::load(file, Device::Cpu).unwrap().tensors
        };
        // 0.4 of 8 steps.
        let freeze = 3;
        let folder = tempfile::tempdir().unwrap();
        let mut log = Log {
            stop_at: Some(freeze),
            ..Log::default()
        };
        run(&config, folder.path(), &mut log);
        let before = weights(folder.path());
        log.stop_at = None;
        run(&config, folder.path(), &mut log);
        let after = weights(folder.path());
        let info = log.info.as_ref().unwrap();
        let constrained = info.treatments.iter().filter(|one| one.units > 0);
        let squares: f64 = constrained
            .map(|one| {
                let entry = format!("model/{}", one.parameter);
                let moved = &after[&entry] - &before[&entry];
                moved.square().sum(tch::Kind::Double).double_value(&[])
            })
            .sum();
        for (&step, record) in &log.records {
            assert_eq!(
                record.distance_from_freeze.is_some(),
                step > freeze,
                "{step}"
            );
        }
        let last = log.records[&8].distance_from_freeze.unwrap();
        assert!((last / squares.sqrt() - 1.0).abs() < 1e-6, "{last}");

        // Without LAWN: the same weights, from the step that is given.
        config.optimizer = OptimizerSettings::new(RuleName::Adam, 1e-2);
        let (_, log) = through(&config);
        assert!(
            log.records
                .values()
                .all(|one| one.distance_from_freeze.is_none())
        );
        config.diagnostics.distance_from = Some(FreePhase::Fraction(0.4));
        let (_, log) = through(&config);
        for (&step, record) in &log.records {
            assert_eq!(
                record.distance_from_freeze.is_some(),
                step > freeze,
                "{step}"
            );
            let moved = record.function_distance;
            assert_eq!(moved.is_some(), step > freeze, "{step}");
            assert!(moved.is_none_or(|moved| moved > 0.0 && moved <= 1.0));
        }

        // A trial that goes on measures from the same place.
        let folder = tempfile::tempdir().unwrap();
        let mut stopped = Log {
            stop_at: Some(5),
            ..Log::default()
        };
        run(&config, folder.path(), &mut stopped);
        stopped.stop_at = None;
        run(&config, folder.path(), &mut stopped);
        let moved = |log: &Log| -> Vec<Option<f64>> {
            log.records
                .values()
                .map(|one| one.function_distance)
                .collect()
        };
        assert_eq!(moved(&stopped), moved(&log), "{kind}");
    }
}

#[test]
fn units_are_told_of_where_asked() {
    let config = trial("ncf", Amount::Steps(6), Amount::Steps(2));
    let (_, log) = through(&config);
    for (&step, record) in &log.records {
        assert_eq!(record.diagnostics.len(), record.units.len());
        for told in &record.diagnostics {
            assert!(told.gradient_norm.is_finite() && told.cosine.abs() <= 1.0);
            assert!(told.rotation <= told.rotation_max * (1.0 + 1e-12));
            assert!(told.radius_drift < 1e-5);
        }
        let constrained = record.diagnostics.iter().any(|told| told.constrained > 0);
        // The step before the evaluation; 0.4 of 6 steps are free.
        assert_eq!(constrained, step > 2);
    }
    let silent = TrialConfig {
        diagnostics: Diagnostics::default(),
        ..config
    };
    let (_, log) = through(&silent);
    assert!(
        log.records
            .values()
            .all(|record| record.diagnostics.is_empty())
    );
}

#[test]
fn a_test_curve_is_measured_by_confirm_trials_only() {
    for kind in ["ncf", "image"] {
        let tests = |config: &TrialConfig| -> Vec<usize> {
            let (summary, log) = through(config);
            let count = |measured: &[lawn_models::Measurement]| {
                let test = measured.iter();
                test.filter(|one| one.split == lawn_models::Split::Test)
                    .count()
            };
            let records = log.records.values().map(|one| count(&one.measurements));
            records.chain([count(&summary.measurements)]).collect()
        };
        let config = trial(kind, Amount::Epochs(2), Amount::Epochs(1));
        let metrics = config.task.metrics().all.len();
        assert_eq!(tests(&config), [metrics; 3]);
        let tune = TrialConfig {
            stage: Stage::Tune,
            ..config.clone()
        };
        assert_eq!(tests(&tune), [0; 3]);
        let plain = TrialConfig {
            evaluation: Evaluation::default(),
            ..config
        };
        assert_eq!(tests(&plain), [0, 0, metrics]);
    }
}
