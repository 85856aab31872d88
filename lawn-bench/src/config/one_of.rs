//! Keys of an arm of which a setting has one at the most.

use lawn_models::ConstraintName;
use toml::de::DeTable;

use super::source::Source;
use crate::error::ConfigError;

/// The key that asks for LAWN.
pub(super) const LAWN: &str = "lawn";

/// The key that asks for any constraint, LAWN among them.
pub(super) const CONSTRAINT: &str = "constraint";

/// Keys that say the same thing in different ways: when norms are fixed or what bounds them, and where
/// a learning rate ends.
pub(super) static ONE_OF: [&[&str]; 2] = [
    &[
        "free_epochs",
        "free_fraction",
        "free_steps",
        "bound_factor",
        "bound_square",
    ],
    &["end_factor", "end_learning_rate"],
];

/// Keys beside which another has nothing to say: a condition ends a free phase, and a bound of its own
/// has none.
static SILENCED: [(&str, &[&str]); 1] = [("freeze_when", &["bound_factor", "bound_square"])];

/// The keys beside which a setting has no `name`.
pub(super) fn rivals(name: &str) -> impl Iterator<Item = &'static str> {
    let same = ONE_OF.iter().filter(move |keys| keys.contains(&name));
    let same = same.flat_map(|keys| keys.iter());
    let silencing = SILENCED.iter().filter(move |(key, _)| *key == name);
    let silencing = silencing.flat_map(|(_, keys)| keys.iter());
    let all = same.chain(silencing).copied();
    all.filter(move |key| *key != name)
}

/// Whether a setting is of constraints alone.
pub(super) fn is_of_a_constraint(name: &str) -> bool {
    ConstraintName::Lawn.has(name).is_some()
}

/// Refuses `lawn = false` in a table that asks for LAWN by the name of a constraint.
pub(super) fn lawn_once(source: &Source<'_>, table: &DeTable<'_>) -> Result<(), ConfigError> {
    let (Some(lawn), Some(constraint)) = (table.get(LAWN), table.get(CONSTRAINT)) else {
        return Ok(());
    };
    let is_lawn = constraint.get_ref().as_str() == Some(ConstraintName::Lawn.as_str());
    if is_lawn && lawn.get_ref().as_bool() == Some(false) {
        let message = "lawn = false stands beside constraint = \"lawn\", which is lawn = true";
        let help = Some("leave one of the two out".to_owned());
        return Err(source.error(constraint.span(), message, help));
    }
    Ok(())
}
