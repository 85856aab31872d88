//! What is known of a trial whose data are not there.

use lawn_core::Treatment;

use super::error::TrialError;
use super::layers::{self, TreatedLayers};
use super::{outline, set_up};
use crate::device;
use crate::tasks::{Net, StatedSizes, TrialConfig};

/// Steps of an epoch that nobody knows: what is constrained does not hang on them.
const STEPS_PER_EPOCH: u64 = 1_000;

/// What the optimizer will do to each parameter of a net, and why, where the data of the trial are files that
/// need not be there: their sizes are those of the task's table, and `stated`.
///
/// # Errors
/// [`TrialError`] when the trial cannot be set up, and where a size is
/// [not stated](crate::TaskConfig::unstated).
///
/// ```
/// use lawn_models::*;
///
/// let task = TaskConfig::from_table("ncf", serde_json::json!({ "data": "ml-1m", "model": "gmf" }))?;
/// let config = TrialConfig::new(task, OptimizerSettings::new(RuleName::Adam, 1e-2), 256, Amount::Epochs(2));
/// let stated = StatedSizes { users: Some(6_040), items: Some(3_706), ..StatedSizes::default() };
/// let treatments = treatments_without_data(&config, &stated)?;
/// assert!(treatments.iter().any(|one| one.shape == [6_040, 8]));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn treatments_without_data(
    config: &TrialConfig,
    stated: &StatedSizes,
) -> Result<Vec<Treatment>, TrialError> {
    let net = net(config, stated)?;
    treatments(&net, config)
}

/// As [`treated_layers`](crate::treated_layers), of the net of
/// [`treatments_without_data`].
///
/// # Errors
/// As [`treatments_without_data`].
pub fn treated_layers_without_data(
    config: &TrialConfig,
    stated: &StatedSizes,
) -> Result<TreatedLayers, TrialError> {
    let net = net(config, stated)?;
    let with_lawn = layers::with_lawn(config);
    let treatments = treatments(&net, &with_lawn)?;
    Ok(layers::of(config, &*net.model, &with_lawn, &treatments))
}

fn net(config: &TrialConfig, stated: &StatedSizes) -> Result<Net, TrialError> {
    config.validate()?;
    let part = outline::tables_without_weights(config);
    device::catch_out_of_memory(|| Ok::<_, TrialError>(config.task.net(stated, part)?))
        .map_err(TrialError::from)
}

fn treatments(net: &Net, config: &TrialConfig) -> Result<Vec<Treatment>, TrialError> {
    let epoch_samples = STEPS_PER_EPOCH.saturating_mul(config.batch_size);
    let length = config.budget.length(epoch_samples, config.batch_size);
    let optimizer = set_up::optimizer_of(&*net.model, net.parameters()?, config, length)?;
    let settings = (&config.optimizer, length);
    Ok(outline::treatments(&net.rows, &optimizer, settings))
}
