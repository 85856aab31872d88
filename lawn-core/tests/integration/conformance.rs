//! What every rule must do. A new one adds a row to [`rows`] and inherits every test, in f32
//! and f64, with and without the norm constraint, on each backend.

use crate::common::rules::{Row, rows};
use crate::common::{Numbers, distance, everything, parameters, set_gradients};
use lawn_core::{
    Backend, Granularity, LawnConfig, Optimizer, OptimizerConfig, Schedule, Scope, State,
    StepOptions, WeightDecay,
};
use tch::{Device, Kind, Tensor};

const SHAPES: [&[i64]; 4] = [&[3, 4], &[6], &[4, 2, 3, 3], &[1]];
const FREE: u64 = 3;

struct Run {
    optimizer: Optimizer,
    weights: Vec<Tensor>,
    target: Vec<Tensor>,
}

impl Run {
    fn new(
        row: &Row,
        config: Settings,
        granularity: Option<Granularity>,
        kind: Kind,
        backend: Backend,
    ) -> Self {
        let mut numbers = Numbers(11);
        let mut draw = || -> Vec<Tensor> {
            SHAPES
                .iter()
                .map(|shape| numbers.tensor(shape, kind) + 0.25)
                .collect()
        };
        let (start, mut target) = (draw(), draw());
        // A single element under a trust ratio never changes its sign.
        target[3] = &start[3] * 1.5;
        let (parameters, weights) = parameters(&start);
        let lawn = granularity.map(|granularity| LawnConfig {
            scope: Scope::AllWeights,
            granularity,
            ..LawnConfig::new(FREE)
        });
        let decay = if lawn.is_some() {
            WeightDecay::None
        } else {
            config.decay
        };
        let config = OptimizerConfig {
            lawn,
            clip_norm: config.clip_norm,
            backend,
            ..OptimizerConfig::new(row.rule, config.schedule)
        };
        let optimizer = config.with_decay(decay).build(parameters).unwrap();
        Self {
            optimizer,
            weights,
            target,
        }
    }

    /// `½ Σ ‖w − target‖²`.
    fn loss(&self) -> Tensor {
        let terms = self.weights.iter().zip(&self.target);
        let terms: Vec<Tensor> = terms
            .map(|(w, t)| (w - t).square().sum(Kind::Double) * 0.5)
            .collect();
        Tensor::stack(&terms, 0).sum(Kind::Double)
    }

    fn step(&mut self) {
        self.optimizer.zero_grad();
        self.loss().backward();
        assert!(!self.optimizer.step().unwrap().skipped());
    }
}

/// What a test chooses for a row.
struct Settings {
    schedule: Schedule,
    /// Left out under the norm constraint.
    decay: WeightDecay,
    clip_norm: Option<f64>,
}

/// Calls `test` for every row, kind, and form of the constraint.
fn each(settings: impl Fn(&Row) -> Settings, mut test: impl FnMut(&str, Run, &dyn Fn() -> Run)) {
    for row in rows() {
        for kind in [Kind::Float, Kind::Double] {
            for form in [None, Some(Granularity::Layer), Some(Granularity::Row)] {
                for backend in [Backend::Auto, Backend::Reference, Backend::Cuda] {
                    let new = || Run::new(&row, settings(&row), form, kind, backend);
                    test(
                        &format!("{} {kind:?} {form:?} {backend:?}", row.name),
                        new(),
                        &new,
                    );
                }
            }
        }
    }
}

fn fixed(row: &Row) -> Settings {
    Settings {
        schedule: Schedule::constant(row.rate),
        decay: row.decay,
        clip_norm: None,
    }
}

#[test]
fn it_converges() {
    each(
        |row| Settings {
            schedule: Schedule::cosine(row.rate, 0.0, 200),
            ..fixed(row)
        },
        |name, mut run, _| {
            // Only directions can be reached on a sphere; so the targets are
            // put there, with the norms that the units will have kept.
            for _ in 0..=FREE {
                run.step();
            }
            let scaled = |t: &Tensor, w: &Tensor, dims: &[i64]| {
                let norm = |x: &Tensor| x.square().sum_dim_intlist(dims, true, x.kind()).sqrt();
                t * (norm(w) / norm(t))
            };
            if name.contains("Some") {
                for (t, w) in run.target.iter_mut().zip(&run.weights) {
                    let by_row = name.contains("Row") && w.dim() >= 2;
                    let dims: Vec<i64> = (i64::from(by_row)..w.dim() as i64).collect();
                    *t = scaled(t, &w.detach(), &dims);
                }
                // A unit of one element cannot turn.
                run.target[3] = run.weights[3].detach().copy();
            }
            let start = run.loss().double_value(&[]);
            while run.optimizer.steps() < 200 {
                run.step();
            }
            let end = run.loss().double_value(&[]);
            assert!(end < 2e-3 * start, "{name}: loss {start} → {end}");
        },
    );
}

#[test]
fn a_zero_gradient_without_decay_moves_nothing() {
    each(
        |row| Settings {
            decay: WeightDecay::None,
            ..fixed(row)
        },
        |name, mut run, _| {
            let before: Vec<Tensor> = run.weights.iter().map(|w| w.detach().copy()).collect();
            let zeros: Vec<Option<Tensor>> = before.iter().map(|w| Some(w.zeros_like())).collect();
            for _ in 0..=FREE + 1 {
                set_gradients(&mut run.optimizer, &run.weights, &zeros);
                run.optimizer.step().unwrap();
                let constrained = name.contains("Some") && run.optimizer.steps() > FREE;
                for (w, before) in run.weights.iter().zip(&before) {
                    // Bringing a unit to its radius may round.
                    let bound = if constrained { 1e-6 } else { 0.0 };
                    let moved = distance(w, before);
                    assert!(moved <= bound, "{name}: moved by {moved:e}");
                }
            }
        },
    );
}

#[test]
fn a_missing_gradient_leaves_a_parameter_alone() {
    each(fixed, |name, mut run, _| {
        for _ in 0..=FREE + 1 {
            let before = run.weights[1].detach().copy();
            let state = run.optimizer.state();
            let mut gradients: Vec<Option<Tensor>> = run
                .weights
                .iter()
                .map(|w| Some(w.detach().ones_like()))
                .collect();
            gradients[1] = None;
            set_gradients(&mut run.optimizer, &run.weights, &gradients);
            run.optimizer.step().unwrap();
            assert!(run.weights[1].equal(&before), "{name}: moved");
            let after = run.optimizer.state();
            for (entry, tensor) in &state.tensors {
                if entry.ends_with("/p1") {
                    assert!(
                        tensor.equal(&after.tensors[entry]),
                        "{name}: {entry} changed"
                    );
                }
            }
        }
        assert_eq!(
            run.optimizer.state().tensors["updates/p1"].int64_value(&[]),
            0,
            "{name}"
        );
    });
}

#[test]
fn a_gradient_that_is_not_finite_changes_nothing() {
    each(fixed, |name, mut run, _| {
        for _ in 0..=FREE + 1 {
            for bad in [f64::NAN, f64::INFINITY] {
                let gradients: Vec<Option<Tensor>> = run
                    .weights
                    .iter()
                    .map(|w| Some(w.detach().ones_like()))
                    .collect();
                let _ = gradients[2].as_ref().unwrap().view(-1).get(5).fill_(bad);
                set_gradients(&mut run.optimizer, &run.weights, &gradients);
                let mut before = run.optimizer.state();
                let weights: Vec<Tensor> = run.weights.iter().map(|w| w.detach().copy()).collect();
                let (step, skipped) = (run.optimizer.steps(), run.optimizer.skipped());
                let report = run.optimizer.step().unwrap();
                assert!(report.skipped(), "{name}");
                assert_eq!(
                    (report.step(), run.optimizer.steps()),
                    (step, step),
                    "{name}"
                );
                assert_eq!(run.optimizer.skipped(), skipped + 1, "{name}");
                before
                    .metadata
                    .insert("skipped".into(), (skipped + 1).to_string());
                assert_eq!(
                    before.to_bytes().unwrap(),
                    run.optimizer.state().to_bytes().unwrap(),
                    "{name}"
                );
                assert!(
                    run.weights.iter().zip(&weights).all(|(a, b)| a.equal(b)),
                    "{name}"
                );
            }
            run.step();
        }
    });
}

#[test]
fn gradients_are_not_written_to() {
    // Neither by clipping, nor by what divides the scale out.
    let clipped = |row: &Row| Settings {
        clip_norm: Some(0.1),
        ..fixed(row)
    };
    each(clipped, |name, mut run, _| {
        for _ in 0..=FREE + 1 {
            run.optimizer.zero_grad();
            run.loss().backward();
            let before: Vec<Tensor> = run.weights.iter().map(|w| w.grad().copy()).collect();
            let options = StepOptions {
                gradient_scale: 2.0,
                ..StepOptions::default()
            };
            let report = run.optimizer.step_with(options).unwrap();
            assert!(report.clip_factor() < 1.0, "{name}");
            let same = run
                .weights
                .iter()
                .zip(&before)
                .all(|(w, g)| w.grad().equal(g));
            assert!(same, "{name}");
        }
    });
}

#[test]
fn a_resumed_run_ends_with_the_same_bits() {
    each(fixed, |name, mut whole, new| {
        let total = FREE + 4;
        let mut snapshots = Vec::new();
        for _ in 0..total {
            snapshots.push(everything(&whole.optimizer, &whole.weights));
            whole.step();
        }
        let end = everything(&whole.optimizer, &whole.weights);
        // Before, at, and after the freeze, through the bytes of a file.
        for at in [1, FREE, FREE + 1, FREE + 2] {
            let mut resumed = new();
            let mut state = State::from_bytes(&snapshots[at as usize], Device::Cpu).unwrap();
            for (i, w) in resumed.weights.iter_mut().enumerate() {
                let saved = state.tensors.remove(&format!("weight/{i}")).unwrap();
                tch::no_grad(|| w.copy_(&saved));
            }
            resumed.optimizer.load_state(&state).unwrap();
            assert_eq!(resumed.optimizer.steps(), at, "{name}");
            while resumed.optimizer.steps() < total {
                resumed.step();
            }
            let found = everything(&resumed.optimizer, &resumed.weights);
            assert!(found == end, "{name}: resumed at {at}, ended elsewhere");
        }
    });
}
