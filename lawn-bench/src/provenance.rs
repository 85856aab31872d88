//! What a run was made with: one entry each time the sweep was launched.

use serde::{Deserialize, Serialize};

use crate::run_dir::RunDir;
use crate::{Error, files};

/// Schema of `provenance.json`.
pub const SCHEMA: u32 = 1;

/// The content of `provenance.json`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Provenance {
    /// One entry a launch, the first made the plan.
    pub launches: Vec<Launch>,
}

/// What one launch of the sweep ran with.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Launch {
    /// Version of this command.
    pub lawn: String,
    /// Version of libtorch.
    pub libtorch: String,
    /// Operating system and architecture.
    pub system: String,
    /// Logical processors that this process may use.
    pub processors: usize,
    /// The command line.
    pub command: Vec<String>,
    /// Seconds since 1970-01-01 00:00 UTC.
    pub unix_seconds: u64,
}

impl Launch {
    fn now() -> Self {
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        Self {
            lawn: env!("CARGO_PKG_VERSION").into(),
            libtorch: lawn_models::probe().libtorch,
            system: format!("{} {}", std::env::consts::OS, std::env::consts::ARCH),
            processors: std::thread::available_parallelism().map_or(1, usize::from),
            command: std::env::args().collect(),
            unix_seconds: since.map_or(0, |since| since.as_secs()),
        }
    }
}

/// Adds this launch to the run's provenance.
///
/// # Errors
///
/// As [`files::read_json`] and [`files::write_json`].
pub fn record(run: &RunDir) -> Result<(), Error> {
    let mut provenance = read(run)?;
    provenance.launches.push(Launch::now());
    files::write_json(&run.provenance(), SCHEMA, &provenance)
}

fn read(run: &RunDir) -> Result<Provenance, Error> {
    let path = run.provenance();
    if path.exists() {
        files::read_json(&path, SCHEMA)
    } else {
        Ok(Provenance::default())
    }
}

/// The provenance as name and value, for the report.
///
/// # Errors
///
/// As [`files::read_json`].
pub fn lines(run: &RunDir) -> Result<Vec<(String, String)>, Error> {
    let provenance = read(run)?;
    let Some(first) = provenance.launches.first() else {
        return Ok(Vec::new());
    };
    Ok(vec![
        ("lawn".into(), first.lawn.clone()),
        ("libtorch".into(), first.libtorch.clone()),
        (
            "system".into(),
            format!("{}, {} processors", first.system, first.processors),
        ),
        ("command".into(), first.command.join(" ")),
        ("launches".into(), provenance.launches.len().to_string()),
    ])
}
