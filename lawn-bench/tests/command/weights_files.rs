//! Weights that a trial begins with are files that it reads.

use crate::common::place::{Place, refuses};
use crate::common::{lawn, said};
use lawn_bench::plan::Plan;
use lawn_bench::run::run_dir::RunDir;

/// A sweep of one trial, a confirmation, of the task with these keys.
fn sweep(batch_size: u64, task: &str) -> String {
    format!(
        "name = \"weights\"\nbatch_sizes = [{batch_size}]\nbudget.epochs = 1\n\
         confirmation.seeds = [1]\narms.sgd = {{ rule = \"sgd\", learning_rate = 0.1 }}\n\
         [tasks.one]\n{task}\n"
    )
}

/// Pictures, with this key more.
fn pictures(init_from: &str) -> String {
    let task = "kind = \"image\"\ndepth = 8\nwidth = 4\n\
                generated = { classes = 2, side = 8, train = 40, test = 8 }";
    sweep(8, &format!("{task}\n{init_from}"))
}

/// Feedback, with these keys more.
fn feedback(model: &str) -> String {
    let task = "kind = \"ncf\"\ngenerated = { users = 40, items = 150, interactions = 12 }";
    // Each with the sizes that it has.
    let sizes = match model.lines().next() {
        Some("model = \"gmf\"" | "model = \"mf\"") => "factors = 4",
        Some("model = \"mlp\"") => "layers = [8, 4]",
        _ => "factors = 4\nlayers = [8, 4]",
    };
    sweep(64, &format!("{task}\n{sizes}\n{model}"))
}

/// What its only trial is known by.
fn id(run: &RunDir) -> String {
    Plan::read(run).expect("it is planned").trials[0].id.clone()
}

/// What no trial could learn from is known before one begins.
#[test]
fn weights_that_are_not_finite_are_refused_when_a_sweep_is_planned() {
    let place = Place::new();
    let first = place.plan_of("first", &pictures(""));
    let bytes = std::fs::read(place.weights(&first)).expect("weights are kept");
    // As another program would write it: without checksums.
    let (length, rest) = bytes.split_first_chunk().expect("it is safetensors");
    let (header, numbers) = rest.split_at(u64::from_le_bytes(*length) as usize);
    let mut header: serde_json::Value = serde_json::from_slice(header).expect("it is JSON");
    header
        .as_object_mut()
        .expect("a table")
        .remove("__metadata__");
    let header = header.to_string();
    let length = (header.len() as u64).to_le_bytes();
    let mut bytes = [&length, header.as_bytes(), numbers].concat();
    // The last number of the file.
    let end = bytes.len();
    bytes[end - 4..].copy_from_slice(&f32::NAN.to_le_bytes());
    std::fs::write(place.data().join("start.safetensors"), bytes).expect("there is room");
    let file = place.folder.path().join("next.toml");
    std::fs::write(&file, pictures("init_from = \"start.safetensors\"")).expect("there is room");
    for verb in ["plan", "sweep"] {
        let mut command = lawn();
        command
            .arg(verb)
            .arg(&file)
            .arg("--data-root")
            .arg(place.data());
        command.current_dir(place.folder.path());
        let output = command.output().expect("lawn starts");
        refuses(&output, "not finite");
        assert!(
            said(&output).contains("start.safetensors: values of `"),
            "{}",
            said(&output)
        );
    }
    assert!(!place.folder.path().join("runs").exists());
}

/// Weights that a trial begins with are files that it reads, though its data be generated.
#[test]
fn a_trial_goes_on_from_the_weights_that_another_left_and_from_no_others() {
    let place = Place::new();
    let first = place.plan_of("first", &pictures(""));
    let start = place.data().join("start.safetensors");
    std::fs::copy(place.weights(&first), &start).expect("it keeps its weights");

    let text = pictures("init_from = \"start.safetensors\"");
    let next = place.plan_of("next", &text);
    assert_ne!(id(&first), id(&next));
    let output = place.trial(&next, 0, &[]);
    assert!(output.status.success(), "{}", said(&output));

    place.change("start.safetensors");
    let other = place.plan_of("other", &text);
    assert_ne!(id(&other), id(&next), "its content is part of the trial");
    refuses(&place.trial(&next, 0, &[]), "`start.safetensors`");
    // A file with a byte too many is none.
    let output = place.trial(&other, 0, &[]);
    assert_eq!(output.status.code(), Some(3), "{}", said(&output));
}

/// Whatever the kind, weights of another net are known before a trial begins, by the key that names
/// them.
#[test]
fn weights_of_another_net_are_refused_by_name_when_a_sweep_is_planned() {
    let place = Place::new();
    let clicks = |width: u32, init_from: &str| {
        let task = format!(
            "kind = \"ctr\"\ngenerated = {{ rows = 500, columns = 2, vocabulary = 8 }}\n\
             model = {{ name = \"dcn_v2\", width = {width}, layers = [4] }}"
        );
        sweep(64, &format!("{task}\n{init_from}"))
    };
    let begun = "init_from = \"start.safetensors\"";
    for (kind, first, other) in [
        (
            "ncf",
            feedback("model = \"gmf\""),
            feedback(&format!("model = \"mf\"\n{begun}")),
        ),
        ("ctr", clicks(4, ""), clicks(6, begun)),
    ] {
        let first = place.plan_of(kind, &first);
        let start = place.data().join("start.safetensors");
        std::fs::copy(place.weights(&first), &start).expect("it keeps its weights");
        let file = place.folder.path().join("next.toml");
        std::fs::write(&file, other).expect("there is room");
        let plan = || {
            let mut command = lawn();
            command.arg("plan").arg(&file).arg("--data-root");
            command.arg(place.data()).current_dir(place.folder.path());
            command.output().expect("lawn starts")
        };
        let output = plan();
        refuses(&output, "start.safetensors do not fit the model");
        assert!(said(&output).contains(begun), "{}", said(&output));
        std::fs::remove_file(&start).expect("it was there");
        refuses(&plan(), "start.safetensors");
    }
}

/// The same of weights that only parts of the net begin with.
#[test]
fn a_trial_begins_with_the_parts_that_it_was_planned_with() {
    let place = Place::new();
    for part in ["gmf", "mlp"] {
        let run = place.plan_of(part, &feedback(&format!("model = \"{part}\"")));
        let kept = place.data().join(part);
        std::fs::copy(place.weights(&run), kept).expect("it keeps its weights");
    }
    let text = feedback("model = \"neumf\"\npretrained = { gmf = \"gmf\", mlp = \"mlp\" }");
    let joined = place.plan_of("joined", &text);
    let output = place.trial(&joined, 0, &[]);
    assert!(output.status.success(), "{}", said(&output));
    place.change("mlp");
    let other = place.plan_of("other", &text);
    assert_ne!(id(&other), id(&joined), "its content is part of the trial");
    refuses(
        &place.trial(&joined, 0, &[]),
        "other files of `gmf` or `mlp`",
    );
}
