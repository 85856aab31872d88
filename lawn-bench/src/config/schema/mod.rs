//! The JSON Schema of a sweep file, for editors and other programs.
//!
//! Keys, types and words are found out from what reads the file ([`trace`]); only the
//! tables that are read apart are put together here. What needs more than one value,
//! as that arms are tuned alike, is no part of it.

mod docs;
mod trace;

use lawn_models::{Amount, Kind, KindVisitor, OptimizerSettings, ScopeName, visit_kinds};
use serde_json::{Map, Value, json};

use super::Scale;
use super::raw::{
    RawConfirmation, RawContrast, RawDiagnostics, RawEvaluation, RawReport, RawResources, RawRungs,
    RawSweep, RawTuning,
};
use super::tuning::SETTINGS;
use trace::schema_of;

/// The schema, draft 2020-12.
#[must_use]
pub fn schema() -> Value {
    let mut root = schema_of::<RawSweep>();
    let arm = arm();
    let properties = &mut root["properties"];
    fill(properties, "tasks", named(&json!({ "oneOf": tasks() })));
    fill(properties, "arms", named(&arm));
    fill(properties, "defaults", arm);
    fill(properties, "confirmation", schema_of::<RawConfirmation>());
    properties["contrasts"]["items"] = schema_of::<RawContrast>();
    bound(properties);
    let tuning = &mut properties["tuning"]["properties"];
    fill(tuning, "rungs", schema_of::<RawRungs>());
    let name = json!({ "type": "string" });
    let metric = json!({
        "anyOf": [name, { "type": "object", "additionalProperties": name }],
    });
    fill(tuning, "metric", metric);
    for (name, defaults) in defaults() {
        let properties = &mut properties[name]["properties"];
        for (key, default) in defaults.as_object().into_iter().flatten() {
            if !default.is_null() && !default.is_object() {
                properties[key]["default"] = default.clone();
            }
        }
    }
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

/// Gives a key its schema, and keeps its description.
fn fill(properties: &mut Value, key: &str, schema: Value) {
    let description = properties[key]["description"].take();
    properties[key] = schema;
    if !description.is_null() {
        properties[key]["description"] = description;
    }
}

/// The tables that are read whole, with what they are where nothing is given.
fn defaults() -> [(&'static str, Value); 5] {
    [
        ("evaluation", json!(RawEvaluation::default())),
        ("diagnostics", json!(RawDiagnostics::default())),
        ("tuning", json!(RawTuning::default())),
        ("resources", json!(RawResources::default())),
        ("report", json!(RawReport::default())),
    ]
}

/// What single values must be, beside their types.
fn bound(properties: &mut Value) {
    let list =
        |least: u64| json!({ "minItems": 1, "uniqueItems": true, "items": { "minimum": least } });
    let bounds = [
        ("/batch_sizes", list(1)),
        ("/reference_batch_size", json!({ "minimum": 1 })),
        ("/budget/properties/epochs", json!({ "minimum": 1 })),
        ("/budget/properties/steps", json!({ "minimum": 1 })),
        ("/budget/properties/samples", json!({ "minimum": 1 })),
        ("/confirmation/properties/seeds", list(0)),
        (
            "/tuning/properties/settings",
            json!({ "minimum": 1, "maximum": SETTINGS }),
        ),
        ("/resources/properties/workers", json!({ "minimum": 1 })),
        ("/resources/properties/threads", json!({ "minimum": 1 })),
        (
            "/resources/properties/micro_batch_size",
            json!({ "minimum": 1 }),
        ),
        (
            "/resources/properties/timeout_seconds",
            json!({ "minimum": 0 }),
        ),
        (
            "/resources/properties/grace_seconds",
            json!({ "minimum": 0 }),
        ),
        (
            "/resources/properties/lease_seconds",
            json!({ "minimum": 1 }),
        ),
        (
            "/resources/properties/checkpoint_seconds",
            json!({ "minimum": 0 }),
        ),
        (
            "/report/properties/alpha",
            json!({ "exclusiveMinimum": 0, "exclusiveMaximum": 0.5 }),
        ),
    ];
    for (place, bound) in bounds {
        let schema = properties.pointer_mut(place).expect("the key is known");
        lay_over(schema, &bound);
    }
}

fn lay_over(schema: &mut Value, more: &Value) {
    for (key, value) in more.as_object().into_iter().flatten() {
        if value.is_object() {
            lay_over(&mut schema[key], value);
        } else {
            schema[key] = value.clone();
        }
    }
}

/// A table of one entry at least, by name.
fn named(entry: &Value) -> Value {
    json!({ "type": "object", "minProperties": 1, "additionalProperties": entry })
}

/// One schema a kind of task.
fn tasks() -> Vec<Value> {
    struct Schemas(Vec<Value>);
    impl KindVisitor for Schemas {
        fn visit<K: Kind>(&mut self) {
            let mut schema = schema_of::<K>();
            let properties = &mut schema["properties"];
            for (then, now) in K::RENAMED {
                let mut earlier = properties[now].clone();
                earlier["description"] = format!("Earlier name of {now}.").into();
                earlier["deprecated"] = true.into();
                properties[then] = earlier;
            }
            properties["kind"] = json!({ "const": K::NAME, "description": "Kind of the task." });
            schema["required"] = json!(["kind"]);
            self.0.push(schema);
        }
    }
    let mut schemas = Schemas(Vec::new());
    visit_kinds(&mut schemas);
    schemas.0
}

/// An arm: its hyper-parameters, none of them needed as defaults may have it, a grid
/// and ranges.
fn arm() -> Value {
    let schema = schema_of::<OptimizerSettings>();
    let settings = schema["properties"].as_object().cloned();
    let settings = settings.unwrap_or_default();
    let names = schema_of::<ScopeName>();
    let scope = json!({
        "anyOf": [names, { "type": "array", "items": { "type": "string" } }],
    });
    let mut all = Value::Object(settings);
    fill(&mut all, "scope", scope);
    let mut settings = all.as_object().cloned().unwrap_or_default();
    let tuned = settings
        .iter()
        .filter(|(name, _)| !["rule", "lawn"].contains(&name.as_str()));
    let list =
        |of: &Value| json!({ "type": "array", "items": of, "minItems": 1, "uniqueItems": true });
    let (mut grid, mut tune) = (Map::new(), Map::new());
    for (name, of) in tuned {
        let described = |mut axis: Value| {
            axis["description"] = of["description"].clone();
            axis
        };
        grid.insert(name.clone(), described(list(of)));
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
        let one_of = json!([
            with_at(range(&["min", "max", "scale"]), at(range(&["min", "max"]))),
            with_at(choice.clone(), at(choice)),
        ]);
        tune.insert(name.clone(), described(json!({ "oneOf": one_of })));
    }
    let table = |properties: Map<String, Value>| json!({ "type": "object", "properties": properties, "additionalProperties": false });
    let space = [
        (
            "grid",
            grid,
            "Lists of values, of which every combination is a setting.",
        ),
        (
            "tune",
            tune,
            "Ranges and choices that tuning.settings points are drawn from.",
        ),
    ];
    for (name, axes, meaning) in space {
        let mut axes = table(axes);
        axes["description"] = meaning.into();
        settings.insert(name.into(), axes);
    }
    table(settings)
}
