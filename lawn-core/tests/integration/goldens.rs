//! The built-in rules and constraints against torch.optim, timm and the packages of their authors, from
//! `goldens/generate.py` and `goldens/hyperball.py`.

use std::collections::BTreeMap;
use std::path::Path;

use crate::common::golden_table::{Row, differences};
use crate::common::{distance, parameters, set_gradients};
use lawn_core::{Backend, LambConfig, OptimizerConfig, State};
use serde::Deserialize;
use tch::{Device, Kind, Tensor};

#[derive(Deserialize)]
struct Goldens {
    versions: BTreeMap<String, String>,
    steps: usize,
    shapes: Vec<Vec<i64>>,
    tolerance: BTreeMap<String, f64>,
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    name: String,
    peer: String,
    missing: Vec<(usize, usize)>,
    config: OptimizerConfig,
}

fn largest_distance(
    goldens: &Goldens,
    tensors: &State,
    case: &Case,
    kind: Kind,
    backend: Backend,
) -> f64 {
    let tensor = |name: String| &tensors.tensors[&name];
    let count = goldens.shapes.len();
    let initial: Vec<Tensor> = (0..count)
        .map(|i| tensor(format!("weight/{i}")).to_kind(kind))
        .collect();
    let (parameters, weights) = parameters(&initial);
    let mut optimizer = OptimizerConfig {
        backend,
        ..case.config.clone()
    }
    .build(parameters)
    .unwrap();
    let mut largest = 0f64;
    for step in 0..goldens.steps {
        let gradients: Vec<Option<Tensor>> = (0..count)
            .map(|i| {
                let there = !case.missing.contains(&(step, i));
                there.then(|| tensor(format!("gradient/{step}/{i}")).shallow_clone())
            })
            .collect();
        set_gradients(&mut optimizer, &weights, &gradients);
        optimizer.step().unwrap();
        for (i, w) in weights.iter().enumerate() {
            largest = largest.max(distance(w, tensor(format!("{}/{step}/{i}", case.name))));
        }
    }
    optimizer.eval().unwrap();
    for (i, w) in weights.iter().enumerate() {
        if let Some(evaluated) = tensors.tensors.get(&format!("{}/evaluated/{i}", case.name)) {
            largest = largest.max(distance(w, evaluated));
        }
    }
    largest
}

/// Cases, and the tensors beside them.
fn read(name: &str) -> (Goldens, State) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("goldens");
    let text = std::fs::read_to_string(folder.join(format!("{name}.json"))).unwrap();
    let goldens: Goldens = serde_json::from_str(&text).unwrap();
    let tensors = State::load(folder.join(format!("{name}.safetensors")), Device::Cpu);
    (goldens, tensors.unwrap())
}

#[test]
fn each_rule_does_what_its_peer_does() {
    let files = ["goldens", "hyperball"].map(read);
    let counts = files.each_ref().map(|(goldens, _)| goldens.cases.len());
    assert_eq!(counts, [49, 1]);
    let mut all = files[0].0.cases.iter();
    let defaults = all.find(|case| case.name == "lamb-timm-defaults");
    assert_eq!(defaults.unwrap().config.rule, LambConfig::timm().into());
    let (mut failures, mut rows) = (Vec::new(), Vec::new());
    let cases = files.iter().flat_map(|(goldens, tensors)| {
        let cases = goldens.cases.iter();
        cases.map(move |case| (goldens, tensors, case))
    });
    for (goldens, tensors, case) in cases {
        let errors = [(Kind::Double, "f64"), (Kind::Float, "f32")].map(|(kind, name)| {
            let mut largest = 0f64;
            for backend in [Backend::Auto, Backend::Reference, Backend::Cuda] {
                let found = largest_distance(goldens, tensors, case, kind, backend);
                let tolerance = goldens.tolerance[name];
                if found.is_nan() || found > tolerance {
                    failures.push(format!(
                        "{} in {name} by {backend:?}: {found:.1e} > {tolerance:.0e}",
                        case.name
                    ));
                }
                largest = largest.max(found);
            }
            largest
        });
        rows.push(Row::new(&case.name, &case.peer, &goldens.versions, errors));
    }
    failures.extend(differences("Rules and constraints", &rows));
    assert!(failures.is_empty(), "{failures:#?}");
}
