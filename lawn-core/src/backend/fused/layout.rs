//! Where the memory of a parameter is, and whether the kernels can walk through it.

use tch::{Device, Kind, Tensor};

use crate::backend::kernel::width::{Width, has_units_in_one_piece};
use crate::backend::kernel::{Block, Element, Format, NarrowBlock, RowBlock};
use crate::backend::slot::Slot;
use crate::rule::Context;
use crate::units::Granularity;

pub(super) fn block<E: Element>(slot: &Slot, gradient: &Tensor) -> Block<E> {
    Block {
        w: slot.weight.data_ptr().cast(),
        g: gradient.data_ptr().cast::<E>().cast_const(),
        s: pointers(slot),
        len: slot.weight.numel(),
    }
}

pub(super) fn narrow_block(slot: &Slot, gradient: &Tensor, format: Format) -> NarrowBlock {
    let master = slot.master.as_ref();
    NarrowBlock {
        format,
        w: slot.weight.data_ptr().cast(),
        master: master.map_or(std::ptr::null_mut(), |master| master.data_ptr().cast()),
        g: gradient.data_ptr().cast::<u16>().cast_const(),
        s: pointers(slot),
        len: slot.weight.numel(),
    }
}

pub(super) fn row_block<E: Element>(slot: &Slot, gradient: &Tensor, rows: &Tensor) -> RowBlock<E> {
    RowBlock {
        table: block(slot, gradient),
        rows: rows.data_ptr().cast::<i64>().cast_const(),
        columns: slot.weight.size()[1] as usize,
        start: 0,
        len: gradient.numel(),
    }
}

/// Where the buffers are; null for those that the rule does not have.
fn pointers<E>(slot: &Slot) -> [*mut E; 3] {
    let mut s = [std::ptr::null_mut(); 3];
    for (s, buffer) in s.iter_mut().zip(&slot.buffers) {
        // One of another shape is not walked through.
        *s = buffer.data_ptr().cast();
    }
    s
}

/// The gradient with its elements in the order of the weight's, if the kernels can take this
/// parameter at all. It must be on the CPU, without gaps, apart from all others, with each unit
/// in one piece.
pub(super) fn in_layout(
    slot: &Slot,
    context: &Context,
    gradient: &Tensor,
) -> Option<(Width, Tensor)> {
    let weight = &slot.weight;
    let kind = weight.kind();
    let width = Width::of(kind)?;
    let plain = slot.is_apart && weight.device() == Device::Cpu;
    let fits = gradient.kind() == kind
        && gradient.device() == Device::Cpu
        && gradient.numel() == weight.numel();
    if !(plain && fits) {
        return None;
    }
    // All that is walked through beside the weight and its gradient.
    let walked = |buffer: &&Tensor| buffer.size() == weight.size();
    let mut beside = slot.buffers.iter().filter(walked).chain(&slot.master);
    if context.granularity != Granularity::Column
        && weight.is_contiguous()
        && beside.clone().all(Tensor::is_contiguous)
    {
        // This is the usual case, and the quickest to tell.
        return Some((width, gradient.contiguous()));
    }
    let strides = weight.stride();
    let alike = beside.all(|tensor| tensor.stride() == strides);
    if !(alike && has_units_in_one_piece(weight, context.granularity)) {
        return None;
    }
    if gradient.stride() == strides {
        return Some((width, gradient.shallow_clone()));
    }
    let mut copy = weight.detach().empty_like();
    copy.copy_(gradient);
    (copy.stride() == strides).then_some((width, copy))
}

/// The gradient of some rows of a table in order, if the kernels can take a step of these: one
/// that is a single pass, on the CPU, over weights and buffers of one kind that lie row after
/// row. The rows must be some of the table's, each once, since each is written by itself.
pub(super) fn rows_in_layout(
    slot: &Slot,
    context: &Context,
    gradient: &Tensor,
    rows: &Tensor,
) -> Option<Tensor> {
    let kind = slot.weight.kind();
    let in_order = |tensor: &Tensor| tensor.kind() == kind && tensor.is_contiguous();
    let plain = matches!(kind, Kind::Float | Kind::Double)
        && slot.weight.device() == Device::Cpu
        && slot.is_apart
        && slot.buffers.iter().chain([&slot.weight]).all(in_order);
    let fits = gradient.kind() == kind
        && gradient.device() == Device::Cpu
        && gradient.numel() > 0
        && rows.is_contiguous();
    if !plain || !fits || context.constrained || slot.held {
        return None;
    }
    let mut found = vec![0i64; rows.numel()];
    rows.copy_data(&mut found, rows.numel());
    let ascending = found.windows(2).all(|pair| pair[0] < pair[1]);
    let within = found[0] >= 0 && found[found.len() - 1] < slot.weight.size()[0];
    (ascending && within).then(|| gradient.contiguous())
}
