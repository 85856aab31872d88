//! What the command tells of tasks before anything is swept.

use crate::common::{lawn, said};
use serde_json::Value;

const TINY: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/tests/command/sweeps/tiny.toml"
);

fn json(arguments: &[&str]) -> Value {
    let output = lawn().args(arguments).output().expect("lawn starts");
    assert!(output.status.success(), "{}", said(&output));
    serde_json::from_slice(&output.stdout).expect("it prints JSON")
}

#[test]
fn a_model_is_told_parameter_by_parameter() {
    let told = json(&["model", TINY, "--json", "--arm", "adam-lawn"]);
    let told = told.as_array().expect("a list");
    assert_eq!(told.len(), 2, "a task each");
    // 120 users and 220 items in two towers of 4 and of 4 more, and the layers above.
    let (feedback, pictures) = (&told[0], &told[1]);
    let elements = |told: &Value, name: &str| told[name].as_i64().expect("a number");
    assert!(elements(feedback, "constrained_elements") < elements(feedback, "elements"));
    let constrained = |told: &Value| -> Vec<String> {
        let treatments = told["treatments"].as_array().expect("a list").iter();
        let bound = treatments.filter(|one| one["constraint"] == "constrained");
        bound.map(|one| one["parameter"].to_string()).collect()
    };
    assert!(constrained(feedback).len() > 2);
    // Behind the last normalization layer of a ResNet is only its classifier.
    assert_eq!(
        constrained(pictures).len(),
        1,
        "{:?}",
        constrained(pictures)
    );
}

#[test]
fn a_name_that_no_task_has_is_told_those_there_are() {
    let output = lawn().args(["model", TINY, "--task", "x"]).output();
    let output = output.expect("lawn starts");
    assert_eq!(output.status.code(), Some(2));
    assert!(
        said(&output).contains("feedback, pictures"),
        "{}",
        said(&output)
    );
}

#[test]
fn floors_leave_the_test_split_alone_unless_asked() {
    let splits = |arguments: &[&str]| -> Vec<Value> {
        let floors = json(arguments);
        let measurements = floors[0]["floors"][1]["measurements"].as_array().cloned();
        let measurements = measurements.expect("a list").into_iter();
        measurements.map(|one| one["split"].clone()).collect()
    };
    assert!(
        splits(&["floors", TINY, "--json"])
            .iter()
            .all(|split| split == "validation")
    );
    let with_test = splits(&["floors", TINY, "--json", "--test"]);
    assert!(with_test.iter().any(|split| split == "test"));
}

#[test]
fn floors_are_of_the_sweep_with_what_is_set_over_it() {
    let random = |sets: &[&str]| -> f64 {
        let floors = json(&[&["floors", TINY, "--json"], sets].concat());
        let all = floors.as_array().expect("a list").iter();
        let found = all.clone().find(|one| one["task"] == "pictures");
        let found = found.expect("it is a task of the sweep");
        assert_eq!(found["floors"][0]["predictor"], "random");
        found["floors"][0]["measurements"][0]["value"]
            .as_f64()
            .expect("a number")
    };
    let set = ["--set", "tasks.pictures.generated.classes=5"];
    assert_eq!(random(&set), 0.2);
    assert_ne!(random(&[]), 0.2);
}

#[test]
fn help_says_which_file_is_needed_and_which_sizes_there_are() {
    let help = |words: &[&str]| {
        let output = lawn()
            .args(words)
            .arg("--help")
            .output()
            .expect("lawn starts");
        assert!(output.status.success());
        said(&output)
    };
    let plan = help(&["plan"]);
    assert!(
        plan.contains("<FILE>") && !plan.contains("[FILE]"),
        "{plan}"
    );
    let output = lawn().arg("plan").output().expect("lawn starts");
    assert_eq!(output.status.code(), Some(2), "{}", said(&output));
    let make = help(&["data", "make"]);
    for kind in lawn_models::KINDS {
        let heading = format!("Sizes of {} and their defaults:", kind.name);
        assert!(make.contains(&heading), "{heading:?} is not in:\n{make}");
        // Each size and default is one that is made where nothing else is asked for.
        let made = serde_json::json!({ "kind": kind.name });
        let made: lawn_models::MakeData = serde_json::from_value(made).expect("a kind");
        let made = serde_json::to_value(made).expect("plain data");
        for (name, default) in made.as_object().expect("a table") {
            let size = format!("  {name}={default} ");
            assert!(
                name == "kind" || make.contains(&size),
                "{size:?} is not in:\n{make}"
            );
        }
    }
}

#[test]
fn completions_are_scripts_that_a_shell_reads() {
    let output = lawn().args(["completions", "bash"]).output();
    let output = output.expect("lawn starts");
    assert!(output.status.success(), "{}", said(&output));
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = folder.path().join("lawn.bash");
    std::fs::write(&file, &output.stdout).expect("it can be written");
    // What is offered after `lawn sta`.
    let script = r#"source "$1"; COMP_WORDS=(lawn sta); COMP_CWORD=1; _lawn lawn sta lawn; echo "${COMPREPLY[*]}""#;
    let offered = std::process::Command::new("bash")
        .args(["-c", script, "bash"])
        .arg(&file)
        .output();
    let offered = offered.expect("there is a bash");
    assert_eq!(said(&offered).trim(), "status");
}

/// Three nets for photographs, with and without LAWN.
const NETS: &str = r#"
name = "nets"
batch_sizes = [8]

[tasks.residual]
kind = "image"
model = "resnet50"
generated = { classes = 2, side = 32, train = 20, test = 4 }

[tasks.plain]
kind = "image"
model = "vgg16"
generated = { classes = 2, side = 32, train = 20, test = 4 }

[tasks.transformer]
kind = "image"
model = "vit_s_16"
drop_path = 0.1
generated = { classes = 2, side = 32, train = 20, test = 4 }

[budget]
epochs = 1

[defaults]
learning_rate = 0.1

[arms.sgd]
rule = "sgd"

[arms.sgd-lawn]
rule = "sgd"
lawn = true
free_fraction = 0.5

[confirmation]
seeds = [1]
"#;

#[test]
fn layers_are_told_in_order_with_what_lawn_constrains_and_why() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = folder.path().join("nets.toml");
    std::fs::write(&file, NETS).expect("it can be written");
    let file = file.to_str().expect("a name");
    let told = json(&["model", file, "--layers", "--json"]);
    let told = told.as_array().expect("a list");
    assert_eq!(told.len(), 6, "three tasks in two arms");
    for (task, layers, after, expected) in [
        ("residual", 107, "layer4.2.bn3", &["fc"][..]),
        ("plain", 16, "", &["features.0", "classifier.6"]),
        ("transformer", 76, "norm", &["head"]),
    ] {
        for (arm, lawn) in [("sgd", false), ("sgd-lawn", true)] {
            let mut all = told.iter();
            let one = all.find(|one| one["task"] == task && one["arm"] == arm);
            let one = one.expect("it is told");
            assert_eq!(one["lawn"], lawn);
            assert_eq!(one["scope"], "final-homogeneous");
            assert_eq!(one["last_other"][0].as_str().unwrap_or_default(), after);
            let all = one["layers"].as_array().expect("a list");
            assert_eq!(all.len(), layers, "{task}");
            let constrained = |layer: &&Value| {
                let treatments = layer["treatments"].as_array().expect("a list");
                treatments
                    .iter()
                    .any(|one| one["constraint"] == "constrained")
            };
            let names = all.iter().filter(constrained);
            let names: Vec<&str> = names.filter_map(|layer| layer["name"].as_str()).collect();
            assert!(
                expected.iter().all(|name| names.contains(name)),
                "{names:?}"
            );
            let every = if task == "plain" { layers } else { 1 };
            assert_eq!(names.len(), every, "{names:?}");
        }
    }
    let output = lawn()
        .args(["model", file, "--layers", "--task", "residual"])
        .output();
    let output = said(&output.expect("lawn starts"));
    for line in [
        "residual · sgd: no LAWN; with it, scope final-homogeneous",
        "begins after layer4.2.bn3, a normalization",
    ] {
        assert!(output.contains(line), "{output}");
    }
}

#[test]
fn layers_of_a_folder_that_is_not_here_need_its_classes_alone() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = folder.path().join("nets.toml");
    let sizes = "generated = { classes = 2, side = 32, train = 20, test = 4 }";
    let text = NETS.replace(sizes, "data = \"photographs\"\ntransform = { size = 64 }");
    std::fs::write(&file, text).expect("it can be written");
    let file = file.to_str().expect("a name");
    let of = |more: &[&str]| {
        let words = [&["model", file, "--layers", "--task", "residual"], more].concat();
        lawn().args(words).output().expect("lawn starts")
    };
    let refused = of(&[]);
    assert_eq!(refused.status.code(), Some(2));
    assert!(said(&refused).contains("--classes N"), "{}", said(&refused));
    let told = of(&["--classes", "37", "--json"]);
    let told: serde_json::Value = serde_json::from_slice(&told.stdout)
        .unwrap_or_else(|error| panic!("{error}: {}", said(&told)));
    let layers = told[0]["layers"].as_array().expect("a list");
    let last = &layers.last().expect("one")["treatments"][0];
    assert_eq!(last["shape"], serde_json::json!([37, 2_048]));
}

/// A net that is written in another form than its task has, and one of a size that it cannot have.
#[test]
fn a_net_in_another_form_is_told_the_form() {
    let said = |task: &str| {
        let text = format!(
            "name = \"nets\"\nbatch_sizes = [8]\nbudget = {{ epochs = 1 }}\n[tasks.one]\n{task}\n\
             [arms.sgd]\nrule = \"sgd\"\nlearning_rate = 0.1\n[confirmation]\nseeds = [1]\n"
        );
        let error = lawn_bench::config::parse("nets.toml", &text);
        error.expect_err("it is refused").to_string()
    };
    for (task, parts) in [
        (
            "kind = \"image\"\nmodel = { name = \"resnet_cifar\", depth = 21 }",
            &[
                "expected the name of a net in quotes",
                "depth = 20 of resnet_cifar, which is 6n + 2",
                "nets.toml:6:",
            ][..],
        ),
        (
            "kind = \"image\"\nmodel = 18",
            &["expected the name of a net in quotes", "nets.toml:6:"],
        ),
        (
            "kind = \"image\"\nmodel = \"resnet_cifar\"\ndepth = 21",
            &[
                "`depth` is 21, allowed is 6n + 2: 8, 14, 20",
                "nets.toml:7:",
            ],
        ),
        (
            "kind = \"ncf\"\nmodel = { name = \"gmf\", factors = 4 }",
            &["factors = 8 of gmf", "nets.toml:6:"],
        ),
        (
            "kind = \"ctr\"\nmodel = \"dcn_v2\"",
            &[
                "expected a table with the name of a net",
                "{ name = \"dcn_v2\", width = 16 }",
                "nets.toml:6:",
            ],
        ),
        // What was told before is told still, at its place.
        (
            "kind = \"image\"\nmodel = \"resnet20\"",
            &[
                "unknown variant `resnet20`",
                "`depth = 20`",
                "nets.toml:6:9",
            ],
        ),
        (
            "kind = \"ctr\"\nmodel = { name = \"dcnv2\" }",
            &["unknown variant `dcnv2`", "nets.toml:6:18"],
        ),
        (
            "kind = \"ctr\"\nmodel = { name = \"dlrm\", width = 7 }",
            &["one that ends in `width`", "nets.toml:6:"],
        ),
    ] {
        let found = said(task);
        for part in parts {
            assert!(found.contains(part), "{part:?} is not in: {found}");
        }
    }
}
