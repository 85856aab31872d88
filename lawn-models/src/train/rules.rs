//! From flat settings to a rule, and back to settings with all of its defaults.

use lawn_core::{
    AdafactorConfig, AdagradConfig, AdamConfig, AdamPConfig, BiasCorrection, GradientAveraging,
    LambConfig, LarsConfig, LawnConfig, LazyAdamConfig, LionConfig, MuonConfig, NadamwConfig,
    RadialTest, RowwiseAdagradConfig, RuleConfig, ScheduleFreeConfig, SgdConfig, SgdPConfig,
};

use crate::trial::{
    DECAY_FACTOR, DECAY_POWER, DECAY_UNTIL, END_FACTOR, LambForm, LrShape, OptimizerSettings,
    RuleName, ScopeName, ScopeSetting,
};

/// The rule that the settings come to.
pub(super) fn rule(settings: &OptimizerSettings) -> RuleConfig {
    let settings = &settings.with_decays();
    let &OptimizerSettings {
        momentum,
        beta1,
        beta2,
        epsilon,
        initial_accumulator,
        nesterov,
        ..
    } = settings;
    let radial_test = |base: RadialTest| RadialTest {
        delta: settings.delta.unwrap_or(base.delta),
        decay_ratio: settings.decay_ratio.unwrap_or(base.decay_ratio),
    };
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
            let base = match settings.form {
                None => LambConfig::default(),
                Some(LambForm::Paper) => LambConfig::paper(),
                Some(LambForm::Apex) => LambConfig::apex(),
                Some(LambForm::Nvlamb) => LambConfig::nvlamb(),
                Some(LambForm::Timm) => LambConfig::timm(),
            };
            let bias_correction = settings.bias_correction.map(|applied| match applied {
                true => BiasCorrection::Applied,
                false => BiasCorrection::Omitted,
            });
            let averaging = settings.gradient_averaging.map(|averaged| match averaged {
                true => GradientAveraging::Averaged,
                false => GradientAveraging::Summed,
            });
            RuleConfig::Lamb(LambConfig {
                beta1: beta1.unwrap_or(base.beta1),
                beta2: beta2.unwrap_or(base.beta2),
                epsilon: epsilon.unwrap_or(base.epsilon),
                bias_correction: bias_correction.unwrap_or(base.bias_correction),
                gradient_averaging: averaging.unwrap_or(base.gradient_averaging),
                trust_max: settings.trust_max.or(base.trust_max),
                adaptation: settings.adaptation.unwrap_or(base.adaptation),
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
                adaptation: settings.adaptation.unwrap_or(base.adaptation),
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
        RuleName::Nadamw => {
            let base = NadamwConfig::default();
            RuleConfig::Nadamw(NadamwConfig {
                beta1: beta1.unwrap_or(base.beta1),
                beta2: beta2.unwrap_or(base.beta2),
                epsilon: epsilon.unwrap_or(base.epsilon),
            })
        }
        RuleName::Lion => {
            let base = LionConfig::default();
            RuleConfig::Lion(LionConfig {
                beta1: beta1.unwrap_or(base.beta1),
                beta2: beta2.unwrap_or(base.beta2),
            })
        }
        RuleName::Adamp => {
            let base = AdamPConfig::default();
            RuleConfig::AdamP(AdamPConfig {
                beta1: beta1.unwrap_or(base.beta1),
                beta2: beta2.unwrap_or(base.beta2),
                epsilon: epsilon.unwrap_or(base.epsilon),
                nesterov: nesterov.unwrap_or(base.nesterov),
                projection: radial_test(base.projection),
            })
        }
        RuleName::Sgdp => {
            let base = SgdPConfig::default();
            RuleConfig::SgdP(SgdPConfig {
                momentum: momentum.unwrap_or(base.momentum),
                dampening: settings.dampening.unwrap_or(base.dampening),
                nesterov: nesterov.unwrap_or(base.nesterov),
                projection: radial_test(base.projection),
                ..base
            })
        }
        RuleName::ScheduleFree => {
            let base = ScheduleFreeConfig::default();
            RuleConfig::ScheduleFree(ScheduleFreeConfig {
                beta1: beta1.unwrap_or(base.beta1),
                beta2: beta2.unwrap_or(base.beta2),
                epsilon: epsilon.unwrap_or(base.epsilon),
                weight_power: settings.weight_power.unwrap_or(base.weight_power),
                rate_power: settings.rate_power.unwrap_or(base.rate_power),
            })
        }
        RuleName::Muon => {
            let base = MuonConfig::default();
            RuleConfig::Muon(MuonConfig {
                momentum: momentum.unwrap_or(base.momentum),
                nesterov: nesterov.unwrap_or(base.nesterov),
                iterations: settings.iterations.unwrap_or(base.iterations),
                iteration: settings.iteration.unwrap_or(base.iteration),
                scale: settings.muon_scale.unwrap_or(base.scale),
                beta1: beta1.unwrap_or(base.beta1),
                beta2: beta2.unwrap_or(base.beta2),
                epsilon: epsilon.unwrap_or(base.epsilon),
            })
        }
        RuleName::Adafactor => {
            let base = AdafactorConfig::default();
            RuleConfig::Adafactor(AdafactorConfig {
                beta2_power: settings.beta2_power.unwrap_or(base.beta2_power),
                epsilon: epsilon.unwrap_or(base.epsilon),
                least_scale: settings.least_scale.unwrap_or(base.least_scale),
                update_threshold: settings.update_threshold.unwrap_or(base.update_threshold),
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
            RuleConfig::Nadamw(own) => {
                (all.beta1, all.beta2) = (Some(own.beta1), Some(own.beta2));
                all.epsilon = Some(own.epsilon);
            }
            RuleConfig::Lion(own) => {
                (all.beta1, all.beta2) = (Some(own.beta1), Some(own.beta2));
            }
            RuleConfig::AdamP(own) => {
                (all.beta1, all.beta2) = (Some(own.beta1), Some(own.beta2));
                all.epsilon = Some(own.epsilon);
                all.nesterov = Some(own.nesterov);
                all.delta = Some(own.projection.delta);
                all.decay_ratio = Some(own.projection.decay_ratio);
            }
            RuleConfig::SgdP(own) => {
                all.momentum = Some(own.momentum);
                all.dampening = Some(own.dampening);
                all.nesterov = Some(own.nesterov);
                all.delta = Some(own.projection.delta);
                all.decay_ratio = Some(own.projection.decay_ratio);
            }
            RuleConfig::ScheduleFree(own) => {
                (all.beta1, all.beta2) = (Some(own.beta1), Some(own.beta2));
                all.epsilon = Some(own.epsilon);
                all.weight_power = Some(own.weight_power);
                all.rate_power = Some(own.rate_power);
            }
            RuleConfig::Muon(own) => {
                all.momentum = Some(own.momentum);
                all.nesterov = Some(own.nesterov);
                all.iterations = Some(own.iterations);
                all.muon_scale = Some(own.scale);
                (all.beta1, all.beta2) = (Some(own.beta1), Some(own.beta2));
                all.epsilon = Some(own.epsilon);
            }
            RuleConfig::Adafactor(own) => {
                all.beta2_power = Some(own.beta2_power);
                all.epsilon = Some(own.epsilon);
                all.least_scale = Some(own.least_scale);
                all.update_threshold = Some(own.update_threshold);
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
        // What is given as what it lacks to 1 is given.
        let left_out = |own: Option<f64>, complement: Option<f64>, default: Option<f64>| {
            own.or(default.filter(|_| complement.is_none()))
        };
        Self {
            momentum: left_out(self.momentum, self.one_minus_momentum, defaults.momentum),
            dampening: self.dampening.or(defaults.dampening),
            nesterov: self.nesterov.or(defaults.nesterov),
            trust_coefficient: self.trust_coefficient.or(defaults.trust_coefficient),
            beta1: left_out(self.beta1, self.one_minus_beta1, defaults.beta1),
            beta2: left_out(self.beta2, self.one_minus_beta2, defaults.beta2),
            epsilon: self.epsilon.or(defaults.epsilon),
            beta2_power: self.beta2_power.or(defaults.beta2_power),
            least_scale: self.least_scale.or(defaults.least_scale),
            update_threshold: self.update_threshold.or(defaults.update_threshold),
            initial_accumulator: self.initial_accumulator.or(defaults.initial_accumulator),
            delta: self.delta.or(defaults.delta),
            decay_ratio: self.decay_ratio.or(defaults.decay_ratio),
            weight_power: self.weight_power.or(defaults.weight_power),
            rate_power: self.rate_power.or(defaults.rate_power),
            iterations: self.iterations.or(defaults.iterations),
            muon_scale: self.muon_scale.or(defaults.muon_scale),
            end_factor: (self.end_factor)
                .or((falling && self.end_learning_rate.is_none()).then_some(END_FACTOR)),
            decay_until: self.decay_until.or(falling.then_some(DECAY_UNTIL)),
            decay_power: self
                .decay_power
                .or((self.decay == LrShape::Polynomial).then_some(DECAY_POWER)),
            decay_factor: self
                .decay_factor
                .or((self.decay == LrShape::MultiStep).then_some(DECAY_FACTOR)),
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
