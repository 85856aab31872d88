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

/// The settings of a shape, and the shapes that have each.
pub(super) const SHAPE_SETTINGS: [(&str, &[LrShape]); 11] = [
    ("end_factor", LrShape::WITH_END),
    ("end_learning_rate", LrShape::WITH_END),
    ("decay_until", LrShape::FALLING),
    ("decay_power", &[LrShape::Polynomial]),
    ("decay_factor", &[LrShape::MultiStep, LrShape::Plateau]),
    ("restart_after", &[LrShape::WarmRestarts]),
    ("restart_growth", &[LrShape::WarmRestarts]),
    ("plateau_patience", &[LrShape::Plateau]),
    ("plateau_threshold", &[LrShape::Plateau]),
    ("plateau_cooldown", &[LrShape::Plateau]),
    ("milestones", &[LrShape::MultiStep]),
];

impl LrShape {
    /// All shapes.
    pub const ALL: &[Self] = &[
        Self::Constant,
        Self::Linear,
        Self::Cosine,
        Self::Polynomial,
        Self::MultiStep,
        Self::WarmRestarts,
        Self::Plateau,
    ];

    /// Those that fall all the way to a rate of their own.
    const FALLING: &[Self] = &[Self::Linear, Self::Cosine, Self::Polynomial];

    /// Those that have a rate which they do not go below.
    const WITH_END: &[Self] = &[
        Self::Linear,
        Self::Cosine,
        Self::Polynomial,
        Self::WarmRestarts,
        Self::Plateau,
    ];

    /// Whether it has a setting; none of what no shape has.
    ///
    /// ```
    /// use lawn_models::LrShape::{Constant, Cosine};
    ///
    /// assert_eq!(Cosine.has("end_factor"), Some(true));
    /// assert_eq!(Constant.has("end_factor"), Some(false));
    /// assert_eq!(Constant.has("beta1"), None);
    /// ```
    pub fn has(self, setting: &str) -> Option<bool> {
        let mut settings = SHAPE_SETTINGS.iter();
        let (_, shapes) = settings.find(|(name, _)| *name == setting)?;
        Some(shapes.contains(&self))
    }

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
