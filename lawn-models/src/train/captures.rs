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
mod tests {
    use super::*;
    use lawn_core::{
        AdamConfig, Backend, LawnConfig, Optimizer, OptimizerConfig, Parameter, Parameters, Role,
        Schedule, Scope, StepOptions,
    };
    use tch::{Device, Kind, Tensor};

    /// Writes down what is asked of it: e eager, w a warm-up, c a capture, ? a check, and the number of
    /// a graph that is replayed.
    #[derive(Default)]
    struct Log {
        said: String,
        refuses: bool,
        /// At which check a graph differs.
        differs_at: Option<u32>,
        checks: u32,
        /// Why a replay is none.
        no_replay: Option<String>,
        next: u32,
        moved: bool,
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
        fn is_current(&self, _graph: &u32) -> bool {
            !self.moved
        }
        fn replay(&mut self, graph: &u32) -> Result<(), String> {
            match &self.no_replay {
                Some(why) => Err(why.clone()),
                None => {
                    self.said += &graph.to_string();
                    Ok(())
                }
            }
        }
        fn check(&mut self, graph: &u32) -> Result<Checked<()>, String> {
            self.said += &format!("?{graph}");
            self.checks += 1;
            let differs = self.differs_at == Some(self.checks);
            Ok(Checked {
                result: (),
                difference: differs.then(|| "the gradient of `w`".to_owned()),
            })
        }
    }

    fn part(batch: u64, size: i64, adds: bool) -> Part {
        Part {
            batch,
            sizes: vec![vec![size]],
            adds,
            launches: None,
        }
    }

    /// What is asked in so many whole batches.
    fn asked(captures: &mut Captures<u32>, log: &mut Log, steps: u32) -> String {
        log.said.clear();
        for _step in 0..steps {
            captures.compute(part(8, 8, false), false, log);
        }
        log.said.clone()
    }

    #[test]
    fn whole_batches_are_captured_once_and_the_last_of_an_epoch_is_eager() {
        let (mut captures, mut log) = (Captures::new(8), Log::default());
        for _epoch in 0..3 {
            captures.compute(part(8, 8, false), false, &mut log);
            captures.compute(part(8, 8, false), false, &mut log);
            captures.compute(part(8, 8, false), false, &mut log);
            captures.compute(part(3, 3, false), false, &mut log);
        }
        assert_eq!(log.said, "wwwec?1?11e111e");
        assert_eq!(captures.take_reason(), None);
        let used = GraphUse {
            captured: 1,
            replayed: 4,
            launched: 8,
            updated: 0,
            checked: 2,
        };
        assert_eq!(captures.used(), used);
    }

    /// A step that freezes the norms, or measures what it does.
    #[test]
    fn a_step_that_does_more_is_eager_and_changes_nothing() {
        let (mut captures, mut log) = (Captures::new(8), Log::default());
        assert_eq!(asked(&mut captures, &mut log, 6), "wwwc?1?11");
        captures.compute(part(8, 8, false), true, &mut log);
        assert_eq!(log.said, "wwwc?1?11e");
        assert_eq!(asked(&mut captures, &mut log, 2), "11");
    }

    /// A part that adds has a graph of its own, which is right only after a replay of the first: its
    /// gradients lie where that left them.
    #[test]
    fn parts_of_a_batch_have_graphs_of_their_own() {
        let (mut captures, mut log) = (Captures::new(8), Log::default());
        for _step in 0..7 {
            captures.compute(part(8, 5, false), false, &mut log);
            captures.compute(part(8, 3, true), false, &mut log);
        }
        assert_eq!(log.said, "wwwwwwc?1c?2?1?21212");
    }

    #[test]
    fn what_is_added_to_other_gradients_is_not_replayed() {
        let (mut captures, mut log) = (Captures::new(8), Log::default());
        for _step in 0..5 {
            captures.compute(part(8, 5, false), false, &mut log);
            captures.compute(part(8, 3, true), false, &mut log);
        }
        log.said.clear();
        // Another first part, as after a change of the samples at once, lies elsewhere.
        captures.compute(part(8, 4, false), false, &mut log);
        captures.compute(part(8, 3, true), false, &mut log);
        assert_eq!(log.said, "we");
        log.said.clear();
        captures.compute(part(8, 5, false), false, &mut log);
        captures.compute(part(8, 3, true), false, &mut log);
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
        assert_eq!(asked(&mut captures, &mut log, 6), "wwwceee");
        assert_eq!(captures.batch(), None);
        assert_eq!(captures.used().launched, 6);
        assert_eq!(captures.take_reason().as_deref(), Some("a wait"));
        assert_eq!(captures.take_reason(), None);
    }

    /// The step was computed without it as well, and counts.
    #[test]
    fn a_graph_that_differs_is_the_last_at_its_first_check_or_its_second() {
        for (at, said, checked) in [(1, "wwwc?1ee", 0), (2, "wwwc?1?1e", 1)] {
            let (mut captures, mut log) = (Captures::new(8), Log::default());
            log.differs_at = Some(at);
            assert_eq!(asked(&mut captures, &mut log, 6), said);
            let reason = captures.take_reason().unwrap();
            assert!(reason.ends_with("the gradient of `w` differed"), "{reason}");
            let used = captures.used();
            assert_eq!((used.checked, used.replayed), (checked, 0));
            assert_eq!(used.launched, 6);
        }
    }

    #[test]
    fn a_replay_that_is_refused_is_eager_and_the_last() {
        let (mut captures, mut log) = (Captures::new(8), Log::default());
        assert_eq!(asked(&mut captures, &mut log, 6), "wwwc?1?11");
        log.no_replay = Some("another phase".to_owned());
        assert_eq!(asked(&mut captures, &mut log, 2), "ee");
        assert_eq!(captures.take_reason().as_deref(), Some("another phase"));
    }

    #[test]
    fn where_a_variable_lies_elsewhere_the_part_begins_anew() {
        let (mut captures, mut log) = (Captures::new(8), Log::default());
        assert_eq!(asked(&mut captures, &mut log, 6), "wwwc?1?11");
        log.moved = true;
        asked(&mut captures, &mut log, 1);
        log.moved = false;
        assert_eq!(log.said, "w");
        assert_eq!(asked(&mut captures, &mut log, 5), "wwc?2?22");
        assert_eq!(captures.take_reason(), None);
    }

    /// An optimizer that freezes after two steps, and has taken so many.
    fn launches(steps: u64) -> Option<StepLaunches> {
        let tensor = Tensor::ones([2, 3], (Kind::Float, Device::Cpu)).set_requires_grad(true);
        tensor.square().sum(Kind::Float).backward();
        let named = Parameter {
            name: "w".into(),
            role: Role::Weight,
            tensor,
        };
        let lawn = LawnConfig {
            scope: Scope::AllWeights,
            ..LawnConfig::new(2)
        };
        let config = OptimizerConfig {
            backend: Backend::Cuda,
            lawn: Some(lawn),
            ..OptimizerConfig::new(AdamConfig::default(), Schedule::constant(0.1))
        };
        let mut optimizer: Optimizer = config.build(Parameters::new(vec![named]).unwrap()).unwrap();
        for _ in 0..steps {
            optimizer.step().unwrap();
        }
        let found = optimizer.launches(&StepOptions::default()).ok();
        // Its memory is not given to the next one.
        std::mem::forget(optimizer);
        found
    }

    #[test]
    fn launches_of_another_phase_have_a_graph_of_their_own_and_the_one_before_is_let_go_of() {
        let (free, held) = (launches(1), launches(3));
        assert!(free.is_some() && held.is_some() && free != held);
        // The step that freezes has none.
        assert_eq!(launches(2), None);
        let (mut captures, mut log) = (Captures::new(8), Log::default());
        let mut compute = |launches: &Option<StepLaunches>, times: u32| {
            for _ in 0..times {
                let part = Part {
                    launches: launches.clone(),
                    ..part(8, 8, false)
                };
                captures.compute(part, false, &mut log);
            }
            std::mem::take(&mut log.said)
        };
        assert_eq!(compute(&free, 6), "wwwc?1?11");
        assert_eq!(compute(&held, 7), "wwwc?2?222");
        assert_eq!(compute(&free, 1), "w");
        let used = captures.used();
        assert_eq!((used.updated, used.replayed, used.captured), (3, 3, 2));
    }

    #[test]
    fn without_graphs_everything_is_eager() {
        let (mut captures, mut log) = (Captures::none(), Log::default());
        assert_eq!(asked(&mut captures, &mut log, 6), "eeeeee");
    }
}
