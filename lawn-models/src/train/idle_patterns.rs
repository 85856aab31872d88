//! Name patterns of settings that name nothing which the setting could change.

use std::fmt;

use lawn_core::{Constraint, Group, Role, Treatment};

use crate::trial::{OptimizerSettings, ScopeSetting};

/// Names that are told one by one; the others are counted.
const SHOWN: usize = 5;

/// A pattern of a setting that names parameters, and none that the setting is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdlePattern {
    /// The setting.
    pub setting: &'static str,
    /// The pattern.
    pub pattern: String,
    /// What it was to name.
    what: &'static str,
    /// The parameters that are such.
    known: Vec<String>,
}

/// As in a sentence: with some names that would do.
impl fmt::Display for IdlePattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            setting,
            pattern,
            what,
            known,
        } = self;
        write!(
            f,
            "`{pattern}` of {setting} names no {what}, and does nothing"
        )?;
        let shown = known[..known.len().min(SHOWN)].join(", ");
        match known.len() {
            0 => write!(f, "; there is none"),
            1 => write!(f, "; there is {shown}"),
            2..=SHOWN => write!(f, "; there are {shown}"),
            all => write!(f, "; there are {shown} and {} more", all - SHOWN),
        }
    }
}

/// What the patterns of a setting are to name.
#[derive(Clone, Copy)]
struct Kind {
    what: &'static str,
    is_one: fn(&Treatment) -> bool,
}

/// The same that Muon takes for a matrix where nothing leaves it to Adam.
const MATRIX: Kind = Kind {
    what: "matrix",
    is_one: |one| one.role == Role::Weight && one.shape.len() >= 2,
};

const CONSTRAINABLE: Kind = Kind {
    what: "weight and no embedding",
    is_one: |one| one.constraint != Constraint::Skipped,
};

const CONSTRAINED: Kind = Kind {
    what: "parameter that is constrained",
    is_one: |one| one.constraint == Constraint::Constrained,
};

impl OptimizerSettings {
    /// The settings that hold patterns of names, and what each is to name.
    fn patterns(&self) -> impl Iterator<Item = (&'static str, Kind, &String)> {
        let scope = match &self.scope {
            Some(ScopeSetting::Patterns(patterns)) => Some(patterns),
            _ => None,
        };
        let all = [
            ("adam_on", MATRIX, self.adam_on.as_ref()),
            ("granularity_on", CONSTRAINED, self.granularity_on.as_ref()),
            ("scope", CONSTRAINABLE, scope),
        ];
        all.into_iter().flat_map(|(setting, kind, patterns)| {
            let own = patterns.into_iter().flatten();
            own.map(move |pattern| (setting, kind, pattern))
        })
    }

    /// The setting that has this pattern of names.
    #[must_use]
    pub fn setting_of_pattern(&self, pattern: &str) -> Option<&'static str> {
        let mut all = self.patterns();
        let (setting, _, _) = all.find(|(_, _, one)| *one == pattern)?;
        Some(setting)
    }

    /// The patterns that name parameters and change nothing about any, by what an optimizer of these
    /// settings does to each: `adam_on` of what is no matrix, `granularity_on` of what is not
    /// constrained, a scope of what never is. One that names no parameter at all is refused where the
    /// optimizer is built.
    #[must_use]
    pub fn idle_patterns(&self, treatments: &[Treatment]) -> Vec<IdlePattern> {
        let mut found = Vec::new();
        for (setting, kind, pattern) in self.patterns() {
            let group = [Group::new(pattern.as_str())];
            let is_named =
                |one: &Treatment| Group::of(&one.parameter, &group).is_ok_and(|of| of.is_some());
            let meant = || treatments.iter().filter(|one| (kind.is_one)(one));
            if !meant().any(is_named) {
                found.push(IdlePattern {
                    setting,
                    pattern: pattern.clone(),
                    what: kind.what,
                    known: meant().map(|one| one.parameter.clone()).collect(),
                });
            }
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::tasks::{TaskConfig, TrialConfig};
    use crate::train::dry_run;
    use crate::trial::Amount;

    /// What is said of the patterns of these settings on a residual network.
    fn said(settings: serde_json::Value) -> Vec<String> {
        let table = json!({ "depth": 8, "width": 4, "generated": { "train": 60, "test": 12 } });
        let task = TaskConfig::from_table("image", table).unwrap();
        let settings: OptimizerSettings = serde_json::from_value(settings).unwrap();
        let config = TrialConfig::new(task, settings.clone(), 16, Amount::Epochs(1));
        let info = dry_run(&config, None).unwrap();
        let idle = settings.idle_patterns(&info.treatments);
        idle.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_pattern_that_changes_nothing_is_said_with_names_that_there_are() {
        let muon = |on: &[&str]| json!({ "rule": "muon", "learning_rate": 0.1, "adam_on": on });
        assert_eq!(said(muon(&["output.weight"])), [""; 0]);
        let found = said(muon(&["output.weight", "*.bias"]));
        assert_eq!(found.len(), 1, "{found:?}");
        for part in [
            "`*.bias` of adam_on names no matrix, and does nothing; there are ",
            " and ",
            " more",
        ] {
            assert!(found[0].contains(part), "{part:?} is not in: {found:?}");
        }

        let lawn = |key: &str, on: &[&str]| {
            let mut settings = json!({ "rule": "adam", "learning_rate": 0.1, "lawn": true,
                "free_fraction": 0.5, "granularity": "row" });
            settings[key] = json!(on);
            settings
        };
        assert_eq!(said(lawn("granularity_on", &["output.*"])), [""; 0]);
        // The last layer alone is constrained.
        assert_eq!(
            said(lawn("granularity_on", &["stage1.*"])),
            [
                "`stage1.*` of granularity_on names no parameter that is constrained, and does nothing; \
                 there is output.weight"
            ]
        );
        assert_eq!(said(lawn("scope", &["*.weight"])), [""; 0]);
        let found = said(lawn("scope", &["output.weight", "*.bias"]));
        assert_eq!(found.len(), 1, "{found:?}");
        let part = "`*.bias` of scope names no weight and no embedding, and does nothing";
        assert!(found[0].contains(part), "{found:?}");
    }

    #[test]
    fn a_pattern_is_known_by_its_setting() {
        let settings = OptimizerSettings {
            adam_on: Some(vec!["a".into()]),
            scope: Some(ScopeSetting::Patterns(vec!["b".into(), "c".into()])),
            ..OptimizerSettings::new(crate::trial::RuleName::Muon, 0.1)
        };
        let of = |pattern| settings.setting_of_pattern(pattern);
        assert_eq!(
            ["a", "c", "d"].map(of),
            [Some("adam_on"), Some("scope"), None]
        );
    }
}
