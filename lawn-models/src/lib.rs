//! Models, data sets and the trainer of the LAWN toolkit.
//!
//! One trial is one optimizer setting with one seed, trained once. A
//! [`TrialConfig`] says everything that decides its result, a [`TrialContext`]
//! where it runs; [`run_trial`] trains it and reports each evaluation to an
//! [`Observer`].

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

mod catalog;
mod config;
mod data_error;
mod floors;
#[cfg(test)]
mod golden;
mod image;
mod initial;
mod ncf;
mod random;
mod record;
mod system;
mod trainer;

pub use catalog::{
    DataSet, DataSetKind, MakeData, describe_data, make_data, test_files, train_files,
};
pub use config::{
    Amount, CONFIG_SOURCES, Decay, Diagnostics, Evaluation, FreePhase, ImageConfig, Length,
    NcfConfig, NcfModelKind, OptimizerSettings, ProceduralConfig, RuleName, ScopeName,
    ScopeSetting, SettingsError, Stage, SyntheticConfig, TaskConfig, TaskMetrics, Ties,
    TrialConfig, TrialContext, ValidationItem,
};
pub use data_error::DataError;
pub use floors::{Floor, floors};
pub use record::{
    EvaluationRecord, Measurement, Notice, Observer, ParameterDiagnostics, Seconds, Silent, Split,
    TrialEnd, TrialInfo, TrialSummary, UnitNorm,
};
pub use system::{CudaProbe, Probe, probe, set_threads};
pub use trainer::{
    TestPermit, TrialError, dry_run, examine, remove_checkpoints, run_trial, set_aside,
    set_checkpoints_aside,
};

/// Types of `lawn-core` that the public interface is made of.
pub use lawn_core::{Determinism, Granularity, Phase, RuleConfig, Treatment, TreatmentTable};
/// The device type of [`TrialContext`].
pub use tch::Device;
