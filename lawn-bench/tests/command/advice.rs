//! What a plan warns about before anything runs.

use std::collections::BTreeMap;

use lawn_bench::config::parse;
use lawn_bench::plan::advice::{before_a_sweep, warnings};
use lawn_bench::plan::choices::{Frozen, FrozenCell};
use lawn_bench::plan::estimate::Measurement;
use lawn_bench::plan::{Cell, Plan};

const TINY: &str = include_str!("sweeps/tiny.toml");

/// A plan of the tiny sweep with replacements, and what each of its cells takes where an
/// epoch has `epoch_samples`.
fn planned(replaced: &[(&str, &str)], epoch_samples: u64) -> (Plan, BTreeMap<Cell, Measurement>) {
    let text = replaced.iter().fold(TINY.to_owned(), |text, (from, to)| {
        assert!(text.contains(from), "{from:?} is not in the sweep");
        text.replacen(from, to, 1)
    });
    let sweep = parse("tiny.toml", &text).unwrap_or_else(|error| panic!("{error}"));
    let plan = Plan::new(sweep, BTreeMap::new());
    let measured = Measurement {
        epoch_samples,
        step_seconds: Some(0.1),
        last_step_seconds: Some(0.1),
        evaluation_seconds: 0.1,
        start_seconds: 0.1,
        peak_bytes: 1,
        treatments: Vec::new(),
        without_cuda_kernels: Vec::new(),
        basis: Default::default(),
        waited: 0.0,
    };
    let cells = plan.cells().into_iter();
    let measured = cells.map(|cell| (cell, measured.clone())).collect();
    (plan, measured)
}

/// By task, the samples of an epoch.
fn epochs(measured: &BTreeMap<Cell, Measurement>) -> BTreeMap<String, u64> {
    let cells = measured.iter();
    cells
        .map(|(cell, found)| (cell.task.clone(), found.epoch_samples))
        .collect()
}

fn warned(
    plan: &Plan,
    measured: &BTreeMap<Cell, Measurement>,
    earlier: Option<&Frozen>,
) -> Vec<String> {
    warnings(plan, &epochs(measured), measured, earlier)
}

#[test]
fn few_seeds_are_said_and_enough_are_not() {
    let said = |seeds: &str| {
        let (plan, measured) = planned(&[("seeds = [1, 2]", seeds)], 10_000);
        warned(&plan, &measured, None).join("\n")
    };
    assert!(
        said("seeds = [1, 2]").contains("seeds"),
        "{}",
        said("seeds = [1, 2]")
    );
    let enough = said("seeds = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]");
    assert!(!enough.contains("cannot"), "{enough}");
}

#[test]
fn a_free_phase_within_the_warm_up_is_said() {
    // One free epoch of three, and a warm-up of a half.
    let (plan, measured) = planned(&[("warmup = 0.1", "warmup = 0.5")], 10_000);
    let said = warned(&plan, &measured, None).join("\n");
    assert!(
        said.contains("arm `adam-lawn`: 2 of 2 settings end their free phase within the warm-up"),
        "{said}"
    );
    let (plan, measured) = planned(&[], 10_000);
    let said = warned(&plan, &measured, None).join("\n");
    assert!(!said.contains("warm-up"), "{said}");
}

#[test]
fn a_batch_larger_than_the_data_is_said_once_a_task_and_batch() {
    let (plan, measured) = planned(&[], 100);
    // Without a measurement, too.
    let epochs = epochs(&measured);
    let warnings = warnings(&plan, &epochs, &BTreeMap::new(), None);
    let larger = warnings
        .iter()
        .filter(|said| said.contains("is larger than"));
    let larger: Vec<&String> = larger.collect();
    // Two tasks, the batch of 256 alone; arms share the warning.
    assert_eq!(larger.len(), 2, "{warnings:#?}");
    assert!(
        larger[0].contains("batch 256 is larger than the 100 samples"),
        "{larger:?}"
    );
}

#[test]
fn a_rate_at_its_border_in_an_earlier_run_is_said_of_cells_that_are_planned() {
    let (plan, measured) = planned(&[], 10_000);
    let frozen = |arm: &str| FrozenCell {
        cell: Cell {
            task: plan.sweep.tasks[0].name.clone(),
            arm: arm.into(),
            batch_size: 64,
        },
        metric: "hr@10".into(),
        setting: Some(1),
        tuned: BTreeMap::from([("learning_rate".to_owned(), 0.01.into())]),
        at_border: vec!["learning_rate".into()],
        reason: String::new(),
        tried: Vec::new(),
    };
    let earlier = Frozen {
        cells: vec![frozen("adam"), frozen("unknown")],
    };
    let warnings = warned(&plan, &measured, Some(&earlier));
    let border = warnings
        .iter()
        .filter(|said| said.contains("at the border"));
    let border: Vec<&String> = border.collect();
    assert_eq!(border.len(), 1, "{warnings:#?}");
    assert!(border[0].contains("learning_rate = 0.01"), "{border:?}");
    assert!(border[0].contains("adam · batch 64"), "{border:?}");
}

#[test]
fn rungs_that_end_at_one_evaluation_are_said() {
    let rungs = "seed = 0\nrungs = { eta = 2, first = 0.9 }";
    let (plan, measured) = planned(&[("[tuning]", &format!("[tuning]\n{rungs}"))], 10_000);
    let said = warned(&plan, &measured, None).join("\n");
    assert!(
        said.contains("both end at the evaluation after 3 epochs"),
        "{said}"
    );
}

#[test]
fn arms_that_do_little_of_what_they_are_called_are_said() {
    let said = |arm: &str| {
        let (plan, measured) = planned(&[("[arms.adam]", arm)], 10_000);
        warned(&plan, &measured, None).join("\n")
    };
    let adam = "[arms.adam]";
    assert!(!said(adam).contains("arm `"), "{}", said(adam));
    let of = |settings: &str, rates: &str| {
        said(&format!(
            "[arms.other]\n{settings}\n[arms.other.grid]\nlearning_rate = {rates}\n{adam}"
        ))
    };
    let usual = "[0.1, 0.2]";
    for (settings, rates, expected) in [
        (
            "rule = \"schedule_free\"\ndecay = \"cosine\"",
            usual,
            "a falling learning rate, whose place its average takes",
        ),
        (
            "rule = \"adam\"\nconstraint = \"hyperball\"",
            "[0.1, 100.0]",
            "1 of 2 settings have a learning rate of 1 or more under hyperball",
        ),
        (
            "rule = \"adam\"\nconstraint = \"rotational\"\nweight_decay = 1e6",
            usual,
            "by more than a radian a step",
        ),
        (
            "rule = \"adam\"\ndecay = \"plateau\"",
            usual,
            "which waits for more evaluations than a trial has; lower plateau_patience",
        ),
        (
            "rule = \"adam\"\ndecay = \"warm-restarts\"\nrestart_after = 1.0",
            usual,
            "never restart",
        ),
        (
            "rule = \"adam\"\ndecay = \"warm-restarts\"\nrestart_after = 0.4",
            usual,
            "end high within a wave of warm-restarts",
        ),
        (
            "rule = \"adam\"\nlawn = true\nfree_fraction = 0.3\nfreeze_when = { train_loss = 0.4 }",
            usual,
            "never look at freeze_when: no evaluation comes before the free phase is over",
        ),
        (
            "rule = \"adam\"\nlawn = true\nfree_fraction = 0.9\nfreeze_when = { plateau = 2 }",
            usual,
            "never come to the plateau of freeze_when",
        ),
        (
            "rule = \"adam\"\nlawn = true\nfree_fraction = 0.5\nfreeze_when = { logit_growth = 1.5 }",
            usual,
            "no second comes before the free phase is over",
        ),
        (
            "rule = \"adam\"\nlawn = true\nfree_fraction = 0.9\nfreeze_when = { logit_growth = 1.0 }",
            usual,
            "freeze at their first evaluation, whatever it measures",
        ),
        (
            "rule = \"adam\"\nlawn = true\nfree_fraction = 0.9\nfreeze_when = { gradient_norm_ratio = 2.0 }",
            usual,
            "freeze at their first evaluation, whatever it measures",
        ),
        (
            "rule = \"adam\"\nrate_batch_size = 256",
            usual,
            "its learning rate is of batch size 256, and it is trained at 64 (0.500 times it)",
        ),
        (
            "rule = \"adam\"\nlawn = true\nfree_fraction = 0.99",
            usual,
            "less than a twentieth of the steps",
        ),
        (
            "rule = \"lamb\"\nform = \"apex\"",
            usual,
            "adapt nothing: only what is decayed has a trust ratio here",
        ),
        (
            "rule = \"lars\"\nadaptation = \"when-decayed\"",
            usual,
            "adapt nothing: only what is decayed has a trust ratio here",
        ),
        (
            "rule = \"adam\"\nconstraint = \"cpr\"\nbound_factor = 1.0\nmultiplier_rate = 0",
            usual,
            "2 of 2 settings hold nothing by cpr",
        ),
        (
            "rule = \"lamb\"\nconstraint = \"hyperball\"\ntrust_max = 1.0",
            usual,
            "bound by trust_max no step of what is held",
        ),
        (
            "rule = \"schedule_free\"\ndecay = \"constant\"\nconstraint = \"cpr\"\nbound_factor = 1.0",
            usual,
            "is measured as it is trained, without its average",
        ),
    ] {
        let said = of(settings, rates);
        assert!(
            said.contains("arm `other`: ") && said.contains(expected),
            "{said}"
        );
    }
}

/// Once for all arms, and of no other.
#[test]
fn an_average_that_is_not_of_what_is_held_is_said_once() {
    let arm = |name: &str, more: &str| {
        format!(
            "[arms.{name}]\nrule = \"schedule_free\"\ndecay = \"constant\"\n{more}\n\
             [arms.{name}.grid]\nlearning_rate = [0.1, 0.2]\n"
        )
    };
    let said = |arms: &str| {
        let (plan, measured) = planned(&[("[arms.adam]", &format!("{arms}[arms.adam]"))], 100);
        let mut all = warned(&plan, &measured, None);
        all.retain(|one| one.contains("average"));
        all
    };
    let free = arm("free", "");
    assert_eq!(said(&free), [""; 0]);
    let ball = arm("ball", "constraint = \"hyperball\"");
    let lawn = arm("lawn", "lawn = true\nfree_fraction = 0.5");
    assert_eq!(
        said(&format!("{free}{ball}{lawn}")),
        [
            "arms `ball`, `lawn`: what schedule_free trains under a norm constraint is measured as it \
             is trained, without its average; all else has it"
        ]
    );
}

/// With the steps that there are, and how many would do, once an arm.
#[test]
fn schedules_finer_than_a_step_are_said() {
    // Two tasks of 100 samples: 6 steps in batches of 64, 3 in batches of 256.
    let said = |settings: &str, samples: u64| {
        let arm = format!(
            "[arms.other]\nrule = \"adam\"\nwarmup = 0.0\ndecay = \"constant\"\n{settings}\n\
             [arms.other.grid]\nlearning_rate = [0.1, 0.2]\n[arms.adam]"
        );
        let settings = settings
            .lines()
            .map(|line| line.split(" =").next().unwrap_or(""));
        let arm = settings.fold(arm, |arm, key| {
            // What is given takes the place of what is not to fall or to rise.
            match key {
                "warmup" => arm.replace("warmup = 0.0\n", ""),
                "decay" => arm.replace("decay = \"constant\"\n", ""),
                _ => arm,
            }
        });
        let (plan, measured) = planned(&[("[arms.adam]", &arm)], samples);
        let before = before_a_sweep(&plan, &epochs(&measured));
        let own = before
            .into_iter()
            .filter(|said| said.contains("arm `other`"));
        own.collect::<Vec<String>>()
    };
    let one = |settings: &str, expected: &str| {
        let found = said(settings, 100);
        let fit = found.iter().filter(|said| said.contains(expected)).count();
        assert_eq!(fit, 1, "{settings}: {expected:?} is not once in {found:#?}");
        let enough = said(settings, 100_000);
        assert!(
            !enough.iter().any(|said| said.contains("would be enough")),
            "{settings}: {enough:#?}"
        );
    };
    one(
        "warmup = 0.2",
        "arm `other`: 2 of 2 settings have a warmup of less than a step; a trial has 3 steps at batch \
         256, and 5 would be enough",
    );
    one(
        "warmup = 0.1",
        "a trial has 6 steps at batch 64, 3 steps at batch 256, and 10 would be enough",
    );
    one(
        "warmup = 0.9\ndecay = \"linear\"",
        "leave less than a step between the end of warmup and decay_until",
    );
    one(
        "decay = \"multi-step\"\nmilestones = [0.5, 0.6]",
        "have milestones that fall on one step, or on none of a trial: each comes a step or more after \
         the one before, after the warmup and before the end; a trial has 3 steps at batch 256, and 10 \
         would be enough",
    );
    one(
        "decay = \"multi-step\"\nmilestones = [0.99]",
        "a trial has 6 steps at batch 64, 3 steps at batch 256, and 100 would be enough",
    );
    one(
        "decay = \"warm-restarts\"\nrestart_after = 0.25",
        "have a restart_after of a step or less: a wave of one step has no fall, and is all peak; a \
         trial has 3 steps at batch 256, and 5 would be enough",
    );
    one(
        "lawn = true\nfree_fraction = 0.25",
        "have a free phase of less than a step; a trial has 3 steps at batch 256, and 4 would be enough",
    );
    one(
        "lawn = true\nfree_epochs = 0.3",
        "have a free phase of less than a step; a trial has 6 steps at batch 64, 3 steps at batch 256, \
         and 10 would be enough",
    );
    one(
        "lawn = true\nfree_fraction = 0.9",
        "have a free phase that comes to all steps: it is cut by one, and the last step alone is constrained",
    );
    // What is a step or more is not said.
    for settings in [
        "warmup = 0.34",
        "decay = \"multi-step\"\nmilestones = [0.34, 0.67]",
        "decay = \"warm-restarts\"\nrestart_after = 0.5",
        "lawn = true\nfree_fraction = 0.5",
    ] {
        let found = said(settings, 100);
        assert!(
            !found.iter().any(|said| said.contains("would be enough")),
            "{settings}: {found:#?}"
        );
    }
}

#[test]
fn values_that_no_training_survives_are_said_and_bold_ones_are_not() {
    let said = |settings: &str, rates: &str, samples: u64| {
        let arm = format!(
            "[arms.other]\n{settings}\n[arms.other.grid]\nlearning_rate = {rates}\n[arms.adam]"
        );
        let (plan, measured) = planned(&[("[arms.adam]", &arm)], samples);
        let before = before_a_sweep(&plan, &epochs(&measured));
        let own = before
            .into_iter()
            .filter(|said| said.contains("arm `other`"));
        own.collect::<Vec<String>>().join("\n")
    };
    let decay = "2 of 2 settings take all of a weight or more in one step";
    let rate = "1 of 2 settings have a learning rate beyond all sense";
    let memory = "2 of 2 settings remember gradients for over a hundred times";
    for (settings, rates, expected) in [
        ("rule = \"adamw\"\nweight_decay = 1000", "[0.1, 0.2]", decay),
        ("rule = \"sgd\"\nweight_decay = 20", "[0.1, 0.2]", decay),
        ("rule = \"adam\"", "[0.1, 1e30]", rate),
        ("rule = \"sgd\"", "[0.1, 1e30]", rate),
        ("rule = \"lamb\"", "[0.1, 1e4]", rate),
        ("rule = \"adam\"\nbeta1 = 0.99999", "[0.1, 0.2]", memory),
        (
            "rule = \"sgd\"\none_minus_momentum = 1e-5",
            "[0.1, 0.2]",
            memory,
        ),
    ] {
        let found = said(settings, rates, 1000);
        assert!(found.contains(expected), "{settings}: {found}");
    }
    for (settings, rates) in [
        // The rate follows the batch size: it is twice as large at most.
        ("rule = \"adamw\"\nweight_decay = 2", "[0.1, 0.2]"),
        ("rule = \"lamb\"\nweight_decay = 100", "[0.1, 0.2]"),
        ("rule = \"adam\"\nweight_decay = 1000", "[0.1, 0.2]"),
        ("rule = \"sgd\"", "[0.1, 1e4]"),
        ("rule = \"lars\"", "[0.1, 1e4]"),
        ("rule = \"adam\"\nbeta2 = 0.99999", "[0.1, 0.2]"),
        ("rule = \"adam\"\nbeta1 = 0.999", "[0.1, 0.2]"),
        ("rule = \"lion\"\nbeta1 = 0.99999", "[0.1, 0.2]"),
    ] {
        let found = said(settings, rates, 1000);
        for part in [
            "take all of a weight",
            "beyond all sense",
            "remember gradients",
        ] {
            assert!(!found.contains(part), "{settings}: {found}");
        }
    }
}

/// What does come about is not said, nor a wave that ends with the steps, after a warm-up too.
#[test]
fn what_comes_in_time_is_not_said() {
    for settings in [
        "rule = \"adam\"\ndecay = \"warm-restarts\"\nrestart_after = 0.45",
        "rule = \"adam\"\ndecay = \"warm-restarts\"\nrestart_after = 0.3\nrestart_growth = 2",
        "rule = \"adam\"\nlawn = true\nfree_fraction = 0.5\nfreeze_when = { train_loss = 0.4 }",
        "rule = \"adam\"\nlawn = true\nfree_fraction = 0.9\nfreeze_when = { plateau = 1 }",
        "rule = \"adam\"\nlawn = true\nfree_fraction = 0.9\nfreeze_when = { logit_growth = 1.1 }",
    ] {
        let arm = format!(
            "[arms.other]\n{settings}\n[arms.other.grid]\nlearning_rate = [0.1, 0.2]\n[arms.adam]"
        );
        let (plan, measured) = planned(&[("[arms.adam]", &arm)], 10_000);
        let said = warned(&plan, &measured, None).join("\n");
        assert!(!said.contains("arm `other`"), "{settings}: {said}");
    }
}

/// By what their settings come to, whatever they are called; what is not the same is not said.
#[test]
fn arms_that_are_the_same_trainings_are_said() {
    let said = |arms: &str| {
        let (plan, measured) = planned(&[("[arms.adam]", &format!("{arms}\n[arms.adam]"))], 10_000);
        // In a sweep, too, which has measured nothing.
        let before = before_a_sweep(&plan, &epochs(&measured));
        let same = |said: &&String| said.contains("are the same trainings");
        let said = warned(&plan, &measured, None).join("\n");
        assert_eq!(
            before.iter().filter(same).count(),
            said.matches("are the same trainings").count()
        );
        said
    };
    let of = |name: &str, settings: &str, rates: &str| {
        format!("[arms.{name}]\n{settings}\n[arms.{name}.grid]\nlearning_rate = {rates}\n")
    };
    let usual = "[3e-3, 1e-2]";
    for (settings, rates) in [
        ("rule = \"adamw\"", usual),
        ("rule = \"adamw\"\nweight_decay = 0", "[1e-2, 3e-3]"),
        ("rule = \"adam\"\nbeta1 = 0.9\nend_factor = 0", usual),
        ("rule = \"lamb\"\nform = \"apex\"\nepsilon = 1e-8", usual),
    ] {
        let found = said(&of("other", settings, rates));
        assert!(
            found.contains("arms `adam`, `other` are the same trainings under 2 names")
                || found.contains("arms `other`, `adam` are the same trainings under 2 names"),
            "{settings}: {found}"
        );
    }
    for (settings, rates) in [
        ("rule = \"adamw\"\nweight_decay = 0.1", usual),
        ("rule = \"adam\"", "[3e-3, 3e-2]"),
        ("rule = \"lazy_adam\"", usual),
        ("rule = \"adam\"\nlawn = true\nfree_epochs = 2", usual),
    ] {
        let found = said(&of("other", settings, rates));
        assert!(!found.contains("the same trainings"), "{settings}: {found}");
    }
    let lawn = "rule = \"adam\"\nlawn = true\nfree_fraction = 0.33333333333333333";
    let arms = of("third", lawn, usual) + &of("adamw", "rule = \"adamw\"", usual);
    let found = said(&arms);
    assert_eq!(
        found.matches("are the same trainings").count(),
        2,
        "{found}"
    );
}
