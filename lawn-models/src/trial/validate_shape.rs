//! What the shape of a learning rate allows.

use super::error::{SettingsError, require};
use super::optimizer::OptimizerSettings;
use super::shape::LrShape;

/// A setting of the learning rate's shape: its name, whether it is given, and the shapes that
/// have it.
type ShapeSetting = (&'static str, bool, &'static [LrShape]);

impl OptimizerSettings {
    fn shape_settings(&self) -> [ShapeSetting; 5] {
        [
            ("end_factor", self.end_factor.is_some(), LrShape::FALLING),
            ("decay_until", self.decay_until.is_some(), LrShape::FALLING),
            (
                "decay_power",
                self.decay_power.is_some(),
                &[LrShape::Polynomial],
            ),
            (
                "decay_factor",
                self.decay_factor.is_some(),
                &[LrShape::MultiStep],
            ),
            (
                "milestones",
                self.milestones.is_some(),
                &[LrShape::MultiStep],
            ),
        ]
    }

    /// Checks what the shape of the learning rate is made of.
    pub(super) fn validate_shape(&self) -> Result<(), SettingsError> {
        for (name, given, shapes) in self.shape_settings() {
            if given && !shapes.contains(&self.decay) {
                let names: Vec<String> = shapes
                    .iter()
                    .map(|shape| format!("decay = \"{}\"", shape.as_str()))
                    .collect();
                return Err(SettingsError::NotApplicable {
                    setting: name.to_owned(),
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
