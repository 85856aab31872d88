//! Which task left a file of weights.

use std::path::Path;

use lawn_core::State;
use tch::Device;

use super::TaskConfig;

/// Metadata key of the task, as JSON.
const TASK: &str = "task";

impl TaskConfig {
    /// What the metadata of weights say of the task that leaves them.
    pub(crate) fn note(&self) -> Option<(&'static str, String)> {
        Some((TASK, serde_json::to_string(self).ok()?))
    }

    /// The task that left a file of weights; none where the file does not say it.
    pub(super) fn that_left(path: &Path) -> Option<Self> {
        let file = State::load(path, Device::Cpu).ok()?;
        serde_json::from_str(file.metadata.get(TASK)?).ok()
    }
}
