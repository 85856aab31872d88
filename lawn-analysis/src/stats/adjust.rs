//! Adjustment of p-values for the size of their family.

use crate::error::Error;

/// How the p-values of a family are adjusted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Adjustment {
    /// Holm's step-down: family-wise error, under any dependence.
    Holm,
    /// Bonferroni: family-wise error, under any dependence, never more powerful than Holm.
    Bonferroni,
    /// Benjamini and Hochberg: false discovery rate, under independence or positive dependence.
    BenjaminiHochberg,
}

/// Adjusts the p-values of a family whose size was fixed beforehand.
///
/// ```text
/// Holm                 p̃₍ᵢ₎ = max_{j ≤ i} min(1, (m − j + 1) p₍ⱼ₎)
/// Bonferroni           p̃ᵢ   = min(1, m pᵢ)
/// Benjamini–Hochberg   p̃₍ᵢ₎ = min_{j ≥ i} min(1, m p₍ⱼ₎ / j)
/// ```
///
/// m is the number of planned tests. A test that was planned and could not be done is `None`: it
/// counts in the family as if its p were 1, and stays `None`. Sources: Holm 1979; Benjamini and
/// Hochberg 1995.
///
/// ```
/// use lawn_analysis::stats::{Adjustment, adjust};
///
/// let adjusted = adjust(&[Some(0.01), Some(0.04), None], Adjustment::Holm)?;
/// assert_eq!(adjusted, [Some(0.03), Some(0.08), None]);
/// # Ok::<(), lawn_analysis::Error>(())
/// ```
///
/// # Errors
/// [`Error::OutOfRange`] for a p-value outside [0, 1].
pub fn adjust(family: &[Option<f64>], method: Adjustment) -> Result<Vec<Option<f64>>, Error> {
    let m = family.len();
    if let Some(value) = family.iter().flatten().find(|p| !(0.0..=1.0).contains(*p)) {
        return Err(Error::OutOfRange {
            name: "p",
            value: *value,
            allowed: "0 to 1",
        });
    }
    let p = |index: usize| family[index].unwrap_or(1.0);
    let mut order: Vec<usize> = (0..m).collect();
    order.sort_by(|a, b| p(*a).total_cmp(&p(*b)));
    let mut adjusted = vec![0.0; m];
    match method {
        Adjustment::Bonferroni => {
            for (index, adjusted) in adjusted.iter_mut().enumerate() {
                *adjusted = (m as f64 * p(index)).min(1.0);
            }
        }
        Adjustment::Holm => {
            let mut largest = 0.0_f64;
            for (place, index) in order.iter().enumerate() {
                largest = largest.max(((m - place) as f64 * p(*index)).min(1.0));
                adjusted[*index] = largest;
            }
        }
        Adjustment::BenjaminiHochberg => {
            let mut smallest = 1.0_f64;
            for (place, index) in order.iter().enumerate().rev() {
                // The ratio is taken first: it is 1 for the largest p, which rounding must not
                // shrink.
                smallest = smallest.min(m as f64 / (place + 1) as f64 * p(*index));
                adjusted[*index] = smallest;
            }
        }
    }
    let pairs = family.iter().zip(adjusted);
    Ok(pairs.map(|(p, adjusted)| p.map(|_| adjusted)).collect())
}
