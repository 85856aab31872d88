use std::path::PathBuf;

use clap::Args;
use lawn_models::{Floor, Split};
use serde::Serialize;

use super::output::{print, to_json};
use super::values::{DataRoot, Sets};
use crate::Exit;
use crate::plan::Plan;
use crate::report::render;
use crate::run::floors::{self as known, KnownFloor};
use crate::run::run_dir::RunDir;
use crate::{Error, data};

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  lawn floors lawn-bench/studies/embedded.toml
  lawn floors runs/embedded
  lawn floors lawn-bench/studies/embedded.toml --set tasks.synthetic.generated.users=500
  lawn floors lawn-bench/studies/ml-1m.toml --data-root ~/data --test")]
pub(super) struct Floors {
    /// The sweep file whose tasks are measured, or the directory of a run.
    file: PathBuf,
    #[command(flatten)]
    sets: Sets,
    #[command(flatten)]
    data: DataRoot,
    /// Measure on the test split too. What `lawn plan` says of the data, test included, is said
    /// either way, and what it refuses is refused.
    #[arg(long)]
    test: bool,
    /// Print JSON.
    #[arg(long)]
    json: bool,
    /// Write what is measured into the run, for its leaderboard: what a sweep calls.
    #[arg(long, hide = true)]
    keep: bool,
}

/// The floors of one task.
#[derive(Debug, Serialize)]
struct TaskFloors {
    task: String,
    floors: Vec<Floor>,
}

impl Floors {
    pub(super) fn run(self) -> Result<Exit, Error> {
        if self.keep {
            end_with_launcher();
        }
        let root = self.data.folder();
        let run = self.file.is_dir().then(|| RunDir::new(&self.file));
        let tasks = match &run {
            Some(run) => Plan::read(run)?.sweep.tasks,
            None => self.sets.read(&self.file)?.sweep()?.tasks,
        };
        data::find(&tasks, root)?;
        let of_files = tasks.iter().filter(|task| task.config.needs_data_root());
        let mut said = data::Said::default();
        for (task, root) in of_files.zip(root.into_iter().cycle()) {
            data::say_notes(&task.config, root, &mut said)?;
        }
        let measured = tasks
            .into_iter()
            .map(|task| {
                Ok(TaskFloors {
                    floors: lawn_models::floors(&task.config, root, self.test)?,
                    task: task.name,
                })
            })
            .collect::<Result<Vec<_>, Error>>()?;
        if let Some(run) = run.filter(|_| self.keep && !self.test) {
            let tasks = measured.into_iter().map(|one| {
                let floors = one.floors.into_iter().map(KnownFloor::from);
                (one.task, floors.collect())
            });
            let tasks = tasks.collect();
            known::Floors { tasks }.write(&run)?;
            return Ok(Exit::Ok);
        }
        print(&if self.json {
            to_json(&measured)
        } else {
            describe(&measured)
        });
        Ok(Exit::Ok)
    }
}

/// Ends this process once its standard input does: a launcher that is killed leaves nothing running.
fn end_with_launcher() {
    std::thread::spawn(|| {
        let _ = std::io::copy(&mut std::io::stdin(), &mut std::io::sink());
        std::process::exit(i32::from(Exit::Stopped.code()));
    });
}

fn describe(measured: &[TaskFloors]) -> String {
    let rows: Vec<Vec<String>> = measured
        .iter()
        .flat_map(|task| {
            task.floors.iter().flat_map(|floor| {
                floor.measurements.iter().map(|one| {
                    vec![
                        task.task.clone(),
                        floor.predictor.to_owned(),
                        match one.split {
                            Split::Train => "train",
                            Split::Validation => "validation",
                            Split::Test => "test",
                        }
                        .to_owned(),
                        one.metric.clone(),
                        format!("{:.4}", one.value),
                    ]
                })
            })
        })
        .collect();
    render::table(&["task", "predictor", "split", "metric", "value"], &rows)
}
