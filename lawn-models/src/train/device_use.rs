//! How a trial is computed on CUDA, for its record.

use lawn_core::{ChosenBackend, Optimizer};
use serde::{Deserialize, Serialize};

use super::context::TrialContext;
use super::observer::Notice;
use crate::device::{self, DeviceMemory};

/// What takes the steps of a trial on CUDA, and how much of the device it has had.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
pub struct DeviceUse {
    /// What takes the optimizer's steps: `cuda`, which is kernels, or `reference`, libtorch's
    /// operations.
    pub backend: String,
    /// Why it is not the kernels, where it is not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub without_kernels: Option<String>,
    /// Version of NVRTC, which compiled them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub compiler: Option<String>,
    /// Whether cuDNN measured which of its algorithms is the fastest.
    pub measures_cudnn: bool,
    /// The most bytes of the device that libtorch has had in this process, as far as it has come.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reserved: Option<u64>,
}

impl DeviceUse {
    /// That of a trial; nothing on other devices.
    pub(super) fn of(context: &TrialContext, optimizer: &Optimizer) -> Option<Self> {
        let memory = DeviceMemory::of(context.device);
        let version = || {
            device::cuda_compiler()
                .ok()
                .map(|compiler| compiler.version)
        };
        context.device.is_cuda().then(|| {
            let chosen = optimizer.chosen_backend();
            let measures_cudnn = device::measures(context.device, context.deterministic);
            let reserved = memory.map(|memory| memory.peak);
            Self::told(chosen, version, measures_cudnn, reserved)
        })
    }

    fn told(
        chosen: &ChosenBackend,
        version: impl FnOnce() -> Option<String>,
        measures_cudnn: bool,
        reserved: Option<u64>,
    ) -> Self {
        let has_kernels = chosen.without_cuda_kernels.is_none();
        Self {
            backend: chosen.name.to_owned(),
            without_kernels: chosen.without_cuda_kernels.clone(),
            compiler: if has_kernels { version() } else { None },
            measures_cudnn,
            reserved,
        }
    }

    /// What is out of the ordinary in it.
    pub(super) fn notice(&self) -> Option<Notice> {
        let reason = self.without_kernels.clone()?;
        Some(Notice::NoKernels { reason })
    }
}

#[cfg(test)]
mod tests {
    use lawn_core::{
        AdamConfig, Backend, MuonConfig, OptimizerConfig, Parameter, Parameters, Role, RuleConfig,
        Schedule,
    };
    use tch::{Device, Kind, Tensor};

    use super::*;

    fn optimizer(rule: RuleConfig) -> Optimizer {
        let tensor = Tensor::ones([3, 4], (Kind::Float, Device::Cpu)).set_requires_grad(true);
        let parameter = Parameter {
            name: "w".into(),
            role: Role::Weight,
            tensor,
        };
        let config = OptimizerConfig {
            backend: Backend::Cuda,
            ..OptimizerConfig::new(rule, Schedule::constant(0.1))
        };
        config
            .build(Parameters::new(vec![parameter]).unwrap())
            .unwrap()
    }

    #[test]
    fn who_steps_is_told_and_a_notice_says_why_it_is_not_the_kernels() {
        let told = |rule: RuleConfig| {
            let optimizer = optimizer(rule);
            let version = || Some("13.0".to_owned());
            DeviceUse::told(optimizer.chosen_backend(), version, true, Some(7))
        };
        let kernels = told(AdamConfig::default().into());
        assert_eq!(kernels.backend, "cuda");
        assert_eq!(kernels.compiler.as_deref(), Some("13.0"));
        assert_eq!(kernels.notice(), None);
        let operations = told(MuonConfig::default().into());
        assert_eq!(operations.backend, "reference");
        assert_eq!(operations.compiler, None);
        let said = operations.notice().unwrap().to_string();
        assert!(said.contains("they do not compute muon"), "{said}");
        let text = serde_json::to_string(&operations).unwrap();
        assert_eq!(
            serde_json::from_str::<DeviceUse>(&text).unwrap(),
            operations
        );
        // The CPU has nothing of it.
        let cpu = super::super::run::untrained(None);
        assert_eq!(
            DeviceUse::of(&cpu, &optimizer(AdamConfig::default().into())),
            None
        );
    }
}
