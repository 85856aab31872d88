//! What the host and the kernels hand to each other: the records of `cuda/records.h`, in which every
//! field takes eight bytes. Addresses are of the device's memory and never followed here.

use tch::{Device, Tensor};

/// Threads of a block.
pub(super) const THREADS: i64 = 256;
/// Elements that a thread takes at a time.
pub(super) const PACK: i64 = 4;
/// Dimensions that a layout has.
pub(super) const DIMENSIONS: usize = 8;

/// A record without gaps, of which any bytes are a value.
///
/// # Safety
///
/// The type is `repr(C)`, and all of its fields are of eight bytes, or arrays of such.
pub(super) unsafe trait Record: Copy {
    /// How many words of eight bytes it takes.
    const WORDS: usize = size_of::<Self>() / 8;
}

/// Where a parameter lies.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Pointers {
    pub(super) w: u64,
    /// 0 where there is none.
    pub(super) master: u64,
    pub(super) g: u64,
    pub(super) s: [u64; 3],
    /// Whether it has a gradient in this step.
    pub(super) present: i64,
    /// Whether the layout beside it counts.
    pub(super) strided: i64,
}

/// Where the elements of a parameter lie, in the order of its dimensions.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Layout {
    pub(super) sizes: [i64; DIMENSIONS],
    /// Of the weight, its master, the gradient and the buffers.
    pub(super) strides: [[i64; DIMENSIONS]; 4],
}

impl Default for Layout {
    fn default() -> Self {
        Self {
            sizes: [1; DIMENSIONS],
            strides: [[0; DIMENSIONS]; 4],
        }
    }
}

/// What is set for a parameter in one phase.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Numbers {
    pub(super) element: i64,
    pub(super) first_unit: i64,
    pub(super) first_piece: i64,
    pub(super) pieces_per_unit: i64,
    pub(super) single_pass: i64,
    pub(super) needs_products: i64,
    pub(super) constrained: i64,
    pub(super) project_gradient: i64,
    pub(super) project_update: i64,
    pub(super) centred: i64,
    pub(super) gradient_rounding: f64,
    pub(super) rate_scale: f64,
    pub(super) l2: f64,
    pub(super) decoupled: f64,
    pub(super) directed: f64,
    pub(super) trusted_l2: f64,
    pub(super) trust: i64,
    pub(super) trust_coefficient: f64,
    pub(super) trust_max: f64,
    pub(super) trust_epsilon: f64,
    pub(super) mu: f64,
    pub(super) dampening: f64,
    pub(super) beta1: f64,
    pub(super) beta2: f64,
    pub(super) beta3: f64,
    pub(super) epsilon_in: f64,
    pub(super) epsilon_out: f64,
    pub(super) corrects_bias: i64,
    pub(super) initial: f64,
    pub(super) weight_power: f64,
    pub(super) rate_power: f64,
    pub(super) elements: f64,
    pub(super) length: i64,
    pub(super) hold: i64,
    pub(super) ball_by_rate: i64,
    pub(super) rotation: f64,
    pub(super) length_memory: f64,
    pub(super) length_epsilon: f64,
    pub(super) ball_rate: f64,
    pub(super) radial: i64,
    pub(super) radial_delta: f64,
    pub(super) radial_ratio: f64,
    pub(super) radial_epsilon: f64,
    pub(super) first_block: i64,
    pub(super) blocks: i64,
    pub(super) first_chunk: i64,
    pub(super) chunks: i64,
}

/// What a block of threads walks through.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Chunk {
    pub(super) tensor: i64,
    pub(super) unit: i64,
    pub(super) piece: i64,
    pub(super) pieces: i64,
    pub(super) start: i64,
    pub(super) length: i64,
    pub(super) lanes: i64,
}

/// Units whose numbers a block of threads makes.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct UnitBlock {
    pub(super) tensor: i64,
    pub(super) first: i64,
    pub(super) count: i64,
    pub(super) lanes: i64,
}

/// What is remembered of a parameter beside its buffers.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Memory {
    pub(super) updates: i64,
    pub(super) held: i64,
}

/// What the host says of a step.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Begin {
    pub(super) rate: f64,
    pub(super) scale: f64,
    pub(super) clip: f64,
    pub(super) largest: f64,
    pub(super) record: u64,
    pub(super) rest: u64,
    pub(super) counts: i64,
    pub(super) begun: i64,
    pub(super) samples: i64,
}

/// One phase of an optimizer: where everything is.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct PlanRecord {
    pub(super) pointers: u64,
    pub(super) layouts: u64,
    pub(super) numbers: u64,
    pub(super) chunks: u64,
    pub(super) unit_blocks: u64,
    pub(super) sums: u64,
    pub(super) products: u64,
    pub(super) squares: u64,
    pub(super) outcomes: u64,
    pub(super) tests: u64,
    pub(super) wholes: u64,
    /// 0 in the free phase.
    pub(super) radii: u64,
    /// 0 in the free phase.
    pub(super) remembered: u64,
    pub(super) memories: u64,
    pub(super) updates: u64,
    pub(super) decision: u64,
    pub(super) taken: u64,
    pub(super) rates: u64,
    pub(super) most_rates: i64,
    pub(super) chunk_count: i64,
    pub(super) unit_block_count: i64,
    pub(super) rule: i64,
    pub(super) measures: i64,
    pub(super) sums_late: i64,
}

// SAFETY: `repr(C)`, and every field is a number of eight bytes or an array of such.
unsafe impl Record for Pointers {}
// SAFETY: as above.
unsafe impl Record for Layout {}
// SAFETY: as above.
unsafe impl Record for Numbers {}
// SAFETY: as above.
unsafe impl Record for Chunk {}
// SAFETY: as above.
unsafe impl Record for UnitBlock {}
// SAFETY: as above.
unsafe impl Record for Memory {}
// SAFETY: as above.
unsafe impl Record for PlanRecord {}

/// Words of the records that only kernels look into.
pub(super) const SUMS: i64 = 6;
pub(super) const PRODUCTS: i64 = 3;
pub(super) const SQUARE: i64 = 2;
pub(super) const OUTCOME: i64 = 15;
pub(super) const UPDATE: i64 = 9;
pub(super) const TESTED: i64 = 4;
pub(super) const DECISION: i64 = 11;

/// The words of records.
pub(super) fn raw<R: Record>(records: &[R]) -> &[i64] {
    // SAFETY: records have no gaps, and their words are as many.
    unsafe { std::slice::from_raw_parts(records.as_ptr().cast::<i64>(), records.len() * R::WORDS) }
}

/// The records as a tensor of words on the host.
pub(super) fn words<R: Record>(records: &[R]) -> Tensor {
    Tensor::from_slice(raw(records))
}

/// The records on a device. One of none has room for one, so that it has an address.
pub(super) fn table<R: Record + Default>(records: &[R], device: Device) -> Tensor {
    match records {
        [] => words(&[R::default()]).to_device(device),
        records => words(records).to_device(device),
    }
}

/// Where a tensor begins.
pub(super) fn address(tensor: &Tensor) -> u64 {
    tensor.data_ptr() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    unsafe extern "C" {
        fn lawn_record_sizes(sizes: *mut i64);
    }

    #[test]
    fn records_have_the_sizes_that_the_kernels_give_them() {
        let mut found = [0i64; 15];
        // SAFETY: it writes as many numbers as it has records.
        unsafe { lawn_record_sizes(found.as_mut_ptr()) };
        let bytes = |words: i64| words * 8;
        let expected = [
            size_of::<Pointers>() as i64,
            size_of::<Layout>() as i64,
            size_of::<Numbers>() as i64,
            size_of::<Chunk>() as i64,
            size_of::<UnitBlock>() as i64,
            bytes(SUMS),
            bytes(PRODUCTS),
            bytes(SQUARE),
            bytes(OUTCOME),
            size_of::<Memory>() as i64,
            bytes(UPDATE),
            bytes(DECISION),
            size_of::<Begin>() as i64,
            size_of::<PlanRecord>() as i64,
            bytes(TESTED),
        ];
        assert_eq!(found, expected);
    }
}
