use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Instant;

use clap::Args;
use serde::Serialize;

use super::output::{print, to_json};
use super::values::{DataRoot, Sets, ranks};
use crate::Exit;
use crate::count::count;
use crate::plan::choices::Frozen;
use crate::plan::estimate::{self, Measurement};
use crate::plan::{Only, advice, examination};
use crate::process::{shell, streams};
use crate::report::{of_ranks, outline};
use crate::run::run_dir::RunDir;
use crate::{Error, data, plan, sweep};

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  lawn plan lawn-bench/studies/embedded.toml
  lawn plan lawn-bench/studies/ml-1m.toml --data-root ~/data --earlier runs/ml-1m
  lawn plan lawn-bench/studies/embedded.toml --only adam
  lawn plan lawn-bench/studies/embedded.toml --no-calibrate --out runs/by-hand   for lawn trial
  lawn plan lawn-bench/studies/embedded.toml --set budget.epochs=5 --no-calibrate")]
pub(super) struct Plan {
    /// The sweep file.
    file: PathBuf,
    #[command(flatten)]
    sets: Sets,
    #[command(flatten)]
    data: DataRoot,
    /// Say what these arms, tasks or batch sizes take (adam,1024, or arms.adam, tasks.ml-1m,
    /// batch_sizes.1024); any number of times.
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    only: Vec<String>,
    /// Processes that train one trial together [default: resources.ranks of the sweep].
    #[arg(long, value_name = "N", value_parser = ranks, allow_negative_numbers = true)]
    ranks: Option<usize>,
    /// Train no steps, and say nothing about time, memory, sizes and constrained parameters. Each
    /// task is still set up, so that what no trial could train is refused.
    #[arg(long)]
    no_calibrate: bool,
    /// An earlier run: a setting that it chose at the border of its range is warned about
    /// [default: runs/NAME].
    #[arg(long, value_name = "DIR")]
    earlier: Option<PathBuf>,
    /// Make the run in this folder and train nothing of it: `lawn sweep DIR` then trains all of it, and
    /// `lawn trial DIR --index K` one trial, as under torchrun or srun by hand.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Print the whole plan, what was measured and the warnings as JSON.
    #[arg(long)]
    json: bool,
    /// Measure one trial, told on standard input as FILE `-`: what calibration calls.
    #[arg(long, hide = true)]
    measure: bool,
    /// Examine trials by task, told on standard input as FILE `-`: what planning calls.
    #[arg(long, hide = true)]
    examine: bool,
}

/// What `--json` prints.
#[derive(Serialize)]
struct Printed<'a> {
    plan: &'a plan::Plan,
    /// Of cells whose data are known.
    lengths: Vec<CellLength<'a>>,
    measured: Vec<MeasuredCell<'a>>,
    /// None where nothing was measured.
    load: Option<Load>,
    warnings: &'a [String],
}

/// How long a trial of a cell is.
#[derive(Serialize)]
struct CellLength<'a> {
    #[serde(flatten)]
    cell: &'a plan::Cell,
    steps: u64,
    samples: u64,
}

/// What other processes took of the machine while it was measured.
#[derive(Serialize)]
struct Load {
    /// The greatest part of the time of a step that it waited for them.
    waited: f64,
    /// Which machine the seconds are of: one without that load.
    seconds_are_of: &'static str,
}

impl Load {
    fn of(measured: &BTreeMap<plan::Cell, Measurement>) -> Option<Self> {
        let waited = measured.values().map(|found| found.waited);
        Some(Self {
            waited: waited.reduce(f64::max)?,
            seconds_are_of: "quiet-machine",
        })
    }
}

#[derive(Serialize)]
struct MeasuredCell<'a> {
    #[serde(flatten)]
    cell: &'a plan::Cell,
    #[serde(flatten)]
    measured: &'a Measurement,
    /// Seconds of one whole trial, from the start of its process.
    trial_seconds: Option<f64>,
}

impl Plan {
    pub(super) fn run(self) -> Result<Exit, Error> {
        let began = Instant::now();
        if self.examine {
            let request: examination::Request = told()?;
            request.examine_here(|found| {
                print(&(serde_json::to_string(found).unwrap_or_default() + "\n"));
            });
            return Ok(Exit::Ok);
        }
        if self.measure {
            return measure();
        }
        let root = self.data.folder();
        let file = self.sets.read(&self.file)?;
        let mut sweep = file.sweep()?;
        let asked = sweep.resources.ranks;
        if let Some(ranks) = self.ranks {
            sweep.resources.ranks = ranks;
        }
        let checksums = match root {
            Some(root) => {
                data::find(&sweep.tasks, Some(root))?;
                data::checksums(&sweep.tasks, root)
                    .map_err(|error| examination::at_its_key(&file, error))?
            }
            None => BTreeMap::new(),
        };
        let mut plan = plan::Plan::new(sweep, checksums);
        // Which engine will train it nobody has said yet; a file that asks something of a cluster means it.
        let place = match plan.sweep.engines == Default::default() {
            true => examination::Where::Here,
            false => examination::Where::Elsewhere,
        };
        let examined = examination::examine(&file, &plan, root, place)?;
        if let Some(out) = &self.out {
            self.make(out, &plan, asked, &file.written()?)?;
        }
        let only = Only::new(&self.only, &plan.sweep)?;
        plan.trials.retain(|trial| only.has(&trial.cell));
        let (measured, mut warnings) = self.measured(&plan, began)?;
        warnings.extend(examined.warnings);
        warnings.extend(file.notes()?);
        warnings.extend(advice::warnings(
            &plan,
            &examined.samples,
            &measured,
            self.frozen(&plan)?.as_ref(),
        ));
        warnings.extend(of_ranks::shortage(&plan, &measured));
        let cells = plan.cells();
        print(&if self.json {
            to_json(&Printed {
                plan: &plan,
                lengths: cells
                    .iter()
                    .filter_map(|cell| {
                        let length = outline::length(&plan, cell, &examined.samples)?;
                        let (steps, samples) = (length.steps, length.samples);
                        Some(CellLength {
                            cell,
                            steps,
                            samples,
                        })
                    })
                    .collect(),
                measured: measured
                    .iter()
                    .map(|(cell, measured)| MeasuredCell {
                        cell,
                        measured,
                        trial_seconds: outline::cell_seconds(&plan, cell, measured)
                            .map(|one| one.0),
                    })
                    .collect(),
                load: Load::of(&measured),
                warnings: &warnings,
            })
        } else {
            outline::describe(&plan, &examined.samples, &measured, &warnings)
        });
        Ok(Exit::Ok)
    }

    /// Makes the run in `out`. `ranks` are those of the file: others are told to who trains.
    fn make(&self, out: &Path, plan: &plan::Plan, ranks: usize, text: &str) -> Result<(), Error> {
        let mut plan = plan.clone();
        plan.sweep.resources.ranks = ranks;
        let run = RunDir::new(out);
        sweep::make(&run, &plan, &self.file, text)?;
        let [sweep, trial] = ["sweep", "trial"].map(|verb| shell::lawn(verb, out));
        streams::say(&format!(
            "{} planned in {}: `{sweep}` trains them, `{trial} --index K` one of them",
            count(plan.trials.len(), "trial"),
            out.display(),
        ));
        Ok(())
    }

    /// What the cells take, and why some could not be measured.
    fn measured(
        &self,
        plan: &plan::Plan,
        began: Instant,
    ) -> Result<(BTreeMap<plan::Cell, Measurement>, Vec<String>), Error> {
        let root = self.data.folder();
        if self.no_calibrate {
            return Ok(Default::default());
        }
        let tasks = &plan.sweep.tasks;
        if root.is_none() && tasks.iter().any(|task| task.config.needs_data_root()) {
            let warning =
                "nothing was measured, as the data sets are not known; give --data-root DIR";
            return Ok((BTreeMap::new(), vec![warning.into()]));
        }
        estimate::measure(plan, root, began.elapsed(), streams::say)
    }

    /// How the earlier run was tuned, if there is one.
    fn frozen(&self, plan: &plan::Plan) -> Result<Option<Frozen>, Error> {
        match &self.earlier {
            Some(dir) => {
                let run = RunDir::new(dir);
                plan::Plan::read(&run)?;
                Frozen::read(&run)
            }
            // One that cannot be read is no reason to refuse a plan.
            None => {
                let run = RunDir::new(Path::new("runs").join(&plan.sweep.name));
                Ok(Frozen::read(&run).ok().flatten())
            }
        }
    }
}

/// What standard input says.
fn told<T: serde::de::DeserializeOwned>() -> Result<T, Error> {
    serde_json::from_reader(std::io::stdin().lock())
        .map_err(|error| Error::damaged("standard input", error.to_string()))
}

/// Measures what standard input asks for.
fn measure() -> Result<Exit, Error> {
    let probe: estimate::Probe = told()?;
    probe.measure_here(print)?;
    Ok(Exit::Ok)
}
