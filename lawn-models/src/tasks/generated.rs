//! The word `generated`, and the words that stood for it once.
//!
//! A sweep file says `data = "generated"`. Files of runs keep the word that each kind had
//! before, since the id of a trial is a hash of its JSON: with the new word no trial of
//! earlier runs would be known again. Both are read, everywhere.

use serde::{Deserialize, Deserializer, Serializer};

use crate::data::GENERATED;

/// Reads the name of a data set, in which `then` stands for generated data as well.
pub(super) fn read<'de, D: Deserializer<'de>>(table: D, then: &str) -> Result<String, D::Error> {
    let name = String::deserialize(table)?;
    Ok(if name == then {
        GENERATED.to_owned()
    } else {
        name
    })
}

/// Writes the name of a data set, `then` for generated data.
pub(super) fn write<S: Serializer>(name: &str, into: S, then: &str) -> Result<S::Ok, S::Error> {
    into.serialize_str(if name == GENERATED { then } else { name })
}

/// Checks that sizes of generated data stand beside `data = "generated"` only.
pub(super) fn require_beside(
    data: &str,
    has_sizes: bool,
) -> Result<(), crate::trial::SettingsError> {
    if has_sizes && data != GENERATED {
        return Err(crate::trial::SettingsError::NotApplicable {
            setting: GENERATED.to_owned(),
            context: format!("data = \"{data}\""),
            allowed: format!("leave it out, or set data = \"{GENERATED}\""),
        });
    }
    Ok(())
}
