//! How far the weights have moved since the freeze.

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
    pub(super) origin: Option<Origin>,
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
            origin: None,
        }))
    }

    /// Measures from this step on, unless it does already.
    pub(super) fn begin_at(&mut self, steps: u64) {
        if self.origin.is_none() {
            self.from = steps;
        }
    }

    /// To be told before each step how many were taken.
    pub(super) fn before_step(&mut self, steps: u64) {
        if steps == self.from && self.origin.is_none() {
            let copies = self.weights.iter();
            let copies = copies.map(|(name, tensor)| (name.clone(), tensor.detach().copy()));
            self.origin = Some(copies.collect());
        }
    }

    /// The squares of the distances now, weight by weight; none before `w₀` was taken.
    pub(super) fn squares(&self) -> Option<Vec<(&str, f64)>> {
        let origin = self.origin.as_ref()?;
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
}

fn constrained(treatments: &[Treatment]) -> Vec<String> {
    let constrained = treatments
        .iter()
        .filter(|treatment| treatment.constraint == Constraint::Constrained);
    constrained.map(|one| one.parameter.clone()).collect()
}
