//! The answers of a net as a trial measures them: by all its ranks together.

use std::cell::RefCell;
use std::ops::Range;

use tch::{Device, Kind, Tensor};

use super::loans;
use crate::measure::{Forward, Part, Split};
use crate::ranks::{Ranks, RanksError};
use crate::tasks::Task;

/// How the ranks answer: each reads and answers its part of the samples that are taken at once, and
/// all get all answers.
pub(super) struct SharedAnswers {
    ranks: Ranks,
    failed: RefCell<Option<RanksError>>,
}

/// The answers of one net, of which `hear` is told.
pub(super) struct Answers<'a> {
    shared: &'a SharedAnswers,
    task: &'a Task,
    hear: &'a dyn Fn(Split, &Tensor),
}

impl SharedAnswers {
    pub(super) fn new(ranks: &Ranks) -> Self {
        Self {
            ranks: ranks.clone(),
            failed: RefCell::new(None),
        }
    }

    /// Those of a task; `hear` is told all logits of samples that were taken at once.
    pub(super) fn of<'a>(
        &'a self,
        task: &'a Task,
        hear: &'a dyn Fn(Split, &Tensor),
    ) -> Answers<'a> {
        Answers {
            shared: self,
            task,
            hear,
        }
    }

    /// What went wrong among the answers.
    pub(super) fn check(&self) -> Result<(), RanksError> {
        self.failed.borrow().clone().map_or(Ok(()), Err)
    }

    fn has_failed(&self) -> bool {
        self.failed.borrow().is_some()
    }

    /// What this rank computes, with rows that others have brought to it where tables are shared;
    /// zeros once a rank is lost that had some.
    fn own(&self, task: &Task, inputs: &[Tensor]) -> Tensor {
        let is_parted = task.model.tables().iter().any(|table| table.is_parted());
        let (Some(group), true) = (self.ranks.group(), is_parted) else {
            return task.answer(inputs);
        };
        if !self.has_failed() {
            match loans::bring(group, &*task.model, Some(inputs), false) {
                Ok(_) => return task.answer(inputs),
                Err(error) => drop(self.failed.replace(Some(error))),
            }
        }
        Tensor::zeros(inputs[0].size()[0], (Kind::Float, Device::Cpu))
    }
}

impl Forward for Answers<'_> {
    fn ranks(&self) -> u64 {
        self.shared.ranks.count().into()
    }

    fn part(&self, samples: Range<u64>) -> Part {
        Part::of_rank(samples, self.shared.ranks.rank().into(), self.ranks())
    }

    fn answer(&self, split: Split, inputs: &[Tensor], part: &Part) -> Tensor {
        let own = self.shared.own(self.task, inputs);
        let all = self.gather(own, part);
        (self.hear)(split, &all);
        all
    }

    fn gather(&self, own: Tensor, part: &Part) -> Tensor {
        let (Some(group), true) = (self.shared.ranks.group(), part.is_shared()) else {
            return own;
        };
        if !self.shared.has_failed() {
            let _guard = tch::no_grad_guard();
            match group.gather_rows(&own.to_device(Device::Cpu).contiguous()) {
                Ok(all) => return all.to_device(own.device()),
                // Whoever asked learns of it from `check`.
                Err(error) => drop(self.shared.failed.replace(Some(error))),
            }
        }
        let [of_own, of_all] = [&part.own, &part.samples].map(|one| (one.end - one.start) as i64);
        let mut shape = own.size();
        shape[0] = shape[0] / of_own * of_all;
        Tensor::zeros(&shape[..], (own.kind(), own.device()))
    }
}
