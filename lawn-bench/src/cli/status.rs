use std::io::IsTerminal;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use clap::Args;

use super::output::{print, to_json};
use crate::Error;
use crate::Exit;
use crate::plan::Plan;
use crate::process::streams;
use crate::report::status;
use crate::run::run_dir::RunDir;
use crate::watch::PAUSE;

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  lawn status runs/embedded
  lawn status runs/embedded --watch
  lawn status runs/embedded --batch 16000      who leads there
  lawn status runs/embedded --json | jq .failures")]
pub(super) struct Status {
    /// Directory of the run.
    dir: PathBuf,
    /// Print JSON.
    #[arg(long)]
    json: bool,
    /// Say which cells, trials at work, failures and leaders are of this batch size, any number of
    /// times; counts of trials are of the whole run.
    #[arg(long = "batch", value_name = "B")]
    batch_sizes: Vec<u64>,
    /// Print it again every SECONDS (2 where no number is given), until the run is over or has been
    /// stopped.
    #[arg(long, value_name = "SECONDS", num_args = 0..=1, default_missing_value = "2",
          value_parser = clap::value_parser!(u64).range(1..))]
    watch: Option<u64>,
}

impl Status {
    pub(super) fn run(self) -> Result<Exit, Error> {
        let run = RunDir::new(self.dir);
        let sizes = &self.batch_sizes;
        if !sizes.is_empty() {
            let sweep = Plan::read(&run)?.sweep;
            sweep.require_batch_sizes(sizes)?;
        }
        let mut stopped: Option<Instant> = None;
        loop {
            let status = status::Status::read(&run)?;
            let rest = status.at_rest().filter(|_| self.watch.is_some());
            let is_over = match &rest {
                None => {
                    stopped = None;
                    false
                }
                Some(_) if status.is_over() => true,
                Some(_) => stopped.get_or_insert_with(Instant::now).elapsed() > PAUSE,
            };
            let status = match sizes.is_empty() {
                true => status,
                false => status.at(sizes),
            };
            let text = if self.json {
                to_json(&status)
            } else {
                status.render()
            };
            let screen = self.watch.is_some() && !self.json && std::io::stdout().is_terminal();
            print(&if screen { repainted(&text) } else { text });
            match self.watch {
                // Nobody sees what is printed next.
                Some(seconds) if !is_over && streams::is_read() => {
                    std::thread::sleep(Duration::from_secs(seconds));
                }
                _ => {
                    if let Some(said) = rest.filter(|_| stopped.is_some()) {
                        streams::say(&said);
                    }
                    return Ok(Exit::Ok);
                }
            }
        }
    }
}

/// Paints `text` over the screen from its top. What it does not cover is erased, and what it
/// covers is never blank in between.
fn repainted(text: &str) -> String {
    format!("\x1b[H{}\x1b[J", text.replace('\n', "\x1b[K\n"))
}
