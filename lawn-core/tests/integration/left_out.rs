//! What the kernels of CUDA leave to libtorch's operations.

use crate::common::Numbers;
use crate::common::setting::lawn;
use lawn_core::{
    AdafactorConfig, AdamConfig, AdamPConfig, Backend, Granularity, LawnConfig, LazyAdamConfig,
    MuonConfig, OptimizerConfig, Parameter, Parameters, Role, RotationalConfig,
    RowwiseAdagradConfig, RuleConfig, Schedule, ScheduleFreeConfig, Scope,
};
use tch::Kind;

/// Names of parameters that the kernels leave to libtorch's operations, of a table, a matrix and a
/// vector.
fn left_out(config: OptimizerConfig) -> Vec<String> {
    let all = [
        ("table", Role::Embedding, &[6i64, 4][..]),
        ("dense", Role::Weight, &[5, 4]),
        ("bias", Role::Bias, &[5]),
    ];
    let named = all.map(|(name, role, shape)| Parameter {
        name: name.into(),
        role,
        tensor: Numbers(3)
            .tensor(shape, Kind::Float)
            .set_requires_grad(true),
    });
    let optimizer = config
        .build(Parameters::new(named.into()).unwrap())
        .unwrap();
    let names = optimizer.without_cuda_kernels().into_iter();
    names.map(str::to_owned).collect()
}

#[test]
fn what_the_kernels_leave_out_is_named() {
    let of = |rule: RuleConfig| OptimizerConfig::new(rule, Schedule::constant(0.1));
    let rowwise = RowwiseAdagradConfig::default();
    assert_eq!(left_out(of(AdamConfig::default().into())), [""; 0]);
    assert_eq!(left_out(of(LazyAdamConfig::default().into())), ["table"]);
    assert_eq!(left_out(of(rowwise.into())), ["table"]);
    assert_eq!(
        left_out(of(ScheduleFreeConfig::default().into())),
        ["table"]
    );
    assert_eq!(left_out(of(AdamPConfig::default().into())), [""; 0]);
    // It has no kernels at all.
    assert_eq!(
        left_out(of(AdafactorConfig::default().into())),
        ["table", "dense", "bias"]
    );
    // What is no matrix goes by Adam.
    assert_eq!(left_out(of(MuonConfig::default().into())), ["dense"]);
    let held = |granularity| OptimizerConfig {
        lawn: Some(LawnConfig {
            scope: Scope::AllWeights,
            ..lawn(2, granularity)
        }),
        ..of(AdamPConfig::default().into())
    };
    assert_eq!(left_out(held(Granularity::Layer)), ["table", "dense"]);
    assert_eq!(left_out(held(Granularity::Row)), [""; 0]);
    let rotational = |centred| OptimizerConfig {
        rotational: Some(RotationalConfig {
            centred,
            ..RotationalConfig::new(0.1)
        }),
        ..of(AdamConfig::default().into())
    };
    assert_eq!(left_out(rotational(false)), [""; 0]);
    assert_eq!(left_out(rotational(true)), [""; 0]);
    let columns = OptimizerConfig {
        lawn: Some(lawn(2, Granularity::Column)),
        ..of(AdamConfig::default().into())
    };
    assert_eq!(left_out(columns), [""; 0]);
}

/// Each of them stands in the line that is said of all.
#[test]
fn the_line_of_what_is_left_out_has_each_of_them() {
    let line = lawn_core::CudaCompiler::LEFT_OUT;
    for word in [
        "some rows",
        "row-wise Adagrad",
        "Muon",
        "AdamP",
        "SGDP",
        "not by row",
        "without a form",
    ] {
        assert!(line.contains(word), "{word}");
    }
    assert!(!line.contains('\n') && !line.contains("  "), "{line}");
}

#[test]
fn what_takes_the_steps_is_told_and_why_it_is_not_the_kernels() {
    let chosen = |rule: RuleConfig, backend| {
        let tensor = Numbers(3).tensor(&[5, 4], Kind::Float);
        let dense = Parameter {
            name: "dense".into(),
            role: Role::Weight,
            tensor: tensor.set_requires_grad(true),
        };
        let config = OptimizerConfig {
            backend,
            ..OptimizerConfig::new(rule, Schedule::constant(0.1))
        };
        let optimizer = config.build(Parameters::new(vec![dense]).unwrap()).unwrap();
        let chosen = optimizer.chosen_backend().clone();
        (chosen.name, chosen.without_cuda_kernels)
    };
    let adam = AdamConfig::default();
    assert_eq!(chosen(adam.into(), Backend::Cuda), ("cuda", None));
    assert_eq!(chosen(adam.into(), Backend::Reference), ("reference", None));
    // Nobody asks for them on the CPU.
    assert_eq!(chosen(adam.into(), Backend::Auto).1, None);
    let (name, why) = chosen(MuonConfig::default().into(), Backend::Cuda);
    assert_eq!(name, "reference");
    assert_eq!(why.as_deref(), Some("they do not compute muon"));
}
