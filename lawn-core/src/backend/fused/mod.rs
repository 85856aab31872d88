//! Steps in fused kernels of the CPU; what these do not take goes to the reference.

mod average;
mod held;
mod layout;
mod share;

use tch::Tensor;

use crate::backend::choice::{BackendChoice, Forms};
use crate::backend::host::{Decision, decide, finish, shrunk, square};
use crate::backend::interface::{Backend, Entry, StepRecord, StepRequest};
use crate::backend::reference::{Reference, UpdateRequest};
use crate::backend::slot::Slot;
use crate::error::Error;
use crate::rule::Rule;
use share::KernelShare;

/// Steps in kernels, and in libtorch operations for parameters that they do not take.
#[derive(Debug)]
pub(crate) struct Fused {
    rest: Reference,
}

impl Fused {
    pub(crate) const ENTRY: Entry = Entry {
        name: "fused",
        suits: |at| at.choice == BackendChoice::Auto && at.forms != Forms::None && at.optimised,
        new: |setup| {
            let rest = Reference::new(setup.watch);
            Box::new(Self { rest })
        },
    };
}

impl Backend for Fused {
    fn step(&mut self, slots: &mut [Slot], request: &StepRequest<'_>) -> Result<StepRecord, Error> {
        let mut share = KernelShare::new(slots, request);
        let gradients = request.gradients.iter().enumerate();
        let rest: Vec<Option<&Tensor>> = gradients
            .map(|(index, gradient)| gradient.as_ref().filter(|_| !share.takes(index)))
            .collect();
        let square_of_rest = square(rest.iter().copied().flatten());
        let norm = |share: &KernelShare<'_>| {
            (square_of_rest + share.square()).sqrt() / request.options.gradient_scale
        };
        let decision = decide(request, || {
            share.sum();
            norm(&share)
        });
        let factor = match decision {
            Decision::Take { factor } => factor,
            Decision::Skip { norm } => return Ok(StepRecord::skipped(request, norm)),
            Decision::Shrink(gradients) => {
                drop(share);
                return self.step(slots, &shrunk(request, &gradients));
            }
        };
        let update = UpdateRequest::new(request, factor);
        let staged = self.rest.stage(slots, &rest, &update, held::buffers)?;
        request.writes.set(true);
        share.step(factor, request.options.diagnostics);
        let norm = norm(&share);
        let results = share.results(request.options.diagnostics);
        drop(share);
        let mut measured = vec![Vec::new(); slots.len()];
        for (index, (slot, result)) in slots.iter_mut().zip(results).enumerate() {
            match result {
                Some(result) => {
                    slot.held = result.holds;
                    slot.release(&result.lost);
                    slot.remember(result.memories);
                    measured[index] = result.measured;
                }
                None if rest[index].is_some() => held::release(slot, request.rule),
                None => {}
            }
        }
        self.rest
            .write(slots, &rest, &update, staged, &mut measured);
        Ok(finish(slots, request, measured, norm))
    }

    fn buffers(&self, slot: &Slot, rule: &dyn Rule) -> Vec<Tensor> {
        held::buffers(slot, rule)
    }
}
