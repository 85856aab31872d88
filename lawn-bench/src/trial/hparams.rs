//! What TensorBoard's table of hyper-parameters reads: what a trial was given, and how it ended.
//!
//! ```text
//! Value             { 1: tag string, 9: SummaryMetadata }
//! SummaryMetadata   { 1: PluginData { 1: plugin_name string, 2: content bytes } }
//! HParamsPluginData { 3: SessionStartInfo, 4: SessionEndInfo }
//! SessionStartInfo  { 1: map hparams <string, Value>, 4: group_name string, 5: start_time_secs double }
//! SessionEndInfo    { 1: status enum (1 success, 2 failure), 2: end_time_secs double }
//! protobuf.Value    { 2: number double, 3: string, 4: bool }
//! ```
//!
//! Numbers and layout as in `plugin_data.proto` and `api.proto` of TensorBoard's `hparams` plugin.
//! Trials that differ in nothing but their seed are one group, of which it shows the mean.

use lawn_models::{OptimizerSettings, Stage};
use serde_json::{Map, Value, json};

use super::message::Message;
use crate::plan::Trial;

/// The plugin's name.
const PLUGIN: &str = "hparams";

/// What a trial is given, by name.
#[derive(Debug, Clone)]
pub struct HyperParameters {
    values: Map<String, Value>,
    /// What it shares with those that have another seed.
    group: String,
}

impl HyperParameters {
    /// Those of `trial`, which trains `optimizer`, a setting of its arm.
    #[must_use]
    pub fn new(trial: &Trial, setting: usize, optimizer: &OptimizerSettings) -> Self {
        let mut values = Map::new();
        flatten("", &Value::Object(optimizer.applying()), &mut values);
        let cell = &trial.cell;
        let stage = match trial.stage {
            Stage::Tune => "tune",
            Stage::Confirm => "confirm",
        };
        for (name, value) in [
            ("task", json!(cell.task)),
            ("arm", json!(cell.arm)),
            ("batch_size", json!(cell.batch_size)),
            ("stage", json!(stage)),
            ("setting", json!(setting)),
            ("seed", json!(trial.seed)),
        ] {
            values.insert(name.to_owned(), value);
        }
        let group = format!(
            "{}/{}/batch-{}/{stage}-setting-{setting}",
            cell.task, cell.arm, cell.batch_size
        );
        Self { values, group }
    }

    /// Their names and values.
    pub(crate) fn values(&self) -> impl Iterator<Item = (&String, &Value)> {
        self.values.iter()
    }

    /// The entry of a summary that a trial which began at `seconds` opens with.
    pub(super) fn started(&self, seconds: f64) -> Message {
        let mut info = Message::default();
        for (name, value) in &self.values {
            let mut entry = Message::default();
            entry.bytes(1, name.as_bytes());
            entry.message(2, &of_json(value));
            info.message(1, &entry);
        }
        info.bytes(4, self.group.as_bytes());
        info.double(5, seconds);
        entry("_hparams_/session_start_info", 3, &info)
    }
}

/// The entry of a summary that a trial which ended at `seconds` closes with.
pub(super) fn ended(is_ok: bool, seconds: f64) -> Message {
    let mut info = Message::default();
    info.varint(1, if is_ok { 1 } else { 2 });
    info.double(2, seconds);
    entry("_hparams_/session_end_info", 4, &info)
}

fn entry(tag: &str, field: u64, info: &Message) -> Message {
    let (mut data, mut plugin) = (Message::default(), Message::default());
    data.message(field, info);
    plugin.bytes(1, PLUGIN.as_bytes());
    plugin.message(2, &data);
    let (mut metadata, mut value) = (Message::default(), Message::default());
    metadata.message(1, &plugin);
    value.bytes(1, tag.as_bytes());
    value.message(9, &metadata);
    value
}

fn of_json(value: &Value) -> Message {
    let mut message = Message::default();
    match value {
        Value::Bool(flag) => message.varint(4, u64::from(*flag)),
        Value::Number(number) => message.double(2, number.as_f64().unwrap_or(f64::NAN)),
        Value::String(text) => message.bytes(3, text.as_bytes()),
        other => message.bytes(3, other.to_string().as_bytes()),
    }
    message
}

/// Tables as `table.key`; what is not set is left out.
fn flatten(prefix: &str, value: &Value, found: &mut Map<String, Value>) {
    for (name, value) in value.as_object().into_iter().flatten() {
        let name = format!("{prefix}{name}");
        match value {
            Value::Null => {}
            Value::Object(_) => flatten(&format!("{name}."), value, found),
            value => drop(found.insert(name, value.clone())),
        }
    }
}
