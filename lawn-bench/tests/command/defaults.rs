//! What settings mean where they are left out: said, kept in the plan, and a part of what a
//! trial's record says that it trained.

use crate::common;
use std::collections::BTreeMap;
use std::path::Path;

use lawn_bench::config::{SweepFile, parse};
use lawn_bench::plan::choices::Choices;
use lawn_bench::plan::{Excerpt, Plan};
use lawn_bench::run::document;
use lawn_bench::run::run_dir::RunDir;
use lawn_models::ConstraintName;
use serde_json::json;

const TINY: &str = include_str!("sweeps/tiny.toml");

fn plan() -> Plan {
    let sweep = parse("tiny.toml", TINY).unwrap_or_else(|error| panic!("{error}"));
    Plan::new(sweep, BTreeMap::new())
}

/// Ids of trials are in the folders of runs that are there: they change only where what is
/// trained does.
#[test]
fn ids_stay_what_they_are() {
    let plan = plan();
    let ids: Vec<&str> = plan.trials[..4]
        .iter()
        .map(|trial| trial.id.as_str())
        .collect();
    assert_eq!(
        ids,
        [
            "41a1c39d3dd2bc57",
            "e8861840da514b87",
            "abe8e0f9f4b09ff7",
            "14e80db04a6ebe81"
        ]
    );
}

#[test]
fn a_trial_trains_with_the_defaults_that_its_plan_keeps() {
    let (_kept, run) = common::folder();
    let run = RunDir::new(run);
    std::fs::create_dir(run.root()).expect("a folder");
    let mut plan = plan();
    assert_eq!(plan.defaults.len(), 1, "one rule");
    let beta2 = |plan: &Plan| {
        let (_, config) = plan.resolve(0, &Choices::default()).expect("it is given");
        config.optimizer.beta2
    };
    assert_eq!(beta2(&plan), Some(0.999));
    // As if a later version had another one.
    plan.defaults[0].beta2 = Some(0.95);
    plan.write(&run, Path::new("tiny.toml"), TINY)
        .expect("it can be written");
    let read = Plan::read(&run).expect("it is there");
    assert_eq!((beta2(&read), &read), (Some(0.95), &plan));
    let excerpt = Excerpt::read(&run, 0).expect("it is there");
    let (_, config) = excerpt.resolve(&Choices::default()).expect("it is given");
    assert_eq!(config.optimizer.beta2, Some(0.95));
    assert_eq!(config.optimizer.scope, None, "it constrains nothing");
}

#[test]
fn a_plan_without_defaults_is_read_and_trains_what_it_did() {
    let (_kept, run) = common::folder();
    std::fs::create_dir(&run).expect("a folder");
    let path = run.join("plan.json");
    // As schema 2 was written before it kept them.
    let mut old = serde_json::to_value(plan()).expect("it has a JSON form");
    let fields = old.as_object_mut().expect("an object");
    assert!(fields.remove("defaults").is_some());
    document::write(&path, 2, &old).expect("it can be written");
    let read = Plan::read(&RunDir::new(&run)).expect("it is a plan");
    let (_, config) = read.resolve(0, &Choices::default()).expect("it is given");
    // As written, so that its checkpoints are those of the same trial.
    assert_eq!(config.optimizer.beta2, None);
    assert_eq!(read.trials, plan().trials);
}

/// Arms of Adam under each constraint, beside a free one.
fn constrained() -> Plan {
    let arm = |name: &str, more: &str| {
        format!(
            "[arms.{name}]\nrule = \"adam\"\n{more}\n[arms.{name}.grid]\n\
             learning_rate = [3e-3, 1e-2]\n"
        )
    };
    let arms = [
        arm("ball", "constraint = \"hyperball\""),
        arm("cpr", "constraint = \"cpr\"\nbound_factor = 1.0"),
        arm("turn", "constraint = \"rotational\"\nweight_decay = 0.1"),
    ];
    let text = TINY.replacen("[tuning]", &format!("{}[tuning]", arms.concat()), 1);
    let sweep = parse("tiny.toml", &text).unwrap_or_else(|error| panic!("{error}"));
    Plan::new(sweep, BTreeMap::new())
}

/// What the first trial of an arm trains, as `trial.json` has it.
fn trained(plan: &Plan, arm: &str) -> serde_json::Map<String, serde_json::Value> {
    let index = plan.trials.iter().position(|trial| trial.cell.arm == arm);
    let (_, config) = plan
        .resolve(index.expect("it has one"), &Choices::default())
        .expect("it is given");
    config.optimizer.applying()
}

/// All that a constraint holds by is kept by the plan, and so by its trials, whatever a later version
/// takes.
#[test]
fn a_trial_trains_with_the_defaults_of_its_constraint_that_its_plan_keeps() {
    let (_kept, run) = common::folder();
    let run = RunDir::new(run);
    std::fs::create_dir(run.root()).expect("a folder");
    let mut plan = constrained();
    for (arm, expected) in [
        ("adam", &[][..]),
        (
            "adam-lawn",
            &[
                ("scope", json!("final-homogeneous")),
                ("granularity", json!("layer")),
                ("untouched_rows", json!("constrained")),
                ("project_gradient", json!(true)),
            ],
        ),
        (
            "ball",
            &[
                ("scope", json!("matrices")),
                ("granularity", json!("layer")),
                ("untouched_rows", json!("constrained")),
            ],
        ),
        (
            "cpr",
            &[
                ("scope", json!("matrices")),
                ("granularity", json!("layer")),
                ("multiplier_rate", json!(1.0)),
                ("by_learning_rate", json!(false)),
            ],
        ),
        (
            "turn",
            &[
                ("scope", json!("matrices")),
                ("granularity", json!("row")),
                ("centred", json!(true)),
                ("rotation_memory", json!(0.9)),
                ("rotation_epsilon", json!(1e-8)),
            ],
        ),
    ] {
        let found = trained(&plan, arm);
        for (key, value) in expected {
            assert_eq!(found.get(*key), Some(value), "{key} of {arm}");
        }
        let projects = found.contains_key("project_gradient");
        assert_eq!(projects, arm == "adam-lawn", "{arm}: {found:?}");
        let is_constrained = found.contains_key("scope");
        assert_eq!(is_constrained, arm != "adam", "{arm}: {found:?}");
    }

    // As if a later version had another one.
    let cpr = plan
        .constraint_defaults
        .iter_mut()
        .find(|one| one.constraint == ConstraintName::Cpr);
    cpr.expect("an arm is under it").multiplier_rate = Some(0.5);
    plan.write(&run, Path::new("tiny.toml"), TINY)
        .expect("it can be written");
    let read = Plan::read(&run).expect("it is there");
    assert_eq!(read, plan);
    assert_eq!(trained(&read, "cpr")["multiplier_rate"], 0.5);
    let index = (plan.trials.iter()).position(|trial| trial.cell.arm == "cpr");
    let excerpt = Excerpt::read(&run, index.expect("it has one")).expect("it is there");
    let (_, config) = excerpt.resolve(&Choices::default()).expect("it is given");
    assert_eq!(config.optimizer.multiplier_rate, Some(0.5));
}

/// A plan that keeps none trains what it did, and its checkpoints stay those of its trials.
#[test]
fn a_plan_without_defaults_of_constraints_fills_none_in() {
    let (_kept, run) = common::folder();
    let dir = RunDir::new(&run);
    std::fs::create_dir(&run).expect("a folder");
    let mut old = serde_json::to_value(constrained()).expect("it has a JSON form");
    let fields = old.as_object_mut().expect("an object");
    assert!(fields.remove("constraint_defaults").is_some());
    document::write(&dir.plan(), 2, &old).expect("it can be written");
    let read = Plan::read(&dir).expect("it is a plan");
    assert!(read.constraint_defaults.is_empty());
    let found = trained(&read, "turn");
    assert!(
        !found.contains_key("scope") && !found.contains_key("centred"),
        "{found:?}"
    );
    assert_eq!(found["beta2"], 0.999, "defaults of rules it keeps");
    assert_eq!(read.trials, constrained().trials);
}

#[test]
fn an_explained_arm_shows_all_that_decides_and_stays_the_same_plan() {
    let file = SweepFile {
        origin: "tiny.toml".into(),
        text: TINY.into(),
        unsets: Vec::new(),
        sets: Vec::new(),
    };
    let explained = file.explain().expect("it is a sweep");
    for line in [
        "# beta1 = 0.9  # default",
        "# beta2 = 0.999  # default",
        "# epsilon = 1e-8  # default",
        "# weight_decay = 0.0  # default",
        "# scope = \"final-homogeneous\"  # default",
        "# granularity = \"layer\"  # default",
        "# clip_norm is not set",
        "signal_seconds = 60  # default",
    ] {
        assert!(explained.contains(line), "{line:?} is not in:\n{explained}");
    }
    // What no arm has needs no word on what it is of.
    assert!(!explained.contains("shifts"), "{explained}");
    let (plain, lawn) = explained.split_once("[arms.adam-lawn]").expect("two arms");
    assert!(!plain.contains("scope"), "it constrains nothing:\n{plain}");
    assert!(lawn.contains("scope"));
    let again = parse("explained.toml", &explained).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(Plan::new(again, BTreeMap::new()).trials, plan().trials);
}

#[test]
fn an_explained_weight_decay_says_what_has_none() {
    let said = "# of weights and embeddings: biases, scales and shifts have none\nweight_decay = ";
    let fixed = TINY.replacen("rule = \"adam\"", "rule = \"adam\"\nweight_decay = 0.01", 1);
    let tuned = TINY.replacen(
        "[arms.adam.grid]",
        "[arms.adam.grid]\nweight_decay = [0.01]",
        1,
    );
    for text in [fixed, tuned] {
        let sweep = parse("tiny.toml", &text).unwrap_or_else(|error| panic!("{error}"));
        let file = SweepFile {
            origin: "tiny.toml".into(),
            text,
            unsets: Vec::new(),
            sets: Vec::new(),
        };
        let explained = file.explain().expect("it is a sweep");
        assert_eq!(explained.matches(said).count(), 1, "{explained}");
        let again = parse("explained.toml", &explained);
        assert_eq!(again.unwrap_or_else(|error| panic!("{error}")), sweep);
    }
}

#[test]
fn the_record_of_a_trial_says_what_was_left_out() {
    let (kept, run) = common::folder();
    let file = kept.path().join("small.toml");
    std::fs::write(&file, common::SMALL).expect("there is room");
    assert!(common::sweep(&file, Some(&run)).status.success());
    let trial = std::fs::read_dir(run.join("trials")).expect("there are trials");
    let trial = trial
        .flatten()
        .next()
        .expect("there is one")
        .path()
        .join("trial.json");
    let text = std::fs::read_to_string(trial).expect("it is there");
    let record: serde_json::Value = serde_json::from_str(&text).expect("it is JSON");
    assert_eq!(record["config"]["optimizer"]["momentum"], 0.0);
    assert_eq!(record["config"]["optimizer"]["nesterov"], false);
    // It constrains nothing.
    assert!(record["config"]["optimizer"]["project_gradient"].is_null());
    assert_eq!(record["rule"]["kind"], "sgd");
}

#[test]
fn a_trial_is_not_gone_on_with_by_another_rule() {
    let (kept, run) = common::folder();
    let file = kept.path().join("lamb.toml");
    let lamb = common::SMALL.replace("rule = \"sgd\"", "rule = \"lamb\"");
    std::fs::write(
        &file,
        format!("{lamb}\n[resources]\nkeep_checkpoints = true\n"),
    )
    .expect("there is room");
    assert!(common::sweep(&file, Some(&run)).status.success());
    let trials = std::fs::read_dir(run.join("trials")).expect("there are trials");
    let trial = trials.flatten().next().expect("there is one").path();
    std::fs::remove_file(trial.join("outcome.json")).expect("it was there");
    let path = trial.join("trial.json");
    let text = std::fs::read_to_string(&path).expect("it is there");
    let mut record: serde_json::Value = serde_json::from_str(&text).expect("it is JSON");
    // What no setting names, as if it had been another convention when the trial began.
    assert_eq!(record["rule"]["epsilon_place"], "outside-root");
    record["rule"]["epsilon_place"] = "inside-root".into();
    let fields = record.as_object_mut().expect("an object");
    fields.retain(|name, _| !["schema", "checksum"].contains(&name.as_str()));
    document::write(&path, lawn_bench::trial::SCHEMA, &record).expect("there is room");
    std::fs::write(trial.join("checkpoint.safetensors"), "").expect("there is room");
    let output = common::sweep(&run, None);
    assert_eq!(output.status.code(), Some(2), "{}", common::said(&output));
    assert!(common::said(&output).contains("was begun with another rule"));
}

#[test]
fn gpus_that_nothing_uses_are_told_of() {
    let text = format!("{TINY}\n[engines.slurm]\ngpus = 1\n");
    let warnings = |text: &str| {
        let sweep = parse("tiny.toml", text).unwrap_or_else(|error| panic!("{error}"));
        let plan = Plan::new(sweep, BTreeMap::new());
        lawn_bench::plan::advice::warnings(&plan, &BTreeMap::new(), &BTreeMap::new(), None)
            .join("\n")
    };
    let said = warnings(&text);
    assert!(said.contains("engines.slurm asks for GPUs (`1`)"), "{said}");
    let cuda = text.replace("workers = 2", "workers = 2\ndevice = \"cuda\"");
    assert!(!warnings(&cuda).contains("GPU"), "{}", warnings(&cuda));
    let none = cuda.replace("gpus = 1", "partition = \"long\"");
    let said = warnings(&none);
    assert!(said.contains("asks for no GPU"), "{said}");
    assert!(!warnings(TINY).contains("GPU"));
}

#[test]
fn an_explained_task_shows_no_keys_of_other_nets() {
    let explain = |task: &str| {
        let text = format!(
            "name = \"nets\"\nbatch_sizes = [64]\nbudget.epochs = 1\nconfirmation.seeds = [1]\n\
             arms.sgd = {{ rule = \"sgd\", learning_rate = 0.1 }}\n[tasks.one]\n{task}\n"
        );
        let file = SweepFile {
            origin: "nets.toml".into(),
            text,
            unsets: Vec::new(),
            sets: Vec::new(),
        };
        let explained = file.explain().unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(
            parse("explained.toml", &explained),
            file.sweep(),
            "{explained}"
        );
        explained
    };
    for (task, shown, left_out) in [
        ("kind = \"image\"", "depth = 20  # default", "drop_path"),
        (
            "kind = \"image\"\nmodel = \"vgg16\"",
            "model = \"vgg16\"\n",
            "depth",
        ),
        ("kind = \"image\"\nmodel = \"vit_s_16\"", "augment", "width"),
        (
            "kind = \"image\"\nmodel = \"vit_s_16\"",
            "augment",
            "statistics_batch",
        ),
        (
            "kind = \"image\"\nmodel = \"vgg16\"\ndepth = 20",
            "depth = 20\n",
            "width",
        ),
        (
            "kind = \"ncf\"\nmodel = \"mf\"",
            "factors = 8  # default",
            "layers",
        ),
        ("kind = \"ncf\"\nmodel = \"mlp\"", "layers = ", "factors"),
        ("kind = \"ctr\"", "test_fraction = ", "test_rows"),
    ] {
        let explained = explain(task);
        let (_, task) = explained.split_once("[tasks.one]\n").expect("it is there");
        let table = format!("\n{}", task.split("\n[").next().unwrap_or_default());
        assert!(
            explained.contains(shown),
            "{shown:?} is not in:\n{explained}"
        );
        let key = format!("\n{left_out} = ");
        assert!(!table.contains(&key), "{left_out}:\n{explained}");
    }
}
