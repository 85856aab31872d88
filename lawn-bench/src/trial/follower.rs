//! What ranks do that are not the first.
//!
//! They train with it, and rank 0 alone writes. Where rank 0 is lost nobody would say how the trial
//! ended: whoever is left does, one of them, in its place.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use lawn_analysis::records::{Outcome, Word};
use lawn_models::{Device, RankGroup, RanksError, TrialConfig, TrialContext, TrialError};
use rustix::process::{Pid, Signal};

use super::event::{Event, emit};
use super::ranks::{Company, FIRST_RANK};
use super::train;
use crate::Error;
use crate::config::Resources;
use crate::run::ending::Ending;
use crate::run::lease::{self, Lease, Terms};
use crate::run::trial_dir::TrialDir;

/// What rank 0 tells the others where there is something to train, and then the number of its lease.
const GO: &str = "go";

/// Tells the others to train.
pub(super) fn tell_to_go(group: &RankGroup, lease: &Lease) -> Result<(), RanksError> {
    group.tell(&format!("{GO} {}", lease.token()))
}

/// What rank 0 has told.
enum FirstWord {
    /// The trial has been over before.
    Over(Outcome),
    /// To train under the lease with this number.
    Go(u64),
}

impl FirstWord {
    fn hear(group: &RankGroup) -> Result<Self, RanksError> {
        let word = group.hear()?;
        if let Some(token) = word.strip_prefix(GO) {
            // A number that is none is that of no lease.
            return Ok(Self::Go(token.trim().parse().unwrap_or(0)));
        }
        group.finish()?;
        let outcome = Outcome::ALL
            .iter()
            .find(|outcome| outcome.to_string() == word);
        Ok(Self::Over(outcome.copied().unwrap_or(Outcome::Crashed)))
    }
}

/// A rank that is not the first.
pub(super) struct Follower<'a> {
    pub(super) company: &'a Company,
    pub(super) dir: &'a TrialDir,
    pub(super) device: Device,
    pub(super) resources: &'a Resources,
}

impl Follower<'_> {
    /// Trains the trial with rank 0, where it says so, and says how it ended.
    ///
    /// # Errors
    ///
    /// As [`train::follow`], and where the outcome cannot be written.
    pub(super) fn run(
        &self,
        group: &RankGroup,
        config: &TrialConfig,
        context: &TrialContext,
        stop: Arc<AtomicBool>,
    ) -> Result<Outcome, Error> {
        let ranks = &self.company.ranks;
        let (mut ending, lost, token) = match FirstWord::hear(group) {
            Ok(FirstWord::Over(outcome)) => return Ok(outcome),
            Ok(FirstWord::Go(token)) => {
                let (ending, lost) = train::follow(ranks, config, context, stop)?;
                (ending, lost, Some(token))
            }
            Err(lost) if lost.loses(0) => {
                let ending = Ending::failed(Outcome::Crashed, lost.to_string());
                train::say_why(ranks, &ending);
                (ending, Some(lost), None)
            }
            Err(error) => return Err(TrialError::from(error).into()),
        };
        let Some(lost) = lost.filter(|lost| lost.loses(0)) else {
            return Ok(ending.outcome);
        };
        let hangs = !matches!(lost, RanksError::Gone { .. });
        if hangs {
            end_first();
        }
        let terms = Terms::new(self.resources.lease);
        // No other process of the trial is left, or it is this one's like and as fast.
        if let Some(lease) = lease::succeed(self.dir.root(), token, hangs, &terms)? {
            ending.ranks = self.company.record(self.device);
            self.dir.settle(lease, &ending)?;
            let outcome = ending.outcome;
            emit(&Event::Ended { outcome });
        }
        Ok(ending.outcome)
    }
}

/// Kills rank 0 where it has started this process, and hangs: whoever waits for it would wait for ever.
fn end_first() {
    let parent = std::os::unix::process::parent_id();
    let first = std::env::var(FIRST_RANK).ok();
    let is_first = first.and_then(|first| first.parse().ok()) == Some(parent);
    if is_first && let Some(id) = Pid::from_raw(parent.cast_signed()) {
        // One that is gone by now needs no end.
        let _ = rustix::process::kill_process(id, Signal::KILL);
    }
}
