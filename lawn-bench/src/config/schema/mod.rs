//! The JSON Schema of a sweep file, for editors and other programs.
//!
//! Keys, types, bounds, words and their meaning are those of the types that the file is read
//! into ([`derived`]). The tables that are read apart are put together here. What needs more
//! than one value, as that arms are tuned alike, is no part of it.

mod derived;

use lawn_models::{Evaluation, KINDS, KindEntry, OptimizerSettings};
use serde_json::{Map, Value, json};

use super::presets::{self, PRESET};
use super::rate::{RATE_BATCH_SIZE, WORDS};
use super::raw::{BATCH_SIZE, RawSweep};
use super::space::ARM;
use super::sweep::Scale;
use super::values::{NAME, NAME_LETTERS};
use derived::{schema_by, schema_of};

/// The schema, draft 2020-12.
#[must_use]
pub fn schema() -> Value {
    let mut root = schema_of::<RawSweep>();
    let arm = arm();
    let properties = &mut root["properties"];
    fill(properties, "tasks", named(&json!({ "oneOf": tasks() })));
    fill(properties, "arms", named(&arm));
    fill(properties, "defaults", arm);
    let name = json!({ "type": "string" });
    let metric = json!({
        "anyOf": [name, { "type": "object", "additionalProperties": name }],
    });
    fill(&mut properties["tuning"]["properties"], "metric", metric);
    // A default that is a table itself.
    properties["evaluation"]["properties"]["every"]["default"] = json!(Evaluation::default().every);
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

/// A table of one entry at least, by name.
fn named(entry: &Value) -> Value {
    json!({
        "type": "object",
        "minProperties": 1,
        "propertyNames": { "pattern": NAME, "maxLength": NAME_LETTERS },
        "additionalProperties": entry,
    })
}

/// One schema a kind of task.
fn tasks() -> Vec<Value> {
    KINDS.iter().map(task).collect()
}

fn task(kind: &KindEntry) -> Value {
    let mut schema = schema_by(kind.schema);
    let properties = &mut schema["properties"];
    for (then, now) in kind.renamed {
        let mut earlier = properties[now].clone();
        earlier["description"] = format!("Earlier name of {now}.").into();
        earlier["deprecated"] = true.into();
        properties[then] = earlier;
        // A default is what is written into the files of a run, which keep the earlier name.
        if properties["data"]["default"] == *then {
            properties["data"]["default"] = (*now).into();
        }
    }
    properties["kind"] = json!({ "const": kind.name, "description": "Kind of the task." });
    schema["required"] = json!(["kind"]);
    schema
}

/// A size of generated data.
pub(crate) struct Size {
    pub(crate) name: String,
    /// Its value where none is given.
    pub(crate) default: Value,
    /// What it is, in one line.
    pub(crate) about: String,
}

/// The sizes of the data that are generated for a kind.
pub(crate) fn sizes(kind: &KindEntry) -> Vec<Size> {
    let schema = schema_by(kind.schema);
    let sizes = schema["properties"]["generated"]["properties"].as_object();
    let size = |(name, schema): (&String, &Value)| Size {
        name: name.clone(),
        default: schema["default"].clone(),
        about: schema["description"]
            .as_str()
            .unwrap_or_default()
            .to_owned(),
    };
    sizes.into_iter().flatten().map(size).collect()
}

/// An arm: its hyper-parameters, a grid and ranges. None is required, as the defaults of all arms
/// may give it.
fn arm() -> Value {
    let schema = schema_of::<OptimizerSettings>();
    let settings = schema["properties"].as_object().cloned();
    let mut settings = settings.unwrap_or_default();
    let tuned = settings
        .iter()
        .filter(|(name, _)| !ARM.contains(&name.as_str()));
    let list =
        |of: &Value| json!({ "type": "array", "items": of, "minItems": 1, "uniqueItems": true });
    let (mut grid, mut tune) = (Map::new(), Map::new());
    for (name, of) in tuned {
        let mut of = of.clone();
        let meaning = of["description"].take();
        of.as_object_mut()
            .map(|of| (of.remove("default"), of.remove("description")));
        let described = |mut axis: Value| {
            axis["description"] = meaning.clone();
            axis
        };
        grid.insert(name.clone(), described(list(&of)));
        let scale = schema_of::<Scale>();
        let range = |required: &[&str]| {
            json!({
                "type": "object",
                // An end is a value as any other.
                "properties": { "min": of, "max": of, "scale": scale },
                "required": required,
                "additionalProperties": false,
            })
        };
        let choice = json!({
            "type": "object",
            "properties": { "choice": list(&of) },
            "required": ["choice"],
            "additionalProperties": false,
        });
        let at = |of: Value| json!({ "type": "object", "additionalProperties": of });
        let with_at = |mut of: Value, at: Value| {
            of["properties"]["at"] = at;
            of
        };
        let mut forms = vec![with_at(choice.clone(), at(choice))];
        if of["type"] == "number" || of["type"] == "integer" {
            let ends = range(&["min", "max", "scale"]);
            forms.insert(0, with_at(ends, at(range(&["min", "max"]))));
        }
        tune.insert(name.clone(), described(json!({ "oneOf": forms })));
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
    settings.insert(
        PRESET.into(),
        json!({
            "enum": presets::names().collect::<Vec<_>>(),
            "description": "Settings and ranges that are known by a name; those of the arm stand \
                            in the place of theirs.",
        }),
    );
    settings.insert(
        RATE_BATCH_SIZE.into(),
        json!({
            "anyOf": [
                { "type": "integer", "minimum": 1, "maximum": BATCH_SIZE },
                { "enum": WORDS.map(|(word, _)| word) },
            ],
            "description": "The batch size that the learning rate of the arm is of: \
                            tuning.learning_rate_scaling goes out from it, and not from \
                            reference_batch_size. With \"any\" the rate is not scaled. A preset \
                            says it of the rate that it gives.",
        }),
    );
    for (name, axes, meaning) in space {
        let mut axes = table(axes);
        axes["description"] = meaning.into();
        settings.insert(name.into(), axes);
    }
    table(settings)
}
