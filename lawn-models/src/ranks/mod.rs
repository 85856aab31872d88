//! The processes that train one trial together, by libtorch's c10d over Gloo.
//!
//! A process is a *rank*. Rank 0 keeps the store in which the ranks find each other, writes the
//! files of the trial and says how it ended. This room knows nothing of what is trained.

mod error;
mod gradients;
mod group;
mod introduction;
mod meeting;
mod membership;
mod store;
mod sys;
mod watch;

use std::rc::Rc;
use std::time::Duration;

use crate::models::TablePart;

pub use error::RanksError;
pub(crate) use error::names;
pub(crate) use gradients::RankGradients;
pub use group::RankGroup;
pub use membership::{MEETING, RANK_COUNTS, RankMembership};

/// The backends that this build can connect ranks by.
pub const RANK_BACKENDS: &[&str] = &["gloo"];

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
            meeting: Duration::from_secs(300),
            silence: Duration::from_secs(20),
            sum: Duration::from_secs(600),
        }
    }
}
