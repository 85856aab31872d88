//! The same work on any number of threads: results keep the order of their items.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

/// How many threads the machine offers to this process; 1 where it does not say.
pub(crate) fn available() -> usize {
    thread::available_parallelism().map_or(1, usize::from)
}

/// `f` of every item, in the order of the items, on up to `threads` threads.
///
/// Which thread takes which item changes nothing but the time that it takes.
pub(crate) fn map<T: Sync, R: Send>(
    threads: usize,
    items: &[T],
    f: impl Fn(&T) -> R + Sync,
) -> Vec<R> {
    let workers = threads.clamp(1, items.len().max(1));
    if workers == 1 {
        return items.iter().map(f).collect();
    }
    let next = AtomicUsize::new(0);
    let work = || {
        let mut done = Vec::new();
        loop {
            let index = next.fetch_add(1, Ordering::Relaxed);
            let Some(item) = items.get(index) else {
                return done;
            };
            done.push((index, f(item)));
        }
    };
    let mut done: Vec<(usize, R)> = thread::scope(|scope| {
        let others: Vec<_> = (1..workers).map(|_| scope.spawn(work)).collect();
        let mut done = work();
        for other in others {
            match other.join() {
                Ok(more) => done.extend(more),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        done
    });
    done.sort_unstable_by_key(|(index, _)| *index);
    done.into_iter().map(|(_, result)| result).collect()
}

#[cfg(test)]
mod tests {
    use super::map;

    #[test]
    fn order_is_that_of_the_items_on_any_number_of_threads() {
        let items: Vec<u64> = (0..1000).collect();
        let expected: Vec<u64> = items.iter().map(|item| item * item).collect();
        for threads in [0, 1, 2, 7, 5000] {
            assert_eq!(map(threads, &items, |item| item * item), expected);
        }
        assert!(map(4, &[] as &[u64], |item| *item).is_empty());
    }

    #[test]
    #[should_panic(expected = "seven")]
    fn a_panic_of_a_thread_is_not_swallowed() {
        map(2, &(0..100).collect::<Vec<u64>>(), |item| {
            assert!(*item != 7, "seven")
        });
    }
}
