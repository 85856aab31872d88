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
mod data;
mod device;
mod measure;
pub mod models;
mod random;
mod ranks;
mod tasks;
mod train;
pub mod trial;
mod unread;

pub use catalog::{
    DataFolder, DataSet, describe_data, describe_folders, floors, is_of_kind, make_data, refusal,
    survey, test_files, train_dataset, train_files,
};
pub use data::checked::CheckedData;
pub use data::clicks::{
    BadLines, ClickEncoding, ClickFormat, ClickOrder, ClickSplit, GeneratedClicks,
};
pub use data::images::{
    Augmentation, BadFile, BadFiles, Encoding, GeneratedImages, Ignored, Image, ImageFault,
    Interpolation, Normalization, OtherSize, Packed, Policy, Repeat, Repeats, Scan, ScanProgress,
    TransformConfig, decode_image, image_decoder, pack_images, scan_tested_images,
};
pub use data::ratings::{
    CasePolicy, ColumnNames, GeneratedRatings, Ids, RawRatings, ValidationItem,
};
pub use data::{Batch, DataError, Dataset, Loader, Request};
pub use device::{
    Autocast, Card, CudaProbe, CudnnMeasuring, Deterministic, Driver, HalfKind, NoRoom, Probe,
    cuda_compiler, cuda_driver, cuda_graphs, gpu_memory_left, host_memory, keep_host_memory,
    kernel_threads, memory_shortage, probe, set_threads,
};
pub use measure::{
    Candidates, Duplicates, Floor, Measurement, ProtocolConfig, ProtocolName, RankingMetric, Split,
    Ties,
};
pub use random::SAMPLES;
pub use ranks::{
    MEETING, Patience, RANK_BACKENDS, RANK_VARIABLES, RankGroup, RankMembership, RankPlace,
    RankTimeouts, Ranks, RanksError, WITHOUT_NCCL, require_interface as require_interface_of_ranks,
    require_memory as require_memory_of_ranks,
};
pub use tasks::{
    AssembledNet, AssembledTask, Counts, CtrConfig, DataSize, EvaluationError, Files,
    ImageAccuracy, ImageConfig, ImageEvaluation, ImageSplit, KINDS, Kind, KindEntry, MakeData,
    NcfConfig, NcfModel, Pretrained, StatedSizes, Surroundings, TaskConfig, TaskMetrics,
    TrialConfig, evaluate_images,
};
pub use train::{
    Beginning, ConstraintDefaults, DeviceUse, EvaluationRecord, Freeze, FreezeCause, GraphUse,
    IdlePattern, Notice, Observer, ParameterDiagnostics, PassGraphs, RangeStep, RangeTest,
    RateRange, Rehearsal, SHORTAGE, Seconds, SilentObserver, TreatedLayer, TreatedLayers,
    TrialContext, TrialEnd, TrialError, TrialInfo, TrialSummary, UnitNorm, dry_run, examine,
    largest_share, range_test, remove_checkpoints, run_trial, run_trial_on, set_aside,
    set_checkpoints_aside, treated_layers, treated_layers_without_data, treatments_without_data,
};
pub use trial::{
    Amount, ConstraintName, Diagnostics, Evaluation, FreePhase, FreezeCondition, LambForm, Length,
    LrShape, OptimizerSettings, Precision, RuleName, ScopeName, ScopeSetting, SettingsError, Stage,
    TestPermit, one_of,
};
pub use unread::unread;

/// Types of `lawn-core` that the public interface is made of.
pub use lawn_core::{
    Adaptation, Constraint, CowClipConfig, CudaCompiler, Determinism, Granularity, Map,
    MuonIteration, MuonScale, Phase, Role, RuleConfig, Treatment, TreatmentTable, UntouchedRows,
};
/// The device type of [`TrialContext`].
pub use tch::Device;
