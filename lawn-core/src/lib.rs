//! Optimizers for [tch](https://docs.rs/tch) whose weight norms can be held fixed:
//! SGD, Adam, AdamW, AMSGrad, LAMB, LARS or a rule of your own, and on any of them
//! Logit Attenuating Weight Normalization (LAWN).
//!
//! LAWN (Gupta et al. 2021, arXiv 2108.05839) trains freely for a while, then
//! fixes the norm of each constrained layer and goes on along the sphere:
//!
//! ```text
//! free          d = U(s, g)                             w ← w − η d
//! at the freeze r = ‖w‖₂
//! constrained   g̃ = g − (⟨w,g⟩/⟨w,w⟩) w    d = U(s, g̃)
//!               d̃ = d − (⟨w,d⟩/⟨w,w⟩) w                w ← r (w − η d̃) / ‖w − η d̃‖₂
//! ```
//!
//! `U` is the rule with its buffers `s`. See [`LawnConfig`] for each symbol.
//!
//! # From zero to LAWN
//!
//! ```
//! use lawn_core::{
//!     AdamConfig, LawnConfig, OptimizerConfig, Parameters, Schedule, TreatmentTable,
//! };
//! use tch::{Device, Kind, Tensor, nn, nn::Module};
//!
//! // Any tch model.
//! let vs = nn::VarStore::new(Device::Cpu);
//! let root = vs.root();
//! let model = nn::seq()
//!     .add(nn::linear(&root / "hidden", 2, 16, Default::default()))
//!     .add_fn(Tensor::relu)
//!     .add(nn::linear(&root / "logits", 16, 3, Default::default()));
//!
//! // Adam, warmed up and decayed; free for 20 steps, then on the sphere.
//! let schedule = Schedule::linear(1e-2, 0.0, 90).warm_up(10);
//! let mut optimizer = OptimizerConfig::new(AdamConfig::default(), schedule)
//!     .with_lawn(LawnConfig::new(20))
//!     .build(Parameters::from_var_store(&vs)?)?;
//!
//! // What will be constrained, and why.
//! println!("{}", TreatmentTable(optimizer.treatments()));
//!
//! let x = Tensor::randn([64, 2], (Kind::Float, Device::Cpu));
//! let labels = x.select(1, 0).gt(0.0).to_kind(Kind::Int64);
//! for _ in 0..100 {
//!     let loss = model.forward(&x).cross_entropy_for_logits(&labels);
//!     optimizer.zero_grad();
//!     loss.backward();
//!     optimizer.step()?;
//! }
//! # Ok::<(), lawn_core::Error>(())
//! ```
//!
//! # The parts
//!
//! - [`Parameters`]: what is optimized, named, ordered, each with a [`Role`].
//! - [`OptimizerConfig`]: a rule, a [`Schedule`], [`Decay`], [`LawnConfig`],
//!   [`Group`]s; serde throughout; [`build`](OptimizerConfig::build) checks all of it.
//! - [`Optimizer`]: [`step`](Optimizer::step), [`treatments`](Optimizer::treatments),
//!   [`diagnostics`](Optimizer::diagnostics), [`state`](Optimizer::state).
//! - [`Rule`]: what a rule of your own implements.
//! - [`State`]: versioned safetensors, strict to load; a resumed run ends with the
//!   same bits on the CPU.
//!
//! # How steps are computed
//!
//! Built-in rules on f32 and f64 parameters of the CPU run through fused kernels:
//! AVX-512, AVX2 or portable, chosen at run time, on libtorch's own threads, with the
//! same bits for any number of them. A free Adam step moves 28 bytes a parameter, a
//! constrained one 48. Everything else, on any device, runs in libtorch operations,
//! which are also what the kernels are tested against ([`Backend::Reference`]); there
//! a step waits for the device once, for the norm of the gradients.
//!
//! # Features
//!
//! - `doc-only`: builds the documentation without libtorch.

mod accumulation;
mod config;
mod diagnostics;
mod error;
mod extension;
mod fused;
mod group;
mod kernel;
mod lawn;
mod layer;
mod multi_tensor;
mod optimizer;
mod parameter;
mod pattern;
mod reference;
mod report;
mod rule;
mod schedule;
mod slot;
mod snapshot;
mod state;
mod step;
mod treatment;
mod units;

pub use accumulation::Accumulation;
pub use config::{Backend, Clock, OptimizerConfig};
pub use diagnostics::Diagnostics;
pub use error::Error;
pub use group::{Decay, Group};
pub use lawn::{LawnConfig, Phase, Scope};
pub use layer::{Layer, Map};
pub use optimizer::{Optimizer, WeightNorm};
pub use parameter::{Parameter, Parameters, Role};
pub use report::StepReport;
pub use rule::{
    AdamConfig, Adaptation, Context, DecayPlace, EpsilonPlace, LambConfig, LarsConfig, Norms, Rule,
    RuleConfig, SgdConfig,
};
pub use schedule::{Part, Schedule, ScheduleRow};
pub use state::State;
pub use step::StepOptions;
pub use treatment::{Constraint, Treatment, TreatmentTable};
pub use units::Granularity;
