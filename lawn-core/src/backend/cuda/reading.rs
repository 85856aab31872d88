//! What the host reads of the device: first moments, counts of updates, numbers of units, and sums.

use tch::{Device, Tensor};

use super::Cuda;
use super::launch::{Arguments, Kernel};
use super::phase::Phase;
use super::records::{THREADS, address};
use crate::backend::interface::StepRequest;
use crate::backend::slot::Slot;
use crate::diagnostics::Part;
use crate::units::host;

impl Cuda {
    /// The first moment of a parameter, whatever is in its place.
    pub(super) fn first_moment(&self, parameter: usize, slot: &Slot) -> Tensor {
        let moment = slot.buffers[0].copy();
        self.release(parameter, &moment);
        moment
    }

    /// Writes the first moment of a parameter into a tensor that lies as its buffers do.
    pub(super) fn release(&self, parameter: usize, moment: &Tensor) {
        let count = moment.numel() as i64;
        let phase = self
            .phases()
            .find(|phase| phase.members[parameter].is_some());
        let phase = phase.expect("it is of one phase at least");
        if count > 0 {
            let arguments = Arguments::Release {
                tensor: parameter as i64,
                moment: address(moment),
                count,
            };
            let blocks = (count + THREADS - 1) / THREADS;
            self.launch(Kernel::Release, &phase.record, arguments, blocks);
        }
    }

    /// How often each parameter was updated; waits for the device.
    pub(super) fn counted(&self) -> Vec<i64> {
        let mut memories = vec![0i64; self.memories.numel()];
        let there = self.memories.to_device(Device::Cpu);
        there.copy_data(&mut memories, self.memories.numel());
        memories.into_iter().step_by(2).collect()
    }

    /// The numbers of the units of each parameter, from the device for those that the kernels have
    /// under the constraint; waits for it.
    pub(super) fn of_units(
        &self,
        mut all: Vec<Vec<f64>>,
        of: impl Fn(&Phase) -> Option<&Tensor>,
    ) -> Vec<Vec<f64>> {
        let Some(phase) = &self.constrained else {
            return all;
        };
        let numbers = of(phase).map(host).unwrap_or_default();
        for (&index, member) in self.slots.iter().zip(&phase.members) {
            let Some(member) = member else { continue };
            let first = member.numbers.first_unit as usize;
            // A parameter without rows has one unit here.
            let count = all[index].len();
            all[index] = numbers[first..first + count.min(member.units as usize)].to_vec();
            all[index].resize(count, 0.0);
        }
        all
    }

    /// What the kernels have measured.
    pub(super) fn part(&self, slots: &[Slot], request: &StepRequest<'_>) -> Part {
        let phase = self.phase(request.constraint.is_some());
        let mut units = Vec::new();
        for (&index, member) in self.slots.iter().zip(&phase.members) {
            let Some(member) = member else { continue };
            let told = request.gradients[index].is_some() && slots[index].weight.numel() > 0;
            let named = |unit| told.then_some((index, unit as usize));
            units.extend((0..member.told()).map(named));
        }
        Part {
            sums: phase.measured(),
            units,
        }
    }
}
