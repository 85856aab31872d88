//! The same work on any number of threads. Results keep the order of their items.

use std::thread;

use rayon::ThreadPoolBuilder;
use rayon::iter::{IndexedParallelIterator, IntoParallelRefIterator, ParallelIterator};

/// How many threads the machine offers to this process; 1 where it does not say.
pub(crate) fn available() -> usize {
    thread::available_parallelism().map_or(1, usize::from)
}

/// `f` of every item, in the order of the items, on up to `threads` threads.
///
/// The threads are a pool of their own, so that never more are at work than asked for. Which thread
/// takes which item changes only the time. Where the system provides no threads, the work is done
/// on the calling one.
pub(crate) fn map<T: Sync, R: Send>(
    threads: usize,
    items: &[T],
    f: impl Fn(&T) -> R + Sync,
) -> Vec<R> {
    let threads = threads.min(items.len());
    if threads > 1
        && let Ok(pool) = ThreadPoolBuilder::new().num_threads(threads).build()
    {
        // Items differ much in size, so each is handed out by itself.
        return pool.install(|| items.par_iter().with_max_len(1).map(&f).collect());
    }
    items.iter().map(f).collect()
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

    use super::map;

    #[test]
    fn order_is_that_of_the_items_on_any_number_of_threads() {
        let items: Vec<u64> = (0..1000).collect();
        let expected: Vec<u64> = items.iter().map(|item| item * item).collect();
        for threads in [0, 1, 2, 7, 300] {
            assert_eq!(map(threads, &items, |item| item * item), expected);
        }
        assert!(map(4, &[] as &[u64], |item| *item).is_empty());
    }

    #[test]
    fn no_more_threads_are_at_work_than_asked_for() {
        let (at_work, most) = (AtomicUsize::new(0), AtomicUsize::new(0));
        map(2, &[(); 40], |()| {
            most.fetch_max(1 + at_work.fetch_add(1, SeqCst), SeqCst);
            std::thread::sleep(std::time::Duration::from_millis(2));
            at_work.fetch_sub(1, SeqCst);
        });
        assert_eq!(most.into_inner(), 2);
    }

    #[test]
    #[should_panic(expected = "seven")]
    fn a_panic_of_a_thread_is_not_swallowed() {
        map(2, &(0..100).collect::<Vec<u64>>(), |item| {
            assert!(*item != 7, "seven")
        });
    }
}
