//! The first moment where the kernels have left the direction in its place.

use tch::{Kind, Tensor};

use crate::backend::kernel::{AverageStep, Isa, Kernel};
use crate::backend::slot::Slot;
use crate::rule::Rule;
use crate::rule::form::Form;

/// Puts the first moment of a parameter back into its place.
pub(super) fn release(slot: &mut Slot, rule: &dyn Rule) {
    if slot.held {
        let first_moment = buffers(slot, rule).swap_remove(0);
        slot.buffers[0].copy_(&first_moment);
        slot.held = false;
    }
}

/// The buffers of a parameter as its rule has them, with the first moment even where the
/// direction is held in its place.
pub(super) fn buffers(slot: &Slot, rule: &dyn Rule) -> Vec<Tensor> {
    let mut buffers = slot.shared_buffers();
    if slot.held
        && let Some(form) = rule.form(&slot.context(None, 0.0))
    {
        buffers[0] = first_moment(slot, &form);
    }
    buffers
}

/// The first moment of a parameter whose direction is held in its place. It has the bits that
/// the next step would form. libtorch would give others, since it does not round all of its
/// square roots to the nearest.
fn first_moment(slot: &Slot, form: &Form) -> Tensor {
    let t = slot.updates + 1;
    let [d, .., v] = slot.buffers.as_slice() else {
        unreachable!("there are two moments")
    };
    let m = d.copy();
    let no_average = AverageStep::default();
    let (isa, s, v, len) = (Isa::best(), m.data_ptr(), v.data_ptr(), m.numel());
    // SAFETY: the buffers of a parameter that the kernels take lie alike and
    // without gaps, and the copy lies as what it is of.
    unsafe {
        match m.kind() {
            Kind::Double => {
                Kernel::<f64>::new(form, t, true, no_average).release(isa, s.cast(), v.cast(), len);
            }
            _ => {
                Kernel::<f32>::new(form, t, true, no_average).release(isa, s.cast(), v.cast(), len)
            }
        }
    }
    m
}
