//! Threads: libtorch's own, where they can be reached.
//!
//! libtorch on Linux runs on OpenMP, whose threads wait for work by spinning.
//! Threads of our own would compete with them for the cores right after every
//! `backward`; so the same OpenMP team is asked to do the work.

use std::ffi::{c_uint, c_void};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

type Body = unsafe extern "C" fn(*mut c_void);
type GompParallel = unsafe extern "C" fn(Body, *mut c_void, c_uint, c_uint);

/// The tasks `0..count`, claimed one at a time by whichever thread is free.
struct Work<'a> {
    next: AtomicUsize,
    count: usize,
    task: &'a (dyn Fn(usize) + Sync),
}

impl Work<'_> {
    fn drain(&self) {
        loop {
            let task = self.next.fetch_add(1, Ordering::Relaxed);
            if task >= self.count {
                return;
            }
            (self.task)(task);
        }
    }
}

/// Calls `task` for each of `0..count` on up to `threads` threads and waits.
///
/// Which thread runs which task is left to chance; so no result may depend on it.
pub(crate) fn each(count: usize, threads: usize, task: &(dyn Fn(usize) + Sync)) {
    let threads = threads.min(count);
    let work = Work {
        next: AtomicUsize::new(0),
        count,
        task,
    };
    if threads <= 1 {
        return work.drain();
    }
    match gomp_parallel() {
        // SAFETY: `drain_all` gets the work it expects, which outlives the
        // call, as that returns when all threads have; and its tasks are Sync.
        Some(parallel) => unsafe {
            parallel(
                drain_all,
                (&raw const work).cast_mut().cast(),
                threads as c_uint,
                0,
            );
        },
        None => std::thread::scope(|scope| {
            for _ in 1..threads {
                scope.spawn(|| work.drain());
            }
            work.drain();
        }),
    }
}

/// # Safety
///
/// `work` points to a [`Work`].
unsafe extern "C" fn drain_all(work: *mut c_void) {
    // SAFETY: says the caller. A panic in a task ends the process here, since
    // this function is not one that unwinds.
    unsafe { &*work.cast::<Work<'_>>() }.drain();
}

/// `GOMP_parallel` of the OpenMP library that libtorch has loaded: libgomp, or
/// libiomp5, which has it as well.
#[cfg(target_os = "linux")]
fn gomp_parallel() -> Option<GompParallel> {
    unsafe extern "C" {
        fn dlsym(handle: *mut c_void, symbol: *const std::ffi::c_char) -> *mut c_void;
    }
    static FOUND: OnceLock<Option<GompParallel>> = OnceLock::new();
    *FOUND.get_or_init(|| {
        // SAFETY: a null handle is RTLD_DEFAULT: all that is loaded.
        let symbol = unsafe { dlsym(std::ptr::null_mut(), c"GOMP_parallel".as_ptr()) };
        // SAFETY: a function of this name has this type; it is part of the
        // interface that compilers emit calls to. Null becomes None.
        unsafe { std::mem::transmute::<*mut c_void, Option<GompParallel>>(symbol) }
    })
}

#[cfg(not(target_os = "linux"))]
fn gomp_parallel() -> Option<GompParallel> {
    static FOUND: OnceLock<Option<GompParallel>> = OnceLock::new();
    *FOUND.get_or_init(|| None)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::AtomicU64;

    #[test]
    fn every_task_runs_once() {
        for threads in [1, 2, 5] {
            let runs: Vec<AtomicU64> = (0..1000).map(|_| AtomicU64::new(0)).collect();
            each(runs.len(), threads, &|i| {
                runs[i].fetch_add(1, Ordering::Relaxed);
            });
            assert!(runs.iter().all(|n| n.load(Ordering::Relaxed) == 1));
        }
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn libtorchs_threads_are_found() {
        tch::set_num_threads(tch::get_num_threads());
        assert!(gomp_parallel().is_some());
    }
}
