//! What optimizer settings allow, each alone and together.

use lawn_core::{PlateauConfig, UntouchedRows};

use super::amount::Amount;
use super::diagnostics::FreePhase;
use super::error::{SettingsError, require};
use super::names::{ConstraintName, RuleName};
use super::optimizer::{OptimizerSettings, ScopeSetting};

impl OptimizerSettings {
    /// Checks each setting alone and against the others, without libtorch.
    ///
    /// # Errors
    /// [`SettingsError`] names the setting, its value and what is allowed.
    pub fn validate(&self) -> Result<(), SettingsError> {
        self.validate_all(None)
    }

    /// The same, and that the free phase fits a budget. What is missing is named as that budget allows.
    ///
    /// # Errors
    /// As [`validate`](Self::validate) and [`validate_free_phase`](Self::validate_free_phase).
    pub fn validate_within(&self, budget: Amount) -> Result<(), SettingsError> {
        self.validate_all(Some(budget))?;
        self.validate_free_phase(budget)
    }

    pub(super) fn validate_all(&self, budget: Option<Amount>) -> Result<(), SettingsError> {
        self.validate_ranges()?;
        self.validate_shape()?;
        self.validate_complements()?;
        self.validate_rule()?;
        self.validate_constraint(budget)
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
            ("rotation_memory", self.rotation_memory),
        ] {
            let value = value.unwrap_or(0.0);
            require(
                (0.0..1.0).contains(&value),
                name,
                value,
                "at least 0 and below 1",
            )?;
        }
        for (name, value) in [
            ("dampening", self.dampening),
            ("decay_ratio", self.decay_ratio),
        ] {
            let value = value.unwrap_or(0.0);
            require((0.0..=1.0).contains(&value), name, value, "0 to 1")?;
        }
        let iterations = self.iterations.unwrap_or(1);
        let sound = (1..=20).contains(&iterations);
        require(sound, "iterations", iterations, "1 to 20")?;
        if self.rule == RuleName::ScheduleFree {
            let beta1 = self.with_decays().beta1.unwrap_or(0.9);
            require(beta1 > 0.0, "beta1", beta1, "above 0 and below 1")?;
        }
        for (name, value) in [
            ("weight_decay", self.weight_decay),
            ("embedding_weight_decay", self.embedding_weight_decay),
            ("initial_accumulator", self.initial_accumulator),
            ("free_epochs", self.free_epochs),
            ("multiplier_rate", self.multiplier_rate),
            ("delta", self.delta),
            ("weight_power", self.weight_power),
            ("rate_power", self.rate_power),
            ("rotation_epsilon", self.rotation_epsilon),
            // MLPerf's LARS has none; no rule divides 0 by 0.
            ("epsilon", self.epsilon),
            ("beta2_power", self.beta2_power),
            ("least_scale", self.least_scale),
        ] {
            let value = value.unwrap_or(0.0);
            require(not_negative(value), name, value, "a finite number ≥ 0")?;
        }
        let threshold = self.update_threshold.unwrap_or(1.0);
        require(
            threshold.is_finite() && threshold >= 1.0,
            "update_threshold",
            threshold,
            "a finite number ≥ 1",
        )?;
        for (name, value) in [
            ("trust_max", self.trust_max),
            ("clip_norm", self.clip_norm),
            ("embedding_learning_rate", self.embedding_learning_rate),
            ("cow_clip.ratio", self.cow_clip.map(|clip| clip.ratio)),
            ("cow_clip.zeta", self.cow_clip.map(|clip| clip.zeta)),
            ("trust_coefficient", self.trust_coefficient),
            ("bound_factor", self.bound_factor),
            ("bound_square", self.bound_square),
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
        let steps = self.free_steps.map(FreePhase::Steps);
        epochs
            .or(self.free_fraction.map(FreePhase::Fraction))
            .or(steps)
    }

    /// Evaluations in a row whose train loss may be no lower before the shape `plateau` falls.
    #[must_use]
    pub fn patience(&self) -> u64 {
        let usual = PlateauConfig::default().patience;
        self.plateau_patience.map_or(usual, u64::from)
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

    /// A decay is given as itself or as what it lacks to 1.
    fn validate_complements(&self) -> Result<(), SettingsError> {
        for (name, complement, own, rest) in self.complements() {
            let Some(rest) = rest else { continue };
            let sound = rest > 0.0 && rest <= 1.0;
            require(sound, complement, rest, "above 0 and at most 1")?;
            if own.is_some() {
                return Err(SettingsError::NotApplicable {
                    setting: complement.to_owned(),
                    context: name.to_owned(),
                    allowed: "give one of the two".to_owned(),
                });
            }
            if !self.rule.settings().contains(&name) {
                return Err(SettingsError::NotApplicable {
                    setting: complement.to_owned(),
                    context: format!("rule = \"{}\"", self.rule.as_str()),
                    allowed: format!("it has {}", self.rule.settings().join(", ")),
                });
            }
        }
        Ok(())
    }

    fn validate_rule(&self) -> Result<(), SettingsError> {
        let has = self.rule.settings();
        for (name, given) in [
            ("momentum", self.momentum.is_some()),
            ("dampening", self.dampening.is_some()),
            ("nesterov", self.nesterov.is_some()),
            ("trust_coefficient", self.trust_coefficient.is_some()),
            ("adaptation", self.adaptation.is_some()),
            ("form", self.form.is_some()),
            ("bias_correction", self.bias_correction.is_some()),
            ("gradient_averaging", self.gradient_averaging.is_some()),
            ("trust_max", self.trust_max.is_some()),
            ("beta1", self.beta1.is_some()),
            ("beta2", self.beta2.is_some()),
            ("epsilon", self.epsilon.is_some()),
            ("initial_accumulator", self.initial_accumulator.is_some()),
            ("delta", self.delta.is_some()),
            ("decay_ratio", self.decay_ratio.is_some()),
            ("weight_power", self.weight_power.is_some()),
            ("rate_power", self.rate_power.is_some()),
            ("beta2_power", self.beta2_power.is_some()),
            ("least_scale", self.least_scale.is_some()),
            ("update_threshold", self.update_threshold.is_some()),
            ("iterations", self.iterations.is_some()),
            ("iteration", self.iteration.is_some()),
            ("muon_scale", self.muon_scale.is_some()),
            ("adam_on", self.adam_on.is_some()),
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
        if self.rule == RuleName::ScheduleFree && self.ema_decay.is_some() {
            return Err(SettingsError::NotApplicable {
                setting: "ema_decay".to_owned(),
                context: format!("rule = \"{}\"", self.rule.as_str()),
                allowed: "leave it out: it has an average of its own".to_owned(),
            });
        }
        self.validate_nesterov()
    }

    /// There is no looking ahead without a momentum. Of those that have one SGD alone has none of its own
    /// accord, and Muon alone looks ahead unless it is told otherwise.
    fn validate_nesterov(&self) -> Result<(), SettingsError> {
        let is_muon = self.rule == RuleName::Muon;
        if !self.nesterov.unwrap_or(is_muon) || !self.rule.settings().contains(&"momentum") {
            return Ok(());
        }
        let given = self.with_decays().momentum;
        let momentum = given.unwrap_or(if self.rule == RuleName::Sgd { 0.0 } else { 1.0 });
        let allowed = match self.nesterov {
            Some(_) => "above 0 with nesterov = true",
            None => "above 0 with nesterov = true, which is the default of muon",
        };
        require(momentum > 0.0, "momentum", momentum, allowed)?;
        // As torch has it of SGD; SGDP's source takes both.
        let dampening = self.dampening.unwrap_or(0.0);
        require(
            dampening == 0.0 || self.rule != RuleName::Sgd,
            "dampening",
            dampening,
            "0 with nesterov = true",
        )
    }

    fn validate_constraint(&self, budget: Option<Amount>) -> Result<(), SettingsError> {
        let refuse = |setting: &str, context: &str, allowed: &str| {
            Err(SettingsError::NotApplicable {
                setting: setting.to_owned(),
                context: context.to_owned(),
                allowed: allowed.to_owned(),
            })
        };
        if let (true, Some(other)) = (self.lawn, self.constraint) {
            let context = format!("constraint = \"{}\"", other.as_str());
            return refuse("lawn", &context, "give one of the two");
        }
        if self.constraint == Some(ConstraintName::Lawn) {
            // Settings that are read never have it.
            return refuse(
                "constraint",
                "\"lawn\"",
                "leave it out, and set lawn = true",
            );
        }
        let context = self.constraint_as_written();
        let constraint = self.norm_constraint();
        let of = |name| self.constraint == Some(name);
        let (hyperball, cpr, rotational) = (
            of(ConstraintName::Hyperball),
            of(ConstraintName::Cpr),
            of(ConstraintName::Rotational),
        );
        let phases = [
            ("free_epochs", self.free_epochs.is_some()),
            ("free_fraction", self.free_fraction.is_some()),
            ("free_steps", self.free_steps.is_some()),
        ];
        let free = phases.iter().any(|(_, given)| *given);
        let others = [
            ("freeze_when", self.freeze_when.is_some()),
            ("scope", self.scope.is_some()),
            ("granularity", self.granularity.is_some()),
            ("granularity_on", self.granularity_on.is_some()),
            ("untouched_rows", self.untouched_rows.is_some()),
            ("project_gradient", !self.project_gradient),
            ("project_update", !self.project_update),
            ("bound_factor", self.bound_factor.is_some()),
            ("bound_square", self.bound_square.is_some()),
            ("multiplier_rate", self.multiplier_rate.is_some()),
            ("by_learning_rate", self.by_learning_rate.is_some()),
            ("centred", self.centred.is_some()),
            ("rotation_memory", self.rotation_memory.is_some()),
            ("rotation_epsilon", self.rotation_epsilon.is_some()),
        ];
        for (name, given) in phases.into_iter().chain(others) {
            let has = constraint.is_some_and(|one| one.has(name) == Some(true));
            // A condition ends a phase that there is.
            let is_idle = name == "freeze_when" && !free;
            if given && !has {
                return Err(self.of_no_constraint_here(name));
            }
            if given && is_idle {
                let phases = one_of(phases_of(budget));
                let allowed = format!("give {phases}, too: the freeze comes then at the latest");
                return refuse(name, &context, &allowed);
            }
        }
        let kept = Some(UntouchedRows::Constrained);
        if self.rule.leaves_rows_alone() && self.untouched_rows == kept {
            let context = format!("rule = \"{}\"", self.rule.as_str());
            return refuse(
                "untouched_rows",
                &context,
                "leave it out: rows without a gradient are left alone by the rule, and their norms, \
                 too",
            );
        }
        if let Some(condition) = self.freeze_when {
            condition.validate()?;
        }
        let mut given = phases.iter().filter(|(_, given)| *given);
        let phase = given.next().map_or("free_epochs", |(name, _)| name);
        if let Some((second, _)) = given.next() {
            return refuse(second, phase, "give one of the two");
        }
        let bounds = [
            (phase, free),
            ("bound_factor", self.bound_factor.is_some()),
            ("bound_square", self.bound_square.is_some()),
        ];
        let mut given = bounds.iter().filter(|(_, given)| *given);
        match (given.next(), given.next()) {
            (None, _) if self.lawn || cpr => {
                let bounds: &[&str] = match cpr {
                    true => &["bound_factor", "bound_square"],
                    false => &[],
                };
                return Err(missing(phases_of(budget), bounds, &context));
            }
            (Some((first, _)), Some((second, _))) if cpr => {
                return refuse(second, first, "give one bound");
            }
            _ => {}
        }
        if let Some(ScopeSetting::Patterns(patterns)) = &self.scope {
            let sound = !patterns.is_empty() && patterns.iter().all(|pattern| !pattern.is_empty());
            require(
                sound,
                "scope",
                format!("{patterns:?}"),
                "\"final-homogeneous\", \"all-weights\", \"matrices\" or a list of name patterns",
            )?;
        }
        if let Some(patterns) = &self.granularity_on {
            let sound = !patterns.is_empty() && patterns.iter().all(|pattern| !pattern.is_empty());
            let found = format!("{patterns:?}");
            require(sound, "granularity_on", found, "a list of name patterns")?;
            if self.granularity.is_none() {
                return Err(SettingsError::Missing {
                    setting: "granularity".to_owned(),
                    needed_by: "granularity_on".to_owned(),
                });
            }
        }
        let decay = self.weight_decay.unwrap_or(0.0);
        if rotational {
            return match (self.weight_decay, decay > 0.0) {
                (_, true) => Ok(()),
                (Some(_), false) => require(
                    false,
                    "weight_decay",
                    decay,
                    "a finite number > 0: it gives the angle of a step of rotational",
                ),
                (None, false) => Err(SettingsError::Missing {
                    setting: "weight_decay".to_owned(),
                    needed_by: context,
                }),
            };
        }
        // A decay on a weight of fixed norm only rescales the step.
        match decay != 0.0 && (self.lawn || hyperball || cpr) {
            true => refuse(
                "weight_decay",
                &context,
                match self.lawn {
                    true => "leave it out: the norm is fixed, the free phase takes its place",
                    false => "leave it out: the constraint takes its place",
                },
            ),
            false => Ok(()),
        }
    }
}

/// The settings that say how long a free phase is, of which a budget allows these.
fn phases_of(budget: Option<Amount>) -> &'static [&'static str] {
    match budget {
        None => &["free_epochs", "free_fraction", "free_steps"],
        Some(Amount::Epochs(_)) => &["free_epochs", "free_fraction"],
        Some(Amount::Steps(_)) => &["free_steps", "free_fraction"],
        Some(Amount::Samples(_)) => &["free_fraction"],
    }
}

/// That neither the first of `phases` is given nor what may stand in its place.
fn missing(phases: &[&str], bounds: &[&str], context: &str) -> SettingsError {
    let others: Vec<&str> = phases[1..].iter().chain(bounds).copied().collect();
    SettingsError::Missing {
        setting: phases[0].to_owned(),
        needed_by: match others.is_empty() {
            true => context.to_owned(),
            false => format!("{context}, without {} in its place,", one_of(&others)),
        },
    }
}

/// Names of which one is to be given, as in a sentence.
fn one_of(names: &[&str]) -> String {
    match names {
        [rest @ .., last] if !rest.is_empty() => format!("{} or {last}", rest.join(", ")),
        _ => names.concat(),
    }
}

#[cfg(test)]
mod tests;
