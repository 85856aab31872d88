//! Keys of which an arm has one: which counts, and what is said of the others.

use std::fs;

use crate::common::{folder, lawn, said};
use lawn_bench::config::{Sweep, SweepFile, parse};
use lawn_models::{ConstraintName, OptimizerSettings, RuleName};

const TASK: &str = "name = \"one-of\"\nbatch_sizes = [100]\nbudget = { steps = 200 }\n\
                    [tasks.made]\nkind = \"ncf\"\ndata = \"generated\"\n\
                    [confirmation]\nseeds = [1]\n";

fn text(defaults: &str, arm: &str) -> String {
    format!("{TASK}[defaults]\n{defaults}\n[arms.one]\n{arm}\n")
}

fn file(text: &str) -> SweepFile {
    let (kept, _) = folder();
    let path = kept.path().join("one-of.toml");
    fs::write(&path, text).expect("there is room");
    SweepFile::read(&path, &[]).expect("it is there")
}

fn first(sweep: &Sweep) -> OptimizerSettings {
    sweep.arms[0].settings[0].optimizer.clone()
}

/// The settings of an arm over what holds for all arms, and what `config explain` says of it, which is
/// read as the same.
fn explained(defaults: &str, arm: &str) -> (OptimizerSettings, String) {
    let text = text(defaults, arm);
    let sweep = parse("one-of.toml", &text).unwrap_or_else(|error| panic!("{error}"));
    let explained = file(&text).explain().expect("it is read");
    let again = parse("explained.toml", &explained).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(again.arms, sweep.arms, "{explained}");
    (first(&sweep), explained)
}

fn refused(text: &str) -> String {
    parse("one-of.toml", text).unwrap_err().to_string()
}

const ADAM: &str = "rule = \"adam\"\nlearning_rate = 0.1\n";

#[test]
fn lawn_that_is_asked_for_and_refused_at_once_is_an_error() {
    let twice = "lawn = false\nconstraint = \"lawn\"\nfree_steps = 50";
    let in_arm = text("", &format!("{ADAM}{twice}"));
    let in_defaults = text(twice, ADAM);
    for text in [&in_arm, &in_defaults] {
        let said = refused(text);
        for part in [
            "lawn = false stands beside constraint = \"lawn\", which is lawn = true",
            "leave one of the two out",
        ] {
            assert!(said.contains(part), "{part:?} is not in: {said}");
        }
        let line = text.lines().position(|line| line.starts_with("constraint"));
        let place = format!("one-of.toml:{}:", line.expect("it is there") + 1);
        assert!(said.contains(&place), "{place} is not in: {said}");
    }
    // What is set over a file stands beside it.
    let (kept, _) = folder();
    let path = kept.path().join("set.toml");
    fs::write(
        &path,
        text("", &format!("{ADAM}constraint = \"lawn\"\nfree_steps = 50")),
    )
    .expect("there is room");
    let output = lawn()
        .args(["config", "explain", "--set", "arms.one.lawn=false"])
        .arg(&path)
        .output()
        .expect("lawn starts");
    assert_eq!(output.status.code(), Some(2), "{}", said(&output));
    assert!(said(&output).contains("stands beside"), "{}", said(&output));
    // Said twice is said once; another constraint is not LAWN.
    let lawn = "lawn = true\nconstraint = \"lawn\"\nfree_steps = 50";
    assert!(explained("", &format!("{ADAM}{lawn}")).0.lawn);
    let ball = "lawn = false\nconstraint = \"hyperball\"";
    let (found, _) = explained("", &format!("{ADAM}{ball}"));
    assert_eq!(found.constraint, Some(ConstraintName::Hyperball));
    let both = refused(&text(
        "",
        &format!("{ADAM}lawn = true\nconstraint = \"cpr\""),
    ));
    assert!(
        both.contains("`lawn` does not apply to constraint = \"cpr\"; give one of the two"),
        "{both}"
    );
}

#[test]
fn rows_that_a_rule_leaves_alone_are_not_constrained() {
    let lazy = "rule = \"lazy_adam\"\nlearning_rate = 0.1\nlawn = true\nfree_steps = 50\n";
    let said = refused(&text(
        "",
        &format!("{lazy}untouched_rows = \"constrained\""),
    ));
    assert!(
        said.contains("`untouched_rows` does not apply to rule = \"lazy_adam\""),
        "{said}"
    );
    explained("", &format!("{lazy}untouched_rows = \"left-alone\""));
}

/// An arm's own way of saying a thing takes the place of the way that holds for all arms.
#[test]
fn what_an_arm_says_takes_the_place_of_what_cannot_stand_beside_it() {
    let lawn = "lawn = true\nfree_steps = 50";
    let (found, told) = explained(lawn, &format!("{ADAM}free_fraction = 0.5"));
    assert_eq!((found.free_steps, found.free_fraction), (None, Some(0.5)));
    assert!(
        told.contains("# free_steps of [defaults] gives way to free_fraction\n"),
        "{told}"
    );

    let freeze =
        "lawn = true\nfree_steps = 50\nfreeze_when = { plateau = 2 }\nscope = \"matrices\"";
    let (found, told) = explained(freeze, &format!("{ADAM}lawn = false"));
    assert!(!found.is_constrained());
    assert_eq!((found.free_steps, found.scope), (None, None));
    for key in ["free_steps", "freeze_when", "scope"] {
        let line = format!("# {key} of [defaults] gives way to lawn\n");
        assert!(told.contains(&line), "{line} is not in: {told}");
    }

    let falling = "decay = \"cosine\"\nend_factor = 0.1";
    let (found, told) = explained(falling, &format!("{ADAM}decay = \"constant\""));
    assert_eq!(found.end_factor, None);
    assert!(
        told.contains("# end_factor of [defaults] gives way to decay\n"),
        "{told}"
    );
    let (found, _) = explained(falling, &format!("{ADAM}decay = \"linear\""));
    assert_eq!(found.end_factor, Some(0.1), "it has one as well");

    // What the arm's constraint has, it takes over.
    let (found, told) = explained(freeze, &format!("{ADAM}constraint = \"hyperball\""));
    assert_eq!(found.constraint, Some(ConstraintName::Hyperball));
    assert!(!found.lawn && found.free_steps.is_none() && found.scope.is_some());
    assert!(
        told.contains("# lawn of [defaults] gives way to constraint\n"),
        "{told}"
    );
    // Nothing gives way where both keys ask for the same.
    for (defaults, own) in [
        ("lawn = true", "constraint = \"lawn\""),
        ("constraint = \"lawn\"", "lawn = true"),
    ] {
        let defaults = format!("{defaults}\nfree_steps = 50");
        let (found, told) = explained(&defaults, &format!("{ADAM}{own}"));
        assert!(found.lawn && found.constraint.is_none());
        assert_eq!(found.free_steps, Some(50));
        assert!(!told.contains("gives way"), "{told}");
    }
    let (_, told) = explained(
        "lawn = false",
        &format!("{ADAM}constraint = \"lawn\"\nfree_steps = 50"),
    );
    assert!(
        told.contains("# lawn of [defaults] gives way to constraint\n"),
        "{told}"
    );
    let cpr = "constraint = \"cpr\"\nbound_factor = 2.0";
    let (found, told) = explained(freeze, &format!("{ADAM}{cpr}"));
    assert_eq!((found.free_steps, found.freeze_when), (None, None));
    assert!(
        told.contains("# freeze_when of [defaults] gives way to bound_factor\n"),
        "{told}"
    );
    let (found, _) = explained(freeze, &format!("{ADAM}constraint = \"cpr\""));
    assert!(found.free_steps.is_some() && found.freeze_when.is_some());
    let (found, _) = explained(cpr, &format!("{ADAM}lawn = true\nfree_steps = 50"));
    assert!(found.lawn && found.bound_factor.is_none() && found.constraint.is_none());
    let (found, _) = explained(cpr, &format!("{ADAM}lawn = false"));
    assert!(!found.is_constrained());

    let fall = "decay = \"linear\"\nend_learning_rate = 1e-4";
    let (found, _) = explained(fall, &format!("{ADAM}end_factor = 0.1"));
    assert_eq!(
        (found.end_learning_rate, found.end_factor),
        (None, Some(0.1))
    );
    // Where nothing takes its place, what does not apply is an error still, and says what helps.
    let said = refused(&text("free_steps = 50", ADAM));
    assert!(
        said.contains("`free_steps` is from [defaults], and lawn = false in the arm takes it away"),
        "{said}"
    );
    explained("free_steps = 50", &format!("{ADAM}lawn = false"));
    // Within one table none takes the place of another.
    let both = refused(&text("", &format!("{ADAM}{lawn}\nfree_fraction = 0.5")));
    assert!(both.contains("give one of the two"), "{both}");
}

/// Whatever its value: the default of another constraint is no value of this one.
#[test]
fn keys_of_another_constraint_are_refused_at_their_place() {
    for constraint in [
        "constraint = \"hyperball\"",
        "constraint = \"cpr\"\nbound_factor = 1.0",
        "constraint = \"rotational\"\nweight_decay = 0.1",
        "lawn = false",
    ] {
        for key in ["project_gradient", "project_update"] {
            for value in ["true", "false"] {
                let line = format!("{key} = {value}");
                let text = text("", &format!("{ADAM}{constraint}\n{line}"));
                let said = refused(&text);
                assert!(
                    said.contains(&format!("`{key}` does not apply to")),
                    "{said}"
                );
                let at = text.lines().position(|one| one == line);
                let place = format!("one-of.toml:{}:", at.expect("it is there") + 1);
                assert!(said.contains(&place), "{place} is not in: {said}");
            }
        }
    }
    let ball = format!("{ADAM}constraint = \"hyperball\"");
    let listed = refused(&text("", &format!("{ball}\ngrid.project_update = [true]")));
    assert!(
        listed.contains("`project_update` does not apply to"),
        "{listed}"
    );
    // From all arms it gives way where the arm says what it is under, and is told of where it does not.
    explained("project_update = true", &ball);
    let said = refused(&text("project_update = true", ADAM));
    assert!(
        said.contains("`project_update` is from [defaults], and lawn = false in the arm"),
        "{said}"
    );
    let lawn = format!("{ADAM}lawn = true\nfree_steps = 50\nproject_update = true");
    explained("", &lawn);
}

/// The defaults of its constraint, and nothing of another.
#[test]
fn an_explained_arm_shows_what_applies() {
    for (arm, shown, hidden) in [
        (
            ADAM.to_owned(),
            &[][..],
            &["project_", "scope", "granularity"][..],
        ),
        (
            format!("{ADAM}constraint = \"hyperball\""),
            &["scope = \"matrices\"", "granularity = \"layer\""],
            &["project_", "multiplier_rate", "centred"],
        ),
        (
            format!("{ADAM}constraint = \"cpr\"\nfree_steps = 50"),
            &[
                "scope = \"matrices\"",
                "granularity = \"layer\"",
                "multiplier_rate = 1.0",
                "by_learning_rate = false",
                "untouched_rows = \"constrained\"",
            ],
            &["project_", "centred"],
        ),
        (
            format!("{ADAM}constraint = \"rotational\"\nweight_decay = 0.1\ncentred = false"),
            &[
                "scope = \"matrices\"",
                "granularity = \"row\"",
                "rotation_memory = 0.9",
                "rotation_epsilon = 1e-8",
            ],
            &["project_", "multiplier_rate", "# centred"],
        ),
        (
            format!("{ADAM}lawn = true\nfree_steps = 50"),
            &["scope = \"final-homogeneous\"", "granularity = \"layer\""],
            &["multiplier_rate", "centred"],
        ),
    ] {
        let (_, told) = explained("", &arm);
        for line in shown {
            let line = format!("\n# {line}  # default\n");
            assert!(told.contains(&line), "{line:?} is not in:\n{told}");
        }
        for key in hidden {
            assert!(!told.contains(key), "{key:?} is in:\n{told}");
        }
        let projects = told.contains("\nproject_gradient = true  # default\n");
        assert_eq!(projects, arm.contains("lawn = true"), "{told}");
    }
}

/// The end of a range is in the file; what is drawn from it is not.
#[test]
fn a_free_phase_beyond_the_budget_is_reported_at_its_range() {
    let range = "tune.free_steps = { min = 10, max = 400, scale = \"integer\" }";
    let text = text("", &format!("{ADAM}lawn = true\n{range}"))
        .replace("[confirmation]", "[tuning]\nsettings = 2\n[confirmation]");
    let said = refused(&text);
    let line = text.lines().position(|line| line == range);
    let place = format!("one-of.toml:{}:", line.expect("it is there") + 1);
    for part in [
        "`free_steps` is 400",
        "below the budget of 200 steps",
        place.as_str(),
    ] {
        assert!(said.contains(part), "{part:?} is not in: {said}");
    }
}

/// What is missing is named as the budget allows it.
#[test]
fn a_bound_that_is_missing_is_one_that_the_budget_allows() {
    let said = refused(&text("", &format!("{ADAM}constraint = \"cpr\"")));
    assert!(
        said.contains("`free_steps` is missing") && !said.contains("free_epochs"),
        "{said}"
    );
}

#[test]
fn what_is_tuned_gives_way_like_what_is_fixed() {
    let defaults = "lawn = true\ntune.free_fraction = { min = 0.1, max = 0.5, scale = \"linear\" }";
    let tuned = text(
        defaults,
        &format!(
            "{ADAM}free_steps = 50\ntune.beta2 = {{ min = 0.9, max = 0.99, scale = \"linear\" }}"
        ),
    )
    .replace("[confirmation]", "[tuning]\nsettings = 2\n[confirmation]");
    let sweep = parse("one-of.toml", &tuned).unwrap_or_else(|error| panic!("{error}"));
    let axes: Vec<&String> = sweep.arms[0].space.keys().collect();
    assert_eq!(axes, ["beta2"]);
    assert_eq!(first(&sweep).free_steps, Some(50));
}

/// An arm of another rule, or of another preset, has nothing of the preset that is for all arms.
#[test]
fn a_preset_for_all_arms_is_whole_or_not_there() {
    let defaults = "preset = \"algoperf-nadamw-1\"\nclip_norm = 1.0";
    let lion = "rule = \"lion\"\nlearning_rate = 0.1";
    let (found, told) = explained(defaults, lion);
    let expected = OptimizerSettings {
        clip_norm: Some(1.0),
        ..OptimizerSettings::new(RuleName::Lion, 0.1)
    };
    assert_eq!(found, expected);
    assert!(
        told.contains("# preset of [defaults] gives way to rule\n"),
        "{told}"
    );
    let (own, told) = explained(defaults, "preset = \"mlperf-lars-32768\"");
    let (alone, _) = explained("clip_norm = 1.0", "preset = \"mlperf-lars-32768\"");
    assert_eq!(own, alone);
    assert!(
        told.contains("# preset of [defaults] gives way to preset\n"),
        "{told}"
    );
    // The same rule is said twice, and the preset is all there.
    let (found, _) = explained(defaults, "rule = \"nadamw\"");
    assert_eq!(found.warmup, 0.1);
}

#[test]
fn a_key_is_marked_by_where_its_value_comes_from() {
    let preset = "preset = \"algoperf-nadamw-1\"";
    let (found, told) = explained("warmup = 0.3\nbeta2 = 0.5\nclip_norm = 1.0", preset);
    assert_eq!(found.warmup, 0.1);
    for line in [
        "warmup = 0.1  # of preset algoperf-nadamw-1\n",
        "beta2 = 0.99812  # of preset algoperf-nadamw-1\n",
        "clip_norm = 1.0\n",
        "decay = \"cosine\"  # of preset algoperf-nadamw-1\n",
    ] {
        assert!(told.contains(line), "{line} is not in {told}");
    }
    let own = format!("{preset}\nwarmup = 0.2");
    let (_, told) = explained("warmup = 0.3", &own);
    assert!(told.contains("warmup = 0.2\n"), "{told}");
    // Of the defaults' own preset, too; what they say beside it is theirs.
    let (_, told) = explained(&format!("{preset}\nwarmup = 0.3"), "clip_norm = 1.0");
    for line in [
        "warmup = 0.3\n",
        "beta2 = 0.99812  # of preset algoperf-nadamw-1\n",
    ] {
        assert!(told.contains(line), "{line} is not in {told}");
    }
}
