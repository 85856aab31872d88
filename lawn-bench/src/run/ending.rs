//! How a trial ended, as its folder records it: always a row, never a gap.

use lawn_analysis::records::Outcome;
use lawn_models::{Device, GraphUse, Notice, RANK_BACKENDS, RankPlace, TrialSummary};
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
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Execution {
    /// Whether operations that give the same bits each time were taken.
    pub deterministic: bool,
    /// How forward and backward passes were computed, where graphs were asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub graphs: Option<GraphUse>,
}

/// As in a sentence.
impl std::fmt::Display for Execution {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self.deterministic {
            true => "deterministic operations",
            false => "operations that may not repeat their bits",
        })?;
        let Some(used) = self.graphs else {
            return f.write_str("; no graphs were asked for");
        };
        write!(
            f,
            "; {} passes replayed from {} graphs, {} launched operation by operation",
            used.replayed, used.captured, used.launched
        )
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
        };
        let said = |deterministic, graphs| {
            let execution = Execution {
                deterministic,
                graphs,
            };
            let ending = Ending {
                execution: Some(execution),
                ..ending.clone()
            };
            let text = serde_json::to_string(&ending).expect("plain data has a JSON form");
            assert_eq!(serde_json::from_str::<Ending>(&text).ok(), Some(ending));
            execution.to_string()
        };
        let all = said(true, Some(graphs));
        let expected = "deterministic operations; 30 passes replayed from 2 graphs, 5 launched \
                        operation by operation";
        assert_eq!(all, expected);
        let none = said(false, None);
        assert_eq!(
            none,
            "operations that may not repeat their bits; no graphs were asked for"
        );
    }
}
