//! libtorch's own fused kernel of Adam, by `cpp/fused_adam.cpp`.

use std::ffi::{c_char, c_void};

use tch::Tensor;

use super::guard::{checked, raw};
use crate::decay::WeightDecay;

unsafe extern "C" {
    fn lawn_fused_adam(
        parameters: *const *mut c_void,
        gradients: *const *mut c_void,
        first: *const *mut c_void,
        second: *const *mut c_void,
        largest: *const *mut c_void,
        updates: *const *mut c_void,
        count: usize,
        rate: *mut c_void,
        beta1: f64,
        beta2: f64,
        epsilon: f64,
        decay: f64,
        decoupled: bool,
        infinite: *mut c_void,
    ) -> *mut c_char;
}

/// What [`fused_adam`] takes of each parameter.
#[derive(Debug, Default)]
pub(crate) struct AdamLists<'a> {
    pub(crate) parameters: Vec<&'a Tensor>,
    pub(crate) gradients: Vec<&'a Tensor>,
    pub(crate) first_moments: Vec<&'a Tensor>,
    pub(crate) second_moments: Vec<&'a Tensor>,
    /// AMSGrad's largest second moments; empty for Adam.
    pub(crate) largest: Vec<&'a Tensor>,
    /// Counts of updates, this one included; scalars, f32.
    pub(crate) updates: Vec<&'a Tensor>,
}

/// What [`fused_adam`] computes with.
#[derive(Clone, Copy, Debug)]
pub(crate) struct AdamNumbers {
    pub(crate) beta1: f64,
    pub(crate) beta2: f64,
    pub(crate) epsilon: f64,
    pub(crate) decay: WeightDecay,
}

/// A step of Adam for each parameter; none where `infinite`, a scalar of f32, is 1.
/// The learning rate is a scalar of f32.
///
/// # Panics
///
/// As tch's operations do, where libtorch fails, and for lists of different
/// lengths.
pub(crate) fn fused_adam(
    lists: &AdamLists<'_>,
    rate: &Tensor,
    numbers: AdamNumbers,
    infinite: Option<&Tensor>,
) {
    let count = lists.parameters.len();
    let pointers = |list: &[&Tensor]| -> Vec<_> {
        assert_eq!(list.len(), count, "lists of one length");
        list.iter().map(|tensor| raw(tensor)).collect()
    };
    let largest = match lists.largest.as_slice() {
        [] => None,
        largest => Some(pointers(largest)),
    };
    let (parameters, gradients) = (pointers(&lists.parameters), pointers(&lists.gradients));
    let (first, second) = (
        pointers(&lists.first_moments),
        pointers(&lists.second_moments),
    );
    let updates = pointers(&lists.updates);
    let (decay, decoupled) = match numbers.decay {
        WeightDecay::None => (0.0, false),
        WeightDecay::L2 { rate } => (rate, false),
        WeightDecay::Decoupled { rate } => (rate, true),
    };
    let null = std::ptr::null_mut();
    // SAFETY: the tensors are borrowed during the call, all lists have `count`
    // of them, and a null stands for what is left out.
    checked(unsafe {
        lawn_fused_adam(
            parameters.as_ptr(),
            gradients.as_ptr(),
            first.as_ptr(),
            second.as_ptr(),
            largest.as_ref().map_or(std::ptr::null(), Vec::as_ptr),
            updates.as_ptr(),
            count,
            raw(rate),
            numbers.beta1,
            numbers.beta2,
            numbers.epsilon,
            decay,
            decoupled,
            infinite.map_or(null, raw),
        )
    });
}
