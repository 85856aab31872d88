//! Classification without a model: at random, and by the most frequent class.

use super::floor::Floor;
use crate::measure::accuracy::{TOP, part};
use crate::measure::measurement::{Measurement, Split};

/// The floors of telling `classes` apart, from the labels of some splits: `random`, then
/// `majority-class`, the most frequent of the labels of `train`, or the five most frequent.
pub(crate) fn floors(classes: usize, train: &[u32], answers: &[(Split, Vec<u32>)]) -> Vec<Floor> {
    let frequent = most_frequent(classes, train);
    let share = |answers: usize| answers.min(classes) as f64 / classes as f64;
    let splits: Vec<Split> = answers.iter().map(|&(split, _)| split).collect();
    let measurements = answers
        .iter()
        .flat_map(|(split, labels)| always(&frequent, *split, labels));
    vec![
        Floor::expected(
            "random",
            &splits,
            &[("top-1", share(1)), ("top-5", share(TOP))],
        ),
        Floor {
            predictor: "majority-class",
            measurements: measurements.collect(),
        },
    ]
}

/// The classes from the most frequent on, of equally frequent ones the first.
fn most_frequent(classes: usize, labels: &[u32]) -> Vec<u32> {
    let mut counts = vec![0u64; classes];
    for &label in labels {
        counts[label as usize] += 1;
    }
    let mut order: Vec<u32> = (0..classes as u32).collect();
    order.sort_by_key(|&class| std::cmp::Reverse(counts[class as usize]));
    order
}

/// Top-1 and top-5 of the same answer to everything, the right class thought to be the first of
/// `order`, then the next.
fn always(order: &[u32], split: Split, labels: &[u32]) -> [Measurement; 2] {
    [("top-1", 1), ("top-5", TOP)].map(|(metric, answers)| {
        let answers = &order[..order.len().min(answers)];
        let right = labels.iter().filter(|label| answers.contains(label));
        part(split, metric, right.count() as u64, labels.len() as u64)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_frequent_classes_come_first() {
        let order = most_frequent(7, &[3, 1, 1, 3, 2]);
        assert_eq!(order, [1, 3, 2, 0, 4, 5, 6]);
        let [first, five] = always(&order, Split::Test, &[1, 1, 3, 5]);
        assert_eq!(
            (first.count, first.total, first.value),
            (Some(2), Some(4), 0.5)
        );
        assert_eq!(
            (five.metric.as_str(), five.count, five.value),
            ("top-5", Some(3), 0.75)
        );
    }

    #[test]
    fn five_of_three_classes_are_all() {
        let floors = floors(3, &[0, 1, 1], &[(Split::Test, vec![0, 1, 2])]);
        for floor in &floors {
            assert_eq!(floor.measurements[1].value, 1.0, "{}", floor.predictor);
        }
    }
}
