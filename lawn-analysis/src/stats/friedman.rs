//! Several arms over several blocks: Friedman's test and Nemenyi's critical difference.

use super::result::{Alternative, TestResult};
use super::signed_rank::doubled_midranks;
use super::special::{bisect, chi_squared_upper, studentized_range_cdf};
use crate::error::Error;

/// Ranks of arms within blocks.
#[derive(Clone, Debug, PartialEq)]
pub struct Ranking {
    /// Mean rank of each arm; 1 is the smallest value.
    pub mean_ranks: Vec<f64>,
    /// How many blocks there are.
    pub blocks: usize,
    ties: f64,
}

impl Ranking {
    /// Ranks the values of each block. A row of `blocks` holds one value per arm.
    ///
    /// # Errors
    /// [`Error::TooFew`] for fewer than two blocks or three arms; [`Error::Unpaired`] for rows of
    /// unequal length; [`Error::NotFinite`] for NaN or an infinity.
    pub fn new(blocks: &[Vec<f64>]) -> Result<Self, Error> {
        let n = blocks.len();
        if n < 2 {
            return Err(Error::TooFew {
                needed: 2,
                found: n,
            });
        }
        let k = blocks[0].len();
        if k < 3 {
            return Err(Error::TooFew {
                needed: 3,
                found: k,
            });
        }
        let mut sums = vec![0.0; k];
        let mut ties = 0.0;
        for block in blocks {
            if block.len() != k {
                return Err(Error::Unpaired {
                    left: k,
                    right: block.len(),
                });
            }
            if let Some(index) = block.iter().position(|value| !value.is_finite()) {
                return Err(Error::NotFinite {
                    index,
                    value: block[index],
                });
            }
            let mut order: Vec<usize> = (0..k).collect();
            order.sort_by(|a, b| block[*a].total_cmp(&block[*b]));
            let sorted: Vec<f64> = order.iter().map(|arm| block[*arm] + 0.0).collect();
            for (arm, rank) in order.iter().zip(doubled_midranks(&sorted)) {
                sums[*arm] += rank as f64 / 2.0;
            }
            ties += sorted
                .chunk_by(|a, b| a == b)
                .map(|tied| (tied.len() * (tied.len() * tied.len() - 1)) as f64)
                .sum::<f64>();
        }
        let mean_ranks = sums.into_iter().map(|sum| sum / n as f64).collect();
        Ok(Self {
            mean_ranks,
            blocks: n,
            ties,
        })
    }

    /// Friedman's test that no arm tends to rank above another.
    ///
    /// ```text
    /// χ² = 12 N / (k (k + 1)) Σ (R̄ⱼ − (k + 1)/2)²  /  (1 − T / (N k (k² − 1)))
    /// ```
    ///
    /// There are N blocks and k arms; T = Σ (t³ − t) over groups of t ties; the degrees of freedom
    /// are k − 1. The statistic is χ², and `n` is the number of blocks. Source: Friedman 1937;
    /// Conover 1999, §5.8.
    ///
    /// Where all values of each block are equal, no arm ranks above another in any permutation. χ²
    /// is then 0 and p is 1.
    pub fn friedman(&self) -> TestResult {
        let (n, k) = (self.blocks as f64, self.mean_ranks.len() as f64);
        let correction = 1.0 - self.ties / (n * k * (k * k - 1.0));
        let centre = 0.5 * (k + 1.0);
        let spread: f64 = self
            .mean_ranks
            .iter()
            .map(|rank| (rank - centre).powi(2))
            .sum();
        let statistic = if correction > 0.0 {
            12.0 * n / (k * (k + 1.0)) * spread / correction
        } else {
            0.0
        };
        TestResult {
            statistic,
            p: chi_squared_upper(statistic, k - 1.0),
            exact: None,
            n: self.blocks,
            alternative: Alternative::TwoSided,
            method: "Friedman",
        }
    }

    /// Nemenyi's critical difference. Mean ranks that are further apart differ at family error
    /// `alpha`.
    ///
    /// ```text
    /// CD = q(1 − α; k, ∞)/√2 · √(k (k + 1) / (6 N))
    /// ```
    ///
    /// q is the quantile of the studentized range. Source: Nemenyi 1963; Demšar 2006.
    pub fn critical_difference(&self, alpha: f64) -> f64 {
        let k = self.mean_ranks.len();
        let q = bisect(0.0, 100.0, |q| studentized_range_cdf(q, k) - (1.0 - alpha));
        q / std::f64::consts::SQRT_2 * self.error()
    }

    /// Nemenyi's p for two arms, adjusted for all pairs of arms.
    ///
    /// # Panics
    /// Where an arm does not exist.
    pub fn nemenyi(&self, first: usize, second: usize) -> f64 {
        let apart = (self.mean_ranks[first] - self.mean_ranks[second]).abs();
        let q = apart / self.error() * std::f64::consts::SQRT_2;
        (1.0 - studentized_range_cdf(q, self.mean_ranks.len())).clamp(0.0, 1.0)
    }

    /// Standard error of a difference of two mean ranks under the null.
    fn error(&self) -> f64 {
        let k = self.mean_ranks.len() as f64;
        (k * (k + 1.0) / (6.0 * self.blocks as f64)).sqrt()
    }
}
