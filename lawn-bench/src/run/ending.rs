//! How a trial ended, as its folder records it: always a row, never a gap.

use lawn_analysis::records::Outcome;
use lawn_models::{Device, DeviceUse, GraphUse, Notice, RANK_BACKENDS, RankPlace, TrialSummary};
use serde::{Deserialize, Serialize};

use crate::config::Resources;

/// Schema of `outcome.json`.
pub const SCHEMA: u32 = 2;

/// The content of `outcome.json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Ending {
    /// How the trial ended.
    pub outcome: Outcome,
    /// What happened, where there is more to say than the word.
    pub detail: Option<String>,
    /// What it measured, if it came to its end.
    pub summary: Option<TrialSummary>,
    /// What it came through on the way.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notices: Vec<Notice>,
    /// The processes that trained it, where there were several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ranks: Option<RankRecord>,
    /// How the process that ended it computed on CUDA.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub execution: Option<Execution>,
    /// Records that its log held then; unknown where the log could not be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recorded: Option<usize>,
}

/// How a trial was computed on CUDA.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Execution {
    /// Whether operations that give the same bits each time were taken.
    pub deterministic: bool,
    /// How forward and backward passes were computed, where graphs were asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub graphs: Option<GraphUse>,
    /// What took the optimizer's steps, and what the trial had of the device; unknown where it was not
    /// set up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device: Option<DeviceUse>,
}

/// As in a sentence.
impl std::fmt::Display for Execution {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self.deterministic {
            true => "deterministic operations",
            false => "operations that may not repeat their bits",
        })?;
        match self.graphs {
            None => f.write_str("; no graphs were asked for")?,
            Some(used) => write!(
                f,
                "; {} passes replayed from {} graphs, {} of them with the optimizer's step, {} launched \
                 operation by operation; {} compared both ways",
                used.replayed, used.captured, used.updated, used.launched, used.checked
            )?,
        }
        self.device
            .as_ref()
            .map_or(Ok(()), |used| of_device(used, f))
    }
}

/// What took the steps, and how much of the device the trial had.
fn of_device(used: &DeviceUse, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
    match (&used.without_kernels, &used.compiler) {
        (Some(reason), _) => write!(f, "; steps by {}: {reason}", used.backend)?,
        (None, Some(version)) => write!(f, "; steps by kernels of NVRTC {version}")?,
        (None, None) => write!(f, "; steps by {}", used.backend)?,
    }
    f.write_str(match used.measures_cudnn {
        true => "; cuDNN measured its algorithms",
        false => "; cuDNN measured nothing",
    })?;
    match used.reserved {
        Some(bytes) => write!(f, "; {} MiB of the device at the most", bytes >> 20),
        None => Ok(()),
    }
}

/// What the ranks of a trial were.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RankRecord {
    /// How many processes trained it.
    pub ranks: u32,
    /// What they were connected by.
    pub backend: String,
    /// Ranks on the machine of rank 0.
    pub local_ranks: u32,
    /// What each computed on: `cpu` or `cuda`.
    pub device: String,
    /// Machine and device of each, from rank 0 on; empty where nobody is left who knew.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub world: Vec<RankPlace>,
}

impl RankRecord {
    /// Of so many ranks, `local` of them on one machine, each on such a device.
    pub(crate) fn of(ranks: u32, local: u32, device: Device) -> Self {
        Self {
            ranks,
            backend: RANK_BACKENDS[0].to_owned(),
            local_ranks: local,
            device: if device.is_cuda() { "cuda" } else { "cpu" }.to_owned(),
            world: Vec::new(),
        }
    }

    /// The same, with where each rank computed.
    pub(crate) fn at(self, places: &[RankPlace]) -> Self {
        Self {
            world: places.to_vec(),
            ..self
        }
    }
}

impl Ending {
    /// A trial that trained to its end.
    #[must_use]
    pub fn ok(summary: TrialSummary) -> Self {
        Self {
            outcome: Outcome::Ok,
            detail: None,
            summary: Some(summary),
            notices: Vec::new(),
            ranks: None,
            execution: None,
            recorded: None,
        }
    }

    /// A trial that did not, and why.
    pub fn failed(outcome: Outcome, detail: impl Into<String>) -> Self {
        Self {
            outcome,
            detail: Some(detail.into()),
            summary: None,
            notices: Vec::new(),
            ranks: None,
            execution: None,
            recorded: None,
        }
    }

    /// The same, of a process that was rank 0 of several on this machine: it says so, and how many there
    /// were. The others end with it.
    #[must_use]
    pub(crate) fn of_first_rank(mut self, resources: &Resources) -> Self {
        if resources.ranks == 1 {
            return self;
        }
        let ranks = u32::try_from(resources.ranks).unwrap_or(u32::MAX);
        self.detail = (self.detail).map(|detail| format!("rank 0 of {ranks} is gone: {detail}"));
        self.ranks = Some(RankRecord::of(ranks, ranks, resources.device.here()));
        self
    }

    /// Whether the trial is over; a preempted one goes on from its checkpoint.
    #[must_use]
    pub fn is_final(&self) -> bool {
        self.outcome != Outcome::Preempted
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn how_it_was_computed_is_in_the_record_of_cuda_alone() {
        let ending = Ending::failed(Outcome::Crashed, "why");
        let text = serde_json::to_string(&ending).expect("plain data has a JSON form");
        // As files have it that were written before there was anything to say.
        assert!(!text.contains("execution"), "{text}");
        assert_eq!(
            serde_json::from_str::<Ending>(&text).ok(),
            Some(ending.clone())
        );
        let graphs = GraphUse {
            captured: 2,
            replayed: 30,
            launched: 5,
            updated: 28,
            checked: 4,
        };
        let said = |deterministic, graphs, device| {
            let execution = Execution {
                deterministic,
                graphs,
                device,
            };
            let ending = Ending {
                execution: Some(execution.clone()),
                ..ending.clone()
            };
            let text = serde_json::to_string(&ending).expect("plain data has a JSON form");
            assert_eq!(serde_json::from_str::<Ending>(&text).ok(), Some(ending));
            execution.to_string()
        };
        let all = said(true, Some(graphs), None);
        let expected = "deterministic operations; 30 passes replayed from 2 graphs, 28 of them with \
                        the optimizer's step, 5 launched operation by operation; 4 compared both \
                        ways";
        assert_eq!(all, expected);
        let none = said(false, None, None);
        assert_eq!(
            none,
            "operations that may not repeat their bits; no graphs were asked for"
        );
        let kernels = DeviceUse {
            backend: "cuda".into(),
            without_kernels: None,
            compiler: Some("13.0".into()),
            measures_cudnn: true,
            reserved: Some(3 << 30),
        };
        let with_kernels = said(false, None, Some(kernels.clone()));
        assert!(
            with_kernels.ends_with(
                "; steps by kernels of NVRTC 13.0; cuDNN measured its algorithms; 3072 MiB of the \
                 device at the most"
            ),
            "{with_kernels}"
        );
        let without = DeviceUse {
            backend: "reference".into(),
            without_kernels: Some("compute capability 7.0 is none that NVRTC knows".into()),
            compiler: None,
            measures_cudnn: false,
            reserved: None,
        };
        let without = said(true, None, Some(without));
        assert!(
            without.ends_with(
                "; steps by reference: compute capability 7.0 is none that NVRTC knows; cuDNN \
                 measured nothing"
            ),
            "{without}"
        );
    }
}
