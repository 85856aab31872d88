//! Operations of libtorch that tch does not offer, by `cpp/extension.cpp`.

use std::ffi::{CStr, c_char, c_void};

use tch::{TchError, Tensor};

unsafe extern "C" {
    fn lawn_foreach_copy(
        destinations: *const *mut c_void,
        sources: *const *mut c_void,
        count: usize,
    ) -> *mut c_char;
    fn lawn_add(tensor: *mut c_void, other: *mut c_void, alpha: f64) -> *mut c_char;
    fn lawn_addcmul(tensor: *mut c_void, a: *mut c_void, b: *mut c_void, value: f64)
    -> *mut c_char;
    fn free(memory: *mut c_void);
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

/// How often an operation was dispatched.
#[cfg(test)]
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Dispatches {
    /// Not from within another.
    pub(crate) outer: usize,
    /// Altogether.
    pub(crate) all: usize,
}

/// The operations that `run` dispatches, by name.
#[cfg(test)]
pub(crate) fn dispatches(run: impl FnOnce()) -> std::collections::BTreeMap<String, Dispatches> {
    type Counts = std::collections::BTreeMap<String, Dispatches>;
    unsafe extern "C" {
        fn lawn_operations_start();
        fn lawn_operations_stop(
            context: *mut c_void,
            tell: unsafe extern "C" fn(*mut c_void, *const c_char, usize, usize),
        );
    }
    unsafe extern "C" fn tell(context: *mut c_void, name: *const c_char, outer: usize, all: usize) {
        // SAFETY: `dispatches` hands over its map, and the extension a string.
        let (counts, name) = unsafe { (&mut *context.cast::<Counts>(), CStr::from_ptr(name)) };
        let name = name.to_string_lossy().into_owned();
        counts.insert(name, Dispatches { outer, all });
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
