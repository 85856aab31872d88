//! Numbers and categories of generated rows.

use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};

use super::sizes::GeneratedClicks;
use crate::random::{Purpose, stream, unit};

/// Draws numbers and categories, row after row.
pub(super) struct Draws {
    rng: ChaCha8Rng,
    dense: u32,
    /// Of each column the sums of the weights of its categories up to each.
    sums: Vec<Vec<f64>>,
}

impl Draws {
    pub(super) fn new(sizes: &GeneratedClicks) -> Self {
        let sums = |&size: &u32| -> Vec<f64> {
            let weights = (1..=size).map(|rank| f64::from(rank).powf(-sizes.skew));
            let sums = weights.scan(0.0, |sum, weight| {
                *sum += weight;
                Some(*sum)
            });
            sums.collect()
        };
        Self {
            rng: stream(sizes.seed, Purpose::Generation, 1),
            dense: sizes.dense,
            sums: sizes.shape().columns.iter().map(sums).collect(),
        }
    }

    pub(super) fn features(&mut self) -> (Vec<f32>, Vec<u32>) {
        let rng = &mut self.rng;
        let dense = (0..self.dense).map(|_| {
            let drawn: f64 = StandardNormal.sample(rng);
            (drawn + 1.0).exp().floor().ln_1p() as f32
        });
        let dense = dense.collect();
        let ids = self.sums.iter().map(|sums| {
            let drawn = unit(rng) * sums[sums.len() - 1];
            let place = sums.partition_point(|&sum| sum <= drawn);
            place.min(sums.len() - 1) as u32
        });
        (dense, ids.collect())
    }
}
