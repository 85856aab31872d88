//! A trial on several ranks: what they sum in each step, and what they agree on.
//!
//! A step sums over the ranks, in this order: the buckets of gradients, while backward goes on, the
//! last of which also has a flag for each parameter that has a gradient anywhere, and what the ranks
//! wish for; then, where a net has either, one tensor of f64 with the squares of the gradients of
//! shared tables and the shares of the running statistics. Between them shared tables get the
//! gradients of their rows, by [`loans`](super::loans).
//!
//! ```text
//! running statistics, over the units u = 1 … U of a batch, with momentum μ:
//!     m ← (1 − μ) m + μ xᵤ            one rank
//!     m = Σᵣ (1 − μ)^(units after r) mᵣ    mᵣ after the units of rank r, from m at rank 0, from 0 at others
//! ```

use std::collections::BTreeMap;

use lawn_core::{State, Treatment};
use tch::{Device, Kind, Tensor};

use super::error::TrialError;
use super::loans::{self, Loan, Touched};
use super::shards::Shards;
use super::share::{Share, Sharing};
use crate::models::layers::STATISTICS_MOMENTUM;
use crate::models::{LookUps, Model};
use crate::ranks::{RankGradients, RankGroup, Ranks, RanksError};
use crate::tasks::{Task, TrialConfig};
use crate::trial::SettingsError;

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
    gradients: RankGradients<3>,
    /// The names of the parameters, in the order of the gradients.
    names: Vec<String>,
    /// Running means and variances, in order of name.
    statistics: Vec<Tensor>,
    unit: u64,
    shards: Shards,
    /// Rows of shared tables that the last pass was of, until their gradients are given back.
    loans: Vec<Loan>,
    touched: Touched,
    /// The sum over the ranks of the squares of the gradients of shared tables.
    table_square: f64,
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
        let shards = Shards::of(&*task.model);
        let (names, tensors): (Vec<String>, _) = parameters
            .iter()
            .filter(|one| !shards.has(&one.name))
            .map(|one| (one.name.clone(), one.tensor.shallow_clone()))
            .unzip();
        let tables = task.model.tables();
        let is_table = |name: &String| tables.iter().any(|table| table.name() == name);
        let is_table: Vec<bool> = names.iter().map(is_table).collect();
        let mut statistics: Vec<(String, Tensor)> = task.store.variables().into_iter().collect();
        statistics
            .retain(|(name, _)| name.ends_with("running_mean") || name.ends_with("running_var"));
        statistics.sort_by(|(one, _), (other, _)| one.cmp(other));
        Ok(Some(Self {
            gradients: RankGradients::new(group, tensors, &is_table)?,
            ranks: ranks.clone(),
            names,
            statistics: statistics.into_iter().map(|(_, tensor)| tensor).collect(),
            unit: task.model.statistics_batch(),
            shards,
            loans: Vec::new(),
            touched: Touched::default(),
            table_square: 0.0,
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

    /// Whether the rows of embedding tables are dealt out among the ranks.
    pub(super) fn shares_tables(&self) -> bool {
        !self.shards.is_empty()
    }

    /// Whether a parameter is one of these.
    pub(super) fn is_shared(&self, parameter: &str) -> bool {
        self.shards.has(parameter)
    }

    /// Refuses what no rank can do with its rows of shared tables alone.
    pub(super) fn require_shareable(
        &self,
        config: &TrialConfig,
        treatments: &[Treatment],
    ) -> Result<(), SettingsError> {
        if !self.shares_tables() {
            return Ok(());
        }
        config.require_shareable_tables()?;
        let mut shared = treatments
            .iter()
            .filter(|one| self.is_shared(&one.parameter));
        let by_layer = |one: &&Treatment| one.units > 0 && one.units != one.shape[0];
        match shared.find(by_layer) {
            None => Ok(()),
            Some(one) => Err(SettingsError::NotApplicable {
                setting: "granularity".to_owned(),
                context: format!(
                    "a table whose rows are dealt out among ranks ({})",
                    one.parameter
                ),
                allowed: "set it to \"row\": no rank has the whole layer".to_owned(),
            }),
        }
    }

    /// Before the forward pass of a part, or in its place at a rank that has no more: the rows that
    /// it looks up are there, and the gradients of those before have been given back.
    pub(super) fn bring_rows(
        &mut self,
        model: &dyn Model,
        inputs: Option<&[Tensor]>,
    ) -> Result<(), RanksError> {
        let group = self.ranks.group().expect("there are several ranks");
        self.touched
            .give_back(group, std::mem::take(&mut self.loans))?;
        self.loans = loans::bring(group, model, inputs, true)?;
        Ok(())
    }

    /// After the backward passes of a step: all ranks have the gradients of the whole batch, of its
    /// shared tables those of their own rows, and its running statistics. Gives the look-ups of
    /// these rows.
    pub(super) fn sum_step(
        &mut self,
        share: &Share,
        model: &dyn Model,
    ) -> Result<Vec<LookUps>, RanksError> {
        let (own, first) = (self.wishes, self.is_first());
        let asks = [own.stop, first && own.save, first && own.may_save];
        let asks = asks.map(|one| f32::from(u8::from(one)));
        self.gradients.launch(self.group(), asks)?;
        let group = self.ranks.group().expect("there are several ranks");
        self.touched
            .give_back(group, std::mem::take(&mut self.loans))?;
        let _guard = tch::no_grad_guard();
        let (square, look_ups) = self.touched.settle(model);
        if self.shares_tables() || !self.statistics.is_empty() {
            self.sum_rest(square, share)?;
        }
        let asked = self.gradients.place(self.group())?;
        let [stop, save, may_save] = asked.map(|sum| sum > 0.0);
        self.agreed = Wishes {
            stop,
            save,
            may_save,
        };
        Ok(look_ups)
    }

    /// Sums what needs f64: the square of the gradients of this rank's tables, and its share of the
    /// running statistics.
    fn sum_rest(&mut self, square: f64, share: &Share) -> Result<(), RanksError> {
        let decay =
            (1.0 - STATISTICS_MOMENTUM).powi(i32::try_from(share.units_after).unwrap_or(i32::MAX));
        let mut parts = vec![Tensor::from_slice(&[square])];
        for statistic in &self.statistics {
            let of_host = statistic.to_device(Device::Cpu).to_kind(Kind::Double);
            parts.push(of_host * decay);
        }
        let sums = Tensor::cat(&parts, 0);
        self.group().sum(&sums)?;
        self.table_square = sums.double_value(&[0]);
        let mut place = 1;
        for statistic in &self.statistics {
            let count = statistic.numel() as i64;
            statistic
                .shallow_clone()
                .copy_(&sums.narrow(0, place, count));
            place += count;
        }
        Ok(())
    }

    /// The norm of the gradient of the whole net, where no rank has all of it. The optimizer skips
    /// a step by its own part: where the whole is not finite, the part of each rank is made so.
    pub(super) fn gradient_norm(&self) -> Option<f64> {
        if !self.shares_tables() {
            return None;
        }
        let _guard = tch::no_grad_guard();
        let gradients = self.gradients.parameters().iter().map(Tensor::grad);
        let gradients: Vec<Tensor> = gradients.filter(Tensor::defined).collect();
        let norms = gradients.iter().map(|gradient| {
            let norm = gradient.norm_scalaropt_dtype(2, Kind::Double);
            norm.double_value(&[])
        });
        let square = norms.map(|norm| norm.powi(2)).sum::<f64>() + self.table_square;
        if !square.is_finite() {
            for mut gradient in gradients {
                let _ = gradient.fill_(f64::NAN);
            }
        }
        Some(square.sqrt())
    }

    /// The squares of the norms of shared tables, of which each rank knows those of its rows, as
    /// those of the whole.
    pub(super) fn table_squares(
        &self,
        own: &BTreeMap<&str, f64>,
    ) -> Result<BTreeMap<String, f64>, RanksError> {
        self.shards.totals(self.group(), own)
    }

    /// A whole state at rank 0, as [`Shards::whole`].
    pub(super) fn whole(&self, own: State) -> Result<State, RanksError> {
        self.shards.whole(self.group(), own)
    }

    /// This rank's part of a whole state, as [`Shards::part`].
    pub(super) fn part(&self, whole: Option<State>) -> Result<State, TrialError> {
        self.shards.part(self.group(), whole)
    }

    /// Takes out of a state what is of this rank's rows alone.
    pub(super) fn take_tables(&self, state: &mut State) -> BTreeMap<String, Tensor> {
        self.shards.take(state)
    }

    /// What all ranks look up, from what this one does.
    pub(super) fn all_look_ups(&self, own: &[LookUps]) -> Result<Vec<LookUps>, TrialError> {
        let _guard = tch::no_grad_guard();
        let number = |table: &String| {
            let found = self.names.iter().position(|name| name == table);
            found.expect("a table is a parameter") as i64
        };
        let mut pairs = vec![Tensor::zeros([0, 2], (Kind::Int64, Device::Cpu))];
        for LookUps { table, rows } in own.iter().filter(|one| !self.is_shared(&one.table)) {
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

    /// The least of a number over the ranks.
    pub(super) fn least(&self, own: u64) -> Result<u64, RanksError> {
        let own = Tensor::from_slice(&[own as i64]);
        let all = self.group().gather_rows(&own)?;
        Ok(all.min().int64_value(&[]) as u64)
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

/// Numbers whose bits are weighted at once.
const AT_ONCE: i64 = 1 << 22;

/// A number that all bits of tensors go into, and where they stand:
/// `Σ (2 i + 1) bitsᵢ` of each tensor, modulo 2⁶⁴.
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
        let bits = bits.view([-1]);
        let parts = (0..bits.size()[0]).step_by(AT_ONCE as usize).map(|start| {
            let count = AT_ONCE.min(bits.size()[0] - start);
            let part = bits.narrow(0, start, count).to_kind(Kind::Int64);
            let places = Tensor::arange_start(start, start + count, (Kind::Int64, bits.device()));
            // Wraps around, and does not hang on the order of its terms.
            let sum = (part * (places * 2 + 1)).sum(Kind::Int64);
            sum.int64_value(&[]) as u64
        });
        let sum = parts.fold(0, u64::wrapping_add);
        (hash ^ sum).wrapping_mul(0x0000_0100_0000_01b3)
    })
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
        assert_ne!(of(&[1.0, 2.0, 3.0]), of(&[3.0, 2.0, 1.0]));
        let apart = [Tensor::from_slice(&[1f32]), Tensor::from_slice(&[2f32])];
        let turned = [Tensor::from_slice(&[2f32]), Tensor::from_slice(&[1f32])];
        assert_ne!(checksum(apart.into_iter()), checksum(turned.into_iter()));
    }
}
