//! Classification without a model: at random, and by the most frequent class.

use std::path::Path;

use super::pixels::Images;
use super::source::Source;
use super::split::Split;
use crate::DataError;
use crate::config::ImageConfig;
use crate::floors::Floor;
use crate::record::{self, Measurement};
use crate::trainer::TestPermit;

/// The floors of a task: `random`, then `majority-class`.
pub(crate) fn floors(
    config: &ImageConfig,
    root: Option<&Path>,
    permit: Option<&TestPermit>,
) -> Result<Vec<Floor>, DataError> {
    let source = Source::of(config, root)?;
    let images = source.train()?;
    let classes = images.classes.len();
    let split = Split::new(
        &images.labels,
        classes,
        config.validation_fraction,
        config.split_seed,
    );
    let labels = |images: &Images, chosen: &[u32]| -> Vec<u32> {
        let label = |&index: &u32| images.labels[index as usize];
        chosen.iter().map(label).collect()
    };
    let majority = majority(classes, &labels(&images, &split.train));
    let mut answers = vec![(
        record::Split::Validation,
        labels(&images, &split.validation),
    )];
    if let Some(permit) = permit {
        let test = source.test(permit, &images)?;
        answers.push((record::Split::Test, test.labels));
    }
    let splits: Vec<record::Split> = answers.iter().map(|&(split, _)| split).collect();
    let measurements = answers
        .iter()
        .map(|(split, labels)| always(majority, *split, labels));
    Ok(vec![
        Floor::expected("random", &splits, &[("top-1", 1.0 / classes as f64)]),
        Floor {
            predictor: "majority-class",
            measurements: measurements.collect(),
        },
    ])
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
fn always(class: u32, split: record::Split, labels: &[u32]) -> Measurement {
    let right = labels.iter().filter(|&&label| label == class).count();
    Measurement {
        split,
        metric: "top-1".to_owned(),
        value: right as f64 / labels.len() as f64,
        count: Some(right as u64),
        total: Some(labels.len() as u64),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_frequent_class_is_the_first_of_several() {
        assert_eq!(majority(4, &[3, 1, 1, 3, 2]), 1);
        let answer = always(1, record::Split::Test, &[1, 1, 3, 0]);
        assert_eq!(
            (answer.count, answer.total, answer.value),
            (Some(2), Some(4), 0.5)
        );
    }

    #[test]
    fn balanced_classes_make_both_floors_alike() {
        let floors = floors(&ImageConfig::default(), None, None).unwrap();
        let [random, majority] = &floors[..] else {
            panic!("there are two floors, not {}", floors.len());
        };
        assert_eq!(random.measurements[0].metric, "top-1");
        let (random, majority) = (random.measurements[0].value, majority.measurements[0].value);
        assert!((random - majority).abs() < 0.05, "{random} and {majority}");
    }
}
