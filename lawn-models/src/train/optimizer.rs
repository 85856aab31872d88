//! From flat settings to an optimizer.

use lawn_core::{
    AdagradConfig, AdamConfig, Group, LambConfig, LarsConfig, LawnConfig, LazyAdamConfig,
    OptimizerConfig, Parameters, Role, RowwiseAdagradConfig, RuleConfig, Schedule, Scope,
    SgdConfig, WeightDecay,
};

use crate::trial::{
    Length, LrShape, OptimizerSettings, RuleName, ScopeName, ScopeSetting, SettingsError,
};

/// The optimizer that the settings describe for a trial of this length.
pub(super) fn optimizer(settings: &OptimizerSettings, length: Length) -> OptimizerConfig {
    OptimizerConfig {
        decay: decay(settings),
        lawn: settings.lawn.then(|| lawn(settings, length)),
        clip_norm: settings.clip_norm,
        cow_clip: settings.cow_clip,
        ..OptimizerConfig::new(rule(settings), schedule(settings, length))
    }
}

fn rule(settings: &OptimizerSettings) -> RuleConfig {
    let &OptimizerSettings {
        momentum,
        beta1,
        beta2,
        epsilon,
        initial_accumulator,
        ..
    } = settings;
    match settings.rule {
        RuleName::Sgd => {
            let base = SgdConfig::default();
            RuleConfig::Sgd(SgdConfig {
                momentum: momentum.unwrap_or(base.momentum),
                dampening: settings.dampening.unwrap_or(base.dampening),
                nesterov: settings.nesterov.unwrap_or(base.nesterov),
            })
        }
        RuleName::Adam | RuleName::Adamw | RuleName::Amsgrad => {
            let base = AdamConfig::default();
            RuleConfig::Adam(AdamConfig {
                beta1: beta1.unwrap_or(base.beta1),
                beta2: beta2.unwrap_or(base.beta2),
                epsilon: epsilon.unwrap_or(base.epsilon),
                amsgrad: settings.rule == RuleName::Amsgrad,
            })
        }
        RuleName::Lamb => {
            let base = LambConfig::default();
            RuleConfig::Lamb(LambConfig {
                beta1: beta1.unwrap_or(base.beta1),
                beta2: beta2.unwrap_or(base.beta2),
                epsilon: epsilon.unwrap_or(base.epsilon),
                ..base
            })
        }
        RuleName::Lars => {
            let base = LarsConfig::default();
            RuleConfig::Lars(LarsConfig {
                momentum: momentum.unwrap_or(base.momentum),
                nesterov: settings.nesterov.unwrap_or(base.nesterov),
                epsilon: epsilon.unwrap_or(base.epsilon),
                trust_coefficient: settings.trust_coefficient.unwrap_or(base.trust_coefficient),
                ..base
            })
        }
        RuleName::Adagrad => {
            let base = AdagradConfig::default();
            RuleConfig::Adagrad(AdagradConfig {
                epsilon: epsilon.unwrap_or(base.epsilon),
                initial_accumulator: initial_accumulator.unwrap_or(base.initial_accumulator),
            })
        }
        RuleName::RowwiseAdagrad => {
            let base = RowwiseAdagradConfig::default();
            RuleConfig::RowwiseAdagrad(RowwiseAdagradConfig {
                epsilon: epsilon.unwrap_or(base.epsilon),
                initial_accumulator: initial_accumulator.unwrap_or(base.initial_accumulator),
            })
        }
        RuleName::LazyAdam => {
            let base = LazyAdamConfig::default();
            RuleConfig::LazyAdam(LazyAdamConfig {
                beta1: beta1.unwrap_or(base.beta1),
                beta2: beta2.unwrap_or(base.beta2),
                epsilon: epsilon.unwrap_or(base.epsilon),
            })
        }
    }
}

impl OptimizerSettings {
    /// The settings of `rule` that have a default, each with its default; those of a
    /// constraint among them.
    ///
    /// What has none stays left out: no weight decay, no clipping, no free phase.
    #[must_use]
    pub fn defaults(rule: RuleName) -> Self {
        let bare = Self::new(rule, 1.0);
        let constraint = LawnConfig::new(0);
        let mut all = Self {
            scope: Some(ScopeSetting::Named(ScopeName::default())),
            granularity: Some(constraint.granularity),
            ..bare.clone()
        };
        match self::rule(&bare) {
            RuleConfig::Sgd(own) => {
                all.momentum = Some(own.momentum);
                all.dampening = Some(own.dampening);
                all.nesterov = Some(own.nesterov);
            }
            RuleConfig::Adam(own) => {
                (all.beta1, all.beta2) = (Some(own.beta1), Some(own.beta2));
                all.epsilon = Some(own.epsilon);
            }
            RuleConfig::Lamb(own) => {
                (all.beta1, all.beta2) = (Some(own.beta1), Some(own.beta2));
                all.epsilon = Some(own.epsilon);
            }
            RuleConfig::Lars(own) => {
                all.momentum = Some(own.momentum);
                all.nesterov = Some(own.nesterov);
                all.epsilon = Some(own.epsilon);
                all.trust_coefficient = Some(own.trust_coefficient);
            }
            RuleConfig::Adagrad(AdagradConfig {
                epsilon,
                initial_accumulator,
            })
            | RuleConfig::RowwiseAdagrad(RowwiseAdagradConfig {
                epsilon,
                initial_accumulator,
            }) => {
                all.epsilon = Some(epsilon);
                all.initial_accumulator = Some(initial_accumulator);
            }
            RuleConfig::LazyAdam(own) => {
                (all.beta1, all.beta2) = (Some(own.beta1), Some(own.beta2));
                all.epsilon = Some(own.epsilon);
            }
            _ => {}
        }
        all
    }

    /// The rule that these settings come to, with all of its own: those that no setting names,
    /// too, as the conventions of LAMB are.
    #[must_use]
    pub fn rule_config(&self) -> RuleConfig {
        self::rule(self)
    }

    /// These settings with those of `defaults` where one is left out; what belongs to a
    /// constraint or to a shape of the learning rate only where there is one.
    #[must_use]
    pub fn or(&self, defaults: &Self) -> Self {
        let falling = self.decay.is_falling();
        Self {
            momentum: self.momentum.or(defaults.momentum),
            dampening: self.dampening.or(defaults.dampening),
            nesterov: self.nesterov.or(defaults.nesterov),
            trust_coefficient: self.trust_coefficient.or(defaults.trust_coefficient),
            beta1: self.beta1.or(defaults.beta1),
            beta2: self.beta2.or(defaults.beta2),
            epsilon: self.epsilon.or(defaults.epsilon),
            initial_accumulator: self.initial_accumulator.or(defaults.initial_accumulator),
            end_factor: self.end_factor.or(falling.then_some(0.0)),
            decay_until: self.decay_until.or(falling.then_some(1.0)),
            decay_power: self
                .decay_power
                .or((self.decay == LrShape::Polynomial).then_some(POWER)),
            decay_factor: self
                .decay_factor
                .or((self.decay == LrShape::MultiStep).then_some(FACTOR)),
            scope: self
                .scope
                .clone()
                .or(defaults.scope.clone().filter(|_| self.lawn)),
            granularity: self
                .granularity
                .or(defaults.granularity.filter(|_| self.lawn)),
            ..self.clone()
        }
    }
}

fn decay(settings: &OptimizerSettings) -> WeightDecay {
    let rate = settings.weight_decay;
    rate.map_or(WeightDecay::None, |rate| of_rule(settings.rule, rate))
}

fn of_rule(rule: RuleName, rate: f64) -> WeightDecay {
    match rule {
        RuleName::Adamw | RuleName::Lamb => WeightDecay::Decoupled { rate },
        _ => WeightDecay::L2 { rate },
    }
}

/// What the embedding tables among `parameters` have of their own, a group each.
///
/// # Errors
/// [`SettingsError::NotApplicable`] for a setting of tables where there is none.
pub(super) fn tables(
    settings: &OptimizerSettings,
    parameters: &Parameters,
) -> Result<Vec<Group>, SettingsError> {
    let all = parameters.iter();
    let tables = all.filter(|one| one.role == Role::Embedding && one.tensor.dim() == 2);
    let widths: Vec<(&str, i64)> = tables
        .map(|one| (one.name.as_str(), one.tensor.size()[1]))
        .collect();
    let (rate, decay) = (
        settings.embedding_learning_rate,
        settings.embedding_weight_decay,
    );
    let is_any = !widths.is_empty();
    let is_clipped = widths.iter().any(|(_, width)| *width != 1);
    for (setting, applies) in [
        ("embedding_learning_rate", rate.is_none() || is_any),
        ("embedding_weight_decay", decay.is_none() || is_any),
        ("cow_clip", settings.cow_clip.is_none() || is_clipped),
    ] {
        if !applies {
            return Err(SettingsError::NotApplicable {
                setting: setting.to_owned(),
                context: match is_any {
                    false => "a net without embedding tables".to_owned(),
                    true => "a net whose embedding tables have one column".to_owned(),
                },
                allowed: "leave it out".to_owned(),
            });
        }
    }
    if rate.is_none() && decay.is_none() {
        return Ok(Vec::new());
    }
    let group = |(name, _): &(&str, i64)| Group {
        learning_rate_scale: rate.map_or(1.0, |rate| rate / settings.learning_rate),
        decay: decay.map(|rate| of_rule(settings.rule, rate)),
        ..Group::new(*name)
    };
    Ok(widths.iter().map(group).collect())
}

fn lawn(settings: &OptimizerSettings, length: Length) -> LawnConfig {
    let free_steps = settings.free_phase().map_or(0, |phase| phase.steps(length));
    LawnConfig {
        scope: match &settings.scope {
            None | Some(ScopeSetting::Named(ScopeName::FinalHomogeneous)) => {
                Scope::FinalHomogeneous
            }
            Some(ScopeSetting::Named(ScopeName::AllWeights)) => Scope::AllWeights,
            Some(ScopeSetting::Patterns(patterns)) => Scope::Patterns(patterns.clone()),
        },
        project_gradient: settings.project_gradient,
        project_update: settings.project_update,
        granularity: settings.granularity.unwrap_or_default(),
        untouched_rows: settings.untouched_rows.unwrap_or_default(),
        ..LawnConfig::new(free_steps)
    }
}

/// Power of a polynomial shape that names none.
const POWER: f64 = 2.0;

/// Factor of a multi-step shape that names none.
const FACTOR: f64 = 0.1;

fn schedule(settings: &OptimizerSettings, length: Length) -> Schedule {
    let peak = settings.learning_rate;
    let at = |part: f64| (part * length.steps as f64).round() as u64;
    let warm = at(settings.warmup);
    // A schedule after warm-up counts from its own 0.
    let after_warm_up = |step: u64| step.saturating_sub(warm).max(1);
    let fall = after_warm_up(settings.decay_until.map_or(length.steps, at));
    let end = peak * settings.end_factor.unwrap_or(0.0);
    let main = match settings.decay {
        LrShape::Constant => Schedule::constant(peak),
        LrShape::Linear => Schedule::linear(peak, end, fall),
        LrShape::Cosine => Schedule::cosine(peak, end, fall),
        LrShape::Polynomial => {
            Schedule::polynomial(peak, end, fall, settings.decay_power.unwrap_or(POWER))
        }
        LrShape::MultiStep => {
            let mut steps: Vec<u64> = Vec::new();
            for &part in settings.milestones.iter().flatten() {
                // In a trial so short that two fall on one step, one comes after the other.
                let after_last = steps.last().map_or(1, |last| last + 1);
                steps.push(after_warm_up(at(part)).max(after_last));
            }
            Schedule::multi_step(peak, steps, settings.decay_factor.unwrap_or(FACTOR))
        }
    };
    if warm == 0 { main } else { main.warm_up(warm) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trial::Amount;

    const LENGTH: Length = Length {
        steps_per_epoch: 5,
        steps: 20,
        epoch_samples: 50,
        samples: 200,
    };

    #[test]
    fn warm_up_and_decay_share_the_budget() {
        let settings = OptimizerSettings {
            warmup: 0.1,
            decay: LrShape::Linear,
            ..OptimizerSettings::new(RuleName::Adam, 1.0)
        };
        let schedule = schedule(&settings, LENGTH);
        let rates: Vec<f64> = (0..20).map(|step| schedule.lr_at(step)).collect();
        assert_eq!(rates[..3], [0.5, 1.0, 1.0]);
        assert!((rates[19] - 1.0 / 18.0).abs() < 1e-12);
        assert!(rates.iter().all(|&rate| rate > 0.0));
    }

    /// He et al. 2016, section 4.2: divided by 10 at 32k and 48k of 64k steps.
    #[test]
    fn milestones_are_parts_of_all_steps() {
        let settings = OptimizerSettings {
            decay: LrShape::MultiStep,
            milestones: Some(vec![0.5, 0.75]),
            ..OptimizerSettings::new(RuleName::Sgd, 1.0)
        };
        settings.validate().unwrap();
        let schedule = schedule(&settings, LENGTH);
        let rates: Vec<f64> = (0..20).map(|step| schedule.lr_at(step)).collect();
        assert!(rates[..10].iter().all(|&rate| rate == 1.0));
        assert!(rates[10..15].iter().all(|&rate| (rate - 0.1).abs() < 1e-15));
        assert!(rates[15..].iter().all(|&rate| (rate - 0.01).abs() < 1e-15));

        // After warm-up they are where they were.
        let warm = OptimizerSettings {
            warmup: 0.2,
            ..settings.clone()
        };
        let schedule = self::schedule(&warm, LENGTH);
        let rates: Vec<f64> = (9..=10).map(|step| schedule.lr_at(step)).collect();
        assert_eq!(rates, [1.0, 0.1]);

        // A trial of two steps is a trial still.
        let short = Length { steps: 2, ..LENGTH };
        self::schedule(&settings, short).validate().unwrap();
    }

    /// The shape of LARS in MLPerf's reference, and AlgoPerf's decay over part of the steps.
    #[test]
    fn a_falling_shape_has_power_end_and_place() {
        let settings = OptimizerSettings {
            decay: LrShape::Polynomial,
            end_factor: Some(0.01),
            decay_until: Some(0.5),
            ..OptimizerSettings::new(RuleName::Lars, 2.0)
        };
        settings.validate().unwrap();
        let schedule = schedule(&settings, LENGTH);
        let expected = |x: f64| 0.02 + 1.98 * (1.0 - x).powi(2);
        for (step, x) in [(0, 0.0), (5, 0.5), (9, 0.9), (10, 1.0), (19, 1.0)] {
            assert!((schedule.lr_at(step) - expected(x)).abs() < 1e-15, "{step}");
        }
    }

    #[test]
    fn free_epochs_become_steps_and_leave_one_constrained() {
        let free = |epochs| {
            let settings = OptimizerSettings {
                lawn: true,
                free_epochs: Some(epochs),
                ..OptimizerSettings::new(RuleName::Adam, 1.0)
            };
            optimizer(&settings, LENGTH).lawn.unwrap().free_steps
        };
        assert_eq!(
            [free(0.0), free(0.5), free(2.0), free(3.99)],
            [0, 3, 10, 19]
        );
    }

    #[test]
    fn a_fraction_is_of_all_steps() {
        for (budget, free) in [
            (Amount::Epochs(4), 5),
            (Amount::Steps(14), 4),
            (Amount::Samples(57), 2),
        ] {
            let settings = OptimizerSettings {
                lawn: true,
                free_fraction: Some(0.25),
                ..OptimizerSettings::new(RuleName::Adam, 1.0)
            };
            let config = optimizer(&settings, budget.length(50, 10));
            assert_eq!(config.lawn.unwrap().free_steps, free, "{budget}");
        }
    }

    #[test]
    fn weight_decay_is_coupled_or_decoupled_by_rule() {
        let with = |rule| {
            let settings = OptimizerSettings {
                weight_decay: Some(0.1),
                ..OptimizerSettings::new(rule, 1.0)
            };
            optimizer(&settings, LENGTH).decay
        };
        assert_eq!(with(RuleName::Adam), WeightDecay::L2 { rate: 0.1 });
        assert_eq!(with(RuleName::Lars), WeightDecay::L2 { rate: 0.1 });
        assert_eq!(with(RuleName::Adamw), WeightDecay::Decoupled { rate: 0.1 });
        assert_eq!(with(RuleName::Lamb), WeightDecay::Decoupled { rate: 0.1 });
    }

    #[test]
    fn defaults_written_out_make_the_same_optimizer() {
        for &rule in RuleName::ALL {
            let bare = OptimizerSettings::new(rule, 0.1);
            let lawn = OptimizerSettings {
                lawn: true,
                free_fraction: Some(0.5),
                ..bare.clone()
            };
            for settings in [bare, lawn] {
                let full = settings.or(&OptimizerSettings::defaults(rule));
                full.validate().expect("defaults are allowed");
                let all = serde_json::to_value(&full).unwrap();
                for name in rule
                    .settings()
                    .iter()
                    .filter(|name| **name != "weight_decay")
                {
                    assert!(!all[name].is_null(), "{name} of {rule:?}");
                }
                assert_eq!(full.scope.is_some(), settings.lawn);
                assert_eq!(optimizer(&full, LENGTH), optimizer(&settings, LENGTH));
            }
        }
    }

    #[test]
    fn settings_left_out_keep_the_rules_defaults() {
        let found = |rule| optimizer(&OptimizerSettings::new(rule, 1.0), LENGTH).rule;
        assert_eq!(found(RuleName::Sgd), RuleConfig::Sgd(SgdConfig::default()));
        assert_eq!(
            found(RuleName::Adam),
            RuleConfig::Adam(AdamConfig::default())
        );
        assert_eq!(
            found(RuleName::Lamb),
            RuleConfig::Lamb(LambConfig::default())
        );
        assert_eq!(
            found(RuleName::Lars),
            RuleConfig::Lars(LarsConfig::default())
        );
    }
}
