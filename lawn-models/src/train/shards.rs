//! States of a trial whose embedding tables are dealt out among ranks: whole in files, and in parts
//! where they are computed with.

use std::collections::BTreeMap;

use lawn_core::State;
use tch::{Device, Kind, Tensor};

use super::error::TrialError;
use crate::models::Model;
use crate::ranks::{RankGroup, RanksError};

/// The tables of which each rank has some rows.
#[derive(Debug, Default)]
pub(super) struct Shards {
    /// Rows of the whole and of this rank, by the name of the parameter.
    tables: BTreeMap<String, [i64; 2]>,
}

impl Shards {
    pub(super) fn of(model: &dyn Model) -> Self {
        let tables = model.tables().into_iter().filter(|table| table.is_parted());
        let sizes = tables.map(|table| {
            let rows = [table.rows(), table.own().size()[0]];
            (table.name().to_owned(), rows)
        });
        Self {
            tables: sizes.collect(),
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.tables.is_empty()
    }

    pub(super) fn has(&self, parameter: &str) -> bool {
        self.tables.contains_key(parameter)
    }

    /// Rows of the whole table and of this rank that an entry of a state is of: `KEY/PARAMETER`, or the
    /// parameter alone. None for an entry that has no number a row.
    fn rows(&self, key: &str, tensor: &Tensor) -> Option<[i64; 2]> {
        let parameter = key.rsplit('/').next().unwrap_or(key);
        let rows = *self.tables.get(parameter)?;
        (tensor.dim() > 0 && rows.contains(&tensor.size()[0])).then_some(rows)
    }

    /// Takes the entries out of a state of which each rank has some rows.
    pub(super) fn take(&self, state: &mut State) -> BTreeMap<String, Tensor> {
        let all = std::mem::take(&mut state.tensors).into_iter();
        let (own, rest) = all.partition(|(key, tensor)| self.rows(key, tensor).is_some());
        state.tensors = rest;
        own
    }

    /// The whole of what the ranks have in parts, at rank 0; nothing of it at the others. Each rank
    /// comes with the same entries.
    pub(super) fn whole(&self, group: &RankGroup, mut state: State) -> Result<State, RanksError> {
        let _guard = tch::no_grad_guard();
        let ranks = i64::from(group.membership().ranks);
        for (key, own) in self.take(&mut state) {
            let mut given = vec![0; ranks as usize];
            given[0] = own.size()[0];
            let own = own.detach().to_device(Device::Cpu);
            let (parts, counts) = group.exchange_rows(&own, &given)?;
            if group.membership().rank > 0 {
                continue;
            }
            let whole = parts.empty_like();
            let mut start = 0;
            for (rank, count) in (0..).zip(counts) {
                let places = whole.slice(0, rank, None, ranks);
                places.shallow_clone().copy_(&parts.narrow(0, start, count));
                start += count;
            }
            state.tensors.insert(key, whole);
        }
        Ok(state)
    }

    /// The part of this rank of a whole state that rank 0 has; the others come with none.
    pub(super) fn part(
        &self,
        group: &RankGroup,
        whole: Option<State>,
    ) -> Result<State, TrialError> {
        let _guard = tch::no_grad_guard();
        let ranks = i64::from(group.membership().ranks);
        let mut tables = BTreeMap::new();
        let mut rest = Vec::new();
        if let Some(mut whole) = whole {
            tables = self.take(&mut whole);
            // Kind and width of what is dealt out: entries without a row.
            let stubs = tables.iter();
            let stubs = stubs.map(|(key, tensor)| (key.clone(), tensor.narrow(0, 0, 0)));
            whole.tensors.extend(stubs);
            rest = whole.to_bytes()?;
        }
        let mut state = State::from_bytes(&group.broadcast_bytes(&rest)?, Device::Cpu)?;
        for (key, tensor) in &mut state.tensors {
            let parameter = key.rsplit('/').next().unwrap_or(key);
            if !self.has(parameter) || tensor.dim() == 0 || tensor.size()[0] > 0 {
                continue;
            }
            let mut given = vec![0; ranks as usize];
            let mut rows = tensor.shallow_clone();
            if let Some(whole) = tables.remove(key) {
                let parts: Vec<Tensor> = (0..ranks)
                    .map(|rank| whole.slice(0, rank, None, ranks))
                    .collect();
                given = parts.iter().map(|part| part.size()[0]).collect();
                rows = Tensor::cat(&parts, 0);
            }
            let (own, _) = group.exchange_rows(&rows, &given)?;
            *tensor = own;
        }
        Ok(state)
    }

    /// The sum over the ranks of a number of each shared table, by the name of it.
    pub(super) fn totals(
        &self,
        group: &RankGroup,
        own: &BTreeMap<&str, f64>,
    ) -> Result<BTreeMap<String, f64>, RanksError> {
        let numbers: Vec<f64> = (self.tables.keys())
            .map(|name| own.get(name.as_str()).copied().unwrap_or(0.0))
            .collect();
        let sums = Tensor::from_slice(&numbers);
        if !numbers.is_empty() {
            group.sum(&sums)?;
        }
        let sums: Vec<f64> = Vec::try_from(sums.to_kind(Kind::Double)).expect("f64");
        Ok(self.tables.keys().cloned().zip(sums).collect())
    }
}
