//! Threads of the kernels in `cpp`.

unsafe extern "C" {
    fn lawn_kernel_threads() -> i64;
}

/// How many threads the kernels of this crate use on the CPU: as many as libtorch, whose OpenMP
/// they borrow, or 1 where that cannot be found in the process.
///
/// ```
/// lawn_models::set_threads(2);
/// assert_eq!(lawn_models::kernel_threads(), 2);
/// ```
pub fn kernel_threads() -> u32 {
    // SAFETY: it takes nothing and waits for the threads that it starts.
    u32::try_from(unsafe { lawn_kernel_threads() }).unwrap_or(1)
}
