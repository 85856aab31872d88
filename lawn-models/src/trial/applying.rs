//! Which keys apply to settings, beside those that have a value all the same.

use serde_json::{Map, Value, json};

use super::error::SettingsError;
use super::names::ConstraintName;
use super::optimizer::OptimizerSettings;

impl OptimizerSettings {
    /// The norm constraint, LAWN or another, if there is one.
    ///
    /// ```
    /// use lawn_models::{ConstraintName, OptimizerSettings, RuleName};
    ///
    /// let mut settings = OptimizerSettings::new(RuleName::Adam, 1e-3);
    /// assert_eq!(settings.norm_constraint(), None);
    /// settings.lawn = true;
    /// assert_eq!(settings.norm_constraint(), Some(ConstraintName::Lawn));
    /// ```
    #[must_use]
    pub fn norm_constraint(&self) -> Option<ConstraintName> {
        match self.lawn {
            true => Some(ConstraintName::Lawn),
            false => self.constraint,
        }
    }

    /// Each setting that has a value and something to say, by its key. The projections of LAWN always
    /// have a value, which an id is a hash of; they are here under LAWN alone.
    #[must_use]
    pub fn applying(&self) -> Map<String, Value> {
        let mut values = match json!(self) {
            Value::Object(values) => values,
            _ => Map::new(),
        };
        let own = self.norm_constraint();
        values.retain(|key, _| has(own, key));
        values
    }

    /// Refuses the first of `keys`, which somebody wrote for these settings, that is of constraints and
    /// not of theirs, whatever its value. [`validate`](Self::validate) cannot tell a projection that is
    /// asked for from one that nobody mentioned.
    ///
    /// # Errors
    /// [`SettingsError::NotApplicable`] names the key.
    pub fn validate_keys<'k>(
        &self,
        keys: impl IntoIterator<Item = &'k str>,
    ) -> Result<(), SettingsError> {
        let own = self.norm_constraint();
        let mut keys = keys.into_iter();
        match keys.find(|key| !has(own, key)) {
            None => Ok(()),
            Some(key) => Err(self.of_no_constraint_here(key)),
        }
    }

    /// That a key of constraints does not apply to these settings.
    pub(super) fn of_no_constraint_here(&self, key: &str) -> SettingsError {
        let allowed = match self.is_constrained() {
            true => "leave it out",
            false => "leave it out, or set lawn = true",
        };
        SettingsError::NotApplicable {
            setting: key.to_owned(),
            context: self.constraint_as_written(),
            allowed: allowed.to_owned(),
        }
    }

    /// The constraint as a configuration asks for it, or for none.
    pub(super) fn constraint_as_written(&self) -> String {
        match (self.lawn, self.constraint) {
            (false, Some(other)) => format!("constraint = \"{}\"", other.as_str()),
            (lawn, _) => format!("lawn = {lawn}"),
        }
    }
}

/// Whether a key is of the constraint, or of none.
fn has(constraint: Option<ConstraintName>, key: &str) -> bool {
    match constraint {
        Some(one) => one.has(key) != Some(false),
        None => ConstraintName::Lawn.has(key).is_none(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::names::RuleName;
    use super::*;

    fn under(constraint: Option<ConstraintName>) -> OptimizerSettings {
        OptimizerSettings {
            lawn: constraint == Some(ConstraintName::Lawn),
            constraint: constraint.filter(|&one| one != ConstraintName::Lawn),
            ..OptimizerSettings::new(RuleName::Adam, 0.1)
        }
    }

    #[test]
    fn projections_are_of_lawn_alone() {
        let others = ConstraintName::ALL.iter().map(|&one| Some(one));
        let all = others.chain([None, Some(ConstraintName::Lawn)]);
        for constraint in all {
            let settings = under(constraint);
            let is_lawn = settings.lawn;
            let applying = settings.applying();
            assert!(applying.contains_key("warmup") && applying.contains_key("rule"));
            for key in ["project_gradient", "project_update"] {
                assert_eq!(applying.contains_key(key), is_lawn, "{constraint:?}");
                let found = settings.validate_keys(["rule", key]);
                assert_eq!(found.is_ok(), is_lawn, "{constraint:?}: {found:?}");
            }
        }
    }

    /// Whatever its value: a key is refused in the words in which another value of it is.
    #[test]
    fn a_key_of_another_constraint_is_refused_by_its_name() {
        for (constraint, key, said) in [
            (
                Some(ConstraintName::Hyperball),
                "project_gradient",
                "`project_gradient` does not apply to constraint = \"hyperball\"; leave it out",
            ),
            (
                None,
                "project_update",
                "`project_update` does not apply to lawn = false; leave it out, or set lawn = true",
            ),
        ] {
            let settings = under(constraint);
            let error = settings.validate_keys([key]).unwrap_err();
            assert_eq!(error.to_string(), said);
            let off = OptimizerSettings {
                project_gradient: key != "project_gradient",
                project_update: key != "project_update",
                ..settings
            };
            assert_eq!(off.validate().unwrap_err(), error);
        }
        let cpr = under(Some(ConstraintName::Cpr));
        cpr.validate_keys(["free_steps", "scope", "beta1"]).unwrap();
        assert!(cpr.validate_keys(["centred"]).is_err());
    }
}
