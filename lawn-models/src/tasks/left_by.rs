//! Which task left a file of weights.

use std::path::Path;

use lawn_core::State;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use tch::Device;

/// Metadata key of the task, as JSON.
const TASK: &str = "task";

/// Key of a task's kind.
const KIND: &str = "kind";

/// What the metadata of weights say of the task that leaves them.
pub(crate) fn note(task: &impl Serialize) -> Option<(&'static str, String)> {
    Some((TASK, serde_json::to_string(task).ok()?))
}

/// The table of the task that left a file of weights, with its kind; none where the file does not
/// say it.
pub(super) fn that_left(path: &Path) -> Option<Map<String, Value>> {
    let file = State::load(path, Device::Cpu).ok()?;
    serde_json::from_str(file.metadata.get(TASK)?).ok()
}

/// A table as the settings of the kind `name`; none where it is of another.
pub(super) fn of_kind<C: DeserializeOwned>(mut table: Map<String, Value>, name: &str) -> Option<C> {
    let kind = table.remove(KIND)?;
    if kind != name {
        return None;
    }
    serde_json::from_value(Value::Object(table)).ok()
}
