//! The rules that come with the crate, as one type.

use serde::{Deserialize, Serialize};
use tch::Tensor;

use super::{AdamConfig, Context, LambConfig, LarsConfig, Norms, Rule, SgdConfig};
use crate::{Decay, Error};

/// One of the built-in rules; itself a rule, so that a configuration read from
/// a file builds like any other.
///
/// ```
/// use lawn_core::RuleConfig;
/// let rule: RuleConfig = serde_json::from_str(r#"{"kind": "adam", "beta2": 0.99}"#)?;
/// assert!(matches!(rule, RuleConfig::Adam(adam) if adam.beta1 == 0.9 && adam.beta2 == 0.99));
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
#[non_exhaustive]
pub enum RuleConfig {
    /// Stochastic gradient descent.
    Sgd(SgdConfig),
    /// Adam, AdamW, AMSGrad.
    Adam(AdamConfig),
    /// LAMB.
    Lamb(LambConfig),
    /// LARS.
    Lars(LarsConfig),
}

impl RuleConfig {
    fn rule(&self) -> &dyn Rule {
        match self {
            RuleConfig::Sgd(rule) => rule,
            RuleConfig::Adam(rule) => rule,
            RuleConfig::Lamb(rule) => rule,
            RuleConfig::Lars(rule) => rule,
        }
    }
}

impl Rule for RuleConfig {
    fn name(&self) -> &str {
        self.rule().name()
    }

    fn buffers(&self) -> &[&str] {
        self.rule().buffers()
    }

    fn direction(
        &self,
        context: &Context,
        weight: &Tensor,
        gradient: &Tensor,
        buffers: &mut [Tensor],
    ) -> Tensor {
        self.rule().direction(context, weight, gradient, buffers)
    }

    fn trust(&self, context: &Context, norms: &Norms<'_>) -> Option<Tensor> {
        self.rule().trust(context, norms)
    }

    fn absorbs(&self, decay: Decay) -> bool {
        self.rule().absorbs(decay)
    }

    fn validate(&self) -> Result<(), Error> {
        self.rule().validate()
    }

    fn builtin(&self) -> Option<RuleConfig> {
        Some(*self)
    }
}

macro_rules! from_rule {
    ($($variant:ident($config:ty)),+) => {$(
        impl From<$config> for RuleConfig {
            fn from(rule: $config) -> Self {
                RuleConfig::$variant(rule)
            }
        }
    )+};
}

from_rule!(
    Sgd(SgdConfig),
    Adam(AdamConfig),
    Lamb(LambConfig),
    Lars(LarsConfig)
);
