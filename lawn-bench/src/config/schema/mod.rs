//! The JSON Schema of a sweep file, for editors and other programs.
//!
//! Keys, types and words are found out from what reads the file ([`trace`]); only the
//! tables that are read apart are put together here. What needs more than one value,
//! as that arms are tuned alike, is no part of it.

mod trace;

use lawn_models::{Amount, ImageConfig, NcfConfig, OptimizerSettings, ScopeName, TaskConfig};
use serde_json::{Map, Value, json};

use super::Scale;
use super::raw::{RawConfirmation, RawContrast, RawRungs, RawSweep};
use trace::schema_of;

/// The schema, draft 2020-12.
#[must_use]
pub fn schema() -> Value {
    let mut root = schema_of::<RawSweep>();
    let arm = arm();
    let properties = &mut root["properties"];
    properties["tasks"] = named(&json!({ "oneOf": tasks() }));
    properties["arms"] = named(&arm);
    properties["defaults"] = arm;
    properties["confirmation"] = schema_of::<RawConfirmation>();
    properties["contrasts"]["items"] = schema_of::<RawContrast>();
    let tuning = &mut properties["tuning"]["properties"];
    tuning["rungs"] = schema_of::<RawRungs>();
    let name = json!({ "type": "string" });
    tuning["metric"] = json!({
        "anyOf": [name, { "type": "object", "additionalProperties": name }],
    });
    let units = Amount::UNITS.iter();
    let one_unit: Vec<Value> = units.map(|unit| json!({ "required": [unit] })).collect();
    properties["budget"]["oneOf"] = one_unit.clone().into();
    properties["evaluation"]["properties"]["every"]["oneOf"] = one_unit.into();
    let mut schema = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "A sweep of lawn",
    });
    if let (Some(schema), Some(root)) = (schema.as_object_mut(), root.as_object_mut()) {
        schema.append(root);
    }
    schema
}

/// A table of one entry at least, by name.
fn named(entry: &Value) -> Value {
    json!({ "type": "object", "minProperties": 1, "additionalProperties": entry })
}

/// One schema a kind of task.
fn tasks() -> Vec<Value> {
    let of_kind = |kind: &&str| {
        let mut schema = match *kind {
            "ncf" => schema_of::<NcfConfig>(),
            _ => schema_of::<ImageConfig>(),
        };
        schema["properties"]["kind"] = json!({ "const": kind });
        schema["required"] = json!(["kind"]);
        schema
    };
    TaskConfig::KINDS.iter().map(of_kind).collect()
}

/// An arm: its hyper-parameters, none of them needed as defaults may have it, a grid
/// and ranges.
fn arm() -> Value {
    let schema = schema_of::<OptimizerSettings>();
    let settings = schema["properties"].as_object().cloned();
    let mut settings = settings.unwrap_or_default();
    let names = schema_of::<ScopeName>();
    settings["scope"] = json!({
        "anyOf": [names, { "type": "array", "items": { "type": "string" } }],
    });
    let tuned = settings
        .iter()
        .filter(|(name, _)| !["rule", "lawn"].contains(&name.as_str()));
    let list =
        |of: &Value| json!({ "type": "array", "items": of, "minItems": 1, "uniqueItems": true });
    let (mut grid, mut tune) = (Map::new(), Map::new());
    for (name, of) in tuned {
        grid.insert(name.clone(), list(of));
        let number = json!({ "type": "number" });
        let scale = schema_of::<Scale>();
        let range = |required: &[&str]| {
            json!({
                "type": "object",
                "properties": { "min": number, "max": number, "scale": scale },
                "required": required,
                "additionalProperties": false,
            })
        };
        let choice = json!({
            "type": "object",
            "properties": { "choice": list(of) },
            "required": ["choice"],
            "additionalProperties": false,
        });
        let at = |of: Value| json!({ "type": "object", "additionalProperties": of });
        let with_at = |mut of: Value, at: Value| {
            of["properties"]["at"] = at;
            of
        };
        tune.insert(
            name.clone(),
            json!({ "oneOf": [
            with_at(range(&["min", "max", "scale"]), at(range(&["min", "max"]))),
            with_at(choice.clone(), at(choice)),
        ] }),
        );
    }
    let table = |properties: Map<String, Value>| json!({ "type": "object", "properties": properties, "additionalProperties": false });
    settings.insert("grid".into(), table(grid));
    settings.insert("tune".into(), table(tune));
    table(settings)
}
