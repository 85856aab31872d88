//! Whether a chosen setting lies at the end of what was tuned over.

use std::collections::BTreeMap;

use crate::config::{Axis, Domain, Scale, Setting};

/// The hyper-parameters of `chosen` that lie at a border of their axis at a batch size:
///
/// - in a grid of three numbers or more, the first or the last;
/// - in a range, among three settings or more, the lowest or highest value tried, or one
///   in the outermost of as many equal parts of the range as there are settings.
///
/// Beyond a border there may be better settings that nobody tried.
pub(super) fn at_border(
    space: &BTreeMap<String, Axis>,
    settings: &[Setting],
    chosen: usize,
    batch_size: u64,
) -> Vec<String> {
    let Some(setting) = settings.get(chosen) else {
        return Vec::new();
    };
    let at_border = |name: &str, axis: &Axis| {
        let value = setting.tuned_at(batch_size).get(name)?.as_f64()?;
        let tried = settings.iter();
        let mut tried: Vec<f64> = tried
            .filter_map(|setting| setting.tuned_at(batch_size).get(name)?.as_f64())
            .collect();
        tried.sort_by(f64::total_cmp);
        tried.dedup();
        let (first, last) = (tried.first()?, tried.last()?);
        let extreme = tried.len() >= 3 && (value == *first || value == *last);
        Some(match axis.domain_at(Some(batch_size)) {
            Domain::Grid(_) => extreme,
            // The order of a choice means nothing.
            Domain::Choice(_) => false,
            &Domain::Range { min, max, scale } => {
                extreme || outermost(value, [min, max], scale, settings.len())
            }
        })
    };
    space
        .iter()
        .filter(|(name, axis)| at_border(name, axis) == Some(true))
        .map(|(name, _)| name.clone())
        .collect()
}

/// Whether `value` lies in the first or last of `parts` equal parts of the range.
fn outermost(value: f64, [min, max]: [f64; 2], scale: Scale, parts: usize) -> bool {
    let along = match scale {
        Scale::Linear => (value - min) / (max - min),
        Scale::Log => (value / min).ln() / (max / min).ln(),
        Scale::Integer => return value == min || value == max,
    };
    let part = 1.0 / parts as f64;
    parts >= 3 && (along < part || along > 1.0 - part)
}

#[cfg(test)]
mod tests {
    use lawn_models::{OptimizerSettings, RuleName};

    use super::*;

    fn settings(rates: &[f64]) -> Vec<Setting> {
        let one = |&rate: &f64| Setting {
            tuned: BTreeMap::from([("learning_rate".to_owned(), rate.into())]),
            optimizer: OptimizerSettings::new(RuleName::Adam, rate),
            at: BTreeMap::new(),
        };
        rates.iter().map(one).collect()
    }

    fn flagged(domain: Domain, rates: &[f64]) -> Vec<bool> {
        let axis = Axis {
            domain,
            at: BTreeMap::new(),
        };
        let space = BTreeMap::from([("learning_rate".to_owned(), axis)]);
        (0..rates.len())
            .map(|chosen| !at_border(&space, &settings(rates), chosen, 64).is_empty())
            .collect()
    }

    #[test]
    fn the_ends_of_a_grid_of_three_are_borders_and_those_of_two_are_not() {
        let grid = || Domain::Grid(Vec::new());
        assert_eq!(flagged(grid(), &[0.1, 0.3, 0.2]), [true, true, false]);
        assert_eq!(flagged(grid(), &[0.1, 0.3]), [false, false]);
    }

    #[test]
    fn a_range_has_its_borders_where_it_ends() {
        let log = || Domain::Range {
            min: 1e-4,
            max: 1.0,
            scale: Scale::Log,
        };
        // Quarters of the logarithm: 1e-4 to 1e-3, …, 1e-1 to 1.
        assert_eq!(
            flagged(log(), &[5e-4, 7e-4, 5e-2, 5e-1]),
            [true, true, false, true]
        );
        // All in the middle: the lowest and the highest tried are the edge of what is known.
        assert_eq!(flagged(log(), &[5e-3, 1e-2, 5e-2]), [true, false, true]);
    }
}
