//! What an optimizer is made of.

use serde::{Deserialize, Serialize};

use crate::backend::BackendChoice;
use crate::constraint::interface::NormConstraint;
use crate::constraint::{CprConfig, HyperballConfig, LawnConfig, RotationalConfig};
use crate::decay::WeightDecay;
use crate::defaults::yes;
use crate::parameters::group::Group;
use crate::rule::{Rule, RuleConfig};
use crate::schedule::Schedule;
use crate::tables::CowClipConfig;

/// Everything that defines an optimizer, apart from the parameters.
///
/// Generic over the rule: the default is one of the built-in rules, chosen at
/// run time; [`AdamConfig`](crate::AdamConfig) or a rule of your own may stand
/// there as well.
///
/// ```
/// use lawn_core::{AdamConfig, LawnConfig, OptimizerConfig, Parameters, Schedule};
/// use tch::{Device, nn};
///
/// let vs = nn::VarStore::new(Device::Cpu);
/// let fc = nn::linear(vs.root() / "fc", 4, 2, Default::default());
/// let mut optimizer = OptimizerConfig::new(AdamConfig::default(), Schedule::constant(1e-3))
///     .with_lawn(LawnConfig::new(100))
///     .build(Parameters::from_var_store(&vs)?)?;
/// # let x = tch::Tensor::ones([1, 4], (tch::Kind::Float, Device::Cpu));
/// # use tch::nn::Module;
/// optimizer.zero_grad();
/// fc.forward(&x).square().sum(tch::Kind::Float).backward();
/// let report = optimizer.step()?;
/// assert_eq!(report.step(), 1);
/// # Ok::<(), lawn_core::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OptimizerConfig<R = RuleConfig> {
    /// What makes a direction of a gradient.
    pub rule: R,
    /// The learning rate over time.
    pub schedule: Schedule,
    /// What the schedule counts.
    #[serde(default)]
    pub clock: Clock,
    /// Weight decay of weights and embeddings.
    #[serde(default)]
    pub decay: WeightDecay,
    /// The norm constraint.
    #[serde(default)]
    pub lawn: Option<LawnConfig>,
    /// Another norm constraint in its place: the norm fixed from the start.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hyperball: Option<HyperballConfig>,
    /// Another: an upper bound of the norm.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cpr: Option<CprConfig>,
    /// Another: the norm and the angle of each step fixed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rotational: Option<RotationalConfig>,
    /// Largest global norm of the gradients, above which all are scaled down:
    /// `g ← g · min(1, clip_norm / ‖g‖₂)`, before any projection.
    #[serde(default)]
    pub clip_norm: Option<f64>,
    /// Clips the gradient of each row of an embedding table by the length of the row.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cow_clip: Option<CowClipConfig>,
    /// Settings for some parameters only.
    #[serde(default = "Vec::new")]
    pub groups: Vec<Group>,
    /// Whether a step with a gradient that is not finite is skipped. This takes a look at all
    /// gradients before the first write, as clipping does. Without either, a free step is a
    /// single pass over memory. It also decides whether a rule of one's own must make finite
    /// directions of finite gradients.
    ///
    /// With either, finite gradients whose squares would overflow are clipped to the largest
    /// global norm that they can have. That is 2⁶² for Adam, LAMB and under a norm constraint,
    /// unless all parameters are f64, and 2⁵⁰⁰ otherwise.
    /// [`StepReport::clip_factor`](crate::StepReport::clip_factor) tells. Without both, a
    /// second moment that overflows stays infinite, and its weight no longer moves, as in
    /// PyTorch.
    #[serde(default = "yes")]
    pub check_finite: bool,
    /// Keeps an f32 copy of each f16 or bf16 parameter, which the steps are
    /// taken on, so that steps below the parameter's resolution add up.
    #[serde(default)]
    pub master_weights: bool,
    /// What computes the steps.
    #[serde(default)]
    pub backend: BackendChoice,
}

/// What a [`Schedule`] counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Clock {
    /// Optimizer steps.
    #[default]
    Steps,
    /// Samples, as given to
    /// [`step_with`](crate::Optimizer::step_with).
    Samples,
}

impl<R> OptimizerConfig<R> {
    /// The norm constraint, whichever is given; [`build`](Self::build) refuses a second.
    pub(crate) fn constraint(&self) -> Option<&dyn NormConstraint> {
        let (_, constraint) = self.constraints().next()?;
        Some(constraint)
    }

    /// The norm constraints that are given, each with the name of its field.
    pub(crate) fn constraints(&self) -> impl Iterator<Item = (&'static str, &dyn NormConstraint)> {
        fn given<C: NormConstraint>(one: &Option<C>) -> Option<&dyn NormConstraint> {
            one.as_ref().map(|one| one as &dyn NormConstraint)
        }
        [
            ("lawn", given(&self.lawn)),
            ("hyperball", given(&self.hyperball)),
            ("cpr", given(&self.cpr)),
            ("rotational", given(&self.rotational)),
        ]
        .into_iter()
        .filter_map(|(name, constraint)| Some((name, constraint?)))
    }

    /// The same with another rule.
    pub(crate) fn map_rule<S>(self, map: impl FnOnce(R) -> S) -> OptimizerConfig<S> {
        OptimizerConfig {
            rule: map(self.rule),
            schedule: self.schedule,
            clock: self.clock,
            decay: self.decay,
            lawn: self.lawn,
            hyperball: self.hyperball,
            cpr: self.cpr,
            rotational: self.rotational,
            clip_norm: self.clip_norm,
            cow_clip: self.cow_clip,
            groups: self.groups,
            check_finite: self.check_finite,
            master_weights: self.master_weights,
            backend: self.backend,
        }
    }
}

impl<R: Rule + 'static> OptimizerConfig<R> {
    /// A rule and a schedule, and nothing else.
    pub fn new(rule: R, schedule: Schedule) -> Self {
        Self {
            rule,
            schedule,
            clock: Clock::Steps,
            decay: WeightDecay::None,
            lawn: None,
            hyperball: None,
            cpr: None,
            rotational: None,
            clip_norm: None,
            cow_clip: None,
            groups: Vec::new(),
            check_finite: true,
            master_weights: false,
            backend: BackendChoice::Auto,
        }
    }

    /// With a norm constraint.
    #[must_use]
    pub fn with_lawn(self, lawn: LawnConfig) -> Self {
        Self {
            lawn: Some(lawn),
            ..self
        }
    }

    /// With weight decay.
    #[must_use]
    pub fn with_decay(self, decay: WeightDecay) -> Self {
        Self { decay, ..self }
    }

    /// With a largest global gradient norm.
    #[must_use]
    pub fn with_clip_norm(self, clip_norm: f64) -> Self {
        Self {
            clip_norm: Some(clip_norm),
            ..self
        }
    }

    /// With clipping of the rows of embedding tables.
    #[must_use]
    pub fn with_cow_clip(self, cow_clip: CowClipConfig) -> Self {
        Self {
            cow_clip: Some(cow_clip),
            ..self
        }
    }

    /// With settings for some parameters.
    #[must_use]
    pub fn with_group(mut self, group: Group) -> Self {
        self.groups.push(group);
        self
    }
}

/// The settings of an optimizer as its state records them.
#[derive(Serialize)]
pub(crate) struct SettingsRecord<'a> {
    rule: RuleRecord,
    schedule: &'a Schedule,
    clock: Clock,
    decay: WeightDecay,
    lawn: Option<&'a LawnConfig>,
    #[serde(skip_serializing_if = "Option::is_none")]
    hyperball: Option<&'a HyperballConfig>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cpr: Option<&'a CprConfig>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rotational: Option<&'a RotationalConfig>,
    clip_norm: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cow_clip: Option<CowClipConfig>,
    groups: &'a [Group],
    check_finite: bool,
    master_weights: bool,
}

/// A rule as a configuration file has it, or as it shows itself.
#[derive(Serialize)]
#[serde(untagged)]
enum RuleRecord {
    Builtin(RuleConfig),
    Own(String),
}

impl OptimizerConfig<Box<dyn Rule>> {
    /// What a state records of it; of its rule the configuration, if that is built in.
    pub(crate) fn record(&self, builtin: Option<RuleConfig>) -> SettingsRecord<'_> {
        // Named one by one, so that what is added is not forgotten here.
        let Self {
            rule,
            schedule,
            clock,
            decay,
            lawn,
            hyperball,
            cpr,
            rotational,
            clip_norm,
            cow_clip,
            groups,
            check_finite,
            master_weights,
            backend: _,
        } = self;
        SettingsRecord {
            rule: match builtin {
                Some(builtin) => RuleRecord::Builtin(builtin),
                None => RuleRecord::Own(format!("{rule:?}")),
            },
            schedule,
            clock: *clock,
            decay: *decay,
            lawn: lawn.as_ref(),
            hyperball: hyperball.as_ref(),
            cpr: cpr.as_ref(),
            rotational: rotational.as_ref(),
            clip_norm: *clip_norm,
            cow_clip: *cow_clip,
            groups,
            check_finite: *check_finite,
            master_weights: *master_weights,
        }
    }
}
