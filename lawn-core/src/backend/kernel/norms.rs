//! Norms of units, with the same bits on every backend.

use tch::{Device, Tensor};

use super::block::Block;
use super::dispatch::Kernel;
use super::isa::Isa;
use super::job::Job;
use super::memory::Memory;
use super::narrow::NarrowBlock;
use super::runner::Runner;
use super::scalars::Scalars;
use super::width::{Width, has_units_in_one_piece, threads};
use crate::units::Granularity;

/// The norm of each unit of a weight, shaped as [`Granularity::dot`]'s result.
pub(crate) fn unit_norms(weight: &Tensor, granularity: Granularity) -> Tensor {
    match norms(weight, granularity) {
        Some(norms) => Tensor::from_slice(&norms).reshape(granularity.dot_shape(&weight.size())),
        None => granularity.norm(weight),
    }
}

/// The norm of each unit of a weight, if the kernels can take it. It has the same bits for any
/// number of threads, which libtorch's has not.
fn norms(weight: &Tensor, granularity: Granularity) -> Option<Vec<f64>> {
    let taken = weight.device() == Device::Cpu && weight.numel() > 0;
    if !(taken && has_units_in_one_piece(weight, granularity)) {
        return None;
    }
    let (len, s) = (weight.numel(), [std::ptr::null_mut(); 3]);
    Some(match Width::of(weight.kind())? {
        Width::Narrow(format) => {
            let w = weight.data_ptr().cast();
            let block = NarrowBlock {
                format,
                w,
                master: std::ptr::null_mut(),
                g: w.cast_const(),
                s,
                len,
            };
            norms_of(block, weight, granularity)
        }
        Width::Single => norms_of(squared::<f32>(weight), weight, granularity),
        Width::Double => norms_of(squared::<f64>(weight), weight, granularity),
    })
}

/// The weight where the gradient would be, as `⟨g,g⟩` is what a pass can take alone.
fn squared<E>(weight: &Tensor) -> Block<E> {
    let w = weight.data_ptr().cast();
    Block {
        w,
        g: w.cast_const(),
        s: [std::ptr::null_mut(); 3],
        len: weight.numel(),
    }
}

fn norms_of<M: Memory>(block: M, weight: &Tensor, granularity: Granularity) -> Vec<f64> {
    let mut runner = Runner::new(
        Isa::best(),
        threads(),
        vec![Job {
            block,
            unit_len: block.len() / granularity.units(&weight.size()) as usize,
            kernel: Kernel::Plain,
            scalars: Scalars::default(),
            radii: &[],
            memories: &[],
            rows: 1,
            summed: false,
        }],
    );
    runner.sum();
    runner
        .outcomes_of(0)
        .iter()
        .map(|outcome| outcome.sums.gg.sqrt())
        .collect()
}
