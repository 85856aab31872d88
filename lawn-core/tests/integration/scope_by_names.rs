//! The final homogeneous sub-network of a store: what names, shapes and buffers tell, and
//! what is refused because they do not.

use lawn_core::{
    Constraint, Error, Group, LawnConfig, Layer, Optimizer, OptimizerConfig, Parameters, Role,
    Schedule, Scope, SgdConfig, TreatmentTable,
};
use tch::nn::{BatchNormConfig, Init, LinearConfig, Path, VarStore};
use tch::{Device, nn};

type Make = fn(Path<'_>);

fn store(make: Make) -> VarStore {
    let vs = VarStore::new(Device::Cpu);
    make(vs.root());
    vs
}

fn config() -> OptimizerConfig {
    OptimizerConfig::new(SgdConfig::default().into(), Schedule::constant(0.1))
        .with_lawn(LawnConfig::new(0))
}

fn build(make: Make) -> Result<Optimizer, Error> {
    config().build(Parameters::from_var_store(&store(make))?)
}

/// Names of what is constrained.
fn constrained(optimizer: &Optimizer) -> Vec<&str> {
    let all = optimizer.treatments().iter();
    let some = all.filter(|t| t.constraint == Constraint::Constrained);
    some.map(|t| t.parameter.as_str()).collect()
}

fn linear(at: Path<'_>, from: i64, to: i64) {
    let config = LinearConfig {
        bias: false,
        ..Default::default()
    };
    nn::linear(at, from, to, config);
}

fn vector(at: Path<'_>, name: &str, elements: i64) {
    let _ = at.var(name, &[elements], Init::Const(0.25));
}

fn statistics(at: Path<'_>) {
    let config = BatchNormConfig {
        affine: false,
        ..Default::default()
    };
    nn::batch_norm1d(at, 4, config);
}

/// The first half of the model, a layer that `make` makes, the second half.
fn around(root: &Path<'_>, make: impl FnOnce(Path<'_>)) {
    linear(root / "0", 3, 4);
    make(root / "1");
    linear(root / "2", 4, 4);
    linear(root / "3", 4, 2);
}

#[test]
fn running_statistics_show_a_normalization_without_parameters() {
    let optimizer = build(|root| around(&root, statistics)).unwrap();
    assert_eq!(constrained(&optimizer), ["2.weight", "3.weight"]);
    let first = &optimizer.treatments()[0];
    assert!(
        first.guessed && first.reason.contains("before `1`"),
        "{first:?}"
    );
    // In a module that another normalization comes after, its place does not matter.
    let optimizer = build(|root| {
        linear(&root / "stem" / "conv", 3, 4);
        statistics(&root / "stem" / "bn");
        nn::layer_norm(&root / "norm", vec![4], Default::default());
        linear(&root / "head", 4, 2);
    })
    .unwrap();
    assert_eq!(constrained(&optimizer), ["head.weight"]);
}

#[test]
fn a_normalization_of_unknown_place_is_refused() {
    let make: Make = |root| {
        linear(&root / "fc1", 3, 4);
        statistics(&root / "bn");
        linear(&root / "fc2", 4, 2);
    };
    let error = build(make).unwrap_err();
    let said = error.to_string();
    assert!(
        said.contains("`bn`") && said.contains("`fc1.weight`"),
        "{said}"
    );
    assert!(
        said.contains("`set_layers`") && said.contains("patterns"),
        "{said}"
    );
    assert!(matches!(error, Error::UndecidedScope { name, .. } if name == "bn"));

    // Each of the ways that it names.
    let none: [&str; 0] = [];
    let mut parameters = Parameters::from_var_store(&store(make)).unwrap();
    let layers = vec![
        Layer::homogeneous(["fc1.weight"]),
        Layer::normalization(none),
        Layer::homogeneous(["fc2.weight"]),
    ];
    parameters.set_layers(layers).unwrap();
    let optimizer = config().build(parameters).unwrap();
    assert_eq!(constrained(&optimizer), ["fc2.weight"]);
    assert!(optimizer.treatments().iter().all(|t| !t.guessed));
    assert_eq!(
        TreatmentTable(optimizer.treatments())
            .to_string()
            .lines()
            .count(),
        3
    );

    let lawn = LawnConfig {
        scope: Scope::Patterns(vec!["fc2.*".into()]),
        ..LawnConfig::new(0)
    };
    let parameters = Parameters::from_var_store(&store(make)).unwrap();
    let optimizer = config().with_lawn(lawn).build(parameters).unwrap();
    assert_eq!(constrained(&optimizer), ["fc2.weight"]);

    let mut settled = config();
    for (pattern, on) in [("fc1.*", false), ("fc2.*", true)] {
        settled = settled.with_group(Group {
            constrained: Some(on),
            ..Group::new(pattern)
        });
    }
    let parameters = Parameters::from_var_store(&store(make)).unwrap();
    let optimizer = settled.build(parameters).unwrap();
    assert_eq!(constrained(&optimizer), ["fc2.weight"]);
}

#[test]
fn factors_that_normalize_nothing_end_no_sub_network() {
    let all = ["0.weight", "2.weight", "3.weight"];
    let makes: [Make; 4] = [
        |root| around(&root, |_| vector(&root / "prelu", "weight", 4)),
        |root| around(&root, |at| vector(at, "weight", 1)),
        |root| {
            around(&root, |_| {});
            vector(root, "scale", 1);
        },
        |root| {
            around(&root, |_| {});
            let _ = root.var("logit_scale", &[], Init::Const(2.6));
            vector(root, "temperature", 2);
        },
    ];
    for make in makes {
        let optimizer = build(make).unwrap();
        assert_eq!(constrained(&optimizer), all);
        let said = TreatmentTable(optimizer.treatments()).to_string();
        assert!(said.contains("no normalization is seen"), "{said}");
        assert!(said.ends_with("`set_layers` states them\n"), "{said}");
    }
}

#[test]
fn a_vector_that_may_be_either_is_refused_until_it_is_stated() {
    let make: Make = |root| around(&root, |at| vector(at, "weight", 4));
    let error = build(make).unwrap_err();
    assert!(error.to_string().contains("`set_role`"), "{error}");
    assert!(
        matches!(error, Error::UndecidedScope { name, undecided, .. } if (name.as_str(), undecided.as_str()) == ("1.weight", "0.weight"))
    );
    for (role, expected) in [
        (Role::Norm, &["2.weight", "3.weight"][..]),
        (Role::Scale, &["0.weight", "2.weight", "3.weight"]),
    ] {
        let mut parameters = Parameters::from_var_store(&store(make)).unwrap();
        parameters.set_role("1.weight", role).unwrap();
        let optimizer = config().build(parameters).unwrap();
        assert_eq!(constrained(&optimizer), expected);
    }
    // Before a normalization that is one it does not matter.
    let optimizer = build(|root| {
        around(&root, |at| vector(at, "weight", 4));
        nn::layer_norm(&root / "4", vec![2], Default::default());
        linear(&root / "5", 2, 2);
    })
    .unwrap();
    assert_eq!(constrained(&optimizer), ["5.weight"]);
}

#[test]
fn gates_end_a_sub_network_and_a_plain_recurrence_may() {
    let optimizer = build(|root| {
        nn::lstm(&(&root / "lstm"), 3, 4, Default::default());
        linear(&root / "head", 4, 2);
    })
    .unwrap();
    assert_eq!(constrained(&optimizer), ["head.weight"]);
    let error = build(|root| {
        let rnn = &root / "rnn";
        let _ = rnn.var("weight_ih_l0", &[4, 3], Init::Const(0.1));
        let _ = rnn.var("weight_hh_l0", &[4, 4], Init::Const(0.1));
        linear(&root / "head", 4, 2);
    })
    .unwrap_err();
    assert!(matches!(error, Error::UndecidedScope { name, .. } if name == "rnn.weight_hh_l0"));
}

#[test]
fn directions_of_a_weight_normalization_are_not_constrained_unasked() {
    let make: Make = |root| {
        linear(&root / "fc1", 3, 4);
        let head = &root / "head";
        let _ = head.var("weight_g", &[2, 1], Init::Const(1.0));
        let _ = head.var("weight_v", &[2, 4], Init::Const(0.1));
    };
    let error = build(make).unwrap_err();
    assert!(matches!(error, Error::UndecidedScope { name, .. } if name == "head.weight_v"));
    let lawn = LawnConfig {
        scope: Scope::AllWeights,
        ..LawnConfig::new(0)
    };
    let parameters = Parameters::from_var_store(&store(make)).unwrap();
    let optimizer = config().with_lawn(lawn).build(parameters).unwrap();
    let said = TreatmentTable(optimizer.treatments()).to_string();
    assert!(
        said.contains("weight normalization divides its norm out"),
        "{said}"
    );
}

#[test]
fn a_normalization_after_all_weights_is_named() {
    let error = build(|root| {
        linear(&root / "fc", 3, 4);
        nn::batch_norm1d(&root / "bn", 4, Default::default());
    })
    .unwrap_err();
    assert!(matches!(error, Error::EmptyScope { found, .. } if found.contains("`bn`")));
}

#[test]
fn layers_made_under_one_name_are_not_told_apart() {
    // All of them in the root: whose statistics, whose vectors?
    let error = build(|root| {
        nn::linear(&root, 3, 4, Default::default());
        nn::batch_norm1d(&root, 4, Default::default());
        nn::linear(&root, 4, 2, Default::default());
    })
    .unwrap_err();
    assert!(matches!(error, Error::UndecidedScope { .. }), "{error}");
}

#[test]
fn a_layer_that_no_one_named_is_said_to_be_so() {
    let mut parameters = Parameters::from_var_store(&store(|root| around(&root, |_| {}))).unwrap();
    parameters
        .set_layers(vec![Layer::homogeneous(["3.weight"])])
        .unwrap();
    let optimizer = config().build(parameters).unwrap();
    assert_eq!(constrained(&optimizer), ["3.weight"]);
    let free = &optimizer.treatments()[1].reason;
    assert!(free.ends_with("no layer names it"), "{free}");
}
