//! The freeze as the curve of a trial shows it.

use super::study::CurvePoint;
use crate::records::Phase;

/// The last epoch that ended in the free phase, if a later one ended in the constrained phase.
pub(crate) fn freeze_of(curve: &[CurvePoint]) -> Option<f64> {
    let first = curve
        .iter()
        .position(|point| point.phase == Phase::Constrained)?;
    Some(curve[first.checked_sub(1)?].epoch)
}

/// Distance of the weights at the end of training from those at the freeze.
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
