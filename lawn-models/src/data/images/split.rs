//! Holds out validation images and chooses train images to measure.

use crate::random::{Purpose, shuffle, stream};

/// Indices of the train folder's images, split.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Split {
    /// What gradients come from.
    pub(crate) train: Vec<u32>,
    /// Held out.
    pub(crate) validation: Vec<u32>,
    /// As many of `train` as there are in `validation`, or all of them.
    pub(crate) probe: Vec<u32>,
}

impl Split {
    /// Takes `fraction` of each class, rounded; at least one of it, and never
    /// its last image.
    pub(crate) fn new(labels: &[u32], classes: usize, fraction: f64, seed: u64) -> Self {
        let mut by_class = vec![Vec::new(); classes];
        for (index, &label) in labels.iter().enumerate() {
            by_class[label as usize].push(index as u32);
        }
        let mut rng = stream(seed, Purpose::Split, 0);
        let mut split = Self {
            train: Vec::new(),
            validation: Vec::new(),
            probe: Vec::new(),
        };
        for mut own in by_class {
            shuffle(&mut rng, &mut own);
            let wanted = (own.len() as f64 * fraction).round() as usize;
            let held = wanted.max(1).min(own.len().saturating_sub(1));
            split.validation.extend(&own[..held]);
            split.train.extend(&own[held..]);
        }
        split.train.sort_unstable();
        split.validation.sort_unstable();
        split.probe.clone_from(&split.train);
        shuffle(&mut stream(seed, Purpose::Split, 1), &mut split.probe);
        split.probe.truncate(split.validation.len());
        split
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_class_gives_its_part_and_keeps_one() {
        let labels: Vec<u32> = [vec![0; 20], vec![1; 2], vec![2; 1]].concat();
        let split = Split::new(&labels, 3, 0.1, 0);
        assert_eq!(split.validation.len(), 2 + 1);
        assert_eq!(split.train.len(), 18 + 1 + 1);
        assert!(split.train.contains(&22), "a class keeps its last image");
        assert!(
            split
                .validation
                .iter()
                .all(|index| !split.train.contains(index))
        );
        assert_eq!(split.probe.len(), 3);
        assert!(split.probe.iter().all(|index| split.train.contains(index)));
        assert_eq!(split, Split::new(&labels, 3, 0.1, 0));
        assert_ne!(split, Split::new(&labels, 3, 0.1, 1));
    }
}
