//! What settings of types of the optimizers' own crate may be, which knows no schemas.

use lawn_core::{Adaptation, CowClipConfig, Granularity, MuonIteration, MuonScale, UntouchedRows};
use schemars::{Schema, SchemaGenerator, json_schema};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};
use serde_json::{Value, json};

/// With an error that shows the forms.
pub(super) fn read_granularity<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Granularity>, D::Error> {
    let given = Value::deserialize(deserializer)?;
    if given.is_null() {
        return Ok(None);
    }
    let found = Granularity::deserialize(&given);
    found.map(Some).map_err(|_| {
        D::Error::custom(format!(
            "{given} is no granularity; allowed: \"layer\", \"row\", \"column\", or a table with the \
             rows of a head, such as {{ head = 64 }}"
        ))
    })
}

pub(super) fn granularity(_: &mut SchemaGenerator) -> Schema {
    let names = [Granularity::Layer, Granularity::Row, Granularity::Column];
    let rows = json!({ "type": "integer", "minimum": 1, "description": "Rows of a head." });
    let head = json!({
        "type": "object", "properties": { "head": rows }, "required": ["head"],
        "additionalProperties": false,
    });
    json_schema!({ "anyOf": [{ "enum": names }, head] })
}

pub(super) fn adaptation(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "enum": [Adaptation::Always, Adaptation::WhenDecayed] })
}

pub(super) fn muon_scale(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "enum": [MuonScale::MatchAdam, MuonScale::Spectral] })
}

pub(super) fn muon_iteration(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "enum": [MuonIteration::OfState, MuonIteration::Bf16] })
}

pub(super) fn untouched_rows(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "enum": [UntouchedRows::Constrained, UntouchedRows::LeftAlone] })
}

pub(super) fn cow_clip(_: &mut SchemaGenerator) -> Schema {
    let CowClipConfig { ratio, zeta } = CowClipConfig::default();
    let number = |default: f64, description: &str| {
        json!({
            "type": "number", "exclusiveMinimum": 0, "default": default,
            "description": description,
        })
    };
    json_schema!({
        "type": "object",
        "properties": {
            "ratio": number(ratio, "Factor r of the bound, to ζ as well."),
            "zeta": number(zeta, "Least length ζ of a row, so that a row of zeros can move."),
        },
        "additionalProperties": false,
    })
}

/// A part of all steps that is neither none nor all of them.
pub(super) fn inner_part() -> Value {
    json!({ "type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1 })
}
