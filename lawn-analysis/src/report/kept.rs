//! Records of a finished study that are kept, so that its report can be made without training.

use std::fs;
use std::path::Path;

use super::contents::Contents;
use super::writing::REQUEST;
use crate::error::Error;
use crate::records::Records;
use crate::request::ReportRequest;

/// The most bytes that the kept records of all studies may have together.
pub const MOST_KEPT_BYTES: u64 = 5_000_000;

/// What provenance calls the command line, which names folders of the machine that it ran on.
const COMMAND: &str = "command";

/// A finished study: its records, and what was asked of them.
#[derive(Clone, Debug)]
pub struct KeptStudy {
    /// The name of its folder.
    pub name: String,
    /// What was asked.
    pub request: ReportRequest,
    /// What was recorded.
    pub records: Records,
}

impl KeptStudy {
    /// Reads the folder of a kept study: the four tables, and `request.json`.
    ///
    /// # Errors
    /// As [`Records::load`]; [`Error::Findings`] for a request that cannot be read.
    pub fn load(dir: &Path) -> Result<Self, Error> {
        let path = dir.join(REQUEST);
        let text = fs::read(&path).map_err(|source| Error::Io {
            path: path.clone(),
            source,
        })?;
        let request = parsed(&path, &text)?;
        let name = dir.file_name().unwrap_or(dir.as_os_str());
        Ok(Self {
            name: name.to_string_lossy().into_owned(),
            request,
            records: Records::load(dir)?,
        })
    }

    /// Copies what is kept of a finished run into a folder: of a run that `lawn sweep` made its
    /// `records` and `report/request.json`. Norms of single parameters, which no finding rests on,
    /// and the command line are left out.
    ///
    /// # Errors
    /// As [`KeptStudy::load`] of the run, and as [`Records::write`].
    pub fn keep(run: &Path, into: &Path) -> Result<(), Error> {
        let io = |path: &Path| {
            let path = path.to_owned();
            move |source| Error::Io { path, source }
        };
        let request = run.join("report").join(REQUEST);
        let text = fs::read(&request).map_err(io(&request))?;
        let mut asked = parsed(&request, &text)?;
        asked.provenance.retain(|(what, _)| what != COMMAND);
        let mut records = Records::load(&run.join("records"))?;
        records.units.clear();
        records.write(into)?;
        let to = into.join(REQUEST);
        fs::write(&to, asked.to_json()).map_err(io(&to))
    }

    /// What its report says.
    pub(super) fn contents(&self) -> Result<Contents<'_>, Error> {
        Contents::new(&self.records, &self.request)
    }
}

fn parsed(path: &Path, text: &[u8]) -> Result<ReportRequest, Error> {
    serde_json::from_slice(text).map_err(|error| Error::Findings {
        path: path.to_owned(),
        why: format!("no request of a report: {error}"),
    })
}
