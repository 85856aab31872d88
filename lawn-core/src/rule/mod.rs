//! Update rules: what turns a gradient into a direction.

pub(crate) mod adam;
pub(crate) mod builtin;
pub(crate) mod form;
pub(crate) mod interface;
pub(crate) mod lamb;
pub(crate) mod lars;
pub(crate) mod moments;
pub(crate) mod sgd;
pub(crate) mod trust;
pub(crate) mod watched;

pub use adam::AdamConfig;
pub use builtin::RuleConfig;
pub use interface::{Context, Norms, Rule};
pub use lamb::{
    Adaptation, BiasCorrection, DecayPlace, EpsilonPlace, GradientAveraging, LambConfig,
};
pub use lars::LarsConfig;
pub use sgd::SgdConfig;
