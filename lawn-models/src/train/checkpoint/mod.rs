//! What a trial can be carried on from: a file, and the one before it.
//!
//! A safetensors file with the entries
//!
//! | entry | is |
//! |---|---|
//! | tensor `model/NAME` | a variable of the model, running statistics included |
//! | tensor, metadata `optimizer/KEY` | the optimizer's own state |
//! | tensor, metadata `average/KEY` | the moving average of the weights, where there is one |
//! | tensor `origin/NAME` | a weight where distances are measured from |
//! | tensor `answers` | the logits of the validation split there, where they are looked at |
//! | metadata `format`, `version` | what this file is |
//! | metadata `trial` | the trial's configuration, JSON |
//! | metadata `progress` | how far it has come, JSON |
//! | metadata `digest` | checksum of all the other metadata and of names, kinds and shapes |
//!
//! The bytes of the tensors have checksums of their own, see [`State`].

mod file;

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};

use lawn_core::{Optimizer, State, WeightAverage};
use serde::Serialize;
use tch::Tensor;
use tch::nn::VarStore;

use super::error::TrialError;
use super::observer::Notice;
use super::progress::Progress;
use crate::tasks::TrialConfig;
use file::{
    CheckpointFile, DIGEST, FORMAT, VERSION, checkpoint_error, digest, io_error, name, read,
    sibling,
};

pub use file::{remove_checkpoints, set_aside, set_checkpoints_aside};

/// The entry of the logits where distances are measured from.
const ANSWERS: &str = "answers";

/// Where distances are measured from.
#[derive(Default)]
pub(super) struct Origin {
    /// The weights, by name, once they were taken.
    pub(super) weights: Option<BTreeMap<String, Tensor>>,
    /// The logits of the validation split, where they are looked at.
    pub(super) answers: Option<Tensor>,
}

/// The checkpoints of one trial.
pub(super) struct Checkpoints<'a> {
    /// The newest.
    path: &'a Path,
    trial: &'a TrialConfig,
}

/// What a checkpoint holds besides the model and the optimizer.
pub(super) struct SavedProgress {
    pub(super) progress: Progress,
    pub(super) origin: Origin,
}

impl<'a> Checkpoints<'a> {
    pub(super) fn new(path: &'a Path, trial: &'a TrialConfig) -> Self {
        Self { path, trial }
    }

    /// Writes a checkpoint of a [state](Self::state), whole or not at all; the newest becomes the one
    /// before.
    pub(super) fn save(&self, mut file: State) -> Result<(), TrialError> {
        let digest = digest(&file);
        file.metadata.insert(DIGEST.to_owned(), digest);
        // Only a checkpoint that is whole on the disk takes the place of another.
        let new = sibling(self.path, "new");
        file.save(&new)
            .map_err(|source| checkpoint_error(self.path, source))?;
        let place = || {
            if self.path.exists() {
                fs::rename(self.path, sibling(self.path, "previous"))?;
            }
            fs::rename(&new, self.path)?;
            let folder = self.path.parent().filter(|path| *path != Path::new(""));
            File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
        };
        place().map_err(|source| io_error(self.path, source))
    }

    /// All that a checkpoint holds but its checksum.
    pub(super) fn state(
        &self,
        progress: &Progress,
        origin: Option<&Origin>,
        store: &VarStore,
        optimizer: &Optimizer,
        average: Option<&WeightAverage>,
    ) -> State {
        let mut file = State::default();
        let mut note = |key: &str, value: String| file.metadata.insert(key.to_owned(), value);
        note("format", FORMAT.to_owned());
        note("version", VERSION.to_string());
        note("trial", identity(self.trial));
        note("progress", json(progress));
        put(&mut file, "optimizer/", optimizer.state());
        if let Some(average) = average {
            put(&mut file, "average/", average.state());
        }
        for (name, tensor) in store.variables() {
            file.tensors.insert(format!("model/{name}"), tensor);
        }
        let weights = origin.and_then(|origin| origin.weights.as_ref());
        for (name, tensor) in weights.into_iter().flatten() {
            let key = format!("origin/{name}");
            file.tensors.insert(key, tensor.shallow_clone());
        }
        if let Some(answers) = origin.and_then(|origin| origin.answers.as_ref()) {
            file.tensors
                .insert(ANSWERS.to_owned(), answers.shallow_clone());
        }
        file
    }

    /// Reads the newest checkpoint that is as it was written, and says which file it is; none where
    /// there is none. Damaged ones are set aside.
    pub(super) fn find(
        &self,
        mut notice: impl FnMut(Notice),
    ) -> Result<Option<(PathBuf, State)>, TrialError> {
        for path in [self.path, &sibling(self.path, "previous")] {
            match read(path)? {
                CheckpointFile::Nothing => {}
                CheckpointFile::Sound(file) => return Ok(Some((path.to_owned(), file))),
                CheckpointFile::Damaged(reason) => {
                    let kept = set_aside(path).map_err(|source| io_error(path, source))?;
                    notice(Notice::CheckpointDamaged {
                        file: name(path),
                        kept_as: name(&kept),
                        reason,
                    });
                }
            }
        }
        Ok(None)
    }

    /// Takes what a checkpoint holds into the model, the optimizer and the average. `path` is named
    /// where it does not fit.
    pub(super) fn restore(
        &self,
        path: &Path,
        mut file: State,
        store: &mut VarStore,
        optimizer: &mut Optimizer,
        average: Option<&mut WeightAverage>,
    ) -> Result<SavedProgress, TrialError> {
        let mismatch = |entry: &str, found: &str, expected: &str| TrialError::CheckpointMismatch {
            path: path.to_owned(),
            entry: entry.to_owned(),
            found: found.to_owned(),
            expected: expected.to_owned(),
        };
        let entry = |key: &str| file.metadata.get(key).map_or("absent", String::as_str);
        for (key, expected) in [
            ("format", FORMAT.to_owned()),
            ("version", VERSION.to_string()),
            ("trial", identity(self.trial)),
        ] {
            if entry(key) != expected {
                return Err(mismatch(key, entry(key), &expected));
            }
        }
        let progress = serde_json::from_str(entry("progress"))
            .map_err(|error| mismatch("progress", &error.to_string(), "a trial's progress"))?;

        let mut model = BTreeMap::new();
        let answers = file.tensors.remove(ANSWERS);
        let mut weights = BTreeMap::new();
        let state = take(&mut file, "optimizer/");
        let averaged = take(&mut file, "average/");
        for (key, tensor) in file.tensors {
            if let Some(name) = key.strip_prefix("model/") {
                model.insert(name.to_owned(), tensor);
            } else if let Some(name) = key.strip_prefix("origin/") {
                weights.insert(name.to_owned(), tensor.to_device(store.device()));
            }
        }
        optimizer
            .load_state(&state)
            .map_err(|source| checkpoint_error(path, source))?;
        if let Some(average) = average {
            average
                .load_state(&averaged)
                .map_err(|source| checkpoint_error(path, source))?;
        }
        let variables: BTreeMap<_, _> = store.variables().into_iter().collect();
        for (name, mut variable) in variables {
            let shape = format!("{:?}", variable.size());
            let found = model.remove(&name);
            let found_shape = found.as_ref().map(|tensor| format!("{:?}", tensor.size()));
            match found {
                Some(tensor) if tensor.size() == variable.size() => {
                    tch::no_grad(|| variable.copy_(&tensor));
                }
                _ => {
                    let found = found_shape.unwrap_or_else(|| "absent".to_owned());
                    return Err(mismatch(&format!("model/{name}"), &found, &shape));
                }
            }
        }
        if let Some(name) = model.keys().next() {
            let key = format!("model/{name}");
            return Err(mismatch(&key, "there", "no such variable"));
        }
        Ok(SavedProgress {
            progress,
            origin: Origin {
                weights: (!weights.is_empty()).then_some(weights),
                answers: answers.map(|answers| answers.to_device(store.device())),
            },
        })
    }
}

/// Puts a state into a file, under names that begin with `prefix`.
fn put(file: &mut State, prefix: &str, state: State) {
    let own = |key: String| format!("{prefix}{key}");
    let metadata = state.metadata.into_iter();
    file.metadata
        .extend(metadata.map(|(key, value)| (own(key), value)));
    let tensors = state.tensors.into_iter();
    file.tensors
        .extend(tensors.map(|(key, tensor)| (own(key), tensor)));
}

/// Takes out of a file what [`put`] has put there.
fn take(file: &mut State, prefix: &str) -> State {
    fn part<T>(map: &mut BTreeMap<String, T>, prefix: &str) -> BTreeMap<String, T> {
        let (taken, left) = std::mem::take(map)
            .into_iter()
            .partition::<BTreeMap<_, _>, _>(|(key, _)| key.starts_with(prefix));
        *map = left;
        let taken = taken.into_iter();
        taken
            .map(|(key, value)| (key[prefix.len()..].to_owned(), value))
            .collect()
    }
    State {
        metadata: part(&mut file.metadata, prefix),
        tensors: part(&mut file.tensors, prefix),
    }
}

/// The configuration without what is no part of a trial's identity.
pub(super) fn identity(trial: &TrialConfig) -> String {
    json(&TrialConfig {
        micro_batch_size: None,
        stop_after: None,
        ..trial.clone()
    })
}

fn json(value: &impl Serialize) -> String {
    serde_json::to_string(value).expect("settings and records are plain data")
}
