//! Tests of when a step is captured, replayed and checked.

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
