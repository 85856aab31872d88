//! Updates of some rows of a table, as far as they differ from those of all of it.

use tch::{Device, Tensor};

use crate::backend::slot::Slot;
use crate::constraint::form::{ConstraintForm, has_direction};
use crate::units::{Granularity, host};

/// The norms that the rows of an update keep.
pub(super) struct RowRadius {
    /// Nothing where they are not constrained.
    pub(super) radius: Option<Tensor>,
    /// Units that have lost their radius.
    pub(super) lost: Vec<usize>,
}

/// The radii of the rows of an update, whose weights are `w`: of each its own, or by layer the
/// norm that they have together. As the other rows do not move, the whole keeps its norm then.
///
/// Nothing where the rows have a norm to keep and no direction.
pub(super) fn radius_of_rows(
    slot: &Slot,
    w: &Tensor,
    constraint: Option<&ConstraintForm>,
    rows: &Tensor,
) -> Option<RowRadius> {
    let constraint = constraint.filter(|_| slot.is_constrained());
    let Some((constraint, radius)) = constraint.zip(slot.radius.as_ref()) else {
        return Some(RowRadius {
            radius: None,
            lost: Vec::new(),
        });
    };
    let squares = constraint.granularity.dot(w, w);
    let mut lost = Vec::new();
    let radius = match constraint.granularity {
        Granularity::Row => {
            let mut units = vec![0i64; rows.numel()];
            rows.to_device(Device::Cpu)
                .copy_data(&mut units, rows.numel());
            for (unit, square) in units.into_iter().zip(host(&squares)) {
                let unit = unit as usize;
                if slot.radii[unit] > 0.0 && !has_direction(square) {
                    lost.push(unit);
                }
            }
            let kept = squares.gt(0.0).logical_and(&squares.lt(f64::INFINITY));
            radius.index_select(0, rows).where_scalarother(&kept, 0.0)
        }
        Granularity::Layer if slot.radii[0] == 0.0 => radius.shallow_clone(),
        Granularity::Layer if has_direction(host(&squares)[0]) => squares.sqrt(),
        Granularity::Layer => return None,
    };
    Some(RowRadius {
        radius: Some(radius),
        lost,
    })
}

/// The weights before and after an update of some rows, the gradient and ρ as they are of the
/// whole table. Only who asks for diagnostics pays for them.
pub(super) fn of_whole_table(
    slot: &Slot,
    [before, after, gradient]: [&Tensor; 3],
    trust: Option<&Tensor>,
    rows: &Tensor,
) -> [Tensor; 4] {
    let whole = slot.working().detach().to_kind(before.kind());
    let put = |on: &Tensor, part: &Tensor| on.index_copy(0, rows, &part.to_kind(on.kind()));
    let units = slot.radius.as_ref().map_or(1, |radius| radius.size()[0]);
    let ones = Tensor::ones([units, 1], (tch::Kind::Double, whole.device()));
    let trust = match trust {
        Some(trust) if units > 1 => put(&ones, trust),
        Some(trust) => trust.shallow_clone(),
        None => ones,
    };
    [
        put(&whole, before),
        put(&whole, after),
        put(&whole.zeros_like(), gradient),
        trust,
    ]
}
