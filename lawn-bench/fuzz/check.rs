//! What holds of the readers of sweep files and of a run's files whatever the bytes: for the
//! fuzzers, and for the bounded run in `tests/command/garbage.rs`.
//!
//! Files of a run have checksums, which would refuse every change alike. So each is read twice:
//! as it is, and with the checksum that fits.

use std::fs;
use std::path::Path;
use std::sync::OnceLock;

use lawn_bench::Error;
use lawn_bench::config::{SweepFile, parse};
use lawn_bench::plan::choices::{Choices, Frozen, Promoted};
use lawn_bench::plan::{Excerpt, Plan};
use lawn_bench::run::run_dir::RunDir;

/// A sweep file; keys taken out of it, one a line after a line of `--unset`; and values set over
/// it, one a line after a line of `--set`.
pub(crate) fn config(text: &str) {
    let (text, sets) = text.split_once("\n--set\n").unwrap_or((text, ""));
    let (text, unsets) = text.split_once("\n--unset\n").unwrap_or((text, ""));
    let file = SweepFile {
        origin: "fuzzed.toml".into(),
        text: text.into(),
        unsets: unsets.lines().map(str::to_owned).collect(),
        sets: sets.lines().map(str::to_owned).collect(),
    };
    match file.sweep() {
        Err(error) => {
            assert!(error.line >= 1 && error.column >= 1, "{error}");
            let place = format!("{}:{}:{}", error.origin, error.line, error.column);
            assert!(error.to_string().contains(&place), "{place}: {error}");
            assert!(!error.message.is_empty());
        }
        Ok(sweep) => {
            let written = file.written().expect("it is a sweep");
            assert_eq!(parse("sweep.toml", &written).as_ref(), Ok(&sweep));
            let explained = file.explain().expect("it is a sweep");
            assert_eq!(
                parse("explained.toml", &explained),
                Ok(sweep),
                "{explained}"
            );
        }
    }
}

/// The run that files are read in.
fn run() -> RunDir {
    static FOLDER: OnceLock<tempfile::TempDir> = OnceLock::new();
    let folder = FOLDER.get_or_init(|| tempfile::tempdir().expect("there is room"));
    RunDir::new(folder.path())
}

/// An error says which file is wrong.
fn names(error: &Error, path: &Path) {
    let said = error.to_string();
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    assert!(said.contains(&*name), "{name} is not in: {said}");
}

/// The first digits of the hash that a checksum is.
fn digits(text: &[u8]) -> String {
    blake3::hash(text).to_hex()[..16].to_owned()
}

/// A document with the checksum that fits.
pub(crate) fn sealed(document: &[u8]) -> Vec<u8> {
    let text = document.strip_suffix(b"\n}\n").unwrap_or(document);
    let end = format!(",\n  \"checksum\": \"{}\"\n}}\n", digits(text));
    [text, end.as_bytes()].concat()
}

/// Lines of a log, each with the checksum that fits.
pub(crate) fn sealed_lines(log: &[u8]) -> Vec<u8> {
    let lines = log
        .split(|&byte| byte == b'\n')
        .filter(|line| !line.is_empty());
    let sealed = lines.flat_map(|line| {
        let text = line.strip_suffix(b"}").unwrap_or(line);
        let end = format!(",\"checksum\":\"{}\"}}\n", digits(text));
        [text, end.as_bytes()].concat()
    });
    sealed.collect()
}

/// `plan.json` and `trials.jsonl`, with the checksums that fit; the list of trials stays in the
/// plan where there is no second text, as in schema 2.
pub(crate) fn sealed_plan(head: &[u8], trials: Option<&[u8]>) -> Vec<u8> {
    let (Some(trials), Ok(text)) = (trials, std::str::from_utf8(head)) else {
        return sealed(head);
    };
    let key = "\"checksum\": \"";
    let digest = text.find(key).map(|at| at + key.len());
    let old = digest.and_then(|at| text.get(at..at + 16)).unwrap_or(key);
    sealed(text.replacen(old, &digits(trials), 1).as_bytes())
}

/// What parts the two files of a plan in one text.
const TRIALS: &str = "\n--trials\n";

/// A plan, its trials after a line of `--trials`; what is read can be worked with.
pub(crate) fn plan(bytes: &[u8]) {
    let run = run();
    let cut = bytes.windows(TRIALS.len());
    let cut = cut.enumerate().find(|(_, at)| *at == TRIALS.as_bytes());
    let (head, trials) = match cut {
        Some((at, _)) => (&bytes[..at], Some(&bytes[at + TRIALS.len()..])),
        None => (bytes, None),
    };
    match trials {
        Some(trials) => fs::write(run.planned_trials(), trials).expect("there is room"),
        None => drop(fs::remove_file(run.planned_trials())),
    }
    for bytes in [head, &sealed_plan(head, trials)] {
        fs::write(run.plan(), bytes).expect("there is room");
        match Plan::read(&run) {
            Err(error) => {
                names_plan(&error, &run);
                excerpts_of_a_plan_that_is_refused(&run);
            }
            Ok(plan) => {
                for index in 0..plan.trials.len().min(1000) {
                    let _ = plan.resolve(index, &Choices::default());
                }
                let _ = (plan.rounds(), plan.cells());
                excerpts(&run, &plan);
            }
        }
    }
}

/// An error says which of the two files of a plan is wrong.
fn names_plan(error: &Error, run: &RunDir) {
    let said = error.to_string();
    let named = ["plan.json", "trials.jsonl"].iter();
    let named = named.filter(|name| said.contains(**name)).count();
    assert!(
        named > 0 && said.contains(&*run.root().to_string_lossy()),
        "{said}"
    );
}

/// A trial read without the others is that of the plan.
fn excerpts(run: &RunDir, plan: &Plan) {
    let (count, choices) = (plan.trials.len(), Choices::default());
    for index in [0, 1, count / 2, count.saturating_sub(1)] {
        let excerpt = Excerpt::read(run, index);
        let Some(trial) = plan.trials.get(index) else {
            excerpt.expect_err("the plan has no such trial");
            continue;
        };
        let excerpt = excerpt.unwrap_or_else(|error| panic!("trial {index}: {error}"));
        assert_eq!((&excerpt.trial, excerpt.sweep()), (trial, &plan.sweep));
        assert_eq!(excerpt.data(), &plan.data);
        let resolved = excerpt.resolve(&choices).ok();
        assert_eq!(resolved, plan.resolve(index, &choices).ok());
        if let Some((setting, _)) = resolved {
            let before = excerpt.earlier_rung(setting, &choices);
            assert!(before.is_none_or(|before| plan.trials[..index].contains(&before)));
        }
    }
    match Excerpt::read(run, count) {
        Err(error @ Error::NoTrial(_)) => {
            assert!(error.to_string().contains(&format!("no trial {count};")));
        }
        read => panic!("the plan has {count} trials: {read:?}"),
    }
}

/// What is wrong may be in another trial's line, which is not looked at.
fn excerpts_of_a_plan_that_is_refused(run: &RunDir) {
    for index in [0, 1, 7] {
        match Excerpt::read(run, index) {
            Ok(excerpt) => drop(excerpt.resolve(&Choices::default())),
            Err(Error::NoTrial(_)) => {}
            Err(error) => names_plan(&error, run),
        }
    }
}

/// The files that a trial and a choice leave.
pub(crate) fn trial(bytes: &[u8]) {
    let run = run();
    let trial = run.trial("fuzzed");
    fs::create_dir_all(trial.root()).expect("there is room");
    for bytes in [bytes, &sealed_lines(bytes)] {
        fs::write(trial.log(), bytes).expect("there is room");
        if let Err(error) = trial.read_log() {
            names(&error, &trial.log());
        }
    }
    for bytes in [bytes, &sealed(bytes)] {
        fs::write(trial.outcome(), bytes).expect("there is room");
        if let Err(error) = trial.read_outcome() {
            names(&error, &trial.outcome());
        }
        fs::write(run.frozen(), bytes).expect("there is room");
        if let Err(error) = Frozen::read(&run) {
            names(&error, &run.frozen());
        }
        fs::write(run.promoted(1), bytes).expect("there is room");
        if let Err(error) = Promoted::read(&run, 1) {
            names(&error, &run.promoted(1));
        }
    }
}
