//! The effects that the seeds at hand could detect, and how many seeds would detect the margin.

use std::collections::BTreeMap;

use super::families::Family;
use crate::error::Error;
use crate::request::ReportRequest;
use crate::stats::{Sample, minimum_detectable_effect, seeds_needed};

/// The power at which an effect counts as detectable.
pub const POWER: f64 = 0.8;

/// What one comparison could detect.
///
/// The test is the two-sided paired t test at the first step of Holm, whose level is alpha divided
/// by the number of tests in the family. Later steps detect smaller effects.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sensitivity {
    /// The smallest true d_z detected with power [`POWER`]. It is known before any result.
    pub d_z: f64,
    /// The same in the unit of the quantity: d_z times the standard deviation of the advantages.
    pub difference: f64,
    /// Pairs that would detect a true difference as large as the margin with power [`POWER`]. None
    /// without a margin, or where 100,000 pairs are too few.
    pub seeds_for_margin: Option<usize>,
}

/// The sensitivity of every answer of a family, in their order. There is none for fewer than two
/// pairs, or where all differences are equal.
///
/// # Errors
/// As [`minimum_detectable_effect`].
pub fn sensitivity(
    family: &Family,
    request: &ReportRequest,
) -> Result<Vec<Option<Sensitivity>>, Error> {
    let alpha = request.alpha / family.answers.len() as f64;
    // Most places of a family have equally many pairs, so the search is done once for each number.
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
            // Without an interval all differences are equal, and their deviation says nothing.
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
