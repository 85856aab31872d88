//! Which parameters of an optimizer the kernels take, and what runs them.

use tch::Device;

use super::device::OnDevice;
use super::launch::{Emulated, Launcher};
use super::numbers::{KernelRule, element};
use super::nvrtc::{Nvrtc, Parts, target};
use super::phase::{Member, member};
use crate::backend::slot::Slot;
use crate::constraint::form::ConstraintForm;
use crate::error::Error;
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

/// Makes sure that there are kernels for some of these parameters, and a device or the CPU to run them.
///
/// # Errors
///
/// In one line, why not: none of the parameters is one that they take, or the compiler or the driver
/// has refused.
pub(crate) fn require_kernels(
    rule: &dyn Rule,
    slots: &[Slot],
    constraint: Option<&ConstraintForm>,
) -> Result<(), String> {
    let share = Share::new(rule, slots, constraint);
    let share = share.ok_or("there is no parameter whose step they compute")?;
    share.launcher(slots).map(drop).map_err(|why| telling(&why))
}

/// The line of a message that tells most: the first error of a compiler's, or the first at all.
pub(super) fn telling(message: &str) -> String {
    let lines = || {
        message
            .lines()
            .map(str::trim)
            .filter(|line| !line.is_empty())
    };
    let line = lines()
        .find(|line| line.contains("error"))
        .or(lines().next());
    line.unwrap_or("no reason was given").to_owned()
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

/// The compiler of kernels, or why there is none on this machine.
pub(crate) fn compiler() -> Result<CudaCompiler, String> {
    let nvrtc = Nvrtc::get()?;
    let (major, minor) = nvrtc.version();
    Ok(CudaCompiler {
        version: format!("{major}.{minor}"),
        capabilities: nvrtc.architectures(),
    })
}

/// NVRTC, which compiles the kernels of [`Cuda`](crate::Backend::Cuda) in this process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CudaCompiler {
    /// Major and minor version.
    pub version: String,
    /// The compute capabilities that it compiles for, in order; 90 for 9.0.
    pub capabilities: Vec<i32>,
}

impl CudaCompiler {
    /// What the kernels leave to libtorch's operations, in one line.
    pub const LEFT_OUT: &str = "tables of which a step updates some rows, and row-wise Adagrad's; \
        matrices of Muon; AdamP and SGDP under norms that are not by row; rules without a form";

    /// Makes sure that a card of this compute capability, 90 for 9.0, can have kernels.
    ///
    /// # Errors
    ///
    /// [`Error::NoCudaCompiler`] for a card that is older than all that NVRTC knows. One that is newer
    /// takes what is compiled for the newest.
    pub fn require(&self, capability: i32) -> Result<(), Error> {
        let target = target(&self.capabilities, capability);
        target
            .map(drop)
            .map_err(|why| Error::NoCudaCompiler { why })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{AdamConfig, OptimizerConfig, Parameter, Parameters, Role, RuleConfig, Schedule};
    use tch::{Kind, Tensor};

    fn slots(rule: RuleConfig, kind: Kind) -> Vec<Slot> {
        let tensor = Tensor::ones([3, 4], (kind, Device::Cpu)).set_requires_grad(true);
        let parameter = Parameter {
            name: "w".into(),
            role: Role::Weight,
            tensor,
        };
        let parameters = Parameters::new(vec![parameter]).unwrap();
        let config = OptimizerConfig::new(rule, Schedule::constant(0.1));
        config.build(parameters).unwrap().slots
    }

    #[test]
    fn why_there_are_no_kernels_is_kept() {
        let rule = RuleConfig::from(AdamConfig::default());
        assert_eq!(
            require_kernels(&rule, &slots(rule, Kind::Float), None),
            Ok(())
        );
        // As of a device whose driver is not there, or has no such device.
        let mut share = Share::new(&rule, &slots(rule, Kind::Float), None).unwrap();
        share.device = Device::Cuda(1 << 20);
        let why = share
            .launcher(&slots(rule, Kind::Float))
            .map(drop)
            .unwrap_err();
        assert!(
            why.contains("libcuda") || why.contains("cuDeviceGet"),
            "{why}"
        );
        let said =
            "kernels.cu(3): note: here\nkernels.cu(4): error: no such thing\n1 error detected";
        assert_eq!(telling(said), "kernels.cu(4): error: no such thing");
        assert_eq!(
            telling("cuInit failed with 100: no device"),
            "cuInit failed with 100: no device"
        );
        assert_eq!(telling(" \n"), "no reason was given");
    }

    #[test]
    fn a_card_that_is_older_than_all_has_no_kernels() {
        let compiler = CudaCompiler {
            version: "13.0".into(),
            capabilities: vec![75, 80, 90, 100],
        };
        for known in [75, 80, 86, 90, 120] {
            compiler.require(known).unwrap();
        }
        let why = compiler.require(70).unwrap_err().to_string();
        assert!(
            why.contains("7.0") && why.contains("[75, 80, 90, 100]"),
            "{why}"
        );
        // One of a V100 is told what has become of it.
        assert!(why.contains("CUDA 13 has left Volta"), "{why}");
        let older = CudaCompiler {
            version: "12.6".into(),
            capabilities: vec![50, 60, 70, 80, 90],
        };
        older.require(70).unwrap();
        let why = older.require(37).unwrap_err().to_string();
        assert!(why.contains("3.7") && !why.contains("Volta"), "{why}");
    }
}
