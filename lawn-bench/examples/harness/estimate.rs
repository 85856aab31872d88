//! What `lawn plan` says of the time of a trial, beside the time that it takes.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use super::Outcome;

/// A task with its batch sizes and its epochs, as short as a trial can be that still shows what a
/// step takes.
struct Case {
    name: &'static str,
    batch_sizes: &'static str,
    epochs: u32,
    task: &'static str,
}

/// What the sweeps of `studies/` train, shortened.
const CASES: [Case; 4] = [
    Case {
        name: "embedded",
        batch_sizes: "[1_000, 64_000]",
        epochs: 4,
        task: r#"{ kind = "ncf", data = "generated" }"#,
    },
    Case {
        name: "images",
        batch_sizes: "[512]",
        epochs: 1,
        task: r#"{ kind = "image", data = "generated", width = 8 }"#,
    },
    Case {
        name: "clicks",
        batch_sizes: "[4_000, 64_000]",
        epochs: 1,
        task: r#"{ kind = "ctr", data = "generated", generated = { rows = 300_000 }, model = { name = "dcn_v2", width = 8, layers = [32, 16] } }"#,
    },
    Case {
        name: "ml-1m",
        batch_sizes: "[10_000, 1_000_000]",
        epochs: 2,
        task: r#"{ kind = "ncf", data = "ml-1m", model = "neumf" }"#,
    },
];

impl Case {
    /// One trial of each of two arms at each batch size, one at a time.
    fn sweep(&self) -> String {
        let Self {
            name,
            batch_sizes,
            epochs,
            task,
        } = self;
        format!(
            "name = \"{name}\"\nbatch_sizes = {batch_sizes}\n\
             tasks.{name} = {task}\nbudget.epochs = {epochs}\n\
             arms.adam = {{ rule = \"adam\", learning_rate = 0.003 }}\n\
             arms.lamb-lawn = {{ rule = \"lamb\", learning_rate = 0.003, lawn = true, free_fraction = 0.5 }}\n\
             confirmation.seeds = [1]\nresources.workers = 1\nresources.threads = 1\n"
        )
    }
}

/// Task, arm and batch size.
type Cell = (String, String, u64);

fn cell(of: &Value) -> Cell {
    let word = |key: &str| of[key].as_str().unwrap_or_default().to_owned();
    let batch_size = of["batch_size"].as_u64().unwrap_or_default();
    (word("task"), word("arm"), batch_size)
}

/// How far an estimate may be from what a trial takes, as a ratio either way.
const ALLOWED: f64 = 1.5;

/// Estimates of one kind: how many are near enough, and how many there are.
#[derive(Default)]
struct Tally {
    near: usize,
    all: usize,
}

impl Tally {
    fn add(&mut self, ratio: f64) {
        self.near += usize::from((1.0 / ALLOWED..=ALLOWED).contains(&ratio));
        self.all += 1;
    }
}

pub(super) fn run(lawn: &Path, data: Option<&Path>) -> Outcome<()> {
    let mut table = String::new();
    let (mut measured, mut derived) = (Tally::default(), Tally::default());
    for case in &CASES {
        if case.name == "ml-1m" && data.is_none() {
            println!("ml-1m is left out: no folder of data sets was given");
            continue;
        }
        let folder = tempfile::tempdir()?;
        let file = folder.path().join("sweep.toml");
        std::fs::write(&file, case.sweep())?;
        let command = |words: &[&str], what: &Path| -> Outcome<Value> {
            let mut command = Command::new(lawn);
            // Nothing that was measured before.
            command.args(words).env("XDG_CACHE_HOME", folder.path());
            command.arg(what).arg("--json");
            if words[0] != "trials" {
                command.args(data.iter().flat_map(|data| ["--data-root".as_ref(), *data]));
            }
            let output = command.stderr(Stdio::null()).output()?;
            if !output.status.success() {
                return Err(format!("{} ended with {}", words[0], output.status).into());
            }
            let first = serde_json::Deserializer::from_slice(&output.stdout)
                .into_iter()
                .next();
            Ok(first.ok_or("nothing was printed")??)
        };
        let began = Instant::now();
        let planned = command(&["plan"], &file)?;
        let seconds = began.elapsed().as_secs_f64();
        println!("{}: planned in {seconds:.1} s", case.name);
        let planned: BTreeMap<Cell, &Value> = planned["measured"]
            .as_array()
            .into_iter()
            .flatten()
            .map(|one| (cell(one), one))
            .collect();
        let out = folder.path().join("run");
        let path = out.to_string_lossy().into_owned();
        command(&["sweep", "--out", &path], &file)?;
        let trials = command(&["trials"], &out)?;
        for trial in trials.as_array().into_iter().flatten() {
            let taken = taken(Path::new(trial["folder"].as_str().unwrap_or_default()))?;
            let (task, arm, batch_size) = cell(trial);
            let estimate = planned.get(&cell(trial)).copied().unwrap_or(&Value::Null);
            let said = estimate["trial_seconds"].as_f64().unwrap_or(f64::NAN);
            let ratio = said / taken.as_secs_f64();
            match estimate["basis"].as_str() {
                Some("measured") => measured.add(ratio),
                _ => derived.add(ratio),
            }
            let _ = writeln!(
                table,
                "{task:<10} {arm:<10} {batch_size:>8} {said:>9.1} s {:>9.1} s {ratio:>7.2}  {}",
                taken.as_secs_f64(),
                estimate["basis"]
            );
        }
    }
    println!("task       arm           batch    planned       taken   ratio  from\n{table}");
    println!(
        "within {ALLOWED}×: {} of {} measured, {} of {} derived from others",
        measured.near, measured.all, derived.near, derived.all
    );
    match measured.all - measured.near {
        0 => Ok(()),
        far => Err(format!("{far} of what was measured took another time than was planned").into()),
    }
}

/// From the start of the process of a trial to its outcome.
fn taken(trial: &Path) -> Outcome<Duration> {
    let modified = |name: &str| std::fs::metadata(trial.join(name))?.modified();
    Ok(modified("outcome.json")?.duration_since(modified("stderr.log")?)?)
}
