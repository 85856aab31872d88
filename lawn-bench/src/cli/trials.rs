use std::path::PathBuf;

use clap::Args;
use lawn_analysis::records::{Outcome, Word};
use lawn_models::Stage;

use super::output::{print, still, to_json};
use crate::error::allowed;
use crate::process::streams;
use crate::report::trials::{self, Filter, NOT_OVER};
use crate::run::run_dir::RunDir;
use crate::{Error, Exit};

#[derive(Debug, Args)]
#[command(after_help = "\
Every list narrows the choice: --arm sgd --outcome crashed lists the trials of sgd that crashed.

Examples:
  lawn trials runs/embedded                          all of them, a line each
  lawn trials runs/embedded --outcome crashed --log  why they crashed
  lawn trials runs/embedded 17 --show                the trial at index 17 in full
  lawn trials runs/embedded 3f0c                     one by the beginning of its id
  lawn trials runs/embedded --arm sgd --stage confirm --json | jq '.[].test'
  lawn trials runs/embedded --retired                trials that an extension took out of the plan")]
pub(super) struct Trials {
    /// Directory of the run.
    dir: PathBuf,
    /// These trials: an index in the plan, an id, or the beginning of an id [default: all].
    #[arg(value_name = "TRIAL")]
    trials: Vec<String>,
    /// Trials of this arm; any number of times.
    #[arg(long = "arm", value_name = "ARM")]
    arms: Vec<String>,
    /// Trials of this task; any number of times.
    #[arg(long = "task", value_name = "TASK")]
    tasks: Vec<String>,
    /// Trials of this batch size; any number of times.
    #[arg(long = "batch", value_name = "B")]
    batch_sizes: Vec<u64>,
    /// Trials of this stage: tune or confirm; any number of times.
    #[arg(long = "stage", value_name = "STAGE", value_parser = stage)]
    stages: Vec<Stage>,
    /// Trials of this setting, by its index; any number of times.
    #[arg(long = "setting", value_name = "K")]
    settings: Vec<usize>,
    /// Trials of this seed; any number of times.
    #[arg(long = "seed", value_name = "N")]
    seeds: Vec<u64>,
    /// Trials that ended so, or that are running or waiting; any number of times.
    #[arg(long = "outcome", value_name = "OUTCOME", value_parser = state)]
    states: Vec<String>,
    /// The trials of earlier plans that are none of the plan any more. By its id, one is shown without
    /// this, too.
    #[arg(long)]
    retired: bool,
    /// Say all of each: hyper-parameters, measurements, errors, files.
    #[arg(long, conflicts_with = "log")]
    show: bool,
    /// Print what each measured on its way, and what its process wrote to standard error.
    #[arg(long)]
    log: bool,
    /// Print JSON: a list of what is asked for.
    #[arg(long)]
    json: bool,
}

fn stage(text: &str) -> Result<Stage, String> {
    match text {
        "tune" => Ok(Stage::Tune),
        "confirm" => Ok(Stage::Confirm),
        _ => Err(allowed(["tune", "confirm"])),
    }
}

fn state(text: &str) -> Result<String, String> {
    let outcomes = Outcome::ALL.iter().map(|outcome| outcome.as_str());
    let all: Vec<&str> = outcomes.chain(NOT_OVER).collect();
    match all.contains(&text) {
        true => Ok(text.to_owned()),
        false => Err(allowed(all)),
    }
}

impl Trials {
    pub(super) fn run(self) -> Result<Exit, Error> {
        let filter = Filter {
            trials: self.trials,
            tasks: self.tasks,
            arms: self.arms,
            batch_sizes: self.batch_sizes,
            stages: self.stages,
            settings: self.settings,
            seeds: self.seeds,
            states: self.states,
            retired: self.retired,
        };
        let run = RunDir::new(self.dir);
        let (plan, entries) = trials::list(&run, &filter)?;
        if entries.is_empty() {
            streams::say(match filter.retired {
                true => "no trial was taken out of the plan, of those that are asked for",
                false => "no trial is all that is asked for",
            });
        }
        if self.show {
            let all = entries.into_iter().map(|entry| entry.details(&run));
            let all = all.collect::<Result<Vec<_>, _>>()?;
            let texts: Vec<String> = all.iter().map(trials::describe).collect();
            print(&if self.json {
                to_json(&all)
            } else {
                still(&texts.join("\n"))
            });
        } else if self.log {
            let all = entries.into_iter().map(|entry| entry.log(&run));
            let all = all.collect::<Result<Vec<_>, _>>()?;
            let texts: Vec<String> = all.iter().map(trials::describe_log).collect();
            print(&if self.json {
                to_json(&all)
            } else {
                still(&texts.join("\n"))
            });
        } else {
            print(&match self.json {
                true => to_json(&entries),
                false => trials::table(&plan, &entries),
            });
        }
        Ok(Exit::Ok)
    }
}
