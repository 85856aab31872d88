//! One step from the gradients of several micro-batches.

use std::num::NonZeroU64;

use crate::options::StepOptions;

/// Counts micro-batches, so that one step is taken for several.
///
/// libtorch adds the gradients of successive `backward` calls up. With the mean
/// loss of `k` micro-batches of one size each, their sum is `k` times the
/// gradient of the whole batch; [`StepOptions::gradient_scale`] takes that out.
///
/// ```
/// # use lawn_core::{AdamConfig, Accumulation, OptimizerConfig, Parameters, Schedule};
/// # use std::num::NonZeroU64;
/// # use tch::{Device, Kind, Tensor, nn, nn::Module};
/// # let vs = nn::VarStore::new(Device::Cpu);
/// # let fc = nn::linear(vs.root() / "fc", 4, 2, Default::default());
/// # let mut optimizer = OptimizerConfig::new(AdamConfig::default(), Schedule::constant(1e-3))
/// #     .build(Parameters::from_var_store(&vs)?)?;
/// # let batches = [Tensor::ones([8, 4], (Kind::Float, Device::Cpu))];
/// let mut accumulation = Accumulation::new(NonZeroU64::new(4).unwrap());
/// for batch in batches {
///     fc.forward(&batch).square().mean(Kind::Float).backward();
///     if let Some(options) = accumulation.add(8) {
///         optimizer.step_with(options)?;
///         optimizer.zero_grad();
///     }
/// }
/// // What is left over at the end of an epoch.
/// if let Some(options) = accumulation.finish() {
///     optimizer.step_with(options)?;
///     optimizer.zero_grad();
/// }
/// # Ok::<(), lawn_core::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Accumulation {
    micro_batches: NonZeroU64,
    seen: u64,
    samples: u64,
}

impl Accumulation {
    /// One step for every `micro_batches`.
    #[must_use]
    pub fn new(micro_batches: NonZeroU64) -> Self {
        Self {
            micro_batches,
            seen: 0,
            samples: 0,
        }
    }

    /// Counts one `backward` over `samples`; the options of the step if it is due.
    #[must_use = "a step is due when there are options"]
    pub fn add(&mut self, samples: u64) -> Option<StepOptions> {
        self.seen += 1;
        self.samples += samples;
        if self.seen == self.micro_batches.get() {
            self.finish()
        } else {
            None
        }
    }

    /// The options of a step from fewer micro-batches, if there are any.
    #[must_use = "a step is due when there are options"]
    pub fn finish(&mut self) -> Option<StepOptions> {
        let (seen, samples) = (self.seen, self.samples);
        (self.seen, self.samples) = (0, 0);
        (seen > 0).then(|| StepOptions {
            samples,
            gradient_scale: seen as f64,
            ..StepOptions::default()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{OptimizerConfig, Parameter, Parameters, Role, Schedule, SgdConfig};
    use tch::{Device, Kind, Tensor};

    #[test]
    fn micro_batches_make_the_step_of_the_batch() {
        let x = Tensor::arange(24, (Kind::Double, Device::Cpu)).reshape([8, 3]) / 10.0;
        let step = |micro: i64| {
            let tensor = Tensor::ones([3], (Kind::Double, Device::Cpu)).set_requires_grad(true);
            let w = tensor.shallow_clone();
            let one = Parameter {
                name: "w".into(),
                role: Role::Weight,
                tensor,
            };
            let config = OptimizerConfig::new(SgdConfig::default(), Schedule::constant(0.1));
            let mut optimizer = config.build(Parameters::new(vec![one]).unwrap()).unwrap();
            let mut accumulation = Accumulation::new(NonZeroU64::new(8 / micro as u64).unwrap());
            for part in x.split(micro, 0) {
                part.matmul(&w).square().mean(Kind::Double).backward();
                if let Some(options) = accumulation.add(micro as u64) {
                    assert_eq!(options.samples, 8);
                    optimizer.step_with(options).unwrap();
                }
            }
            assert_eq!(optimizer.steps(), 1);
            w.detach()
        };
        let whole = step(8);
        for micro in [1, 2, 4] {
            let apart = (step(micro) - &whole).abs().max().double_value(&[]);
            assert!(apart < 1e-14, "{micro}: {apart:e}");
        }
    }

    #[test]
    fn what_is_left_over_has_its_own_scale() {
        let mut accumulation = Accumulation::new(NonZeroU64::new(3).unwrap());
        assert_eq!(accumulation.finish(), None);
        assert_eq!(accumulation.add(5), None);
        assert_eq!(accumulation.add(5), None);
        let options = accumulation.finish().unwrap();
        assert_eq!((options.samples, options.gradient_scale), (10, 2.0));
        assert_eq!(accumulation.finish(), None);
        // And nothing of it in the next step.
        let options = [4, 4, 3].map(|samples| accumulation.add(samples))[2].unwrap();
        assert_eq!((options.samples, options.gradient_scale), (11, 3.0));
    }
}
