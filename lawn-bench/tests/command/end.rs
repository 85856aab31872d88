//! What is called at the end of a sweep, the floors that arms are held against, and a report that
//! goes elsewhere.

use std::path::Path;
use std::process::{Command, Output};
use std::time::Instant;

use crate::common::{SMALL, folder, lawn, said, sweep};

fn text(path: &Path) -> &str {
    path.to_str().expect("it is text")
}

/// Sweeps `text` with the options `words`, and gives what the command of `--on-end` wrote.
fn called(text_of: &str, command: &str, words: &[&str]) -> (Output, String) {
    let (kept, run) = folder();
    let file = kept.path().join("small.toml");
    std::fs::write(&file, text_of).expect("it can be written");
    let told = kept.path().join("told.txt");
    let command = command.replace("TOLD", text(&told));
    let output = lawn()
        .args([
            "sweep",
            text(&file),
            "--out",
            text(&run),
            "--on-end",
            &command,
        ])
        .args(words)
        .output()
        .expect("lawn starts");
    let told = std::fs::read_to_string(&told).unwrap_or_default();
    (output, told.replace(text(&run), "RUN"))
}

const TELLS: &str = r#"echo "$LAWN_OUTCOME $LAWN_EXIT_CODE $LAWN_RUN $LAWN_SUMMARY" > TOLD; test -s "$LAWN_SUMMARY" && echo read >> TOLD; echo heard"#;

#[test]
fn a_command_is_told_how_the_sweep_ended() {
    let (output, told) = called(SMALL, TELLS, &["--json"]);
    assert!(output.status.success(), "{}", said(&output));
    assert_eq!(told, "finished 0 RUN RUN/report/summary.md\nread\n");
    // Standard output is the events' alone.
    let out = String::from_utf8_lossy(&output.stdout);
    assert!(!out.contains("heard") && said(&output).contains("heard"));

    // A sweep whose file is wrong has ended too.
    let (output, told) = called(&SMALL.replace("sgd", "sgdd"), TELLS, &[]);
    assert_eq!(output.status.code(), Some(2));
    assert_eq!(told, "error 2 RUN \n");
    // What one `lawn` tells the other is none of the command's environment.
    let (_, told) = called(SMALL, "env > TOLD", &["--dry-run"]);
    assert_eq!(told, "", "a dry run has no end");
    let (output, told) = called(SMALL, "env > TOLD", &[]);
    assert!(told.contains("LAWN_OUTCOME=finished"), "{}", said(&output));
    assert!(!told.contains("LAWN_FRONT"), "{told}");
    let diverging = SMALL.replace("learning_rate = 0.1", "learning_rate = 1e30");
    let (output, told) = called(&diverging, TELLS, &[]);
    assert_eq!(output.status.code(), Some(3), "{}", said(&output));
    assert!(told.starts_with("trials-failed 3 RUN"), "{told}");

    // What --only left is no whole sweep.
    let two = SMALL.replace(
        "[confirmation]",
        "[arms.other]\nrule = \"sgd\"\nlearning_rate = 0.2\n\n[confirmation]",
    );
    let tells = r#"echo "$LAWN_OUTCOME $LAWN_LEFT $LAWN_MESSAGE" > TOLD"#;
    let (_, told) = called(&two, tells, &["--only", "sgd"]);
    assert_eq!(
        told,
        "finished 2 every trial that --only asked for ended ok; 2 trials of the plan left to be run\n"
    );
}

#[test]
fn a_command_is_told_in_one_line_in_what_another_plan_differs() {
    let (kept, run) = folder();
    let (file, told) = (kept.path().join("small.toml"), kept.path().join("told.txt"));
    std::fs::write(&file, SMALL).expect("it can be written");
    let output = lawn()
        .args(["plan", text(&file), "--no-calibrate", "--out", text(&run)])
        .output()
        .expect("lawn starts");
    assert!(output.status.success(), "{}", said(&output));
    let command = format!("echo \"$LAWN_OUTCOME: $LAWN_MESSAGE\" > {}", text(&told));
    let output = lawn()
        .args(["sweep", text(&file), "--out", text(&run)])
        .args(["--on-end", &command])
        .args(["--set", "arms.sgd.learning_rate=0.2"])
        .args(["--set", "budget.epochs=3"])
        .output()
        .expect("lawn starts");
    assert_eq!(output.status.code(), Some(2), "{}", said(&output));
    let told = std::fs::read_to_string(&told).expect("it was called");
    assert_eq!(told.lines().count(), 1, "{told}");
    for part in [
        "error: ",
        " makes now: arms.sgd.learning_rate: 0.1 there, 0.2 now; budget.epochs: 2 there, 3 now; ",
        "give --out another folder",
    ] {
        assert!(told.contains(part), "{part:?} is not in: {told}");
    }
}

#[test]
fn the_run_is_told_as_far_as_a_wrong_file_tells_its_name() {
    let kept = tempfile::tempdir().expect("a temporary folder");
    let told = |text: &str, words: &[&str]| {
        let file = kept.path().join("small.toml");
        std::fs::write(&file, text).expect("it can be written");
        let output = lawn()
            .current_dir(kept.path())
            .args([
                "sweep",
                "small.toml",
                "--on-end",
                "echo \"<$LAWN_RUN>\" > told.txt",
            ])
            .args(words)
            .output()
            .expect("lawn starts");
        assert_eq!(output.status.code(), Some(2), "{}", said(&output));
        std::fs::read_to_string(kept.path().join("told.txt")).expect("it was called")
    };
    for text in [
        SMALL.replace("sgd", "sgdd"),
        SMALL.replace("[confirmation]", "[confirmation"),
        SMALL.replace("kind = \"ncf\"", "kind = \"ncf\"\ndata = \"nowhere\""),
    ] {
        assert_eq!(told(&text, &[]), "<runs/small>\n", "{text}");
    }
    let wrong = SMALL.replace("sgd", "sgdd");
    assert_eq!(told(&wrong, &["--set", "name=other"]), "<runs/other>\n");
    assert_eq!(told(&wrong, &["--out", "there"]), "<there>\n");
    // What could be no folder's name is none.
    for text in [
        wrong.replace("\"small\"", "\"../up\""),
        "nothing".to_owned(),
    ] {
        assert_eq!(told(&text, &[]), "<>\n", "{text}");
    }
}

#[test]
fn a_command_that_fails_or_hangs_changes_nothing_about_the_sweep() {
    let (output, _) = called(SMALL, "exit 7", &[]);
    assert!(output.status.success(), "{}", said(&output));
    assert!(said(&output).contains("the command of --on-end ended with exit status: 7"));

    let since = Instant::now();
    let hangs = "echo $$ > TOLD; sleep 1000; true";
    let (output, told) = called(SMALL, hangs, &["--on-end-seconds", "1"]);
    assert!(output.status.success(), "{}", said(&output));
    assert!(
        said(&output).contains("took longer than 1 s and was killed"),
        "{}",
        said(&output)
    );
    assert!(since.elapsed().as_secs() < 120, "{:?}", since.elapsed());
    // What it started is gone with it.
    let group = told.trim();
    let left = Command::new("ps")
        .args(["-o", "pid=", "-g", group])
        .output();
    assert_eq!(left.map(|left| left.stdout).unwrap_or_default(), b"");
}

#[test]
fn arms_below_a_floor_are_warned_about_and_stand_below_it_on_the_leaderboard() {
    let (kept, run) = folder();
    let file = kept.path().join("floors.toml");
    // One arm that learns nothing, and one that does.
    let two = SMALL.replace("epochs = 2", "epochs = 6").replace(
        "[confirmation]",
        "[arms.asleep]\nrule = \"sgd\"\nlearning_rate = 1e-12\n\n[confirmation]",
    );
    let two = two.replace("learning_rate = 0.1", "learning_rate = 3.0");
    std::fs::write(&file, two).expect("it can be written");
    let output = sweep(&file, Some(&run));
    assert!(output.status.success(), "{}", said(&output));
    let warned = "warning: feedback · asleep stays below a floor at batch 64 (";
    assert!(said(&output).contains(warned), "{}", said(&output));

    let status = lawn()
        .args(["status", text(&run), "--json"])
        .output()
        .expect("lawn starts");
    let status: serde_json::Value = serde_json::from_slice(&status.stdout).expect("it is JSON");
    let board = &status["leaderboards"][0];
    assert_eq!(
        (&board["task"], &board["batch_size"], &board["metric"]),
        (&"feedback".into(), &64.into(), &"hr@10".into())
    );
    let entries = board["entries"].as_array().expect("a list");
    let place = |name: &str| {
        let is_it =
            |entry: &serde_json::Value| entry["floor"] == name || entry["setting"]["arm"] == name;
        let place = entries.iter().position(is_it);
        place.unwrap_or_else(|| panic!("{name} is not in {board}"))
    };
    assert!(place("asleep") > place("most-popular"), "{board}");
    assert_eq!(entries[place("sgd")]["seeds"], 2);
    assert!(entries[place("random")]["test"].is_null());
    let scores: Vec<f64> = entries
        .iter()
        .filter_map(|one| one["validation"].as_f64())
        .collect();
    assert!(scores.is_sorted_by(|a, b| a >= b), "{scores:?}");
    let shown = said(
        &lawn()
            .args(["status", text(&run)])
            .output()
            .expect("lawn starts"),
    );
    for part in [
        "leaderboard of feedback at batch",
        "most-popular",
        "(2 seeds)",
    ] {
        assert!(shown.contains(part), "{part:?} is not in: {shown}");
    }
    // What is known is not measured again, and the verb takes the run as well as its file.
    let floors = lawn()
        .args(["floors", text(&run), "--json"])
        .output()
        .expect("lawn starts");
    let floors: serde_json::Value = serde_json::from_slice(&floors.stdout).expect("it is JSON");
    assert_eq!(floors[0]["floors"][1]["predictor"], "most-popular");

    a_report_goes_elsewhere_and_leaves_the_run_as_it_is(&run, kept.path());

    // Floors are there before a trial is over.
    std::fs::remove_dir_all(run.join("trials")).expect("they are there");
    let shown = said(
        &lawn()
            .args(["status", text(&run)])
            .output()
            .expect("lawn starts"),
    );
    for part in ["floors of feedback by hr@10:", "most-popular"] {
        assert!(shown.contains(part), "{part:?} is not in: {shown}");
    }
    assert!(!shown.contains("leaderboard"), "{shown}");
}

/// Every file of a folder with its time.
fn times(folder: &Path) -> Vec<(std::path::PathBuf, std::time::SystemTime)> {
    let entries = std::fs::read_dir(folder).expect("it can be listed");
    let mut found = Vec::new();
    for path in entries.map(|entry| entry.expect("an entry").path()) {
        let about = std::fs::metadata(&path).expect("it is there");
        match about.is_dir() {
            true => found.extend(times(&path)),
            false => found.push((path, about.modified().expect("a time"))),
        }
    }
    found.sort();
    found
}

fn a_report_goes_elsewhere_and_leaves_the_run_as_it_is(run: &Path, beside: &Path) {
    std::fs::remove_dir_all(run.join("report")).expect("there was one");
    let before = times(run);
    let out = beside.join("seen");
    let words = ["report", text(run), "--out", text(&out)];
    let output = lawn().args(words).output().expect("lawn starts");
    assert!(output.status.success(), "{}", said(&output));
    assert!(out.join("report.html").is_file() && out.join("records").is_dir());
    assert_eq!(times(run), before);
    // Again into its own, and not into what is another's.
    assert!(
        lawn()
            .args(words)
            .output()
            .expect("lawn starts")
            .status
            .success()
    );
    let taken = ["report", text(run), "--out", text(beside)];
    let refused = lawn().args(taken).output().expect("lawn starts");
    assert_eq!(refused.status.code(), Some(2), "{}", said(&refused));
}
