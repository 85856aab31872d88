//! What settings mean for embedding tables, in words.

use lawn_core::{Granularity, UntouchedRows};

use super::names::RuleName;
use super::{OptimizerSettings, ScopeName, ScopeSetting, SettingsError, TrialConfig};

impl RuleName {
    /// Whether it leaves rows of an embedding table alone that have no gradient: weights, what
    /// is remembered of them, weight decay and norm constraint.
    pub fn leaves_rows_alone(self) -> bool {
        matches!(self, Self::RowwiseAdagrad | Self::LazyAdam)
    }
}

impl<T> TrialConfig<T> {
    /// Refuses what cannot be trained where the rows of embedding tables are dealt out among ranks,
    /// as [`Ranks::sharing_tables`](crate::Ranks::sharing_tables) has it: each row is updated where it
    /// is, so that a rule must not look at more of a table than a row.
    ///
    /// # Errors
    /// [`SettingsError::NotApplicable`] names the setting.
    pub fn require_shareable_tables(&self) -> Result<(), SettingsError> {
        let refused = |setting: &str, allowed: &str| {
            Err(SettingsError::NotApplicable {
                setting: setting.to_owned(),
                context: "tables whose rows are dealt out among ranks".to_owned(),
                allowed: allowed.to_owned(),
            })
        };
        let by_layer = [
            RuleName::Lamb,
            RuleName::Lars,
            RuleName::Adamp,
            RuleName::Sgdp,
            RuleName::Muon,
            RuleName::Adafactor,
        ];
        if by_layer.contains(&self.optimizer.rule) {
            return refused(
                "rule",
                "set one that treats each element or each row by itself, such as \"adam\" or \
                 \"rowwise_adagrad\": no rank has the whole table",
            );
        }
        if self.diagnostics.units {
            return refused("diagnostics.units", "leave it out: no rank has all units");
        }
        Ok(())
    }
}

impl OptimizerSettings {
    /// What becomes of the rows of embedding tables, for people who read a plan: first of those
    /// that a batch does not look up.
    ///
    /// ```
    /// use lawn_models::{OptimizerSettings, RuleName};
    ///
    /// let settings = OptimizerSettings::new(RuleName::Adam, 1e-3);
    /// assert_eq!(settings.on_tables(), "rows not looked up move on by their moments");
    /// ```
    #[must_use]
    pub fn on_tables(&self) -> String {
        let mut said = format!("rows not looked up {}", self.other_rows());
        if self.rule == RuleName::RowwiseAdagrad {
            said += "; one sum of squares a row";
        }
        if let Some(clip) = self.cow_clip {
            said += &format!("; CowClip with r {} and ζ {}", clip.ratio, clip.zeta);
        }
        if self.embedding_learning_rate.is_some() {
            said += "; a learning rate of their own";
        }
        if self.embedding_weight_decay.is_some() {
            said += "; a weight decay of their own";
        }
        said
    }

    fn other_rows(&self) -> String {
        if self.rule.leaves_rows_alone() {
            return "are left alone, with what is remembered of them".to_owned();
        }
        let has_momentum = self.momentum.is_some_and(|momentum| momentum > 0.0);
        let decay = self.embedding_weight_decay.or(self.weight_decay);
        let decays = decay.is_some_and(|rate| rate > 0.0);
        let mut said = match self.rule {
            RuleName::Sgd if has_momentum => "move on by their momentum",
            RuleName::Lars | RuleName::Lion | RuleName::Sgdp => "move on by their momentum",
            RuleName::ScheduleFree => "move on towards the average",
            RuleName::Sgd | RuleName::Adagrad | RuleName::Adafactor if decays => {
                "move by weight decay alone"
            }
            RuleName::Sgd | RuleName::Adagrad | RuleName::Adafactor => "stay where they are",
            _ => "move on by their moments",
        }
        .to_owned();
        if self.is_constrained() && self.may_constrain_tables() {
            let rows = self.untouched_rows.unwrap_or_default();
            said += match (rows, self.granularity_of_all().unwrap_or_default()) {
                (UntouchedRows::LeftAlone, _) if self.lawn => {
                    "; from the freeze on they are left alone"
                }
                (UntouchedRows::LeftAlone, _) => "; their constraint leaves them alone",
                (_, Granularity::Row) => "; a constraint keeps the norm of each",
                _ => "; a constraint of their table moves them, too",
            };
        }
        said
    }

    /// The granularity that is given for all parameters, if one is.
    pub(crate) fn granularity_of_all(&self) -> Option<Granularity> {
        self.granularity.filter(|_| self.granularity_on.is_none())
    }

    /// Whether tables are among what the arm's constraint may be of: those other than LAWN are of
    /// matrices, unless a scope is given.
    fn may_constrain_tables(&self) -> bool {
        match self.scope {
            Some(ScopeSetting::Named(scope)) => scope != ScopeName::Matrices,
            Some(ScopeSetting::Patterns(_)) => true,
            None => self.lawn,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::names::ConstraintName;
    use super::*;
    use lawn_core::CowClipConfig;

    #[test]
    fn what_becomes_of_rows_is_said_by_rule_and_constraint() {
        let new = |rule| OptimizerSettings::new(rule, 0.1);
        let lawn = |rule, untouched_rows, granularity| OptimizerSettings {
            lawn: true,
            free_fraction: Some(0.5),
            untouched_rows: Some(untouched_rows),
            granularity: Some(granularity),
            ..new(rule)
        };
        let (adam, lazy) = (RuleName::Adam, RuleName::LazyAdam);
        let (left, kept) = (UntouchedRows::LeftAlone, UntouchedRows::Constrained);
        for (settings, expected) in [
            (new(RuleName::Sgd), "stay where they are"),
            // Its scope is that of matrices, among which no table is.
            (
                OptimizerSettings {
                    constraint: Some(ConstraintName::Hyperball),
                    untouched_rows: Some(left),
                    ..new(RuleName::Sgd)
                },
                "stay where they are",
            ),
            (
                OptimizerSettings {
                    constraint: Some(ConstraintName::Hyperball),
                    scope: Some(ScopeSetting::Named(ScopeName::AllWeights)),
                    untouched_rows: Some(left),
                    ..new(adam)
                },
                "move on by their moments; their constraint leaves them alone",
            ),
            (
                OptimizerSettings {
                    momentum: Some(0.9),
                    ..new(RuleName::Sgd)
                },
                "move on by their momentum",
            ),
            (
                OptimizerSettings {
                    weight_decay: Some(1e-5),
                    ..new(RuleName::Adagrad)
                },
                "move by weight decay alone",
            ),
            (
                new(RuleName::RowwiseAdagrad),
                "are left alone, with what is remembered of them; one sum of squares a row",
            ),
            (
                lawn(lazy, kept, Granularity::Layer),
                "are left alone, with what is remembered of them",
            ),
            (
                lawn(adam, left, Granularity::Layer),
                "move on by their moments; from the freeze on they are left alone",
            ),
            (
                lawn(adam, kept, Granularity::Layer),
                "move on by their moments; a constraint of their table moves them, too",
            ),
            (
                lawn(adam, kept, Granularity::Row),
                "move on by their moments; a constraint keeps the norm of each",
            ),
            (
                OptimizerSettings {
                    cow_clip: Some(CowClipConfig::default()),
                    embedding_learning_rate: Some(1e-4),
                    embedding_weight_decay: Some(2e-5),
                    ..new(adam)
                },
                "move on by their moments; CowClip with r 1 and ζ 0.00001; \
                 a learning rate of their own; a weight decay of their own",
            ),
        ] {
            let expected = format!("rows not looked up {expected}");
            assert_eq!(settings.on_tables(), expected, "{settings:?}");
        }
    }
}
