//! The public way into a trial.

use super::TrialError;
use super::trainer::Trainer;
use crate::config::{TrialConfig, TrialContext};
use crate::record::{Observer, TrialEnd};
use crate::system;

/// Trains one trial from its start, or from its checkpoint where there is one.
///
/// On the CPU a trial that was stopped, or killed, and run again with the same
/// number of threads ends with the same bits as one that ran through.
///
/// # Errors
/// [`TrialError`] when the trial cannot be set up or carried on. Numbers that
/// stop being finite are [`TrialEnd::Diverged`] instead.
///
/// ```
/// use std::time::Duration;
/// use lawn_models::*;
///
/// let config = TrialConfig {
///     task: TaskConfig::from_table("ncf", serde_json::json!({
///         "model": "gmf", "synthetic": { "users": 50, "items": 200 },
///     }))?,
///     optimizer: OptimizerSettings::new(RuleName::Adam, 1e-2),
///     batch_size: 256,
///     budget: Amount::Epochs(1),
///     seed: 0,
///     stage: Stage::Tune,
///     micro_batch_size: None,
///     stop_after: None,
///     evaluation: Evaluation::default(),
///     diagnostics: Diagnostics::default(),
/// };
/// let folder = tempfile::tempdir()?;
/// let context = TrialContext {
///     device: Device::Cpu,
///     data_root: None,
///     checkpoint: folder.path().join("checkpoint.safetensors"),
///     checkpoint_every: Duration::from_secs(60),
/// };
/// let end = run_trial(&config, &context, &mut Silent)?;
/// assert!(matches!(end, TrialEnd::Finished(summary) if summary.epochs == 1.0));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn run_trial(
    config: &TrialConfig,
    context: &TrialContext,
    observer: &mut dyn Observer,
) -> Result<TrialEnd, TrialError> {
    config.validate()?;
    system::require_device(context.device)?;
    system::catch_out_of_memory(|| Trainer::new(config, context)?.run(observer))
}
