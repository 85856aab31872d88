use std::path::PathBuf;

use clap::Args;

use super::exit::Exit;
use super::output::{print, to_json};
use crate::{Error, config, plan, render};

#[derive(Debug, Args)]
#[command(after_help = "Example: lawn plan lawn-bench/studies/ml-1m.toml")]
pub(super) struct Plan {
    /// The sweep file.
    file: PathBuf,
    /// Print the whole plan as JSON.
    #[arg(long)]
    json: bool,
}

impl Plan {
    pub(super) fn run(self) -> Result<Exit, Error> {
        let plan = plan::Plan::new(config::load(&self.file)?, Default::default());
        print(&if self.json {
            to_json(&plan)
        } else {
            describe(&plan)
        });
        Ok(Exit::Ok)
    }
}

/// The plan as a table: what is trained, how often, how long.
fn describe(plan: &plan::Plan) -> String {
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
        "{}: {} trials of {}\n\n{}",
        sweep.name,
        plan.trials.len(),
        sweep.budget,
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
