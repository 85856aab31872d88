//! `lawn report`: of a run, or of results made elsewhere.

mod options;
mod outside;
mod question;

use std::path::PathBuf;

use clap::Args;
use lawn_analysis::Width;
use lawn_analysis::records::RESULT_COLUMNS;
use lawn_analysis::report::KeptStudy;

use super::output::{print, print_report};
use super::values;
use crate::plan::Plan;
use crate::process::{shell, streams};
use crate::report::mlflow;
use crate::report::render::count;
use crate::run::run_dir::RunDir;
use crate::{Error, Exit, sweep};
use outside::Outside;
use question::Question;

const EXAMPLES: &str = "\
Examples:
  lawn report runs/embedded
  lawn report runs/embedded --width icml     figures for one column of ICML
  lawn report runs/embedded --json           the verdicts for a script
  lawn report runs/embedded --out /tmp/seen   of a run that you cannot write to
  lawn report runs/embedded --mlflow mlruns   its trials for MLflow
  lawn report studies/records/escape          of records that are kept without their run
  lawn report --from results.csv --out report
  lawn report --from results.csv --contrast sgd:mine --reference-batch 256 --margin accuracy=0.005
  lawn report --from optuna.csv --constant task=mine --column arm=params_optimizer
  lawn report --from wide.csv --wide 'accuracy_seed{seed}'";

/// What `--help` says after the options.
fn columns() -> String {
    let lines: String = RESULT_COLUMNS
        .lines()
        .map(|line| format!("  {line}\n"))
        .collect();
    format!(
        "{EXAMPLES}\n\nColumns of results.csv, one row a trial, in any order; others are ignored \
         and named. --column reads them from columns of other names:\n{lines}"
    )
}

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES, after_long_help = columns())]
pub(super) struct Report {
    /// Directory of the run, or of records that are kept of one: request.json and its tables.
    #[arg(required_unless_present = "from", conflicts_with = "from")]
    dir: Option<PathBuf>,
    /// Where the figures are printed, which says how wide they are [default: report.width of the
    /// sweep, else neurips].
    #[arg(long, value_name = "NAME", value_parser = values::width)]
    width: Option<Width>,
    /// Write the trials that are over into DIR, too, as MLflow's file store, which
    /// `mlflow ui --backend-store-uri DIR` shows; MLflow 3.17 wants MLFLOW_ALLOW_FILE_STORE=true.
    #[arg(long, value_name = "DIR", conflicts_with = "from")]
    mlflow: Option<PathBuf>,
    /// Print the verdicts as JSON: what verdicts.json of the report holds.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    given: Outside,
    #[command(flatten)]
    asked: Question,
}

impl Report {
    pub(super) fn run(self) -> Result<Exit, Error> {
        let files = match &self.dir {
            _ if self.given.is_given() => self.asked.report(&self.given, self.width)?,
            Some(dir) if KeptStudy::is_kept(dir) => {
                if self.mlflow.is_some() {
                    let found =
                        "records are kept here, and not the run that MLflow's files are made of";
                    return Err(question::wrong(dir, "--mlflow", found, &[]));
                }
                self.asked.report_kept(dir, self.width)?
            }
            Some(dir) => {
                let run = RunDir::new(dir);
                let (files, damaged) = sweep::report(
                    &run,
                    &Plan::read(&run)?,
                    self.width,
                    self.asked.out_of_run()?,
                )?;
                for damage in &damaged {
                    let again = shell::lawn("sweep", dir);
                    streams::say(&format!(
                        "{damage}; the trial is left out until `{again}` runs it again"
                    ));
                }
                files
            }
            // The parser asks for one of them.
            None => return Ok(Exit::Usage),
        };
        if let Some((dir, into)) = self.dir.as_ref().zip(self.mlflow.as_ref()) {
            let run = RunDir::new(dir);
            let trials = mlflow::export(&run, &Plan::read(&run)?, into)
                .map_err(|error| error.of_option("--mlflow", into))?;
            streams::say(&format!(
                "{} for MLflow: `MLFLOW_ALLOW_FILE_STORE=true mlflow ui --backend-store-uri {}`",
                count(trials, "trial"),
                shell::line([into])
            ));
        }
        if self.json {
            let path = &files.verdicts;
            let verdicts = std::fs::read_to_string(path).map_err(|source| Error::Io {
                action: "read",
                path: path.clone(),
                source,
            })?;
            print(&verdicts);
        } else {
            print_report(&files)?;
        }
        Ok(Exit::Ok)
    }
}
