//! The order of each epoch, made once and ahead of time.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

/// Makes the order of an epoch.
type Make<P> = dyn Fn(u64) -> P + Send + Sync;

/// Keeps the order of the epoch under way, and makes that of the next meanwhile.
pub(crate) struct Epochs<P> {
    make: Arc<Make<P>>,
    kept: Mutex<Orders<P>>,
}

struct Orders<P> {
    current: Option<(u64, Arc<P>)>,
    next: Option<(u64, JoinHandle<P>)>,
}

impl<P: Send + Sync + 'static> Epochs<P> {
    /// `make` gives the order of an epoch, from its number alone.
    pub(crate) fn new(make: impl Fn(u64) -> P + Send + Sync + 'static) -> Self {
        Self {
            make: Arc::new(make),
            kept: Mutex::new(Orders {
                current: None,
                next: None,
            }),
        }
    }

    /// Begins with an epoch that is not the one under way, on a thread of its own.
    pub(crate) fn prepare(&self, epoch: u64) {
        let mut kept = self.kept();
        let is_there = |found: Option<u64>| found == Some(epoch);
        let current = kept.current.as_ref().map(|&(epoch, _)| epoch);
        let next = kept.next.as_ref().map(|&(epoch, _)| epoch);
        if !is_there(current) && !is_there(next) {
            let make = Arc::clone(&self.make);
            kept.next = Some((epoch, std::thread::spawn(move || make(epoch))));
        }
    }

    /// The order of an epoch, which is then the one under way.
    ///
    /// # Panics
    /// If making it does.
    pub(crate) fn get(&self, epoch: u64) -> Arc<P> {
        let mut kept = self.kept();
        if let Some((current, order)) = &kept.current
            && *current == epoch
        {
            return Arc::clone(order);
        }
        // The old epoch goes first: two of them need not fit in memory.
        kept.current = None;
        let order = match kept.next.take_if(|(next, _)| *next == epoch) {
            Some((_, handle)) => match handle.join() {
                Ok(order) => order,
                Err(panic) => std::panic::resume_unwind(panic),
            },
            None => (self.make)(epoch),
        };
        let order = Arc::new(order);
        kept.current = Some((epoch, Arc::clone(&order)));
        order
    }

    fn kept(&self) -> MutexGuard<'_, Orders<P>> {
        // A panic leaves nothing half done: an order is there or it is not.
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::panic::{AssertUnwindSafe, catch_unwind};
    use std::sync::atomic::{AtomicU64, Ordering};

    #[test]
    fn an_order_is_made_once_and_the_same_ahead_of_time() {
        let made = Arc::new(AtomicU64::new(0));
        let count = Arc::clone(&made);
        let epochs = Epochs::new(move |epoch| {
            count.fetch_add(1, Ordering::Relaxed);
            epoch * 10
        });
        assert_eq!(*epochs.get(1), 10);
        epochs.prepare(2);
        epochs.prepare(2);
        assert_eq!(
            (*epochs.get(1), *epochs.get(2), *epochs.get(2)),
            (10, 20, 20)
        );
        assert_eq!(made.load(Ordering::Relaxed), 2);
        // One that was not prepared, and one that was left.
        epochs.prepare(3);
        assert_eq!((*epochs.get(7), *epochs.get(3)), (70, 30));
        assert_eq!(made.load(Ordering::Relaxed), 4);
    }

    #[test]
    fn a_panic_reaches_who_asks() {
        let epochs = Epochs::new(|epoch| {
            if epoch == 2 {
                std::panic::resume_unwind(Box::new("no such epoch"));
            }
            epoch
        });
        epochs.prepare(2);
        let panic = catch_unwind(AssertUnwindSafe(|| epochs.get(2))).unwrap_err();
        assert_eq!(panic.downcast_ref(), Some(&"no such epoch"));
        assert_eq!(*epochs.get(3), 3);
    }
}
