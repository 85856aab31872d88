//! Optimizers for [tch](https://docs.rs/tch) whose weight norms can be held fixed:
//! SGD, Adam, AdamW, AMSGrad, NAdamW, LAMB, LARS, Lion, AdamP, SGDP, Schedule-Free AdamW, Muon,
//! Adafactor, Adagrad or a rule of your own, and on any of them Logit Attenuating Weight
//! Normalization (LAWN) or another norm constraint: [`HyperballConfig`], [`CprConfig`], [`RotationalConfig`].
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
//! It needs libtorch 2.11.0; the README says how a project of yours finds it.
//!
//! # The parts
//!
//! - [`Parameters`]: what is optimized, named, ordered, each with a [`Role`].
//! - [`OptimizerConfig`]: a rule, a [`Schedule`], [`WeightDecay`], [`LawnConfig`],
//!   [`Group`]s; serde throughout; [`build`](OptimizerConfig::build) checks all of it.
//! - [`Optimizer`]: [`step`](Optimizer::step), [`treatments`](Optimizer::treatments),
//!   [`diagnostics`](Optimizer::diagnostics), [`state`](Optimizer::state).
//! - Changes between steps, all of them calls: [`set_rate_factor`](Optimizer::set_rate_factor) and
//!   [`set_group`](Optimizer::set_group) for rates and decay, [`Plateau`] for when;
//!   [`freeze_now`](Optimizer::freeze_now), [`unfreeze`](Optimizer::unfreeze),
//!   [`scale_radii`](Optimizer::scale_radii), [`scale_radii_of`](Optimizer::scale_radii_of),
//!   [`set_radii`](Optimizer::set_radii) and [`take_radii`](Optimizer::take_radii) for norms;
//!   [`eval`](Optimizer::eval) and [`train`](Optimizer::train) for the weights of Schedule-Free.
//!   Parameters are frozen and thawed by `requires_grad`. The README shows them together.
//! - [`WeightAverage`]: the moving average of weights, [of f32 copies](Optimizer::average) where the
//!   weights have 16 bits. [`Parameters::groups_by_depth`]: rates that fall towards the input.
//! - [`Rule`]: what a rule of your own implements.
//! - [`State`]: versioned safetensors, strict to load; a resumed run ends with the
//!   same bits on the CPU.
//!
//! # How steps are computed
//!
//! Built-in rules on parameters of the CPU run through fused kernels: AVX-512, AVX2 or
//! portable, chosen at run time, on libtorch's own threads, with the same bits for any number
//! of them. In f32 a free Adam step moves 28 bytes a parameter, a constrained one 44; f16 and
//! bf16 parameters are f32 only while they are computed with, from and to [their f32
//! copies](OptimizerConfig::master_weights) if they have them.
//!
//! A rule of your own, and parameters that the kernels do not take, run in libtorch operations,
//! one parameter at a time ([`Backend::Reference`]). Such a step waits for its device once, for
//! the norm of the gradients. These operations are also what all kernels are tested against.
//!
//! # Accelerators
//!
//! Built-in rules on CUDA run through [`Backend::Cuda`]: kernels that take all parameters at once,
//! so that a step is six launches at most for 161 tensors as for 12, and **none waits for the device**.
//! No bit depends on how the device schedules them.
//! What the host learns only from the device, it learns when it asks:
//!
//! | asked | waits |
//! |---|---|
//! | [`step`](Optimizer::step) | never, but in the step of the freeze, in the first after a state was loaded past it, and as told below |
//! | [`gradient_norm_tensor`](StepReport::gradient_norm_tensor), for sums over many steps | never |
//! | [`gradient_norm`](StepReport::gradient_norm), [`clip_factor`](StepReport::clip_factor), [`skipped`](StepReport::skipped) | once a report |
//! | a report's [`step`](StepReport::step), [`learning_rate`](StepReport::learning_rate) | once a report each |
//! | [`steps`](Optimizer::steps), [`skipped`](Optimizer::skipped), [`learning_rate`](Optimizer::learning_rate), [`state`](Optimizer::state), [`weight_norms`](Optimizer::weight_norms) | each time |
//! | [`phase`](Optimizer::phase) | only where a skipped step would make the difference |
//! | [`diagnostics`](Optimizer::diagnostics) | once a step |
//!
//! A step whose gradients are not finite is skipped on the device, and the host does not know.
//! It tells the device the learning rate that each step would have if none had been skipped.
//! The device counts the steps that it takes, and looks its own rate up among them. So a
//! skipped step leaves the schedule where it was, whether anyone asks or not. The host waits to
//! learn what was skipped only before a step that depends on it:
//!
//! - where it would be the one of the freeze, had none been skipped;
//! - where the schedule counts samples, and the step has not as many as the last;
//! - where the rate, had none been skipped, would be none ([`Error::LearningRate`]).
//!
//! States go from any backend to any other.
//!
//! ```
//! # use lawn_core::{AdamConfig, Backend, LawnConfig, OptimizerConfig, Parameters, Schedule};
//! # use tch::{Device, Kind, Tensor, nn, nn::Module};
//! # let vs = nn::VarStore::new(Device::Cpu);
//! # let fc = nn::linear(vs.root() / "fc", 4, 2, Default::default());
//! # let x = Tensor::ones([1, 4], (Kind::Float, Device::Cpu));
//! let config = OptimizerConfig {
//!     clip_norm: Some(1.0),
//!     // Chosen by itself on CUDA; in plain loops here, so that this runs anywhere.
//!     backend: Backend::Cuda,
//!     ..OptimizerConfig::new(AdamConfig::default(), Schedule::constant(1e-3))
//! };
//! let mut optimizer = config.build(Parameters::from_var_store(&vs)?)?;
//! let mut norms = Tensor::zeros([], (Kind::Double, Device::Cpu));
//! for _ in 0..10 {
//!     optimizer.zero_grad();
//!     fc.forward(&x).square().sum(Kind::Float).backward();
//!     norms += optimizer.step()?.gradient_norm_tensor();
//! }
//! // The first time that anyone waits.
//! println!("mean norm {}", norms.double_value(&[]) / 10.0);
//! println!("{} of {} steps skipped", optimizer.skipped(), optimizer.steps());
//! # Ok::<(), lawn_core::Error>(())
//! ```
//!
//! Parameters that the kernels do not take, such as tables of which a rule leaves rows alone, run in
//! libtorch operations beside them. A step with a gradient of such a one waits for the device once.
//!
//! What was tested is the same kernels compiled for the CPU: against the reference, with their
//! blocks in any order, and that none of their steps waits. They have not yet run on a card.
//! `examples/gpu_conformance.rs` compares and `peers/accelerator.py` measures them where there is one.
//!
//! # Embedding tables
//!
//! A table is a parameter of role [`Embedding`](Role::Embedding) with two dimensions. A batch looks
//! up some of its rows, and what becomes of the others is a matter of the rule:
//!
//! | rule | rows without a gradient | sparse gradient |
//! |---|---|---|
//! | [`RowwiseAdagradConfig`], [`LazyAdamConfig`] | left alone: weights, buffers, decay, constraint | taken |
//! | [`AdagradConfig`], [`SgdConfig`] without momentum | stay, but for decay and constraint | taken where there is neither |
//! | all others | move, as their moments go on | refused |
//! | any, with [`UntouchedRows::LeftAlone`] of a constraint | left alone from the freeze on | taken from then on |
//!
//! A row has a gradient in a step if an element of it is not 0 then. A sparse gradient (COO) is
//! what `Tensor::embedding(&table, &ids, -1, false, true)` leaves after `backward`, and what
//! `embedding_bag` leaves with `sparse`. Ids that come more than once are added up before the rule
//! sees them. The step then costs as much as the rows that were looked up, not as much as the
//! table. With a dense gradient it is the same step to the bit, and looks at all of the gradient,
//! unless [`StepOptions::all_rows_counted`] says that [`Optimizer::count_rows`] was told where it is.
//!
//! [`CowClipConfig`] clips the gradient of each row by the length of the row and the count of its
//! id, which [`Optimizer::count_rows`] takes.
//!
//! ```
//! use lawn_core::{OptimizerConfig, Parameters, RowwiseAdagradConfig, Schedule};
//! use tch::{Device, Kind, Tensor, nn};
//!
//! let vs = nn::VarStore::new(Device::Cpu);
//! let init = nn::Init::Randn { mean: 0.0, stdev: 0.01 };
//! let table = (vs.root() / "items_embedding").var("weight", &[100_000, 16], init);
//! let mut optimizer =
//!     OptimizerConfig::new(RowwiseAdagradConfig::default(), Schedule::constant(0.1))
//!         .build(Parameters::from_var_store(&vs)?)?;
//! let ids = Tensor::from_slice(&[3i64, 14, 3]);
//! optimizer.zero_grad();
//! let rows = Tensor::embedding(&table, &ids, -1, false, true);
//! rows.square().sum(Kind::Float).backward();
//! optimizer.step()?;
//! # Ok::<(), lawn_core::Error>(())
//! ```
//!
//! # Features
//!
//! - `doc-only`: builds the documentation without libtorch.

/// The examples of the README are compiled and run.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

mod accumulation;
mod average;
mod backend;
mod captured;
mod config;
mod constraint;
mod decay;
mod defaults;
mod diagnostics;
mod error;
mod libtorch;
mod mode;
mod optimizer;
mod options;
mod parameters;
mod radius;
mod regroup;
mod report;
mod role;
mod rule;
mod same_steps;
mod schedule;
mod state;
mod step;
mod swapped;
mod tables;
mod units;

pub use accumulation::Accumulation;
pub use average::WeightAverage;
pub use backend::{
    BackendChoice as Backend, ChosenBackend, CudaCompiler, StepLaunches, StepUnderWay, Uncapturable,
};
#[doc(hidden)]
pub use backend::{DeviceCode, EmulatedGraph};
pub use config::{Clock, OptimizerConfig};
pub use constraint::*;
pub use decay::WeightDecay;
pub use diagnostics::Diagnostics;
pub use error::Error;
pub use libtorch::Determinism;
pub use optimizer::{Optimizer, WeightNorm};
pub use options::StepOptions;
pub use parameters::{
    Constraint, Group, Layer, Map, Parameter, Parameters, Scope, Treatment, TreatmentTable,
};
pub use report::StepReport;
pub use role::Role;
pub use rule::*;
pub use schedule::{Part, Plateau, PlateauConfig, Schedule, ScheduleRow};
pub use state::State;
pub use tables::CowClipConfig;
pub use units::Granularity;
