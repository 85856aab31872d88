//! Rules and constraints by their names in a configuration.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Base rules.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum RuleName {
    /// Stochastic gradient descent, with momentum where it is set.
    Sgd,
    /// Adam; weight decay is coupled.
    Adam,
    /// Adam with decoupled weight decay.
    Adamw,
    /// Adam that keeps the largest second moment.
    Amsgrad,
    /// Layer-wise adaptive moments.
    Lamb,
    /// Layer-wise adaptive rates on momentum.
    Lars,
    /// Rates that fall with the sum of squared gradients.
    Adagrad,
    /// Adagrad with one sum a row of an embedding table; rows without a gradient are left alone.
    RowwiseAdagrad,
    /// Adam that leaves rows of an embedding table alone that have no gradient.
    LazyAdam,
    /// Adam with decoupled weight decay that looks one step of its momentum ahead.
    Nadamw,
    /// The sign of a momentum.
    Lion,
    /// Adam whose update loses its radial part where the gradient has none.
    Adamp,
    /// Momentum whose update loses its radial part where the gradient has none.
    Sgdp,
    /// AdamW with an average of the iterates in the place of a falling learning rate.
    ScheduleFree,
    /// Orthogonalized momentum of matrices, Adam of all others.
    Muon,
    /// A second moment of rows and columns, and steps in parts of the weights.
    Adafactor,
}

/// Implementations of LAMB.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum LambForm {
    /// Algorithm 2 of You et al.: every parameter has a trust ratio.
    Paper,
    /// NVIDIA apex's `FusedLAMB`: those with weight decay have one.
    Apex,
    /// The same with `use_nvlamb`: every parameter has one.
    Nvlamb,
    /// timm's `Lamb`: as `apex`.
    Timm,
}

/// Norm constraints.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ConstraintName {
    /// LAWN: the norm is fixed after a free phase. Settings that are read have it as `lawn = true`.
    Lawn,
    /// The norm is fixed from the start, and each step is a part of it.
    Hyperball,
    /// The norm has an upper bound, which a multiplier holds it to.
    Cpr,
    /// The norm is fixed from the start, and each step turns by the angle of a balance.
    Rotational,
}

/// Settings that every constraint has, and that nothing is without one.
const SHARED: [&str; 4] = ["scope", "granularity", "granularity_on", "untouched_rows"];

impl ConstraintName {
    /// Every one but LAWN, for which settings have a key of its own.
    pub const ALL: &[Self] = &[Self::Hyperball, Self::Cpr, Self::Rotational];

    /// The constraint of this name.
    pub fn named(name: &str) -> Option<Self> {
        let mut all = [Self::Lawn].iter().chain(Self::ALL);
        all.find(|one| one.as_str() == name).copied()
    }

    /// Whether it has a setting that is of constraints alone; none of a setting that is of no
    /// constraint.
    ///
    /// ```
    /// use lawn_models::ConstraintName::{Cpr, Hyperball};
    ///
    /// assert_eq!(Cpr.has("free_steps"), Some(true));
    /// assert_eq!(Hyperball.has("free_steps"), Some(false));
    /// assert_eq!(Hyperball.has("beta1"), None);
    /// ```
    pub fn has(self, setting: &str) -> Option<bool> {
        let of = |one: Self| SHARED.contains(&setting) || one.own().contains(&setting);
        let is_any = [Self::Lawn].iter().chain(Self::ALL).any(|&one| of(one));
        is_any.then(|| of(self))
    }

    /// The settings that it has, and that nothing has without a constraint.
    #[cfg(test)]
    pub(crate) fn settings(self) -> impl Iterator<Item = &'static str> {
        SHARED.iter().chain(self.own()).copied()
    }

    /// The settings that it has beside those that all constraints have.
    fn own(self) -> &'static [&'static str] {
        match self {
            Self::Lawn => &[
                "free_epochs",
                "free_fraction",
                "free_steps",
                "freeze_when",
                "project_gradient",
                "project_update",
            ],
            Self::Hyperball => &[],
            Self::Cpr => &[
                "free_epochs",
                "free_fraction",
                "free_steps",
                "freeze_when",
                "bound_factor",
                "bound_square",
                "multiplier_rate",
                "by_learning_rate",
            ],
            Self::Rotational => &["centred", "rotation_memory", "rotation_epsilon"],
        }
    }

    /// The constraint as it is written in a configuration.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Lawn => "lawn",
            Self::Hyperball => "hyperball",
            Self::Cpr => "cpr",
            Self::Rotational => "rotational",
        }
    }
}

impl RuleName {
    /// Every rule.
    pub const ALL: &[Self] = &[
        Self::Sgd,
        Self::Adam,
        Self::Adamw,
        Self::Amsgrad,
        Self::Lamb,
        Self::Lars,
        Self::Adagrad,
        Self::RowwiseAdagrad,
        Self::LazyAdam,
        Self::Nadamw,
        Self::Lion,
        Self::Adamp,
        Self::Sgdp,
        Self::ScheduleFree,
        Self::Muon,
        Self::Adafactor,
    ];

    /// The rule as it is written in a configuration.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Sgd => "sgd",
            Self::Adam => "adam",
            Self::Adamw => "adamw",
            Self::Amsgrad => "amsgrad",
            Self::Lamb => "lamb",
            Self::Lars => "lars",
            Self::Adagrad => "adagrad",
            Self::RowwiseAdagrad => "rowwise_adagrad",
            Self::LazyAdam => "lazy_adam",
            Self::Nadamw => "nadamw",
            Self::Lion => "lion",
            Self::Adamp => "adamp",
            Self::Sgdp => "sgdp",
            Self::ScheduleFree => "schedule_free",
            Self::Muon => "muon",
            Self::Adafactor => "adafactor",
        }
    }

    /// Whether weight decay is decoupled.
    pub fn decouples_decay(self) -> bool {
        matches!(
            self,
            Self::Adamw
                | Self::Lamb
                | Self::Nadamw
                | Self::Lion
                | Self::Adamp
                | Self::Sgdp
                | Self::ScheduleFree
                | Self::Muon
                | Self::Adafactor
        )
    }

    /// The optional settings that this rule has.
    pub(crate) fn settings(self) -> &'static [&'static str] {
        match self {
            Self::Sgd => &["momentum", "dampening", "nesterov", "weight_decay"],
            Self::Adam | Self::Adamw | Self::Amsgrad | Self::LazyAdam | Self::Nadamw => {
                &["beta1", "beta2", "epsilon", "weight_decay"]
            }
            Self::Lamb => &[
                "beta1",
                "beta2",
                "epsilon",
                "form",
                "bias_correction",
                "gradient_averaging",
                "trust_max",
                "adaptation",
                "weight_decay",
            ],
            Self::Lion => &["beta1", "beta2", "weight_decay"],
            Self::Adamp => &[
                "beta1",
                "beta2",
                "epsilon",
                "nesterov",
                "delta",
                "decay_ratio",
                "weight_decay",
            ],
            Self::Sgdp => &[
                "momentum",
                "dampening",
                "nesterov",
                "delta",
                "decay_ratio",
                "weight_decay",
            ],
            Self::ScheduleFree => &[
                "beta1",
                "beta2",
                "epsilon",
                "weight_power",
                "rate_power",
                "weight_decay",
            ],
            Self::Muon => &[
                "momentum",
                "nesterov",
                "iterations",
                "iteration",
                "muon_scale",
                "adam_on",
                "beta1",
                "beta2",
                "epsilon",
                "weight_decay",
            ],
            Self::Adafactor => &[
                "beta2_power",
                "epsilon",
                "least_scale",
                "update_threshold",
                "weight_decay",
            ],
            Self::Adagrad | Self::RowwiseAdagrad => {
                &["epsilon", "initial_accumulator", "weight_decay"]
            }
            Self::Lars => &[
                "momentum",
                "nesterov",
                "trust_coefficient",
                "adaptation",
                "epsilon",
                "weight_decay",
            ],
        }
    }
}
