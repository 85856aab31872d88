//! Host memory that is kept and used again, by `cpp/host_memory.cpp`.

use std::sync::Once;

unsafe extern "C" {
    fn lawn_keep_host_memory();
    fn lawn_let_go_of_host_memory();
}

static KEEPS: Once = Once::new();

/// From now on libtorch keeps large blocks of host memory that no tensor needs any more, and uses
/// them again.
///
/// Without it the system clears each page anew in every step. Blocks of 1 MiB and more are kept;
/// what is used and what is kept are together no more than was ever used at a time.
/// [`run_trial`](crate::run_trial) does it by itself; this is for loops of one's own. Nothing that
/// is computed depends on it.
///
/// The first call is to come before other threads use libtorch: where libtorch keeps its allocator
/// is not guarded against them.
///
/// ```
/// lawn_models::keep_host_memory();
/// ```
pub fn keep_host_memory() {
    // SAFETY: libtorch's own allocator stays, and so does this one: a tensor is freed by the one
    // that made it. The pointer to the allocator is not atomic, hence the demand on callers.
    KEEPS.call_once(|| unsafe { lawn_keep_host_memory() });
}

/// Gives back what is kept and not used.
pub(crate) fn let_go_of_host_memory() {
    if KEEPS.is_completed() {
        // SAFETY: it takes nothing, and has a lock of its own.
        unsafe { lawn_let_go_of_host_memory() };
    }
}
