//! What the outline of a plan says of times, sizes and machines.

use super::*;

#[test]
fn times_and_sizes_are_in_the_unit_that_fits() {
    assert_eq!(duration(4.24), "4.2s");
    assert_eq!(duration(750.0), "12m 30s");
    assert_eq!(duration(3900.0), "1h 05m");
    let sizes = [300 << 10, 300 << 20, 3 << 29].map(bytes);
    assert_eq!(sizes, ["300 KiB", "300 MiB", "1.5 GiB"]);
}

#[test]
fn the_room_of_weights_is_said_where_they_are_kept() {
    let plan = |resources: &str| {
        let text = format!(
            "name = \"w\"\nbatch_sizes = [64]\ntasks.one = {{ kind = \"ncf\" }}\n\
             budget.epochs = 2\narms.sgd = {{ rule = \"sgd\", learning_rate = 0.1 }}\n\
             confirmation.seeds = [1, 2, 3]\n{resources}"
        );
        let sweep = crate::config::parse("w.toml", &text);
        Plan::new(
            sweep.unwrap_or_else(|error| panic!("{error}")),
            BTreeMap::new(),
        )
    };
    // 1024 × 1024 numbers of four bytes, twice for each of three seeds.
    let measurement: Measurement = serde_json::from_value(serde_json::json!({
        "epoch_samples": 100, "step_seconds": 0.1, "evaluation_seconds": 0.1,
        "start_seconds": 0.1, "peak_bytes": 0,
        "treatments": [{
            "parameter": "w", "role": "weight", "shape": [1024, 1024],
            "constraint": "free", "units": 0, "free_units": 0,
            "decay": { "kind": "none" }, "learning_rate_scale": 1.0, "reason": "",
        }],
    }))
    .expect("a measurement");
    let said = |resources: &str| {
        let plan = plan(resources);
        let cell = plan.cells().remove(0);
        describe(
            &plan,
            &Epochs::new(),
            &BTreeMap::from([(cell, measurement.clone())]),
            &[],
        )
    };
    let kept = said("");
    assert!(
        kept.contains("confirmations leave about 24 MiB of weights"),
        "{kept}"
    );
    let without = said("resources.keep_weights = false\n");
    assert!(!without.contains("of weights"), "{without}");
}

#[test]
fn steps_and_samples_need_no_measurement() {
    let text = "name = \"w\"\nbatch_sizes = [64, 128]\ntasks.one = { kind = \"ncf\" }\n\
                budget.epochs = 2\narms.sgd = { rule = \"sgd\", learning_rate = 0.1 }\n\
                confirmation.seeds = [1, 2, 3]\n";
    let sweep = crate::config::parse("w.toml", text).expect("a sweep");
    let plan = Plan::new(sweep, BTreeMap::new());
    let epochs = Epochs::from([("one".to_owned(), 1000)]);
    let said = describe(&plan, &epochs, &BTreeMap::new(), &[]);
    let rows: Vec<Vec<&str>> = said
        .lines()
        .filter(|line| line.starts_with("one "))
        .map(|line| line.split_whitespace().collect())
        .collect();
    assert_eq!(
        rows[0][2..],
        ["64", "0", "3", "32", "2000", "-", "-", "-"],
        "{said}"
    );
    assert_eq!(
        rows[1][2..],
        ["128", "0", "3", "16", "2000", "-", "-", "-"],
        "{said}"
    );
}

#[test]
fn a_machine_that_others_use_is_said_and_which_times_are_told() {
    let text = "name = \"w\"\nbatch_sizes = [64]\ntasks.one = { kind = \"ncf\" }\n\
                budget.epochs = 2\narms.sgd = { rule = \"sgd\", learning_rate = 0.1 }\n\
                confirmation.seeds = [1, 2, 3]\n";
    let sweep = crate::config::parse("w.toml", text).expect("a sweep");
    let plan = Plan::new(sweep, BTreeMap::new());
    let said = |waited: f64| {
        let measurement: Measurement = serde_json::from_value(serde_json::json!({
            "epoch_samples": 100, "step_seconds": 0.1, "evaluation_seconds": 0.1,
            "start_seconds": 0.1, "peak_bytes": 0, "treatments": [], "waited": waited,
        }))
        .expect("a measurement");
        let cell = plan.cells().remove(0);
        describe(
            &plan,
            &Epochs::new(),
            &BTreeMap::from([(cell, measurement)]),
            &[],
        )
    };
    let loaded = said(0.6);
    for part in [
        "measured steps waited for 60 % of their time",
        "those of a quiet machine; beside that load it takes about 2.5 times as long",
    ] {
        assert!(loaded.contains(part), "{part} is not in {loaded}");
    }
    assert!(said(1.0).contains("more than 10 times as long"));
    assert!(!said(0.02).contains("other processes"));
}

#[test]
fn what_the_kernels_of_cuda_leave_out_is_said_where_trials_are_for_cuda() {
    let said = |device: &str, names: &[&str]| {
        let text = format!(
            "name = \"w\"\nbatch_sizes = [64]\ntasks.one = {{ kind = \"ncf\" }}\n\
             budget.epochs = 2\narms.sgd = {{ rule = \"sgd\", learning_rate = 0.1 }}\n\
             confirmation.seeds = [1, 2, 3]\nresources.device = \"{device}\"\n"
        );
        let sweep = crate::config::parse("w.toml", &text).expect("a sweep");
        let plan = Plan::new(sweep, BTreeMap::new());
        let measurement: Measurement = serde_json::from_value(serde_json::json!({
            "epoch_samples": 100, "step_seconds": 0.1, "evaluation_seconds": 0.1,
            "start_seconds": 0.1, "peak_bytes": 0, "treatments": [],
            "without_cuda_kernels": names,
        }))
        .expect("a measurement");
        let cell = plan.cells().remove(0);
        describe(
            &plan,
            &Epochs::new(),
            &BTreeMap::from([(cell, measurement)]),
            &[],
        )
    };
    let cuda = said("cuda", &["table", "head"]);
    assert!(
        cuda.contains("take the steps of table, head, one by one"),
        "{cuda}"
    );
    assert!(!said("cuda", &[]).contains("libtorch's operations"));
    assert!(!said("cpu", &["table"]).contains("libtorch's operations"));
}
