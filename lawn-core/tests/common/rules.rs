//! The rules that the tests of all rules are of. A new rule is a line in each list.

use lawn_core::{
    AdafactorConfig, AdagradConfig, AdamConfig, AdamPConfig, BiasCorrection, EpsilonPlace,
    GradientAveraging, LambConfig, LarsConfig, LazyAdamConfig, LionConfig, MuonConfig, MuonScale,
    NadamwConfig, RowwiseAdagradConfig, RuleConfig, ScheduleFreeConfig, SgdConfig, SgdPConfig,
    WeightDecay,
};

/// A rule that converges, with a decay.
pub(crate) struct Row {
    pub(crate) name: &'static str,
    pub(crate) rule: RuleConfig,
    pub(crate) decay: WeightDecay,
    /// A rate with which the quadratic converges.
    pub(crate) rate: f64,
}

/// Every rule that comes with the crate: what `tests/integration/conformance.rs` holds each to.
pub(crate) fn rows() -> Vec<Row> {
    let row = |name, rule: RuleConfig, decay, rate| Row {
        name,
        rule,
        decay,
        rate,
    };
    let l2 = WeightDecay::L2 { rate: 1e-4 };
    let decoupled = WeightDecay::Decoupled { rate: 1e-4 };
    let sgd = |momentum, dampening, nesterov| SgdConfig {
        momentum,
        dampening,
        nesterov,
    };
    let adam = AdamConfig::default();
    let amsgrad = AdamConfig {
        amsgrad: true,
        ..adam
    };
    let clipped = LambConfig {
        trust_max: Some(10.0),
        ..LambConfig::default()
    };
    let lars = LarsConfig {
        trust_coefficient: 0.1,
        ..LarsConfig::default()
    };
    // The average forgets its start.
    let late = ScheduleFreeConfig {
        weight_power: 4.0,
        ..ScheduleFreeConfig::default()
    };
    vec![
        row("sgd", sgd(0.0, 0.0, false).into(), WeightDecay::None, 0.3),
        row("sgd-momentum", sgd(0.9, 0.1, false).into(), l2, 0.1),
        row("sgd-nesterov", sgd(0.9, 0.0, true).into(), l2, 0.1),
        row("adam", adam.into(), l2, 0.1),
        row("adamw", adam.into(), decoupled, 0.1),
        row("amsgrad", amsgrad.into(), WeightDecay::None, 0.1),
        row("lamb-paper", LambConfig::paper().into(), decoupled, 0.1),
        row("lamb-apex", LambConfig::apex().into(), decoupled, 0.1),
        row(
            "lamb-nvlamb",
            LambConfig::nvlamb().into(),
            WeightDecay::None,
            0.1,
        ),
        row(
            "lamb-timm",
            LambConfig::timm().into(),
            WeightDecay::None,
            0.1,
        ),
        row("lambc", clipped.into(), decoupled, 0.1),
        row("lars", lars.into(), l2, 0.5),
        row("adagrad", AdagradConfig::default().into(), l2, 0.5),
        row(
            "rowwise-adagrad",
            RowwiseAdagradConfig::default().into(),
            WeightDecay::None,
            0.5,
        ),
        row("lazy-adam", LazyAdamConfig::default().into(), l2, 0.1),
        row("nadamw", NadamwConfig::default().into(), decoupled, 0.1),
        row("lion", LionConfig::default().into(), decoupled, 0.1),
        row("adamp", AdamPConfig::default().into(), decoupled, 0.1),
        row("sgdp", SgdPConfig::default().into(), decoupled, 0.1),
        row("schedule-free", late.into(), decoupled, 0.1),
        row("muon", MuonConfig::default().into(), decoupled, 0.1),
        row(
            "adafactor",
            AdafactorConfig::default().into(),
            decoupled,
            0.2,
        ),
    ]
}

/// Every rule, in forms that differ, with a decay: what backends are held to each other by.
pub(crate) fn rules() -> Vec<(RuleConfig, WeightDecay)> {
    let decoupled = WeightDecay::Decoupled { rate: 0.01 };
    let l2 = WeightDecay::L2 { rate: 0.01 };
    let sgd = |momentum, dampening, nesterov| SgdConfig {
        momentum,
        dampening,
        nesterov,
    };
    let adam = AdamConfig {
        epsilon: 1e-4,
        ..AdamConfig::default()
    };
    let lamb = LambConfig {
        epsilon: 1e-4,
        ..LambConfig::default()
    };
    let inside = LambConfig {
        epsilon_place: EpsilonPlace::InsideRoot,
        ..lamb
    };
    let plain = LambConfig {
        bias_correction: BiasCorrection::Omitted,
        gradient_averaging: GradientAveraging::Summed,
        ..lamb
    };
    let lars = LarsConfig {
        trust_coefficient: 0.1,
        ..LarsConfig::default()
    };
    vec![
        (sgd(0.0, 0.0, false).into(), l2),
        (sgd(0.9, 0.3, false).into(), decoupled),
        (sgd(0.9, 0.0, true).into(), l2),
        (adam.into(), decoupled),
        (adam.into(), l2),
        (
            AdamConfig {
                amsgrad: true,
                ..adam
            }
            .into(),
            WeightDecay::None,
        ),
        (lamb.into(), decoupled),
        (inside.into(), WeightDecay::None),
        (plain.into(), l2),
        (
            LambConfig {
                trust_max: Some(1.5),
                ..LambConfig::timm()
            }
            .into(),
            decoupled,
        ),
        (lars.into(), l2),
        (
            LarsConfig {
                nesterov: true,
                ..lars
            }
            .into(),
            decoupled,
        ),
        (
            AdagradConfig {
                epsilon: 1e-4,
                initial_accumulator: 0.1,
            }
            .into(),
            decoupled,
        ),
        (RowwiseAdagradConfig::default().into(), l2),
        (LazyAdamConfig::default().into(), l2),
        (
            NadamwConfig {
                epsilon: 1e-4,
                ..NadamwConfig::default()
            }
            .into(),
            decoupled,
        ),
        (LionConfig::default().into(), decoupled),
        (
            AdamPConfig {
                epsilon: 1e-4,
                nesterov: true,
                ..AdamPConfig::default()
            }
            .into(),
            decoupled,
        ),
        (SgdPConfig::default().into(), decoupled),
        (
            ScheduleFreeConfig {
                epsilon: 1e-4,
                ..ScheduleFreeConfig::default()
            }
            .into(),
            decoupled,
        ),
        (
            MuonConfig {
                scale: MuonScale::Spectral,
                epsilon: 1e-4,
                ..MuonConfig::default()
            }
            .into(),
            decoupled,
        ),
        (AdafactorConfig::default().into(), decoupled),
    ]
}
