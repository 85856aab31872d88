//! Values that are written in one of several forms.

use serde::Deserialize;
use serde::de::{Deserializer, Error};
use serde_json::Value;

/// Reads what is written in one of several forms, of which `read` knows all. What is written in none is
/// repeated, with what is `allowed`: an untagged enum says neither.
///
/// # Errors
/// That of the format, or of these words.
pub fn one_of<'de, D: Deserializer<'de>, T>(
    deserializer: D,
    read: impl FnOnce(Value) -> Result<T, serde_json::Error>,
    allowed: &str,
) -> Result<T, D::Error> {
    let written = Value::deserialize(deserializer)?;
    let shown = written.to_string();
    read(written).map_err(|_| D::Error::custom(format!("found {shown}, allowed is {allowed}")))
}
