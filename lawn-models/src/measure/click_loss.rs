//! Learning the probability of a click.

use std::sync::Arc;

use tch::{Device, Kind, Reduction, Tensor};

use super::click_metrics::ClickScores;
use super::measurement::{Measurement, Split};
use super::objective::{Assessment, Forward, Objective};
use crate::data::DataError;
use crate::data::clicks::{Clicks, Rows};
use crate::trial::TestPermit;

/// Rows that a process scores at once.
const ROWS_AT_ONCE: u64 = 1 << 15;

/// Learns by binary cross entropy, and measures probabilities.
pub(crate) struct ClickLoss {
    clicks: Arc<Clicks>,
    device: Device,
    /// Most rows of train, and of validation, that are measured on the way.
    measured_rows: u64,
}

impl ClickLoss {
    /// Measures on `device`.
    pub(crate) fn new(clicks: Arc<Clicks>, device: Device, measured_rows: u64) -> Self {
        Self {
            clicks,
            device,
            measured_rows,
        }
    }

    /// Scores rows: what is measured of them, and the mean and the greatest |logit|.
    fn score(
        &self,
        split: Split,
        rows: Rows<'_>,
        forward: &dyn Forward,
    ) -> Result<(ClickScores, [f64; 2]), DataError> {
        let _guard = tch::no_grad_guard();
        let mut scores = ClickScores::default();
        let (mut sum, mut most) = (0.0, 0.0f64);
        let at_once = ROWS_AT_ONCE * forward.ranks();
        let mut start = 0;
        while start < rows.len() {
            let end = rows.len().min(start + at_once);
            let part = forward.part(start..end);
            let batch = rows.batch(part.own.clone())?;
            let inputs = batch.to_device(self.device).inputs;
            let logits = forward
                .answer(split, &inputs, &part)
                .to_kind(Kind::Double)
                .to_device(Device::Cpu);
            let labels = forward.gather(batch.targets, &part);
            let logits = Vec::<f64>::try_from(logits).expect("logits are one a row");
            let labels = Vec::<f32>::try_from(&labels).expect("labels are one a row");
            for (&logit, &label) in logits.iter().zip(&labels) {
                scores.add(logit, label > 0.5);
                sum += logit.abs();
                // `max` would swallow a NaN.
                if logit.is_nan() || logit.abs() > most {
                    most = logit.abs();
                }
            }
            start = end;
        }
        Ok((scores, [sum / rows.len() as f64, most]))
    }
}

impl Objective for ClickLoss {
    fn loss(&self, logits: &Tensor, targets: &Tensor) -> Tensor {
        let sum = Reduction::Sum;
        logits.binary_cross_entropy_with_logits::<Tensor>(targets, None, None, sum)
    }

    fn samples(&self) -> u64 {
        let parts = [self.clicks.train(), self.clicks.validation()];
        let rows = parts.map(|rows| rows.at_most(self.measured_rows).len());
        rows.iter().sum()
    }

    fn measure(&self, forward: &dyn Forward) -> Result<Assessment, DataError> {
        let score = |split, rows: Rows<'_>| {
            let rows = rows.at_most(self.measured_rows);
            self.score(split, rows, forward)
        };
        let (train, [logit_mean_abs, logit_max_abs]) = score(Split::Train, self.clicks.train())?;
        let (validation, _) = score(Split::Validation, self.clicks.validation())?;
        let mut measurements = train.measurements(Split::Train);
        measurements.extend(validation.measurements(Split::Validation));
        Ok(Assessment {
            measurements,
            logit_mean_abs,
            logit_max_abs,
        })
    }

    fn measure_test(
        &self,
        forward: &dyn Forward,
        permit: &TestPermit,
    ) -> Result<Vec<Measurement>, DataError> {
        let test = self.clicks.test(permit);
        test.require_both(self.clicks.path(), "test")?;
        let (test, _) = self.score(Split::Test, test, forward)?;
        Ok(test.measurements(Split::Test))
    }
}
