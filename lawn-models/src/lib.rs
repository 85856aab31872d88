//! Models, data sets and the trainer of the LAWN toolkit.
//!
//! One trial is one optimizer setting with one seed, trained once. A
//! [`TrialConfig`] says everything that decides its result, a [`TrialContext`]
//! where it runs; [`run_trial`] trains it and reports each epoch to an
//! [`Observer`].

mod config;
mod record;

pub use config::{
    Decay, Granularity, ImageConfig, NcfConfig, NcfModelKind, OptimizerSettings, ProceduralConfig,
    RuleName, ScopeName, ScopeSetting, SettingsError, Stage, SyntheticConfig, TaskConfig,
    TaskMetrics, Ties, TrialConfig, TrialContext, ValidationItem,
};
pub use record::{
    EpochRecord, Measurement, Observer, Phase, Seconds, Silent, Split, TrialEnd, TrialInfo,
    TrialSummary, UnitNorm,
};
/// The device type of [`TrialContext`].
pub use tch::Device;
