//! A trial on several ranks: what they sum in each step, and what they agree on.
//!
//! A step sums over the ranks, in this order: the buckets of gradients, while backward goes on; then
//! one tensor of f64 with a flag for each parameter that has a gradient anywhere, what the ranks
//! wish for, and their shares of the running statistics.
//!
//! ```text
//! running statistics, over the units u = 1 … U of a batch, with momentum μ:
//!     m ← (1 − μ) m + μ xᵤ            one rank
//!     m = Σᵣ (1 − μ)^(units after r) mᵣ    mᵣ after the units of rank r, from m at rank 0, from 0 at others
//! ```

use std::cell::RefCell;

use tch::{Device, Kind, Tensor};

use super::error::TrialError;
use super::share::{Share, Sharing};
use crate::models::LookUps;
use crate::models::layers::STATISTICS_MOMENTUM;
use crate::ranks::{RankGradients, RankGroup, Ranks, RanksError};
use crate::tasks::Task;

/// What ranks agree on in a step, for what comes after it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Wishes {
    /// Whether one of them is asked to stop.
    pub(super) stop: bool,
    /// Whether it is time for a checkpoint, as rank 0 finds.
    pub(super) save: bool,
    /// Whether rank 0 may write files.
    pub(super) may_save: bool,
}

/// The part of one rank in a trial of several.
#[derive(Debug)]
pub(super) struct Ranked {
    ranks: Ranks,
    gradients: RankGradients,
    /// The names of the parameters, in the order of the gradients.
    names: Vec<String>,
    /// Running means and variances, in order of name.
    statistics: Vec<Tensor>,
    unit: u64,
    /// What this rank wishes for in the step to come.
    pub(super) wishes: Wishes,
    /// What was agreed on in the last step.
    pub(super) agreed: Wishes,
}

impl Ranked {
    /// None where there is one rank.
    pub(super) fn new(ranks: &Ranks, task: &Task) -> Result<Option<Self>, TrialError> {
        let Some(group) = ranks.group() else {
            return Ok(None);
        };
        let parameters = task.parameters()?;
        let (names, tensors) = parameters
            .iter()
            .map(|one| (one.name.clone(), one.tensor.shallow_clone()))
            .unzip();
        let mut statistics: Vec<(String, Tensor)> = task.store.variables().into_iter().collect();
        statistics
            .retain(|(name, _)| name.ends_with("running_mean") || name.ends_with("running_var"));
        statistics.sort_by(|(one, _), (other, _)| one.cmp(other));
        Ok(Some(Self {
            gradients: RankGradients::new(group, tensors)?,
            ranks: ranks.clone(),
            names,
            statistics: statistics.into_iter().map(|(_, tensor)| tensor).collect(),
            unit: task.model.statistics_batch(),
            wishes: Wishes::default(),
            agreed: Wishes {
                may_save: true,
                ..Wishes::default()
            },
        }))
    }

    fn group(&self) -> &RankGroup {
        self.ranks.group().expect("there are several ranks")
    }

    pub(super) fn sharing(&self) -> Sharing {
        Sharing {
            unit: self.unit,
            rank: self.ranks.rank(),
            ranks: self.ranks.count(),
        }
    }

    pub(super) fn is_first(&self) -> bool {
        self.ranks.is_first()
    }

    /// Before the forward passes of a step.
    pub(super) fn begin_step(&self) {
        if !self.is_first() {
            tch::no_grad(|| {
                for statistic in &self.statistics {
                    let _ = statistic.shallow_clone().zero_();
                }
            });
        }
    }

    /// Before the last backward of a step.
    pub(super) fn expect_last_backward(&self) {
        self.gradients.expect_last_backward();
    }

    /// After the backward passes of a step: all ranks have the gradients of the whole batch, and
    /// its running statistics.
    pub(super) fn sum_step(&mut self, share: &Share) -> Result<(), RanksError> {
        let _guard = tch::no_grad_guard();
        let present = self.gradients.launch(self.group())?;
        let mut numbers: Vec<f64> = present
            .iter()
            .map(|&one| f64::from(u8::from(one)))
            .collect();
        let own = self.wishes;
        let first = self.is_first();
        for wish in [own.stop, first && own.save, first && own.may_save] {
            numbers.push(f64::from(u8::from(wish)));
        }
        let flags = Tensor::from_slice(&numbers);
        let decay =
            (1.0 - STATISTICS_MOMENTUM).powi(i32::try_from(share.units_after).unwrap_or(i32::MAX));
        let mut parts = vec![flags];
        for statistic in &self.statistics {
            let of_host = statistic.to_device(Device::Cpu).to_kind(Kind::Double);
            parts.push(of_host * decay);
        }
        let tail = Tensor::cat(&parts, 0);
        self.group().sum(&tail)?;
        let mut place = numbers.len() as i64;
        let flags = tail.narrow(0, 0, place);
        let flags: Vec<f64> = Vec::try_from(flags).expect("f64");
        for statistic in &self.statistics {
            let count = statistic.numel() as i64;
            statistic
                .shallow_clone()
                .copy_(&tail.narrow(0, place, count));
            place += count;
        }
        let flags: Vec<bool> = flags.into_iter().map(|flag| flag > 0.0).collect();
        let (present, wishes) = flags.split_at(present.len());
        self.agreed = Wishes {
            stop: wishes[0],
            save: wishes[1],
            may_save: wishes[2],
        };
        self.gradients.place(self.group(), present)
    }

    /// What all ranks look up, from what this one does.
    pub(super) fn all_look_ups(&self, own: &[LookUps]) -> Result<Vec<LookUps>, TrialError> {
        let _guard = tch::no_grad_guard();
        let number = |table: &String| {
            let found = self.names.iter().position(|name| name == table);
            found.expect("a table is a parameter") as i64
        };
        let mut pairs = vec![Tensor::zeros([0, 2], (Kind::Int64, Device::Cpu))];
        for LookUps { table, rows } in own {
            let rows = rows.flatten(0, -1).to_device(Device::Cpu);
            let tables = rows.full_like(number(table));
            pairs.push(Tensor::stack(&[tables, rows], 1));
        }
        let all = self.group().gather_rows(&Tensor::cat(&pairs, 0))?;
        let (tables, rows) = (all.select(1, 0), all.select(1, 1));
        let (there, _, _) = tables.unique_consecutive(false, false, None);
        let mut there: Vec<i64> = Vec::try_from(there).expect("i64");
        there.sort_unstable();
        there.dedup();
        let of = |table: i64| LookUps {
            table: self.names[table as usize].clone(),
            rows: rows.masked_select(&tables.eq(table)),
        };
        Ok(there.into_iter().map(of).collect())
    }

    /// The sum of a number over the ranks.
    pub(super) fn total(&self, own: f64) -> Result<f64, RanksError> {
        let sum = Tensor::from_slice(&[own]);
        self.group().sum(&sum)?;
        Ok(sum.double_value(&[0]))
    }

    /// Refuses ranks whose tensors are not those of rank 0, bit for bit.
    pub(super) fn require_same(
        &self,
        what: &'static str,
        tensors: impl Iterator<Item = Tensor>,
        step: u64,
    ) -> Result<(), RanksError> {
        let own = Tensor::from_slice(&[checksum(tensors) as i64]);
        let all = self.group().gather_rows(&own)?;
        let all: Vec<i64> = Vec::try_from(all).expect("i64");
        let others = all.iter().zip(0..).filter(|(sum, _)| **sum != all[0]);
        let others: Vec<u32> = others.map(|(_, rank)| rank).collect();
        match others.is_empty() {
            true => Ok(()),
            false => Err(RanksError::Apart {
                step,
                what,
                who: crate::ranks::names(&others),
            }),
        }
    }

    /// Bytes of rank 0, on all ranks; the others give none.
    pub(super) fn of_first(&self, own: &[u8]) -> Result<Vec<u8>, RanksError> {
        self.group().broadcast_bytes(own)
    }
}

/// A number that all bits of tensors go into.
fn checksum(tensors: impl Iterator<Item = Tensor>) -> u64 {
    let _guard = tch::no_grad_guard();
    tensors.fold(0xcbf2_9ce4_8422_2325, |hash, tensor| {
        let bits = match tensor.kind() {
            Kind::Float => tensor.contiguous().view_dtype(Kind::Int),
            Kind::Double => tensor.contiguous().view_dtype(Kind::Int64),
            _ => tensor
                .to_kind(Kind::Double)
                .contiguous()
                .view_dtype(Kind::Int64),
        };
        // Wraps around, and does not hang on the order of its terms.
        let sum = bits.sum(Kind::Int64).int64_value(&[]) as u64;
        (hash ^ sum).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

/// The answers of a net, computed by the ranks together: each has a part of the samples, and all
/// get all answers.
pub(super) struct SharedAnswers {
    ranks: Ranks,
    failed: RefCell<Option<RanksError>>,
}

impl SharedAnswers {
    pub(super) fn new(ranks: &Ranks) -> Self {
        Self {
            ranks: ranks.clone(),
            failed: RefCell::new(None),
        }
    }

    /// Logits as evaluation computes them.
    pub(super) fn answer(&self, task: &Task, inputs: &[Tensor]) -> Tensor {
        let samples = inputs[0].size()[0];
        let together = inputs.iter().all(|one| one.size()[0] == samples);
        let count = i64::from(self.ranks.count());
        let (Some(group), true) = (self.ranks.group(), together && samples >= count) else {
            return task.answer(inputs);
        };
        if self.failed.borrow().is_some() {
            return task.answer(inputs);
        }
        let _guard = tch::no_grad_guard();
        let rank = i64::from(self.ranks.rank());
        let (from, to) = (samples * rank / count, samples * (rank + 1) / count);
        let part: Vec<Tensor> = inputs
            .iter()
            .map(|one| one.narrow(0, from, to - from))
            .collect();
        let own = task.answer(&part);
        match group.gather_rows(&own.to_device(Device::Cpu).contiguous()) {
            Ok(all) => all.to_device(own.device()),
            Err(error) => {
                // Whoever asked learns of it from `check`.
                self.failed.replace(Some(error));
                task.answer(inputs)
            }
        }
    }

    /// What went wrong among the answers.
    pub(super) fn check(&self) -> Result<(), RanksError> {
        self.failed.borrow().clone().map_or(Ok(()), Err)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_bit_goes_into_the_checksum() {
        let of = |numbers: &[f32]| checksum([Tensor::from_slice(numbers)].into_iter());
        assert_eq!(of(&[1.0, 2.0]), of(&[1.0, 2.0]));
        assert_ne!(of(&[1.0, 2.0]), of(&[1.0, 2.000_000_2]));
        assert_ne!(of(&[0.0]), of(&[-0.0]));
        let apart = [Tensor::from_slice(&[1f32]), Tensor::from_slice(&[2f32])];
        let turned = [Tensor::from_slice(&[2f32]), Tensor::from_slice(&[1f32])];
        assert_ne!(checksum(apart.into_iter()), checksum(turned.into_iter()));
    }
}
