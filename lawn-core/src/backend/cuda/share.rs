//! Which parameters of an optimizer the kernels take, and what runs them.

use tch::Device;

use super::device::OnDevice;
use super::launch::{Emulated, Launcher};
use super::numbers::{KernelRule, element};
use super::nvrtc::{Nvrtc, Parts};
use super::phase::{Member, member};
use crate::backend::slot::Slot;
use crate::constraint::form::ConstraintForm;
use crate::rule::Rule;

/// What the kernels take of the parameters of an optimizer.
pub(super) struct Share {
    pub(super) device: Device,
    pub(super) rule: KernelRule,
    /// Which of the optimizer's parameters these are.
    pub(super) slots: Vec<usize>,
    /// By parameter; nothing for one that the reference has in this phase.
    pub(super) free: Vec<Option<Member>>,
    /// The same from the freeze on.
    pub(super) constrained: Vec<Option<Member>>,
}

impl Share {
    /// Nothing if there is nothing for them.
    pub(super) fn new(
        rule: &dyn Rule,
        slots: &[Slot],
        constraint: Option<&ConstraintForm>,
    ) -> Option<Self> {
        let devices = slots.iter().map(|slot| slot.weight.device());
        let on_cuda = devices.clone().find(|at| matches!(at, Device::Cuda(_)));
        let device = on_cuda.or_else(|| devices.clone().next())?;
        let mut share: Option<Self> = None;
        for (index, slot) in slots.iter().enumerate() {
            let free = member(slot, rule, None, device);
            let constrained = constraint.and_then(|form| member(slot, rule, Some(form), device));
            let Some((kernel, _)) = free.or(constrained) else {
                continue;
            };
            let share = share.get_or_insert_with(|| Self {
                device,
                rule: kernel,
                slots: Vec::new(),
                free: Vec::new(),
                constrained: Vec::new(),
            });
            // One rule is compiled. A direction of another kind is the reference's.
            let fits = |found: Option<(KernelRule, Member)>| {
                let (kernel, member) = found?;
                (kernel == share.rule).then_some(member)
            };
            let (free, constrained) = (fits(free), fits(constrained));
            if free.is_some() || constrained.is_some() {
                share.slots.push(index);
                share.free.push(free);
                share.constrained.push(constrained);
            }
        }
        share
    }

    /// Which kernels these parameters need.
    fn parts(&self, slots: &[Slot]) -> Parts {
        let kinds = self.slots.iter().map(|&slot| slots[slot].weight.kind());
        let elements = kinds.filter_map(element).fold(0, |all, one| all | 1 << one);
        Parts {
            rules: 1 << self.rule as i64,
            elements,
        }
    }

    /// What carries their launches out; it compiles the kernels unless that was done before.
    pub(super) fn launcher(&self, slots: &[Slot]) -> Result<Box<dyn Launcher>, String> {
        match self.device {
            Device::Cuda(index) => {
                let kernels = OnDevice::new(index, self.parts(slots))?;
                Ok(Box::new(kernels))
            }
            _ => Ok(Box::new(Emulated)),
        }
    }
}

/// Whether there are kernels for any of these parameters, and a device or the CPU to run them.
pub(crate) fn has_kernels(
    rule: &dyn Rule,
    slots: &[Slot],
    constraint: Option<&ConstraintForm>,
) -> bool {
    let share = Share::new(rule, slots, constraint);
    share.is_some_and(|share| share.launcher(slots).is_ok())
}

/// Of each parameter, whether the kernels take it in both phases, wherever it is now.
pub(crate) fn taken(
    rule: &dyn Rule,
    slots: &[Slot],
    constraint: Option<&ConstraintForm>,
) -> Vec<bool> {
    let mut taken = vec![false; slots.len()];
    if let Some(share) = Share::new(rule, slots, constraint) {
        let phases = share.free.iter().zip(&share.constrained);
        for (&slot, (free, held)) in share.slots.iter().zip(phases) {
            taken[slot] = free.is_some() && (constraint.is_none() || held.is_some());
        }
    }
    taken
}

/// The version of the compiler of kernels, or why there is none on this machine.
pub(crate) fn compiler() -> Result<String, String> {
    let nvrtc = Nvrtc::get()?;
    let (major, minor) = nvrtc.version();
    Ok(format!("{major}.{minor}"))
}
