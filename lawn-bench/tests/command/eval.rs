//! `lawn eval`: weights measured on a folder of images.

use std::path::Path;
use std::process::Output;
use std::time::Duration;

use crate::common::{lawn, said};
use lawn_models::{
    Amount, Device, MakeData, OptimizerSettings, RuleName, SilentObserver, Split, Stage,
    TaskConfig, TrialConfig, TrialContext, TrialEnd, run_trial,
};
use serde_json::{Value, json};

const RESNET18: &str =
    r#"{ "model": "resnet18", "data": "mine", "transform": { "size": 32, "resize": 36 } }"#;

/// Trains a little, and gives how many of the test images are answered rightly, of how many. The
/// weights are `model.safetensors` in the folder.
fn train(root: &Path, task: &str) -> [Option<u64>; 2] {
    let sizes = json!({ "kind": "image", "classes": 6, "side": 20, "train": 48, "test": 30 });
    let what: MakeData = serde_json::from_value(sizes).expect("these are sizes of images");
    lawn_models::make_data(&what, &root.join("mine")).expect("there is room");
    let task: Value = serde_json::from_str(task).expect("it is JSON");
    let task = TaskConfig::from_table("image", task).expect("this is a task");
    let optimizer = OptimizerSettings::new(RuleName::Adam, 1e-3);
    let config = TrialConfig {
        stage: Stage::Confirm,
        ..TrialConfig::new(task, optimizer, 16, Amount::Steps(6))
    };
    let context = TrialContext {
        device: Device::Cpu,
        data_root: Some(root.to_owned()),
        checkpoint: root.join("checkpoint.safetensors"),
        checkpoint_every: Duration::from_secs(3_600),
        keep_weights: true,
        deterministic: false,
        graphs: false,
    };
    lawn_models::set_threads(1);
    let end = run_trial(&config, &context, &mut SilentObserver).expect("it trains");
    let TrialEnd::Finished(summary) = end else {
        panic!("it ends as {end:?}");
    };
    ["top-1", "top-5"].map(|metric| {
        let mut measured = summary.measurements.iter();
        let found = measured.find(|one| one.split == Split::Test && one.metric == metric);
        found.and_then(|one| one.count)
    })
}

fn eval(root: &Path, arguments: &[&str]) -> Output {
    let mut command = lawn();
    command
        .arg("eval")
        .args(["--data", "mine", "--threads", "1"]);
    command.arg("--data-root").arg(root).args(arguments);
    command.output().expect("lawn starts")
}

#[test]
fn what_a_trial_left_is_measured_as_the_trial_measured_it() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let root = folder.path();
    let counts = train(root, RESNET18);
    let weights = root.join("model.safetensors");
    let weights = weights.to_str().expect("a name in UTF-8");
    let known = [
        "--model",
        "resnet18",
        "--weights",
        weights,
        "--resize",
        "36",
        "--size",
        "32",
    ];
    let output = eval(
        root,
        &[&known[..], &["--json", "--batch-size", "7"]].concat(),
    );
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    let found: Value = serde_json::from_slice(&output.stdout).expect("it is JSON");
    let found_counts = ["right", "right_among_five"].map(|key| found[key].as_u64());
    assert_eq!((found_counts, found["images"].as_u64()), (counts, Some(30)));
    assert!(
        found["decoder"]
            .as_str()
            .is_some_and(|said| said.contains("libjpeg-turbo"))
    );
    // For people, and where there is nothing to train on.
    std::fs::rename(root.join("mine/test"), root.join("mine/val")).expect("it is ours");
    std::fs::remove_dir_all(root.join("mine/train")).expect("it is ours");
    let output = eval(root, &known);
    let line = format!("{} of 30", counts[0].expect("it is counted"));
    for words in [&*line, "6 classes", "shorter side to 36", "images/s"] {
        assert!(
            said(&output).contains(words),
            "{words:?}: {}",
            said(&output)
        );
    }

    let refused = |arguments: &[&str], words: &[&str]| {
        let output = eval(root, arguments);
        let said = said(&output);
        assert_eq!(output.status.code(), Some(2), "{said}");
        for word in words {
            assert!(said.contains(word), "{word:?} is not in: {said}");
        }
    };
    let with = |model, weights| ["--model", model, "--weights", weights];
    refused(&with("resnet34", weights), &["do not fit", "missing"]);
    refused(&with("resnet19", weights), &["possible values", "resnet18"]);
    refused(&with("resnet18", "none.safetensors"), &["none.safetensors"]);
    let pickle = root.join("resnet18.pth");
    std::fs::write(&pickle, b"PK\x03\x04 as torch.save begins").expect("there is room");
    let pickle = pickle.to_str().expect("a name in UTF-8");
    refused(&with("resnet18", pickle), &["pickle", "save_file"]);
    refused(&[&known[..], &["--split", "train"]].concat(), &["mine"]);
    refused(
        &[&known[..4], &["--resize", "4", "--size", "32"]].concat(),
        &["`--resize` is 4"],
    );
}

#[test]
fn a_confirmation_of_another_depth_without_a_transform_is_measured_as_it_was() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let root = folder.path();
    let task = r#"{ "data": "mine", "depth": 8, "width": 4, "shortcut": "b", "split_seed": 5 }"#;
    let counts = train(root, task);
    let weights = root.join("model.safetensors");
    let weights = weights.to_str().expect("a name in UTF-8");
    let net = ["--model", "resnet_cifar", "--weights", weights];
    let shape = ["--depth", "8", "--width", "4", "--shortcut", "b"];
    let plain = ["--no-transform", "--split-seed", "5"];
    let output = eval(
        root,
        &[&net[..], &shape[..], &plain[..], &["--json"]].concat(),
    );
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    let found: Value = serde_json::from_slice(&output.stdout).expect("it is JSON");
    assert_eq!(
        ["right", "right_among_five"].map(|key| found[key].as_u64()),
        counts
    );
    assert_eq!(
        (&found["normalization"], &found["depth"]),
        (&json!("train"), &json!(8))
    );
    let refused = |arguments: &[&str], words: &[&str]| {
        let output = eval(root, arguments);
        let said = said(&output);
        assert_eq!(output.status.code(), Some(2), "{said}");
        for word in words {
            assert!(said.contains(word), "{word:?} is not in: {said}");
        }
    };
    refused(&[&net[..], &plain[..]].concat(), &["do not fit"]);
    let with = |more: &[&'static str]| [&net[..], &shape[..], more].concat();
    refused(
        &[&net[..], &["--depth", "9"]].concat(),
        &["`depth` is 9", "6n + 2"],
    );
    refused(
        &with(&["--no-transform", "--split", "train"]),
        &["`split`", "test"],
    );
    refused(&with(&["--no-transform", "--size", "32"]), &["--size"]);
    // Weights of another split have seen what is measured here.
    for (seed, is_seen) in [(5, false), (6, true)] {
        let file = root.join("begun.toml");
        let text = format!(
            "name = \"begun\"\nbatch_sizes = [16]\nbudget = {{ steps = 4 }}\n[tasks.mine]\nkind = \"image\"\n\
             data = \"mine\"\ndepth = 8\nwidth = 4\nshortcut = \"b\"\nsplit_seed = {seed}\n\
             init_from = \"model.safetensors\"\n[arms.sgd]\nrule = \"sgd\"\nlearning_rate = 0.1\n\
             [confirmation]\nseeds = [1]\n"
        );
        std::fs::write(&file, text).expect("there is room");
        let mut plan = lawn();
        plan.args(["plan", "--no-calibrate"]).arg(&file);
        let output = plan
            .arg("--data-root")
            .arg(root)
            .output()
            .expect("lawn starts");
        assert_eq!(output.status.code(), Some(0), "{}", said(&output));
        let found = said(&output).contains("it has seen images");
        assert_eq!(found, is_seen, "{}", said(&output));
    }
    let other = ["--model", "resnet18", "--weights", weights, "--depth", "8"];
    refused(&other, &["`depth` does not apply to resnet18"]);
    let sizes = json!({ "kind": "image", "classes": 6, "side": 24, "train": 48, "test": 30 });
    let larger: MakeData = serde_json::from_value(sizes).expect("these are sizes of images");
    lawn_models::make_data(&larger, &root.join("larger")).expect("there is room");
    let image = "test/class000/000000.jpg";
    std::fs::copy(
        root.join("larger").join(image),
        root.join("mine").join(image),
    )
    .expect("there is room");
    refused(
        &with(&plain),
        &["24 × 24 pixels", "20 × 20", "without --no-transform"],
    );
}
