use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;

use super::output::{print, print_report};
use super::values::{DataRoot, Sets, positive, ranks};
use crate::Error;
use crate::Exit;
use crate::engine::EngineName;
use crate::engine::Limit;
use crate::process::{shell, streams};
use crate::report::render::count;
use crate::sweep::progress::{self, Show};
use crate::sweep::{self, End, ON_END_SECONDS, OnEnd, Request};

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  lawn sweep lawn-bench/studies/embedded.toml --workers 2
  lawn sweep lawn-bench/studies/ml-1m.toml --data-root ~/data
  lawn sweep lawn-bench/studies/embedded.toml --set budget.epochs=5 --out runs/short
  lawn sweep lawn-bench/studies/embedded.toml --unset defaults.decay --out runs/constant
  lawn sweep ml-1m.toml --max-failures 5%   stop early where something is wrong with all
  lawn sweep runs/ml-1m                 go on with a run that was stopped
  lawn sweep ml-1m.toml --extend        the file asks for more now: train that in the same run
  lawn sweep runs/ml-1m --extend --set confirmation.seeds=[1,2,3,4,5,6,7,8]
  lawn sweep ml-1m.toml --only adam     one arm or task now, the others later in the same run
  lawn sweep ml-1m.toml --on-end ./tell-me.sh   which reads $LAWN_OUTCOME, $LAWN_RUN and $LAWN_SUMMARY
  lawn sweep ml-1m.toml --engine slurm --dry-run   see the scripts, then without --dry-run")]
pub(super) struct Sweep {
    /// A sweep file, or the directory of a run.
    target: PathBuf,
    /// Directory of the run [default: runs/NAME].
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Trials trained at the same time [default: resources.workers of the sweep].
    #[arg(long, value_name = "N", value_parser = positive, allow_negative_numbers = true)]
    workers: Option<usize>,
    /// Processes that train one trial together [default: resources.ranks of the sweep].
    #[arg(long, value_name = "N", value_parser = ranks, allow_negative_numbers = true)]
    ranks: Option<usize>,
    #[command(flatten)]
    sets: Sets,
    /// Add to the plan of the run that is there: tasks, arms, batch sizes, settings and seeds.
    /// Every trial that both plans have stays as it is, and so does the name. Beside the directory of a run its own
    /// sweep file is meant, with what --set changes. With --dry-run, say what would be added.
    #[arg(long)]
    extend: bool,
    /// Run these arms, tasks or batch sizes alone (adam,1024, or arms.adam, tasks.ml-1m,
    /// batch_sizes.1024); any number of times. The rest of the plan stays to be run by the same
    /// command without it.
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    only: Vec<String>,
    #[command(flatten)]
    data: DataRoot,
    /// What runs the trials.
    #[arg(long, value_name = "NAME", value_enum, default_value_t)]
    engine: EngineName,
    /// Stop once more trials than N, or than this share of the plan, are crashed, out-of-memory
    /// or timeout; those that diverged do not count. The same command goes on, after `lawn retry`
    /// or with more allowed.
    #[arg(long, value_name = "N|P%", allow_negative_numbers = true)]
    max_failures: Option<Limit>,
    /// Call this line of shell once the sweep has come to its end, however it did. It finds in its
    /// environment LAWN_OUTCOME (finished, trials-failed, too-many-failed, stopped, handed-over or
    /// error), LAWN_EXIT_CODE, LAWN_RUN, LAWN_SUMMARY (the file of the report's summary),
    /// LAWN_LEFT (trials of the plan that are left to be run; nothing without a plan) and
    /// LAWN_MESSAGE. That it fails is said, and changes no exit code.
    #[arg(long, value_name = "COMMAND")]
    on_end: Option<String>,
    /// Kill the command of --on-end after so many seconds.
    #[arg(long, value_name = "SECONDS", default_value_t = ON_END_SECONDS as usize, value_parser = positive, allow_negative_numbers = true)]
    on_end_seconds: usize,
    /// Say what the engine would be asked for now, and run nothing.
    #[arg(long)]
    dry_run: bool,
    /// Show no progress.
    #[arg(long, short, conflicts_with = "json")]
    quiet: bool,
    /// Print an event a line as JSON on standard output, for programs.
    #[arg(long)]
    json: bool,
}

impl Sweep {
    pub(super) fn run(self) -> Result<Exit, Error> {
        let show = match (self.json, self.quiet) {
            (true, _) => Show::Events,
            (false, true) => Show::Nothing,
            (false, false) => Show::People,
        };
        let request = Request {
            target: self.target,
            sets: self.sets.sets,
            unsets: self.sets.unsets,
            extend: self.extend,
            only: self.only,
            out: self.out,
            workers: self.workers,
            ranks: self.ranks,
            data_root: self.data.folder().map(Path::to_owned),
            engine: self.engine,
            max_failures: self.max_failures,
            on_end: self.on_end.map(|command| OnEnd {
                command,
                limit: Duration::from_secs(self.on_end_seconds as u64),
            }),
            dry_run: self.dry_run,
            show,
        };
        let end = sweep::run(&request);
        let exit = match &end {
            Ok(end) => exit(end),
            Err(error) => error.exit(),
        };
        if let Some(on_end) = request.on_end.as_ref().filter(|_| !request.dry_run) {
            on_end.call(&request, &end, exit);
        }
        let end = end?;
        match self.json {
            true => progress::print_end(&end),
            false => say(&request, &end)?,
        }
        Ok(exit)
    }
}

fn exit(end: &End) -> Exit {
    match end {
        End::Finished { failed: 0, .. } | End::Described(_) | End::HandedOver { .. } => Exit::Ok,
        End::Finished { .. } => Exit::TrialsFailed,
        End::Stopped { .. } => Exit::Stopped,
    }
}

/// Says to people how the sweep came to its end.
fn say(request: &Request, end: &End) -> Result<(), Error> {
    match end {
        End::Finished { report, left, .. } => {
            print_report(report)?;
            if *left > 0 {
                let left = count(*left, "trial");
                let said = format!("{left} of the plan left, for which --only did not ask");
                streams::say(&said);
            }
        }
        End::Described(text) => print(text),
        End::HandedOver { run } => {
            let tells = shell::lawn("status", run);
            streams::say(&format!("handed over; `{tells}` tells"));
        }
        End::Stopped { run } => {
            let goes_on = request.goes_on(run);
            streams::say(&format!("stopped; `{goes_on}` goes on"));
        }
    }
    Ok(())
}
