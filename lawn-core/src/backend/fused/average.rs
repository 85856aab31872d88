//! The numbers of an average of iterates, which the host updates beside the kernels.

use tch::{Kind, Tensor};

use crate::backend::kernel::AverageStep;
use crate::backend::slot::Slot;
use crate::rule::Context;
use crate::rule::form::Averaging;

/// What becomes of the average of one parameter.
///
/// ```text
/// a = tʳ η_maxᵖ,  A ← A + a,  c = a / A
/// ```
#[derive(Debug)]
pub(super) struct NewAverage<'a> {
    buffer: &'a Tensor,
    /// `η_max`, `A`, and what rounding has left of `A`.
    numbers: [f64; 3],
    pub(super) step: AverageStep,
}

impl<'a> NewAverage<'a> {
    /// Nothing where the rows of a table have averages that differ, or where nothing moves.
    pub(super) fn new(slot: &'a Slot, context: &Context, averaging: &Averaging) -> Option<Self> {
        let eta = context.learning_rate;
        let buffer = slot.buffers.last()?;
        if eta == 0.0 || !buffer.is_contiguous() || buffer.numel() == 0 {
            return None;
        }
        // SAFETY: the buffer is contiguous, of this kind, and nothing writes to it meanwhile.
        let (numbers, largest_rate) = unsafe {
            match buffer.kind() {
                Kind::Double => (common::<f64>(buffer)?, eta),
                // As f32 has it.
                _ => (common::<f32>(buffer)?, f64::from(eta as f32)),
            }
        };
        let [largest, sum, rest] = numbers;
        let round = |x: f64| match buffer.kind() {
            Kind::Double => x,
            _ => f64::from(x as f32),
        };
        let largest = largest.max(largest_rate);
        let power = (context.updates as f64).powf(averaging.weight_power);
        let weight = round(largest.powf(averaging.rate_power) * power);
        let whole = round(sum + weight);
        let rest = round(rest + (weight - (whole - sum)));
        let below = whole + rest;
        Some(Self {
            buffer,
            numbers: [largest, whole, rest],
            step: AverageStep {
                eta,
                share: if below == 0.0 { 0.0 } else { weight / below },
                begins: context.updates == 1 || (context.table && sum == 0.0),
            },
        })
    }

    /// Writes it, for every row alike.
    pub(super) fn write(&self) {
        // SAFETY: the buffer is contiguous, of this kind, and no one else looks at it in a step.
        unsafe {
            match self.buffer.kind() {
                Kind::Double => write(self.buffer, self.numbers),
                _ => write(self.buffer, self.numbers.map(|x| x as f32)),
            }
        }
    }
}

/// The three numbers, if every row has the same.
///
/// # Safety
///
/// The buffer has rows of three contiguous numbers of kind `E`, which nothing writes to.
unsafe fn common<E: Copy + PartialEq + Into<f64>>(buffer: &Tensor) -> Option<[f64; 3]> {
    let first = buffer.data_ptr().cast::<[E; 3]>().cast_const();
    // SAFETY: by the caller.
    let rows = unsafe { std::slice::from_raw_parts(first, buffer.numel() / 3) };
    let alike = rows.iter().all(|row| *row == rows[0]);
    alike.then(|| rows[0].map(Into::into))
}

/// # Safety
///
/// The buffer has rows of three contiguous numbers of kind `E`, which nothing else looks at.
unsafe fn write<E: Copy>(buffer: &Tensor, numbers: [E; 3]) {
    let first = buffer.data_ptr().cast::<[E; 3]>();
    // SAFETY: by the caller.
    unsafe { std::slice::from_raw_parts_mut(first, buffer.numel() / 3) }.fill(numbers);
}
