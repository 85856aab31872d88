//! Gradients summed over ranks, by `cpp/rank_gradients.cpp`.

use std::ffi::c_void;
use std::ptr;

use tch::Tensor;

use super::error::RanksError;
use super::group::RankGroup;
use super::sys;

/// Bytes of the gradients that are summed together, and of the first of them: as of PyTorch's
/// DistributedDataParallel.
const BUCKET_BYTES: i64 = 25 << 20;
const FIRST_BUCKET_BYTES: i64 = 1 << 20;

/// Bytes that are worth a sum of their own: over fewer the rounds between the ranks take longer than
/// what backward still has to do.
const LEAST_BUCKET_BYTES: i64 = 64 << 10;

/// The gradients of parameters, in buckets of f32. A bucket begins to be summed as soon as
/// backward has come through all of its parameters; the last one when backward has ended, and `N`
/// numbers with it that the ranks ask each other.
#[derive(Debug)]
pub(crate) struct RankGradients<const N: usize> {
    gradients: *mut c_void,
    parameters: Vec<Tensor>,
}

impl<const N: usize> RankGradients<N> {
    /// Of parameters of f32, in their order in the net, and of each whether it is an embedding table.
    ///
    /// # Panics
    /// If there are not as many answers as parameters.
    pub(crate) fn new(
        group: &RankGroup,
        parameters: Vec<Tensor>,
        is_table: &[bool],
    ) -> Result<Self, RanksError> {
        assert_eq!(parameters.len(), is_table.len(), "one answer a parameter");
        let is_table: Vec<u8> = is_table.iter().map(|&one| u8::from(one)).collect();
        let pointers: Vec<*mut c_void> = parameters.iter().map(sys::pointer).collect();
        let mut gradients = ptr::null_mut();
        // SAFETY: the group is there; as many tensors and answers as are said are, and the tensors are
        // kept by the call.
        unsafe {
            sys::answered(sys::lawn_rank_gradients_open(
                group.as_ptr(),
                pointers.as_ptr(),
                is_table.as_ptr(),
                pointers.len() as i64,
                N as i64,
                FIRST_BUCKET_BYTES,
                BUCKET_BYTES,
                LEAST_BUCKET_BYTES,
                &raw mut gradients,
            ))
            .map_err(|reason| group.failed(reason))?;
        }
        Ok(Self {
            gradients,
            parameters,
        })
    }

    /// Those parameters.
    pub(crate) fn parameters(&self) -> &[Tensor] {
        &self.parameters
    }

    /// To be told before the last backward of a step.
    pub(crate) fn expect_last_backward(&self) {
        // SAFETY: it is open until `drop`.
        unsafe { sys::lawn_rank_gradients_arm(self.gradients) };
    }

    /// Begins to sum what backward has not begun, and what this rank asks.
    pub(crate) fn launch(&self, group: &RankGroup, asks: [f32; N]) -> Result<(), RanksError> {
        // SAFETY: it is open until `drop`, and reads as many numbers as it was opened for.
        unsafe {
            sys::answered(sys::lawn_rank_gradients_launch(
                self.gradients,
                asks.as_ptr(),
            ))
            .map_err(|reason| group.failed(reason))
        }
    }

    /// Waits for the sums, gives them to the parameters that have a gradient on any rank, and says
    /// the sums of what was asked.
    pub(crate) fn place(&self, group: &RankGroup) -> Result<[f32; N], RanksError> {
        group.wait(|time| {
            let mut done = 0;
            // SAFETY: it is open until `drop`.
            let answer = unsafe {
                sys::answered(sys::lawn_rank_gradients_wait(
                    self.gradients,
                    time,
                    &raw mut done,
                ))
            };
            answer.map(|()| done != 0)
        })?;
        let mut answers = [0.0; N];
        // SAFETY: it is open until `drop`, and writes as many numbers as it was opened for.
        unsafe {
            sys::answered(sys::lawn_rank_gradients_place(
                self.gradients,
                answers.as_mut_ptr(),
            ))
            .map_err(|reason| group.failed(reason))?;
        }
        Ok(answers)
    }
}

impl<const N: usize> Drop for RankGradients<N> {
    fn drop(&mut self) {
        // SAFETY: it is of `lawn_rank_gradients_open`, and closed once. Its parameters are there.
        unsafe { sys::lawn_rank_gradients_close(self.gradients) };
    }
}
