//! A learning rate that falls where training no longer gets better.

use serde::{Deserialize, Serialize};

use crate::error::{Error, require};

/// When [`Plateau`] lowers the learning rate, and how far.
///
/// *Source:* `torch.optim.lr_scheduler.ReduceLROnPlateau` with `threshold_mode="rel"`, which has the
/// same defaults.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PlateauConfig {
    /// What the rate is multiplied by, in `(0, 1)`.
    pub factor: f64,
    /// Observations in a row that may be no better before that.
    pub patience: u64,
    /// By what part of the best value another must be better, at least 0.
    pub threshold: f64,
    /// Observations after a fall in which none counts as bad.
    pub cooldown: u64,
    /// The least factor, at least 0.
    pub least: f64,
    /// Whether a higher value is a better one.
    pub higher_is_better: bool,
}

impl Default for PlateauConfig {
    /// A tenth after ten observations that are not better by 1e-4 of the best; lower is better.
    fn default() -> Self {
        Self {
            factor: 0.1,
            patience: 10,
            threshold: 1e-4,
            cooldown: 0,
            least: 0.0,
            higher_is_better: false,
        }
    }
}

/// A factor to the learning rate that falls on a plateau of some measurement, for
/// [`Optimizer::set_rate_factor`](crate::Optimizer::set_rate_factor). It can be written to a file
/// and read again, so that a run goes on from where it was.
///
/// ```
/// use lawn_core::{Plateau, PlateauConfig};
///
/// let mut plateau = Plateau::new(PlateauConfig { patience: 1, ..PlateauConfig::default() })?;
/// let factors: Vec<f64> = [1.0, 1.0, 1.0, 0.5].map(|loss| plateau.observe(loss)).into();
/// assert_eq!(factors, [1.0, 1.0, 0.1, 0.1]);
/// # Ok::<(), lawn_core::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Plateau {
    config: PlateauConfig,
    best: Option<f64>,
    bad: u64,
    cooling: u64,
    factor: f64,
}

impl Plateau {
    /// One that has seen nothing.
    ///
    /// # Errors
    ///
    /// [`Error::Setting`] naming the setting that is outside of its domain.
    pub fn new(config: PlateauConfig) -> Result<Self, Error> {
        let PlateauConfig {
            factor,
            threshold,
            least,
            ..
        } = config;
        let valid = factor > 0.0 && factor < 1.0;
        require(valid, "plateau.factor", "a number in (0, 1)", factor)?;
        let expected = "a finite number of at least 0";
        for (setting, found) in [("plateau.threshold", threshold), ("plateau.least", least)] {
            require(found.is_finite() && found >= 0.0, setting, expected, found)?;
        }
        Ok(Self {
            config,
            best: None,
            bad: 0,
            cooling: 0,
            factor: 1.0,
        })
    }

    /// Takes a measurement in, and answers the factor from then on. What is no number is bad.
    pub fn observe(&mut self, value: f64) -> f64 {
        let PlateauConfig {
            factor,
            patience,
            threshold,
            cooldown,
            least,
            higher_is_better,
        } = self.config;
        let is_better = |best: f64| match higher_is_better {
            true => value > best * (1.0 + threshold),
            false => value < best * (1.0 - threshold),
        };
        if !value.is_nan() && self.best.is_none_or(is_better) {
            self.best = Some(value);
            self.bad = 0;
        } else {
            self.bad += 1;
        }
        if self.cooling > 0 {
            self.cooling -= 1;
            self.bad = 0;
        }
        if self.bad > patience {
            self.factor = (self.factor * factor).max(least);
            self.cooling = cooldown;
            self.bad = 0;
        }
        self.factor
    }

    /// The factor as it is.
    #[must_use]
    pub fn factor(&self) -> f64 {
        self.factor
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Printed by `goldens/schedules.py`: `ReduceLROnPlateau` of torch at a rate of 1.
    #[test]
    fn it_falls_where_that_of_torch_does() {
        let config = PlateauConfig {
            factor: 0.5,
            patience: 1,
            threshold: 0.1,
            cooldown: 2,
            least: 0.2,
            higher_is_better: false,
        };
        let golden: serde_json::Value =
            serde_json::from_str(include_str!("../../goldens/schedules.json")).unwrap();
        let numbers = |name: &str| -> Vec<f64> {
            serde_json::from_value(golden["plateau"][name].clone()).unwrap()
        };
        let (losses, expected) = (numbers("losses"), numbers("factors"));
        let mut plateau = Plateau::new(config).unwrap();
        let mut found = Vec::new();
        for loss in losses {
            // Through a file in between.
            let written = serde_json::to_string(&plateau).unwrap();
            plateau = serde_json::from_str(&written).unwrap();
            found.push(plateau.observe(loss));
        }
        assert_eq!(found, expected);
    }

    #[test]
    fn what_is_no_number_is_bad() {
        let config = PlateauConfig {
            patience: 0,
            higher_is_better: true,
            ..PlateauConfig::default()
        };
        let mut plateau = Plateau::new(config).unwrap();
        assert_eq!(plateau.observe(0.5), 1.0);
        assert_eq!(plateau.observe(f64::NAN), 0.1);
        assert_eq!(plateau.observe(0.6), 0.1);
        for wrong in [0.0, 1.0, f64::NAN] {
            let config = PlateauConfig {
                factor: wrong,
                ..config
            };
            assert!(Plateau::new(config).is_err());
        }
    }
}
