//! The command line: what can be asked, and which module answers.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, CommandFactory, Parser, Subcommand};

use crate::plan::Plan;
use crate::run_dir::RunDir;
use crate::status::Status;
use crate::sweep::{End, Request};
use crate::{Error, config, doctor, render, retry, sweep, trial};
use lawn_analysis::records::{Outcome, Word};

const EXIT_CODES: &str = "\
Exit codes: 0 all is well; 1 something failed, and was said; 2 the command line, the sweep file \
or the directory is wrong; 3 the sweep is finished and some of its trials failed; 130 stopped by a \
signal, the same command goes on";

/// Large-batch training with and without Logit Attenuating Weight Normalization.
#[derive(Debug, Parser)]
#[command(name = "lawn", version, arg_required_else_help = true, after_help = EXIT_CODES)]
pub struct Cli {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Say what was found here (libtorch, CUDA, threads, data sets), and what to do about the rest.
    #[command(after_help = "Example: lawn doctor --data-root ~/data")]
    Doctor {
        #[command(flatten)]
        data: DataRoot,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Make synthetic data sets, or list those under the data root.
    #[command(subcommand)]
    Data(Data),
    /// Print the trials that a sweep file asks for, without running any.
    #[command(after_help = "Example: lawn plan lawn-bench/studies/ml-1m.toml")]
    Plan {
        /// The sweep file.
        file: PathBuf,
        /// Print the whole plan as JSON.
        #[arg(long)]
        json: bool,
    },
    /// Tune, freeze, confirm and report a sweep; goes on with what is left of one.
    #[command(after_help = "\
Examples:
  lawn sweep lawn-bench/studies/embedded.toml --workers 2
  lawn sweep lawn-bench/studies/ml-1m.toml --data-root ~/data
  lawn sweep runs/ml-1m                 go on with a run that was stopped")]
    Sweep {
        /// A sweep file, or the directory of a run.
        target: PathBuf,
        /// Directory of the run [default: runs/NAME].
        #[arg(long, value_name = "DIR")]
        out: Option<PathBuf>,
        /// Trials trained at the same time [default: resources.workers of the sweep].
        #[arg(long, value_name = "N", value_parser = positive)]
        workers: Option<usize>,
        #[command(flatten)]
        data: DataRoot,
        /// Show no progress.
        #[arg(long, short)]
        quiet: bool,
    },
    /// Train one trial of a run in this process: what every engine calls.
    #[command(after_help = "Example: lawn trial runs/embedded --index 0")]
    Trial {
        /// Directory of the run.
        dir: PathBuf,
        /// Index of the trial in the plan.
        #[arg(long, value_name = "K")]
        index: usize,
        #[command(flatten)]
        data: DataRoot,
    },
    /// Say how far a run is.
    #[command(after_help = "Example: lawn status runs/embedded")]
    Status {
        /// Directory of the run.
        dir: PathBuf,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Forget how failed trials ended, so that `lawn sweep DIR` runs them again.
    #[command(after_help = "Example: lawn retry runs/embedded --outcome crashed --outcome timeout")]
    Retry {
        /// Directory of the run.
        dir: PathBuf,
        /// Outcome to retry; any number of times.
        #[arg(long = "outcome", value_name = "OUTCOME", required = true, value_parser = failure)]
        outcomes: Vec<Outcome>,
    },
    /// Merge a run's records and write its report from what is there.
    #[command(after_help = "Example: lawn report runs/embedded")]
    Report {
        /// Directory of the run.
        dir: PathBuf,
    },
    /// Print completions for a shell.
    #[command(
        after_help = "Example: lawn completions bash > ~/.local/share/bash-completion/completions/lawn"
    )]
    Completions {
        /// The shell.
        shell: clap_complete::Shell,
    },
}

#[derive(Debug, Subcommand)]
enum Data {
    /// Write a synthetic data set in the format of the real ones.
    Make {
        /// Kind of data set.
        #[arg(value_parser = clap::builder::PossibleValuesParser::new(lawn_models::TaskConfig::KINDS))]
        kind: String,
        /// Folder to write it to.
        #[arg(long, value_name = "DIR")]
        out: PathBuf,
        /// A size of it, as NAME=VALUE; any number of times. A wrong name is told what is allowed.
        #[arg(long = "set", value_name = "NAME=VALUE", value_parser = key_value)]
        set: Vec<(String, String)>,
    },
    /// List the data sets under the data root.
    List {
        #[command(flatten)]
        data: DataRoot,
    },
}

#[derive(Debug, Args)]
struct DataRoot {
    /// Folder that holds the data sets.
    #[arg(long = "data-root", value_name = "DIR", env = "LAWN_DATA")]
    data_root: Option<PathBuf>,
}

fn positive(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(0) | Err(_) => Err("must be a whole number of 1 or more".into()),
        Ok(number) => Ok(number),
    }
}

/// An outcome that a trial can be retried from.
fn failure(text: &str) -> Result<Outcome, String> {
    let failures = || {
        Outcome::ALL
            .iter()
            .filter(|&&outcome| outcome != Outcome::Ok)
    };
    failures()
        .copied()
        .find(|outcome| outcome.as_str() == text)
        .ok_or_else(|| {
            let allowed: Vec<&str> = failures().map(|outcome| outcome.as_str()).collect();
            format!("allowed: {}", allowed.join(", "))
        })
}

fn key_value(text: &str) -> Result<(String, String), String> {
    let (key, value) = text.split_once('=').ok_or("must be NAME=VALUE")?;
    Ok((key.to_owned(), value.to_owned()))
}

impl Cli {
    /// Does what was asked and says what is to be said; the result is the exit code.
    #[must_use]
    pub fn run(self) -> ExitCode {
        match self.verb.run() {
            Ok(code) => code,
            Err(error) => {
                eprintln!("{}", described(&error));
                ExitCode::from(error.exit_code())
            }
        }
    }
}

/// The error and what caused it. The sweep file's errors bring their own heading.
fn described(error: &Error) -> String {
    match error {
        Error::Config(error) => error.to_string(),
        error => format!("error: {error}"),
    }
}

impl Verb {
    fn run(self) -> Result<ExitCode, Error> {
        match self {
            Self::Doctor { data, json } => {
                let findings = doctor::examine(data.data_root.as_deref());
                print(&if json {
                    to_json(&findings)
                } else {
                    findings.render()
                });
                Ok(ExitCode::from(u8::from(!findings.is_well())))
            }
            Self::Data(Data::Make { kind, out, set }) => {
                make_data(&kind, &set, &out)?;
                print(&format!("made {}\n", out.display()));
                Ok(ExitCode::SUCCESS)
            }
            Self::Data(Data::List { data }) => {
                print(&doctor::data_sets(data.data_root.as_deref()));
                Ok(ExitCode::SUCCESS)
            }
            Self::Plan { file, json } => {
                let plan = Plan::new(config::load(&file)?);
                print(&if json {
                    to_json(&plan)
                } else {
                    describe(&plan)
                });
                Ok(ExitCode::SUCCESS)
            }
            Self::Sweep {
                target,
                out,
                workers,
                data,
                quiet,
            } => {
                let request = Request {
                    target,
                    out,
                    workers,
                    data_root: data.data_root,
                    quiet,
                };
                Ok(finished(&sweep::run(&request)?))
            }
            Self::Trial { dir, index, data } => {
                let outcome = trial::run(&RunDir::new(dir), index, data.data_root)?;
                Ok(match outcome {
                    Outcome::Ok => ExitCode::SUCCESS,
                    Outcome::Preempted => ExitCode::from(130),
                    _ => ExitCode::from(3),
                })
            }
            Self::Status { dir, json } => {
                let status = Status::read(&RunDir::new(dir))?;
                print(&if json {
                    to_json(&status)
                } else {
                    status.render()
                });
                Ok(ExitCode::SUCCESS)
            }
            Self::Retry { dir, outcomes } => {
                let forgotten = retry::retry(&RunDir::new(&dir), &outcomes)?;
                print(&format!(
                    "{forgotten} to be run again by `lawn sweep {}`\n",
                    dir.display()
                ));
                Ok(ExitCode::SUCCESS)
            }
            Self::Completions { shell } => {
                let mut script = Vec::new();
                clap_complete::generate(shell, &mut Cli::command(), "lawn", &mut script);
                print(&String::from_utf8_lossy(&script));
                Ok(ExitCode::SUCCESS)
            }
            Self::Report { dir } => {
                let run = RunDir::new(dir);
                let report = sweep::report(&run, &Plan::read(&run)?)?;
                print_report(&report);
                Ok(ExitCode::SUCCESS)
            }
        }
    }
}

/// Makes a synthetic data set. Sizes are JSON values, so that their type is that of the text.
fn make_data(kind: &str, sizes: &[(String, String)], out: &Path) -> Result<(), Error> {
    let mut options = serde_json::Map::from_iter([("kind".to_owned(), kind.into())]);
    for (name, value) in sizes {
        let value = serde_json::from_str(value).unwrap_or_else(|_| value.as_str().into());
        options.insert(name.clone(), value);
    }
    let what: lawn_models::MakeData =
        serde_json::from_value(options.into()).map_err(|error| Error::MakeData {
            kind: kind.to_owned(),
            detail: error.to_string(),
        })?;
    Ok(lawn_models::make_data(&what, out)?)
}

fn finished(end: &End) -> ExitCode {
    match end {
        End::Finished { report, failed } => {
            print_report(report);
            ExitCode::from(if *failed == 0 { 0 } else { 3 })
        }
        End::Stopped { run } => {
            eprintln!("stopped; `lawn sweep {}` goes on", run.display());
            ExitCode::from(130)
        }
    }
}

fn print_report(report: &lawn_analysis::ReportFiles) {
    let summary = std::fs::read_to_string(&report.summary).unwrap_or_default();
    print(&format!(
        "{}\n\nreport: {}\n",
        summary.trim_end(),
        report.html.display()
    ));
}

/// The plan as a table: what is trained, how often, how long.
fn describe(plan: &Plan) -> String {
    let sweep = &plan.sweep;
    let rows: Vec<Vec<String>> = plan
        .cells()
        .into_iter()
        .map(|cell| {
            let count = |stage| {
                plan.trials
                    .iter()
                    .filter(|trial| trial.cell == cell && trial.stage == stage)
                    .count()
            };
            vec![
                cell.task.clone(),
                cell.arm.clone(),
                cell.batch_size.to_string(),
                count(lawn_models::Stage::Tune).to_string(),
                count(lawn_models::Stage::Confirm).to_string(),
            ]
        })
        .collect();
    format!(
        "{}: {} trials of {} epochs\n\n{}",
        sweep.name,
        plan.trials.len(),
        sweep.epochs,
        render::table(
            &[
                "task",
                "arm",
                "batch size",
                "tuning trials",
                "confirmation trials"
            ],
            &rows
        )
    )
}

fn to_json<T: serde::Serialize>(value: &T) -> String {
    serde_json::to_string_pretty(value).unwrap_or_default() + "\n"
}

/// Writes to standard output; a reader that went away, as `head` does, is no error.
fn print(text: &str) {
    let _ = std::io::stdout().lock().write_all(text.as_bytes());
}
