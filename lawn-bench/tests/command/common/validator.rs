//! As much of a JSON Schema validator as the schema of sweeps uses; any keyword beside
//! these is an error, so that nothing is passed over.

use regex_lite::Regex;
use serde_json::Value;

/// Whether `value` fits `schema`.
pub(crate) fn fits(schema: &Value, value: &Value) -> bool {
    let Value::Object(keywords) = schema else {
        return schema
            .as_bool()
            .expect("a schema is an object or a truth value");
    };
    let among = |list: &Value| {
        let list = list.as_array().expect("a list of schemas");
        list.iter().filter(|schema| fits(schema, value)).count()
    };
    keywords
        .iter()
        .all(|(keyword, says)| match keyword.as_str() {
            "$schema" | "title" | "description" | "default" | "deprecated" => true,
            "type" => has_type(value, says.as_str().expect("a type")),
            "enum" => says.as_array().expect("a list").contains(value),
            "const" => says == value,
            "minimum" => value
                .as_f64()
                .is_none_or(|number| number >= says.as_f64().expect("a number")),
            "maximum" => value
                .as_f64()
                .is_none_or(|number| number <= says.as_f64().expect("a number")),
            "exclusiveMinimum" => value
                .as_f64()
                .is_none_or(|number| number > says.as_f64().expect("a number")),
            "exclusiveMaximum" => value
                .as_f64()
                .is_none_or(|number| number < says.as_f64().expect("a number")),
            "items" => value
                .as_array()
                .is_none_or(|items| items.iter().all(|item| fits(says, item))),
            "pattern" => value.as_str().is_none_or(|text| {
                let pattern = Regex::new(says.as_str().expect("a pattern"));
                pattern.expect("a regular expression").is_match(text)
            }),
            "minLength" => value
                .as_str()
                .is_none_or(|text| text.chars().count() as u64 >= says.as_u64().expect("a count")),
            "maxLength" => value
                .as_str()
                .is_none_or(|text| text.chars().count() as u64 <= says.as_u64().expect("a count")),
            "propertyNames" => value.as_object().is_none_or(|entries| {
                let mut names = entries.keys();
                names.all(|name| fits(says, &name.as_str().into()))
            }),
            "if" => {
                let otherwise = keywords.get("else");
                fits(says, value) || otherwise.is_none_or(|says| fits(says, value))
            }
            // Beside `if`, where it is looked at; there is no `then`.
            "else" => true,
            "minItems" => value
                .as_array()
                .is_none_or(|items| items.len() as u64 >= says.as_u64().expect("a count")),
            "maxItems" => value
                .as_array()
                .is_none_or(|items| items.len() as u64 <= says.as_u64().expect("a count")),
            "uniqueItems" => value.as_array().is_none_or(|items| {
                (1..items.len()).all(|place| !items[..place].contains(&items[place]))
            }),
            "minProperties" => value
                .as_object()
                .is_none_or(|entries| entries.len() as u64 >= says.as_u64().expect("a count")),
            "required" => value.as_object().is_none_or(|entries| {
                let names = says.as_array().expect("a list of names");
                names
                    .iter()
                    .all(|name| entries.contains_key(name.as_str().expect("a name")))
            }),
            "properties" => value.as_object().is_none_or(|entries| {
                entries
                    .iter()
                    .all(|(name, entry)| says.get(name).is_none_or(|schema| fits(schema, entry)))
            }),
            "additionalProperties" => value.as_object().is_none_or(|entries| {
                let named = keywords.get("properties");
                let mut others = entries
                    .iter()
                    .filter(|(name, _)| named.is_none_or(|named| named.get(name).is_none()));
                others.all(|(_, entry)| fits(says, entry))
            }),
            "oneOf" => among(says) == 1,
            "anyOf" => among(says) > 0,
            other => panic!("the validator does not know `{other}`"),
        })
}

fn has_type(value: &Value, name: &str) -> bool {
    match name {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "number" => value.is_number(),
        "integer" => value.is_i64() || value.is_u64(),
        other => panic!("the validator does not know the type `{other}`"),
    }
}
