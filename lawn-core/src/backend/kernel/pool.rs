//! Threads: libtorch's own, where they can be reached.
//!
//! libtorch on Linux runs on OpenMP, whose threads wait for work by spinning.
//! Threads of our own would compete with them for the cores right after every
//! `backward`; so the same OpenMP team is asked to do the work.

use std::ffi::{c_int, c_uint, c_void};
use std::ops::Range;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

type Body = unsafe extern "C" fn(*mut c_void);
type GompParallel = unsafe extern "C" fn(Body, *mut c_void, c_uint, c_uint);
type ThreadNum = unsafe extern "C" fn() -> c_int;

/// The tasks of one thread that nobody has claimed yet, on a cache line of its own.
#[repr(align(128))]
struct Share {
    tasks: Range<usize>,
    claimed: AtomicUsize,
}

/// Tasks, shared out among threads.
///
/// Each thread has a run of them for itself, so that it walks through memory without gaps. The
/// run is the same whenever as many tasks are shared out, so that the thread finds in its cache
/// what it touched before. A thread that is done helps the others.
struct Work<'a> {
    shares: &'a [Share],
    task: &'a (dyn Fn(usize) + Sync),
}

impl Work<'_> {
    fn drain(&self, thread: usize) {
        let (before, own_on) = self.shares.split_at(thread % self.shares.len());
        for share in own_on.iter().chain(before) {
            loop {
                let claimed = share.claimed.fetch_add(1, Ordering::Relaxed);
                if claimed >= share.tasks.len() {
                    break;
                }
                (self.task)(share.tasks.start + claimed);
            }
        }
    }
}

/// The tasks of `0..count` that are the thread's own.
pub(crate) fn share(count: usize, thread: usize, threads: usize) -> Range<usize> {
    count * thread / threads..count * (thread + 1) / threads
}

/// Calls `task` for each of `0..count` on up to `threads` threads and waits.
///
/// Chance decides in the end which thread runs which task, so no result may depend on it.
pub(crate) fn each(count: usize, threads: usize, task: &(dyn Fn(usize) + Sync)) {
    let threads = threads.min(count).max(1);
    let share = |thread: usize| Share {
        tasks: share(count, thread, threads),
        claimed: AtomicUsize::new(0),
    };
    if threads == 1 {
        let shares = &[share(0)];
        return Work { shares, task }.drain(0);
    }
    let shares: Vec<Share> = (0..threads).map(share).collect();
    let work = Work {
        shares: &shares,
        task,
    };
    match openmp() {
        // SAFETY: `drain_all` gets the work that it expects. The work outlives the call, which
        // returns when all threads have. Its tasks are Sync.
        Some(openmp) => unsafe {
            (openmp.parallel)(
                drain_all,
                (&raw const work).cast_mut().cast(),
                threads as c_uint,
                0,
            );
        },
        None => std::thread::scope(|scope| {
            let work = &work;
            for thread in 1..threads {
                scope.spawn(move || work.drain(thread));
            }
            work.drain(0);
        }),
    }
}

/// # Safety
///
/// `work` points to a [`Work`], and [`openmp`] is there.
unsafe extern "C" fn drain_all(work: *mut c_void) {
    let thread = openmp().map_or(0, |openmp| {
        // SAFETY: a function of this type, see `openmp`.
        usize::try_from(unsafe { (openmp.thread_num)() }).unwrap_or(0)
    });
    // SAFETY: the caller gives a `Work`. A panic in a task ends the process here, since this
    // function does not unwind.
    unsafe { &*work.cast::<Work<'_>>() }.drain(thread);
}

/// What is used of the OpenMP library that libtorch has loaded: libgomp, or
/// libiomp5, which has the same functions.
#[derive(Clone, Copy)]
struct OpenMp {
    parallel: GompParallel,
    thread_num: ThreadNum,
}

#[cfg(target_os = "linux")]
fn openmp() -> Option<OpenMp> {
    use std::ffi::{CStr, c_char};
    unsafe extern "C" {
        fn dlsym(handle: *mut c_void, symbol: *const c_char) -> *mut c_void;
    }
    static FOUND: OnceLock<Option<OpenMp>> = OnceLock::new();
    *FOUND.get_or_init(|| {
        // SAFETY: a null handle is RTLD_DEFAULT: all that is loaded.
        let symbol = |name: &CStr| unsafe { dlsym(std::ptr::null_mut(), name.as_ptr()) };
        // SAFETY: functions of these names have these types, since compilers emit calls to
        // them. Null becomes None.
        unsafe {
            Some(OpenMp {
                parallel: std::mem::transmute::<*mut c_void, Option<GompParallel>>(symbol(
                    c"GOMP_parallel",
                ))?,
                thread_num: std::mem::transmute::<*mut c_void, Option<ThreadNum>>(symbol(
                    c"omp_get_thread_num",
                ))?,
            })
        }
    })
}

#[cfg(not(target_os = "linux"))]
fn openmp() -> Option<OpenMp> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::AtomicU64;

    #[test]
    fn every_task_runs_once() {
        for (threads, count) in [(1, 1000), (2, 1000), (5, 1000), (5, 3), (2, 0)] {
            let runs: Vec<AtomicU64> = (0..count).map(|_| AtomicU64::new(0)).collect();
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
        assert!(openmp().is_some());
    }
}
