//! The JSON Schema of a type that a part of a sweep file is read into.
//!
//! `schemars` derives it; what TOML does not have, or an editor does not show, is taken off.

use schemars::generate::SchemaSettings;
use schemars::transform::{Transform, transform_subschemas};
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde_json::Value;

/// The schema of what `T` is read from.
pub(super) fn schema_of<T: JsonSchema>() -> Value {
    schema_by(T::json_schema)
}

/// As [`schema_of`], of a type that is known by its function alone.
pub(super) fn schema_by(json_schema: fn(&mut SchemaGenerator) -> Schema) -> Value {
    let mut settings = SchemaSettings::draft2020_12();
    settings.inline_subschemas = true;
    let mut schema = json_schema(&mut settings.into_generator());
    Plain.transform(&mut schema);
    schema.into()
}

/// Takes off what says nothing to the writer of a TOML file.
struct Plain;

impl Transform for Plain {
    fn transform(&mut self, schema: &mut Schema) {
        without_null(schema);
        // Whether a number has 32 or 64 bits.
        schema.remove("format");
        schema.remove("title");
        // A table has its defaults key by key.
        let said = |default: &Value| !default.is_null() && !default.is_object();
        if !schema.get("default").is_some_and(said) {
            schema.remove("default");
        }
        if let Some(Value::String(text)) = schema.get_mut("description") {
            *text = first_paragraph(text);
        }
        transform_subschemas(self, schema);
    }
}

/// Takes off `null`, which stands for a key that is not given.
fn without_null(schema: &mut Schema) {
    let is_null = |value: &Value| value == "null" || value.is_null() || value["type"] == "null";
    for key in ["type", "enum", "anyOf"] {
        if let Some(Value::Array(list)) = schema.get_mut(key) {
            list.retain(|value| !is_null(value));
        }
    }
    let only = |schema: &mut Schema, key: &str| match schema.get_mut(key) {
        Some(Value::Array(list)) if list.len() == 1 => list.pop(),
        _ => None,
    };
    if let Some(name) = only(schema, "type") {
        schema.insert("type".into(), name);
    }
    if let Some(Value::Object(inner)) = only(schema, "anyOf") {
        schema.remove("anyOf");
        for (key, value) in inner {
            // What the field says comes before what its type says.
            if schema.get(&key).is_none() {
                schema.insert(key, value);
            }
        }
    }
}

/// The lines of the first paragraph joined, without marks.
fn first_paragraph(text: &str) -> String {
    let lines = text.lines().map(str::trim);
    let lines: Vec<&str> = lines.take_while(|line| !line.is_empty()).collect();
    lines.join(" ").replace('`', "")
}
