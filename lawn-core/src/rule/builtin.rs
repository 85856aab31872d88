//! The rules that come with the crate, as one type.

use serde::{Deserialize, Serialize};
use tch::Tensor;

use super::form::Form;
use crate::error::Error;
use crate::parameters::decay::WeightDecay;
use crate::rule::adam::AdamConfig;
use crate::rule::interface::{Context, Norms, Rule};
use crate::rule::lamb::LambConfig;
use crate::rule::lars::LarsConfig;
use crate::rule::sgd::SgdConfig;

/// A rule that the backends compute by its [`Form`].
pub(crate) trait Lowered: Rule {
    /// What they compute for an update of a parameter.
    fn form(&self, context: &Context) -> Form;
}

/// The type of all built-in rules, of their list.
macro_rules! builtin_rules {
    ($($(#[$doc:meta])+ $variant:ident($config:ty)),+ $(,)?) => {
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
            $($(#[$doc])+ $variant($config),)+
        }

        impl RuleConfig {
            fn rule(&self) -> &dyn Lowered {
                match self {
                    $(RuleConfig::$variant(rule) => rule,)+
                }
            }
        }

        $(impl From<$config> for RuleConfig {
            fn from(rule: $config) -> Self {
                RuleConfig::$variant(rule)
            }
        })+
    };
}

builtin_rules! {
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
    /// What the backends compute for an update of a parameter.
    pub(crate) fn form(&self, context: &Context) -> Form {
        self.rule().form(context)
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

    fn absorbs(&self, decay: WeightDecay) -> bool {
        self.rule().absorbs(decay)
    }

    fn validate(&self) -> Result<(), Error> {
        self.rule().validate()
    }

    fn builtin(&self) -> Option<RuleConfig> {
        Some(*self)
    }
}
