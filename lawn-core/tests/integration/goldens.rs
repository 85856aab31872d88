//! The built-in rules against torch.optim and timm, from `goldens/generate.py`.

use std::collections::BTreeMap;
use std::path::Path;

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

#[test]
fn each_rule_does_what_its_peer_does() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("goldens");
    let text = std::fs::read_to_string(folder.join("goldens.json")).unwrap();
    let goldens: Goldens = serde_json::from_str(&text).unwrap();
    let tensors = State::load(folder.join("goldens.safetensors"), Device::Cpu).unwrap();
    assert!(goldens.cases.len() >= 19);
    let defaults = goldens
        .cases
        .iter()
        .find(|case| case.name == "lamb-timm-defaults");
    assert_eq!(defaults.unwrap().config.rule, LambConfig::timm().into());
    let document = std::fs::read_to_string(folder.join("README.md")).unwrap();
    let mut failures = Vec::new();
    // What the document has; `--nocapture` shows it.
    println!("| case | source | version | f64 | f32 |\n|---|---|---|---|---|");
    for case in &goldens.cases {
        let package = case.peer.split('.').next().unwrap();
        let version = &goldens.versions[package];
        let start = format!("| {} | `{}` | {version} |", case.name, case.peer);
        let mut row = start.clone();
        for (kind, name) in [(Kind::Double, "f64"), (Kind::Float, "f32")] {
            let mut largest = 0f64;
            for backend in [Backend::Auto, Backend::Reference, Backend::Cuda] {
                let found = largest_distance(&goldens, &tensors, case, kind, backend);
                let tolerance = goldens.tolerance[name];
                if found.is_nan() || found > tolerance {
                    failures.push(format!(
                        "{} in {name} by {backend:?}: {found:.1e} > {tolerance:.0e}",
                        case.name
                    ));
                }
                largest = largest.max(found);
            }
            row += &format!(" {largest:.1e} |");
        }
        println!("{row}");
        if !document.contains(&start) {
            failures.push(format!("no row `{start}` in goldens/README.md"));
        }
    }
    assert!(failures.is_empty(), "{failures:#?}");
}
