//! Records of a finished study that are kept, so that its report can be made without training.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde::Deserialize;

use super::contents::Contents;
use super::writing::REQUEST;
use crate::error::Error;
use crate::records::Records;
use crate::request::ReportRequest;

/// The most bytes that the kept records of all studies may have together.
pub const MOST_KEPT_BYTES: u64 = 5_000_000;

/// What provenance calls the command line, which names folders of the machine that it ran on.
const COMMAND: &str = "command";

/// What a run has its floors in, and a kept study as well.
const FLOORS: &str = "floors.json";

/// A finished study: its records, and what was asked of them.
#[derive(Clone, Debug)]
pub struct KeptStudy {
    /// The name of its folder.
    pub name: String,
    /// What was asked.
    pub request: ReportRequest,
    /// What was recorded.
    pub records: Records,
    /// What each task gives without a net, where that is kept.
    pub floors: Vec<KeptFloor>,
}

/// What a task gives without a net, on its validation data.
#[derive(Clone, Debug, PartialEq)]
pub struct KeptFloor {
    /// The task.
    pub task: String,
    /// What answers, such as `logistic-regression`.
    pub predictor: String,
    /// Name of the metric.
    pub metric: String,
    /// Its value.
    pub value: f64,
}

/// The floors of a run, as `lawn sweep` writes them.
#[derive(Deserialize)]
struct FloorsFile {
    tasks: BTreeMap<String, Vec<Predictor>>,
}

#[derive(Deserialize)]
struct Predictor {
    predictor: String,
    measurements: Vec<Measured>,
}

#[derive(Deserialize)]
struct Measured {
    split: String,
    metric: String,
    value: f64,
}

impl KeptStudy {
    /// Whether a folder is that of a kept study, and not of a run, whose tables and request lie in folders of
    /// their own.
    #[must_use]
    pub fn is_kept(dir: &Path) -> bool {
        dir.join(REQUEST).is_file() && dir.join("trials.parquet").is_file()
    }

    /// Reads the folder of a kept study: the four tables, `request.json`, and `floors.json` where
    /// there is one.
    ///
    /// # Errors
    /// As [`Records::load`]; [`Error::Findings`] for a request or floors that cannot be read.
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
            floors: floors(&dir.join(FLOORS))?,
        })
    }

    /// Copies what is kept of a finished run into a folder: of a run that `lawn sweep` made its
    /// `records`, `report/request.json` and `floors.json`. Norms of single parameters, which no finding rests on,
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
        fs::write(&to, asked.to_json()).map_err(io(&to))?;
        let floors = run.join(FLOORS);
        if floors.exists() {
            fs::copy(&floors, into.join(FLOORS)).map_err(io(&floors))?;
        }
        Ok(())
    }

    /// What its report says.
    pub(super) fn contents(&self) -> Result<Contents<'_>, Error> {
        Contents::new(&self.records, &self.request)
    }
}

/// The floors of a file, on validation data; none where there is no such file.
fn floors(path: &Path) -> Result<Vec<KeptFloor>, Error> {
    let Ok(text) = fs::read(path) else {
        return Ok(Vec::new());
    };
    let file: FloorsFile = serde_json::from_slice(&text).map_err(|error| Error::Findings {
        path: path.to_owned(),
        why: format!("no floors of a run: {error}"),
    })?;
    let mut floors = Vec::new();
    for (task, predictors) in file.tasks {
        for Predictor {
            predictor,
            measurements,
        } in predictors
        {
            let measured = measurements
                .into_iter()
                .filter(|one| one.split == "validation");
            floors.extend(measured.map(|Measured { metric, value, .. }| KeptFloor {
                task: task.clone(),
                predictor: predictor.clone(),
                metric,
                value,
            }));
        }
    }
    Ok(floors)
}

fn parsed(path: &Path, text: &[u8]) -> Result<ReportRequest, Error> {
    serde_json::from_slice(text).map_err(|error| Error::Findings {
        path: path.to_owned(),
        why: format!("no request of a report: {error}"),
    })
}
