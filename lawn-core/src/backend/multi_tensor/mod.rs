//! Steps of many parameters by few operations, none of which waits for the
//! device; the path of accelerators.
//!
//! Parameters of one device and kind share a flat storage of tiles, into which
//! their gradients and weights are copied by one multi-tensor operation. From
//! there on every operation is one for all of them: on elements, on tiles, or,
//! for inner products and norms, from the one to the other. Numbers that a unit
//! has for itself are kept for each of its tiles and broadcast over them.
//!
//! A free step of Adam needs none of that: it is libtorch's own fused kernel, on the
//! model's tensors.
//!
//! Whether the gradients are finite, and what clipping multiplies them by, are
//! known to the device only. A step that it skips is computed all the same, and
//! changes nothing: gradients are replaced by −0, directions by 0, the numbers
//! that buffers and weights are multiplied by by 1. How many it has taken, and so
//! which learning rate is next, it knows from its [`Clock`].

mod clock;
mod direction;
mod fused_adam;
mod group;
mod settings;
mod tiles;
mod update;

#[cfg(test)]
mod tests;

use tch::{Device, Kind, Tensor};

use self::clock::Clock;
pub(crate) use self::clock::Counts;
use self::group::Group;
use self::update::Request;
use crate::constraint::lawn::LawnConfig;
use crate::diagnostics::{Part, PendingFindings};
use crate::error::Error;
use crate::libtorch::foreach::foreach_norm;
use crate::options::StepOptions;
use crate::parameters::slot::Slot;
use crate::parameters::units::Granularity;
use crate::report::{Limits, Reading};
use crate::rule::builtin::RuleConfig;

/// All parameters of an optimizer, in groups.
#[derive(Debug)]
pub(crate) struct MultiTensor {
    granularity: Granularity,
    groups: Vec<Group>,
    /// On the first device.
    clock: Clock,
}

/// One step as the host knows it before the device has taken it.
pub(crate) struct PendingStep {
    /// The global gradient norm; scalar, f64.
    pub(crate) norm: Tensor,
    /// Its learning rate.
    pub(crate) rate: Reading,
    /// Steps taken since the host last knew, this one included.
    pub(crate) taken: Reading,
    /// What [`StepOptions::diagnostics`] asked for.
    pub(crate) diagnostics: Option<PendingFindings>,
}

impl MultiTensor {
    /// Takes the buffers and masters of all parameters into its own storages.
    pub(crate) fn new(rule: RuleConfig, slots: &mut [Slot], lawn: Option<&LawnConfig>) -> Self {
        let _guard = tch::no_grad_guard();
        let plans = tiles::plan(slots, lawn);
        let device = plans.first().map_or(Device::Cpu, |plan| plan.device);
        let group = |plan| Group::new(plan, slots, &rule, lawn);
        Self {
            groups: plans.into_iter().map(group).collect(),
            granularity: lawn.map_or(Granularity::Layer, |lawn| lawn.granularity),
            clock: Clock::new(device),
        }
    }

    /// Takes a step, or has the device skip it; `lawn` in the constrained phase.
    /// `rate` is the learning rate if no step was skipped since the host last knew.
    pub(crate) fn step(
        &mut self,
        slots: &mut [Slot],
        gradients: &[Option<Tensor>],
        lawn: Option<&LawnConfig>,
        rate: f64,
        limits: Limits,
        options: &StepOptions,
    ) -> PendingStep {
        let device = self.clock.device();
        let mut norms = Vec::new();
        let mut updated = Vec::new();
        for group in &mut self.groups {
            if let Some(norm) = group.look(gradients) {
                norms.push(norm.to_device(device));
                updated.push(group);
            }
        }
        let has_double = updated.iter().any(|group| group.is_double());
        let scale = options.gradient_scale;
        let norm = match norms.as_slice() {
            [] => Tensor::zeros([], (Kind::Double, device)),
            norms => total(&Tensor::cat(norms, 0), has_double) / scale,
        };
        let finite = limits.largest().map(|largest| norm.le(largest));
        let (eta, rate, taken) = match &finite {
            Some(finite) => {
                let eta = self.clock.rate(rate);
                let taken = self.clock.count(options.samples, finite);
                (eta.shallow_clone(), eta.into(), taken.into())
            }
            None => {
                let eta = Tensor::full([1], rate, (Kind::Double, device));
                (eta, Reading::Known(rate), Reading::Known(1.0))
            }
        };
        let request = Request {
            gradients,
            lawn,
            rate: eta,
            factor: factor(&norm, limits.clip(), scale),
            finite,
            measure: options.diagnostics,
        };
        let mut parts = Vec::new();
        for group in updated {
            if let Some(sums) = group.update(&request, slots) {
                let units = group.named(lawn.is_some());
                parts.push(Part { sums, units });
            }
        }
        let diagnostics = options.diagnostics.then(|| PendingFindings {
            norm: norm.shallow_clone(),
            limits,
            gradient_scale: scale,
            names: slots.iter().map(|slot| slot.name.clone()).collect(),
            parts,
        });
        PendingStep {
            norm,
            rate,
            taken,
            diagnostics,
        }
    }

    /// Fixes the radii; waits for the device, once in a training.
    pub(crate) fn freeze(&mut self, slots: &mut [Slot]) -> Result<(), Error> {
        let mut found = Vec::new();
        for group in &mut self.groups {
            let norms = group.norms(slots);
            for (place, norms) in group.places.iter().zip(norms) {
                let slot = &slots[place.slot];
                if !slot.is_constrained() {
                    continue;
                }
                if let Some(&found) = norms.iter().find(|norm| !norm.is_finite()) {
                    let name = slot.name.clone();
                    return Err(Error::Radius { name, found });
                }
                let shape = self.granularity.dot_shape(&slot.weight.size());
                let radius = match place.is_empty() {
                    true => Tensor::zeros(shape, (Kind::Double, Device::Cpu)),
                    false => Tensor::from_slice(&norms).reshape(shape),
                };
                found.push((place.slot, radius.to_device(slot.weight.device())));
            }
        }
        for (slot, radius) in found {
            slots[slot].set_radius(Some(radius));
        }
        let updates = self.updates(slots.len());
        for (slot, updates) in slots.iter_mut().zip(updates) {
            slot.updates = updates;
        }
        self.groups.iter_mut().for_each(|group| group.load(slots));
        Ok(())
    }

    /// Continues with the radii and counts of the slots.
    pub(crate) fn load(&mut self, slots: &[Slot]) {
        self.groups.iter_mut().for_each(|group| group.load(slots));
        self.clock.reset();
    }

    /// Steps of which the host does not know yet whether they were skipped.
    pub(crate) fn unknown(&self) -> u64 {
        self.clock.begun()
    }

    /// The samples of the last of them.
    pub(crate) fn samples(&self) -> u64 {
        self.clock.samples()
    }

    /// How many of them were; waits for the device if there are any.
    pub(crate) fn skipped(&self) -> Counts {
        self.clock.skipped()
    }

    /// Counts anew: the host knows.
    pub(crate) fn settle(&mut self) {
        self.clock.reset();
    }

    /// The radii of each parameter, where they are fixed; 0 for a unit that has become
    /// free. Waits for the device.
    pub(crate) fn radii(&self, slots: &[Slot]) -> Vec<Vec<f64>> {
        let mut all = vec![Vec::new(); slots.len()];
        for group in &self.groups {
            for (place, mut radii) in group.places.iter().zip(group.radii().unwrap_or_default()) {
                // A parameter without elements has one unit here, however many rows it has.
                radii.resize(slots[place.slot].radii.len(), 0.0);
                all[place.slot] = radii;
            }
        }
        all
    }

    /// How often each of so many parameters was updated; waits for the device.
    pub(crate) fn updates(&self, parameters: usize) -> Vec<u64> {
        let mut all = vec![0; parameters];
        for group in &self.groups {
            for (place, updates) in group.places.iter().zip(group.updates()) {
                all[place.slot] = updates;
            }
        }
        all
    }
}

/// The norm of all from that of each, scalar, f64; squares of norms of f64 may
/// overflow.
fn total(norms: &Tensor, has_double: bool) -> Tensor {
    if has_double {
        foreach_norm(std::iter::once(norms)).squeeze()
    } else {
        norms.square().sum(Kind::Double).sqrt()
    }
}

/// `min(1, clip / ‖g‖) / scale`, scalar, f64; nothing where that is 1 for sure.
fn factor(norm: &Tensor, clip: Option<f64>, scale: f64) -> Option<Tensor> {
    match clip {
        Some(clip) => {
            let factor = (norm.reciprocal() * clip).where_scalarother(&norm.gt(clip), 1.0);
            Some(factor / scale)
        }
        None if scale == 1.0 => None,
        None => Some(norm.full_like(1.0 / scale)),
    }
}
