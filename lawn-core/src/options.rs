//! What a step may be told.

/// What [`Optimizer::step_with`](crate::Optimizer::step_with) may be told about a step.
///
/// Mixed precision, with a loss that is scaled so that no gradient of it underflows:
///
/// ```
/// # use lawn_core::{Error, OptimizerConfig, Parameters, Schedule, SgdConfig, StepOptions};
/// # use tch::{Device, Kind, Tensor, nn, nn::Module};
/// # let vs = nn::VarStore::new(Device::Cpu);
/// # let fc = nn::linear(vs.root() / "fc", 4, 2, Default::default());
/// # let x = Tensor::ones([1, 4], (Kind::Float, Device::Cpu));
/// # let config = OptimizerConfig::new(SgdConfig::default(), Schedule::constant(0.1));
/// # let mut optimizer = config.build(Parameters::from_var_store(&vs)?)?;
/// let mut scale = 65536.0;
/// for _ in 0..10 {
///     let loss = fc.forward(&x).square().mean(Kind::Float);
///     optimizer.zero_grad();
///     (loss * scale).backward();
///     let report = optimizer.step_with(StepOptions {
///         gradient_scale: scale,
///         ..StepOptions::default()
///     })?;
///     if report.skipped() {
///         scale /= 2.0;
///     }
/// }
/// # Ok::<(), Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct StepOptions {
    /// How many samples the gradients are of; needed where the schedule's
    /// [`Clock`](crate::Clock) counts samples, and counted in the state in any case.
    pub samples: u64,
    /// What the loss was multiplied by, so that the gradients are divided by
    /// it: the scale of mixed precision, or the number of accumulated
    /// micro-batches.
    pub gradient_scale: f64,
    /// Whether [`Optimizer::diagnostics`](crate::Optimizer::diagnostics) shall tell about this step.
    pub diagnostics: bool,
    /// Whether [`Optimizer::count_rows`](crate::Optimizer::count_rows) was told of each row that
    /// has a gradient, of the tables that it was told of. A dense gradient of a table is then
    /// read in these rows only, where the others have nothing to do: a step costs as much as
    /// the rows that were looked up, and not as much as the table. A gradient in a row that was
    /// not told is not seen.
    pub all_rows_counted: bool,
}

impl Default for StepOptions {
    fn default() -> Self {
        Self {
            samples: 0,
            gradient_scale: 1.0,
            diagnostics: false,
            all_rows_counted: false,
        }
    }
}
