use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// `end_factor` of a shape that falls and names none.
pub(crate) const END_FACTOR: f64 = 0.0;

/// `decay_until` of a shape that falls and names none.
pub(crate) const DECAY_UNTIL: f64 = 1.0;

/// `decay_power` of a polynomial shape that names none.
pub(crate) const DECAY_POWER: f64 = 2.0;

/// `decay_factor` of a multi-step shape, or of a plateau, that names none.
pub(crate) const DECAY_FACTOR: f64 = 0.1;

/// `restart_growth` of warm restarts that name none.
pub(crate) const RESTART_GROWTH: u32 = 1;

/// Shape of the learning rate after warm-up.
///
/// With η the peak, `e` the `end_factor`, and `x` the part of
/// the way from the end of warm-up to `decay_until`, at most 1:
///
/// ```text
/// constant      η
/// linear        η (1 + (e − 1) x)
/// cosine        η (e + (1 − e)(1 + cos πx) / 2)
/// polynomial    η (e + (1 − e)(1 − x)^power)
/// multi-step    η factor^(milestones passed)
/// warm-restarts as cosine, where x is the part of the way to the next restart
/// plateau       η factor^(times that the train loss has stopped falling), at least η e
/// ```
#[derive(Serialize, Deserialize, JsonSchema, Clone, Copy, Debug, PartialEq, Eq, Default)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum LrShape {
    /// Stays at its peak.
    #[default]
    Constant,
    /// Falls linearly.
    Linear,
    /// Falls along half a cosine.
    Cosine,
    /// Falls by a power of what is left, as the recipes of LARS do.
    Polynomial,
    /// Falls by a factor at each milestone, as the first recipes of ResNet do.
    MultiStep,
    /// Falls along half a cosine again and again.
    WarmRestarts,
    /// Falls by a factor where the mean train loss between two evaluations has stopped falling. It
    /// is never the test metric, nor that of validation, which a confirmation does not have.
    Plateau,
}

impl LrShape {
    /// Those that fall all the way to a rate of their own.
    pub(super) const FALLING: &[Self] = &[Self::Linear, Self::Cosine, Self::Polynomial];

    /// Those that have a rate which they do not go below.
    pub(super) const WITH_END: &[Self] = &[
        Self::Linear,
        Self::Cosine,
        Self::Polynomial,
        Self::WarmRestarts,
        Self::Plateau,
    ];

    /// The shape as it is written in a configuration.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Constant => "constant",
            Self::Linear => "linear",
            Self::Cosine => "cosine",
            Self::Polynomial => "polynomial",
            Self::MultiStep => "multi-step",
            Self::WarmRestarts => "warm-restarts",
            Self::Plateau => "plateau",
        }
    }

    /// Whether it falls all the way to a rate of its own.
    pub(crate) fn is_falling(self) -> bool {
        Self::FALLING.contains(&self)
    }
}
