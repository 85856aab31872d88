//! `lawn doctor`: what was found here, and what to do about what is missing.

use std::path::Path;

use lawn_models::{CudaProbe, DataError, DataSet};
use serde::Serialize;

use super::accelerators::accelerators;
use super::finding::{Finding, State};
use crate::engine::{EngineError, ray, slurm};
use crate::process::shell;
use crate::report::render;
use crate::{Error, data};

/// What was found.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Findings {
    /// One line a thing looked for.
    pub(crate) findings: Vec<Finding>,
}

/// Looks for libtorch, CUDA, processors, data sets and engines.
#[must_use]
pub(crate) fn examine(data_root: Option<&Path>) -> Findings {
    let probe = lawn_models::probe();
    let libtorch = Finding {
        what: "libtorch",
        state: State::Ok,
        found: probe.libtorch.clone(),
        advice: None,
    };
    let cuda = match &probe.cuda {
        CudaProbe::Available { devices } => Finding {
            what: "CUDA",
            state: State::Ok,
            found: format!("{devices} device(s)"),
            advice: None,
        },
        CudaProbe::Unavailable => Finding {
            what: "CUDA",
            state: State::Missing,
            found: "libtorch has it, no driver or no device was found".into(),
            advice: Some("sweeps run on the CPU; for CUDA, install the driver".into()),
        },
        CudaProbe::Unloadable { reason } => Finding {
            what: "CUDA",
            state: State::Missing,
            found: reason.clone(),
            advice: Some("sweeps run on the CPU; for CUDA, use a libtorch that has it".into()),
        },
    };
    let [cards, compiler, graphs] = accelerators(&probe.cuda);
    let processors = probe.cores;
    let kernels = lawn_models::kernel_threads();
    let has_all = kernels == probe.threads;
    let threads = Finding {
        what: "processors",
        state: if has_all { State::Ok } else { State::Wrong },
        found: format!(
            "{processors}; libtorch would use {} threads a trial, lawn's kernels {kernels}",
            probe.threads
        ),
        advice: if has_all {
            (processors > 1)
                .then(|| format!("workers × threads of a sweep should be {processors} at most"))
        } else {
            Some(
                "lawn's kernels do not find libtorch's OpenMP; use PyTorch's own build of it"
                    .into(),
            )
        },
    };
    Findings {
        findings: vec![
            libtorch,
            cuda,
            cards,
            compiler,
            graphs,
            threads,
            ranks_finding(),
            data_finding(data_root),
            slurm_finding(),
            ray_finding(),
        ],
    }
}

/// What the ranks of a trial can be connected by.
fn ranks_finding() -> Finding {
    Finding {
        what: "ranks",
        state: State::Ok,
        found: format!(
            "{} between the processes of one trial; NCCL is not in this build",
            lawn_models::RANK_BACKENDS.join(", ")
        ),
        advice: Some("gradients of GPUs pass through the memory of the host".into()),
    }
}

/// Whether `--engine slurm` finds its commands, and a Slurm behind them.
fn slurm_finding() -> Finding {
    let answer = slurm::version().and_then(|version| Ok((version, slurm::max_array_size()?)));
    let (state, found, advice) = match answer {
        Ok((version, size)) => (
            State::Ok,
            format!("{version}; arrays of {size} tasks at most"),
            None,
        ),
        Err(EngineError::Missing { .. }) => (
            State::Missing,
            "no sbatch on PATH".into(),
            Some("only `--engine slurm` needs it".into()),
        ),
        Err(error @ EngineError::Unconfigured { .. }) => (
            State::Missing,
            error.to_string(),
            Some("only `--engine slurm` needs it".into()),
        ),
        Err(error) => (
            State::Missing,
            error.to_string(),
            Some("`--engine slurm` needs a Slurm that answers".into()),
        ),
    };
    Finding {
        what: "Slurm",
        state,
        found,
        advice,
    }
}

/// Whether `--engine ray` finds a server where the environment says.
fn ray_finding() -> Finding {
    let client = ray::Client::new(None);
    let (state, found, advice) = match &client {
        Err(error) => (
            State::Missing,
            "no RAY_ADDRESS".into(),
            Some(format!("only `--engine ray` needs it; {error}")),
        ),
        Ok(client) => match client.version() {
            Ok(version) => (
                State::Ok,
                format!("Ray {version} at {}", client.address()),
                None,
            ),
            Err(error) => (State::Missing, error.to_string(), None),
        },
    };
    Finding {
        what: "Ray",
        state,
        found,
        advice,
    }
}

/// What to do about a data root that holds nothing.
fn no_data_sets(root: &Path) -> String {
    let get = shell::line([
        "lawn".as_ref(),
        "data".as_ref(),
        "get".as_ref(),
        "ml-1m".as_ref(),
        "--data-root".as_ref(),
        root.as_os_str(),
    ]);
    let small = root.join("small");
    let make = shell::line([
        "lawn".as_ref(),
        "data".as_ref(),
        "make".as_ref(),
        lawn_models::KINDS[0].name.as_ref(),
        "--out".as_ref(),
        small.as_os_str(),
    ]);
    format!("unpack a data set there, get one as with `{get}`, or make one as with `{make}`")
}

fn data_finding(data_root: Option<&Path>) -> Finding {
    let what = "data sets";
    let Some(root) = data_root else {
        return Finding {
            what,
            state: State::Missing,
            found: "no data root given".into(),
            advice: Some(
                "embedded data needs none; for real data give --data-root DIR or set LAWN_DATA"
                    .into(),
            ),
        };
    };
    match lawn_models::describe_data(root) {
        Ok(sets) if sets.is_empty() => Finding {
            what,
            state: State::Missing,
            found: format!("none in {}", root.display()),
            advice: Some(no_data_sets(root)),
        },
        Ok(sets) => Finding {
            what,
            state: if sets.iter().all(Result::is_ok) {
                State::Ok
            } else {
                State::Wrong
            },
            found: sets.iter().map(describe).collect::<Vec<_>>().join("; "),
            advice: None,
        },
        Err(error) => Finding {
            what,
            state: State::Wrong,
            found: error.to_string(),
            advice: None,
        },
    }
}

fn describe(set: &Result<DataSet, DataError>) -> String {
    match set {
        Ok(set) => {
            let counts: Vec<String> = set
                .counts
                .iter()
                .map(|(what, count)| format!("{count} {what}"))
                .collect();
            format!("{} ({})", set.name, counts.join(", "))
        }
        Err(error) => error.to_string(),
    }
}

/// The data sets under `root`, a line each, and the folders that are none with the reason; where
/// there is no data set, what to do about it.
///
/// # Errors
///
/// [`Error::NoSuchDataRoot`].
pub(crate) fn data_sets(root: &Path) -> Result<String, Error> {
    let (mut listed, mut refused) = (String::new(), String::new());
    for folder in data::folders(root)? {
        let name = folder.path.file_name().unwrap_or_default();
        let is_hidden = name.as_encoded_bytes().starts_with(b".");
        let mut refuse = |reason: &str| {
            refused += &format!("  {}: {reason}\n", name.display());
        };
        match &folder.set {
            Some(Ok(_)) => listed += &(folder.set.iter().map(describe).collect::<String>() + "\n"),
            Some(Err(error)) => refuse(&error.to_string()),
            // What holds the data sets need not be one.
            None if folder.path == root || is_hidden => {}
            None => refuse(&data::why_unread(&folder.path)),
        }
    }
    if listed.is_empty() {
        listed = format!("none in {}\n{}\n", root.display(), no_data_sets(root));
    }
    if !refused.is_empty() {
        listed += &format!("refused:\n{refused}");
    }
    Ok(listed)
}

impl Findings {
    /// Whether nothing is wrong; what is merely missing is not.
    #[must_use]
    pub(crate) fn is_well(&self) -> bool {
        self.findings
            .iter()
            .all(|finding| finding.state != State::Wrong)
    }

    /// The findings for people.
    #[must_use]
    pub(crate) fn render(&self) -> String {
        let rows: Vec<Vec<String>> = self
            .findings
            .iter()
            .map(|finding| {
                let state = match finding.state {
                    State::Ok => "ok",
                    State::Missing => "missing",
                    State::Wrong => "wrong",
                };
                let advice = finding
                    .advice
                    .as_ref()
                    .map(|advice| format!(" ({advice})"))
                    .unwrap_or_default();
                vec![
                    finding.what.into(),
                    state.into(),
                    format!("{}{advice}", finding.found),
                ]
            })
            .collect();
        render::table(&["", "", "found"], &rows)
    }
}
