//! Steps of many parameters by few operations, none of which waits for the device: the backend
//! of accelerators.
//!
//! Parameters of one device and kind share a flat storage of tiles. One multi-tensor operation
//! copies their gradients and weights into it. From there on every operation is one for all of
//! them. It is on elements, on tiles, or takes sums over elements to tiles, as inner products and
//! norms do. A number of a unit is kept for each of its tiles and broadcast over them.
//!
//! A free step of Adam needs none of that: it is libtorch's own fused kernel, on the
//! model's tensors.
//!
//! Whether the gradients are finite, and what clipping multiplies them by, are known to the
//! device only. A step that it skips is computed all the same, and changes nothing: gradients
//! become −0, directions become 0, and factors of buffers and weights become 1. The [`Clock`]
//! counts the steps that it has taken, and so knows which learning rate is next.

mod direction;
mod fused_adam;
mod group;
mod settings;
mod tiles;
mod update;

#[cfg(test)]
mod tests;

use tch::{Device, Kind, Tensor};

use self::group::Group;
use self::update::Request;
use crate::backend::choice::{BackendChoice, Forms};
use crate::backend::clock::Clock;
use crate::backend::interface::{Backend, Entry, Setup, StepRecord, StepRequest};
use crate::backend::slot::Slot;
use crate::diagnostics::{Findings, Part, PendingFindings};
use crate::error::Error;
use crate::libtorch::foreach::foreach_norm;
use crate::report::Reading;
use crate::units::Granularity;

/// All parameters of an optimizer, in groups.
#[derive(Debug)]
pub(crate) struct MultiTensor {
    groups: Vec<Group>,
    /// On the first device.
    clock: Clock,
}

impl MultiTensor {
    pub(crate) const ENTRY: Entry = Entry {
        suits: |at| {
            let asked = match at.choice {
                BackendChoice::Auto => at.on_cuda,
                choice => choice == BackendChoice::MultiTensor,
            };
            asked && at.forms == Forms::All && at.common
        },
        new: |setup| Box::new(Self::new(setup)),
    };

    /// Takes the buffers and masters of all parameters into its own storages.
    fn new(setup: Setup<'_>) -> Self {
        let Setup {
            rule,
            slots,
            constraint,
            ..
        } = setup;
        let _guard = tch::no_grad_guard();
        let plans = tiles::plan(slots, constraint);
        let device = plans.first().map_or(Device::Cpu, |plan| plan.device);
        let group = |plan| Group::new(plan, slots, rule, constraint);
        Self {
            groups: plans.into_iter().map(group).collect(),
            clock: Clock::new(device),
        }
    }
}

impl Backend for MultiTensor {
    fn step(&mut self, slots: &mut [Slot], request: &StepRequest<'_>) -> Result<StepRecord, Error> {
        let StepRequest {
            gradients,
            constraint,
            learning_rate: rate,
            limits,
            options,
            ..
        } = *request;
        request.writes.set(true);
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
            constraint,
            rate: eta,
            factor: factor(&norm, limits.clip(), scale),
            finite,
            measure: options.diagnostics,
        };
        let mut parts = Vec::new();
        for group in updated {
            if let Some(sums) = group.update(&request, slots) {
                let units = group.named(constraint.is_some());
                parts.push(Part { sums, units });
            }
        }
        let pending = || PendingFindings {
            norm: norm.shallow_clone(),
            limits,
            gradient_scale: scale,
            names: slots.iter().map(|slot| slot.name.clone()).collect(),
            parts,
        };
        let findings = match options.diagnostics {
            true => pending().into(),
            false => Findings::Known(Vec::new()),
        };
        Ok(StepRecord {
            norm: norm.into(),
            rate,
            taken,
            findings,
        })
    }

    fn takes_rows(&self) -> bool {
        false
    }

    fn regroups(&self) -> bool {
        false
    }

    fn unit_norms(&mut self, slots: &[Slot], granularity: Granularity) -> Vec<Option<Tensor>> {
        let mut all: Vec<Option<Tensor>> = slots.iter().map(|_| None).collect();
        for group in &mut self.groups {
            let norms = group.norms(slots);
            for (place, norms) in group.places.iter().zip(norms) {
                let slot = &slots[place.slot];
                let shape = granularity.dot_shape(&slot.weight.size());
                all[place.slot] = slot.is_constrained().then(|| match place.is_empty() {
                    true => Tensor::zeros(shape, (Kind::Double, Device::Cpu)),
                    false => Tensor::from_slice(&norms).reshape(shape),
                });
            }
        }
        all
    }

    fn load(&mut self, slots: &[Slot]) {
        self.groups.iter_mut().for_each(|group| group.load(slots));
    }

    fn radii(&self, slots: &[Slot]) -> Vec<Vec<f64>> {
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

    fn updates(&self, slots: &[Slot]) -> Vec<u64> {
        let mut all = vec![0; slots.len()];
        for group in &self.groups {
            for (place, updates) in group.places.iter().zip(group.updates()) {
                all[place.slot] = updates;
            }
        }
        all
    }

    fn clock(&self) -> Option<&Clock> {
        Some(&self.clock)
    }

    fn clock_mut(&mut self) -> Option<&mut Clock> {
        Some(&mut self.clock)
    }
}

/// The norm of all from that of each, scalar, f64. Squares of norms of f64 may overflow.
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
