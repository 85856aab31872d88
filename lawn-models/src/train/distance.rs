//! How far the weights have moved since the freeze, and the net as a function with them.

use lawn_core::{Constraint, LawnConfig, OptimizerConfig, Schedule, SgdConfig, Treatment};
use tch::{Device, Kind, Tensor};

use super::checkpoint::Origin;
use crate::tasks::{Task, TrialConfig};
use crate::trial::Length;

/// Measures `‖w − w₀‖₂` over the weights that LAWN constrains. In a trial without
/// LAWN these are the ones that it would constrain by default, so that arms are
/// compared over the same weights.
pub(super) struct Distance {
    /// The step before which `w₀` is taken.
    from: u64,
    weights: Vec<(String, Tensor)>,
    /// Whether the distance in function space is measured, too.
    looks_at_answers: bool,
    pub(super) origin: Origin,
}

impl Distance {
    /// None where the trial has no step to measure from.
    pub(super) fn new(
        config: &TrialConfig,
        length: Length,
        task: &Task,
        treatments: &[Treatment],
    ) -> Result<Option<Self>, lawn_core::Error> {
        let own = config.optimizer.free_phase();
        let Some(from) = config.diagnostics.distance_from.or(own) else {
            return Ok(None);
        };
        let names = if config.optimizer.lawn {
            constrained(treatments)
        } else {
            let rule = OptimizerConfig::new(SgdConfig::default(), Schedule::constant(0.0));
            let lawn = rule.with_lawn(LawnConfig::new(0));
            constrained(lawn.build(task.parameters()?)?.treatments())
        };
        let parameters = task.parameters()?;
        let weights = parameters.iter().filter(|one| names.contains(&one.name));
        let weights = weights.map(|one| (one.name.clone(), one.tensor.shallow_clone()));
        Ok(Some(Self {
            from: from.steps(length),
            weights: weights.collect(),
            looks_at_answers: config.diagnostics.distance_from.is_some(),
            origin: Origin::default(),
        }))
    }

    /// Measures from this step on, unless it does already.
    pub(super) fn begin_at(&mut self, steps: u64) {
        if self.origin.weights.is_none() {
            self.from = steps;
        }
    }

    /// To be told before each step how many were taken.
    pub(super) fn before_step(&mut self, steps: u64) {
        if steps == self.from && self.origin.weights.is_none() {
            let copies = self.weights.iter();
            let copies = copies.map(|(name, tensor)| (name.clone(), tensor.detach().copy()));
            self.origin.weights = Some(copies.collect());
        }
    }

    pub(super) fn looks_at_answers(&self) -> bool {
        self.looks_at_answers
    }

    /// Whether the step after so many is the one before which answers are to be remembered.
    pub(super) fn wants_answers_before(&self, steps: u64) -> bool {
        self.looks_at_answers && steps == self.from && self.origin.answers.is_none()
    }

    /// Takes `answers`, logits `[inputs, classes]` or `[inputs]`, for those at `w₀`.
    pub(super) fn remember(&mut self, answers: Option<Tensor>) {
        self.origin.answers = answers;
    }

    /// The squares of the distances now, weight by weight; none before `w₀` was taken.
    pub(super) fn squares(&self) -> Option<Vec<(&str, f64)>> {
        let origin = self.origin.weights.as_ref()?;
        let _guard = tch::no_grad_guard();
        let measured = self.weights.iter().filter_map(|(name, weight)| {
            let moved = weight.to_kind(Kind::Double) - origin.get(name)?;
            Some((name.as_str(), moved.square().sum(Kind::Double)))
        });
        let (names, squares): (Vec<&str>, Vec<Tensor>) = measured.unzip();
        // Stacked on the device, so that it is waited for once.
        let squares = Tensor::stack(&squares, 0).to_device(Device::Cpu);
        let squares = Vec::<f64>::try_from(squares).expect("f64");
        Some(names.into_iter().zip(squares).collect())
    }

    /// The distance in function space of `answers` from those at `w₀`; none before these were
    /// taken.
    pub(super) fn of_function(&self, answers: &Tensor) -> Option<f64> {
        let origin = self.origin.answers.as_ref()?;
        Some(total_variation(answers, origin))
    }
}

/// Mean over inputs of `½ Σ |p − q|`, where logits `[inputs, classes]` stand for `softmax` of
/// them, and logits `[inputs]` for `σ` of them and the rest to 1.
fn total_variation(one: &Tensor, other: &Tensor) -> f64 {
    let _guard = tch::no_grad_guard();
    let of = |logits: &Tensor| logits.to_kind(Kind::Double);
    let (one, other) = (of(one), of(other));
    let by_input = match one.dim() {
        1 => (one.sigmoid() - other.sigmoid()).abs(),
        _ => {
            let probabilities = |logits: &Tensor| logits.softmax(-1, Kind::Double);
            let moved = (probabilities(&one) - probabilities(&other)).abs();
            moved.sum_dim_intlist(-1, false, Kind::Double) / 2.0
        }
    };
    by_input.mean(Kind::Double).double_value(&[])
}

fn constrained(treatments: &[Treatment]) -> Vec<String> {
    let constrained = treatments
        .iter()
        .filter(|treatment| treatment.constraint == Constraint::Constrained);
    constrained.map(|one| one.parameter.clone()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_as_far_apart_as_their_probabilities() {
        let logits = |numbers: &[f64], width: i64| {
            let logits = Tensor::from_slice(numbers).to_kind(Kind::Float);
            if width == 1 {
                logits
            } else {
                logits.view([-1, width])
            }
        };
        let ln = f64::ln;
        // Probabilities (½, ½) against (¾, ¼), and the same again with no difference.
        let one = logits(&[0.0, 0.0, 5.0, 1.0], 2);
        let other = logits(&[ln(3.0), 0.0, 5.0, 1.0], 2);
        assert!((total_variation(&one, &other) - 0.125).abs() < 1e-7);
        // A logit alone is that of yes against no.
        let one = logits(&[0.0, 4.0], 1);
        let other = logits(&[ln(3.0), 4.0], 1);
        assert!((total_variation(&one, &other) - 0.125).abs() < 1e-7);
        // Logits that all move together answer the same.
        let one = logits(&[1.0, 2.0, 3.0], 3);
        assert!(total_variation(&one, &(&one + 7.0)) < 1e-7);
        let far = logits(&[-100.0, 100.0], 1);
        assert!((total_variation(&far, &-&far) - 1.0).abs() < 1e-7);
    }
}
