//! `lawn watch`: the report's page of a run, renewed while the run goes on, for this machine alone.

mod head;
mod pages;
mod server;
mod silent;

use std::io;
use std::time::{Duration, Instant};

use crate::Error;
use crate::process::streams;
use crate::run::run_dir::RunDir;
use pages::Pages;
use server::Server;

/// Time for open pages to ask once more after the sweep is over.
const GRACE: Duration = Duration::from_secs(5);

/// Serves the page of `run` on `port` of this machine, on any free one for 0. `opened` is told its
/// address. It ends with the sweep, unless it is to `stay`.
///
/// # Errors
///
/// As [`Plan::read`](crate::plan::Plan::read) for a folder that is no run; [`Error::NoPort`] where
/// the port is taken.
pub(crate) fn watch(
    run: &RunDir,
    port: u16,
    stay: bool,
    opened: impl FnOnce(&str),
) -> Result<(), Error> {
    let pages = Pages::new(run)?;
    let server = Server::bind(port).map_err(|source: io::Error| Error::NoPort { port, source })?;
    opened(&format!("http://{}/", server.address()));
    if pages.is_over() && !stay {
        streams::say(
            "the sweep is over: the page stays for a few seconds, with --stay until Ctrl-C",
        );
    }
    let mut over: Option<Instant> = None;
    server.serve(&pages, || {
        if stay || !pages.is_over() {
            over = None;
            return false;
        }
        over.get_or_insert_with(Instant::now).elapsed() > GRACE
    });
    Ok(())
}
