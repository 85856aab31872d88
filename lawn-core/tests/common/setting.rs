//! Runs of all rules under all settings, to compare backends by.

use lawn_core::{
    Backend, Diagnostics, Granularity, LawnConfig, Optimizer, OptimizerConfig, RuleConfig,
    Schedule, Scope, StepOptions, WeightDecay,
};
use tch::{Kind, Tensor};

use super::{Numbers, parameters, set_gradients};

/// Tensors of one block, of several, of a block and a bit, and of more than one
/// thread takes alone; rows longer than a block, and rows of one element.
pub(crate) const SHAPES: [&[i64]; 7] = [
    &[300, 1001],
    &[100, 400],
    &[2, 17_000],
    &[16 * 1024 + 1],
    &[700, 1],
    &[8, 3, 3, 3],
    &[1],
];

/// What a run is made of.
#[derive(Clone)]
pub(crate) struct Setting {
    pub(crate) rule: RuleConfig,
    pub(crate) decay: WeightDecay,
    pub(crate) granularity: Option<Granularity>,
    pub(crate) kind: Kind,
    pub(crate) check_finite: bool,
    pub(crate) clip_norm: Option<f64>,
}

/// Six steps with the freeze in the middle.
pub(crate) fn run(
    setting: &Setting,
    start: &[Tensor],
    backend: Backend,
) -> (Optimizer, Vec<Tensor>) {
    run_with(setting, start, backend, false)
}

/// The same, with f32 copies of narrow weights if so wanted.
pub(crate) fn run_with(
    setting: &Setting,
    start: &[Tensor],
    backend: Backend,
    master_weights: bool,
) -> (Optimizer, Vec<Tensor>) {
    let start: Vec<Tensor> = start.iter().map(|w| w.to_kind(setting.kind)).collect();
    let (parameters, weights) = parameters(&start);
    let lawn = setting.granularity.map(|granularity| LawnConfig {
        scope: Scope::AllWeights,
        granularity,
        ..LawnConfig::new(3)
    });
    let config = OptimizerConfig {
        decay: if lawn.is_some() {
            WeightDecay::None
        } else {
            setting.decay
        },
        lawn,
        clip_norm: setting.clip_norm,
        check_finite: setting.check_finite,
        master_weights,
        backend,
        ..OptimizerConfig::new(setting.rule, Schedule::constant(0.01))
    };
    let mut optimizer = config.build(parameters).unwrap();
    let mut numbers = Numbers(9);
    for _ in 0..6 {
        let gradients: Vec<Option<Tensor>> = start
            .iter()
            .map(|w| Some(numbers.tensor(&w.size(), setting.kind)))
            .collect();
        set_gradients(&mut optimizer, &weights, &gradients);
        optimizer.step().unwrap();
    }
    (optimizer, weights)
}

/// Weights to start from.
pub(crate) fn start() -> Vec<Tensor> {
    let mut numbers = Numbers(4);
    SHAPES
        .iter()
        .map(|shape| numbers.tensor(shape, Kind::Double))
        .collect()
}

/// The diagnostics of three steps with the freeze after the first.
pub(crate) fn diagnose(
    backend: Backend,
    granularity: Granularity,
    rule: RuleConfig,
) -> Vec<Diagnostics> {
    let mut numbers = Numbers(12);
    let start = [
        numbers.tensor(&[4, 30], Kind::Double),
        numbers.tensor(&[3, 20_000], Kind::Double),
    ];
    let (parameters, weights) = parameters(&start);
    let config = OptimizerConfig {
        lawn: Some(lawn(1, granularity)),
        backend,
        clip_norm: Some(0.5),
        ..OptimizerConfig::new(rule, Schedule::constant(0.01))
    };
    let mut optimizer = config.build(parameters).unwrap();
    let mut all = Vec::new();
    for _ in 0..3 {
        let g = start
            .iter()
            .map(|w| Some(numbers.tensor(&w.size(), Kind::Double) * 3.0))
            .collect::<Vec<_>>();
        set_gradients(&mut optimizer, &weights, &g);
        let options = StepOptions {
            diagnostics: true,
            gradient_scale: 3.0,
            ..Default::default()
        };
        let report = optimizer.step_with(options).unwrap();
        let square: f64 = optimizer
            .diagnostics()
            .iter()
            .map(|d| d.gradient_norm.powi(2))
            .sum();
        assert!((square.sqrt() / report.gradient_norm() - 1.0).abs() < 1e-12);
        all.extend_from_slice(optimizer.diagnostics());
    }
    // Not asked for, and not those of the step before.
    set_gradients(
        &mut optimizer,
        &weights,
        &[None, Some(start[1].zeros_like())],
    );
    optimizer.step().unwrap();
    assert!(optimizer.diagnostics().is_empty());
    all
}

/// LAWN over every weight.
pub(crate) fn lawn(free_steps: u64, granularity: Granularity) -> LawnConfig {
    LawnConfig {
        scope: Scope::AllWeights,
        granularity,
        ..LawnConfig::new(free_steps)
    }
}

/// Holds diagnostics to those of the reference, unit by unit.
pub(crate) fn assert_same_diagnostics(found: &[Diagnostics], expected: &[Diagnostics]) {
    assert_eq!(found.len(), expected.len());
    for (a, b) in found.iter().zip(expected) {
        assert_eq!((&a.parameter, a.unit), (&b.parameter, b.unit));
        assert_eq!(a.constrained, b.constrained);
        for (what, a, b) in [
            ("weight norm", a.weight_norm, b.weight_norm),
            ("gradient norm", a.gradient_norm, b.gradient_norm),
            ("cosine", a.cosine, b.cosine),
            ("rotation", a.rotation, b.rotation),
            ("trust ratio", a.trust_ratio, b.trust_ratio),
            ("drift", a.radius_drift, b.radius_drift),
        ] {
            let apart = (a - b).abs() / (1e-3 + b.abs());
            assert!(apart < 1e-10, "{what}: {a} and {b}");
        }
    }
}
