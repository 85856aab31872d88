//! `lawn model` of tasks whose data are not on this machine.

use std::process::Output;

use serde_json::{Value, json};

use crate::common::{lawn, said};

/// What `lawn model` answers of a recipe, with no data anywhere.
fn model(recipe: &str, options: &[&str]) -> Output {
    let file = format!("{}/studies/{recipe}.toml", env!("CARGO_MANIFEST_DIR"));
    let mut command = lawn();
    command.args(["model", &file]).args(options);
    command.output().expect("lawn starts")
}

fn refused(output: &Output, parts: &[&str]) {
    assert_eq!(output.status.code(), Some(2), "{}", said(output));
    for part in parts {
        assert!(said(output).contains(part), "{part}: {}", said(output));
    }
}

const ML_1M: [&str; 4] = ["--users", "6040", "--items", "3706"];
const ML_20M: [&str; 4] = ["--users", "138493", "--items", "26744"];

/// With the number of parameters that the recipe or its source gives, and the largest table.
#[test]
fn recipes_are_told_parameter_by_parameter_without_their_data() {
    for (recipe, options, elements, table, arms) in [
        // (6,040 + 3,706) · (8 + 32), a tower of 2,744, and 16 + 1 behind both.
        ("he-neumf-ml-1m", &ML_1M[..], Some(392_601), [6_040, 32], 2),
        ("mlperf-ncf", &ML_20M, Some(31_832_577), [138_493, 128], 3),
        (
            "nvidia-ncf-ml-20m",
            &ML_20M,
            Some(31_832_577),
            [138_493, 128],
            3,
        ),
        (
            "criteo-1tb-algoperf-dlrm",
            &[],
            Some(539_267_457),
            [4_194_304, 128],
            6,
        ),
        ("mlperf-dlrm-dcnv2", &[], None, [4_000_000, 128], 2),
        ("cowclip-criteo-kaggle", &[], None, [77_456_912, 10], 4),
    ] {
        let output = model(recipe, &[&["--json"], options].concat());
        let told: Value = serde_json::from_slice(&output.stdout)
            .unwrap_or_else(|error| panic!("{recipe}: {error}: {}", said(&output)));
        let told = told.as_array().expect("a list");
        assert_eq!(told.len(), arms, "{recipe}");
        for one in told {
            if let Some(elements) = elements {
                assert_eq!(one["elements"], elements, "{recipe}");
            }
            assert!(one.get("epoch_samples").is_none(), "{recipe}");
            let all = one["treatments"].as_array().expect("a list");
            let tables = all.iter().filter(|one| one["shape"] == json!(table));
            assert!(tables.count() > 0, "{recipe}: {all:?}");
        }
        let layers = model(recipe, &[&["--layers"], options].concat());
        assert!(layers.status.success(), "{recipe}: {}", said(&layers));
        assert!(said(&layers).contains("scope "), "{}", said(&layers));
    }
    let plain = model("he-neumf-ml-1m", &ML_1M);
    assert!(
        said(&plain).contains("392601 parameters in ")
            && said(&plain).contains("made without the data"),
        "{}",
        said(&plain)
    );
}

/// Of a table of the whole column, units and all: as if the data were there.
#[test]
fn what_is_constrained_is_what_it_is_with_the_data() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (root, file) = (folder.path(), folder.path().join("sweep.toml"));
    let made = lawn()
        .args(["data", "make", "ncf", "--set", "users=60"])
        .args(["--set", "items=220", "--out"])
        .arg(root.join("feedback"))
        .output()
        .expect("lawn starts");
    assert!(made.status.success(), "{}", said(&made));
    let text = "name = \"s\"\nbatch_sizes = [64]\nbudget = { epochs = 2 }\n\
                [tasks.feedback]\nkind = \"ncf\"\ndata = \"feedback\"\nids = \"kept\"\n\
                [arms.adam]\nrule = \"adam\"\nlearning_rate = 0.01\n\
                [arms.row]\nrule = \"adam\"\nlearning_rate = 0.01\nlawn = true\nfree_epochs = 1\n\
                granularity = \"row\"\nscope = \"all-weights\"\n[confirmation]\nseeds = [1]\n";
    std::fs::write(&file, text).expect("there is room");
    let of = |options: &[&str]| -> Value {
        let mut command = lawn();
        command.arg("model").arg(&file).arg("--json").args(options);
        let output = command.arg("--data-root").arg(root).output();
        let output = output.expect("lawn starts");
        serde_json::from_slice(&output.stdout)
            .unwrap_or_else(|error| panic!("{error}: {}", said(&output)))
    };
    let with = of(&[]);
    let users = with[0]["treatments"].as_array().expect("a list").iter();
    let rows = |of: &str| -> String {
        let mut tables = users.clone().filter(|one| {
            let name = one["parameter"].as_str().unwrap_or_default();
            name.contains(of)
        });
        tables.next().expect("a table")["shape"][0].to_string()
    };
    let sizes = [rows("user_embedding"), rows("item_embedding")];
    let stated = ["--users", &sizes[0], "--items", &sizes[1]];
    let without = of(&stated);
    for place in 0..2 {
        assert_eq!(without[place]["treatments"], with[place]["treatments"]);
        assert!(with[place]["epoch_samples"].is_u64());
        assert!(without[place].get("epoch_samples").is_none());
    }
    let layers = [&["--layers"][..], &stated].concat();
    assert_eq!(of(&layers), of(&["--layers"]));
}

#[test]
fn what_is_not_stated_is_asked_for_by_its_option() {
    let root = "give --data-root DIR or set LAWN_DATA";
    let rows = "without the data, --users N and --items N would do for the net";
    for options in [&[][..], &["--layers"]] {
        refused(&model("he-neumf-ml-1m", options), &[root, rows]);
    }
    let some = model("he-neumf-ml-1m", &["--users", "6040"]);
    refused(&some, &["task `ml-1m`", "give --items N, too"]);
    let empty = tempfile::tempdir().expect("a temporary folder");
    let elsewhere = ["--data-root", empty.path().to_str().expect("it is text")];
    let absent = model("he-neumf-ml-1m", &elsewhere);
    refused(&absent, &["which is not under", rows]);
    // The number of columns decides, where each has a size.
    let sizes = ["--unset", "tasks.criteo.encoding.hash_sizes"];
    let unknown = model("cowclip-criteo-kaggle", &sizes);
    refused(&unknown, &[root, "--click-format FORMAT would do"]);
    let known = [&sizes[..], &["--click-format", "criteo"]].concat();
    let known = model("cowclip-criteo-kaggle", &known);
    assert!(
        known.status.success() && said(&known).contains(&format!("[{}, 10]", 26 * 65_536)),
        "{}",
        said(&known)
    );
}

#[test]
fn what_does_not_go_with_the_file_is_refused() {
    let other = model("cowclip-criteo-kaggle", &["--click-format", "avazu"]);
    refused(&other, &["22 sizes, the columns of Avazu"]);
    let none = model("cowclip-criteo-kaggle", &["--click-format", "x"]);
    refused(&none, &["allowed: criteo, avazu"]);
    let of_none = model("cowclip-criteo-kaggle", &["--users", "3"]);
    refused(&of_none, &["--users: no task here has ratings in files"]);
    let generated = model("embedded", &ML_1M);
    refused(&generated, &["no task here has ratings in files"]);
}
