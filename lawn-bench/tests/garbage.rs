//! Whatever a sweep file or a plan holds, reading it ends in a value or in an error.

use lawn_bench::config::{SweepFile, parse};
use lawn_bench::plan::Plan;
use lawn_bench::run_dir::RunDir;
use proptest::prelude::*;

const SWEEPS: [&str; 2] = [
    include_str!("sweeps/halving.toml"),
    include_str!("sweeps/tiny.toml"),
];

/// What a mutation puts in: what the grammar, numbers and names are sensitive to.
const PIECES: [&str; 28] = [
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
    "\u{0}",
    "é",
    "\u{1f980}",
    "[arms.adam]",
    "at = {}",
    "choice = []",
    "\"\"\"",
    "1979-05-27",
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

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn a_sweep_file_is_read_or_refused(which in 0..2_usize, edits in edits()) {
        let text = mutated(SWEEPS[which], &edits);
        if let Err(error) = parse("mutated.toml", &text) {
            prop_assert!(error.line >= 1 && error.column >= 1);
            prop_assert!(!error.to_string().is_empty());
        }
    }

    #[test]
    fn what_is_set_is_laid_over_or_refused(
        key in "[a-z_.\"=\\[\\]{} -]{0,24}",
        value in "[-0-9a-z.\"\\[\\]{}=, \\n\\t#é]{0,16}",
    ) {
        let file = SweepFile {
            origin: "set.toml".into(),
            text: SWEEPS[0].into(),
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
    fn a_plan_is_read_or_refused(edits in edits()) {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let run = RunDir::new(folder.path());
        let sweep = parse("tiny.toml", SWEEPS[1]).expect("the tiny sweep is right");
        let plan = Plan::new(sweep, Default::default());
        plan.write(&run, "tiny.toml".as_ref(), SWEEPS[1]).expect("it can be written");
        let text = std::fs::read_to_string(run.plan()).expect("it is text");
        // Without its checksum, which would refuse every mutation alike.
        let text = text.replace("\"schema\": 2", "\"schema\": 1");
        let end = text.find(",\n  \"checksum\"").unwrap_or(text.len());
        let text = mutated(&(text[..end].to_owned() + "\n}\n"), &edits);
        std::fs::write(run.plan(), text).expect("it can be written");
        if let Ok(plan) = Plan::read(&run) {
            // What is read can be worked with.
            for index in 0..plan.trials.len() {
                let _ = plan.resolve(index, &Default::default());
            }
            let _ = (plan.rounds(), plan.cells());
        }
    }
}
