use lawn_core::{CowClipConfig, Granularity, UntouchedRows};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::shape::LrShape;

/// An arm's hyper-parameters at one point, flat: any of them can be fixed or
/// tuned by its name.
///
/// A setting left out takes the value of the optimizer's own configuration.
/// One that the rule does not have is refused, never ignored.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct OptimizerSettings {
    /// Base rule.
    pub rule: RuleName,
    /// Peak learning rate η, after warm-up and before decay.
    #[schemars(extend("exclusiveMinimum" = 0))]
    pub learning_rate: f64,
    /// Whether LAWN is stacked on the rule.
    #[serde(default)]
    pub lawn: bool,
    /// Epochs before the norms are fixed, fractions allowed; `lawn` only, with a
    /// budget in epochs. One of this and `free_fraction` is needed there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0))]
    pub free_epochs: Option<f64>,
    /// Part of all steps before the norms are fixed; `lawn` only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0), extend("exclusiveMaximum" = 1))]
    pub free_fraction: Option<f64>,
    /// Which parameters are constrained; `lawn` only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scope: Option<ScopeSetting>,
    /// What one radius belongs to; `lawn` only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "granularity")]
    pub granularity: Option<Granularity>,
    /// What becomes of rows of an embedding table that no sample of a batch looked up; `lawn`
    /// only. They are constrained as all others if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "untouched_rows")]
    pub untouched_rows: Option<UntouchedRows>,
    /// Whether the gradient loses its radial part before the rule; `lawn` only.
    #[serde(default = "yes")]
    pub project_gradient: bool,
    /// Whether the rule's update loses its radial part; `lawn` only.
    #[serde(default = "yes")]
    pub project_update: bool,
    /// Momentum μ of SGD and LARS.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0), extend("exclusiveMaximum" = 1))]
    pub momentum: Option<f64>,
    /// Dampening τ of SGD's momentum.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 1))]
    pub dampening: Option<f64>,
    /// Nesterov's form of momentum, for SGD and LARS.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nesterov: Option<bool>,
    /// Trust coefficient κ of LARS.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("exclusiveMinimum" = 0))]
    pub trust_coefficient: Option<f64>,
    /// Decay β₁ of the first moment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0), extend("exclusiveMaximum" = 1))]
    pub beta1: Option<f64>,
    /// Decay β₂ of the second moment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0), extend("exclusiveMaximum" = 1))]
    pub beta2: Option<f64>,
    /// Term ε of the rule, which keeps a divisor from 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("exclusiveMinimum" = 0))]
    pub epsilon: Option<f64>,
    /// What the sum of squares of Adagrad starts at, in both of its forms.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0))]
    pub initial_accumulator: Option<f64>,
    /// Weight decay λ: decoupled for `adamw` and `lamb`, coupled (L2) for the others. Biases,
    /// what belongs to a normalization, and the class token and positions of a vision
    /// transformer have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0))]
    pub weight_decay: Option<f64>,
    /// Greatest global norm of the raw gradients.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("exclusiveMinimum" = 0))]
    pub clip_norm: Option<f64>,
    /// CowClip: the gradient of each row of an embedding table of more than one column is clipped
    /// to `ratio` times the length of the row, or times `zeta` if that is more, times how often
    /// the batch looks the row up. It comes before weight decay and `clip_norm`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "cow_clip")]
    pub cow_clip: Option<CowClipConfig>,
    /// Peak learning rate of embedding tables in the place of `learning_rate`, whose shape it
    /// has over time. It does not follow the batch size.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("exclusiveMinimum" = 0))]
    pub embedding_learning_rate: Option<f64>,
    /// Weight decay of embedding tables in the place of `weight_decay`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0))]
    pub embedding_weight_decay: Option<f64>,
    /// Decay of the moving average of the weights, which is measured in their place; the
    /// weights themselves are measured if left out. It is smaller at first: `(1 + t) / (10 + t)`
    /// after `t` steps.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0), extend("exclusiveMaximum" = 1))]
    pub ema_decay: Option<f64>,
    /// Part of all steps over which the learning rate rises linearly from 0.
    #[serde(default)]
    #[schemars(range(min = 0), extend("exclusiveMaximum" = 1))]
    pub warmup: f64,
    /// Shape of the learning rate after warm-up.
    #[serde(default)]
    pub decay: LrShape,
    /// Learning rate at the end of a shape that falls, as a part of its peak; 0 if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 1))]
    pub end_factor: Option<f64>,
    /// Part of all steps after which a shape that falls stays at its end; 1 if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(max = 1), extend("exclusiveMinimum" = 0))]
    pub decay_until: Option<f64>,
    /// Power of the shape `polynomial`; 2 if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("exclusiveMinimum" = 0))]
    pub decay_power: Option<f64>,
    /// What each milestone of the shape `multi-step` multiplies the rate by; 0.1 if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 1))]
    pub decay_factor: Option<f64>,
    /// The milestones of the shape `multi-step`, as parts of all steps.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1), extend("uniqueItems" = true, "items" = inner_part()))]
    pub milestones: Option<Vec<f64>>,
}

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
}

/// Which parameters LAWN constrains.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, PartialEq, Eq)]
#[serde(untagged)]
pub enum ScopeSetting {
    /// One of the named scopes.
    Named(ScopeName),
    /// Patterns of parameter names; each must match something.
    Patterns(#[schemars(length(min = 1), inner(length(min = 1)))] Vec<String>),
}

/// The named scopes.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Copy, Debug, PartialEq, Eq, Default)]
#[serde(rename_all = "kebab-case")]
pub enum ScopeName {
    /// The weights after the last normalization layer.
    #[default]
    FinalHomogeneous,
    /// Every weight and embedding.
    AllWeights,
}

/// The optimizers' own crate knows no schemas.
fn granularity(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "enum": [Granularity::Layer, Granularity::Row] })
}

fn untouched_rows(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "enum": [UntouchedRows::Constrained, UntouchedRows::LeftAlone] })
}

fn cow_clip(_: &mut SchemaGenerator) -> Schema {
    let CowClipConfig { ratio, zeta } = CowClipConfig::default();
    let number = |default: f64, description: &str| {
        json!({
            "type": "number", "exclusiveMinimum": 0, "default": default,
            "description": description,
        })
    };
    json_schema!({
        "type": "object",
        "properties": {
            "ratio": number(ratio, "Factor r of the bound, to ζ as well."),
            "zeta": number(zeta, "Least length ζ of a row, so that a row of zeros can move."),
        },
        "additionalProperties": false,
    })
}

/// A part of all steps that is neither none nor all of them.
fn inner_part() -> Value {
    json!({ "type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1 })
}

fn yes() -> bool {
    true
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
        }
    }

    /// The optional settings that this rule has.
    pub(crate) fn settings(self) -> &'static [&'static str] {
        match self {
            Self::Sgd => &["momentum", "dampening", "nesterov", "weight_decay"],
            Self::Adam | Self::Adamw | Self::Amsgrad | Self::Lamb | Self::LazyAdam => {
                &["beta1", "beta2", "epsilon", "weight_decay"]
            }
            Self::Adagrad | Self::RowwiseAdagrad => {
                &["epsilon", "initial_accumulator", "weight_decay"]
            }
            Self::Lars => &[
                "momentum",
                "nesterov",
                "trust_coefficient",
                "epsilon",
                "weight_decay",
            ],
        }
    }
}

impl OptimizerSettings {
    /// A rule at a learning rate, everything else left at its default.
    pub fn new(rule: RuleName, learning_rate: f64) -> Self {
        Self {
            rule,
            learning_rate,
            lawn: false,
            free_epochs: None,
            free_fraction: None,
            scope: None,
            granularity: None,
            untouched_rows: None,
            project_gradient: true,
            project_update: true,
            momentum: None,
            dampening: None,
            nesterov: None,
            trust_coefficient: None,
            beta1: None,
            beta2: None,
            epsilon: None,
            initial_accumulator: None,
            weight_decay: None,
            clip_norm: None,
            cow_clip: None,
            embedding_learning_rate: None,
            embedding_weight_decay: None,
            ema_decay: None,
            warmup: 0.0,
            decay: LrShape::Constant,
            end_factor: None,
            decay_until: None,
            decay_power: None,
            decay_factor: None,
            milestones: None,
        }
    }
}
