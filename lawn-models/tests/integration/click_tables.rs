//! Trials on clicks whose optimizers treat embedding tables apart: rules by row, CowClip, rates and
//! decay of their own, and LAWN that leaves rows alone.

use std::path::Path;

use lawn_models::{
    Amount, CowClipConfig, EvaluationRecord, GeneratedClicks, Granularity, MakeData, Notice,
    Observer, Precision, RuleName, TrialConfig, TrialContext, TrialEnd, TrialInfo, UntouchedRows,
    make_data, run_trial,
};
use serde_json::{Value, json};
use tch::{Kind, Tensor};

use crate::common::{Recorder, context, finish, run, timeless, trial};

fn small(model: Value) -> Value {
    json!({
        "model": model,
        "generated": { "rows": 1_500, "columns": 4, "vocabulary": 16 },
    })
}

fn net() -> Value {
    json!({ "name": "dcn_v2", "width": 4, "cross_layers": 2, "layers": [8] })
}

/// Optimizers of embedding tables: by row, with CowClip, and LAWN that leaves rows alone.
fn by_row() -> [TrialConfig; 4] {
    let plain = |rule| {
        let mut config = trial("ctr", small(json!({ "name": "deepfm", "layers": [8] })));
        config.optimizer.rule = rule;
        config
    };
    let free = |rule| {
        let mut config = plain(rule);
        config.optimizer.lawn = false;
        config.optimizer.free_epochs = None;
        config
    };
    let mut clipped = free(RuleName::Adam);
    clipped.optimizer.cow_clip = Some(CowClipConfig::default());
    clipped.optimizer.embedding_learning_rate = Some(1e-3);
    clipped.optimizer.embedding_weight_decay = Some(1e-5);
    let mut left = plain(RuleName::Adam);
    left.optimizer.untouched_rows = Some(UntouchedRows::LeftAlone);
    let mut lazy = plain(RuleName::LazyAdam);
    lazy.optimizer.cow_clip = Some(CowClipConfig::default());
    [free(RuleName::RowwiseAdagrad), clipped, left, lazy]
}

/// Through a kill, a want of memory, and in parts.
#[test]
fn optimizers_of_tables_go_through_the_same_rails() {
    for config in by_row() {
        let rule = config.optimizer.rule;
        let (through, whole) = finish(&config);
        let folder = tempfile::tempdir().unwrap();
        let mut first = Recorder {
            stop_at: Some(31),
            ..Recorder::default()
        };
        let end = run(&config, folder.path(), &mut first);
        assert!(matches!(end, TrialEnd::Preempted { step: 31, .. }));
        let mut second = Recorder::default();
        let end = run(&config, folder.path(), &mut second);
        assert_eq!(end, TrialEnd::Finished(through), "{rule:?}");
        let last = |recorder: &Recorder| recorder.records.last().map(timeless);
        assert_eq!(last(&second), last(&whole), "{rule:?}");

        let (_, parts) = finish(&TrialConfig {
            micro_batch_size: Some(17),
            ..config.clone()
        });
        let mut wanting = Wanting::default();
        let folder = tempfile::tempdir().unwrap();
        let end = run_trial(&config, &context(folder.path()), &mut wanting).unwrap();
        assert!(matches!(end, TrialEnd::Finished(_)), "{end:?}");
        assert!(
            wanting.recorder.notices.iter().any(|notice| matches!(
                notice,
                Notice::MicroBatchReduced {
                    from: 48,
                    to: 24,
                    ..
                }
            )),
            "{:?}",
            wanting.recorder.notices
        );
        for other in [parts, wanting.recorder] {
            assert_eq!(whole.records.len(), other.records.len());
            let records = whole.records.iter().zip(&other.records);
            for (one, other) in records {
                for (one, other) in [
                    (one.train_loss, other.train_loss),
                    (one.weight_norm, other.weight_norm),
                ] {
                    let apart = (one / other - 1.0).abs();
                    assert!(apart < 1e-6, "{rule:?}: {one} is not {other}");
                }
            }
        }
    }
}

/// Runs out of memory once, in the middle of a trial.
#[derive(Default)]
struct Wanting {
    recorder: Recorder,
    has_failed: bool,
}

impl Observer for Wanting {
    fn started(&mut self, info: &TrialInfo) {
        self.recorder.started(info);
    }
    fn progress(&mut self, step: u64, _steps: u64) {
        if step == 40 && !self.has_failed {
            self.has_failed = true;
            panic!("can't allocate memory, as a test has it");
        }
    }
    fn evaluated(&mut self, record: &EvaluationRecord) {
        self.recorder.evaluated(record);
    }
    fn notice(&mut self, notice: &Notice) {
        self.recorder.notice(notice);
    }
    fn stop_requested(&self) -> bool {
        false
    }
}

/// Products are cast, tables and optimizer stay f32.
#[test]
fn clicks_train_in_half_precision_as_in_f32() {
    for config in by_row().into_iter().chain([trial("ctr", small(net()))]) {
        let (_, full) = finish(&config);
        let config = TrialConfig {
            precision: Precision::Bf16,
            ..config
        };
        let (_, half) = finish(&config);
        assert_ne!(full.records[0].train_loss, half.records[0].train_loss);
        for (full, half) in full.records.iter().zip(&half.records) {
            for (full, half) in [
                (full.train_loss, half.train_loss),
                (full.weight_norm, half.weight_norm),
            ] {
                let apart = (half / full - 1.0).abs();
                assert!(apart < 0.01, "{:?}: {apart}", config.optimizer.rule);
            }
        }
        let (_, again) = finish(&config);
        let last = |recorder: &Recorder| recorder.records.last().map(timeless);
        assert_eq!(last(&half), last(&again));
    }
}

/// The embedding table that a trial ends with, and what its optimizer does to it, and why.
fn table_of(config: &TrialConfig, root: &Path) -> (Tensor, String) {
    let folder = tempfile::tempdir().unwrap();
    let context = TrialContext {
        data_root: Some(root.to_owned()),
        ..context(folder.path())
    };
    lawn_models::set_threads(1);
    let mut recorder = Recorder::default();
    run_trial(config, &context, &mut recorder).unwrap();
    let all = Tensor::read_safetensors(folder.path().join("model.safetensors")).unwrap();
    let mut tables = all
        .into_iter()
        .filter(|(name, _)| name == "embedding.weight");
    let treatments = recorder.infos.remove(0).treatments.into_iter();
    let mut treatments = treatments.filter(|one| one.parameter == "embedding.weight");
    (tables.next().unwrap().1, treatments.next().unwrap().reason)
}

/// Most rows have an id that no sample has: by layer the constraint of the table moves it,
/// unless rows that are not looked up are left alone.
#[test]
fn rows_never_seen_are_left_alone_where_that_is_asked_for() {
    let root = tempfile::tempdir().unwrap();
    let sizes = GeneratedClicks {
        rows: 1_000,
        columns: 2,
        vocabulary: 8,
        ..GeneratedClicks::default()
    };
    make_data(&MakeData::Ctr(sizes), &root.path().join("ads")).unwrap();
    // Eight and four categories, and 24 columns that are empty, in 64 ids each.
    const ROWS: i64 = 26 * 64;
    let table = json!({
        "data": "ads", "split": "random", "encoding": { "hash_size": 64 },
        "model": { "name": "dcn_v2", "width": 4, "cross_layers": 1, "layers": [8] },
    });
    let free = {
        let mut config = trial("ctr", table.clone());
        config.optimizer.lawn = false;
        config.optimizer.free_epochs = None;
        config.budget = Amount::Steps(1);
        config
    };
    // The row of each id that no sample has is what it began with.
    let (start, _) = table_of(&free, root.path());
    let weights = |granularity, untouched_rows: Option<UntouchedRows>, rule| {
        let mut config = trial("ctr", table.clone());
        config.optimizer.rule = rule;
        config.optimizer.granularity = Some(granularity);
        config.optimizer.untouched_rows = untouched_rows;
        let (last, reason) = table_of(&config, root.path());
        assert_eq!(last.size(), [ROWS, 4]);
        let moved = (&start - last).abs().amax(1i64, false).gt(0.0);
        (ROWS - moved.sum(Kind::Int64).int64_value(&[]), reason)
    };
    let never_seen = ROWS - (8 + 4 + 24);
    let (adam, lazy) = (RuleName::Adam, RuleName::LazyAdam);
    for granularity in [Granularity::Layer, Granularity::Row] {
        let left = Some(UntouchedRows::LeftAlone);
        let (still, reason) = weights(granularity, left, adam);
        assert!(still >= never_seen, "{granularity:?}: {still}");
        assert!(
            reason.ends_with("left alone from the freeze on"),
            "{reason}"
        );
        let (still, reason) = weights(granularity, None, lazy);
        assert!(still >= never_seen, "{granularity:?}: {still}");
        assert!(
            reason.ends_with("rows without a gradient are left alone"),
            "{reason}"
        );
    }
    let (still, _) = weights(Granularity::Layer, None, adam);
    assert!(still < 10, "the constraint of the table moves all: {still}");
}

#[test]
fn settings_of_tables_are_refused_where_there_is_none() {
    let images = json!({ "depth": 8, "width": 4, "generated": { "train": 60, "test": 12 } });
    let clip =
        |config: &mut TrialConfig| config.optimizer.cow_clip = Some(CowClipConfig::default());
    let rate = |config: &mut TrialConfig| config.optimizer.embedding_learning_rate = Some(1e-3);
    let decay = |config: &mut TrialConfig| config.optimizer.embedding_weight_decay = Some(1e-3);
    let linear = small(json!({ "name": "logistic" }));
    type Set = fn(&mut TrialConfig);
    let cases: [(&str, Value, Set, &str, &str); 4] = [
        (
            "image",
            images.clone(),
            clip,
            "cow_clip",
            "without embedding tables",
        ),
        (
            "image",
            images.clone(),
            rate,
            "embedding_learning_rate",
            "without embedding tables",
        ),
        (
            "image",
            images,
            decay,
            "embedding_weight_decay",
            "without embedding tables",
        ),
        ("ctr", linear, clip, "cow_clip", "have one column"),
    ];
    for (kind, table, set, setting, context) in cases {
        let mut config = trial(kind, table);
        set(&mut config);
        let error = lawn_models::dry_run(&config, None).unwrap_err();
        let said = error.to_string();
        assert!(said.contains(setting) && said.contains(context), "{said}");
    }
}
