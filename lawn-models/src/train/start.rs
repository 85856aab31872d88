//! Where a trial begins: at its first step, or at its checkpoint; on all ranks at the same.

use std::path::Path;

use lawn_core::{Optimizer, State, WeightAverage};
use tch::Device;
use tch::nn::VarStore;

use super::checkpoint::{Checkpoints, SavedProgress};
use super::error::TrialError;
use super::observer::Notice;
use super::progress::Progress;
use super::ranked::Ranked;

/// What a trial begins with, and where it is written.
pub(super) struct Start<'a> {
    pub(super) checkpoints: &'a Checkpoints<'a>,
    pub(super) path: &'a Path,
    pub(super) store: &'a mut VarStore,
    pub(super) optimizer: &'a mut Optimizer,
    pub(super) average: Option<&'a mut WeightAverage>,
}

impl Start<'_> {
    /// Takes the checkpoint over, where there is one. Rank 0 alone reads it; all ranks go on from the
    /// same bits, and have their own rows of shared tables.
    pub(super) fn restore(
        &mut self,
        ranked: Option<&Ranked>,
        notice: impl FnMut(Notice),
    ) -> Result<Option<SavedProgress>, TrialError> {
        let is_first = ranked.is_none_or(Ranked::is_first);
        let found = match is_first {
            true => self.checkpoints.find(notice)?,
            false => None,
        };
        let Some(ranked) = ranked else {
            let found = found.map(|(path, file)| self.take(&path, file));
            return found.transpose();
        };
        let is_there = ranked.total(f64::from(u8::from(found.is_some())))? > 0.0;
        if is_there {
            let (path, file) = found.map_or((None, None), |(path, file)| (Some(path), Some(file)));
            let part = ranked.part(file)?;
            let path = path.unwrap_or_else(|| self.path.to_owned());
            return self.take(&path, part).map(Some);
        }
        // Nobody has trained yet: what is drawn is drawn alike, and this makes sure of its bits.
        let average = self.average.as_deref();
        let start = Progress::default();
        let mut own = self
            .checkpoints
            .state(&start, None, self.store, self.optimizer, average);
        let tables = ranked.take_tables(&mut own);
        let bytes = match is_first {
            true => own.to_bytes()?,
            false => Vec::new(),
        };
        let bytes = ranked.of_first(&bytes)?;
        if !is_first {
            let mut state = State::from_bytes(&bytes, Device::Cpu)?;
            state.tensors.extend(tables);
            let path = self.path.to_owned();
            self.take(&path, state)?;
        }
        Ok(None)
    }

    fn take(&mut self, path: &Path, file: State) -> Result<SavedProgress, TrialError> {
        let average = self.average.as_deref_mut();
        self.checkpoints
            .restore(path, file, self.store, self.optimizer, average)
    }
}
