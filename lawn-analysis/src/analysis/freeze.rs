//! What a curve says of the freeze.

use super::study::CurvePoint;
use crate::records::Phase;

/// The last epoch that ended free, where a later one ended constrained.
pub(crate) fn freeze_of(curve: &[CurvePoint]) -> Option<f64> {
    let first = curve
        .iter()
        .position(|point| point.phase == Phase::Constrained)?;
    Some(curve[first.checked_sub(1)?].epoch)
}

/// Distance from the freeze at the end of training.
///
/// ```text
/// ‖w − w at the freeze‖₂
/// ```
pub(crate) fn distance_moved(curve: &[CurvePoint]) -> Option<f64> {
    curve
        .last()?
        .distance_from_freeze
        .filter(|distance| distance.is_finite())
}
