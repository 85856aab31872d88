//! Optimizers for tch whose weight norms can be held fixed.

mod config;
mod diagnostics;
mod error;
mod fused;
mod group;
mod kernel;
mod lawn;
mod layer;
mod optimizer;
mod parameter;
mod pattern;
mod reference;
mod rule;
mod schedule;
mod slot;
mod snapshot;
mod state;
mod treatment;
mod units;

pub use config::{Backend, Clock, OptimizerConfig};
pub use diagnostics::Diagnostics;
pub use error::Error;
pub use group::{Decay, Group};
pub use lawn::{LawnConfig, Phase, Scope};
pub use layer::{Layer, Map};
pub use optimizer::{Optimizer, StepOptions, StepReport, WeightNorm};
pub use parameter::{Parameter, Parameters, Role};
pub use rule::{
    AdamConfig, Adaptation, Context, DecayPlace, EpsilonPlace, LambConfig, LarsConfig, Norms, Rule,
    RuleConfig, SgdConfig,
};
pub use schedule::{Part, Schedule, ScheduleRow};
pub use state::State;
pub use treatment::{Constraint, Treatment, TreatmentTable};
pub use units::Granularity;
