//! What a step did to each unit, from the sums it takes anyway.

use std::cell::OnceCell;

use serde::{Deserialize, Serialize};
use tch::Tensor;

use crate::report::Limits;
use crate::units::{Granularity, host};

/// What one step did to one unit of one parameter.
///
/// A parameter that is not constrained is one unit. The fused kernels have these numbers from
/// the sums of the step itself; the other backends measure them.
///
/// ```
/// # use lawn_core::{Error, OptimizerConfig, Parameters, Schedule, SgdConfig, StepOptions};
/// # use tch::{Device, Kind, Tensor, nn, nn::Module};
/// # let vs = nn::VarStore::new(Device::Cpu);
/// # let fc = nn::linear(vs.root() / "fc", 4, 2, Default::default());
/// # let x = Tensor::ones([1, 4], (Kind::Float, Device::Cpu));
/// # let config = OptimizerConfig::new(SgdConfig::default(), Schedule::constant(0.1));
/// # let mut optimizer = config.build(Parameters::from_var_store(&vs)?)?;
/// # fc.forward(&x).square().mean(Kind::Float).backward();
/// optimizer.step_with(StepOptions {
///     diagnostics: true,
///     ..StepOptions::default()
/// })?;
/// for unit in optimizer.diagnostics() {
///     println!("{} turned by {:.1e} rad", unit.parameter, unit.rotation);
/// }
/// # assert_eq!(optimizer.diagnostics().len(), 2);
/// # Ok::<(), Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Diagnostics {
    /// Name of the parameter.
    pub parameter: String,
    /// Which of its units, from 0.
    pub unit: usize,
    /// Whether the step kept its norm.
    pub constrained: bool,
    /// `‖w‖₂` before the step.
    pub weight_norm: f64,
    /// `‖g‖₂`, unscaled, before clipping and projection.
    pub gradient_norm: f64,
    /// `cos(g, w) = ⟨w,g⟩ / (‖w‖ ‖g‖)`; 0 where either is 0.
    pub cosine: f64,
    /// Angle between the weights before and after the step, in radians.
    pub rotation: f64,
    /// Trust ratio `ρ` of LAMB and LARS; 1 for other rules.
    pub trust_ratio: f64,
    /// `‖w‖₂ / r − 1` before the step; 0 where it is not constrained.
    pub radius_drift: f64,
}

/// The numbers behind [`Diagnostics`], whichever backend measured them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Measurement {
    /// `⟨w, w⟩` before the step.
    pub(crate) ww: f64,
    /// `⟨w, g⟩`.
    pub(crate) wg: f64,
    /// `⟨g, g⟩`.
    pub(crate) gg: f64,
    /// In radians.
    pub(crate) rotation: f64,
    /// ρ.
    pub(crate) trust: f64,
}

impl Measurement {
    /// Of every unit, by measuring; `gradient` as the model has it.
    pub(crate) fn of_tensors(
        granularity: Granularity,
        before: &Tensor,
        after: &Tensor,
        gradient: &Tensor,
        trust: Option<&Tensor>,
    ) -> Vec<Self> {
        let dot = |a: &Tensor, b: &Tensor| host(&granularity.dot(a, b));
        let (ww, wg, gg) = (
            dot(before, before),
            dot(before, gradient),
            dot(gradient, gradient),
        );
        let moved = after - before;
        let (wm, mm) = (dot(before, &moved), dot(&moved, &moved));
        let trust = trust.map_or_else(|| vec![1.0; ww.len()], host);
        (0..ww.len())
            .map(|i| Self::of_sums([ww[i], wg[i], gg[i], wm[i], mm[i], trust[i]]))
            .collect()
    }

    /// From `⟨w,w⟩`, `⟨w,g⟩`, `⟨g,g⟩`, `⟨w,m⟩`, `⟨m,m⟩` and ρ, where the step has
    /// moved w by m.
    pub(crate) fn of_sums([ww, wg, gg, wm, mm, trust]: [f64; 6]) -> Self {
        let b = if ww > 0.0 { wm / ww } else { 0.0 };
        let across = (mm - b * b * ww).max(0.0).sqrt();
        let along = (1.0 + b) * ww.sqrt();
        Self {
            ww,
            wg,
            gg,
            rotation: across.atan2(along),
            trust,
        }
    }

    /// With the names that the optimizer knows. A radius of 0 stands for none.
    pub(crate) fn named(
        &self,
        parameter: &str,
        unit: usize,
        radius: f64,
        gradient_scale: f64,
    ) -> Diagnostics {
        let (weight_norm, raw_norm) = (self.ww.sqrt(), self.gg.sqrt());
        let defined = weight_norm > 0.0 && raw_norm > 0.0;
        Diagnostics {
            parameter: parameter.to_owned(),
            unit,
            constrained: radius > 0.0,
            weight_norm,
            gradient_norm: raw_norm / gradient_scale,
            cosine: if defined {
                self.wg / (weight_norm * raw_norm)
            } else {
                0.0
            },
            rotation: self.rotation,
            trust_ratio: self.trust,
            radius_drift: if radius > 0.0 {
                weight_norm / radius - 1.0
            } else {
                0.0
            },
        }
    }
}

/// Diagnostics of the last step.
#[derive(Debug)]
pub(crate) enum Findings {
    /// They are on the host.
    Known(Vec<Diagnostics>),
    /// They are on a device until someone asks for them.
    Pending {
        pending: PendingFindings,
        read: OnceCell<Vec<Diagnostics>>,
    },
}

impl Findings {
    pub(crate) fn get(&self) -> &[Diagnostics] {
        match self {
            Findings::Known(diagnostics) => diagnostics,
            Findings::Pending { pending, read } => read.get_or_init(|| pending.read()),
        }
    }
}

impl From<PendingFindings> for Findings {
    fn from(pending: PendingFindings) -> Self {
        let read = OnceCell::new();
        Findings::Pending { pending, read }
    }
}

/// Diagnostics that are still on a device.
#[derive(Debug)]
pub(crate) struct PendingFindings {
    /// The global gradient norm, which tells whether the step was skipped.
    pub(crate) norm: Tensor,
    pub(crate) limits: Limits,
    pub(crate) gradient_scale: f64,
    /// Of each parameter.
    pub(crate) names: Vec<String>,
    pub(crate) part: Part,
    /// Those that are known already, with the parameter and the unit that they are of.
    pub(crate) rest: Vec<((usize, usize), Diagnostics)>,
}

/// The sums of some units.
#[derive(Debug)]
pub(crate) struct Part {
    /// `[7, units]`, f64: what [`Measurement::of_sums`] takes, and the radius, 0 for none.
    pub(crate) sums: Tensor,
    /// For each unit its parameter and its number in it; nothing for a unit that
    /// had no gradient.
    pub(crate) units: Vec<Option<(usize, usize)>>,
}

impl PendingFindings {
    fn read(&self) -> Vec<Diagnostics> {
        if self.limits.skips(self.norm.double_value(&[])) {
            return Vec::new();
        }
        let mut found = self.rest.clone();
        let sums = host(&self.part.sums);
        let units = &self.part.units;
        for (i, unit) in units.iter().enumerate() {
            let Some((parameter, number)) = *unit else {
                continue;
            };
            let of = |sum: usize| sums[sum * units.len() + i];
            let measured = Measurement::of_sums(std::array::from_fn(of));
            let name = &self.names[parameter];
            let named = measured.named(name, number, of(6), self.gradient_scale);
            found.push(((parameter, number), named));
        }
        found.sort_unstable_by_key(|(unit, _)| *unit);
        found.into_iter().map(|(_, named)| named).collect()
    }
}
