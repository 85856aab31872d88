//! Events for programs: `lawn sweep --json` prints one JSON object a line.
//!
//! Every event has `event`, its name, and `unix_seconds`. The first is `sweep`, with
//! the `schema` of them all; names and fields of a schema stay as they are, new ones
//! may be added.
//!
//! | event | says | fields |
//! |---|---|---|
//! | `sweep` | the launch begins | `schema`, `sweep`, `run`, `trials` of the plan, `left` to run, `workers` |
//! | `extended` | the plan has more trials than before | `before`, `over`, `kept`, `added`, `retired`, `changes` |
//! | `note` | a line for people | `line` |
//! | `trial-started` | a worker starts a trial | *trial*, `worker` |
//! | `trial-progress` | steps were taken | *trial*, `worker`, `step`, `steps`, `steps_per_second`, `seconds_left` of the trial, `sweep_seconds_left` |
//! | `trial-evaluated` | a trial measured itself | *trial*, `worker`, `record` as in its log |
//! | `trial-stopped` | a trial was stopped before its end, and will go on | *trial*, `worker` |
//! | `trial-ended` | a trial is over | *trial*, `worker` (null: another launcher's), `outcome`, `detail`, `folder`, `is_best` of its cell in tuning, on validation, `done`, `failed`, `total` of this launch, `all_done`, `all` of the plan (with `--only` of what it asks for), earlier launches too, `metric`, `score` of it on validation data, `steps_per_second` of its cell, `sweep_seconds_left` |
//! | `report` | all is over | `html`, `summary`, `failed`, `left` to be run without `--only` |
//! | `handed-over` | a scheduler goes on | `run` |
//! | `stopped` | a signal stopped the launch | `run` |
//!
//! *trial* is `trial` (its id), `index` in the plan, `task`, `arm`, `batch_size`, `stage`,
//! `rung`, `setting`, `seed`. What is not known is null.

use std::io::Write;
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};

use super::tally::Tally;
use super::view::{FinishedTrial, View};
use crate::plan::{Extension, Plan};
use crate::process::streams::Stream;
use crate::run::run_dir::RunDir;
use crate::sweep::end::End;
use crate::trial::Event;

/// Schema of the events.
pub(crate) const SCHEMA: u32 = 1;

pub(super) struct Events<W> {
    out: W,
}

impl<W: Write> Events<W> {
    pub(super) fn new(out: W, run: &RunDir, tally: &Tally<'_>) -> Self {
        let mut events = Self { out };
        events.print(
            "sweep",
            json!({
                "schema": SCHEMA,
                "sweep": tally.plan.sweep.name,
                "run": run.root(),
                "trials": tally.plan.trials.len(),
                "left": tally.total,
                "workers": tally.running.len(),
            }),
        );
        events
    }

    fn print(&mut self, event: &str, fields: Value) {
        print(&mut self.out, event, fields);
    }
}

/// Prints how the sweep came to its end.
pub(crate) fn end(end: &End) {
    let (event, fields) = match end {
        End::Finished {
            report,
            failed,
            left,
        } => (
            "report",
            json!({ "html": report.html, "summary": report.summary, "failed": failed, "left": left }),
        ),
        End::Described(text) => ("described", json!({ "text": text })),
        End::HandedOver { run } => ("handed-over", json!({ "run": run })),
        End::Stopped { run } => ("stopped", json!({ "run": run })),
    };
    print(&mut Stream::Output, event, fields);
}

impl<W: Write> View for Events<W> {
    fn extended(&mut self, extension: &Extension) {
        let mut fields = json!(extension);
        // When is the event's own.
        fields.as_object_mut().map(|it| it.remove("unix_seconds"));
        self.print("extended", fields);
    }

    fn say(&mut self, line: &str) {
        self.print("note", json!({ "line": line }));
    }

    fn began(&mut self, tally: &Tally<'_>, worker: usize) {
        if let Some(running) = &tally.running[worker] {
            let trial = trial(tally.plan, running.index);
            self.print("trial-started", with(trial, json!({ "worker": worker })));
        }
    }

    fn event(&mut self, tally: &Tally<'_>, worker: usize, event: &Event) {
        let Some(running) = &tally.running[worker] else {
            return;
        };
        let trial = trial(tally.plan, running.index);
        match event {
            Event::Progress { step, steps } => {
                let seconds_left = tally.trial_left(worker).map(|left| left.as_secs_f64());
                let fields = json!({
                    "worker": worker,
                    "step": step,
                    "steps": steps,
                    "steps_per_second": tally.steps_per_second(worker),
                    "seconds_left": seconds_left,
                    "sweep_seconds_left": tally.time_left().map(|left| left.as_secs_f64()),
                });
                self.print("trial-progress", with(trial, fields));
            }
            Event::Evaluated { record } => self.print(
                "trial-evaluated",
                with(trial, json!({ "worker": worker, "record": record })),
            ),
            // Said as a note.
            Event::Noticed { .. } => {}
            Event::Started { .. }
            | Event::Reached { .. }
            | Event::Reserved { .. }
            | Event::Ended { .. } => {}
        }
    }

    fn stopped(&mut self, tally: &Tally<'_>, worker: usize, index: usize) {
        let trial = trial(tally.plan, index);
        self.print("trial-stopped", with(trial, json!({ "worker": worker })));
    }

    fn ended(&mut self, tally: &Tally<'_>, ended: &FinishedTrial<'_>) {
        let [over, all] = tally.counted();
        let score = tally.score(ended.index, ended.outcome);
        let fields = json!({
            "worker": ended.worker,
            "outcome": ended.outcome.outcome,
            "detail": ended.outcome.detail,
            "folder": ended.folder,
            "is_best": ended.is_best,
            "done": tally.done,
            "failed": tally.failed,
            "total": tally.total,
            "all_done": over,
            "all": all,
            "metric": score.map(|(metric, _)| metric),
            "score": score.map(|(_, score)| score),
            "steps_per_second": tally.speed(ended.index),
            "sweep_seconds_left": tally.time_left().map(|left| left.as_secs_f64()),
        });
        self.print("trial-ended", with(trial(tally.plan, ended.index), fields));
    }
}

fn trial(plan: &Plan, index: usize) -> Value {
    let trial = &plan.trials[index];
    json!({
        "trial": trial.id,
        "index": index,
        "task": trial.cell.task,
        "arm": trial.cell.arm,
        "batch_size": trial.cell.batch_size,
        "stage": trial.stage,
        "rung": trial.rung,
        "setting": trial.setting,
        "seed": trial.seed,
    })
}

fn with(mut object: Value, more: Value) -> Value {
    if let (Value::Object(object), Value::Object(more)) = (&mut object, more) {
        object.extend(more);
    }
    object
}

/// Prints an event at once; a reader that went away is no reason to stop training.
fn print(out: &mut impl Write, event: &str, fields: Value) {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let seconds = now.map_or(0.0, |now| now.as_secs_f64());
    let line = with(json!({ "event": event, "unix_seconds": seconds }), fields);
    // In one write, so that no reader sees a part of it.
    let _ = out
        .write_all(format!("{line}\n").as_bytes())
        .and_then(|()| out.flush());
}
