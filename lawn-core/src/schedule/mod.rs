//! Learning rates over time.

mod plateau;

use serde::{Deserialize, Serialize};

pub use plateau::{Plateau, PlateauConfig};

use crate::error::Error;
use crate::error::require;

/// The learning rate as a function of how far training has come.
///
/// Positions count from 0 and are steps, or samples where the optimizer's
/// [`Clock`](crate::Clock) counts samples. With `t` the position and `n` the
/// length:
///
/// ```text
/// constant     η(t) = from
/// linear       η(t) = from + (to − from) x              x = min(t / n, 1)
/// cosine       η(t) = to + (from − to)(1 + cos πx) / 2
/// polynomial   η(t) = to + (from − to)(1 − x)^power
/// multi-step   η(t) = from · factor^(milestones ≤ t)
/// restarts     η(t) = to + (from − to)(1 + cos πx) / 2   x = (t − tₖ) / (tₖ₊₁ − tₖ),
///              t₀ = 0, tₖ₊₁ = tₖ + length · growthᵏ
/// warm-up      η(t) = then(0) (t + 1) / n               t < n, else then(t − n)
/// chain        the first part for its length, then the next, each from its own 0;
///              the last part goes on for ever
/// ```
///
/// *Differs from* PyTorch: a schedule is a pure function of the position, not
/// a chain of multiplications, so that nothing drifts and a resumed run needs
/// only the position. Warm-up starts at `1/n` of the rate, not at 0, and
/// reaches all of it with its last step.
///
/// ```
/// use lawn_core::Schedule;
/// let schedule = Schedule::linear(0.1, 0.0, 90).warm_up(10);
/// assert_eq!(schedule.lr_at(0), 0.1 * (1.0 / 10.0));
/// assert_eq!(schedule.lr_at(9), 0.1);
/// assert_eq!(schedule.lr_at(100), 0.0);
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
#[non_exhaustive]
pub enum Schedule {
    /// One rate for ever.
    Constant {
        /// The rate.
        from: f64,
    },
    /// A straight line, then flat.
    Linear {
        /// Rate at 0.
        from: f64,
        /// Rate from `length` on.
        to: f64,
        /// Where it ends.
        length: u64,
    },
    /// Half a cosine wave, then flat.
    Cosine {
        /// Rate at 0.
        from: f64,
        /// Rate from `length` on.
        to: f64,
        /// Where it ends.
        length: u64,
    },
    /// A power of what is left, then flat.
    Polynomial {
        /// Rate at 0.
        from: f64,
        /// Rate from `length` on.
        to: f64,
        /// Where it ends.
        length: u64,
        /// The exponent; 1 is linear.
        power: f64,
    },
    /// Multiplied at each milestone.
    MultiStep {
        /// Rate at 0.
        from: f64,
        /// Positions, increasing.
        milestones: Vec<u64>,
        /// What each multiplies by.
        factor: f64,
    },
    /// Half a cosine wave again and again, each as long as the one before or longer.
    ///
    /// *Source:* Loshchilov and Hutter 2017, arXiv 1608.03983;
    /// `torch.optim.lr_scheduler.CosineAnnealingWarmRestarts`.
    WarmRestarts {
        /// Rate at the start of each wave.
        from: f64,
        /// Rate that each falls towards.
        to: f64,
        /// Length of the first wave, at least 1.
        length: u64,
        /// How many times as long as the one before each other is, at least 1.
        growth: u64,
    },
    /// A linear rise to the first rate of another schedule, which then starts.
    WarmUp {
        /// Length of the rise.
        length: u64,
        /// What follows.
        then: Box<Schedule>,
    },
    /// One schedule after the other.
    Chain {
        /// The parts, at least one; the last goes on for ever.
        parts: Vec<Part>,
    },
}

/// One part of a [`Schedule::Chain`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Part {
    /// How long it lasts; the last part's is not looked at.
    pub length: u64,
    /// What it is.
    pub schedule: Schedule,
}

/// One line of [`Schedule::table`].
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct ScheduleRow {
    /// Position, in the schedule's unit.
    pub position: u64,
    /// Learning rate there.
    pub learning_rate: f64,
}

impl Schedule {
    /// One rate for ever.
    #[must_use]
    pub fn constant(from: f64) -> Self {
        Schedule::Constant { from }
    }

    /// A straight line from `from` to `to`.
    #[must_use]
    pub fn linear(from: f64, to: f64, length: u64) -> Self {
        Schedule::Linear { from, to, length }
    }

    /// Half a cosine wave from `from` to `to`.
    #[must_use]
    pub fn cosine(from: f64, to: f64, length: u64) -> Self {
        Schedule::Cosine { from, to, length }
    }

    /// A polynomial of degree `power` from `from` to `to`.
    #[must_use]
    pub fn polynomial(from: f64, to: f64, length: u64, power: f64) -> Self {
        Schedule::Polynomial {
            from,
            to,
            length,
            power,
        }
    }

    /// `from`, multiplied by `factor` at each milestone.
    #[must_use]
    pub fn multi_step(from: f64, milestones: Vec<u64>, factor: f64) -> Self {
        Schedule::MultiStep {
            from,
            milestones,
            factor,
        }
    }

    /// Half a cosine wave from `from` to `to` again and again: the first of `length`, each other
    /// `growth` times as long as the one before.
    #[must_use]
    pub fn warm_restarts(from: f64, to: f64, length: u64, growth: u64) -> Self {
        Schedule::WarmRestarts {
            from,
            to,
            length,
            growth,
        }
    }

    /// This schedule after a linear rise of `length`; itself when that is 0.
    #[must_use]
    pub fn warm_up(self, length: u64) -> Self {
        if length == 0 {
            self
        } else {
            Schedule::WarmUp {
                length,
                then: Box::new(self),
            }
        }
    }

    /// This schedule for `length`, then `next`.
    #[must_use]
    pub fn then(self, length: u64, next: Schedule) -> Self {
        let mut parts = match self {
            Schedule::Chain { parts } => parts,
            single => vec![Part {
                length: 0,
                schedule: single,
            }],
        };
        if let Some(last) = parts.last_mut() {
            last.length = length;
        }
        parts.push(Part {
            length: 0,
            schedule: next,
        });
        Schedule::Chain { parts }
    }

    /// The learning rate at a position, counted from 0.
    #[must_use]
    pub fn lr_at(&self, position: u64) -> f64 {
        let t = position;
        match self {
            Schedule::Constant { from } => *from,
            Schedule::Linear { from, to, length } => {
                let x = progress(t, *length);
                if x >= 1.0 {
                    *to
                } else {
                    from + (to - from) * x
                }
            }
            Schedule::Cosine { from, to, length } => {
                let x = progress(t, *length);
                to + (from - to) * (1.0 + (std::f64::consts::PI * x).cos()) / 2.0
            }
            Schedule::Polynomial {
                from,
                to,
                length,
                power,
            } => {
                let x = progress(t, *length);
                to + (from - to) * (1.0 - x).powf(*power)
            }
            Schedule::MultiStep {
                from,
                milestones,
                factor,
            } => milestones
                .iter()
                .filter(|&&milestone| milestone <= t)
                .fold(*from, |eta, _| eta * factor),
            Schedule::WarmRestarts {
                from,
                to,
                length,
                growth,
            } => {
                let x = within_wave(t, *length, *growth);
                to + (from - to) * (1.0 + (std::f64::consts::PI * x).cos()) / 2.0
            }
            Schedule::WarmUp { length, then } => {
                if t < *length {
                    // The factor is formed first: the last one is exactly 1.
                    let n = *length as f64;
                    then.lr_at(0) * ((t + 1) as f64 / n)
                } else {
                    then.lr_at(t - length)
                }
            }
            Schedule::Chain { parts } => {
                let mut t = t;
                for (index, part) in parts.iter().enumerate() {
                    if t < part.length || index + 1 == parts.len() {
                        return part.schedule.lr_at(t);
                    }
                    t -= part.length;
                }
                0.0
            }
        }
    }

    /// The rates at `rows` positions spread over `0..length`, both ends included.
    #[must_use]
    pub fn table(&self, length: u64, rows: u64) -> Vec<ScheduleRow> {
        let last = length.saturating_sub(1);
        let rows = rows.min(length);
        (0..rows)
            .map(|row| {
                if rows == 1 {
                    0
                } else {
                    (row * last).div_ceil(rows - 1)
                }
            })
            .map(|position| ScheduleRow {
                position,
                learning_rate: self.lr_at(position),
            })
            .collect()
    }

    /// Checks every number of it.
    ///
    /// # Errors
    ///
    /// [`Error::Setting`] naming the number that is outside of its domain.
    pub fn validate(&self) -> Result<(), Error> {
        let rate = |setting, eta: f64| {
            require(
                eta.is_finite() && eta >= 0.0,
                setting,
                "a finite rate of at least 0",
                eta,
            )
        };
        match self {
            Schedule::Constant { from } => rate("schedule.from", *from),
            Schedule::Linear { from, to, .. } | Schedule::Cosine { from, to, .. } => {
                rate("schedule.from", *from)?;
                rate("schedule.to", *to)
            }
            Schedule::Polynomial {
                from, to, power, ..
            } => {
                rate("schedule.from", *from)?;
                rate("schedule.to", *to)?;
                require(
                    power.is_finite() && *power > 0.0,
                    "schedule.power",
                    "a finite number above 0",
                    *power,
                )
            }
            Schedule::MultiStep {
                from,
                milestones,
                factor,
            } => {
                rate("schedule.from", *from)?;
                rate("schedule.factor", *factor)?;
                match milestones.windows(2).find(|pair| pair[0] >= pair[1]) {
                    Some(pair) => require(
                        false,
                        "schedule.milestones",
                        "increasing positions",
                        pair[1] as f64,
                    ),
                    None => Ok(()),
                }
            }
            Schedule::WarmRestarts {
                from,
                to,
                length,
                growth,
            } => {
                rate("schedule.from", *from)?;
                rate("schedule.to", *to)?;
                for (setting, found) in [("schedule.length", length), ("schedule.growth", growth)] {
                    require(*found > 0, setting, "a whole number above 0", *found as f64)?;
                }
                Ok(())
            }
            Schedule::WarmUp { then, .. } => then.validate(),
            Schedule::Chain { parts } => {
                require(
                    !parts.is_empty(),
                    "schedule.parts",
                    "at least one part",
                    0.0,
                )?;
                parts.iter().try_for_each(|part| part.schedule.validate())
            }
        }
    }
}

/// How much of `length` lies behind `t`, at most all of it.
fn progress(t: u64, length: u64) -> f64 {
    if t >= length {
        1.0
    } else {
        t as f64 / length as f64
    }
}

/// How much of its wave lies behind `t`, where the first has this length.
fn within_wave(mut t: u64, mut length: u64, growth: u64) -> f64 {
    if growth == 1 {
        t %= length.max(1);
    }
    while t >= length && length > 0 && growth > 1 {
        t -= length;
        length = length.saturating_mul(growth);
    }
    t as f64 / length as f64
}

#[cfg(test)]
mod tests;
