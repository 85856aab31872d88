//! Counts behind a metric, and whether the metric agrees with them.

use super::numerals::{Width, decimals};
use super::texts::{Column, Texts};
use crate::error::Error;
use crate::records::rows::TrialRow;

/// Makes sure that every metric is the ratio of its counts, and replaces it by that ratio in full
/// precision.
///
/// A metric is written with a limited number of digits. It agrees with a ratio that rounds to it,
/// as it is or in percent.
///
/// # Errors
/// [`Error::Cell`] for a count or a total out of its range, and for a metric that is another
/// number.
pub(super) fn settle(trials: &mut [TrialRow], texts: &Texts) -> Result<(), Error> {
    let column = texts
        .columns
        .iter()
        .find(|column| column.name == "test_metric");
    let relative = match column.and_then(Column::width) {
        Some(Width::Half) => 2_f64.powi(-11),
        // Numbers of 64 bits may have been stored in 32 bits before.
        Some(Width::Single) | None => 2_f64.powi(-24),
    };
    let written = trials.iter().filter_map(|trial| {
        let counted = trial.test_count.is_some() && trial.test_total.is_some();
        trial.test_metric.filter(|_| counted)
    });
    let unit = 10_f64.powi(-(written.map(decimals).max().unwrap_or(0) as i32));
    for (trial, place) in trials.iter_mut().zip(&texts.places) {
        let (Some(count), Some(total)) = (trial.test_count, trial.test_total) else {
            continue;
        };
        let refused = |column: &str, value: String, allowed: String| Error::Cell {
            path: texts.files[place.file].clone(),
            position: place.position,
            column: column.to_owned(),
            value,
            allowed,
        };
        if total < 1 {
            let allowed = "an integer of at least 1".to_owned();
            return Err(refused("test_total", total.to_string(), allowed));
        }
        if !(0..=total).contains(&count) {
            let allowed = format!("an integer from 0 to its test_total {total}");
            return Err(refused("test_count", count.to_string(), allowed));
        }
        let Some(metric) = trial.test_metric else {
            continue;
        };
        let ratio = count as f64 / total as f64;
        let agrees = |ratio: f64| {
            let far = (metric - ratio).abs();
            far <= (0.5 + 1e-6) * unit || far <= relative * ratio.abs() * (1.0 + 1e-6)
        };
        let percent = 100.0 * count as f64 / total as f64;
        if agrees(ratio) {
            trial.test_metric = Some(ratio);
        } else if agrees(percent) {
            trial.test_metric = Some(percent);
        } else {
            let allowed =
                format!("{ratio}, the ratio of its test_count {count} and test_total {total}");
            return Err(refused("test_metric", metric.to_string(), allowed));
        }
    }
    Ok(())
}

/// Makes sure that no two trials have the same id.
///
/// # Errors
/// [`Error::RepeatedTrial`].
pub(super) fn unique(trials: &[TrialRow], texts: &Texts) -> Result<(), Error> {
    let mut seen = std::collections::HashMap::new();
    for (trial, place) in trials.iter().zip(&texts.places) {
        if let Some(first) = seen.insert(&trial.trial_id, *place) {
            return Err(Error::RepeatedTrial {
                path: texts.files[place.file].clone(),
                trial_id: trial.trial_id.clone(),
                first: texts.said(first),
                second: texts.said(*place),
            });
        }
    }
    Ok(())
}
