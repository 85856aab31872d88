//! Which operations libtorch dispatches, for tests, by `cpp/dispatches.cpp`.

use std::ffi::{CStr, c_char, c_void};

/// The operations that `run` dispatches, with how often. One within another is
/// named `outermost/own name`.
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
