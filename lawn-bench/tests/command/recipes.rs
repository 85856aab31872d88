//! The recipes on photographs, on implicit feedback and on clicks: each is planned as it stands, and
//! trains ten steps on a few small images, on few interactions or clicks.
//!
//! What is set over a recipe for that: the budget, one setting, one seed, the size of the images; of
//! those on implicit feedback also the batch size and the device; of those on clicks the device and
//! the sizes of tables, and of the largest net its widths.
//! Nets stay as they are but for ResNet-50, in whose place ResNet-18 is trained by the arms of
//! AlgoPerf's recipe, and by all but one of `imagenet-resnet50`. Of recipes that have their arms in
//! common with another, two arms are trained.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::Duration;

use lawn_bench::config::{Arm, Domain, Sweep, SweepFile};
use lawn_bench::plan::Plan;
use lawn_bench::plan::choices::Choices;
use lawn_models::{
    Device, MakeData, SilentObserver, Split, Stage, TrialContext, TrialEnd, run_trial,
};
use serde_json::json;

fn recipe(name: &str, sets: &[&str]) -> Sweep {
    let studies = Path::new(env!("CARGO_MANIFEST_DIR")).join("studies");
    let sets: Vec<String> = sets.iter().map(|&set| set.to_owned()).collect();
    let file = SweepFile::read(&studies.join(format!("{name}.toml")), &sets);
    let sweep = file.and_then(|file| file.sweep());
    sweep.unwrap_or_else(|error| panic!("{name}: {error}"))
}

#[test]
fn every_recipe_is_planned() {
    // Arms × batch sizes × (settings of each rung + seeds).
    for (name, trials) in [
        ("imagenet-resnet50", 8 * 4 * (16 + 4 + 3)),
        ("imagenet-algoperf-resnet50", 6 * (5 + 5)),
        ("imagenet-algoperf-vit", 6 * (5 + 5)),
        ("imagenet-ffcv16", 2 * 3 * (4 + 3)),
        ("cifar10-resnet18", 6 * 3 * (16 + 8)),
        ("cifar10-vgg19", 6 * 3 * (16 + 8)),
        ("he-neumf-ml-1m", 2 * (8 + 3)),
        ("rendle-mf", 2 * (8 + 8)),
        ("mlperf-ncf", 2 * (16 + 8) + 8),
        ("nvidia-ncf-ml-20m", 2 * (16 + 8) + 8),
        ("criteo-1tb-algoperf-dlrm", 6 * (5 + 5)),
        ("mlperf-dlrm-dcnv2", 2 * 3 * (8 + 5)),
        ("cowclip-criteo-kaggle", 4 * 8 * (4 + 3)),
    ] {
        let plan = Plan::new(recipe(name, &[]), BTreeMap::new());
        assert_eq!(plan.trials.len(), trials, "{name}");
        let arms = &plan.sweep.arms;
        let mut pairs = 0;
        for contrast in &plan.sweep.contrasts {
            let [one, other] = [&contrast.baseline, &contrast.treatment].map(|arm| {
                let arm = arms.iter().find(|one| one.name == *arm);
                arm.unwrap_or_else(|| panic!("{name} has the arms of its contrasts"))
            });
            assert_eq!(one.space.len(), other.space.len(), "{name}: {}", one.name);
            if !other.settings[0].optimizer.lawn {
                // An arm without CowClip, and with it.
                assert_eq!(one.space, other.space, "{name}: {}", one.name);
                continue;
            }
            pairs += 1;
            // An arm and its LAWN form are tuned alike: the free phase is there for the decay.
            let is_decay = |key: &&String| key.ends_with("weight_decay");
            assert_eq!(one.space.keys().filter(is_decay).count(), 1, "{}", one.name);
            assert!(other.space.contains_key("free_fraction"), "{}", other.name);
            for (key, axis) in one.space.iter().filter(|(key, _)| !is_decay(key)) {
                assert_eq!(other.space.get(key), Some(axis), "{}: {key}", one.name);
            }
        }
        // A published setting stands by itself.
        let tuned = arms.iter().filter(|arm| !arm.space.is_empty());
        assert_eq!(pairs * 2, tuned.count(), "{name}");
    }
}

/// Arms × batch sizes × (settings + seeds), and what every arm must have in common with its contrast.
#[test]
fn studies_tune_baselines_as_hard_as_what_they_are_compared_with() {
    for (name, trials) in [
        ("ml-1m", 8 * 3 * (32 + 10)),
        ("pinterest", 8 * 3 * (32 + 10)),
        ("cifar10", 2 * 6 * 3 * (16 + 10)),
        ("cifar10-two-cores", 2 * 2 * (6 + 8)),
        ("clicks", 4 * 5 * (16 + 10)),
        ("escape", 4 * 2 * (16 + 10)),
    ] {
        let plan = Plan::new(recipe(name, &[]), BTreeMap::new());
        assert_eq!(plan.trials.len(), trials, "{name}");
        let sweep = &plan.sweep;
        for arm in &sweep.arms {
            // What a large batch asks of a rule beyond its rate.
            let beyond: &[&str] = match arm.name.starts_with("sgd") {
                true => &["one_minus_momentum"],
                false => &["one_minus_beta1", "one_minus_beta2"],
            };
            for key in beyond.iter().chain(&["learning_rate"]) {
                assert!(
                    arm.space.contains_key(*key),
                    "{name}: {} of {}",
                    key,
                    arm.name
                );
            }
        }
        for contrast in &sweep.contrasts {
            let [one, other] = [&contrast.baseline, &contrast.treatment].map(|arm| {
                let arm = sweep.arms.iter().find(|one| one.name == *arm);
                arm.unwrap_or_else(|| panic!("{name} has the arms of its contrasts"))
            });
            // The ranges of all keys that both have are the same, and the treatment has one more at
            // most: weight decay and the length of the free phase stand for each other.
            for (key, axis) in &one.space {
                let theirs = other.space.get(key);
                assert!(theirs.is_none_or(|theirs| theirs == axis), "{name}: {key}");
            }
            let free = other.space.len().saturating_sub(one.space.len());
            assert!(free <= 1, "{name}: {}", other.name);
        }
        // With these seeds the claims of a task can be decided: 4 a contrast and 2 over all.
        let contrasts = sweep.contrasts.len();
        let claims = 4 * contrasts + if contrasts > 1 { 2 } else { 0 };
        let least = 2.0 * 0.5_f64.powi(sweep.confirmation_seeds.len() as i32);
        assert!(least * claims as f64 <= 0.05, "{name}: {claims} claims");
    }
}

/// The rate of dense weights grows by √2 from batch to batch, L2 of embeddings by 2, and the rate of
/// embeddings not at all: each range has the published number in its middle.
#[test]
fn cow_clip_follows_its_scaling_rules() {
    let sweep = recipe("cowclip-criteo-kaggle", &[]);
    let middle = |arm: &Arm, key: &str, batch_size| match arm.space[key].domain_at(Some(batch_size))
    {
        Domain::Range { min, max, .. } => (min * max).sqrt(),
        other => panic!("{key}: {other:?}"),
    };
    assert_eq!(sweep.batch_sizes.len(), 8);
    for arm in &sweep.arms {
        for &batch_size in &sweep.batch_sizes {
            let ratio = batch_size as f64 / 1_024.0;
            let rate = middle(arm, "learning_rate", batch_size);
            assert!((rate / (8e-4 * ratio.sqrt()) - 1.0).abs() < 1e-3, "{rate}");
            let optimizer = arm.settings[0].at(batch_size, arm, &sweep);
            assert_eq!(optimizer.embedding_learning_rate, Some(1e-4));
            assert_eq!(
                optimizer.cow_clip.is_some(),
                arm.name.starts_with("cowclip")
            );
            if optimizer.lawn {
                continue;
            }
            // The gradient of λ ‖w‖² is 2 λ w.
            let decay = middle(arm, "embedding_weight_decay", batch_size);
            assert!((decay / (2e-5 * ratio) - 1.0).abs() < 1e-6, "{decay}");
        }
    }
}

/// A data set of 2 classes, `train` and `test` images.
fn images(root: &Path, name: &str, side: u32, [train, test]: [u32; 2]) {
    let sizes = json!({
        "kind": "image", "classes": 2, "side": side, "train": train, "test": test,
    });
    let what: MakeData = serde_json::from_value(sizes).expect("these are sizes of images");
    lawn_models::make_data(&what, &root.join(name)).expect("there is room");
}

/// Trains ten steps of the arms that `wanted` names, each at the smallest batch size; all of them
/// where it names none.
fn smoke(name: &str, root: &Path, wanted: &[&str], sets: &[&str]) {
    let common = [
        "budget.steps=10",
        "evaluation.every.steps=10",
        "tuning.settings=1",
        "confirmation.seeds=[1]",
    ];
    lawn_models::set_threads(1);
    let plan = Plan::new(recipe(name, &[&common[..], sets].concat()), BTreeMap::new());
    let mut trained = BTreeSet::new();
    for (index, trial) in plan.trials.iter().enumerate() {
        let arm = trial.cell.arm.as_str();
        let smallest = plan.sweep.batch_sizes[0];
        let is_wanted = wanted.is_empty() || wanted.contains(&arm);
        if trial.cell.batch_size != smallest || !is_wanted {
            continue;
        }
        let resolved = plan.resolve(index, &Choices::default());
        let (_, config) = resolved.unwrap_or_else(|error| panic!("{name}, {arm}: {error}"));
        assert_eq!(
            config.stage,
            Stage::Confirm,
            "{name}: one setting is not tuned"
        );
        let folder = tempfile::tempdir().expect("a temporary folder");
        let context = TrialContext {
            device: Device::Cpu,
            data_root: Some(root.to_owned()),
            checkpoint: folder.path().join("checkpoint.safetensors"),
            checkpoint_every: Duration::from_secs(3_600),
            keep_weights: false,
            deterministic: false,
            graphs: false,
        };
        let end = run_trial(&config, &context, &mut SilentObserver);
        let TrialEnd::Finished(summary) =
            end.unwrap_or_else(|error| panic!("{name}, {arm}: {error}"))
        else {
            panic!("{name}, {arm}: it does not end as it should");
        };
        assert_eq!(summary.steps, 10, "{name}, {arm}");
        let is_test = |split: Split| split == Split::Test;
        let measured = summary.measurements.iter().filter(|one| is_test(one.split));
        let measured: Vec<&str> = measured.map(|one| one.metric.as_str()).collect();
        let task = &plan.sweep.tasks[0].config;
        assert_eq!(measured, task.metrics().all, "{name}, {arm}");
        let task = trial.cell.task.as_str();
        assert!(trained.insert((task, arm)), "{name}, {task}, {arm}: twice");
    }
    let arms = match wanted {
        [] => plan.sweep.arms.len(),
        wanted => wanted.len(),
    };
    let expected = plan.sweep.tasks.len() * arms;
    assert_eq!(trained.len(), expected, "{name}: {trained:?}");
}

fn folder() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let root = folder.path().to_owned();
    (folder, root)
}

/// What is set for nets that take photographs.
const SMALL: [&str; 2] = [
    "tasks.imagenet.transform.size=32",
    "tasks.imagenet.transform.resize=36",
];

#[test]
fn resnet50_trains_with_all_optimizers() {
    let (_kept, root) = folder();
    images(&root, "imagenet", 40, [12, 4]);
    // Any first part of the last rung: it is for one setting.
    let sets = [&SMALL[..], &["tuning.rungs.first=0.99"]].concat();
    let small = [&sets[..], &["tasks.imagenet.model=resnet18"]].concat();
    smoke("imagenet-resnet50", &root, &[], &small);
    smoke("imagenet-resnet50", &root, &["lars-lawn"], &sets);
}

#[test]
fn algoperf_workloads_train() {
    let (_kept, root) = folder();
    images(&root, "imagenet", 40, [12, 4]);
    smoke("imagenet-algoperf-vit", &root, &[], &SMALL);
    let small = [&SMALL[..], &["tasks.imagenet.model=resnet18"]].concat();
    let some = ["nesterov", "adamw-lawn"];
    smoke("imagenet-algoperf-resnet50", &root, &some, &small);
}

#[test]
fn the_short_recipe_trains() {
    let (_kept, root) = folder();
    images(&root, "imagenet", 40, [12, 4]);
    smoke("imagenet-ffcv16", &root, &[], &SMALL);
}

#[test]
fn recipes_for_small_images_train() {
    let (_kept, root) = folder();
    images(&root, "cifar-10", 32, [8, 4]);
    smoke("cifar10-vgg19", &root, &["sgd", "lamb-lawn"], &[]);
    let (_kept, root) = folder();
    images(&root, "cifar-10", 8, [12, 4]);
    smoke("cifar10-resnet18", &root, &[], &[]);
}

/// Users of the ratings that are made here.
const USERS: u64 = 60;

/// The 60 of 1,300 items that a user has met, the last of which is the first of the next user.
fn met(user: u64) -> Vec<u64> {
    let item = |user: u64, place: u64| (user * 61 + place * 29) % 1_300;
    let own = (0..59).map(|place| item(user, place));
    own.chain([item((user + 1) % USERS, 0)]).collect()
}

/// Ratings as He et al. have them: the last of each user is held out, beside 99 items of others.
fn split_ratings(root: &Path, name: &str) {
    let mut texts = [String::new(), String::new(), String::new()];
    let [train, test, negative] = &mut texts;
    for user in 0..USERS {
        let own = met(user);
        for (place, item) in own[..59].iter().enumerate() {
            *train += &format!("{user}\t{item}\t4\t{place}\n");
        }
        *test += &format!("{user}\t{}\t4\t59\n", own[59]);
        *negative += &format!("({user},{})", own[59]);
        let others = (0..USERS).flat_map(|other| met(other).into_iter().take(59));
        let mut listed: Vec<u64> = others.filter(|item| !own.contains(item)).collect();
        listed.sort_unstable();
        listed.dedup();
        for item in &listed[..99] {
            *negative += &format!("\t{item}");
        }
        *negative += "\n";
    }
    let folder = root.join(name);
    std::fs::create_dir(&folder).expect("a folder");
    for (end, text) in ["train.rating", "test.rating", "test.negative"]
        .iter()
        .zip(texts)
    {
        let path = folder.join(format!("{name}.{end}"));
        std::fs::write(path, text).expect("there is room");
    }
}

/// Ratings as their publisher has them.
fn ratings(root: &Path, name: &str) {
    let mut text = "userId,movieId,rating,timestamp\n".to_owned();
    for user in 0..USERS {
        for (place, item) in met(user).into_iter().enumerate() {
            text += &format!("{},{},3.5,{}\n", user + 1, item * 3 + 1, 100 + place);
        }
    }
    let folder = root.join(name);
    std::fs::create_dir(&folder).expect("a folder");
    std::fs::write(folder.join("ratings.csv"), text).expect("there is room");
}

#[test]
fn recipes_for_implicit_feedback_train() {
    let (_kept, root) = folder();
    split_ratings(&root, "ml-1m");
    ratings(&root, "ml-20m");
    for (name, task, metrics) in [
        (
            "he-neumf-ml-1m",
            "ml-1m",
            ["hr@10-he2017", "ndcg@10-he2017"],
        ),
        ("he-published", "ml-1m", ["hr@10-he2017", "ndcg@10-he2017"]),
        ("rendle-mf", "ml-1m", ["hr@10-he2017", "ndcg@10-he2017"]),
        (
            "mlperf-ncf",
            "ml-20m",
            [
                "hr@10-s999-once-pess-nounseen",
                "ndcg@10-s999-once-pess-nounseen",
            ],
        ),
        (
            "nvidia-ncf-ml-20m",
            "ml-20m",
            ["hr@10-s100-nounseen", "ndcg@10-s100-nounseen"],
        ),
    ] {
        let small = ["resources.device=cpu", "batch_sizes=[256]"];
        smoke(name, &root, &[], &small);
        let sweep = recipe(name, &[]);
        assert_eq!(sweep.tasks[0].config.data(), task);
        assert_eq!(sweep.tasks[0].config.metrics().all, metrics, "{name}");
    }
}

/// Clicks as Criteo has them, in one file, or in one a day.
fn clicks(root: &Path, name: &str, days: Option<usize>) {
    let folder = root.join(name);
    let sizes = json!({ "kind": "ctr", "rows": 900, "columns": 6, "vocabulary": 40 });
    let what: MakeData = serde_json::from_value(sizes).expect("these are sizes of clicks");
    lawn_models::make_data(&what, &folder).expect("there is room");
    let Some(days) = days else { return };
    let all = folder.join("train.txt");
    let text = std::fs::read_to_string(&all).expect("it was made");
    let lines: Vec<&str> = text.lines().collect();
    for (day, lines) in lines.chunks(lines.len().div_ceil(days)).enumerate() {
        let path = folder.join(format!("day_{day}"));
        std::fs::write(path, lines.join("\n") + "\n").expect("there is room");
    }
    std::fs::remove_file(all).expect("it is ours");
}

#[test]
fn recipes_for_clicks_train() {
    let (_kept, root) = folder();
    clicks(&root, "criteo-1tb", Some(3));
    clicks(&root, "criteo-kaggle", None);
    let days = ["resources.device=cpu", "tasks.criteo.test_rows=150"];
    let small = |sizes| format!("tasks.criteo.encoding.hash_sizes={sizes:?}");
    let columns = small([50; 26]);

    let table = "tasks.criteo.encoding.hash_size=300";
    let sets = [&days[..], &["batch_sizes=[256]", table]].concat();
    smoke("criteo-1tb-algoperf-dlrm", &root, &[], &sets);

    let widths = [
        "tasks.criteo.model.width=8",
        "tasks.criteo.model.bottom=[16, 8]",
        "tasks.criteo.model.rank=4",
        "tasks.criteo.model.layers=[32, 16]",
    ];
    let sets = [&days[..], &widths, &[columns.as_str()]].concat();
    smoke("mlperf-dlrm-dcnv2", &root, &[], &sets);

    let sets = ["resources.device=cpu", columns.as_str()];
    smoke("cowclip-criteo-kaggle", &root, &[], &sets);
    assert_eq!(recipe("cowclip-criteo-kaggle", &[]).tasks[0].metric, "auc");
}
