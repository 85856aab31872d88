//! What a machine lacks is no outcome of a trial; a sweep of which too many trials fail is
//! stopped, and where nothing was chosen the trials of tuning are retried.

use std::path::{Path, PathBuf};

use crate::common::{SMALL, lawn, said, timeless};
use lawn_analysis::records::Outcome;
use lawn_bench::plan::Plan;
use lawn_bench::run::ending::Ending;
use lawn_bench::run::run_dir::RunDir;
use lawn_models::Stage;

/// Four settings, of which the best is trained twice.
const TUNED: &str = "
[arms.sgd.tune]
learning_rate = { min = 1e-2, max = 1.0, scale = \"log\" }

[tuning]
settings = 4
";

fn tuned() -> String {
    SMALL.replace("learning_rate = 0.1\n", "") + TUNED
}

struct Place {
    folder: tempfile::TempDir,
}

impl Place {
    fn new(text: &str) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        std::fs::write(folder.path().join("sweep.toml"), text).expect("there is room");
        Self { folder }
    }

    fn run(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// How `lawn` ends and what it says.
    fn lawn(&self, arguments: &[&str]) -> (i32, String) {
        let mut command = lawn();
        command.current_dir(self.folder.path()).args(arguments);
        let output = command.output().expect("lawn starts");
        (output.status.code().expect("an exit code"), said(&output))
    }

    /// Begins `run` with the plan of `model`, and answers it.
    fn planned(&self, model: &str, run: &str) -> Plan {
        let [model, run] = [model, run].map(|name| RunDir::new(self.run(name)));
        std::fs::create_dir_all(run.root()).expect("there is room");
        std::fs::copy(model.sweep_toml(), run.sweep_toml()).expect("there is room");
        std::fs::copy(model.planned_trials(), run.planned_trials()).expect("there is room");
        std::fs::copy(model.plan(), run.plan()).expect("there is room");
        Plan::read(&model).expect("a plan")
    }

    /// Sees to it that the tuning trials of `run`, which has the plan of `model`, crash.
    fn break_tuning(&self, model: &str, run: &str) -> Vec<PathBuf> {
        let plan = self.planned(model, run);
        let tuning = plan.trials.iter().filter(|it| it.stage == Stage::Tune);
        let path = |id: &str| self.run(run).join("trials").join(id);
        let broken = tuning.map(|trial| path(&trial.id).join("checkpoint.safetensors"));
        let broken: Vec<PathBuf> = broken.collect();
        for checkpoint in &broken {
            std::fs::create_dir_all(checkpoint).expect("there is room");
        }
        broken
    }
}

/// Writes into `run`, which has the plan of `model`, that its tuning trials from the one at
/// `first` on crashed.
fn crash_tuning(place: &Place, model: &str, run: &str, first: usize) {
    let plan = place.planned(model, run);
    let tuning = plan.trials.iter().filter(|it| it.stage == Stage::Tune);
    for trial in tuning.skip(first) {
        let dir = RunDir::new(place.run(run)).trial(&trial.id);
        std::fs::create_dir_all(dir.root()).expect("there is room");
        let crashed = Ending::failed(Outcome::Crashed, "exit code 127");
        dir.write_outcome(&crashed).expect("there is room");
    }
}

fn mend(broken: &[PathBuf]) {
    for checkpoint in broken {
        std::fs::remove_dir(checkpoint).expect("it is empty");
    }
}

fn outcomes(run: &Path) -> usize {
    let trials = std::fs::read_dir(run.join("trials")).expect("it has trials");
    let ended = |entry: &std::fs::DirEntry| entry.path().join("outcome.json").exists();
    trials.flatten().filter(ended).count()
}

#[test]
fn a_device_that_is_not_here_ends_the_sweep_and_is_no_outcome() {
    let place = Place::new(&tuned());
    let device = "resources.device=\"cuda\"";
    let mut sweep = lawn();
    sweep
        .current_dir(place.folder.path())
        .env("CUDA_VISIBLE_DEVICES", "")
        .args(["sweep", "sweep.toml", "--out", "a", "--set", device]);
    let output = sweep.output().expect("lawn starts");
    let words = said(&output);
    assert_eq!(output.status.code(), Some(2), "{words}");
    assert!(words.contains("device cuda"), "{words}");
    assert_eq!(outcomes(&place.run("a")), 0, "{words}");
    // The same trials are trained on another.
    let device = "resources.device=\"cpu\"";
    let (code, words) = place.lawn(&["sweep", "sweep.toml", "--out", "a", "--set", device]);
    assert_eq!(code, 0, "{words}");
}

#[test]
fn a_trial_of_another_build_is_refused() {
    let place = Place::new(SMALL);
    assert_eq!(place.lawn(&["sweep", "sweep.toml", "--out", "a"]).0, 0);
    let mut trial = lawn();
    trial
        .args(["trial", "a", "--index", "0"])
        .current_dir(place.folder.path())
        .env(lawn_bench::run::provenance::BUILD, "0.0.1-of-before");
    let output = trial.output().expect("lawn starts");
    assert_eq!(output.status.code(), Some(2), "{}", said(&output));
    assert!(said(&output).contains("0.0.1-of-before"));
}

#[test]
fn where_nothing_was_chosen_tuning_is_retried_and_chooses() {
    let place = Place::new(&tuned());
    assert_eq!(place.lawn(&["sweep", "sweep.toml", "--out", "sound"]).0, 0);
    crash_tuning(&place, "sound", "run", 0);
    let (code, words) = place.lawn(&["sweep", "sweep.toml", "--out", "run"]);
    assert_eq!(code, 3, "{words}");
    assert_eq!(outcomes(&place.run("run")), 6, "confirmation has rows too");
    let retry = ["retry", "run", "--outcome", "crashed"];
    let (code, words) = place.lawn(&retry);
    assert_eq!(code, 0, "{words}");
    assert!(words.starts_with("4 to be run again"), "{words}");
    assert!(!words.contains("not retried"), "{words}");
    let (code, words) = place.lawn(&["sweep", "run"]);
    assert_eq!(code, 0, "{words}");
    assert_eq!(timeless(&place.run("run")), timeless(&place.run("sound")));

    // Where one came to its end a setting was chosen, and the others counted.
    crash_tuning(&place, "sound", "partly", 1);
    let (code, words) = place.lawn(&["sweep", "sweep.toml", "--out", "partly"]);
    assert_eq!(code, 3, "{words}");
    let (_, words) = place.lawn(&["retry", "partly", "--outcome", "crashed"]);
    assert!(words.contains("0 to be run again"), "{words}");
    assert!(words.contains("3 not retried"), "{words}");
}

#[test]
fn a_sweep_is_stopped_when_too_many_fail_and_goes_on_once_that_is_mended() {
    let place = Place::new(&tuned());
    assert_eq!(place.lawn(&["sweep", "sweep.toml", "--out", "sound"]).0, 0);
    let broken = place.break_tuning("sound", "run");
    // Six trials: a fifth of them is one.
    let limited = [
        "sweep",
        "sweep.toml",
        "--out",
        "run",
        "--max-failures",
        "20%",
    ];
    let (code, words) = place.lawn(&limited);
    assert_eq!(code, 6, "{words}");
    for word in ["2 of 6 trials failed", "allows 1", "crashed", "lawn retry"] {
        assert!(words.contains(word), "{word:?} is not in: {words}");
    }
    assert_eq!(outcomes(&place.run("run")), 2);
    // It is stopped at once while that is so.
    assert_eq!(place.lawn(&limited).0, 6);
    assert_eq!(outcomes(&place.run("run")), 2);
    mend(&broken);
    assert_eq!(place.lawn(&["retry", "run", "--outcome", "crashed"]).0, 0);
    let (code, words) = place.lawn(&limited);
    assert_eq!(code, 0, "{words}");
    assert_eq!(timeless(&place.run("run")), timeless(&place.run("sound")));
}

#[test]
fn what_diverges_is_no_failure_of_the_machine() {
    let place = Place::new(&SMALL.replace("learning_rate = 0.1", "learning_rate = 1e30"));
    let (code, words) = place.lawn(&["sweep", "sweep.toml", "--out", "a", "--max-failures", "0"]);
    assert_eq!(code, 3, "{words}");
    let records = timeless(&place.run("a"));
    let outcomes = records.trials.iter().map(|trial| trial.outcome);
    assert!(outcomes.eq([Outcome::Diverged; 2]));
}
