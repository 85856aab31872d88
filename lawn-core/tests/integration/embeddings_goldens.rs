//! The rules of embedding tables and CowClip against `torch.optim` and against numpy, from
//! `goldens/embeddings.py`.

use std::collections::BTreeMap;
use std::path::Path;

use crate::common::distance;
use crate::common::golden_table::{Row, differences};
use crate::common::table::{LAYOUTS, Layout, Table};
use lawn_core::{Backend, OptimizerConfig, State};
use serde::Deserialize;
use tch::{Device, Kind};

#[derive(Deserialize)]
struct Goldens {
    versions: BTreeMap<String, String>,
    steps: usize,
    tolerance: BTreeMap<String, f64>,
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    name: String,
    peer: String,
    dense_and_sparse: [bool; 2],
    config: OptimizerConfig,
}

fn largest_distance(
    goldens: &Goldens,
    tensors: &State,
    case: &Case,
    (kind, backend, layout): (Kind, Backend, Layout),
) -> f64 {
    let tensor = |name: String| &tensors.tensors[&name];
    let config = OptimizerConfig {
        backend,
        ..case.config.clone()
    };
    let mut table = Table::new(config, &tensor("weight".into()).to_kind(kind));
    let mut largest = 0f64;
    for step in 0..goldens.steps {
        let ids = tensor(format!("ids/{step}"));
        table.optimizer.zero_grad();
        table.optimizer.count_rows("table", ids).unwrap();
        table.backward(ids, tensor(format!("vectors/{step}")), layout);
        table.optimizer.step().unwrap();
        let expected = tensor(format!("{}/{step}", case.name));
        largest = largest.max(distance(&table.weight, expected));
    }
    largest
}

#[test]
fn each_rule_of_tables_does_what_its_peer_does() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("goldens");
    let text = std::fs::read_to_string(folder.join("embeddings.json")).unwrap();
    let goldens: Goldens = serde_json::from_str(&text).unwrap();
    let tensors = State::load(folder.join("embeddings.safetensors"), Device::Cpu).unwrap();
    assert_eq!(goldens.cases.len(), 7);
    let (mut failures, mut rows) = (Vec::new(), Vec::new());
    for case in &goldens.cases {
        let mut errors = [0f64; 2];
        let layouts = LAYOUTS.into_iter().zip(case.dense_and_sparse);
        for (layout, _) in layouts.filter(|(_, held)| *held) {
            let kinds = [(Kind::Double, "f64"), (Kind::Float, "f32")];
            for ((kind, name), largest) in kinds.into_iter().zip(&mut errors) {
                for backend in [Backend::Auto, Backend::Reference, Backend::Cuda] {
                    let found = largest_distance(&goldens, &tensors, case, (kind, backend, layout));
                    let what = format!(
                        "{:<20} {:<26} {name} {layout:?} {backend:?}: {found:.1e}",
                        case.name, case.peer
                    );
                    *largest = largest.max(found);
                    if found.is_nan() || found > goldens.tolerance[name] {
                        failures.push(what);
                    }
                }
            }
        }
        rows.push(Row::new(&case.name, &case.peer, &goldens.versions, errors));
    }
    failures.extend(differences("Rules of embedding tables", &rows));
    assert!(failures.is_empty(), "{failures:#?}");
}
