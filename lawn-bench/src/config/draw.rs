//! From a coordinate in (0, 1) to a value of a hyper-parameter.

use crate::config::sweep::{Domain, Scale};

/// Significant digits of a drawn number: enough to tune by, few enough to read.
const DIGITS: usize = 4;

/// The hyper-parameters in the order of their dimensions. One lies along the same dimension in
/// every arm, whatever else an arm is tuned over.
///
/// New ones go to the end: another order would change the points of every sweep.
const ORDER: [&str; 62] = [
    "learning_rate",
    "free_epochs",
    "free_fraction",
    "weight_decay",
    "warmup",
    "momentum",
    "beta1",
    "beta2",
    "clip_norm",
    "epsilon",
    "trust_coefficient",
    "dampening",
    "nesterov",
    "decay",
    "granularity",
    "scope",
    "project_gradient",
    "project_update",
    "end_factor",
    "decay_until",
    "decay_power",
    "decay_factor",
    "milestones",
    "ema_decay",
    "initial_accumulator",
    "untouched_rows",
    "cow_clip",
    "embedding_learning_rate",
    "embedding_weight_decay",
    "bound_factor",
    "bound_square",
    "multiplier_rate",
    "centred",
    "delta",
    "decay_ratio",
    "weight_power",
    "rate_power",
    "iterations",
    "muon_scale",
    "adam_on",
    "adaptation",
    "freeze_when",
    "restart_after",
    "restart_growth",
    "plateau_patience",
    "plateau_threshold",
    "plateau_cooldown",
    "layer_decay",
    "free_steps",
    "end_learning_rate",
    "form",
    "bias_correction",
    "gradient_averaging",
    "trust_max",
    "by_learning_rate",
    "rotation_memory",
    "rotation_epsilon",
    "beta2_power",
    "least_scale",
    "update_threshold",
    "iteration",
    "granularity_on",
];

/// What a decay lacks to 1 lies along its dimension: no arm has both.
const COMPLEMENT: &str = "one_minus_";

/// Decays that may be given as what they lack to 1.
const DECAYS: [&str; 3] = ["momentum", "beta1", "beta2"];

/// The other name by which a decay may be given.
pub(super) fn complement(name: &str) -> Option<String> {
    let of = |name: &str| DECAYS.contains(&name);
    match name.strip_prefix(COMPLEMENT) {
        Some(own) => of(own).then(|| own.to_owned()),
        None => of(name).then(|| format!("{COMPLEMENT}{name}")),
    }
}

/// The dimension of a hyper-parameter.
pub(super) fn dimension(name: &str) -> Option<usize> {
    let name = name.strip_prefix(COMPLEMENT).unwrap_or(name);
    ORDER.iter().position(|known| *known == name)
}

/// The value at coordinate `u`, as TOML text; for a list, the index into it.
///
/// ```text
/// linear   min + u (max − min)
/// log      min (max / min)^u
/// integer  min + ⌊u (max − min + 1)⌋
/// list     ⌊u n⌋
/// ```
pub(super) enum Coordinate {
    /// A number as it is written in TOML.
    Number(String),
    /// An entry of a list.
    Entry(usize),
}

pub(super) fn draw(domain: &Domain, u: f64) -> Coordinate {
    match domain {
        Domain::Grid(values) | Domain::Choice(values) => {
            Coordinate::Entry(((u * values.len() as f64) as usize).min(values.len() - 1))
        }
        &Domain::Range { min, max, scale } => Coordinate::Number(match scale {
            Scale::Linear => rounded(min + u * (max - min), min, max),
            Scale::Log => rounded(min * (max / min).powf(u), min, max),
            Scale::Integer => {
                let value = min + (u * (max - min + 1.0)).floor();
                format!("{}", value.min(max) as i64)
            }
        }),
    }
}

/// The number in few digits, not beyond the ends.
fn rounded(value: f64, min: f64, max: f64) -> String {
    let text = format!("{value:.*e}", DIGITS - 1);
    let rounded: f64 = text.parse().unwrap_or(value);
    format!("{:e}", rounded.clamp(min, max))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(min: f64, max: f64, scale: Scale, u: f64) -> f64 {
        match draw(&Domain::Range { min, max, scale }, u) {
            Coordinate::Number(text) => text.parse().expect("a number"),
            Coordinate::Entry(_) => panic!("a range has no entries"),
        }
    }

    #[test]
    fn scales_map_the_middle_and_keep_to_the_ends() {
        assert_eq!(number(0.0, 3.0, Scale::Linear, 0.5), 1.5);
        assert_eq!(number(1e-4, 1e-2, Scale::Log, 0.5), 1e-3);
        assert_eq!(number(1.0, 4.0, Scale::Integer, 0.5), 3.0);
        for u in [1e-12, 0.3, 1.0 - 1e-12] {
            let drawn = number(0.123_456, 0.123_789, Scale::Linear, u);
            assert!((0.123_456..=0.123_789).contains(&drawn), "{drawn}");
            assert!((1.0..=4.0).contains(&number(1.0, 4.0, Scale::Integer, u)));
        }
        assert_eq!(number(1e-4, 1e-1, Scale::Log, 0.123_456_789), 2.346e-4);
    }

    /// Every hyper-parameter has a dimension of its own, except those that make an arm what it
    /// is.
    #[test]
    fn every_hyper_parameter_has_a_dimension() {
        let wrong = serde_json::json!({ "rule": "sgd", "learning_rate": 0.1, "": 0 });
        let said = serde_json::from_value::<lawn_models::OptimizerSettings>(wrong)
            .expect_err("there is no such key")
            .to_string();
        let known: Vec<&str> = said.split('`').skip(3).step_by(2).collect();
        assert!(known.contains(&"learning_rate"), "{said}");
        for name in known
            .into_iter()
            .filter(|name| !crate::config::space::ARM.contains(name))
        {
            assert!(dimension(name).is_some(), "`{name}` has no dimension");
        }
    }

    #[test]
    fn lists_are_cut_into_equal_parts() {
        let list = Domain::Choice(vec!["a".into(), "b".into(), "c".into()]);
        let entries: Vec<usize> = [0.01, 0.34, 0.99]
            .iter()
            .map(|&u| match draw(&list, u) {
                Coordinate::Entry(entry) => entry,
                Coordinate::Number(text) => panic!("{text}"),
            })
            .collect();
        assert_eq!(entries, [0, 1, 2]);
    }
}
