use lawn_core::{
    Adaptation, CowClipConfig, Granularity, MuonConfig, MuonIteration, MuonScale, PlateauConfig,
    UntouchedRows,
};
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

mod schemas;

use super::freeze::FreezeCondition;
use super::names::{ConstraintName, LambForm, RuleName};
use super::one_of::one_of;
use super::shape::{DECAY_FACTOR, DECAY_POWER, DECAY_UNTIL, END_FACTOR, LrShape, RESTART_GROWTH};

/// An arm's hyper-parameters at one point, flat: any of them can be fixed or
/// tuned by its name.
///
/// A setting left out takes the value of the optimizer's own configuration.
/// One that the rule does not have is refused, never ignored.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, PartialEq)]
// Read and written by the implementations below.
#[serde(deny_unknown_fields, remote = "Self")]
pub struct OptimizerSettings {
    /// Base rule.
    pub rule: RuleName,
    /// Peak learning rate η, after warm-up and before decay.
    #[schemars(extend("exclusiveMinimum" = 0))]
    pub learning_rate: f64,
    /// Whether LAWN is stacked on the rule.
    #[serde(default)]
    pub lawn: bool,
    /// The norm constraint; `lawn` is the same as `lawn = true`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub constraint: Option<ConstraintName>,
    /// Epochs before the norms are fixed, or bounded by `cpr`, fractions allowed; with a
    /// budget in epochs. LAWN needs one of this, `free_fraction` and `free_steps`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0))]
    pub free_epochs: Option<f64>,
    /// Part of all steps before the norms are fixed, or bounded by `cpr`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0), extend("exclusiveMaximum" = 1))]
    pub free_fraction: Option<f64>,
    /// Steps before the norms are fixed, or bounded by `cpr`; with a budget in steps.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub free_steps: Option<u64>,
    /// What ends the free phase before that, looked at after each evaluation; the free phase is
    /// the longest that it can be then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "super::freeze::schema")]
    pub freeze_when: Option<FreezeCondition>,
    /// Which parameters are constrained; under a constraint only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scope: Option<ScopeSetting>,
    /// What one radius belongs to; under a constraint only.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "schemas::read_granularity"
    )]
    #[schemars(schema_with = "schemas::granularity")]
    pub granularity: Option<Granularity>,
    /// Patterns of the names of the parameters that `granularity` is for, such as what makes queries,
    /// keys and values by head; the others have that of the constraint. All have it if left out.
    /// Heads are rows of these projections, and columns of that of the output.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1), inner(length(min = 1)))]
    pub granularity_on: Option<Vec<String>>,
    /// What becomes of rows of an embedding table that no sample of a batch looked up; under a
    /// constraint only. They are constrained as all others if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schemas::untouched_rows")]
    pub untouched_rows: Option<UntouchedRows>,
    /// Whether the gradient loses its radial part before the rule; `lawn` only.
    #[serde(default = "yes")]
    pub project_gradient: bool,
    /// Whether the rule's update loses its radial part; `lawn` only.
    #[serde(default = "yes")]
    pub project_update: bool,
    /// Bound of `cpr`: so many times the squared norm at the start, the paper's `dependent`. With neither
    /// bound it is that at the end of the free phase, the paper's `warm_start`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("exclusiveMinimum" = 0))]
    pub bound_factor: Option<f64>,
    /// Bound of `cpr`: this squared norm for every unit, the paper's `uniform`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("exclusiveMinimum" = 0))]
    pub bound_square: Option<f64>,
    /// How fast the multiplier of `cpr` follows what is above its bound; 1 if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0))]
    pub multiplier_rate: Option<f64>,
    /// Whether the learning rate multiplies what the multiplier of `cpr` takes of the weights; it
    /// does not if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by_learning_rate: Option<bool>,
    /// Whether weights and updates of `rotational` have a mean of 0 in each unit; they have if
    /// left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub centred: Option<bool>,
    /// Decay φ of the mean square of an update that `rotational` divides by; 0.9 if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0), extend("exclusiveMaximum" = 1))]
    pub rotation_memory: Option<f64>,
    /// Term ε of that divisor of `rotational`; 1e-8 if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0))]
    pub rotation_epsilon: Option<f64>,
    /// Momentum μ of SGD, SGDP and LARS, and of Muon.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0), extend("exclusiveMaximum" = 1))]
    pub momentum: Option<f64>,
    /// 1 − μ in the place of `momentum`, for a range on a logarithmic scale.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(max = 1), extend("exclusiveMinimum" = 0))]
    pub one_minus_momentum: Option<f64>,
    /// Dampening τ of SGD's and SGDP's momentum.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 1))]
    pub dampening: Option<f64>,
    /// Nesterov's form of momentum, for SGD, SGDP, LARS, AdamP and Muon.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nesterov: Option<bool>,
    /// Trust coefficient κ of LARS.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("exclusiveMinimum" = 0))]
    pub trust_coefficient: Option<f64>,
    /// Which parameters have a trust ratio, of LAMB and LARS: all, or those with weight decay or
    /// under a constraint. All have one if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schemas::adaptation")]
    pub adaptation: Option<Adaptation>,
    /// Which implementation of LAMB, by its conventions; that of the paper if left out. Its clip of
    /// gradients and its weight decay are settings of their own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub form: Option<LambForm>,
    /// Whether the moments of LAMB are divided by `1 − βᵗ`; they are in every form.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bias_correction: Option<bool>,
    /// Whether the gradient enters the first moment of LAMB with `1 − β₁`, as in every form, or
    /// with 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gradient_averaging: Option<bool>,
    /// Largest trust ratio of LAMB, 1 for LAMBC; it has no bound if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("exclusiveMinimum" = 0))]
    pub trust_max: Option<f64>,
    /// Decay β₁ of the first moment; of Lion, how much of the momentum is in a step; of
    /// Schedule-Free AdamW, how near the average gradients are taken.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0), extend("exclusiveMaximum" = 1))]
    pub beta1: Option<f64>,
    /// 1 − β₁ in the place of `beta1`, for a range on a logarithmic scale.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(max = 1), extend("exclusiveMinimum" = 0))]
    pub one_minus_beta1: Option<f64>,
    /// Decay β₂ of the second moment, or of Lion's momentum.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0), extend("exclusiveMaximum" = 1))]
    pub beta2: Option<f64>,
    /// 1 − β₂ in the place of `beta2`, for a range on a logarithmic scale.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(max = 1), extend("exclusiveMinimum" = 0))]
    pub one_minus_beta2: Option<f64>,
    /// Term ε of the rule, which keeps a divisor from 0; of Adafactor the least divisor.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0))]
    pub epsilon: Option<f64>,
    /// How fast the second moment of Adafactor forgets less: a part `t` to minus this of it is new
    /// after `t` steps.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0))]
    pub beta2_power: Option<f64>,
    /// Least root mean square of weights that a step of Adafactor is a part of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0))]
    pub least_scale: Option<f64>,
    /// Root mean square of an update from which on Adafactor shortens it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub update_threshold: Option<f64>,
    /// What the sum of squares of Adagrad starts at, in both of its forms.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0))]
    pub initial_accumulator: Option<f64>,
    /// Below what cosine of gradient and weights, in `1/√n` of `n` elements, AdamP and SGDP take
    /// the radial part out of an update.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0))]
    pub delta: Option<f64>,
    /// What AdamP and SGDP multiply weight decay by where they do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 1))]
    pub decay_ratio: Option<f64>,
    /// How much more late iterates weigh in the average of Schedule-Free AdamW: the `t`-th
    /// `t` to this power.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0))]
    pub weight_power: Option<f64>,
    /// How much less iterates of a warm-up weigh there: the largest learning rate so far to this
    /// power.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0))]
    pub rate_power: Option<f64>,
    /// Newton–Schulz iterations of Muon.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 20))]
    pub iterations: Option<u32>,
    /// Kind of numbers that Muon iterates in: those of its state, f32, if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schemas::muon_iteration", extend("default" = MuonConfig::default().iteration))]
    pub iteration: Option<MuonIteration>,
    /// How long a step of Muon is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schemas::muon_scale")]
    pub muon_scale: Option<MuonScale>,
    /// Patterns of the names of matrices that Muon leaves to Adam; the first and the last layer,
    /// mostly. Each must match something.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1), inner(length(min = 1)))]
    pub adam_on: Option<Vec<String>>,
    /// Weight decay λ: coupled (L2) for `sgd`, `adam`, `amsgrad`, `lars` and the rules of embedding
    /// tables, decoupled for the others. Biases, what belongs to a normalization, and the class
    /// token and positions of a vision transformer have none. Under `rotational` it is the decay
    /// whose balance gives the angle of a step.
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
    #[schemars(schema_with = "schemas::cow_clip")]
    pub cow_clip: Option<CowClipConfig>,
    /// Peak learning rate of embedding tables in the place of `learning_rate`, whose shape it
    /// has over time. It follows neither the batch size nor `layer_decay`.
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
    /// Learning rate at the end of a shape that falls, as a part of its peak, or the least of
    /// `warm-restarts` and `plateau`; 0 if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 1), extend("default" = END_FACTOR))]
    pub end_factor: Option<f64>,
    /// The same as a learning rate, in the place of `end_factor`; at most that of the peak.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0))]
    pub end_learning_rate: Option<f64>,
    /// Part of all steps after which a shape that falls stays at its end; 1 if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(max = 1), extend("default" = DECAY_UNTIL, "exclusiveMinimum" = 0))]
    pub decay_until: Option<f64>,
    /// Power of the shape `polynomial`; 2 if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("default" = DECAY_POWER, "exclusiveMinimum" = 0))]
    pub decay_power: Option<f64>,
    /// What each milestone of the shape `multi-step`, or each fall of `plateau`, multiplies the
    /// rate by; 0.1 if left out. Of `plateau` it is neither 0 nor 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 1), extend("default" = DECAY_FACTOR))]
    pub decay_factor: Option<f64>,
    /// The milestones of the shape `multi-step`, as parts of all steps.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1), extend("uniqueItems" = true, "items" = schemas::inner_part()))]
    pub milestones: Option<Vec<f64>>,
    /// Part of all steps from the end of the warm-up to the first restart of the shape
    /// `warm-restarts`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(max = 1), extend("exclusiveMinimum" = 0))]
    pub restart_after: Option<f64>,
    /// How many times as long as the one before each other wave of `warm-restarts` is; 1 if left
    /// out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 100), extend("default" = RESTART_GROWTH))]
    pub restart_growth: Option<u32>,
    /// Evaluations in a row whose train loss may be no lower before the shape `plateau` falls; 10
    /// if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("default" = PlateauConfig::default().patience))]
    pub plateau_patience: Option<u32>,
    /// By what part of the lowest train loss another must be lower for `plateau`; 1e-4 if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0), extend("default" = PlateauConfig::default().threshold, "exclusiveMaximum" = 1))]
    pub plateau_threshold: Option<f64>,
    /// Evaluations after a fall of `plateau` in which none counts; 0 if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("default" = PlateauConfig::default().cooldown))]
    pub plateau_cooldown: Option<u32>,
    /// What the learning rate of each layer is of that of the next one towards the output: the last
    /// has all of it. A block of layers counts as one, and `lawn model` shows the rate of each
    /// parameter. Of a net with branches, such as NeuMF or a deep net beside a wide one, layers that
    /// are as far from the output have the same rate: by the longest way. All have the same if left
    /// out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(max = 1), extend("exclusiveMinimum" = 0))]
    pub layer_decay: Option<f64>,
}

/// Which parameters LAWN constrains.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, PartialEq, Eq)]
#[serde(untagged, remote = "Self")]
pub enum ScopeSetting {
    /// One of the named scopes.
    Named(ScopeName),
    /// Patterns of parameter names; each must match something.
    Patterns(#[schemars(length(min = 1), inner(length(min = 1)))] Vec<String>),
}

impl<'de> Deserialize<'de> for ScopeSetting {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let allowed = "\"final-homogeneous\", \"all-weights\", \"matrices\", or a list of patterns of \
                       parameter names, as [\"*.attn.qkv.weight\"]";
        one_of(deserializer, Self::deserialize, allowed)
    }
}

impl Serialize for ScopeSetting {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Self::serialize(self, serializer)
    }
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
    /// Every weight of at least two dimensions, and no embedding.
    Matrices,
}

fn yes() -> bool {
    true
}

impl<'de> Deserialize<'de> for OptimizerSettings {
    /// With LAWN by its one name, so that two ways to ask for it are one setting.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut settings = Self::deserialize(deserializer)?;
        if settings.constraint == Some(ConstraintName::Lawn) {
            (settings.lawn, settings.constraint) = (true, None);
        }
        Ok(settings)
    }
}

impl Serialize for OptimizerSettings {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Self::serialize(self, serializer)
    }
}

impl OptimizerSettings {
    /// Whether norms are constrained, by LAWN or by another constraint.
    pub fn is_constrained(&self) -> bool {
        self.lawn || self.constraint.is_some()
    }

    /// Each decay that may be given as what it lacks to 1 instead: its names and both values.
    pub(crate) fn complements(
        &self,
    ) -> [(&'static str, &'static str, Option<f64>, Option<f64>); 3] {
        [
            (
                "momentum",
                "one_minus_momentum",
                self.momentum,
                self.one_minus_momentum,
            ),
            ("beta1", "one_minus_beta1", self.beta1, self.one_minus_beta1),
            ("beta2", "one_minus_beta2", self.beta2, self.one_minus_beta2),
        ]
    }

    /// The settings with every decay as itself.
    pub(crate) fn with_decays(&self) -> Self {
        let [momentum, beta1, beta2] =
            (self.complements()).map(|(_, _, own, rest)| own.or(rest.map(|rest| 1.0 - rest)));
        Self {
            momentum,
            one_minus_momentum: None,
            beta1,
            one_minus_beta1: None,
            beta2,
            one_minus_beta2: None,
            ..self.clone()
        }
    }

    /// A rule at a learning rate, everything else left at its default.
    pub fn new(rule: RuleName, learning_rate: f64) -> Self {
        Self {
            rule,
            learning_rate,
            lawn: false,
            constraint: None,
            free_epochs: None,
            free_fraction: None,
            free_steps: None,
            freeze_when: None,
            scope: None,
            granularity: None,
            granularity_on: None,
            untouched_rows: None,
            project_gradient: true,
            project_update: true,
            bound_factor: None,
            bound_square: None,
            multiplier_rate: None,
            by_learning_rate: None,
            centred: None,
            rotation_memory: None,
            rotation_epsilon: None,
            momentum: None,
            one_minus_momentum: None,
            dampening: None,
            nesterov: None,
            trust_coefficient: None,
            adaptation: None,
            form: None,
            bias_correction: None,
            gradient_averaging: None,
            trust_max: None,
            beta1: None,
            one_minus_beta1: None,
            beta2: None,
            one_minus_beta2: None,
            epsilon: None,
            beta2_power: None,
            least_scale: None,
            update_threshold: None,
            initial_accumulator: None,
            delta: None,
            decay_ratio: None,
            weight_power: None,
            rate_power: None,
            iterations: None,
            iteration: None,
            muon_scale: None,
            adam_on: None,
            weight_decay: None,
            clip_norm: None,
            cow_clip: None,
            embedding_learning_rate: None,
            embedding_weight_decay: None,
            ema_decay: None,
            warmup: 0.0,
            decay: LrShape::Constant,
            end_factor: None,
            end_learning_rate: None,
            decay_until: None,
            decay_power: None,
            decay_factor: None,
            milestones: None,
            restart_after: None,
            restart_growth: None,
            plateau_patience: None,
            plateau_threshold: None,
            plateau_cooldown: None,
            layer_decay: None,
        }
    }
}
