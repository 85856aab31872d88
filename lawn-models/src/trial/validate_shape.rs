//! What the shape of a learning rate allows.

use super::error::{SettingsError, require};
use super::optimizer::OptimizerSettings;
use super::shape::{LrShape, SHAPE_SETTINGS};

impl OptimizerSettings {
    /// Whether each of the settings of a shape is given, in their order.
    fn shape_settings(&self) -> [bool; SHAPE_SETTINGS.len()] {
        [
            self.end_factor.is_some(),
            self.end_learning_rate.is_some(),
            self.decay_until.is_some(),
            self.decay_power.is_some(),
            self.decay_factor.is_some(),
            self.restart_after.is_some(),
            self.restart_growth.is_some(),
            self.plateau_patience.is_some(),
            self.plateau_threshold.is_some(),
            self.plateau_cooldown.is_some(),
            self.milestones.is_some(),
        ]
    }

    /// Checks what the shape of the learning rate is made of.
    pub(super) fn validate_shape(&self) -> Result<(), SettingsError> {
        for ((name, shapes), given) in SHAPE_SETTINGS.iter().zip(self.shape_settings()) {
            if given && !shapes.contains(&self.decay) {
                let names: Vec<String> = shapes
                    .iter()
                    .map(|shape| format!("decay = \"{}\"", shape.as_str()))
                    .collect();
                return Err(SettingsError::NotApplicable {
                    setting: (*name).to_owned(),
                    context: format!("decay = \"{}\"", self.decay.as_str()),
                    allowed: format!("leave it out, or set {}", names.join(" or ")),
                });
            }
        }
        for (name, value) in [
            ("end_factor", self.end_factor),
            ("decay_factor", self.decay_factor),
        ] {
            let value = value.unwrap_or(0.0);
            require((0.0..=1.0).contains(&value), name, value, "0 to 1")?;
        }
        if let Some(end) = self.end_learning_rate {
            if self.end_factor.is_some() {
                return Err(SettingsError::NotApplicable {
                    setting: "end_learning_rate".to_owned(),
                    context: "end_factor".to_owned(),
                    allowed: "give one of the two".to_owned(),
                });
            }
            require(
                (0.0..=self.learning_rate).contains(&end),
                "end_learning_rate",
                end,
                &format!("0 up to the learning_rate of {}", self.learning_rate),
            )?;
        }
        for (name, value) in [
            ("restart_after", self.restart_after),
            ("layer_decay", self.layer_decay),
        ] {
            let value = value.unwrap_or(1.0);
            let sound = value > 0.0 && value <= 1.0;
            require(sound, name, value, "above 0 and up to 1")?;
        }
        if self.decay == LrShape::WarmRestarts && self.restart_after.is_none() {
            return Err(SettingsError::Missing {
                setting: "restart_after".to_owned(),
                needed_by: "decay = \"warm-restarts\"".to_owned(),
            });
        }
        let growth = self.restart_growth.unwrap_or(1);
        let sound = (1..=100).contains(&growth);
        require(sound, "restart_growth", growth, "1 to 100")?;
        let threshold = self.plateau_threshold.unwrap_or(0.0);
        let sound = (0.0..1.0).contains(&threshold);
        require(
            sound,
            "plateau_threshold",
            threshold,
            "at least 0 and below 1",
        )?;
        if self.decay == LrShape::Plateau {
            let factor = self.decay_factor.unwrap_or(0.1);
            let sound = factor > 0.0 && factor < 1.0;
            require(sound, "decay_factor", factor, "above 0 and below 1")?;
            let end = self.end_factor.unwrap_or(0.0);
            let below = "below 1: the rate falls to this part of it at the most";
            require(end < 1.0, "end_factor", end, below)?;
        }
        let power = self.decay_power.unwrap_or(1.0);
        require(
            power.is_finite() && power > 0.0,
            "decay_power",
            power,
            "a finite number > 0",
        )?;
        let until = self.decay_until.unwrap_or(1.0);
        require(
            until > self.warmup && until <= 1.0,
            "decay_until",
            until,
            &format!(
                "a fraction of all steps, above the warmup of {} and up to 1",
                self.warmup
            ),
        )?;
        match &self.milestones {
            None if self.decay == LrShape::MultiStep => Err(SettingsError::Missing {
                setting: "milestones".to_owned(),
                needed_by: "decay = \"multi-step\"".to_owned(),
            }),
            None => Ok(()),
            Some(milestones) => {
                let inside = |part: &f64| *part > self.warmup && *part < 1.0;
                let rising = milestones.windows(2).all(|pair| pair[0] < pair[1]);
                require(
                    !milestones.is_empty() && rising && milestones.iter().all(inside),
                    "milestones",
                    format!("{milestones:?}"),
                    &format!(
                        "increasing fractions of all steps, above the warmup of {} and below 1",
                        self.warmup
                    ),
                )
            }
        }
    }
}
