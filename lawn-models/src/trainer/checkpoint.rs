//! One file that a trial can be carried on from.
//!
//! A safetensors file with the entries
//!
//! | entry | is |
//! |---|---|
//! | tensor `model/NAME` | a variable of the model, running statistics included |
//! | tensor, metadata `optimizer/KEY` | the optimizer's own state |
//! | metadata `format`, `version` | what this file is |
//! | metadata `trial` | the trial's configuration, JSON |
//! | metadata `progress` | how far it has come, JSON |

use std::collections::BTreeMap;
use std::path::Path;

use lawn_core::{Optimizer, State};
use serde::Serialize;
use tch::Device;
use tch::nn::VarStore;

use super::TrialError;
use super::progress::Progress;
use crate::config::TrialConfig;

const FORMAT: &str = "lawn-models trial";
const VERSION: u32 = 2;

/// Writes the file, whole or not at all.
pub(super) fn save(
    path: &Path,
    trial: &TrialConfig,
    progress: &Progress,
    store: &VarStore,
    optimizer: &Optimizer,
) -> Result<(), TrialError> {
    let mut file = State::default();
    let mut note = |key: &str, value: String| file.metadata.insert(key.to_owned(), value);
    note("format", FORMAT.to_owned());
    note("version", VERSION.to_string());
    note("trial", identity(trial));
    note("progress", json(progress));
    let state = optimizer.state();
    let own = |key: String| format!("optimizer/{key}");
    let metadata = state.metadata.into_iter();
    file.metadata
        .extend(metadata.map(|(key, value)| (own(key), value)));
    let tensors = state.tensors.into_iter();
    file.tensors
        .extend(tensors.map(|(key, tensor)| (own(key), tensor)));
    for (name, tensor) in store.variables() {
        file.tensors.insert(format!("model/{name}"), tensor);
    }
    file.save(path).map_err(|source| TrialError::Checkpoint {
        path: path.to_owned(),
        source,
    })
}

/// Reads the file into the model and the optimizer.
pub(super) fn load(
    path: &Path,
    trial: &TrialConfig,
    store: &mut VarStore,
    optimizer: &mut Optimizer,
) -> Result<Progress, TrialError> {
    let wrap = |source| TrialError::Checkpoint {
        path: path.to_owned(),
        source,
    };
    let file = State::load(path, Device::Cpu).map_err(wrap)?;
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
        ("trial", identity(trial)),
    ] {
        if entry(key) != expected {
            return Err(mismatch(key, entry(key), &expected));
        }
    }
    let progress = serde_json::from_str(entry("progress"))
        .map_err(|error| mismatch("progress", &error.to_string(), "a trial's progress"))?;

    let mut model = BTreeMap::new();
    let mut state = State::default();
    for (key, tensor) in file.tensors {
        if let Some(name) = key.strip_prefix("optimizer/") {
            state.tensors.insert(name.to_owned(), tensor);
        } else if let Some(name) = key.strip_prefix("model/") {
            model.insert(name.to_owned(), tensor);
        }
    }
    for (key, value) in file.metadata {
        if let Some(key) = key.strip_prefix("optimizer/") {
            state.metadata.insert(key.to_owned(), value);
        }
    }
    optimizer.load_state(&state).map_err(wrap)?;
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
    match model.keys().next() {
        Some(name) => Err(mismatch(
            &format!("model/{name}"),
            "there",
            "no such variable",
        )),
        None => Ok(progress),
    }
}

/// The configuration without what is no part of a trial's identity.
fn identity(trial: &TrialConfig) -> String {
    json(&TrialConfig {
        micro_batch_size: None,
        stop_after: None,
        ..trial.clone()
    })
}

fn json(value: &impl Serialize) -> String {
    serde_json::to_string(value).expect("settings and records are plain data")
}
