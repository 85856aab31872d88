//! Settings and ranges of arms that are known by a name.

use std::collections::BTreeMap;

use crate::common::{folder, lawn, said};
use lawn_bench::config::{Sweep, parse};
use lawn_bench::plan::{Plan, Trial, advice};
use lawn_models::{Adaptation, LrShape, OptimizerSettings, RuleName, Stage};

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
        // Nothing is tuned, in no arm, and four settings are asked for.
        let said = read(&arm).unwrap_err();
        assert!(said.contains("no arm has anything to tune"), "{said}");
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
}

/// The rules of MLPerf's ResNet-50 and the reference runs that it is judged by.
#[test]
fn lars_of_mlperf_has_its_numbers() {
    let common = |found: &OptimizerSettings| {
        found.validate().unwrap();
        assert_eq!(found.rule, RuleName::Lars);
        assert_eq!(found.decay, LrShape::Polynomial);
        assert_eq!(found.decay_power, Some(2.0));
        assert_eq!(found.epsilon, Some(0.0));
        // A rate, whatever the peak is.
        assert_eq!(
            (found.end_learning_rate, found.end_factor),
            (Some(1e-4), None)
        );
        assert_eq!(found.trust_coefficient, Some(1e-3));
        assert_eq!(found.adaptation, Some(Adaptation::WhenDecayed));
    };
    let rates = "tune.learning_rate = { min = 1.0, max = 30.0, scale = \"log\" }";
    let sweep = read(&format!("preset = \"mlperf-lars\"\n{rates}")).unwrap();
    let found = &sweep.arms[0].settings[0].optimizer;
    common(found);
    assert_eq!(
        (found.momentum, found.weight_decay),
        (Some(0.9), Some(1e-4))
    );
    assert_eq!(found.warmup, 0.0);

    // Batch size, rate, epochs of warm-up, momentum, decay, steps of the fall.
    const PICTURES: f64 = 1_281_167.0;
    for (batch, rate, epochs, momentum, decay, steps) in [
        (4096, 10.0, 5.0, 0.9, 2e-4, 13_137.0),
        (8192, 17.0, 5.0, 0.9, 2e-4, 6095.0),
        (32_768, 21.2, 16.0, 0.94, 2.5e-5, 2267.0),
        (65_536, 24.699, 31.0, 0.951_807, 1e-4, 1133.0),
    ] {
        let tuned = "tune = { clip_norm = { choice = [1e9] } }";
        let sweep = read(&format!("preset = \"mlperf-lars-{batch}\"\n{tuned}")).unwrap();
        let found = &sweep.arms[0].settings[0].optimizer;
        common(found);
        assert_eq!(found.learning_rate, rate, "{batch}");
        assert_eq!(found.momentum, Some(momentum), "{batch}");
        assert_eq!(found.weight_decay, Some(decay), "{batch}");
        let warm = epochs * PICTURES / f64::from(batch);
        let part = warm / (warm + steps);
        assert!((found.warmup - part).abs() < 5e-5, "{batch}: {part}");
    }
}

/// The rate of each batch size of an arm, and what `config explain` says of it, which is read as
/// the same.
fn rates(batch_sizes: &str, arm: &str) -> (Vec<f64>, String) {
    let text = text(arm)
        .replace("[100]", batch_sizes)
        .replace("settings = 4", "learning_rate_scaling = \"sqrt\"");
    let rates = |sweep: &Sweep| -> Vec<f64> {
        let arm = &sweep.arms[0];
        let sizes = sweep.batch_sizes.iter();
        let at = |&size: &u64| arm.settings[0].at(size, arm, sweep).learning_rate;
        sizes.map(at).collect()
    };
    let found = rates(&parse("presets.toml", &text).unwrap_or_else(|error| panic!("{error}")));
    let (kept, _) = folder();
    let file = kept.path().join("presets.toml");
    std::fs::write(&file, text).expect("there is room");
    let output = lawn().args(["config", "explain"]).arg(&file).output();
    let output = output.expect("lawn starts");
    let explained = String::from_utf8_lossy(&output.stdout).into_owned();
    let again = parse("explained.toml", &explained).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(rates(&again), found, "{explained}");
    (found, explained)
}

/// A preset's rate is that of the batch size that it is of, or of all.
#[test]
fn the_rate_of_a_preset_is_of_its_own_batch_size() {
    let half = 0.5f64.sqrt();
    let close = |found: &[f64], expected: &[f64]| {
        for (found, expected) in found.iter().zip(expected) {
            assert!(
                (found / expected - 1.0).abs() < 1e-12,
                "{found}, {expected}"
            );
        }
    };
    for size in ["4096", "8192", "32768", "65536"] {
        let name = format!("preset = \"mlperf-lars-{size}\"");
        let (found, explained) = rates(&format!("[256, {size}]"), &name);
        let own = found[1];
        let ratio = (256.0 / size.parse::<f64>().expect("a number")).sqrt();
        close(&found, &[own * ratio, own]);
        let (alone, _) = rates(&format!("[{size}]"), &name);
        assert_eq!(alone, [own]);
        let said = format!("rate_batch_size = {size}  # of preset mlperf-lars-{size}\n");
        assert!(explained.contains(&said), "{explained}");
        assert!(
            explained.contains("goes out from this batch size"),
            "{explained}"
        );
    }
    let (found, explained) = rates("[4096, 32768]", "preset = \"algoperf-nadamw-1\"");
    assert_eq!(found, [1.308e-3; 2]);
    assert!(
        explained.contains("rate_batch_size = \"any\""),
        "{explained}"
    );
    assert!(
        explained.contains("leaves the learning rate as it is"),
        "{explained}"
    );
    // A rate of the arm's own follows as that of any arm, unless it says otherwise.
    let lars = "preset = \"mlperf-lars-32768\"\nlearning_rate = 3.0";
    close(&rates("[256, 512]", lars).0, &[3.0, 3.0 / half]);
    close(
        &rates(
            "[256, 512]",
            "preset = \"mlperf-lars\"\nlearning_rate = 3.0",
        )
        .0,
        &[3.0, 3.0 / half],
    );
    let of = |size: &str| format!("rule = \"sgd\"\nlearning_rate = 3.0\nrate_batch_size = {size}");
    close(&rates("[256, 512]", &of("512")).0, &[3.0 * half, 3.0]);
    close(&rates("[256, 512]", &of("\"any\"")).0, &[3.0, 3.0]);
    let (found, explained) = rates("[256, 512]", &of("\"reference\""));
    close(&found, &[3.0, 3.0 / half]);
    assert!(!explained.contains("rate_batch_size"), "{explained}");
    for wrong in ["0", "\"all\"", "1.5"] {
        let said = read(&of(wrong)).unwrap_err();
        assert!(
            said.contains("must be a batch size, \"any\" or \"reference\""),
            "{said}"
        );
    }
}

/// Ranges, too, and one that the arm gives in their place is the arm's.
#[test]
fn the_range_of_a_search_space_is_for_every_batch_size() {
    let at = |arm: &str| {
        let text = text(arm).replace("[100]", "[100, 400]").replace(
            "settings = 4",
            "settings = 4\nlearning_rate_scaling = \"linear\"",
        );
        let sweep = parse("presets.toml", &text).unwrap_or_else(|error| panic!("{error}"));
        let arm = &sweep.arms[0];
        let at = |size| arm.settings[0].at(size, arm, &sweep).learning_rate;
        at(400) / at(100)
    };
    assert_eq!(at("preset = \"algoperf-nadamw\""), 1.0);
    let own = "tune.learning_rate = { min = 1e-3, max = 1e-1, scale = \"log\" }";
    assert_eq!(at(&format!("preset = \"algoperf-nadamw\"\n{own}")), 4.0);
}

#[test]
fn a_preset_without_a_rate_says_so() {
    let said = read("preset = \"mlperf-lars\"").unwrap_err();
    for part in [
        "preset `mlperf-lars` has no learning rate of its own",
        "set learning_rate, or tune it",
        "mlperf-lars-32768, mlperf-lars-4096",
    ] {
        assert!(said.contains(part), "{part:?} is not in: {said}");
    }
    assert!(!said.contains("algoperf"), "{said}");
}

/// What has one setting stands beside what is tuned, and is trained in confirmation alone.
#[test]
fn points_stand_beside_search_spaces() {
    let arm = "preset = \"algoperf-nadamw\"\n[arms.point]\npreset = \"algoperf-nadamw-1\"";
    let sweep = read(arm).unwrap();
    let settings: Vec<usize> = sweep.arms.iter().map(|arm| arm.settings.len()).collect();
    assert_eq!(settings, [4, 1]);
    let plan = Plan::new(sweep, BTreeMap::new());
    let trials = |arm: &str, stage| {
        let of = |trial: &&Trial| trial.cell.arm == arm && trial.stage == stage;
        plan.trials.iter().filter(of).count()
    };
    assert_eq!(
        (trials("one", Stage::Tune), trials("one", Stage::Confirm)),
        (4, 1)
    );
    assert_eq!(
        (
            trials("point", Stage::Tune),
            trials("point", Stage::Confirm)
        ),
        (0, 1)
    );
    let said = advice::warnings(&plan, &BTreeMap::new(), &BTreeMap::new(), None).join("\n");
    assert!(
        said.contains("point has nothing to tune: one setting stands beside the 4"),
        "{said}"
    );
    // Whichever comes first; a grid of another length is refused as ever.
    let turned = read("preset = \"algoperf-nadamw-1\"\n[arms.space]\npreset = \"algoperf-nadamw\"");
    assert_eq!(turned.unwrap().rungs[0].settings, 4);
    let grid = read("preset = \"algoperf-nadamw-1\"\ngrid = { beta2 = [0.9, 0.99] }").unwrap_err();
    assert!(
        grid.contains("2 settings in its grid, tuning.settings asks for 4"),
        "{grid}"
    );
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

/// One arm, whichever way it is written: the same plan, and a page that says what was given.
#[test]
fn lawn_may_be_asked_for_as_a_constraint() {
    let arm = |lawn: &str| {
        format!(
            "rule = \"adam\"\nfree_fraction = 0.5\n{lawn}\n\
             tune.learning_rate = {{ min = 1e-3, max = 1e-1, scale = \"log\" }}"
        )
    };
    let settings = |lawn: &str| read(&arm(lawn)).unwrap().arms[0].settings.clone();
    let named = settings("constraint = \"lawn\"");
    assert!(named[0].optimizer.lawn && named[0].optimizer.constraint.is_none());
    assert_eq!(
        serde_json::to_string(&named[0].optimizer).unwrap(),
        serde_json::to_string(&settings("lawn = true")[0].optimizer).unwrap()
    );
    let (kept, _) = folder();
    let file = kept.path().join("named.toml");
    std::fs::write(&file, text(&arm("constraint = \"lawn\""))).expect("there is room");
    let output = lawn().args(["config", "explain"]).arg(&file).output();
    let explained = said(&output.expect("lawn starts"));
    assert!(explained.contains("lawn = true\n"), "{explained}");
}

/// Forms and free phases beyond those of every arm.
#[test]
fn settings_of_one_rule_or_constraint_are_read() {
    let read = |arm: &str| {
        let range = "tune.learning_rate = { min = 1e-3, max = 1e-1, scale = \"log\" }";
        let text = text(&format!("{arm}\n{range}")).replace("epochs = 2", "steps = 50");
        parse("arms.toml", &text).map_err(|error| error.to_string())
    };
    for (arm, part) in [
        (
            "rule = \"lamb\"\nform = \"nvlamb\"\ntrust_max = 1.0",
            "nvlamb",
        ),
        (
            "rule = \"lamb\"\nbias_correction = false",
            "bias_correction",
        ),
        ("rule = \"muon\"\niteration = \"bf16\"", "bf16"),
        (
            "rule = \"adafactor\"\ntune.beta2_power = { min = 0.5, max = 0.9, scale = \"linear\" }",
            "beta2_power",
        ),
        (
            "rule = \"adam\"\nlawn = true\nfree_steps = 20",
            "free_steps",
        ),
        (
            "rule = \"adam\"\nconstraint = \"cpr\"\nbound_factor = 1.0\nby_learning_rate = true",
            "by_learning_rate",
        ),
        (
            "rule = \"adam\"\nconstraint = \"rotational\"\nweight_decay = 0.1\n\
             rotation_memory = 0.99\nrotation_epsilon = 1e-6",
            "rotation_memory",
        ),
    ] {
        let sweep = read(arm).unwrap_or_else(|said| panic!("{arm}: {said}"));
        let written = serde_json::to_string(&sweep.arms[0].settings[0].optimizer).unwrap();
        assert!(written.contains(part), "{written}");
    }
    for (arm, part) in [
        ("rule = \"lamb\"\nform = \"nvidia\"", "nvlamb"),
        ("rule = \"adam\"\nform = \"apex\"", "`form`"),
        (
            "rule = \"adam\"\nlawn = true\nfree_steps = 50",
            "below the budget of 50 steps",
        ),
    ] {
        let said = read(arm).unwrap_err();
        assert!(said.contains(part), "{said}");
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
fn an_error_says_where_each_key_comes_from_that_the_arm_did_not_write() {
    let in_defaults = |defaults: &str, arm: &str| {
        let text = text(arm).replace("[arms.one]", &format!("[defaults]\n{defaults}\n[arms.one]"));
        parse("presets.toml", &text)
            .map_err(|error| error.to_string())
            .unwrap_err()
    };
    let preset = "preset = \"algoperf-nadamw\"";
    for (said, parts) in [
        (
            in_defaults(preset, "momentum = 0.9"),
            &[
                "`momentum` is from arm `one`",
                "`rule` is from preset `algoperf-nadamw` of [defaults]",
            ][..],
        ),
        (
            in_defaults("momentum = 0.9", "rule = \"adam\"\nlearning_rate = 0.1"),
            &["`momentum` is from [defaults], `rule` is from arm `one`"],
        ),
        (
            read(&format!("{preset}\nmomentum = 0.9")).unwrap_err(),
            &["`momentum` is from arm `one`, `rule` is from preset `algoperf-nadamw`"],
        ),
        (
            in_defaults("free_fraction = 0.5", "rule = \"sgd\"\nlearning_rate = 0.1"),
            &["`free_fraction` is from [defaults], and lawn = false in the arm takes it away"],
        ),
        (
            read(&format!("{preset}\n[arms.one.grid]\nbeta2 = [0.9, 0.99]")).unwrap_err(),
            &[
                "has both a grid and ranges; `beta2` is from arm `one`, `learning_rate` is from preset `algoperf-nadamw`",
            ],
        ),
        (
            in_defaults(
                "free_epochs = 5",
                "rule = \"sgd\"\nlearning_rate = 0.1\nlawn = true",
            ),
            &["`free_epochs` is from [defaults]"],
        ),
    ] {
        for part in parts {
            assert!(said.contains(part), "{part:?} is not in: {said}");
        }
    }
    // What the arm did not write it cannot leave out: it is told what takes it away, and that does.
    let constrained = format!("{preset}\nlawn = true\nfree_epochs = 1");
    let said = read(&constrained).unwrap_err();
    let told = "`weight_decay` is from preset `algoperf-nadamw`, and weight_decay = 0 in the arm takes it away, `lawn` is from arm `one`";
    assert!(said.contains(told), "{said}");
    read(&format!("{constrained}\nweight_decay = 0")).unwrap();
    // Where the arm wrote all of them, nothing is said.
    let said = read("rule = \"adam\"\nlearning_rate = 0.1\nmomentum = 0.9").unwrap_err();
    assert!(
        said.contains("momentum") && !said.contains("is from"),
        "{said}"
    );
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

/// A decay replaces what the preset says that it lacks to 1.
#[test]
fn an_arm_gives_a_decay_of_its_preset_by_either_name() {
    let settings = |arm: &str| {
        let sweep = read(&format!("preset = \"algoperf-nadamw\"\n{arm}")).unwrap();
        let optimizer = sweep.arms[0].settings[0].optimizer.clone();
        (optimizer.beta1, optimizer.one_minus_beta1)
    };
    assert_eq!(settings("beta1 = 0.8"), (Some(0.8), None));
    assert_eq!(settings("one_minus_beta1 = 0.3"), (None, Some(0.3)));
    let (own, rest) = settings("");
    assert!(own.is_some() != rest.is_some());
}
