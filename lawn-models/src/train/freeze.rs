//! A freeze that a measurement brings about before its time.

use serde::{Deserialize, Serialize};

use super::record::EvaluationRecord;
use crate::trial::FreezeCondition;

/// What a condition has seen so far.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
pub(super) struct FreezeWatch {
    /// Mean absolute logit and gradient norm of the first evaluation.
    first: Option<(f64, f64)>,
    /// The lowest train loss.
    lowest: Option<f64>,
    /// Evaluations since then.
    since: u32,
}

/// What an evaluation has measured that a condition may ask for.
#[derive(Clone, Copy)]
struct Seen {
    /// The mean absolute logit.
    logit: f64,
    gradient_norm: f64,
    train_loss: f64,
}

impl FreezeWatch {
    /// Whether an evaluation meets the condition.
    pub(super) fn sees(&mut self, condition: FreezeCondition, record: &EvaluationRecord) -> bool {
        let seen = Seen {
            logit: record.logit_mean_abs,
            gradient_norm: record.gradient_norm,
            train_loss: record.train_loss,
        };
        self.is_met(condition, seen)
    }

    /// Whether a measurement meets the condition.
    fn is_met(&mut self, condition: FreezeCondition, seen: Seen) -> bool {
        let now = (seen.logit, seen.gradient_norm);
        let (logit, gradient_norm) = *self.first.get_or_insert(now);
        if self.lowest.is_none_or(|lowest| seen.train_loss < lowest) {
            (self.lowest, self.since) = (Some(seen.train_loss), 0);
        } else {
            self.since += 1;
        }
        match condition {
            FreezeCondition::LogitGrowth(times) => seen.logit >= times * logit,
            FreezeCondition::TrainLoss(most) => seen.train_loss <= most,
            FreezeCondition::GradientNormRatio(part) => seen.gradient_norm <= part * gradient_norm,
            FreezeCondition::Plateau(count) => self.since >= count,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_condition_is_met_when_it_says() {
        let seen = |logit, gradient_norm, train_loss| Seen {
            logit,
            gradient_norm,
            train_loss,
        };
        let all = [
            seen(1.0, 2.0, 0.9),
            seen(1.5, 1.5, 0.7),
            seen(2.0, 0.9, 0.7),
            seen(2.5, 0.4, 0.8),
        ];
        for (condition, first) in [
            (FreezeCondition::LogitGrowth(2.0), 2),
            (FreezeCondition::TrainLoss(0.7), 1),
            (FreezeCondition::GradientNormRatio(0.45), 2),
            (FreezeCondition::Plateau(1), 2),
            (FreezeCondition::Plateau(2), 3),
        ] {
            let mut watch = FreezeWatch::default();
            let met = all.iter().position(|seen| {
                // Through a checkpoint in between.
                let written = serde_json::to_string(&watch).unwrap();
                watch = serde_json::from_str(&written).unwrap();
                watch.is_met(condition, *seen)
            });
            assert_eq!(met, Some(first), "{condition:?}");
        }
    }
}
