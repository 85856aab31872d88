//! Every kind of file of a run, older, newer, empty, cut and with a bit flipped: an error that
//! names it, or what was written.

#![allow(
    clippy::result_large_err,
    reason = "closures that read give the library's own error"
)]

use crate::check;
use std::collections::BTreeMap;
use std::path::PathBuf;

use lawn_analysis::records::Outcome;
use lawn_bench::Error;
use lawn_bench::config::parse;
use lawn_bench::plan::Plan;
use lawn_bench::plan::choices::{Frozen, Promoted};
use lawn_bench::run::ending::Ending;
use lawn_bench::run::provenance;
use lawn_bench::run::run_dir::RunDir;
use lawn_models::Stage;

const TINY: &str = include_str!("sweeps/tiny.toml");

/// A kind of file, and how it is read: to a text, as values have no order of their own.
struct Kind {
    path: PathBuf,
    read: fn(&RunDir) -> Result<String, Error>,
    /// Of its schemas the newest that is no longer understood, and the oldest that is and has
    /// what is written today; none where another file has its schema.
    schemas: Option<(u32, u32)>,
}

fn said(value: &impl std::fmt::Debug) -> String {
    format!("{value:?}")
}

/// A run with one file of each kind that is written as a whole.
fn run() -> (tempfile::TempDir, RunDir, Vec<Kind>) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let run = RunDir::new(folder.path());
    let sweep = parse("tiny.toml", TINY).expect("the tiny sweep is right");
    let plan = Plan::new(sweep, BTreeMap::new());
    plan.write(&run, "tiny.toml".as_ref(), TINY)
        .expect("there is room");
    provenance::record(&run, 2, &plan.sweep.resources).expect("there is room");
    let trial = run.trial("x");
    std::fs::create_dir_all(trial.root()).expect("there is room");
    let ending = Ending::failed(Outcome::Crashed, "ended by signal 9");
    trial.write_outcome(&ending).expect("there is room");
    let seeds = [
        (
            run.frozen(),
            include_str!("../../fuzz/seeds/trial/frozen.json"),
        ),
        (
            run.promoted(1),
            include_str!("../../fuzz/seeds/trial/promoted.json"),
        ),
    ];
    for (path, text) in seeds {
        std::fs::write(path, check::sealed(text.as_bytes())).expect("there is room");
    }
    let kinds = vec![
        Kind {
            path: run.plan(),
            read: |run| Plan::read(run).map(|plan| said(&plan)),
            // That of schema 2 has its trials within: `tests/command/tuning.rs` reads one.
            schemas: Some((1, 3)),
        },
        Kind {
            path: run.planned_trials(),
            read: |run| Plan::read(run).map(|plan| said(&plan)),
            schemas: None,
        },
        Kind {
            path: run.frozen(),
            read: |run| Frozen::read(run).map(|frozen| said(&frozen)),
            schemas: Some((1, 2)),
        },
        Kind {
            path: run.promoted(1),
            read: |run| Promoted::read(run, 1).map(|promoted| said(&promoted)),
            schemas: Some((0, 1)),
        },
        Kind {
            path: run.provenance(),
            read: |run| provenance::lines(run).map(|lines| said(&lines)),
            schemas: Some((0, 1)),
        },
        Kind {
            path: trial.outcome(),
            read: |run| run.trial("x").read_outcome().map(|ending| said(&ending)),
            schemas: Some((0, 1)),
        },
    ];
    (folder, run, kinds)
}

/// The document with another schema, and the checksum that fits.
fn of_schema(sound: &[u8], schema: u32) -> Vec<u8> {
    let text = std::str::from_utf8(sound).expect("it is text");
    let end = text.rfind(",\n  \"checksum\"").expect("it has a checksum");
    let rest = text[..end]
        .split_once(',')
        .expect("the schema comes first")
        .1;
    check::sealed(format!("{{\n  \"schema\": {schema},{rest}\n}}\n").as_bytes())
}

#[test]
fn other_schemas_are_refused_by_name_and_number() {
    let (_kept, run, kinds) = run();
    for kind in kinds {
        let Some((older, oldest)) = kind.schemas else {
            continue;
        };
        let name = kind.path.display().to_string();
        let sound = std::fs::read(&kind.path).expect("it is there");
        let whole = (kind.read)(&run).unwrap_or_else(|error| panic!("{error}"));
        let read = |schema| {
            std::fs::write(&kind.path, of_schema(&sound, schema)).expect("there is room");
            (kind.read)(&run)
        };
        let newer = read(99).expect_err("it is newer");
        assert!(matches!(newer, Error::Newer(_)), "{newer}");
        assert!(newer.to_string().contains("has schema 99"), "{newer}");
        let older = read(older).expect_err("it is older");
        assert!(matches!(older, Error::Older(_)), "{older}");
        for error in [newer, older] {
            assert!(error.to_string().contains(&name), "{error}");
        }
        assert_eq!(read(oldest).ok(), Some(whole), "{name}");
        std::fs::write(&kind.path, &sound).expect("there is room");
    }
}

#[test]
fn what_is_empty_cut_or_flipped_is_named_or_is_what_was_written() {
    let (_kept, run, kinds) = run();
    for kind in kinds {
        let name = kind.path.display().to_string();
        let sound = std::fs::read(&kind.path).expect("it is there");
        let whole = (kind.read)(&run).unwrap_or_else(|error| panic!("{error}"));
        let stride = 1 + sound.len() / 500;
        let cuts = (0..sound.len())
            .step_by(stride)
            .map(|end| sound[..end].to_vec());
        let flips = (0..sound.len()).step_by(stride).map(|at| {
            let mut bytes = sound.clone();
            bytes[at] ^= 1 << (at % 7);
            bytes
        });
        for bytes in cuts.chain(flips) {
            std::fs::write(&kind.path, bytes).expect("there is room");
            match (kind.read)(&run) {
                Ok(read) => assert_eq!(read, whole, "{name}"),
                Err(error) => assert!(error.to_string().contains(&name), "{error}"),
            }
        }
        std::fs::write(&kind.path, &sound).expect("there is room");
    }
}

#[test]
fn a_trial_that_cannot_read_what_all_trials_read_ends_the_sweep_and_is_no_outcome() {
    let (_folder, run, _) = run();
    let plan = Plan::read(&run).expect("it is whole");
    let confirmed = |trial: &lawn_bench::plan::Trial| trial.stage == Stage::Confirm;
    let index = plan
        .trials
        .iter()
        .position(confirmed)
        .expect("there is one");
    for (path, name) in [
        (run.frozen(), "frozen.json"),
        (run.plan(), "plan.json"),
        (run.planned_trials(), "trials.jsonl"),
    ] {
        let sound = std::fs::read(&path).expect("it is there");
        std::fs::write(&path, &sound[..sound.len() / 2]).expect("there is room");
        // The exit code that launchers take for a refusal.
        let said = refused_by("trial", &run, index);
        assert!(
            said.contains(&format!("{name} is damaged")) && said.contains("--out"),
            "{said}"
        );
        assert!(!run.trial(&plan.trials[index].id).root().exists());
        std::fs::write(&path, sound).expect("there is room");
    }
}

/// What a verb says of a run that it refuses, with the exit code of what the user gave.
fn refused_by(verb: &str, run: &RunDir, index: usize) -> String {
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_lawn"));
    command.arg(verb).arg(run.root());
    match verb {
        "trial" => drop(command.args(["--index", &index.to_string()])),
        "retry" => drop(command.args(["--outcome", "crashed"])),
        _ => {}
    }
    let output = command.output().expect("lawn starts");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(2), "{verb}: {said}");
    said
}

/// The verbs that read the plan of a run.
const VERBS: [&str; 5] = ["status", "report", "sweep", "retry", "trial"];

#[test]
fn all_verbs_refuse_a_damaged_plan_alike_and_say_what_to_do() {
    let (_folder, run, _) = run();
    for (path, name) in [
        (run.plan(), "plan.json"),
        (run.planned_trials(), "trials.jsonl"),
    ] {
        let sound = std::fs::read(&path).expect("it is there");
        std::fs::write(&path, &sound[..sound.len() / 2]).expect("there is room");
        for verb in VERBS {
            let said = refused_by(verb, &run, 0);
            for part in [
                &format!("{name} is damaged"),
                "a copy of the run has it",
                "--out",
            ] {
                assert!(said.contains(part), "{verb}: {part:?} is not in: {said}");
            }
        }
        std::fs::write(&path, sound).expect("there is room");
    }
}

#[test]
fn a_kind_that_is_not_known_is_named_with_those_that_are() {
    let (_folder, run, _) = run();
    let plan = std::fs::read_to_string(run.plan()).expect("it is text");
    let end = plan.rfind(",\n  \"checksum\"").expect("it has a checksum");
    let other = plan[..end].replacen("\"kind\": \"ncf\"", "\"kind\": \"speech\"", 1) + "\n}\n";
    assert!(other.contains("speech"));
    std::fs::write(run.plan(), check::sealed(other.as_bytes())).expect("there is room");
    for verb in VERBS {
        let said = refused_by(verb, &run, 0);
        let expected = format!(
            "plan.json: `speech` is not known to this lawn; allowed: {}",
            lawn_models::TaskConfig::KINDS.join(", ")
        );
        assert!(
            said.contains(&expected) && said.contains("kind of task `feedback` in "),
            "{verb}: {said}"
        );
        assert!(!said.contains("damaged"), "{verb}: {said}");
    }
    // Another word of a newer lawn is no damage either.
    let other = plan[..end].replacen("\"model\": \"neumf\"", "\"model\": \"other\"", 1) + "\n}\n";
    assert!(other.contains("\"other\""));
    std::fs::write(run.plan(), check::sealed(other.as_bytes())).expect("there is room");
    for verb in VERBS {
        let said = refused_by(verb, &run, 0);
        let is_told = said.contains("unknown variant `other`") && said.contains("wrote it");
        assert!(is_told && !said.contains("damaged"), "{verb}: {said}");
    }
}

#[test]
fn a_run_that_lost_its_plan_says_so_and_how_it_goes_on() {
    let (_folder, run, _) = run();
    let plan = std::fs::read(run.plan()).expect("it is there");
    std::fs::remove_file(run.plan()).expect("it is there");
    for verb in VERBS {
        let said = refused_by(verb, &run, 0);
        for part in [
            "has trials and no plan.json",
            "a copy of the run has it",
            "--out",
        ] {
            assert!(said.contains(part), "{verb}: {part:?} is not in: {said}");
        }
    }
    let lawn = |words: &[&std::ffi::OsStr]| {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_lawn"));
        let output = command.args(words).output().expect("lawn starts");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        (output.status.code(), said)
    };
    let sweep_toml = run.sweep_toml();
    let again = [
        "sweep".as_ref(),
        sweep_toml.as_os_str(),
        "--out".as_ref(),
        run.root().as_os_str(),
    ];
    let (code, said) = lawn(&[&again[..], &["--dry-run".as_ref()]].concat());
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains("has trials and no plan.json"), "{said}");
    // Where nothing was trained the same sweep file makes the same plan.
    for path in ["trials", "launchers"] {
        let _ = std::fs::remove_dir_all(run.root().join(path));
    }
    for path in [run.frozen(), run.promoted(1), run.provenance()] {
        std::fs::remove_file(path).expect("it is there");
    }
    // Beside the provenance, where this command was built from a tree with changes.
    for entry in std::fs::read_dir(run.root())
        .expect("it is there")
        .flatten()
    {
        if entry
            .file_name()
            .as_encoded_bytes()
            .starts_with(b"uncommitted-")
        {
            std::fs::remove_file(entry.path()).expect("it is there");
        }
    }
    let said = refused_by("status", &run, 0);
    let root = run.root().display();
    let command = format!("`lawn sweep {root}/sweep.toml --out {root}` plans it again");
    assert!(said.contains("has trials.jsonl and no plan.json"), "{said}");
    assert!(said.contains(&command), "{said}");
    let toml = run.sweep_toml();
    let again = Plan::new(
        parse("tiny.toml", TINY).expect("it is right"),
        BTreeMap::new(),
    );
    again.write(&run, &toml, TINY).expect("its place is free");
    assert_eq!(std::fs::read(run.plan()).expect("it is there"), plan);
}
