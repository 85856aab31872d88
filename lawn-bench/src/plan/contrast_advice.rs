//! Contrasts of a constraint whose arms differ in more than it.

use std::collections::BTreeSet;

use lawn_models::{ConstraintName, OptimizerSettings};
use serde_json::{Map, Value, json};

use crate::config::{Arm, Scaling, Sweep};

/// What says whether there is a constraint, and what a constraint takes the place of.
const CONSTRAINED: [&str; 4] = [
    "lawn",
    "constraint",
    "weight_decay",
    "embedding_weight_decay",
];

/// Before the name of a decay that is given as what it lacks to 1.
const COMPLEMENT: &str = "one_minus_";

/// A sentence for each contrast of an arm with a constraint and one without on the same rule that
/// differ in other settings, too. Only values that both fix are looked at.
pub(crate) fn more_than_a_constraint(sweep: &Sweep) -> Vec<String> {
    let arm = |name: &str| sweep.arms.iter().find(|arm| arm.name == name);
    let contrasts = sweep.contrasts.iter();
    let said = contrasts.filter_map(|contrast| {
        let (baseline, treatment) = (arm(&contrast.baseline)?, arm(&contrast.treatment)?);
        let differing = differing(baseline, treatment, sweep);
        (!differing.is_empty()).then(|| {
            format!(
                "{} over {} compares more than the constraint: {}; what is found between them may come \
                 of that",
                treatment.name,
                baseline.name,
                differing.join(", ")
            )
        })
    });
    said.collect()
}

/// The keys in which an arm without a constraint and one with it differ beside that, with both values.
fn differing(baseline: &Arm, treatment: &Arm, sweep: &Sweep) -> Vec<String> {
    let (Some(without), Some(with)) = (baseline.settings.first(), treatment.settings.first())
    else {
        return Vec::new();
    };
    let (without, with) = (&without.optimizer, &with.optimizer);
    if without.is_constrained() || !with.is_constrained() || without.rule != with.rule {
        return Vec::new();
    }
    let given: BTreeSet<String> = [without, with]
        .into_iter()
        .flat_map(|settings| values(settings).into_iter().map(|(key, _)| key))
        .collect();
    let both = [with, without].map(|settings| {
        // A default that is written out is no difference.
        values(&settings.or(&OptimizerSettings::defaults(settings.rule)))
    });
    let is_tuned = |key: &str| {
        let spaces = [&baseline.space, &treatment.space].into_iter();
        let mut tuned = spaces.flat_map(|space| space.keys());
        tuned.any(|name| name.trim_start_matches(COMPLEMENT) == key)
    };
    let is_own = |key: &str| {
        let is_length = key == "learning_rate" && is_under_hyperball(with);
        // What one constraint has or has not is of constraints.
        is_length || CONSTRAINED.contains(&key) || ConstraintName::Lawn.has(key).is_some()
    };
    let keys = given.iter().filter(|key| !is_own(key) && !is_tuned(key));
    let mut said: Vec<String> = keys
        .filter(|key| both[0].get(*key) != both[1].get(*key))
        .map(|key| {
            let [with, without] = both.each_ref().map(|values| shown(values.get(key)));
            format!("{key} = {with} beside {without}")
        })
        .collect();
    let of = [treatment, baseline].map(|arm| arm.rate_batch_size);
    if of[0] != of[1] && sweep.learning_rate_scaling != Scaling::None && !is_own("learning_rate") {
        said.push("their learning rates are of different batch sizes (rate_batch_size)".into());
    }
    said
}

/// Whether the learning rate is the length of a step in parts of the norm, and no rate.
fn is_under_hyperball(settings: &OptimizerSettings) -> bool {
    settings.constraint == Some(ConstraintName::Hyperball)
}

/// What settings give, every decay as itself.
fn values(settings: &OptimizerSettings) -> Map<String, Value> {
    let all = json!(settings);
    let given = all.as_object().into_iter().flatten();
    given
        .filter(|(_, value)| !value.is_null())
        .map(
            |(key, value)| match (key.strip_prefix(COMPLEMENT), value.as_f64()) {
                (Some(key), Some(rest)) => (key.to_owned(), json!(1.0 - rest)),
                _ => (key.clone(), value.clone()),
            },
        )
        .collect()
}

fn shown(value: Option<&Value>) -> String {
    value.map_or_else(|| "none".to_owned(), Value::to_string)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::parse;

    const TINY: &str = include_str!("../../tests/command/sweeps/tiny.toml");

    /// What is said where the arm with LAWN, and the one without, have these lines as well.
    fn said(lawn: &str, adam: &str) -> Vec<String> {
        let place = "rule = \"adam\"\n";
        let text = TINY
            .replacen("lawn = true\n", &format!("lawn = true\n{lawn}\n"), 1)
            .replacen(place, &format!("{place}{adam}\n"), 1);
        let sweep = parse("tiny.toml", &text).unwrap_or_else(|error| panic!("{error}"));
        more_than_a_constraint(&sweep)
    }

    #[test]
    fn what_differs_beside_the_constraint_is_said_with_both_values() {
        assert_eq!(
            said("ema_decay = 0.99\ndecay = \"cosine\"", ""),
            [
                "adam-lawn over adam compares more than the constraint: decay = \"cosine\" beside \
              \"linear\", ema_decay = 0.99 beside none; what is found between them may come of \
              that"
            ]
        );
        let of_one = said("", "clip_norm = 1.0");
        assert!(
            of_one[0].contains("clip_norm = none beside 1.0;"),
            "{of_one:?}"
        );
        let of_decays = said("one_minus_beta1 = 0.25", "beta1 = 0.5");
        assert!(
            of_decays[0].contains("beta1 = 0.75 beside 0.5;"),
            "{of_decays:?}"
        );
        // What the shape of a rate has without being told is not said beside the shape.
        let of_shape = said("decay = \"constant\"", "");
        assert!(
            of_shape[0].contains("constraint: decay = \"constant\" beside \"linear\";"),
            "{of_shape:?}"
        );
    }

    #[test]
    fn what_comes_with_a_constraint_is_tuned_or_a_default_is_not_said() {
        for (lawn, adam) in [
            ("", ""),
            ("scope = \"all-weights\"\ngranularity = \"row\"", ""),
            ("", "weight_decay = 0.1"),
            ("beta1 = 0.9\nend_factor = 0.0", ""),
            ("one_minus_beta1 = 0.5", "beta1 = 0.5"),
        ] {
            assert!(
                said(lawn, adam).is_empty(),
                "{lawn}, {adam}: {:?}",
                said(lawn, adam)
            );
        }
        // The grid of the learning rate of one arm, and a fixed one of the other.
        let grid = "[arms.adam-lawn.grid]\nlearning_rate = [3e-3, 1e-2]\n";
        let text = TINY.replacen(
            "free_epochs = 1\n",
            "free_epochs = 1\nlearning_rate = 0.1\n",
            1,
        );
        let text = text.replacen(grid, "", 1);
        let sweep = parse("tiny.toml", &text).unwrap_or_else(|error| panic!("{error}"));
        assert!(more_than_a_constraint(&sweep).is_empty());
    }

    #[test]
    fn a_length_of_steps_is_no_learning_rate_and_other_rules_are_no_contrast_of_a_constraint() {
        let arms = |first: &str, second: &str| {
            let text = format!(
                "name = \"a\"\nbatch_sizes = [8]\n[tasks.a]\nkind = \"ncf\"\ndata = \"generated\"\n\
                 [budget]\nepochs = 2\n[arms.one]\n{first}\n[arms.two]\n{second}\n\
                 [confirmation]\nseeds = [1, 2]\n[[contrasts]]\nbaseline = \"one\"\n\
                 treatment = \"two\"\n"
            );
            let sweep = parse("a.toml", &text).unwrap_or_else(|error| panic!("{error}"));
            more_than_a_constraint(&sweep)
        };
        let adam = "rule = \"adam\"\nlearning_rate = 0.1";
        let hyperball = "constraint = \"hyperball\"\nlearning_rate = 0.01";
        assert!(arms(adam, &format!("rule = \"adam\"\n{hyperball}")).is_empty());
        assert!(arms(adam, &format!("rule = \"sgd\"\n{hyperball}")).is_empty());
        assert!(arms(adam, "rule = \"adam\"\nlearning_rate = 0.2").is_empty());
        let cpr = "rule = \"adam\"\nconstraint = \"cpr\"\nfree_fraction = 0.2\nlearning_rate = 0.2";
        let found = arms(adam, cpr);
        assert!(
            found[0].contains("learning_rate = 0.2 beside 0.1"),
            "{found:?}"
        );
    }
}
