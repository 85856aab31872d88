//! The weights of this process in whose place an average stands at the moment: a step on these would
//! train the average.
//!
//! An optimizer and an average share tensors and nothing else, so that both look here. An average
//! keeps its tensors, so that no other has their memory while they are listed.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{LazyLock, Mutex, MutexGuard, PoisonError};

/// How many tensors are listed, so that steps without any ask nobody.
static COUNT: AtomicUsize = AtomicUsize::new(0);

/// By where they lie, how many averages stand there.
static LISTED: LazyLock<Mutex<HashMap<usize, usize>>> = LazyLock::new(Mutex::default);

fn listed() -> MutexGuard<'static, HashMap<usize, usize>> {
    LISTED.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Lists tensors that lie there.
pub(crate) fn put(addresses: impl Iterator<Item = usize>) {
    let mut listed = listed();
    for address in addresses {
        *listed.entry(address).or_default() += 1;
    }
    COUNT.store(listed.len(), Ordering::Release);
}

/// Takes what was [put](put) there away again.
pub(crate) fn take(addresses: impl Iterator<Item = usize>) {
    let mut listed = listed();
    for address in addresses {
        if let Some(count) = listed.get_mut(&address) {
            *count -= 1;
            if *count == 0 {
                listed.remove(&address);
            }
        }
    }
    COUNT.store(listed.len(), Ordering::Release);
}

/// The place of the first of these tensors that an average stands in the place of.
pub(crate) fn first(mut addresses: impl Iterator<Item = usize>) -> Option<usize> {
    if COUNT.load(Ordering::Acquire) == 0 {
        return None;
    }
    let listed = listed();
    addresses.position(|address| listed.contains_key(&address))
}
