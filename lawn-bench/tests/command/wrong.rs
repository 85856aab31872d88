//! Wrong sweep files, one fault each: the error points at it and says what is allowed.

use crate::common::faults::{FAULTS, RIGHT, faulty, file};
use lawn_bench::config::SweepFile;

fn place(text: &str, needle: &str) -> (usize, usize) {
    let at = text.find(needle).expect("the needle is in the text");
    let line_start = text[..at].rfind('\n').map_or(0, |newline| newline + 1);
    (text[..at].matches('\n').count() + 1, at - line_start + 1)
}

#[test]
fn the_file_that_they_are_made_from_is_right() {
    let sweep = file(RIGHT.into(), &[]).sweep();
    let sweep = sweep.unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(sweep.rungs.len(), 3);
}

#[test]
fn every_fault_is_pointed_at_with_what_is_allowed() {
    let mut faults = String::new();
    for (from, to, needle, said) in FAULTS {
        assert!(RIGHT.contains(from), "{from:?} is not in the file");
        let text = RIGHT.replacen(from, to, 1);
        let found = match file(text.clone(), &[]).sweep() {
            Ok(_) => Some("nothing is found wrong\n".to_owned()),
            Err(error) => faulty(&error, place(&text, needle), said),
        };
        if let Some(found) = found {
            faults += &format!("{from:?} → {to:?}: {found}\n");
        }
    }
    assert!(faults.is_empty(), "{faults}");
}

#[test]
fn what_is_no_text_is_pointed_at() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("latin.toml");
    std::fs::write(&path, b"name = \"ok\"\nx = \"\xe4\"\n").expect("there is room");
    let error = SweepFile::read(&path, &[]).expect_err("it is no UTF-8");
    assert_eq!((error.line, error.column), (2, 6), "{error}");
    assert!(error.to_string().contains("latin.toml:2:6"), "{error}");
    let marked = format!("\u{feff}{RIGHT}");
    assert!(
        file(marked, &[]).sweep().is_ok(),
        "a byte order mark is no part of the text"
    );
}

#[test]
fn a_file_that_cannot_be_read_is_named_with_the_reason() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    for path in [folder.path().to_owned(), folder.path().join("missing.toml")] {
        let error = SweepFile::read(&path, &[]).expect_err("there is no file");
        let said = error.to_string();
        assert!(said.contains(&path.display().to_string()), "{said}");
        assert!(!said.contains("help"), "{said}");
    }
    let run = folder.path().join("run");
    std::fs::create_dir(&run).expect("there is room");
    std::fs::write(run.join("sweep.toml"), RIGHT).expect("there is room");
    let said = SweepFile::read(&run, &[]).expect_err("it is a directory");
    assert!(said.to_string().contains("run/sweep.toml"), "{said}");
}

#[test]
fn a_sweep_of_absurd_size_is_refused() {
    let text = RIGHT.replace("rungs = { eta = 3, first = 0.111 }\n", "");
    let seeds: Vec<String> = (10..400_000).map(|seed| seed.to_string()).collect();
    let many = text.replace("seeds = [1, 2]", &format!("seeds = [{}]", seeds.join(",")));
    let error = file(many, &[]).sweep().expect_err("nobody trains so many");
    assert!(
        error.message.contains("allowed: up to 1000000"),
        "{}",
        error.message
    );
    let values: Vec<String> = (1..400).map(|value| format!("0.{value:03}")).collect();
    let grid = format!(
        "[defaults.grid]\nbeta1 = [{0}]\nbeta2 = [{0}]\n",
        values.join(",")
    );
    let start = text.find("[defaults.tune]").expect("there are ranges");
    let end = text.find("[arms.adam]").expect("there are arms");
    let many = format!("{}{grid}{}", &text[..start], &text[end..]);
    let error = file(many, &[]).sweep().expect_err("nobody trains so many");
    let said = "the grid of arm `adam` has more than 65536 settings";
    assert_eq!(error.message, said);
}
