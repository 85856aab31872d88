//! When the parts of a step are captured in a graph, and when the graph is replayed.
//!
//! ```text
//! a part of a whole batch    warm-up, 3 times → capture, check → check → replay, from then on
//! any other                  eager
//! ```
//!
//! With the last part of a batch the optimizer's launches are captured, where they can be. They are
//! those of one phase and of one set of settings: after a freeze, a thaw or a change of these the part
//! begins anew, and so it does where a variable lies elsewhere.
//!
//! The first two replays of a graph are checks: the same step is computed both ways from the same
//! state. Two, since the first is of the step that was captured, which would not show what has become
//! part of the graph and should differ from step to step. A graph that differs is the trial's last.
//!
//! Nothing here knows what a graph is: [`Work`] carries out what is decided.

use std::collections::HashMap;

use lawn_core::StepLaunches;
use serde::{Deserialize, Serialize};

/// How often something runs on the stream that captures before it is captured: libraries measure
/// and allocate in the first runs.
const WARM_UPS: u32 = 3;

/// How many of its first replays are checked.
const CHECKS: u32 = 2;

/// What tells the parts of steps apart: a graph is right for one of them.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Part {
    /// Samples of the step.
    pub(super) batch: u64,
    /// Sizes of all that the part is made of.
    pub(super) sizes: Vec<Vec<i64>>,
    /// Whether gradients of the step were there before, to which those of this part are added.
    pub(super) adds: bool,
    /// The optimizer's launches, where they are captured with it.
    pub(super) launches: Option<StepLaunches>,
}

/// What can be done with a part.
pub(super) trait Work {
    /// Something that was captured.
    type Graph;
    /// What a part comes to.
    type Result;

    /// Computes the part.
    fn eager(&mut self) -> Self::Result;
    /// Computes it on the stream that captures.
    fn warm_up(&mut self) -> Self::Result;
    /// Captures it; nothing is computed.
    ///
    /// # Errors
    /// In words, why not.
    fn capture(&mut self) -> Result<Self::Graph, String>;
    /// Whether all that a graph reads and writes is still where it was captured.
    fn is_current(&self, graph: &Self::Graph) -> bool;
    /// Computes it by a graph of an equal part.
    ///
    /// # Errors
    /// In words, why not; nothing was computed.
    fn replay(&mut self, graph: &Self::Graph) -> Result<Self::Result, String>;
    /// Computes it by the graph and then without, each from the state before; leaves what the second
    /// has come to.
    ///
    /// # Errors
    /// As [`replay`](Self::replay).
    fn check(&mut self, graph: &Self::Graph) -> Result<Checked<Self::Result>, String>;
}

/// What a part came to, and what was different by the graph, if anything was.
pub(super) struct Checked<R> {
    pub(super) result: R,
    pub(super) difference: Option<String>,
}

/// How many forward and backward passes were computed in which way.
#[derive(Serialize, Deserialize, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct GraphUse {
    /// Graphs that were captured.
    pub captured: u64,
    /// Passes that were replays of them.
    pub replayed: u64,
    /// Passes whose operations were launched one by one.
    pub launched: u64,
    /// Replays that had the optimizer's step in them.
    #[serde(default)]
    pub updated: u64,
    /// Passes that were computed both ways, and gave the same: bit for bit where operations are
    /// deterministic, but for rounding otherwise.
    #[serde(default)]
    pub checked: u64,
}

/// The graphs of a trial.
#[derive(Debug)]
pub(super) struct Captures<G> {
    /// Samples of a whole batch; nothing where no graphs are taken.
    batch: Option<u64>,
    parts: HashMap<Part, Stage<G>>,
    /// Whether gradients that lie where graphs left them are what a part adds to.
    replays: bool,
    /// Why graphs were given up, until that is told.
    untold: Option<String>,
    used: GraphUse,
}

#[derive(Debug)]
enum Stage<G> {
    /// Warmed up so many times.
    Warm(u32),
    /// Captured, and checked so many times.
    Captured(G, u32),
}

impl<G> Captures<G> {
    /// Of a trial with batches of so many samples.
    pub(super) fn new(batch: u64) -> Self {
        Self {
            batch: Some(batch),
            ..Self::none()
        }
    }

    /// Where everything is eager.
    pub(super) fn none() -> Self {
        Self {
            batch: None,
            parts: HashMap::new(),
            replays: false,
            untold: None,
            used: GraphUse::default(),
        }
    }

    /// Where everything is eager, for a reason that is to be told.
    pub(super) fn refused(reason: String) -> Self {
        Self {
            untold: Some(reason),
            ..Self::none()
        }
    }

    /// Samples of a whole batch; nothing where no graphs are taken any more.
    pub(super) fn batch(&self) -> Option<u64> {
        self.batch
    }

    /// Whether graphs are taken, and none has passed its checks.
    pub(super) fn are_untried(&self) -> bool {
        self.batch.is_some() && self.used.replayed == 0
    }

    /// How passes were computed so far.
    pub(super) fn used(&self) -> GraphUse {
        self.used
    }

    /// Computes a part one way or another; nothing is captured of one that does more than others.
    pub(super) fn compute<W: Work<Graph = G>>(
        &mut self,
        part: Part,
        does_more: bool,
        work: &mut W,
    ) -> W::Result {
        // The first part decides where the gradients of the step lie.
        let fits = !part.adds || self.replays;
        self.replays &= part.adds;
        if does_more || self.batch != Some(part.batch) {
            return self.eager(work);
        }
        if part.launches.is_some() {
            // Those of before a freeze, for instance, do not come again.
            let is_same = |of: &Part| of.launches.is_none() || of.launches == part.launches;
            self.parts.retain(|known, _| is_same(known));
        }
        let (adds, updates) = (part.adds, part.launches.is_some());
        let stage = self.parts.entry(part).or_insert(Stage::Warm(0));
        if matches!(stage, Stage::Captured(graph, _) if !work.is_current(graph)) {
            *stage = Stage::Warm(0);
        }
        if let Stage::Warm(times) = stage {
            if *times < WARM_UPS || !fits {
                *times += u32::from(*times < WARM_UPS);
                self.used.launched += 1;
                return work.warm_up();
            }
            match work.capture() {
                Ok(graph) => {
                    self.used.captured += 1;
                    *stage = Stage::Captured(graph, 0);
                }
                Err(reason) => return self.without(reason, work),
            }
        }
        let Stage::Captured(graph, checks) = stage else {
            unreachable!("it was captured above");
        };
        if !fits {
            return self.eager(work);
        }
        if *checks < CHECKS {
            return match work.check(graph) {
                Ok(Checked { result, difference }) => {
                    *checks += 1;
                    // It is computed both ways.
                    self.used.launched += 1;
                    match difference {
                        None => {
                            self.used.checked += 1;
                            self.replays |= !adds;
                        }
                        Some(difference) => self.give_up(format!(
                            "a step by its graph was not the step by its operations: {difference} \
                             differed"
                        )),
                    }
                    result
                }
                Err(reason) => self.without(reason, work),
            };
        }
        match work.replay(graph) {
            Ok(result) => {
                self.used.replayed += 1;
                self.used.updated += u64::from(updates);
                self.replays |= !adds;
                result
            }
            Err(reason) => self.without(reason, work),
        }
    }

    fn eager<W: Work<Graph = G>>(&mut self, work: &mut W) -> W::Result {
        self.used.launched += 1;
        work.eager()
    }

    fn without<W: Work<Graph = G>>(&mut self, reason: String, work: &mut W) -> W::Result {
        self.give_up(reason);
        self.eager(work)
    }

    /// What one part cannot, the others will not either.
    fn give_up(&mut self, reason: String) {
        self.batch = None;
        self.parts.clear();
        self.untold = Some(reason);
    }

    /// Why graphs were given up, once.
    pub(super) fn take_reason(&mut self) -> Option<String> {
        self.untold.take()
    }
}

#[cfg(test)]
mod tests;
