//! Steps in kernels of a CUDA device, all parameters of a step in six launches at most.
//!
//! ```text
//! begin    writes down what the host says, and looks the learning rate up
//! sum      ⟨w,w⟩, ⟨w,g⟩, ⟨g,g⟩; decides whether the step is taken        left out where nothing asks
//! before   κ and α of every unit; counts the step
//! update   buffers, and ⟨w,d⟩, ⟨d,d⟩ or the weights
//! after    p and q of every unit                                         of two passes
//! move     w ← p w + q d                                                 of two passes
//! ```
//!
//! The host waits for none of them. What changes from step to step is in `begin` and in tables on
//! the device, so that the other launches can be captured in a graph and replayed: `launched.rs` says
//! which a step has. The kernels are
//! in `cuda/`, one source for NVRTC and for a C++ compiler: [`launch::Emulated`] runs them on the
//! CPU, for tests. Parameters that they do not take go to the reference, in steps that wait for the
//! device once.

mod cache;
mod device;
mod findings;
mod launch;
mod launched;
mod library;
mod numbers;
mod nvrtc;
mod own_code;
mod phase;
mod plan;
mod pointers;
mod reading;
mod records;
mod rest;
mod share;

#[cfg(test)]
mod host_tests;
#[cfg(test)]
mod tests;

pub use launch::EmulatedGraph;
pub use own_code::DeviceCode;
pub use share::CudaCompiler;
pub(crate) use share::{compiler, require_kernels, taken};

use tch::{Device, Kind, Tensor};

use self::findings::findings;
use self::launch::{Arguments, Kernel, Launches};
use self::launched::Launched;
use self::numbers::KernelRule;
use self::phase::{Member, Phase, member};
use self::pointers::{Address, Addresses};
use self::records::{Begin, DECISION, Memory, PlanRecord, UPDATE, address, words};
use self::rest::RestOfStep;
use self::share::Share;
use crate::backend::choice::Forms;
use crate::backend::clock::Clock;
use crate::backend::interface::{Backend, Entry, Setup, StepRecord, StepRequest};
use crate::backend::launches::StepLaunches;
use crate::backend::reference::Reference;
use crate::backend::slot::Slot;
use crate::constraint::form::ConstraintForm;
use crate::diagnostics::Findings;
use crate::error::Error;
use crate::libtorch::versions::bump_versions;
use crate::report::{Limits, Reading};
use crate::rule::Rule;

/// The parameters of an optimizer that the kernels take, and the reference for the others.
#[derive(Debug)]
pub(crate) struct Cuda {
    /// Of each parameter of the kernels, which of the optimizer's it is.
    slots: Vec<usize>,
    names: Vec<String>,
    /// Of each of them, how many elements it has.
    elements: Vec<i64>,
    device: Device,
    rule: KernelRule,
    /// What the records of all phases have.
    shared: PlanRecord,
    free: Phase,
    /// Given under a constraint.
    constrained: Option<Phase>,
    addresses: Addresses,
    /// By parameter: how often it was updated, and whether its direction is in place of its first
    /// moment.
    memories: Tensor,
    clock: Clock,
    launches: Launches,
    rest: Reference,
    /// Working memory of the kernels: the numbers of updates, and those of the step.
    kept: [Tensor; 2],
}

impl Cuda {
    pub(crate) const ENTRY: Entry = Entry {
        name: "cuda",
        suits: |at| at.asks_for_cuda() && at.forms != Forms::None && at.cuda_kernels.is_ok(),
        new: |setup| Box::new(Self::new(setup, Clock::new)),
    };

    fn new(setup: Setup<'_>, clock: impl Fn(Device) -> Clock) -> Self {
        let Setup {
            rule,
            slots,
            constraint,
            watch,
        } = setup;
        let _guard = tch::no_grad_guard();
        let share = Share::new(rule, slots, constraint).expect("there are kernels for some");
        let launcher = share.launcher(slots).expect("they were compiled before");
        let Share {
            device,
            rule,
            slots: mine,
            free,
            constrained,
        } = share;
        let clock = clock(device);
        let addresses = Addresses::new(mine.len(), device);
        let count = mine.len() as i64;
        let memories = words(&vec![Memory::default(); mine.len()]).to_device(device);
        let room = |words: i64| Tensor::zeros([words], (Kind::Double, device));
        let kept = [room(count * UPDATE), room(DECISION)];
        let shared = PlanRecord {
            pointers: address(&addresses.pointers_there),
            layouts: address(&addresses.layouts_there),
            memories: address(&memories),
            updates: address(&kept[0]),
            decision: address(&kept[1]),
            taken: address(clock.taken()),
            rates: address(clock.rates()),
            most_rates: clock.rates().numel() as i64,
            rule: rule as i64,
            ..PlanRecord::default()
        };
        let elements: Vec<i64> = mine
            .iter()
            .map(|&slot| slots[slot].weight.numel() as i64)
            .collect();
        let phase = |members, held| Phase::new(members, &elements, shared, held, device);
        Self {
            names: mine.iter().map(|&slot| slots[slot].name.clone()).collect(),
            slots: mine,
            device,
            rule,
            shared,
            free: phase(free, false),
            constrained: constraint.map(|_| phase(constrained, true)),
            elements,
            addresses,
            memories,
            clock,
            launches: Launches::new(launcher),
            rest: Reference::new(watch),
            kept,
        }
    }

    fn phase(&self, constrained: bool) -> &Phase {
        match &self.constrained {
            Some(phase) if constrained => phase,
            _ => &self.free,
        }
    }

    fn launch(&self, kernel: Kernel, plan: &PlanRecord, arguments: Arguments, blocks: i64) {
        // SAFETY: the plan points into tensors that this backend keeps, and the addresses in them
        // were told in this step, of tensors that the slots or the step keep. libtorch gives memory
        // that is let go of to nobody before what its stream was given by then is over.
        unsafe { self.launches.launch(kernel, plan, arguments, blocks) };
    }

    /// What the kernels take of the parameters in a phase, as these are now.
    fn members(
        &self,
        slots: &[Slot],
        rule: &dyn Rule,
        form: Option<&ConstraintForm>,
    ) -> Vec<Option<Member>> {
        let member = |&index: &usize| {
            let found = member(&slots[index], rule, form, self.device);
            let (_, member) = found.filter(|(kernel, _)| *kernel == self.rule)?;
            Some(member)
        };
        self.slots.iter().map(member).collect()
    }

    fn phases(&self) -> impl Iterator<Item = &Phase> {
        std::iter::once(&self.free).chain(&self.constrained)
    }

    /// Tells the device where the parameters lie; answers gradients that must live as long as the
    /// step.
    fn tell(&mut self, slots: &[Slot], request: &StepRequest<'_>) -> Vec<Tensor> {
        let constrained = request.constraint.is_some();
        let mut kept = Vec::new();
        let mut now = Vec::with_capacity(self.slots.len());
        for (parameter, &index) in self.slots.iter().enumerate() {
            let slot = &slots[index];
            let Some(member) = self.phase(constrained).members[parameter] else {
                now.push(Address::default());
                continue;
            };
            let gradient = request.gradients[index].as_ref().map(|gradient| {
                let weight = &slot.weight;
                let alike = gradient.kind() == weight.kind() && gradient.device() == self.device;
                if !alike {
                    kept.push(gradient.to_device(self.device).to_kind(weight.kind()));
                } else if self.elements[parameter] > 0 && request.weights.meets(gradient) {
                    // What is read must not be written meanwhile.
                    kept.push(gradient.copy());
                } else {
                    return gradient.shallow_clone();
                }
                kept[kept.len() - 1].shallow_clone()
            });
            let granularity = member.granularity;
            let found = self
                .addresses
                .of(parameter, slot, gradient.as_ref(), granularity);
            now.push(found);
        }
        self.addresses.tell(now);
        kept
    }
}

impl Backend for Cuda {
    fn renumber(
        &mut self,
        slots: &[Slot],
        rule: &dyn Rule,
        constraint: Option<&ConstraintForm>,
    ) -> bool {
        let _guard = tch::no_grad_guard();
        let free = self.members(slots, rule, None);
        let constrained = constraint.map(|form| self.members(slots, rule, Some(form)));
        let fits = self.free.is_of(&free)
            && match (&self.constrained, &constrained) {
                (Some(phase), Some(members)) => phase.is_of(members),
                (phase, members) => phase.is_none() && members.is_none(),
            };
        if fits {
            self.free.renumber(free, &self.elements);
            if let Some((phase, members)) = self.constrained.as_mut().zip(constrained) {
                phase.renumber(members, &self.elements);
            }
        }
        fits
    }

    /// The numbers of a parameter lie on the device, and may decide who takes it.
    fn regroup(&mut self, slots: &[Slot], rule: &dyn Rule, constraint: Option<&ConstraintForm>) {
        let _guard = tch::no_grad_guard();
        let phase = |form: Option<&ConstraintForm>| {
            let members = self.members(slots, rule, form);
            let (shared, held) = (self.shared, form.is_some());
            Phase::new(members, &self.elements, shared, held, self.device)
        };
        let (free, constrained) = (phase(None), constraint.map(|form| phase(Some(form))));
        (self.free, self.constrained) = (free, constrained);
    }

    fn step(&mut self, slots: &mut [Slot], request: &StepRequest<'_>) -> Result<StepRecord, Error> {
        let StepRequest {
            constraint,
            limits,
            options,
            ..
        } = *request;
        let constrained = constraint.is_some();
        let kept = self.tell(slots, request);
        let phase = self.phase(constrained);
        let mut is_mine = vec![false; slots.len()];
        for (&slot, member) in self.slots.iter().zip(&phase.members) {
            is_mine[slot] = member.is_some();
        }
        let rest: Vec<Option<&Tensor>> = (request.gradients.iter().zip(&is_mine))
            .map(|(gradient, mine)| gradient.as_ref().filter(|_| !mine))
            .collect();
        let has_rest = rest.iter().any(Option::is_some);
        let squares = has_rest.then(|| rest::squares(rest.iter().copied().flatten(), self.device));

        let (largest, clip) = (limits.largest(), limits.clip());
        // The launches write all of it.
        let record = Tensor::empty([3], (Kind::Double, self.device));
        let begin = Begin {
            rate: request.learning_rate,
            scale: options.gradient_scale,
            clip: clip.unwrap_or(f64::INFINITY),
            largest: largest.unwrap_or(f64::INFINITY),
            record: address(&record),
            rest: squares.as_ref().map_or(0, address),
            counts: i64::from(largest.is_some()),
            begun: self.clock.begun() as i64,
            samples: options.samples as i64,
        };
        let measure = options.diagnostics;
        let launched = Launched::new(phase, constrained, limits, measure);
        if let Some(replay) = &request.replay {
            let same = Self::require_same(replay.launches, &launched, (kept.len(), has_rest));
            same.map_err(|why| Error::OtherLaunches { why })?;
        }
        self.launch(Kernel::Begin, &launched.plan, Arguments::Begin(begin), 1);
        let mut rest_of_step = None;
        match &request.replay {
            Some(replay) => {
                request.writes.set(true);
                self.hand_over(slots, &launched, replay.run);
            }
            None => {
                self.launch_sums(&launched);
                if has_rest {
                    rest_of_step = self.rest_of_step(slots, request, rest, &record)?;
                }
                request.writes.set(true);
                self.launch_moves(&launched);
            }
        }

        let part = measure.then(|| self.part(slots, request));
        for (&index, member) in self.slots.iter().zip(&phase.members) {
            let two_passes = member.is_some_and(|member| member.numbers.single_pass == 0);
            if two_passes && request.gradients[index].is_some() {
                slots[index].held |= self.rule.holds();
            }
        }
        let written = self.slots.iter().zip(&phase.members);
        let written = written
            .filter(|(index, member)| member.is_some() && request.gradients[**index].is_some());
        bump_versions(written.map(|(&index, _)| &slots[index].weight));
        let mut measured = vec![Vec::new(); slots.len()];
        if has_rest {
            // The reference may put other tensors in the place of buffers.
            self.addresses.forget();
        }
        if let Some(rest) = rest_of_step {
            let RestOfStep {
                gradients,
                update,
                staged,
            } = rest;
            self.rest
                .write(slots, &gradients, &update, staged, &mut measured);
            for (slot, gradient) in slots.iter_mut().zip(&gradients) {
                slot.updates += u64::from(gradient.is_some());
            }
        }
        if largest.is_some() {
            self.clock.count(options.samples);
        }
        let norm = record.get(0);
        let findings = match part {
            Some(part) => findings(slots, request, &norm, part, &measured),
            None => Findings::Known(Vec::new()),
        };
        let (rate, taken) = match largest {
            Some(_) => (record.get(1).into(), record.get(2).into()),
            None => (Reading::Known(request.learning_rate), Reading::Known(1.0)),
        };
        Ok(StepRecord {
            norm: norm.into(),
            rate,
            taken,
            findings,
        })
    }

    fn load(&mut self, slots: &mut [Slot]) {
        self.addresses.forget();
        for (parameter, &index) in self.slots.iter().enumerate() {
            let slot = &mut slots[index];
            if slot.held {
                self.release(parameter, &slot.buffers[0]);
                slot.held = false;
            }
        }
        let memories = self.slots.iter().map(|&index| Memory {
            updates: slots[index].updates as i64,
            held: 0,
        });
        let memories = words(&memories.collect::<Vec<_>>());
        self.memories.copy_(&memories);
        let Some(phase) = &mut self.constrained else {
            return;
        };
        let members = || self.slots.iter().zip(&phase.members);
        let of_units = |of: fn(&Slot) -> &[f64]| {
            let mut all = Vec::new();
            for (&index, member) in members() {
                let Some(member) = member else { continue };
                let known = of(&slots[index]).iter().copied();
                let known = known.chain(std::iter::repeat(0.0));
                all.extend(known.take(member.units as usize));
            }
            Tensor::from_slice(&all)
        };
        let (radii, remembered) = (
            of_units(|slot| &slot.radii),
            of_units(|slot| &slot.memories),
        );
        for (there, here) in [
            (&mut phase.radii, radii),
            (&mut phase.remembered, remembered),
        ] {
            if let Some(there) = there.as_mut().filter(|_| here.numel() > 0) {
                there.copy_(&here);
            }
        }
    }

    fn buffers(&self, slot: &Slot, _rule: &dyn Rule) -> Vec<Tensor> {
        let mut buffers = slot.shared_buffers();
        let parameter = self.names.iter().position(|name| *name == slot.name);
        if let Some(parameter) = parameter.filter(|_| slot.held) {
            buffers[0] = self.first_moment(parameter, slot);
        }
        buffers
    }

    fn updates(&self, slots: &[Slot]) -> Vec<u64> {
        let mut all: Vec<u64> = slots.iter().map(|slot| slot.updates).collect();
        for (&index, updates) in self.slots.iter().zip(self.counted()) {
            // Either the device or the reference has gone on since both knew.
            all[index] = all[index].max(updates as u64);
        }
        all
    }

    fn radii(&self, slots: &[Slot]) -> Vec<Vec<f64>> {
        let known = slots.iter().map(|slot| slot.radii.clone()).collect();
        self.of_units(known, |phase| phase.radii.as_ref())
    }

    fn memories(&self, slots: &[Slot]) -> Vec<Vec<f64>> {
        let known: Vec<_> = slots.iter().map(|slot| slot.memories.clone()).collect();
        match known.iter().all(Vec::is_empty) {
            true => known,
            false => self.of_units(known, |phase| phase.remembered.as_ref()),
        }
    }

    fn launches(
        &self,
        slots: &[Slot],
        constrained: bool,
        limits: Limits,
    ) -> Result<StepLaunches, String> {
        self.launches_of(slots, constrained, limits)
    }

    fn launch_again(&self, launches: &StepLaunches) {
        self.launch_told(launches);
    }

    fn clock(&self) -> Option<&Clock> {
        Some(&self.clock)
    }

    fn clock_mut(&mut self) -> Option<&mut Clock> {
        Some(&mut self.clock)
    }
}
