//! Operations of libtorch that tch does not offer, by `cpp/extension.cpp`.

use std::ffi::{CStr, c_char, c_void};

use tch::{TchError, Tensor};

use crate::Decay;

unsafe extern "C" {
    fn lawn_foreach_copy(
        destinations: *const *mut c_void,
        sources: *const *mut c_void,
        count: usize,
    ) -> *mut c_char;
    fn lawn_foreach_norm(
        tensors: *const *mut c_void,
        count: usize,
        result: *mut *mut c_void,
    ) -> *mut c_char;
    fn lawn_bump_versions(tensors: *const *mut c_void, count: usize) -> *mut c_char;
    fn lawn_add(tensor: *mut c_void, other: *mut c_void, alpha: f64) -> *mut c_char;
    fn lawn_addcmul(tensor: *mut c_void, a: *mut c_void, b: *mut c_void, value: f64)
    -> *mut c_char;
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
    fn lawn_determinism(algorithms: *mut bool, cudnn: *mut bool, benchmark: *mut bool);
    fn free(memory: *mut c_void);
}

/// Whether libtorch uses deterministic algorithms, cuDNN does, and cuDNN measures which of
/// its algorithms is fastest.
pub(crate) fn determinism() -> [bool; 3] {
    let [mut algorithms, mut cudnn, mut benchmark] = [false; 3];
    // SAFETY: the three are valid to write to for as long as the call takes.
    unsafe { lawn_determinism(&raw mut algorithms, &raw mut cudnn, &raw mut benchmark) };
    [algorithms, cudnn, benchmark]
}

/// Copies each source into the destination beside it, all of them by few
/// launches on an accelerator.
///
/// # Panics
///
/// As tch's operations do, where libtorch fails.
pub(crate) fn foreach_copy<'a>(pairs: impl Iterator<Item = (&'a Tensor, &'a Tensor)>) {
    let (to, from): (Vec<_>, Vec<_>) = pairs.map(|(to, from)| (raw(to), raw(from))).unzip();
    // SAFETY: the pointers are to tensors that the iterator borrows for 'a,
    // which is longer than this call, and both lists have this length.
    checked(unsafe { lawn_foreach_copy(to.as_ptr(), from.as_ptr(), to.len()) });
}

/// The norm of each tensor, `[tensors]`, f64; no finite element is too large.
///
/// # Panics
///
/// As tch's operations do, where libtorch fails, as it does for no tensors.
pub(crate) fn foreach_norm<'a>(tensors: impl Iterator<Item = &'a Tensor>) -> Tensor {
    let tensors: Vec<_> = tensors.map(raw).collect();
    let mut result = std::ptr::null_mut();
    // SAFETY: the pointers are to tensors that the iterator borrows for 'a.
    checked(unsafe { lawn_foreach_norm(tensors.as_ptr(), tensors.len(), &raw mut result) });
    // SAFETY: without an error, the result is a new tensor that nobody else has.
    unsafe { Tensor::from_ptr(result.cast()) }
}

/// Tells autograd that each tensor was written to behind its back: a `backward` that
/// still needs what was there fails, as after any operation in place.
///
/// # Panics
///
/// As tch's operations do, where libtorch fails.
pub(crate) fn bump_versions<'a>(tensors: impl Iterator<Item = &'a Tensor>) {
    let tensors: Vec<_> = tensors.map(raw).collect();
    // SAFETY: the pointers are to tensors that the iterator borrows for 'a.
    checked(unsafe { lawn_bump_versions(tensors.as_ptr(), tensors.len()) });
}

/// `tensor ← tensor + alpha · other`.
///
/// # Panics
///
/// As tch's operations do, where libtorch fails.
pub(crate) fn add(tensor: &mut Tensor, other: &Tensor, alpha: f64) {
    // SAFETY: both are borrowed during the call.
    checked(unsafe { lawn_add(raw(tensor), raw(other), alpha) });
}

/// `tensor ← tensor + value · a · b`.
///
/// # Panics
///
/// As tch's operations do, where libtorch fails.
pub(crate) fn addcmul(tensor: &mut Tensor, a: &Tensor, b: &Tensor, value: f64) {
    // SAFETY: the three are borrowed during the call.
    checked(unsafe { lawn_addcmul(raw(tensor), raw(a), raw(b), value) });
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
    pub(crate) decay: Decay,
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
        Decay::None => (0.0, false),
        Decay::L2 { rate } => (rate, false),
        Decay::Decoupled { rate } => (rate, true),
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

fn raw(tensor: &Tensor) -> *mut c_void {
    tensor.as_ptr().cast_mut().cast()
}

/// Panics with the message, if there is one, as tch does.
fn checked(message: *mut c_char) {
    if message.is_null() {
        return;
    }
    // SAFETY: a message is a string of C that strdup has made and nobody else has.
    let text = unsafe {
        let text = CStr::from_ptr(message).to_string_lossy().into_owned();
        free(message.cast());
        text
    };
    panic!("{:?}", TchError::Torch(text));
}

/// The operations that `run` dispatches, with how often. One within another is
/// named `outermost/own name`.
#[cfg(test)]
pub(crate) fn dispatches(run: impl FnOnce()) -> std::collections::BTreeMap<String, usize> {
    type Counts = std::collections::BTreeMap<String, usize>;
    unsafe extern "C" {
        fn lawn_operations_start();
        fn lawn_operations_stop(
            context: *mut c_void,
            tell: unsafe extern "C" fn(*mut c_void, *const c_char, usize),
        );
    }
    unsafe extern "C" fn tell(context: *mut c_void, name: *const c_char, count: usize) {
        // SAFETY: `dispatches` hands over its map, and the extension a string.
        let (counts, name) = unsafe { (&mut *context.cast::<Counts>(), CStr::from_ptr(name)) };
        counts.insert(name.to_string_lossy().into_owned(), count);
    }
    let mut counts = Counts::new();
    // SAFETY: the map outlives the call that writes into it.
    unsafe {
        lawn_operations_start();
        run();
        lawn_operations_stop((&raw mut counts).cast(), tell);
    }
    counts
}
