//! Which parameters are treated how, and what cannot be meant.

use lawn_core::{
    AdamConfig, Backend, Clock, Constraint, Error, Granularity, Group, LarsConfig, LawnConfig,
    Layer, MuonConfig, Optimizer, OptimizerConfig, Parameter, Parameters, Role, RuleConfig,
    Schedule, Scope, SgdConfig, SgdPConfig, StepOptions, TreatmentTable, WeightDecay,
};
use tch::{Device, Kind, Tensor, nn};

const MODEL: [(&str, Role, &[i64]); 6] = [
    ("embed.weight", Role::Embedding, &[7, 3]),
    ("conv.weight", Role::Weight, &[4, 3, 3, 3]),
    ("norm.weight", Role::Norm, &[4]),
    ("norm.bias", Role::Norm, &[4]),
    ("fc.weight", Role::Weight, &[2, 4]),
    ("fc.bias", Role::Bias, &[2]),
];

fn model() -> Parameters {
    let parameter = |(name, role, shape): &(&str, Role, &[i64])| Parameter {
        name: (*name).into(),
        role: *role,
        tensor: Tensor::ones(*shape, (Kind::Float, Device::Cpu)).set_requires_grad(true),
    };
    Parameters::new(MODEL.iter().map(parameter).collect()).unwrap()
}

fn config() -> OptimizerConfig {
    OptimizerConfig::new(AdamConfig::default().into(), Schedule::constant(0.1))
}

fn constrained(config: OptimizerConfig, parameters: Parameters) -> Vec<String> {
    let optimizer = config.build(parameters).unwrap();
    let chosen = optimizer
        .treatments()
        .iter()
        .filter(|t| t.constraint == Constraint::Constrained);
    chosen.map(|t| t.parameter.clone()).collect()
}

fn scope(scope: Scope) -> OptimizerConfig {
    config().with_lawn(LawnConfig {
        scope,
        ..LawnConfig::new(0)
    })
}

fn patterns(patterns: &[&str]) -> OptimizerConfig {
    scope(Scope::Patterns(
        patterns.iter().map(|p| (*p).to_owned()).collect(),
    ))
}

#[test]
fn scopes_choose_weights() {
    assert_eq!(
        constrained(scope(Scope::FinalHomogeneous), model()),
        ["fc.weight"]
    );
    assert_eq!(
        constrained(scope(Scope::AllWeights), model()),
        ["embed.weight", "conv.weight", "fc.weight"]
    );
    assert_eq!(
        constrained(patterns(&["*.weight"]), model()),
        ["embed.weight", "conv.weight", "fc.weight"]
    );
    let mut layered = model();
    layered
        .set_layers(vec![
            Layer::normalization(["norm.weight", "norm.bias"]),
            Layer::homogeneous(["embed.weight"]),
            Layer::homogeneous(["fc.weight", "fc.bias"]),
        ])
        .unwrap();
    assert_eq!(
        constrained(scope(Scope::FinalHomogeneous), layered),
        ["embed.weight", "fc.weight"]
    );
}

#[test]
fn the_table_says_why() {
    let lawn = LawnConfig {
        granularity: Granularity::Row,
        ..LawnConfig::new(5)
    };
    let group = Group {
        decay: Some(WeightDecay::L2 { rate: 0.01 }),
        learning_rate_scale: 0.5,
        ..Group::new("conv.*")
    };
    let optimizer = config()
        .with_lawn(lawn)
        .with_group(group)
        .build(model())
        .unwrap();
    let expected = "\
parameter     role       shape         treatment    units  rate  decay    reason
embed.weight  embedding  [7, 3]        free             0     1  none     not in scope final-homogeneous, as it seems: before `norm`
conv.weight   weight     [4, 3, 3, 3]  free             0   0.5  l2 0.01  not in scope final-homogeneous, as it seems: before `norm`
norm.weight   norm       [4]           skipped          0     1  none     normalization parameters are never constrained
norm.bias     norm       [4]           skipped          0     1  none     normalization parameters are never constrained
fc.weight     weight     [2, 4]        constrained      2     1  none     in scope final-homogeneous, as it seems: after `norm`
fc.bias       bias       [2]           skipped          0     1  none     biases are never constrained
the scope is taken from names and order, which show neither activations nor normalizations without parameters; `set_layers` states them
";
    let table = TreatmentTable(optimizer.treatments());
    assert_eq!(table.to_string(), expected);
    let json = serde_json::to_value(table).unwrap();
    assert_eq!(json, serde_json::to_value(optimizer.treatments()).unwrap());
    assert_eq!(json[0]["parameter"], optimizer.treatments()[0].parameter);
    assert_eq!(optimizer.treatments()[1].learning_rate_scale, 0.5);
    let plain = config().build(model()).unwrap();
    let table = TreatmentTable(plain.treatments()).to_string();
    let head = table.lines().next().unwrap_or_default();
    let words: Vec<&str> = head.split_whitespace().collect();
    let expected = [
        "parameter",
        "role",
        "shape",
        "treatment",
        "units",
        "decay",
        "reason",
    ];
    assert_eq!(words, expected);
    let text = serde_json::to_string(optimizer.treatments()).unwrap();
    assert!(
        text.contains(r#""constraint":"constrained","units":2"#),
        "{text}"
    );
}

#[test]
fn decay_is_for_weights_unless_a_group_says_otherwise() {
    let decay = WeightDecay::Decoupled { rate: 0.1 };
    let group = Group {
        decay: Some(WeightDecay::L2 { rate: 0.2 }),
        ..Group::new("fc.bias")
    };
    let optimizer = config()
        .with_decay(decay)
        .with_group(group)
        .build(model())
        .unwrap();
    let decays: Vec<WeightDecay> = optimizer.treatments().iter().map(|t| t.decay).collect();
    let bias = WeightDecay::L2 { rate: 0.2 };
    assert_eq!(
        decays,
        [
            decay,
            decay,
            WeightDecay::None,
            WeightDecay::None,
            decay,
            bias
        ]
    );
}

#[test]
fn groups_override_the_scope() {
    let group = Group {
        constrained: Some(false),
        ..Group::new("fc.*")
    };
    assert_eq!(
        constrained(scope(Scope::AllWeights).with_group(group), model()),
        ["embed.weight", "conv.weight"]
    );
    let group = Group {
        constrained: Some(true),
        ..Group::new("conv.weight")
    };
    assert_eq!(
        constrained(scope(Scope::FinalHomogeneous).with_group(group), model()),
        ["conv.weight", "fc.weight"]
    );
}

#[test]
fn what_cannot_be_meant_is_refused() {
    let error = |config: OptimizerConfig| config.build(model()).unwrap_err();
    let unmatched = error(patterns(&["fc.weight", "head.*"]));
    assert!(matches!(&unmatched, Error::UnmatchedPattern { pattern, .. } if pattern == "head.*"));
    assert!(unmatched.to_string().contains("`fc.weight`"), "{unmatched}");
    assert!(matches!(
        error(config().with_group(Group::new("head"))),
        Error::UnmatchedPattern { pattern, .. } if pattern == "head"
    ));
    assert!(matches!(
        error(config().with_group(Group::new("fc.*")).with_group(Group::new("*.bias"))),
        Error::OverlappingGroups { name, .. } if name == "norm.bias" || name == "fc.bias"
    ));
    assert!(matches!(
        error(patterns(&["fc.bias"])),
        Error::Unconstrainable { name, role: Role::Bias } if name == "fc.bias"
    ));
    let group = Group {
        constrained: Some(true),
        ..Group::new("norm.weight")
    };
    assert!(matches!(
        error(scope(Scope::AllWeights).with_group(group)),
        Error::Unconstrainable { name, role: Role::Norm } if name == "norm.weight"
    ));
    assert!(matches!(
        error(scope(Scope::AllWeights).with_decay(WeightDecay::L2 { rate: 0.1 })),
        Error::DecayOnConstrained {
            found: WeightDecay::L2 { rate: 0.1 },
            ..
        }
    ));
    let group = Group {
        constrained: Some(false),
        ..Group::new("fc.*")
    };
    assert!(matches!(
        error(scope(Scope::FinalHomogeneous).with_group(group)),
        Error::EmptyScope { .. }
    ));
    assert!(matches!(
        config().build(Parameters::default()).unwrap_err(),
        Error::NoParameters
    ));
    // A decay of 0 decays nothing, so that it may stand on anything.
    let nothing = scope(Scope::AllWeights).with_decay(WeightDecay::L2 { rate: 0.0 });
    assert!(nothing.build(model()).is_ok());
}

#[test]
fn numbers_outside_of_their_domain_are_named() {
    let rule = |rule: RuleConfig| OptimizerConfig { rule, ..config() };
    let momentum = SgdConfig {
        momentum: 1.0,
        ..SgdConfig::default()
    };
    let nesterov = SgdConfig {
        nesterov: true,
        ..SgdConfig::default()
    };
    // Alike of every rule with a momentum.
    let lars = LarsConfig {
        momentum: 0.0,
        nesterov: true,
        ..LarsConfig::default()
    };
    let sgdp = SgdPConfig {
        momentum: 0.0,
        nesterov: true,
        ..SgdPConfig::default()
    };
    let muon = MuonConfig {
        momentum: 0.0,
        ..MuonConfig::default()
    };
    let group = Group {
        learning_rate_scale: -1.0,
        ..Group::new("fc.*")
    };
    for (config, expected) in [
        (rule(momentum.into()), "momentum"),
        (rule(nesterov.into()), "momentum"),
        (rule(lars.into()), "momentum"),
        (rule(sgdp.into()), "momentum"),
        (rule(muon.into()), "momentum"),
        (
            rule(
                AdamConfig {
                    beta2: -0.1,
                    ..AdamConfig::default()
                }
                .into(),
            ),
            "beta2",
        ),
        (
            rule(
                AdamConfig {
                    epsilon: f64::NAN,
                    ..AdamConfig::default()
                }
                .into(),
            ),
            "epsilon",
        ),
        (config().with_clip_norm(0.0), "clip_norm"),
        (
            config().with_decay(WeightDecay::L2 { rate: -1.0 }),
            "decay.rate",
        ),
        (config().with_group(group), "learning_rate_scale"),
        (
            OptimizerConfig {
                schedule: Schedule::constant(-1.0),
                ..config()
            },
            "schedule.from",
        ),
    ] {
        match config.build(model()) {
            Err(Error::Setting { setting, .. }) => assert_eq!(setting, expected),
            other => panic!("{expected}: {other:?}"),
        }
    }
}

#[test]
fn a_configuration_survives_json_and_refuses_unknown_keys() {
    let config = patterns(&["fc.*"])
        .with_clip_norm(1.0)
        .with_group(Group::new("conv.*"));
    let text = serde_json::to_string(&config).unwrap();
    assert_eq!(
        serde_json::from_str::<OptimizerConfig>(&text).unwrap(),
        config
    );
    let least = r#"{"rule": {"kind": "sgd"}, "schedule": {"kind": "constant", "from": 0.1}}"#;
    let found: OptimizerConfig = serde_json::from_str(least).unwrap();
    assert_eq!(found.rule, RuleConfig::Sgd(SgdConfig::default()));
    let typo = least.replace("schedule\"", "shedule\"");
    assert!(serde_json::from_str::<OptimizerConfig>(&typo).is_err());
    let typo = least.replace(r#""sgd""#, r#""sgd", "momentun": 0.9"#);
    assert!(serde_json::from_str::<OptimizerConfig>(&typo).is_err());
}

#[test]
fn parameters_added_later_are_named() {
    let optimizer = config().build(model()).unwrap();
    assert!(optimizer.check(&model()).is_ok());
    let mut more: Vec<Parameter> = Vec::new();
    for (name, role, shape) in MODEL
        .iter()
        .chain(&[("head.weight", Role::Weight, &[1i64][..])])
    {
        let tensor = Tensor::ones(*shape, (Kind::Float, Device::Cpu));
        more.push(Parameter {
            name: (*name).into(),
            role: *role,
            tensor,
        });
    }
    let error = optimizer
        .check(&Parameters::new(more).unwrap())
        .unwrap_err();
    assert!(matches!(error, Error::AddedLater { name } if name == "head.weight"));
}

#[test]
fn a_step_finds_what_was_added_to_the_store() {
    for backend in [Backend::Auto, Backend::Reference, Backend::Cuda] {
        let vs = nn::VarStore::new(Device::Cpu);
        let body = nn::linear(vs.root() / "body", 3, 2, Default::default());
        let config = OptimizerConfig {
            backend,
            ..OptimizerConfig::new(SgdConfig::default(), Schedule::constant(0.1))
        };
        let parameters = Parameters::from_var_store(&vs).unwrap();
        let mut optimizer = config.build(parameters).unwrap();
        let step = |optimizer: &mut Optimizer| {
            optimizer.zero_grad();
            body.ws.sum(Kind::Float).backward();
            optimizer.step().map(|_| ())
        };
        step(&mut optimizer).unwrap();
        // What is not trained is nobody's concern.
        let _ = vs.root().zeros_no_train("mean", &[2]);
        step(&mut optimizer).unwrap();
        let _head = nn::linear(vs.root() / "head", 2, 2, Default::default());
        let before = body.ws.copy();
        let error = step(&mut optimizer).unwrap_err();
        assert!(matches!(error, Error::AddedLater { name } if name == "head.bias"));
        assert_eq!((body.ws.equal(&before), optimizer.steps()), (true, 2));
    }
}

#[test]
fn a_learning_rate_scale_scales_the_step() {
    let group = Group {
        learning_rate_scale: 0.25,
        ..Group::new("fc.weight")
    };
    let sgd = OptimizerConfig {
        rule: SgdConfig::default().into(),
        ..config()
    };
    let parameters = model();
    let tensor = |name: &str| parameters.get(name).unwrap().tensor.shallow_clone();
    let (conv, fc) = (tensor("conv.weight"), tensor("fc.weight"));
    let mut optimizer = sgd.with_group(group).build(parameters).unwrap();
    (conv.sum(Kind::Float) + fc.sum(Kind::Float)).backward();
    optimizer.step().unwrap();
    assert!((conv.mean(Kind::Double).double_value(&[]) - 0.9).abs() < 1e-7);
    assert!((fc.mean(Kind::Double).double_value(&[]) - 0.975).abs() < 1e-7);
}

#[test]
fn a_schedule_can_count_samples() {
    let parameters = model();
    let fc = parameters.get("fc.weight").unwrap().tensor.shallow_clone();
    let schedule = Schedule::multi_step(1.0, vec![100], 0.1);
    let config = OptimizerConfig {
        schedule,
        clock: Clock::Samples,
        ..config()
    };
    let mut optimizer = config.build(parameters).unwrap();
    for expected in [1.0, 1.0, 0.1] {
        optimizer.zero_grad();
        fc.sum(Kind::Float).backward();
        let options = StepOptions {
            samples: 50,
            ..StepOptions::default()
        };
        let report = optimizer.step_with(options).unwrap();
        assert!((report.learning_rate() - expected).abs() < 1e-15);
    }
    assert!(matches!(
        optimizer.step(),
        Err(Error::Setting {
            setting: "samples",
            ..
        })
    ));
}

#[test]
fn a_gradient_scale_is_divided_out() {
    let run = |factor: f64| {
        let parameters = model();
        let fc = parameters.get("fc.weight").unwrap().tensor.shallow_clone();
        let sgd = OptimizerConfig {
            rule: SgdConfig::default().into(),
            ..config()
        };
        let mut optimizer = sgd.with_clip_norm(1.0).build(parameters).unwrap();
        (fc.sum(Kind::Float) * factor).backward();
        let options = StepOptions {
            gradient_scale: factor,
            ..StepOptions::default()
        };
        let report = optimizer.step_with(options).unwrap();
        (report, fc.detach().copy())
    };
    let ((plain, expected), (scaled, found)) = (run(1.0), run(1024.0));
    assert_eq!(plain.gradient_norm(), scaled.gradient_norm());
    assert!(expected.equal(&found));
}
