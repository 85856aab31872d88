//! Classification without a model: at random, and by the most frequent class.

use super::floor::Floor;
use crate::measure::accuracy::top_1;
use crate::measure::measurement::{Measurement, Split};

/// The floors of telling `classes` apart, from the labels of some splits: `random`, then
/// `majority-class`, the most frequent of the labels of `train`.
pub(crate) fn floors(classes: usize, train: &[u32], answers: &[(Split, Vec<u32>)]) -> Vec<Floor> {
    let majority = majority(classes, train);
    let splits: Vec<Split> = answers.iter().map(|&(split, _)| split).collect();
    let measurements = answers
        .iter()
        .map(|(split, labels)| always(majority, *split, labels));
    vec![
        Floor::expected("random", &splits, &[("top-1", 1.0 / classes as f64)]),
        Floor {
            predictor: "majority-class",
            measurements: measurements.collect(),
        },
    ]
}

/// The most frequent class, the first of several.
fn majority(classes: usize, labels: &[u32]) -> u32 {
    let mut counts = vec![0u64; classes];
    for &label in labels {
        counts[label as usize] += 1;
    }
    let most = counts.iter().max();
    let first = counts.iter().position(|count| Some(count) == most);
    first.unwrap_or(0) as u32
}

/// Top-1 of the answer `class` to everything.
fn always(class: u32, split: Split, labels: &[u32]) -> Measurement {
    let right = labels.iter().filter(|&&label| label == class).count();
    top_1(split, right as u64, labels.len() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_frequent_class_is_the_first_of_several() {
        assert_eq!(majority(4, &[3, 1, 1, 3, 2]), 1);
        let answer = always(1, Split::Test, &[1, 1, 3, 0]);
        assert_eq!(
            (answer.count, answer.total, answer.value),
            (Some(2), Some(4), 0.5)
        );
    }
}
