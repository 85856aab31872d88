//! Whether two settings are the same training.

use lawn_core::OptimizerConfig;

use super::optimizer::{of_rule, optimizer, plateau};
use crate::trial::{Length, OptimizerSettings};

impl OptimizerSettings {
    /// Whether a trial of this length takes the same steps with `other`, whatever it learns: both are
    /// the same optimizer, as [`OptimizerConfig::takes_steps_of`] has it, and so is what comes to it
    /// from outside, such as a rate of their own of embedding tables, an average, or what ends a free
    /// phase.
    ///
    /// ```
    /// use lawn_models::{Amount, OptimizerSettings, RuleName};
    ///
    /// let length = Amount::Steps(100).length(1000, 10);
    /// let adam = OptimizerSettings::new(RuleName::Adam, 1e-3);
    /// let mut adamw = OptimizerSettings::new(RuleName::Adamw, 1e-3);
    /// assert!(adamw.trains_as(&adam, length));
    /// adamw.weight_decay = Some(0.1);
    /// assert!(!adamw.trains_as(&adam, length));
    /// ```
    #[must_use]
    pub fn trains_as(&self, other: &Self, length: Length) -> bool {
        let both = [self, other];
        let same = |configs: [OptimizerConfig; 2]| {
            let [one, two] = configs;
            one.takes_steps_of(&two, length.steps)
        };
        // A decay of embedding tables takes the place of that of all weights there.
        let of_tables = both.map(|settings| {
            let config = optimizer(settings, length);
            let own = settings.embedding_weight_decay;
            match own.map(|rate| of_rule(settings.rule, rate)) {
                Some(decay) => config.with_decay(decay),
                None => config,
            }
        });
        let is_told_alike = |one: &Self, two: &Self| {
            let rate = |settings: &Self| {
                let own = settings.embedding_learning_rate;
                // Layers do not multiply a rate that tables have of their own.
                let by_depth = settings.layer_decay.filter(|decay| *decay < 1.0);
                let is_apart = by_depth.is_some() && own.is_some();
                (own.unwrap_or(settings.learning_rate), by_depth, is_apart)
            };
            let units = |settings: &Self| {
                let on = settings.granularity_on.clone();
                let granularity = settings.granularity.filter(|_| on.is_some());
                (on, granularity)
            };
            rate(one) == rate(two)
                && units(one) == units(two)
                && one.adam_on == two.adam_on
                && one.freeze_when == two.freeze_when
                && one.ema_decay == two.ema_decay
                && plateau(one).ok() == plateau(two).ok()
        };
        is_told_alike(self, other)
            && same(both.map(|settings| optimizer(settings, length)))
            && same(of_tables)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trial::{Amount, ConstraintName, LrShape, RuleName};

    #[test]
    fn settings_under_two_names_are_one_training() {
        let length = Amount::Epochs(2).length(100, 10);
        let new = |rule| OptimizerSettings::new(rule, 0.1);
        let adam = new(RuleName::Adam);
        let adamw = new(RuleName::Adamw);
        let lawn = OptimizerSettings {
            lawn: true,
            free_epochs: Some(1.0),
            ..adam.clone()
        };
        let same = [
            (adamw.clone(), adam.clone()),
            (
                OptimizerSettings {
                    weight_decay: Some(0.0),
                    beta1: Some(0.9),
                    embedding_learning_rate: Some(0.1),
                    embedding_weight_decay: Some(0.0),
                    layer_decay: Some(1.0),
                    ..adamw.clone()
                },
                adam.clone(),
            ),
            (
                OptimizerSettings {
                    one_minus_beta2: Some(0.5),
                    ..adam.clone()
                },
                OptimizerSettings {
                    beta2: Some(0.5),
                    ..adam.clone()
                },
            ),
            (
                OptimizerSettings {
                    free_epochs: None,
                    free_steps: Some(10),
                    ..lawn.clone()
                },
                lawn.clone(),
            ),
            (
                OptimizerSettings {
                    decay: LrShape::Cosine,
                    end_factor: Some(1.0),
                    ..adam.clone()
                },
                adam.clone(),
            ),
        ];
        for (one, other) in &same {
            assert!(one.trains_as(other, length), "{one:?} {other:?}");
        }
        let others = [
            lawn.clone(),
            new(RuleName::Nadamw),
            new(RuleName::LazyAdam),
            OptimizerSettings::new(RuleName::Adam, 0.2),
            OptimizerSettings {
                constraint: Some(ConstraintName::Hyperball),
                ..adam.clone()
            },
            OptimizerSettings {
                embedding_learning_rate: Some(0.2),
                ..adam.clone()
            },
            OptimizerSettings {
                embedding_weight_decay: Some(0.2),
                ..adamw.clone()
            },
            OptimizerSettings {
                layer_decay: Some(0.5),
                ..adam.clone()
            },
            OptimizerSettings {
                ema_decay: Some(0.9),
                ..adam.clone()
            },
            OptimizerSettings {
                decay: LrShape::Plateau,
                ..adam.clone()
            },
            OptimizerSettings {
                clip_norm: Some(1.0),
                ..adam.clone()
            },
        ];
        for other in &others {
            assert!(!other.trains_as(&adam, length), "{other:?}");
        }
        let later = OptimizerSettings {
            free_epochs: Some(1.1),
            ..lawn.clone()
        };
        assert!(!later.trains_as(&lawn, length));
    }
}
