//! The rules that come with the crate, as one type made of their list.

/// Makes [`RuleConfig`](crate::RuleConfig) of the list of rules.
macro_rules! builtin_rules {
    ($($(#[$attribute:meta])+ $variant:ident($module:ident::$config:ident)),+ $(,)?) => {
        $(pub use $module::$config;)+

        /// One of the built-in rules; itself a rule, so that a configuration read from
        /// a file builds like any other.
        ///
        /// ```
        /// use lawn_core::RuleConfig;
        /// let rule: RuleConfig = serde_json::from_str(r#"{"kind": "adam", "beta2": 0.99}"#)?;
        /// assert!(matches!(rule, RuleConfig::Adam(adam) if adam.beta1 == 0.9 && adam.beta2 == 0.99));
        /// # Ok::<(), serde_json::Error>(())
        /// ```
        #[derive(
            Clone, Copy, Debug, PartialEq, serde::Serialize, serde::Deserialize,
        )]
        #[serde(tag = "kind", rename_all = "snake_case")]
        #[non_exhaustive]
        pub enum RuleConfig {
            $($(#[$attribute])+ $variant($config),)+
        }

        impl RuleConfig {
            /// The built-in rule that a value is, if it is one.
            pub(crate) fn of(rule: &dyn std::any::Any) -> Option<Self> {
                if let Some(rule) = rule.downcast_ref() {
                    return Some(*rule);
                }
                $(if let Some(rule) = rule.downcast_ref() {
                    return Some(RuleConfig::$variant(*rule));
                })+
                None
            }

            fn rule(&self) -> &dyn Rule {
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

        impl Rule for RuleConfig {
            fn name(&self) -> &str {
                self.rule().name()
            }

            fn buffers(&self) -> &[&str] {
                self.rule().buffers()
            }

            fn buffer_shape(&self, context: &Context, buffer: &str, shape: &[i64]) -> Vec<i64> {
                self.rule().buffer_shape(context, buffer, shape)
            }

            fn direction(
                &self,
                context: &Context,
                weight: &tch::Tensor,
                gradient: &tch::Tensor,
                buffers: &mut [tch::Tensor],
            ) -> tch::Tensor {
                self.rule().direction(context, weight, gradient, buffers)
            }

            fn trust(&self, context: &Context, norms: &Norms<'_>) -> Option<tch::Tensor> {
                self.rule().trust(context, norms)
            }

            fn absorbs(&self, decay: crate::decay::WeightDecay) -> bool {
                self.rule().absorbs(decay)
            }

            fn row_updates(&self, context: &Context) -> RowUpdates {
                self.rule().row_updates(context)
            }

            fn squares_gradients(&self, context: &Context) -> bool {
                self.rule().squares_gradients(context)
            }

            fn evaluated(
                &self,
                context: &Context,
                weight: &tch::Tensor,
                buffers: &[tch::Tensor],
            ) -> Option<tch::Tensor> {
                self.rule().evaluated(context, weight, buffers)
            }

            fn treats(&self, context: &Context) -> &'static str {
                self.rule().treats(context)
            }

            fn validate(&self) -> Result<(), crate::error::Error> {
                self.rule().validate()
            }

            fn form(&self, context: &Context) -> Option<Form> {
                self.rule().form(context)
            }
        }
    };
}
pub(super) use builtin_rules;
