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
use pages::{Pages, Sight};
use server::Server;

/// Time for open pages to ask once more after the sweep is over.
const GRACE: Duration = Duration::from_secs(5);

/// Time that nobody works on a run with trials left before it is taken for stopped: its launcher may just
/// begin, or be started again.
pub(crate) const PAUSE: Duration = Duration::from_secs(10);

/// Time that a run is not there before it is taken for gone: a folder is deleted file by file.
const GONE: Duration = Duration::from_secs(1);

/// Serves the page of `run` on `port` of this machine, on any free one for 0. `opened` is told its
/// address. It ends with the sweep, over or stopped, unless it is to `stay`, and says which; and with the
/// folder of the run.
///
/// # Errors
///
/// As [`Plan::read`](crate::plan::Plan::read) for a folder that is no run; [`Error::NoPort`] where
/// the port is taken; [`Error::NoRun`] where the folder is deleted meanwhile.
pub(crate) fn watch(
    run: &RunDir,
    port: u16,
    stay: bool,
    opened: impl FnOnce(&str),
) -> Result<(), Error> {
    let pages = Pages::new(run)?;
    let server = Server::bind(port).map_err(|source: io::Error| Error::NoPort { port, source })?;
    opened(&format!("http://{}/", server.address()));
    if let Sight::AtRest(rest) = pages.sight()
        && !stay
    {
        let how = match rest.is_over {
            true => "the sweep is over",
            false => "nobody works on this run",
        };
        streams::say(&format!(
            "{how}: the page stays for a few seconds, with --stay until Ctrl-C"
        ));
    }
    let mut since: Option<Instant> = None;
    server.serve(&pages, || {
        let patience = match pages.sight() {
            Sight::Gone => GONE,
            Sight::AtRest(rest) if rest.is_over && !stay => GRACE,
            Sight::AtRest(_) if !stay => PAUSE,
            Sight::AtRest(_) | Sight::AtWork => {
                since = None;
                return false;
            }
        };
        since.get_or_insert_with(Instant::now).elapsed() > patience
    });
    match pages.sight() {
        Sight::Gone => return Err(Error::run_deleted(run.root())),
        Sight::AtRest(rest) => streams::say(&rest.said),
        Sight::AtWork => {}
    }
    Ok(())
}
