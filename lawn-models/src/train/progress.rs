//! How far a trial has come: what a checkpoint has to know besides tensors.

use lawn_core::Plateau;
use serde::{Deserialize, Serialize};

use super::freeze::FreezeWatch;
use super::loss_scale::LossScale;
use super::record::{EvaluationRecord, Seconds};
use super::share::Sharing;
use crate::data::Request;
use crate::trial::Length;

/// How far a trial has come.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
pub(super) struct Progress {
    /// Whole epochs done.
    pub(super) epoch: u64,
    /// Steps done in the epoch under way.
    pub(super) step_in_epoch: u64,
    /// Samples trained on.
    pub(super) samples: u64,
    /// What happened since the last evaluation.
    pub(super) since: Interval,
    /// The last evaluation.
    pub(super) last: Option<EvaluationRecord>,
    /// Samples that fit in memory at once, where fewer did than were asked for.
    pub(super) micro_batch_size: Option<u64>,
    /// What the loss is multiplied by, where it is.
    #[serde(default)]
    pub(super) loss_scale: LossScale,
    /// What a condition of the freeze has seen.
    #[serde(default)]
    pub(super) freeze: FreezeWatch,
    /// Steps before the freeze, where a condition has brought it about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) frozen_at: Option<u64>,
    /// How many ranks have trained it last, where there were several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) ranks: Option<u32>,
    /// What the learning rate has fallen to on plateaus, where it does so.
    #[serde(default)]
    pub(super) plateau: Option<Plateau>,
}

/// What happened from one evaluation to the next.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
pub(super) struct Interval {
    /// Steps taken.
    pub(super) steps: u64,
    /// Samples trained on.
    pub(super) samples: u64,
    /// Sum of their losses.
    pub(super) loss_sum: f64,
    /// Those of them that the optimizer skipped, for a gradient beyond f16.
    #[serde(default)]
    pub(super) skipped: u64,
    /// Sum over the others of the gradient norm.
    pub(super) gradient_norm_sum: f64,
    /// Where the time went.
    pub(super) seconds: Seconds,
}

impl Progress {
    /// Where in its epoch the next batch starts, and how many samples it has: what
    /// is left of the epoch or of the budget ends it early.
    pub(super) fn next_batch(&self, length: &Length, batch_size: u64) -> (u64, u64) {
        let start = self.step_in_epoch * batch_size;
        let count = batch_size
            .min(length.epoch_samples - start)
            .min(length.samples - self.samples);
        (start, count)
    }

    /// Steps done, those that the optimizer skipped among them.
    pub(super) fn steps(&self, length: &Length) -> u64 {
        self.epoch * length.steps_per_epoch + self.step_in_epoch
    }

    /// Counts one step over `samples`.
    pub(super) fn advance(&mut self, length: &Length, samples: u64) {
        self.samples += samples;
        self.since.steps += 1;
        self.since.samples += samples;
        self.step_in_epoch += 1;
        if self.step_in_epoch == length.steps_per_epoch {
            self.epoch += 1;
            self.step_in_epoch = 0;
        }
    }
}

/// Samples of the first part of so many, where a part has `part` at most.
fn first_part(left: u64, part: u64) -> u64 {
    // A single sample goes along: batch normalization could not take a variance over it.
    let goes_along = part > 1 && left == part + 1;
    left.min(part) + u64::from(goes_along)
}

/// How many parts so many samples are cut into.
pub(super) fn parts(samples: u64, part: u64) -> u64 {
    let (whole, rest) = (samples / part, samples % part);
    let goes_along = part > 1 && rest == 1 && whole > 0;
    whole + u64::from(rest > 0 && !goes_along)
}

/// The parts of all batches that are still to come, in order.
#[derive(Clone, Debug)]
pub(super) struct Parts {
    progress: Progress,
    length: Length,
    batch_size: u64,
    /// Samples in a part, at most, but for one that would be left alone.
    part: u64,
    sharing: Sharing,
    /// Samples of this rank in the next batch that have been asked for.
    done: u64,
}

impl Parts {
    /// What is to come after `progress`, in batches of `batch_size` that are cut into parts.
    pub(super) fn new(progress: &Progress, length: Length, batch_size: u64, part: u64) -> Self {
        let progress = Progress {
            last: None,
            ..progress.clone()
        };
        Self {
            progress,
            length,
            batch_size,
            part,
            sharing: Sharing::ALONE,
            done: 0,
        }
    }

    /// Of these, what a rank has.
    pub(super) fn shared(self, sharing: Sharing) -> Self {
        Self { sharing, ..self }
    }
}

impl Iterator for Parts {
    type Item = Request;

    fn next(&mut self) -> Option<Request> {
        let (start, count, share) = loop {
            if self.progress.samples >= self.length.samples {
                return None;
            }
            let (start, count) = self.progress.next_batch(&self.length, self.batch_size);
            let share = self.sharing.of(count).samples;
            if !share.is_empty() {
                break (start + share.start, count, share.end - share.start);
            }
            self.progress.advance(&self.length, count);
        };
        let from = start + self.done;
        let left = share - self.done;
        self.done += first_part(left, self.part);
        let request = Request {
            epoch: self.progress.epoch + 1,
            samples: from..start + self.done,
        };
        if self.done == share {
            self.progress.advance(&self.length, count);
            self.done = 0;
        }
        Some(request)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trial::Amount;

    #[test]
    fn ranks_share_every_batch_out() {
        let length = Amount::Samples(145).length(100, 30);
        for (unit, part) in [(1, 7), (8, 8), (16, 16)] {
            let of = |rank| {
                let sharing = Sharing {
                    unit,
                    rank,
                    ranks: 3,
                };
                Parts::new(&Progress::default(), length, 30, part).shared(sharing)
            };
            let samples = |one: Request| one.samples.map(move |sample| (one.epoch, sample));
            let mut all: Vec<(u64, u64)> = (0..3).flat_map(of).flat_map(samples).collect();
            all.sort_unstable();
            let first = (0..100).map(|sample| (1, sample));
            let second = (0..45).map(|sample| (2, sample));
            assert_eq!(all, first.chain(second).collect::<Vec<_>>());
        }
    }

    #[test]
    fn parts_are_counted_as_they_are_cut() {
        for part in 1..6 {
            for samples in 0..20 {
                let (mut left, mut count) = (samples, 0);
                while left > 0 {
                    left -= first_part(left, part);
                    count += 1;
                }
                assert_eq!(parts(samples, part), count, "{samples} by {part}");
            }
        }
    }

    #[test]
    fn parts_cut_up_what_is_left_of_the_budget() {
        let length = Amount::Samples(145).length(100, 30);
        let all: Vec<(u64, u64, u64)> = Parts::new(&Progress::default(), length, 30, 20)
            .map(|one| (one.epoch, one.samples.start, one.samples.end))
            .collect();
        let first = [
            (0, 20),
            (20, 30),
            (30, 50),
            (50, 60),
            (60, 80),
            (80, 90),
            (90, 100),
        ];
        let first = first.map(|(start, end)| (1, start, end));
        let second = [(0, 20), (20, 30), (30, 45)].map(|(start, end)| (2, start, end));
        assert_eq!(all, [&first[..], &second[..]].concat());

        // One that would be left alone.
        let length = Amount::Epochs(1).length(61, 41);
        let all: Vec<u64> = Parts::new(&Progress::default(), length, 41, 20)
            .map(|one| one.samples.end)
            .collect();
        assert_eq!(all, [20, 41, 61]);

        // After a batch has been trained on.
        let length = Amount::Samples(145).length(100, 30);
        let mut progress = Progress::default();
        progress.advance(&length, 30);
        let rest: Vec<Request> = Parts::new(&progress, length, 30, 30).collect();
        assert_eq!(rest[0].samples, 30..60);
        assert_eq!(rest.len(), 5);
    }
}
