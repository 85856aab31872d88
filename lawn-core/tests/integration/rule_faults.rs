//! Rules of one's own that fail in the middle of a step: nothing has moved then.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::common::setting::lawn;
use crate::common::{Numbers, everything, parameters, set_gradients};
use lawn_core::{
    Backend, Context, Error, Granularity, Norms, Optimizer, OptimizerConfig, Rule, Schedule,
};
use tch::{Device, Kind, Tensor};

/// What goes wrong at the second parameter of the third step.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Fault {
    None,
    Panic,
    Shape,
    Broadcast,
    Kind,
    NotANumber,
    Undefined,
    Buffer,
    TrustShape,
    TrustInfinite,
    TrustPanics,
}

/// Momentum, until the fault.
#[derive(Clone)]
struct Faulty {
    fault: Fault,
    calls: Arc<AtomicU64>,
}

/// Without its count, as a state records what this says.
impl fmt::Debug for Faulty {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Faulty")
    }
}

impl Faulty {
    fn fails(&self) -> Fault {
        match self.calls.load(Ordering::Relaxed) {
            6 => self.fault,
            _ => Fault::None,
        }
    }
}

impl Rule for Faulty {
    fn name(&self) -> &str {
        "faulty"
    }

    fn buffers(&self) -> &[&str] {
        &["momentum"]
    }

    fn direction(&self, _: &Context, _w: &Tensor, g: &Tensor, s: &mut [Tensor]) -> Tensor {
        self.calls.fetch_add(1, Ordering::Relaxed);
        let _ = s[0].g_mul_scalar_(0.9).g_add_(g);
        match self.fails() {
            Fault::Panic => panic!("the rule has no answer"),
            Fault::Shape => g.ones_like().repeat([2, 1]),
            // libtorch would stretch it over all rows.
            Fault::Broadcast => g.get(0),
            Fault::Kind => g.to_kind(Kind::Double),
            Fault::NotANumber => g * f64::NAN,
            Fault::Undefined => Tensor::new(),
            Fault::Buffer => {
                s[0] = Tensor::ones([1], (Kind::Float, Device::Cpu));
                g.copy()
            }
            _ => s[0].copy(),
        }
    }

    fn trust(&self, _: &Context, norms: &Norms<'_>) -> Option<Tensor> {
        let ratio = norms.weight() / norms.direction();
        Some(match self.fails() {
            Fault::TrustShape => ratio.unsqueeze(0).repeat([3, 1, 1]),
            Fault::TrustInfinite => ratio / 0.0,
            Fault::TrustPanics => panic!("no ratio"),
            _ => ratio,
        })
    }
}

/// Steps until the freeze: the third step is free, the freeze itself, or constrained.
const FREEZES: [u64; 3] = [9, 2, 1];

fn build(fault: Fault, free_steps: u64, check_finite: bool) -> (Optimizer, Vec<Tensor>) {
    let mut numbers = Numbers(3);
    let start = [&[6i64, 5][..], &[4, 3], &[2, 2]];
    let start = start.map(|shape| numbers.tensor(shape, Kind::Float));
    let (parameters, weights) = parameters(&start);
    let rule = Faulty {
        fault,
        calls: Arc::default(),
    };
    let config = OptimizerConfig {
        backend: Backend::Auto,
        check_finite,
        lawn: Some(lawn(free_steps, Granularity::Layer)),
        ..OptimizerConfig::new(rule, Schedule::constant(0.01))
    };
    (config.build(parameters).unwrap(), weights)
}

/// Two of three parameters have gradients, so that the sixth call is the second of the
/// third step.
fn give(optimizer: &mut Optimizer, weights: &[Tensor], step: u64) {
    let mut numbers = Numbers(20 + step);
    let gradients: Vec<_> = weights
        .iter()
        .enumerate()
        .map(|(i, w)| (i < 2).then(|| numbers.tensor(&w.size(), Kind::Float)))
        .collect();
    set_gradients(optimizer, weights, &gradients);
}

/// Two steps, and the gradients of the third.
fn at_the_fault(fault: Fault, free_steps: u64) -> (Optimizer, Vec<Tensor>) {
    let (mut optimizer, weights) = build(fault, free_steps, true);
    for step in 0..2 {
        give(&mut optimizer, &weights, step);
        optimizer.step().unwrap();
    }
    give(&mut optimizer, &weights, 2);
    (optimizer, weights)
}

/// The third step once more is the one that it would have been.
fn goes_on(mut optimizer: Optimizer, weights: &[Tensor], free_steps: u64) {
    let (mut sound, others) = at_the_fault(Fault::None, free_steps);
    sound.step().unwrap();
    optimizer.step().unwrap();
    assert!(everything(&optimizer, weights) == everything(&sound, &others));
}

#[test]
fn a_panic_moves_nothing() {
    for fault in [Fault::Panic, Fault::TrustPanics] {
        for free_steps in FREEZES {
            let (mut optimizer, weights) = at_the_fault(fault, free_steps);
            let before = everything(&optimizer, &weights);
            let step = catch_unwind(AssertUnwindSafe(|| optimizer.step().map(|_| ())));
            assert!(step.is_err(), "{fault:?}");
            assert!(everything(&optimizer, &weights) == before, "{fault:?}");
            goes_on(optimizer, &weights, free_steps);
        }
    }
}

#[test]
fn an_answer_that_no_step_can_be_made_of_moves_nothing() {
    for (fault, expected, found) in [
        (
            Fault::Shape,
            "a direction of Float [4, 3] on Cpu",
            "Float [8, 3] on Cpu",
        ),
        (
            Fault::Broadcast,
            "a direction of Float [4, 3] on Cpu",
            "Float [3] on Cpu",
        ),
        (
            Fault::Kind,
            "a direction of Float [4, 3] on Cpu",
            "Double [4, 3] on Cpu",
        ),
        (
            Fault::Undefined,
            "a direction of Float [4, 3] on Cpu",
            "an undefined one",
        ),
        (
            Fault::Buffer,
            "a buffer `momentum` of Float [4, 3] on Cpu",
            "Float [1] on Cpu",
        ),
        (
            Fault::TrustShape,
            "a trust ratio of Double [1, 1] on Cpu",
            "Double [3, 1, 1] on Cpu",
        ),
        (
            Fault::NotANumber,
            "finite numbers",
            "some that are not, of a finite gradient",
        ),
        (
            Fault::TrustInfinite,
            "finite numbers",
            "some that are not, of a finite gradient",
        ),
    ] {
        for free_steps in FREEZES {
            let (mut optimizer, weights) = at_the_fault(fault, free_steps);
            let before = everything(&optimizer, &weights);
            let error = optimizer.step().unwrap_err();
            assert!(everything(&optimizer, &weights) == before, "{fault:?}");
            let Error::RuleAnswer {
                rule,
                name,
                expected: wanted,
                found: answered,
            } = error
            else {
                panic!("{error}")
            };
            let told = [rule, name, wanted, answered];
            assert_eq!(told, ["faulty", "p1", expected, found]);
            goes_on(optimizer, &weights, free_steps);
        }
    }
}

#[test]
fn numbers_are_not_looked_at_where_that_was_asked_for() {
    let (mut optimizer, weights) = build(Fault::NotANumber, 9, false);
    for step in 0..3 {
        give(&mut optimizer, &weights, step);
        optimizer.step().unwrap();
    }
    assert!(weights[1].isnan().any().int64_value(&[]) != 0);
}
