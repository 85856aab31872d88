//! What the seeds at hand could have seen, and how many would see the margin.

use std::collections::BTreeMap;

use super::families::Family;
use crate::error::Error;
use crate::request::ReportRequest;
use crate::stats::{Sample, minimum_detectable_effect, seeds_needed};

/// The power that a detectable effect is found with.
pub const POWER: f64 = 0.8;

/// What one comparison could have seen.
///
/// It is that of the two-sided paired t test at the first step of Holm, whose level is alpha over
/// the number of tests in the family. Later steps see more.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sensitivity {
    /// The smallest true d_z found with power [`POWER`]: known before any result.
    pub d_z: f64,
    /// The same in the unit of the quantity: times the deviation of the advantages.
    pub difference: f64,
    /// Pairs that would find a true difference as large as the margin with power [`POWER`]; none
    /// without a margin, or where 100,000 would be too few.
    pub seeds_for_margin: Option<usize>,
}

/// The sensitivity of every answer of a family, in their order; none below two pairs or where all
/// differences are equal.
///
/// # Errors
/// As [`minimum_detectable_effect`].
pub fn sensitivity(
    family: &Family,
    request: &ReportRequest,
) -> Result<Vec<Option<Sensitivity>>, Error> {
    let alpha = request.alpha / family.answers.len() as f64;
    // Most places of a family have as many pairs as each other.
    let mut known: BTreeMap<usize, f64> = BTreeMap::new();
    family
        .answers
        .iter()
        .map(|answer| {
            let comparison = &answer.comparison;
            let n = comparison.advantages.len();
            let (Some(advantage), true) = (comparison.advantage, n > 1) else {
                return Ok(None);
            };
            let deviation = Sample::new(comparison.advantages.clone())?.deviation();
            // Without an interval the differences are equal, and their deviation says nothing.
            let Some(deviation) = deviation.filter(|_| advantage.interval.is_some()) else {
                return Ok(None);
            };
            let d_z = match known.get(&n) {
                Some(d_z) => *d_z,
                None => *known
                    .entry(n)
                    .or_insert(minimum_detectable_effect(n, alpha, POWER)?),
            };
            let margin = comparison.equivalence.map(|found| found.margin);
            Ok(Some(Sensitivity {
                d_z,
                difference: d_z * deviation,
                seeds_for_margin: margin
                    .and_then(|margin| seeds_needed(margin / deviation, alpha, POWER).ok()),
            }))
        })
        .collect()
}
