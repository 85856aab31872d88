use super::*;
use crate::run::provenance::Machine;

const SWEEP: &str = r#"
name = "keys"
batch_sizes = [64]
tasks.feedback = { kind = "ncf", model = "gmf", data = "ml" }
budget.epochs = 2
arms.adam = { rule = "adam", learning_rate = 0.1 }
confirmation.seeds = [1]
"#;

/// The key of the first cell of a sweep, `from` replaced by `to`, on data with this checksum.
fn key(from: &str, to: &str, checksum: &str) -> String {
    assert!(SWEEP.contains(from), "{from}");
    let sweep = crate::config::parse("keys.toml", &SWEEP.replace(from, to));
    let sweep = sweep.unwrap_or_else(|error| panic!("{error}"));
    let data = BTreeMap::from([("feedback".to_owned(), checksum.to_owned())]);
    let plan = Plan::new(sweep, data);
    let cell = plan.cells().remove(0);
    let sizes = Sizes::one(cell.batch_size);
    let probe = Probe::of(&plan, &[&cell], &sizes, Depth::Steps, None);
    let request = probe.expect("it has a trial");
    request.key(plan.data.get(&cell.task).map(String::as_str))
}

#[test]
fn a_measurement_is_kept_by_all_that_could_change_it() {
    let one = key("64", "64", "0f3c-91ab");
    assert_eq!(
        one,
        key("learning_rate = 0.1", "learning_rate = 0.2", "0f3c-91ab")
    );
    assert_eq!(one, key("seeds = [1]", "seeds = [2]", "0f3c-91ab"));
    // Another data set under the same name.
    assert_ne!(one, key("64", "64", "0f3c-77d0"));
    for (from, to) in [
        ("64", "128"),
        ("\"gmf\"", "\"neumf\""),
        (
            "learning_rate = 0.1",
            "learning_rate = 0.1, weight_decay = 0.1",
        ),
        (
            "learning_rate = 0.1",
            "learning_rate = 0.1, lawn = true, free_fraction = 0.5",
        ),
        ("confirmation", "resources.threads = 2\nconfirmation"),
    ] {
        assert_ne!(one, key(from, to, "0f3c-91ab"), "{to}");
    }
}

/// What steps in batches of one size came to.
fn probed(batch_size: u64, step_seconds: Option<f64>) -> Probed {
    Probed {
        of: 0,
        batch_size,
        epoch_samples: 100,
        start_seconds: 0.1,
        step_seconds,
        evaluation_seconds: None,
        peak_bytes: 1,
        treatments: Vec::new(),
        is_all: false,
        without_cuda_kernels: Vec::new(),
        waited: 0.0,
        waited_at_start: 0.0,
        diverged: None,
    }
}

#[test]
fn what_was_left_out_for_want_of_time_is_measured_where_there_is_more() {
    let sizes = Sizes {
        own: vec![64, 1024],
        ..Sizes::default()
    };
    let part = vec![probed(4, Some(0.1)), probed(64, Some(0.1))];
    assert!(!Depth::Steps.is_whole(&sizes, &part));
    // A batch size that no step was timed in is none that is known.
    let begun = [part.clone(), vec![probed(1024, None)]].concat();
    assert!(!Depth::Steps.is_whole(&sizes, &begun));
    let mut whole = [part.clone(), vec![probed(1024, Some(0.5))]].concat();
    assert!(Depth::Steps.is_whole(&sizes, &whole));
    assert!(!Depth::Evaluation.is_whole(&sizes, &whole));
    whole[0].evaluation_seconds = Some(0.1);
    assert!(Depth::Evaluation.is_whole(&sizes, &whole));
    let kept = |given| Kept {
        probed: part.clone(),
        given,
    };
    assert!(kept(None).serves(100.0));
    assert!(kept(Some(3.0)).serves(2.0) && kept(Some(3.0)).serves(3.1));
    assert!(!kept(Some(3.0)).serves(4.0));
}

#[test]
fn an_evaluation_that_a_dead_process_owes_is_not_said_to_be_long() {
    let sweep = crate::config::parse("keys.toml", SWEEP);
    let sweep = sweep.unwrap_or_else(|error| panic!("{error}"));
    let plan = Plan::new(sweep, BTreeMap::new());
    let cells = plan.cells();
    let of = group(&cells[0]);
    let said = |died: Option<&str>| {
        let survey = Survey {
            plan: &plan,
            data_root: None,
            deadline: Instant::now(),
            cache: Cache::default(),
            found: BTreeMap::from([(of.clone(), BTreeMap::from([(64, probed(64, Some(0.1)))]))]),
            failed: BTreeMap::new(),
            died: died
                .map(|reason| (of.clone(), reason.to_owned()))
                .into_iter()
                .collect(),
            has_device: true,
            said: |_: &str| {},
        };
        survey.result(&cells).1.join("\n")
    };
    assert_eq!(
        said(None),
        "an evaluation of task `feedback` takes longer than a plan may: its time is left out"
    );
    let dead = said(Some("signal: 9 (SIGKILL)"));
    assert!(
        dead.contains("measuring feedback · adam ended before it was through: signal: 9 (SIGKILL)"),
        "{dead}"
    );
    assert!(
        dead.contains("an evaluation of task `feedback` was not measured")
            && !dead.contains("longer"),
        "{dead}"
    );
}

#[test]
fn measurements_have_what_is_left_of_ten_seconds() {
    let of = |ago: f64| patience(Duration::from_secs_f64(ago)).as_secs_f64();
    assert_eq!([of(0.0), of(1.0), of(3.5)], [8.0, 8.0, 5.5]);
    // Beside a load reading the data may take it all, and a plan takes no longer than that.
    for tenths in 0..300 {
        let ago = f64::from(tenths) / 10.0;
        assert!(ago + of(ago) <= ago.max(9.0));
    }
    // Data that are converted first take minutes.
    assert_eq!(of(60.0), 8.0);
}

#[test]
fn cells_without_a_measurement_are_said_once_a_task_where_they_have_one_reason() {
    let text = SWEEP.replace("[64]", "[64, 1024]").replace(
        "confirmation",
        "arms.sgd = { rule = \"sgd\", learning_rate = 0.1 }\nconfirmation",
    );
    let sweep = crate::config::parse("keys.toml", &text);
    let sweep = sweep.unwrap_or_else(|error| panic!("{error}"));
    let plan = Plan::new(sweep, BTreeMap::new());
    let cells = plan.cells();
    let said = |found: BTreeMap<Group, BTreeMap<u64, Probed>>, failed: BTreeMap<Group, String>| {
        let survey = Survey {
            plan: &plan,
            data_root: None,
            deadline: Instant::now(),
            cache: Cache::default(),
            found,
            failed,
            died: BTreeMap::new(),
            has_device: true,
            said: |_: &str| {},
        };
        survey.result(&cells).1
    };
    let set_up = BTreeMap::from([(group(&cells[0]), BTreeMap::from([(4, probed(4, None))]))]);
    let long = said(set_up, BTreeMap::new());
    let line = "feedback could not be measured: a step takes too long for a plan";
    assert_eq!(
        long.iter().filter(|said| *said == line).count(),
        1,
        "{long:?}"
    );
    let mut diverged = probed(4, None);
    let how = "the gradient is not finite after 1 step at a learning rate of 1e30";
    diverged.diverged = Some(how.to_owned());
    assert!(has_diverged([&diverged]) && !has_diverged([&probed(4, None)]));
    let of = BTreeMap::from([(group(&cells[0]), BTreeMap::from([(4, diverged)]))]);
    let one = said(of, BTreeMap::new()).join("\n");
    let line = format!("feedback · adam could not be measured: {how}");
    assert!(
        one.contains(&line) && !one.contains("too long") && !one.contains("longer than"),
        "{one}"
    );
    // Another arm has not begun.
    let other = "feedback · sgd could not be measured: the time of a plan was up before it began";
    assert!(one.contains(other), "{one}");
    let never = said(BTreeMap::new(), BTreeMap::new());
    assert_eq!(
        never,
        ["feedback could not be measured: the time of a plan was up before it began"]
    );
    let failed = BTreeMap::from([(group(&cells[0]), "no room".to_owned())]);
    let one = said(BTreeMap::new(), failed).join("\n");
    assert!(
        one.contains("feedback · adam could not be measured: no room"),
        "{one}"
    );
    assert!(
        one.contains("feedback · sgd could not be measured: the time"),
        "{one}"
    );
}

#[test]
fn the_machine_is_known_though_shells_do_not_export_its_name() {
    let machine = Machine::this_one(None);
    assert!(!machine.host.is_empty() && machine.host != "unknown");
}
