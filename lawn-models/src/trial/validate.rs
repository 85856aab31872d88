//! What optimizer settings allow, each alone and together.

use super::amount::Amount;
use super::diagnostics::FreePhase;
use super::error::{SettingsError, require};
use super::optimizer::{OptimizerSettings, RuleName, ScopeSetting};

impl OptimizerSettings {
    /// Checks each setting alone and against the others, without libtorch.
    ///
    /// # Errors
    /// [`SettingsError`] names the setting, its value and what is allowed.
    pub fn validate(&self) -> Result<(), SettingsError> {
        self.validate_ranges()?;
        self.validate_shape()?;
        self.validate_rule()?;
        self.validate_lawn()
    }

    fn validate_ranges(&self) -> Result<(), SettingsError> {
        let positive = |value: f64| value.is_finite() && value > 0.0;
        let not_negative = |value: f64| value.is_finite() && value >= 0.0;
        require(
            positive(self.learning_rate),
            "learning_rate",
            self.learning_rate,
            "a finite number > 0",
        )?;
        for (name, value) in [
            ("momentum", self.momentum),
            ("beta1", self.beta1),
            ("beta2", self.beta2),
            ("ema_decay", self.ema_decay),
        ] {
            let value = value.unwrap_or(0.0);
            require(
                (0.0..1.0).contains(&value),
                name,
                value,
                "at least 0 and below 1",
            )?;
        }
        let dampening = self.dampening.unwrap_or(0.0);
        require(
            (0.0..=1.0).contains(&dampening),
            "dampening",
            dampening,
            "0 to 1",
        )?;
        for (name, value) in [
            ("weight_decay", self.weight_decay),
            ("embedding_weight_decay", self.embedding_weight_decay),
            ("initial_accumulator", self.initial_accumulator),
            ("free_epochs", self.free_epochs),
        ] {
            let value = value.unwrap_or(0.0);
            require(not_negative(value), name, value, "a finite number ≥ 0")?;
        }
        for (name, value) in [
            ("epsilon", self.epsilon),
            ("clip_norm", self.clip_norm),
            ("embedding_learning_rate", self.embedding_learning_rate),
            ("cow_clip.ratio", self.cow_clip.map(|clip| clip.ratio)),
            ("cow_clip.zeta", self.cow_clip.map(|clip| clip.zeta)),
            ("trust_coefficient", self.trust_coefficient),
        ] {
            let value = value.unwrap_or(1.0);
            require(positive(value), name, value, "a finite number > 0")?;
        }
        for (name, value) in [
            ("warmup", self.warmup),
            ("free_fraction", self.free_fraction.unwrap_or(0.0)),
        ] {
            require(
                (0.0..1.0).contains(&value),
                name,
                value,
                "a fraction of all steps, at least 0 and below 1",
            )?;
        }
        Ok(())
    }

    /// The free phase, where there is one: of a setting with LAWN.
    pub fn free_phase(&self) -> Option<FreePhase> {
        let epochs = self.free_epochs.map(FreePhase::Epochs);
        epochs.or(self.free_fraction.map(FreePhase::Fraction))
    }

    /// Checks that the free phase fits a budget and leaves something of it.
    ///
    /// # Errors
    /// As [`FreePhase::validate`].
    pub fn validate_free_phase(&self, budget: Amount) -> Result<(), SettingsError> {
        match self.free_phase() {
            Some(phase) => phase.validate(phase.setting(), budget),
            None => Ok(()),
        }
    }

    fn validate_rule(&self) -> Result<(), SettingsError> {
        let has = self.rule.settings();
        for (name, given) in [
            ("momentum", self.momentum.is_some()),
            ("dampening", self.dampening.is_some()),
            ("nesterov", self.nesterov.is_some()),
            ("trust_coefficient", self.trust_coefficient.is_some()),
            ("beta1", self.beta1.is_some()),
            ("beta2", self.beta2.is_some()),
            ("epsilon", self.epsilon.is_some()),
            ("initial_accumulator", self.initial_accumulator.is_some()),
            ("weight_decay", self.weight_decay.is_some()),
        ] {
            if given && !has.contains(&name) {
                return Err(SettingsError::NotApplicable {
                    setting: name.to_owned(),
                    context: format!("rule = \"{}\"", self.rule.as_str()),
                    allowed: format!("it has {}", has.join(", ")),
                });
            }
        }
        // LARS has momentum of its own accord.
        if self.nesterov == Some(true) && self.rule == RuleName::Sgd {
            let momentum = self.momentum.unwrap_or(0.0);
            require(
                momentum > 0.0,
                "momentum",
                momentum,
                "above 0 with nesterov = true",
            )?;
            let dampening = self.dampening.unwrap_or(0.0);
            require(
                dampening == 0.0,
                "dampening",
                dampening,
                "0 with nesterov = true",
            )?;
        }
        Ok(())
    }

    fn validate_lawn(&self) -> Result<(), SettingsError> {
        if !self.lawn {
            for (name, given) in [
                ("free_epochs", self.free_epochs.is_some()),
                ("free_fraction", self.free_fraction.is_some()),
                ("scope", self.scope.is_some()),
                ("granularity", self.granularity.is_some()),
                ("untouched_rows", self.untouched_rows.is_some()),
                ("project_gradient", !self.project_gradient),
                ("project_update", !self.project_update),
            ] {
                if given {
                    return Err(SettingsError::NotApplicable {
                        setting: name.to_owned(),
                        context: "lawn = false".to_owned(),
                        allowed: "leave it out, or set lawn = true".to_owned(),
                    });
                }
            }
            return Ok(());
        }
        match (self.free_epochs, self.free_fraction) {
            (None, None) => {
                return Err(SettingsError::Missing {
                    setting: "free_epochs".to_owned(),
                    needed_by: "lawn = true".to_owned(),
                });
            }
            (Some(_), Some(_)) => {
                return Err(SettingsError::NotApplicable {
                    setting: "free_fraction".to_owned(),
                    context: "free_epochs".to_owned(),
                    allowed: "give one of the two".to_owned(),
                });
            }
            _ => {}
        }
        if let Some(ScopeSetting::Patterns(patterns)) = &self.scope {
            let sound = !patterns.is_empty() && patterns.iter().all(|pattern| !pattern.is_empty());
            require(
                sound,
                "scope",
                format!("{patterns:?}"),
                "\"final-homogeneous\", \"all-weights\" or a list of name patterns",
            )?;
        }
        match self.weight_decay {
            // A decay on a weight of fixed norm only rescales the step.
            Some(decay) if decay != 0.0 => Err(SettingsError::NotApplicable {
                setting: "weight_decay".to_owned(),
                context: "lawn = true".to_owned(),
                allowed: "leave it out: the norm is fixed, the free phase takes its place"
                    .to_owned(),
            }),
            _ => Ok(()),
        }
    }
}
