//! The processes that train one trial together, by libtorch's c10d over Gloo.
//!
//! A process is a *rank*. Rank 0 keeps the store in which the ranks find each other, writes the
//! files of the trial and says how it ended. This room knows nothing of what is trained.

mod error;
mod gradients;
mod group;
mod interface;
mod introduction;
mod meeting;
mod membership;
mod store;
mod sys;
mod watch;

use std::rc::Rc;
use std::time::Duration;

use crate::device;
use crate::models::TablePart;

pub use error::RanksError;
pub(crate) use error::names;
pub(crate) use gradients::RankGradients;
pub use group::RankGroup;
pub use interface::require_interface;
pub use introduction::RankPlace;
pub use membership::{MEETING, RANK_VARIABLES, RankMembership};

/// The backends that this build can connect ranks by.
pub const RANK_BACKENDS: &[&str] = &["gloo"];

/// Why it is not NCCL.
pub const WITHOUT_NCCL: &str = "NCCL is not in this build: libtorch's ProcessGroupNCCL.hpp wants nccl.h, \
                                which is not among libtorch's headers, and nothing of it was tried yet \
                                on two GPUs";

/// The ranks of a trial, as one of them sees them. A clone is the same rank.
///
/// ```
/// use lawn_models::Ranks;
///
/// let alone = Ranks::alone();
/// assert_eq!((alone.rank(), alone.count()), (0, 1));
/// assert!(alone.is_first());
/// ```
#[derive(Clone, Debug, Default)]
pub struct Ranks {
    group: Option<Rc<RankGroup>>,
    shares_tables: bool,
}

impl Ranks {
    /// One process that trains by itself.
    #[must_use]
    pub fn alone() -> Self {
        Self::default()
    }

    /// The ranks of a group.
    #[must_use]
    pub fn of(group: RankGroup) -> Self {
        Self {
            group: Some(Rc::new(group)),
            shares_tables: false,
        }
    }

    /// These, with the rows of embedding tables dealt out among them round robin.
    #[must_use]
    pub fn sharing_tables(self) -> Self {
        Self {
            shares_tables: true,
            ..self
        }
    }

    /// Whether the rows of embedding tables are dealt out.
    pub(crate) fn shares_tables(&self) -> bool {
        self.shares_tables
    }

    /// Which rows of embedding tables this rank has.
    pub(crate) fn tables(&self) -> TablePart {
        match self.shares_tables {
            true => TablePart::new(self.rank(), self.count()),
            false => TablePart::default(),
        }
    }

    /// The group, where there is more than one rank.
    #[must_use]
    pub fn group(&self) -> Option<&RankGroup> {
        self.group.as_deref()
    }

    /// The number of this one, from 0.
    #[must_use]
    pub fn rank(&self) -> u32 {
        self.group().map_or(0, |group| group.membership().rank)
    }

    /// How many there are.
    #[must_use]
    pub fn count(&self) -> u32 {
        self.group().map_or(1, |group| group.membership().ranks)
    }

    /// Whether this is the one that writes files.
    #[must_use]
    pub fn is_first(&self) -> bool {
        self.rank() == 0
    }
}

/// Refuses ranks on this machine that its memory cannot hold, where each is known to take so many
/// bytes. Where that is not known each takes as much as this process has, which has libtorch loaded: how
/// much that is depends on the libtorch, about 180 MiB with that of PyTorch's wheel.
///
/// # Errors
/// [`RanksError::TooLittleMemory`].
pub fn require_memory(ranks: usize, measured: Option<u64>) -> Result<(), RanksError> {
    let least = || device::own_memory().unwrap_or(0);
    match device::bounded_memory() {
        Some(available) => require_within(
            ranks,
            measured.unwrap_or_else(least),
            measured.is_some(),
            available,
        ),
        None => Ok(()),
    }
}

fn require_within(
    ranks: usize,
    each: u64,
    measured: bool,
    (available, bound): (u64, &'static str),
) -> Result<(), RanksError> {
    match ranks > 1 && ranks as u64 * each > available {
        true => Err(RanksError::TooLittleMemory {
            ranks,
            each,
            measured,
            available,
            bound,
        }),
        false => Ok(()),
    }
}

/// Who is told what a rank waits for as it meets the others: in words, and since when. It gives
/// up where the answer is no.
pub type Patience<'a> = &'a dyn Fn(&str, Duration) -> bool;

/// How ranks watch over each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RankTimeouts {
    /// How long a rank waits for the others to come to the meeting.
    pub meeting: Duration,
    /// How long a rank may give no sign of life. A process that is stopped or whose machine is
    /// gone gives none; one that computes does.
    pub silence: Duration,
    /// How long ranks may wait for one that lives and does not come to a sum.
    pub sum: Duration,
}

impl Default for RankTimeouts {
    fn default() -> Self {
        Self {
            meeting: Duration::from_secs(120),
            silence: Duration::from_secs(20),
            sum: Duration::from_secs(600),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranks_that_memory_cannot_hold_are_refused_with_numbers() {
        let of = |ranks, mebibytes: u64, measured, gibibytes: u64| {
            require_within(
                ranks,
                mebibytes << 20,
                measured,
                (gibibytes << 30, "of this machine"),
            )
        };
        of(1, 64, false, 0).unwrap();
        of(2, 64, false, 1).unwrap();
        let refused = |ranks, mebibytes, measured, words: &[&str]| {
            let said = of(ranks, mebibytes, measured, 8).unwrap_err().to_string();
            for word in words {
                assert!(said.contains(word), "{word:?} is not in: {said}");
            }
        };
        let words = [
            "400 ranks need 25.0 GiB at least",
            "64 MiB each before",
            "8.0 GiB are available of this machine",
        ];
        refused(400, 64, false, &words);
        let words = [
            "4 ranks need 12.0 GiB",
            "about 3072 MiB each",
            "8.0 GiB are available of this machine",
        ];
        refused(4, 3072, true, &words);
        // Each has as much as this process.
        let block = vec![1u8; 96 << 20];
        let most = device::available_memory().unwrap() / (64 << 20);
        let error = require_memory(most as usize, None).unwrap_err();
        assert!(!std::hint::black_box(&block).is_empty());
        let RanksError::TooLittleMemory { each, measured, .. } = error else {
            panic!("{error}");
        };
        let own = device::own_memory().unwrap();
        assert!(!measured && each >= 96 << 20, "{each}");
        assert!(each < 2 * own && own < 2 * each, "{each} and {own}");
    }
}
