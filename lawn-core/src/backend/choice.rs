//! Which backend computes the steps.

use serde::{Deserialize, Serialize};
use tch::{Device, Tensor};

use crate::backend::cuda::{CudaCompiler, compiler, require_kernels};
use crate::backend::slot::Slot;
use crate::constraint::form::ConstraintForm;
use crate::error::Error;
use crate::rule::{Form, RowUpdates, Rule};

/// What computes the steps.
///
/// All of them take the same steps, up to rounding, and load each other's state.
/// A rule of one's own without a [form](crate::Rule::form) has libtorch operations on any of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum BackendChoice {
    /// Fused kernels on the CPU, [`Cuda`](Self::Cuda) where a parameter is on CUDA, libtorch
    /// operations for what neither takes.
    ///
    /// Kernels that are compiled without optimisation are sixty times as slow as libtorch, so
    /// that this is [`Reference`](Self::Reference) on the CPU then. `cargo run` without
    /// `--release` compiles them so, unless a profile says otherwise. Two lines of `Cargo.toml`
    /// bring the kernels back:
    ///
    /// ```toml
    /// [profile.dev.package.lawn-core]
    /// opt-level = 3
    /// ```
    #[default]
    Auto,
    /// Kernels of a CUDA device for all parameters at once: six launches at most, however many
    /// there are, and no step waits for the device, but the one of the freeze and
    /// [few others](crate#accelerators).
    ///
    /// They are compiled when an optimizer is built, by NVRTC, which comes with libtorch's wheel for
    /// CUDA. Where it is not found this is [`Reference`](Self::Reference). On the CPU the same
    /// kernels run in plain loops, which is slow and meant for tests.
    ///
    /// It keeps nothing of the size of a parameter. It keeps the rates of the last 65,536 steps
    /// of which the host does not know whether they were skipped. Where more than those are
    /// skipped and nobody asks, the schedule moves on.
    Cuda,
    /// libtorch operations for all: slower, and the measure of the kernels.
    Reference,
}

impl BackendChoice {
    /// NVRTC, which compiles the kernels of [`Cuda`](Self::Cuda) in this process.
    ///
    /// It is loaded if it was not; no device is asked for.
    ///
    /// # Errors
    ///
    /// [`Error::NoCudaCompiler`] where it is not found; [`Reference`](Self::Reference) takes the
    /// steps on CUDA then.
    pub fn cuda_compiler() -> Result<CudaCompiler, Error> {
        compiler().map_err(|why| Error::NoCudaCompiler { why })
    }
}

/// Whether the kernels of this build are compiled with optimisation.
const OPTIMISED: bool = !cfg!(unoptimised);

/// What the choice of a backend depends on.
#[derive(Clone, Debug)]
pub(crate) struct Circumstances {
    /// What is asked for.
    pub(crate) choice: BackendChoice,
    /// For which parameters the rule has a [`Form`](crate::Form).
    pub(crate) forms: Forms,
    /// Whether a parameter is on CUDA.
    pub(crate) on_cuda: bool,
    /// Whether the kernels of CUDA can take any of the parameters where these are, or why not. They
    /// are compiled only where they may be chosen.
    pub(crate) cuda_kernels: Result<(), String>,
    /// Whether the kernels are compiled with optimisation.
    pub(crate) optimised: bool,
}

/// For which parameters a rule has a form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Forms {
    /// All, and every update is of all rows of a table.
    All,
    /// Some, or some updates are of some rows.
    Some,
    None,
}

impl Circumstances {
    /// Those of an optimizer.
    ///
    /// # Errors
    ///
    /// [`Error::RuleAnswer`] for a form that is made with other buffers than the rule has.
    pub(crate) fn of(
        choice: BackendChoice,
        rule: &dyn Rule,
        slots: &[Slot],
        constraint: Option<&ConstraintForm>,
    ) -> Result<Self, Error> {
        let mut devices = slots.iter().map(|slot| slot.weight.device());
        let on_cuda = devices.any(|device| matches!(device, Device::Cuda(_)));
        let forms = forms(rule, slots, constraint)?;
        let mut all = Self {
            choice,
            forms,
            on_cuda,
            cuda_kernels: Ok(()),
            optimised: OPTIMISED,
        };
        if all.asks_for_cuda() {
            all.cuda_kernels = match forms {
                Forms::None => Err(format!("they do not compute {}", rule.name())),
                _ => require_kernels(rule, slots, constraint),
            };
        }
        Ok(all)
    }

    /// Whether the kernels of CUDA are to take the steps, where they can.
    pub(crate) fn asks_for_cuda(&self) -> bool {
        match self.choice {
            BackendChoice::Auto => self.on_cuda,
            choice => choice == BackendChoice::Cuda,
        }
    }
}

/// For which parameters a rule has a form, in both phases.
///
/// # Errors
///
/// [`Error::RuleAnswer`] for one that is made with other buffers than the rule has.
fn forms(
    rule: &dyn Rule,
    slots: &[Slot],
    constraint: Option<&ConstraintForm>,
) -> Result<Forms, Error> {
    let (mut some, mut all) = (false, true);
    for slot in slots {
        let mut has_form = true;
        let mut by_row = false;
        for constraint in [None, constraint] {
            let form = rule.form(&slot.context(constraint, 1.0));
            if let Some(form) = &form {
                require_buffers(rule, slot, form)?;
            }
            has_form &= form.is_some();
            by_row |= slot.row_updates(rule, constraint) == RowUpdates::Touched;
        }
        some |= has_form;
        all &= has_form && !by_row;
    }
    Ok(match (some, all) {
        (_, true) => Forms::All,
        (true, false) => Forms::Some,
        (false, false) => Forms::None,
    })
}

/// Refuses a form that is made with other buffers than the rule has.
fn require_buffers(rule: &dyn Rule, slot: &Slot, form: &Form) -> Result<(), Error> {
    let (expected, found) = (form.direction.buffers(), rule.buffers().len());
    let shape = slot.weight.size();
    let walked = form.direction.walked();
    let other = |buffer: &&Tensor| buffer.size() != shape;
    let [expected, found] = if expected != found {
        [
            format!("{expected} buffers, which its form is made with"),
            found.to_string(),
        ]
    } else if let Some(buffer) = slot.buffers.iter().take(walked).find(other) {
        [
            format!("buffers of shape {shape:?}, which its form is made with"),
            format!("one of {:?}", buffer.size()),
        ]
    } else {
        return Ok(());
    };
    Err(Error::RuleAnswer {
        rule: rule.name().to_owned(),
        name: slot.name.clone(),
        expected,
        found,
    })
}
