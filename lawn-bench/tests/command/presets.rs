//! Settings and ranges of arms that are known by a name.

use crate::common::{folder, lawn, said};
use lawn_bench::config::{Sweep, parse};
use lawn_models::RuleName;

fn text(arm: &str) -> String {
    format!(
        "name = \"presets\"\nbatch_sizes = [100]\nbudget = {{ epochs = 2 }}\n\
         [tasks.made]\nkind = \"ncf\"\ndata = \"generated\"\n\
         [tuning]\nsettings = 4\n[confirmation]\nseeds = [1]\n[arms.one]\n{arm}\n"
    )
}

fn read(arm: &str) -> Result<Sweep, String> {
    parse("presets.toml", &text(arm)).map_err(|error| error.to_string())
}

#[test]
fn what_a_preset_gives_is_no_default() {
    let (kept, _) = folder();
    let file = kept.path().join("presets.toml");
    let arm = "preset = \"algoperf-nadamw\"\nweight_decay = 0.5\nwarmup = 0.1";
    std::fs::write(&file, text(arm)).expect("there is room");
    let output = lawn().args(["config", "explain"]).arg(&file).output();
    let explained = said(&output.expect("lawn starts"));
    for line in [
        "rule = \"nadamw\"  # of preset algoperf-nadamw\n",
        "beta2 = 0.999  # of preset algoperf-nadamw\n",
        "weight_decay = 0.5\n",
        "warmup = 0.1\n",
        "epsilon = 1e-8  # default\n",
    ] {
        assert!(explained.contains(line), "{line} is not in {explained}");
    }
    let mut ranges = explained.lines().filter(|line| line.contains("max = 0.01"));
    let range = ranges.next().expect("the rate is tuned");
    assert!(range.ends_with("# of preset algoperf-nadamw"), "{range}");
}

/// AlgoPerf's baseline and search spaces, and MLPerf's LARS.
#[test]
fn each_is_an_arm() {
    let spaces = [
        ("algoperf-adamw", RuleName::Adamw, 3),
        ("algoperf-nadamw", RuleName::Nadamw, 3),
        ("algoperf-lamb", RuleName::Lamb, 3),
        ("algoperf-nesterov", RuleName::Sgd, 4),
    ];
    for (name, rule, axes) in spaces {
        let sweep = read(&format!("preset = \"{name}\"")).unwrap();
        let arm = &sweep.arms[0];
        assert_eq!((arm.space.len(), arm.settings.len()), (axes, 4), "{name}");
        for setting in &arm.settings {
            assert_eq!(setting.optimizer.rule, rule, "{name}");
            setting.optimizer.validate().unwrap();
        }
    }
    let points = [
        (1, 1.308e-3, 0.02687, 0.99812, 0.16375, 0.1),
        (2, 8.445e-4, 0.11042, 0.99785, 0.08135, 0.05),
        (3, 1.308e-3, 0.02687, 0.99812, 0.16375, 0.1),
        (4, 4.958e-3, 0.13626, 0.62919, 0.11474, 0.02),
        (5, 1.749e-3, 0.06734, 0.99552, 0.08122, 0.02),
    ];
    for (point, rate, complement, beta2, decay, warmup) in points {
        let arm = format!("preset = \"algoperf-nadamw-{point}\"");
        // Nothing is tuned, so that there is one setting, and four are asked for.
        let said = read(&arm).unwrap_err();
        assert!(said.contains("1 setting"), "{said}");
        let tuned = format!("{arm}\ntune = {{ epsilon = {{ choice = [1e-8] }} }}");
        let sweep = read(&tuned).unwrap();
        let found = &sweep.arms[0].settings[0].optimizer;
        assert_eq!(found.rule, RuleName::Nadamw);
        assert_eq!(found.learning_rate, rate);
        assert_eq!(found.one_minus_beta1, Some(complement));
        assert_eq!(
            (found.beta2, found.weight_decay),
            (Some(beta2), Some(decay))
        );
        assert_eq!(found.warmup, warmup);
    }
    let lars =
        "preset = \"mlperf-lars\"\ntune.learning_rate = { min = 1.0, max = 30.0, scale = \"log\" }";
    let sweep = read(lars).unwrap();
    assert_eq!(sweep.arms[0].settings[0].optimizer.rule, RuleName::Lars);
}

#[test]
fn what_the_arm_says_comes_first() {
    let sweep = read(
        "preset = \"algoperf-nadamw\"\nweight_decay = 0.5\n\
         [arms.one.tune]\nlearning_rate = { choice = [0.125] }",
    )
    .unwrap();
    let arm = &sweep.arms[0];
    assert_eq!(
        arm.space.keys().collect::<Vec<_>>(),
        ["learning_rate", "one_minus_beta1"]
    );
    for setting in &arm.settings {
        assert_eq!(setting.optimizer.weight_decay, Some(0.5));
        assert_eq!(setting.optimizer.learning_rate, 0.125);
        assert_eq!(setting.optimizer.warmup, 0.05);
    }
}

#[test]
fn another_rule_beside_a_preset_is_refused() {
    let arm = "preset = \"algoperf-nadamw\"\nweight_decay = 0.5\nrule = \"adam\"";
    let said = read(arm).unwrap_err();
    for part in [
        "rule = \"adam\" stands beside preset = \"algoperf-nadamw\", which is of the rule `nadamw`",
        "leave one of the two out",
    ] {
        assert!(said.contains(part), "{part:?} is not in: {said}");
    }
    let line = text(arm)
        .lines()
        .position(|line| line.starts_with("rule"))
        .expect("it is there");
    assert!(
        said.contains(&format!("presets.toml:{}:1", line + 1)),
        "{said}"
    );
    // The same rule is only said twice.
    let same = read("preset = \"algoperf-nadamw\"\nrule = \"nadamw\"").unwrap();
    assert_eq!(same.arms[0].settings[0].optimizer.rule, RuleName::Nadamw);
}

#[test]
fn an_unknown_name_is_told_what_there_is() {
    let said = read("preset = \"algoperf-nadam\"").unwrap_err();
    for part in [
        "unknown preset `algoperf-nadam`",
        "algoperf-nadamw",
        "mlperf-lars",
    ] {
        assert!(said.contains(part), "{said}");
    }
    // What does not fit a preset is shown where that is named.
    let said = read("preset = \"algoperf-nadamw\"\nmomentum = 0.9").unwrap_err();
    assert!(said.contains("momentum"), "{said}");
}
