//! `lawn model FILE --layers`: the layers of a net, and what LAWN constrains of them.

use lawn_models::{Constraint, Map, TreatedLayer, TreatedLayers};
use serde::Serialize;

use crate::report::render;

/// The layers of a task's net as an arm's LAWN treats them.
#[derive(Debug, Serialize)]
pub(super) struct ArmLayers {
    pub(super) task: String,
    pub(super) arm: String,
    #[serde(flatten)]
    pub(super) layers: TreatedLayers,
}

pub(super) fn describe(arm: &ArmLayers) -> String {
    let ArmLayers { task, arm, layers } = arm;
    let rows: Vec<Vec<String>> = layers.layers.iter().map(row).collect();
    let head = ["layer", "map", "elements", "LAWN", "units", "why"];
    format!(
        "{task} · {arm}: {}\n{}\n{}",
        scope(layers),
        sub_network(layers),
        render::table(&head, &rows)
    )
}

fn scope(layers: &TreatedLayers) -> String {
    match layers.lawn {
        true => format!("scope {}", layers.scope),
        false => format!("no LAWN; with it, scope {}", layers.scope),
    }
}

/// Where the final homogeneous sub-network begins, and why there.
fn sub_network(layers: &TreatedLayers) -> String {
    match &layers.last_other {
        None => "no layer forgets or bends the scale of its input: the final homogeneous \
                 sub-network is the whole net"
            .to_owned(),
        Some((name, map)) => {
            let does = match map {
                Map::Normalization => "a normalization, which forgets the scale of its input",
                _ => "through which a scale does not pass as it is",
            };
            format!("the final homogeneous sub-network begins after {name}, {does}")
        }
    }
}

fn row(layer: &TreatedLayer) -> Vec<String> {
    let elements = |treatment: &lawn_models::Treatment| treatment.shape.iter().product::<i64>();
    let all: i64 = layer.treatments.iter().map(elements).sum();
    let map = match layer.map {
        Map::Homogeneous => "homogeneous",
        Map::Normalization => "normalization",
        _ => "other",
    };
    let units: i64 = layer.treatments.iter().map(|one| one.units).sum();
    let (what, why) = match layer.constraint() {
        Some(one) if one.constraint == Constraint::Constrained => {
            ("constrained", one.reason.clone())
        }
        Some(one) if one.constraint == Constraint::Free => ("free", one.reason.clone()),
        Some(one) => ("skipped", one.reason.clone()),
        None => ("skipped", String::new()),
    };
    vec![
        layer.name.clone(),
        map.to_owned(),
        all.to_string(),
        what.to_owned(),
        units.to_string(),
        why,
    ]
}
