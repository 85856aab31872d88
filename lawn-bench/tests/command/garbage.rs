//! A bounded run of what the fuzzers do without bound: sweep files and files of a run that are
//! almost right are read or refused.

use crate::check;
use std::path::Path;

use lawn_bench::config::{SweepFile, parse};
use lawn_bench::plan::Plan;
use lawn_bench::run::run_dir::RunDir;
use proptest::prelude::*;

const SWEEPS: [&str; 2] = [
    include_str!("sweeps/halving.toml"),
    include_str!("sweeps/tiny.toml"),
];

/// What a mutation puts in: what the grammar, numbers and names are sensitive to.
const PIECES: [&str; 30] = [
    "",
    "\n",
    "[",
    "]",
    "{",
    "}",
    "=",
    ",",
    ".",
    "\"",
    "#",
    "-",
    "0",
    "1e999",
    "nan",
    "-inf",
    "18446744073709551615",
    "9223372036854775808",
    "1e-320",
    "true",
    "null",
    "\u{0}",
    "é",
    "\u{1f980}",
    "[arms.adam]",
    "at = {}",
    "choice = []",
    "\"\"\"",
    "1979-05-27",
    "\"schema\":3",
];

/// Cuts `text` at characters and puts pieces in.
fn mutated(text: &str, edits: &[(usize, usize, usize)]) -> String {
    let mut characters: Vec<char> = text.chars().collect();
    for &(at, cut, piece) in edits {
        let start = at % (characters.len() + 1);
        let end = (start + cut).min(characters.len());
        characters.splice(start..end, PIECES[piece % PIECES.len()].chars());
    }
    characters.into_iter().collect()
}

fn edits() -> impl Strategy<Value = Vec<(usize, usize, usize)>> {
    prop::collection::vec((0..4000_usize, 0..12_usize, 0..PIECES.len()), 1..4)
}

/// Files that trials and choices leave, without their checksums.
fn left_by_trials() -> Vec<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/seeds/trial");
    let entries = std::fs::read_dir(folder).expect("there are seeds");
    let mut paths: Vec<_> = entries
        .map(|entry| entry.expect("it is there").path())
        .collect();
    paths.sort();
    let texts = paths.iter().map(std::fs::read_to_string);
    texts.map(|text| text.expect("it is text")).collect()
}

/// A plan without its checksum, and its trials.
fn plan() -> [String; 2] {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let run = RunDir::new(folder.path());
    let sweep = parse("tiny.toml", SWEEPS[1]).expect("the tiny sweep is right");
    let plan = Plan::new(sweep, Default::default());
    let toml = Path::new("tiny.toml");
    plan.write(&run, toml, SWEEPS[1])
        .expect("it can be written");
    let texts = [run.plan(), run.planned_trials()].map(std::fs::read_to_string);
    let [text, trials] = texts.map(|text| text.expect("it is text"));
    let end = text.rfind(",\n  \"checksum\"").expect("it has a checksum");
    [text[..end].to_owned() + "\n}\n", trials]
}

/// A plan of schema 2, without its checksum.
const OF_SCHEMA_2: &str = include_str!("../../fuzz/seeds/plan/small.json");

#[test]
fn what_is_mutated_is_read_as_it_is() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let run = RunDir::new(folder.path());
    let [head, trials] = plan();
    let trials = trials.replace("\"seed\":", "\"seed\": ");
    let sealed = check::sealed_plan(head.as_bytes(), Some(trials.as_bytes()));
    std::fs::write(run.planned_trials(), trials).expect("there is room");
    let old = check::sealed_plan(OF_SCHEMA_2.as_bytes(), None);
    for (bytes, count) in [(sealed, 32), (old, 10)] {
        std::fs::write(run.plan(), bytes).expect("there is room");
        let read = Plan::read(&run).map(|plan| plan.trials.len());
        assert_eq!(read.ok(), Some(count));
    }
    let log = left_by_trials()
        .into_iter()
        .find(|text| !text.starts_with("{\n"));
    let log = log.expect("there is a log");
    let trial = run.trial("x");
    std::fs::create_dir_all(trial.root()).expect("there is room");
    std::fs::write(trial.log(), check::sealed_lines(log.as_bytes())).expect("there is room");
    let read = trial.read_log().unwrap_or_else(|error| panic!("{error}"));
    assert_eq!((read.notices.len(), read.records.len()), (1, 1));
}

proptest! {
    #![proptest_config(ProptestConfig {
        failure_persistence: None,
        ..ProptestConfig::with_cases(400)
    })]

    #[test]
    fn a_sweep_file_is_read_or_refused(which in 0..2_usize, edits in edits()) {
        check::config(&mutated(SWEEPS[which], &edits));
    }

    #[test]
    fn what_is_set_is_laid_over_or_refused(
        key in "[a-z_.\"=\\[\\]{} -]{0,24}",
        value in "[-0-9a-z.\"\\[\\]{}=, \\n\\t#é]{0,16}",
    ) {
        let file = SweepFile {
            origin: "set.toml".into(),
            text: SWEEPS[0].into(),
            unsets: Vec::new(),
            sets: vec![format!("{key}={value}"), "tuning.seed=5".into()],
        };
        if let Err(error) = file.sweep() {
            prop_assert!(!error.to_string().is_empty());
        } else {
            let text = file.written();
            prop_assert!(text.is_ok_and(|text| parse("sweep.toml", &text) == file.sweep()));
        }
    }

    #[test]
    fn what_is_unset_is_taken_out_or_refused(key in "[a-z_.\"={} #\n-]{0,12}|(budget|tuning|report|tasks|arms)(\\.[a-z_]{1,8}){0,2}") {
        let file = SweepFile {
            origin: "unset.toml".into(),
            text: SWEEPS[0].into(),
            unsets: vec![key],
            sets: Vec::new(),
        };
        if let Err(error) = file.sweep() {
            prop_assert!(error.to_string().contains("--unset"), "{error}");
        } else {
            let text = file.written();
            prop_assert!(text.is_ok_and(|text| parse("sweep.toml", &text) == file.sweep()));
        }
    }

    #[test]
    fn a_plan_is_read_or_refused(edits in edits(), which in 0..3_usize) {
        let [head, trials] = plan();
        let text = match which {
            0 => mutated(&head, &edits) + "\n--trials\n" + &trials,
            1 => head + "\n--trials\n" + &mutated(&trials, &edits),
            _ => mutated(OF_SCHEMA_2, &edits),
        };
        check::plan(text.as_bytes());
    }

    #[test]
    fn what_trials_leave_is_read_or_refused(which in 0..5_usize, edits in edits()) {
        let texts = left_by_trials();
        check::trial(mutated(&texts[which % texts.len()], &edits).as_bytes());
    }
}
