//! Log-loss, AUC, normalized entropy and calibration of probabilities of clicks.

use super::auc::auc;
use super::measurement::{Measurement, Split};

/// Names of the metrics, the primary one first.
pub(crate) const CLICK_METRICS: &[&str] = &["log_loss", "auc", "normalized_entropy", "calibration"];

/// Scores of rows, taken in one after the other.
///
/// ```text
/// log_loss            −1/N Σ [y ln p + (1 − y) ln(1 − p)],  p = σ(logit)        nats
/// normalized_entropy  log_loss / −[q ln q + (1 − q) ln(1 − q)],  q = Σy / N
/// calibration         Σp / Σy
/// ```
/// A constant at the click rate of the split has a normalized entropy and a calibration of 1.
/// Sums are in f64. What comes of a logit that is NaN is NaN.
///
/// Source: He et al. 2014, *Practical Lessons from Predicting Clicks on Ads at Facebook*,
/// section 3.
#[derive(Debug, Default)]
pub(crate) struct ClickScores {
    loss: f64,
    probability: f64,
    clicks: Vec<f64>,
    others: Vec<f64>,
}

impl ClickScores {
    /// Takes in a row.
    pub(crate) fn add(&mut self, logit: f64, is_click: bool) {
        // ln(1 + e^±x) and σ(x), of which none overflows, and all of which are NaN where x is.
        let tail = (-logit.abs()).exp();
        let sigmoid = if logit >= 0.0 { 1.0 } else { tail } / (1.0 + tail);
        let wrong = if is_click { -logit } else { logit };
        self.loss += wrong.max(0.0) + tail.ln_1p();
        self.probability += sigmoid;
        let scores = match is_click {
            true => &mut self.clicks,
            false => &mut self.others,
        };
        scores.push(logit);
    }

    /// All metrics of what was taken in.
    pub(crate) fn measurements(self, split: Split) -> Vec<Measurement> {
        let (clicks, others) = (self.clicks.len() as f64, self.others.len() as f64);
        let rows = clicks + others;
        let loss = self.loss / rows;
        let values = [
            loss,
            auc(self.clicks, self.others),
            loss / entropy(clicks / rows),
            self.probability / clicks,
        ];
        let named = CLICK_METRICS.iter().zip(values);
        let measurements = named.map(|(&metric, value)| Measurement {
            split,
            metric: metric.to_owned(),
            value,
            count: None,
            total: None,
        });
        measurements.collect()
    }
}

/// Entropy of a click that comes at this rate, in nats.
fn entropy(rate: f64) -> f64 {
    -(rate * rate.ln() + (1.0 - rate) * (1.0 - rate).ln())
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    /// What scikit-learn makes of one set of scores; `goldens/click_metrics.py` says how.
    #[derive(Deserialize)]
    struct Golden {
        name: String,
        logits: Vec<f32>,
        clicks: Vec<u8>,
        log_loss: f64,
        auc: f64,
        normalized_entropy: f64,
        calibration: f64,
    }

    #[derive(Deserialize)]
    struct Goldens {
        tolerance: f64,
        sets: Vec<Golden>,
    }

    fn measure(logits: &[f32], clicks: &[u8]) -> Vec<f64> {
        let mut scores = ClickScores::default();
        for (&logit, &click) in logits.iter().zip(clicks) {
            scores.add(f64::from(logit), click == 1);
        }
        let measurements = scores.measurements(Split::Validation).into_iter();
        measurements.map(|one| one.value).collect()
    }

    #[test]
    fn metrics_are_those_of_scikit_learn() {
        let text = include_str!("../../goldens/click_metrics.json");
        let goldens: Goldens = serde_json::from_str(text).unwrap();
        assert!(goldens.sets.len() >= 5);
        for golden in goldens.sets {
            let found = measure(&golden.logits, &golden.clicks);
            let expected = [
                golden.log_loss,
                golden.auc,
                golden.normalized_entropy,
                golden.calibration,
            ];
            for ((found, expected), metric) in found.iter().zip(expected).zip(CLICK_METRICS) {
                let error = (found - expected).abs() / expected.abs();
                assert!(
                    error <= goldens.tolerance,
                    "{} {metric}: {found}, scikit-learn {expected}",
                    golden.name
                );
            }
        }
    }

    /// By hand: three in four at a quarter.
    #[test]
    fn a_constant_at_the_click_rate_has_entropy_and_calibration_one() {
        let logit = (0.25f64 / 0.75).ln() as f32;
        let found = measure(&[logit; 4], &[1, 0, 0, 0]);
        for (found, expected) in found.iter().zip([0.562_335_144_618_808, 0.5, 1.0, 1.0]) {
            assert!((found - expected).abs() < 1e-7, "{found} {expected}");
        }
    }

    /// A part in 2⁴⁰, which f32 does not hold.
    #[test]
    fn logits_are_told_apart_as_far_as_they_differ() {
        let mut scores = ClickScores::default();
        scores.add(1.0 + 2f64.powi(-40), true);
        scores.add(1.0, false);
        let measurements = scores.measurements(Split::Validation);
        assert_eq!(measurements[1].value, 1.0);
    }

    #[test]
    fn a_logit_that_is_no_number_shows_in_every_metric() {
        let found = measure(&[f32::NAN, 1.0, -1.0], &[0, 1, 0]);
        assert!(found.iter().all(|value| value.is_nan()), "{found:?}");
        let surely_wrong = measure(&[1e4, -1e4], &[0, 1]);
        assert_eq!(surely_wrong[0], 1e4);
        let endless = measure(&[f32::INFINITY, 0.0], &[0, 1]);
        assert_eq!(endless[0], f64::INFINITY);
    }
}
