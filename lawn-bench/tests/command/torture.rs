//! A small sweep whose launchers and trials are killed at random moments, and whose
//! files are damaged, ends with the records of one that ran through, bit for bit.
//!
//! `LAWN_TORTURE_RUNS` says how many sweeps (2 where it is not set), `LAWN_TORTURE_SEED`
//! which ones; what is done to each is printed, so that a failure can be done again.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::Duration;

use crate::common::{folder, lawn, said, sweep, timeless};
use lawn_analysis::records::Stage;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

const SWEEP: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/tests/command/sweeps/torture.toml"
);

/// Blows dealt to one sweep before it is left to end.
const BLOWS: u32 = 6;

/// Longest time between two blows.
const PAUSE_MS: u64 = 900;

fn number(name: &str, otherwise: u64) -> u64 {
    match std::env::var(name) {
        Ok(text) => text
            .parse()
            .unwrap_or_else(|_| panic!("{name} must be a whole number, not {text:?}")),
        Err(_) => otherwise,
    }
}

#[test]
fn records_are_those_of_an_uninterrupted_sweep() {
    let (_kept, whole) = folder();
    let output = sweep(Path::new(SWEEP), Some(&whole));
    assert!(output.status.success(), "{}", said(&output));
    let expected = timeless(&whole);

    let seed = number("LAWN_TORTURE_SEED", 0);
    for index in 0..number("LAWN_TORTURE_RUNS", 2) {
        let (kept, run) = folder();
        let confirmed = expected
            .trials
            .iter()
            .position(|trial| trial.stage == Stage::Confirm);
        let confirmed = confirmed.expect("settings are confirmed");
        let mut victim = Victim::new(run, seed + index, confirmed);
        for _ in 0..BLOWS {
            victim.blow();
        }
        victim.end();
        let found = timeless(&victim.run);
        if found != expected {
            let kept = kept.keep();
            panic!(
                "the records of {} differ, seed {}",
                kept.display(),
                seed + index
            );
        }
    }
}

/// A run that suffers.
struct Victim {
    run: PathBuf,
    random: ChaCha8Rng,
    launchers: Vec<Child>,
    seed: u64,
    /// Index of the first confirmation trial.
    confirmed: usize,
}

impl Victim {
    fn new(run: PathBuf, seed: u64, confirmed: usize) -> Self {
        Self {
            run,
            random: ChaCha8Rng::seed_from_u64(seed),
            launchers: Vec::new(),
            seed,
            confirmed,
        }
    }

    fn say(&self, what: &str) {
        eprintln!("torture, seed {}: {what}", self.seed);
    }

    /// Lets the sweep run for a while, by one launcher or two, and hurts it.
    fn blow(&mut self) {
        let wanted = self.random.random_range(1..=2);
        while self.launchers.len() < wanted {
            self.launchers.push(start(&self.run));
        }
        let pause = self.random.random_range(10..PAUSE_MS);
        std::thread::sleep(Duration::from_millis(pause));
        // Every other blow damages a file.
        match self.random.random_range(0..6) {
            0 => self.kill_launcher(),
            1 => self.kill_trial(),
            2 => self.kill_all(),
            _ => {
                self.await_files();
                self.kill_all();
                for _ in 0..self.random.random_range(1..=3) {
                    self.damage();
                }
            }
        }
    }

    fn kill_launcher(&mut self) {
        let which = self.random.random_range(0..self.launchers.len());
        self.say("kill -9 of a launcher");
        kill(self.launchers.swap_remove(which));
    }

    /// Not one that tunes: that it failed counts against its arm, whatever it died of.
    fn kill_trial(&mut self) {
        let trials = trials_of(&self.run, self.confirmed);
        if trials.is_empty() {
            return;
        }
        let pid = trials[self.random.random_range(0..trials.len())];
        self.say("kill -9 of a trial");
        kill_process(pid);
    }

    fn kill_all(&mut self) {
        self.say("kill -9 of everything");
        self.launchers.drain(..).for_each(kill);
        trials_of(&self.run, 0).into_iter().for_each(kill_process);
    }

    /// Waits until there is something to damage, or nobody is left to make it.
    fn await_files(&mut self) {
        while files_of_trials(&self.run).is_empty() {
            let mut launchers = self.launchers.iter_mut();
            if launchers.all(|one| one.try_wait().is_ok_and(|status| status.is_some())) {
                return;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Cuts, empties or changes one file of a trial, as a failing disk would.
    fn damage(&mut self) {
        let files = files_of_trials(&self.run);
        if files.is_empty() {
            return;
        }
        let path = &files[self.random.random_range(0..files.len())];
        let mut bytes = fs::read(path).expect("the file can be read");
        if bytes.is_empty() {
            return;
        }
        let place = self.random.random_range(0..bytes.len());
        let how = match self.random.random_range(0..3) {
            0 => {
                bytes.truncate(place);
                "cut"
            }
            1 => {
                bytes.clear();
                "empty"
            }
            _ => {
                bytes[place] ^= 1 << self.random.random_range(0..8);
                "one bit changed"
            }
        };
        self.say(&format!("{} {how} at {place}", path.display()));
        fs::write(path, bytes).expect("the file can be written");
    }

    /// Lets the sweep end; trials that were killed one by one are failures, and retried.
    fn end(&mut self) {
        self.launchers.drain(..).for_each(kill);
        let mut output = sweep(Path::new(SWEEP), Some(&self.run));
        if output.status.code() == Some(3) {
            let retried = lawn()
                .args(["retry", "--outcome", "crashed"])
                .arg(&self.run)
                .output()
                .expect("lawn starts");
            assert!(retried.status.success(), "{}", said(&retried));
            output = sweep(&self.run, None);
        }
        assert!(
            output.status.success(),
            "seed {}: {}",
            self.seed,
            said(&output)
        );
    }
}

impl Drop for Victim {
    fn drop(&mut self) {
        self.launchers.drain(..).for_each(kill);
    }
}

fn start(run: &Path) -> Child {
    lawn()
        .args(["sweep", SWEEP, "--out"])
        .arg(run)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("lawn starts")
}

fn kill(mut launcher: Child) {
    // An error means that it ended by itself.
    let _ = launcher.kill();
    launcher.wait().expect("a child can be waited for");
}

fn kill_process(pid: u32) {
    let _ = std::process::Command::new("kill")
        .args(["-9", &pid.to_string()])
        .stderr(Stdio::null())
        .status();
}

/// Processes that train a trial of `run`, the one at index `from` or a later one.
fn trials_of(run: &Path, from: usize) -> Vec<u32> {
    let processes = fs::read_dir("/proc").expect("there are processes");
    let numbers = processes
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    numbers
        .filter(|pid| {
            let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
            let words: Vec<&[u8]> = line.split(|&byte| byte == 0).collect();
            let index = words.windows(2).find(|pair| pair[0] == b"--index");
            let index = index.and_then(|pair| std::str::from_utf8(pair[1]).ok()?.parse().ok());
            words.contains(&b"trial".as_slice())
                && index.is_some_and(|index: usize| index >= from)
                && words.contains(&run.as_os_str().as_encoded_bytes())
        })
        .collect()
}

/// All files in the folders of trials, in an order that does not depend on the disk.
fn files_of_trials(run: &Path) -> Vec<PathBuf> {
    let folders = fs::read_dir(run.join("trials")).into_iter().flatten();
    let mut files: Vec<PathBuf> = folders
        .flatten()
        .flat_map(|folder| fs::read_dir(folder.path()).into_iter().flatten().flatten())
        .map(|entry| entry.path())
        .filter(|path| path.is_file())
        .collect();
    files.sort();
    files
}
