//! When the parts of a step are captured in a graph, and when the graph is replayed.
//!
//! ```text
//! a part of a whole batch    warm-up, 3 times → capture → replay, from then on
//! any other                  eager
//! ```
//! Nothing here knows what a graph is: [`Work`] carries out what is decided.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

/// How often something runs on the stream that captures before it is captured: libraries measure
/// and allocate in the first runs.
const WARM_UPS: u32 = 3;

/// What tells the parts of steps apart: a graph is right for one of them.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Part {
    /// Samples of the step.
    pub(super) batch: u64,
    /// Sizes of all that the part is made of.
    pub(super) sizes: Vec<Vec<i64>>,
    /// Whether gradients of the step were there before, to which those of this part are added.
    pub(super) adds: bool,
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
    /// Computes it by a graph of an equal part.
    fn replay(&mut self, graph: &Self::Graph) -> Self::Result;
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
    Captured(G),
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

    /// How passes were computed so far.
    pub(super) fn used(&self) -> GraphUse {
        self.used
    }

    /// Computes a part one way or another.
    pub(super) fn compute<W: Work<Graph = G>>(&mut self, part: Part, work: &mut W) -> W::Result {
        // The first part decides where the gradients of the step lie.
        let fits = !part.adds || self.replays;
        self.replays &= part.adds;
        if self.batch != Some(part.batch) {
            self.used.launched += 1;
            return work.eager();
        }
        let adds = part.adds;
        let stage = self.parts.entry(part).or_insert(Stage::Warm(0));
        if let Stage::Warm(times) = stage {
            if *times < WARM_UPS || !fits {
                *times += u32::from(*times < WARM_UPS);
                self.used.launched += 1;
                return work.warm_up();
            }
            match work.capture() {
                Ok(graph) => {
                    self.used.captured += 1;
                    *stage = Stage::Captured(graph);
                }
                Err(reason) => {
                    // What one part cannot, the others will not either.
                    self.batch = None;
                    self.parts.clear();
                    self.untold = Some(reason);
                    self.used.launched += 1;
                    return work.eager();
                }
            }
        }
        let Stage::Captured(graph) = stage else {
            unreachable!("it was captured above");
        };
        if !fits {
            self.used.launched += 1;
            return work.eager();
        }
        self.used.replayed += 1;
        self.replays |= !adds;
        work.replay(graph)
    }

    /// Why graphs were given up, once.
    pub(super) fn take_reason(&mut self) -> Option<String> {
        self.untold.take()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Writes down what is asked of it.
    #[derive(Default)]
    struct Log {
        said: String,
        refuses: bool,
        next: u32,
    }

    impl Work for Log {
        type Graph = u32;
        type Result = ();

        fn eager(&mut self) {
            self.said += "e";
        }
        fn warm_up(&mut self) {
            self.said += "w";
        }
        fn capture(&mut self) -> Result<u32, String> {
            self.said += "c";
            self.next += 1;
            match self.refuses {
                true => Err("a wait".to_owned()),
                false => Ok(self.next),
            }
        }
        fn replay(&mut self, graph: &u32) {
            self.said += &graph.to_string();
        }
    }

    fn part(batch: u64, size: i64, adds: bool) -> Part {
        Part {
            batch,
            sizes: vec![vec![size]],
            adds,
        }
    }

    #[test]
    fn whole_batches_are_captured_once_and_the_last_of_an_epoch_is_eager() {
        let (mut captures, mut log) = (Captures::new(8), Log::default());
        for _epoch in 0..3 {
            captures.compute(part(8, 8, false), &mut log);
            captures.compute(part(8, 8, false), &mut log);
            captures.compute(part(3, 3, false), &mut log);
        }
        assert_eq!(log.said, "wwewc1e11e");
        assert_eq!(captures.take_reason(), None);
        let used = GraphUse {
            captured: 1,
            replayed: 3,
            launched: 6,
        };
        assert_eq!(captures.used(), used);
    }

    /// A part that adds has a graph of its own, which is right only after a replay of the first: its
    /// gradients lie where that left them.
    #[test]
    fn parts_of_a_batch_have_graphs_of_their_own() {
        let (mut captures, mut log) = (Captures::new(8), Log::default());
        for _step in 0..6 {
            captures.compute(part(8, 5, false), &mut log);
            captures.compute(part(8, 3, true), &mut log);
        }
        assert_eq!(log.said, "wwwwwwc1c21212");
    }

    #[test]
    fn what_is_added_to_other_gradients_is_not_replayed() {
        let (mut captures, mut log) = (Captures::new(8), Log::default());
        for _step in 0..4 {
            captures.compute(part(8, 5, false), &mut log);
            captures.compute(part(8, 3, true), &mut log);
        }
        log.said.clear();
        // Another first part, as after a change of the samples at once, lies elsewhere.
        captures.compute(part(8, 4, false), &mut log);
        captures.compute(part(8, 3, true), &mut log);
        assert_eq!(log.said, "we");
        log.said.clear();
        captures.compute(part(8, 5, false), &mut log);
        captures.compute(part(8, 3, true), &mut log);
        assert_eq!(log.said, "12");
    }

    #[test]
    fn a_capture_that_fails_is_the_last_and_is_told_once() {
        let refuses = true;
        let (mut captures, mut log) = (
            Captures::new(8),
            Log {
                refuses,
                ..Log::default()
            },
        );
        for _step in 0..6 {
            captures.compute(part(8, 8, false), &mut log);
        }
        assert_eq!(log.said, "wwwceee");
        assert_eq!(captures.batch(), None);
        assert_eq!(captures.used().launched, 6);
        assert_eq!(captures.take_reason().as_deref(), Some("a wait"));
        assert_eq!(captures.take_reason(), None);
    }

    #[test]
    fn without_graphs_everything_is_eager() {
        let (mut captures, mut log) = (Captures::none(), Log::default());
        for _step in 0..6 {
            captures.compute(part(8, 8, false), &mut log);
        }
        assert_eq!(log.said, "eeeeee");
    }
}
