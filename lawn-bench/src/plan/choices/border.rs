//! Whether a chosen setting lies at the end of what was tuned over.

use std::collections::BTreeMap;

use lawn_analysis::analysis::Border;

use crate::config::{Axis, Setting};

/// The hyper-parameters of `chosen` that lie on a border at a batch size, by the rule of the
/// report, [`Border::of`].
pub(super) fn at_border(
    space: &BTreeMap<String, Axis>,
    settings: &[Setting],
    chosen: usize,
    batch_size: u64,
) -> Vec<String> {
    let number = |setting: &Setting, name: &str| setting.tuned_at(batch_size).get(name)?.as_f64();
    let border = |name: &&String| {
        let value = number(settings.get(chosen)?, name)?;
        let tried = settings.iter().filter_map(|setting| number(setting, name));
        Border::of(name, value, tried)
    };
    let names = space.keys().filter(|name| border(name).is_some());
    names.cloned().collect()
}

#[cfg(test)]
mod tests {
    use lawn_models::{OptimizerSettings, RuleName};

    use super::*;
    use crate::config::{Domain, Point};

    #[test]
    fn the_values_of_the_batch_size_count_and_text_has_no_ends() {
        let one = |(rate, there, decay): (f64, f64, &str)| {
            let tuned = |rate: f64| {
                BTreeMap::from([
                    ("learning_rate".to_owned(), rate.into()),
                    ("decay".to_owned(), decay.into()),
                ])
            };
            let optimizer = OptimizerSettings::new(RuleName::Adam, rate);
            let point = Point {
                tuned: tuned(there),
                optimizer: optimizer.clone(),
            };
            Setting {
                tuned: tuned(rate),
                optimizer,
                at: BTreeMap::from([(256, point)]),
            }
        };
        let settings = [(0.1, 0.2, "a"), (0.2, 0.1, "b"), (0.3, 0.3, "c")].map(one);
        let axis = |name: &str| {
            let domain = Domain::Choice(Vec::new());
            let at = BTreeMap::new();
            (name.to_owned(), Axis { domain, at })
        };
        let space = BTreeMap::from(["learning_rate", "decay"].map(axis));
        let flagged = |batch_size| {
            [0, 1, 2].map(|chosen| at_border(&space, &settings, chosen, batch_size).len())
        };
        assert_eq!(flagged(64), [1, 0, 1]);
        assert_eq!(flagged(256), [0, 1, 1]);
        assert_eq!(at_border(&space, &settings, 2, 64), ["learning_rate"]);
    }
}
