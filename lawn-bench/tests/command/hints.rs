//! Every command that `lawn` advises runs as it is printed: quoted, with the data root.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use crate::common::{SMALL, said};

/// A folder whose name a shell has to be kept from reading, and what is in it.
struct Place {
    _kept: tempfile::TempDir,
    root: PathBuf,
}

impl Place {
    fn new() -> Self {
        let kept = tempfile::tempdir().expect("a temporary folder");
        let root = kept.path().join("it's $HOME");
        std::fs::create_dir(&root).expect("a folder");
        Self { _kept: kept, root }
    }

    /// A shell that finds the command, and no data root in its environment.
    fn shell(&self, line: &str) -> Output {
        self.command(line).output().expect("there is a shell")
    }

    fn succeeds(&self, line: &str) {
        let output = self.shell(line);
        assert!(output.status.success(), "{line}: {}", said(&output));
    }

    fn command(&self, line: &str) -> Command {
        let bin = Path::new(env!("CARGO_BIN_EXE_lawn"))
            .parent()
            .expect("a folder");
        let path = std::env::var("PATH").unwrap_or_default();
        let mut command = Command::new("sh");
        command
            .args(["-c", line])
            .current_dir(&self.root)
            .env("PATH", format!("{}:{path}", bin.display()))
            .env_remove("LAWN_DATA");
        command
    }

    fn write(&self, name: &str, text: &str) {
        std::fs::write(self.root.join(name), text).expect("there is room");
    }

    /// Runs what a command advised; each must be understood and do its work.
    fn follow(&self, output: &Output, expected: &[&str]) {
        let hints = hints(&said(output));
        assert_eq!(hints, expected, "{}", said(output));
        for hint in hints {
            let followed = self.shell(&hint);
            let code = followed.status.code();
            // 3: trials failed, as they did before.
            assert!(matches!(code, Some(0 | 3)), "{hint}: {}", said(&followed));
        }
    }
}

/// The commands in backquotes of what was printed.
fn hints(text: &str) -> Vec<String> {
    let quoted = text.split('`').skip(1).step_by(2);
    let commands = quoted.filter(|text| text.starts_with("lawn "));
    commands.map(str::to_owned).collect()
}

#[test]
fn another_plan_says_in_what_and_how_to_go_on() {
    let place = Place::new();
    place.write("small.toml", SMALL);
    place.succeeds("lawn sweep small.toml --out 'a run' -q");
    let other = place.shell("lawn sweep small.toml --out 'a run' --set arms.sgd.learning_rate=0.2");
    assert_eq!(other.status.code(), Some(2), "{}", said(&other));
    let text = said(&other);
    let differs = "arms.sgd.learning_rate: 0.1 there, 0.2 now";
    assert!(text.contains(differs), "{text}");
    assert!(!text.contains("resources"), "{text}");
    place.follow(&other, &["lawn sweep 'a run'"]);
    // What does not change a result is no other plan; what changes a verdict is.
    let workers = "lawn sweep small.toml --out 'a run' -q --set resources.workers=2";
    place.succeeds(workers);
    let margin = r#"lawn sweep small.toml --out 'a run' --set 'report.margins={"hr@10"=0.01}'"#;
    let other = place.shell(margin);
    let text = said(&other);
    assert!(
        text.contains("report.margins.hr@10: not set there, 0.01 now"),
        "{text}"
    );
}

#[test]
fn the_same_value_set_over_the_file_is_the_same_plan() {
    let place = Place::new();
    let two = SMALL.replace(
        "[confirmation]",
        "[arms.adam]\nrule = \"adam\"\nlearning_rate = 0.01\n\n[confirmation]",
    );
    place.write("two.toml", &two);
    place.succeeds("lawn sweep two.toml --out run -q");
    let same = "lawn sweep two.toml --out run -q --set arms.sgd.learning_rate=0.1 \
                --set arms.sgd.rule=sgd --set 'tasks.feedback.model=\"gmf\"'";
    let output = place.shell(same);
    assert!(output.status.success(), "{}", said(&output));
}

#[test]
fn failed_trials_are_retried_as_it_is_printed_with_their_data() {
    let place = Place::new();
    let made = place.shell(
        "lawn data make ncf --out 'the data'/feedback --set users=60 --set items=220 \
         --set interactions=10",
    );
    assert!(made.status.success(), "{}", said(&made));
    let text = SMALL.replace(
        "generated = { users = 60, items = 220, interactions = 10 }",
        "data = \"feedback\"",
    );
    place.write("files.toml", &text.replace("= 0.1", "= 1e30"));
    let output = place.shell("lawn sweep files.toml --out run --data-root 'the data' -q");
    assert_eq!(output.status.code(), Some(3), "{}", said(&output));
    let retried = place.shell("lawn retry run --outcome diverged");
    place.follow(&retried, &["lawn sweep run --data-root 'the data'"]);
    let unknown = place.shell("lawn retry run --trial 7");
    assert_eq!(unknown.status.code(), Some(2), "{}", said(&unknown));
    let text = said(&unknown);
    assert!(
        text.contains("no trial is `7`; an index is 0 to 1"),
        "{text}"
    );
    place.follow(&unknown, &["lawn trials run"]);
    let other = "lawn sweep files.toml --out run --data-root 'the data' --set budget.epochs=3";
    place.follow(
        &place.shell(other),
        &["lawn sweep run --data-root 'the data'"],
    );
}

#[test]
fn a_sweep_that_was_stopped_goes_on_as_it_is_printed() {
    let place = Place::new();
    let slow = SMALL.replace("epochs = 2", "steps = 20000");
    let every = "\n[evaluation]\nevery = { steps = 20000 }\n";
    place.write("slow.toml", &format!("{slow}{every}"));
    let given = "--workers 2 --max-failures 50% --on-end 'echo \"$LAWN_OUTCOME $LAWN_LEFT\" > \
                 told.txt' --on-end-seconds 7 --quiet";
    let mut command = place.command(&format!("exec lawn sweep slow.toml --out 'a run' {given}"));
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let child = command.spawn().expect("there is a shell");
    let begun = || {
        let trials = std::fs::read_dir(place.root.join("a run/trials"));
        trials.is_ok_and(|trials| {
            trials
                .flatten()
                .any(|trial| trial.path().join("pulse.json").exists())
        })
    };
    let since = Instant::now();
    while !begun() {
        assert!(since.elapsed() < Duration::from_secs(60), "nothing begins");
        std::thread::sleep(Duration::from_millis(20));
    }
    let kill = Command::new("kill").arg(child.id().to_string()).status();
    assert!(kill.is_ok_and(|status| status.success()));
    let stopped = child.wait_with_output().expect("it ends");
    assert_eq!(stopped.status.code(), Some(130), "{}", said(&stopped));
    // Both of its trials are left to be run.
    let told = std::fs::read_to_string(place.root.join("told.txt")).expect("it was called");
    assert_eq!(told, "stopped 2\n");
    place.follow(&stopped, &[&format!("lawn sweep 'a run' {given}")]);
}

#[test]
fn damaged_files_are_told_with_the_command_that_mends_them() {
    let place = Place::new();
    place.write("small.toml", SMALL);
    place.succeeds("lawn sweep small.toml --out 'a run' -q");
    let trials = std::fs::read_dir(place.root.join("a run/trials")).expect("there are trials");
    let trial = trials.flatten().next().expect("there is one").path();
    std::fs::write(trial.join("outcome.json"), "{").expect("there is room");
    let report = place.shell("lawn report 'a run'");
    assert_eq!(hints(&said(&report)), ["lawn sweep 'a run'"]);
    let status = place.shell("lawn status 'a run'");
    place.follow(&status, &["lawn sweep 'a run'"]);
    assert!(hints(&said(&place.shell("lawn status 'a run'"))).is_empty());
}

#[test]
fn a_folder_is_not_named_for_a_run_that_is_there() {
    let place = Place::new();
    place.write("small.toml", SMALL);
    place.succeeds("lawn sweep small.toml --out run -q");
    let output = place.shell("lawn sweep run --out elsewhere");
    assert_eq!(output.status.code(), Some(2), "{}", said(&output));
    assert!(said(&output).contains(
        "--out: elsewhere, and the run run goes on where it is; allowed: beside a sweep file"
    ));
    assert!(!place.root.join("elsewhere").exists());
    place.succeeds("lawn sweep run --out ./run -q");
}

#[test]
fn an_empty_data_root_says_how_it_is_filled() {
    let place = Place::new();
    std::fs::create_dir(place.root.join("my data")).expect("a folder");
    let listed = place.shell("lawn data list --data-root 'my data'");
    let hints = hints(&said(&listed));
    let expected = [
        "lawn data get ml-1m --data-root 'my data'",
        "lawn data make ncf --out 'my data/small'",
    ];
    assert_eq!(hints, expected, "{}", said(&listed));
    // The first one asks the world, and is read like this one.
    let get = hints[0].replace(" get ml-1m", " get no-such-set");
    let got = place.shell(&get);
    assert!(said(&got).contains("allowed: cifar-10"), "{}", said(&got));
    place.succeeds(&hints[1]);
    assert!(said(&place.shell("lawn data list --data-root 'my data'")).contains("small"));
}
