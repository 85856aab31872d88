//! Updates of some rows of a table, as far as they differ from those of all of it.

use tch::{Device, Tensor};

use crate::backend::slot::Slot;
use crate::constraint::form::{ConstraintForm, Hold, has_direction};
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
    let Some((constraint, radius)) = slot.form(constraint).zip(slot.radius.as_ref()) else {
        return Some(RowRadius {
            radius: None,
            lost: Vec::new(),
        });
    };
    let Granularity::Row = constraint.granularity else {
        let radius = radius_together(slot, w, &constraint, radius)?;
        return Some(RowRadius {
            radius: Some(radius),
            lost: Vec::new(),
        });
    };
    let squares = host(&constraint.held_squares(w));
    let mut lost = Vec::new();
    let mut radii = Vec::with_capacity(squares.len());
    for (unit, square) in on_host(rows).into_iter().zip(squares) {
        let unit = unit as usize;
        let takes = constraint.hold.takes(square);
        if slot.radii[unit] > 0.0 && !takes {
            lost.push(unit);
        }
        radii.push(if takes { slot.radii[unit] } else { 0.0 });
    }
    let radius = Tensor::from_slice(&radii)
        .reshape([-1, 1])
        .to_device(w.device());
    Some(RowRadius {
        radius: Some(radius),
        lost,
    })
}

/// The radii of rows that are held together, of which others have a part as well: on a sphere the
/// norm that the rows have, in a ball their share of it.
fn radius_together(
    slot: &Slot,
    w: &Tensor,
    constraint: &ConstraintForm,
    radius: &Tensor,
) -> Option<Tensor> {
    let norm = constraint.granularity.norm(w);
    let held = radius.gt(0.0);
    if let Hold::Ball { .. } = constraint.hold {
        let share = &norm / constraint.granularity.norm(&slot.working().detach());
        return Some((radius * share).nan_to_num(0.0, 0.0, 0.0));
    }
    let norms = host(&norm).into_iter().zip(&slot.radii);
    let lost = |(norm, radius): (f64, &f64)| *radius > 0.0 && !has_direction(norm * norm);
    (!norms.into_iter().any(lost)).then(|| norm.where_scalarother(&held, 0.0))
}

/// Numbers of rows, on the host; waits for their device.
pub(super) fn on_host(rows: &Tensor) -> Vec<i64> {
    let mut found = vec![0i64; rows.numel()];
    rows.to_device(Device::Cpu)
        .copy_data(&mut found, rows.numel());
    found
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
