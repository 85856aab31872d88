//! Runs one trial of any task.

mod answers;
mod captured_part;
mod captures;
mod checkpoint;
mod constraints;
mod context;
mod device_use;
mod distance;
mod error;
mod evaluate;
mod freeze;
mod graph_check;
mod graphs;
mod heads;
mod idle_patterns;
mod layers;
mod loans;
mod loss_scale;
mod observer;
mod one_trial;
mod optimizer;
mod outline;
mod pass_graphs;
mod progress;
mod range_test;
mod ranked;
mod recalibrate;
mod record;
mod rehearsal;
mod rules;
mod run;
mod same;
mod set_up;
mod shards;
mod share;
mod start;
mod step;
mod timer;
mod together;
mod trainer;
mod training;
mod unread_norms;
mod weights;
mod without_data;

pub use captures::GraphUse;
pub use checkpoint::{remove_checkpoints, set_aside, set_checkpoints_aside};
pub use constraints::ConstraintDefaults;
pub use context::TrialContext;
pub use device_use::DeviceUse;
pub use error::TrialError;
pub use idle_patterns::IdlePattern;
pub use layers::{TreatedLayer, TreatedLayers, treated_layers};
pub use observer::{Beginning, Notice, Observer, SilentObserver, TrialInfo};
pub use pass_graphs::PassGraphs;
pub use range_test::{RangeStep, RangeTest, RateRange, range_test};
pub use record::{
    EvaluationRecord, Freeze, FreezeCause, ParameterDiagnostics, Seconds, TrialEnd, TrialSummary,
    UnitNorm,
};
pub use rehearsal::Rehearsal;
pub use run::{SHORTAGE, dry_run, examine, run_trial, run_trial_on};
pub use share::largest_share;
pub use without_data::{treated_layers_without_data, treatments_without_data};
