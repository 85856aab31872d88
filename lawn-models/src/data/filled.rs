//! Tensors whose memory is written in place.

use std::mem::MaybeUninit;

use tch::kind::Element;
use tch::{Device, Tensor};

/// A new tensor of `shape` on the CPU; `fill` writes every value of it.
///
/// # Errors
/// That of `fill`.
pub(crate) fn filled<T: Element, E>(
    shape: &[usize],
    fill: impl FnOnce(&mut [MaybeUninit<T>]) -> Result<(), E>,
) -> Result<Tensor, E> {
    let sizes: Vec<i64> = shape.iter().map(|&size| size as i64).collect();
    let tensor = Tensor::empty(&sizes[..], (T::KIND, Device::Cpu));
    let count = shape.iter().product();
    if count > 0 {
        // SAFETY: a new tensor is contiguous, aligned for its kind, and has one value of `T` for
        // each place of `shape`. Nobody else has it, and its values may be unwritten.
        let values = unsafe { std::slice::from_raw_parts_mut(tensor.data_ptr().cast(), count) };
        fill(values)?;
    }
    Ok(tensor)
}
