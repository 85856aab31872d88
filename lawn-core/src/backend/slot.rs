//! One parameter with what the rule remembers of it.

use tch::{Kind, Tensor};

use crate::constraint::UntouchedRows;
use crate::constraint::form::ConstraintForm;
use crate::decay::WeightDecay;
use crate::error::Error;
use crate::parameters::layout::{DisjointSpans, Span, TensorSpec, address};
use crate::parameters::parameter::Parameter;
use crate::parameters::parameter::shared_memory;
use crate::parameters::treatment::{Constraint, Treatment};
use crate::role::Role;
use crate::rule::{Context, RowUpdates, Rule};
use crate::tables::counts::RowCounts;
use crate::units::{Granularity, host};

/// One parameter with what the rule remembers of it.
#[derive(Debug)]
pub(crate) struct Slot {
    pub(crate) name: String,
    /// Shared with the model.
    pub(crate) weight: Tensor,
    /// Kind, shape and device of the weight when the buffers were made.
    spec: TensorSpec,
    /// Where the weight lay when it was last looked up.
    address: usize,
    /// Whether it filled memory of its own there, without gaps.
    pub(crate) is_apart: bool,
    /// f32 copy of a weight of fewer bits, on which the steps are taken.
    pub(crate) master: Option<Tensor>,
    /// The buffers of the rule, in its order; f64 for an f64 weight, otherwise f32.
    pub(crate) buffers: Vec<Tensor>,
    /// Whether the first of them holds the last direction in place of the first
    /// moment, as the kernels leave it.
    pub(crate) held: bool,
    /// The radii from the freeze on; f64, shaped as [`Granularity::dot`]'s result.
    pub(crate) radius: Option<Tensor>,
    /// The same on the host; empty before the freeze.
    pub(crate) radii: Vec<f64>,
    /// What a constraint remembers of each unit; empty where it remembers nothing.
    pub(crate) memories: Vec<f64>,
    /// Whether a unit has lost its radius since that was last reported.
    pub(crate) has_lost: bool,
    /// How often it was updated.
    pub(crate) updates: u64,
    /// How often each id was looked up for the gradient of the next step, as far as that was
    /// told.
    pub(crate) row_counts: RowCounts,
    /// The weight that it is trained with, while another is evaluated in its place.
    pub(crate) aside: Option<Tensor>,
    table: bool,
    matrix: bool,
    constrained: bool,
    /// What one radius belongs to, where that is another than the constraint says.
    granularity: Option<Granularity>,
    decay: WeightDecay,
    learning_rate_scale: f64,
}

impl Slot {
    pub(crate) fn new(
        parameter: Parameter,
        treatment: &Treatment,
        rule: &dyn Rule,
        master_weights: bool,
    ) -> Self {
        let Parameter {
            name,
            role,
            tensor: weight,
        } = parameter;
        let kind = working_kind(&weight);
        let narrow = weight.kind() != kind;
        let _guard = tch::no_grad_guard();
        let wide = weight.detach().to_kind(kind);
        let mut slot = Self {
            name,
            table: role == Role::Embedding && weight.dim() == 2,
            row_counts: RowCounts::default(),
            master: None,
            spec: TensorSpec::of(&weight),
            address: address(&weight),
            is_apart: false,
            weight,
            buffers: Vec::new(),
            held: false,
            radius: None,
            radii: Vec::new(),
            memories: Vec::new(),
            has_lost: false,
            updates: 0,
            aside: None,
            matrix: treatment.matrix,
            constrained: treatment.constraint == Constraint::Constrained,
            granularity: treatment.granularity,
            decay: treatment.decay,
            learning_rate_scale: treatment.learning_rate_scale,
        };
        let context = slot.context(None, 1.0);
        let shape = slot.spec.shape.clone();
        let zeros = |buffer: &&str| match rule.buffer_shape(&context, buffer, &shape) {
            // In the layout of the weight, so that both are walked in one order.
            own if own == shape => wide.zeros_like(),
            own => Tensor::zeros(own, (kind, wide.device())),
        };
        slot.buffers = rule.buffers().iter().map(zeros).collect();
        slot.master = (master_weights && narrow).then_some(wide);
        slot
    }

    /// Refuses buffers of a table that have no rows of their own for each of its rows.
    pub(crate) fn require_rows(&self, rule: &dyn Rule) -> Result<(), Error> {
        let rows = self.spec.shape.first().copied();
        let named = rule.buffers().iter().zip(&self.buffers);
        let mut wrong = named.filter(|(_, buffer)| buffer.size().first().copied() != rows);
        match wrong.next() {
            Some((buffer, found)) if self.table => Err(Error::RuleAnswer {
                rule: rule.name().to_owned(),
                name: self.name.clone(),
                expected: format!("a buffer `{buffer}` with a first dimension of the table's"),
                found: format!("shape {:?}", found.size()),
            }),
            _ => Ok(()),
        }
    }

    /// Whether it is an embedding table, whose rows are looked up by id.
    pub(crate) fn is_table(&self) -> bool {
        self.table
    }

    /// Whether CowClip is for it: a table of one column has linear terms.
    pub(crate) fn has_clipped_rows(&self) -> bool {
        self.table && self.spec.shape[1] != 1
    }

    /// Which of its rows an update is for, in the phase of `constraint`.
    pub(crate) fn row_updates(
        &self,
        rule: &dyn Rule,
        constraint: Option<&ConstraintForm>,
    ) -> RowUpdates {
        if !self.table {
            return RowUpdates::All;
        }
        let constraint = constraint.filter(|_| self.constrained);
        let updates = rule.row_updates(&self.context(constraint, 0.0));
        match (constraint, updates) {
            (Some(form), _) if form.untouched_rows == UntouchedRows::LeftAlone => {
                RowUpdates::Touched
            }
            (Some(_), RowUpdates::Still) => RowUpdates::All,
            (None, RowUpdates::Still) if !self.decay.is_none() => RowUpdates::All,
            _ => updates,
        }
    }

    /// Refuses a weight that the model has made another tensor of.
    pub(crate) fn require_unchanged(&self) -> Result<(), Error> {
        let found = TensorSpec::of(&self.weight);
        if found == self.spec {
            return Ok(());
        }
        Err(Error::ParameterChanged {
            name: self.name.clone(),
            expected: self.spec.to_string(),
            found: found.to_string(),
        })
    }

    /// Where the weight was when that was last looked at.
    pub(crate) fn address(&self) -> usize {
        self.address
    }

    /// Whether the weight lies elsewhere than when that was last looked at.
    pub(crate) fn has_moved(&self) -> bool {
        address(&self.weight) != self.address
    }

    /// What the steps are taken on.
    pub(crate) fn working(&self) -> &Tensor {
        self.master.as_ref().unwrap_or(&self.weight)
    }

    /// Handles on its buffers.
    pub(crate) fn shared_buffers(&self) -> Vec<Tensor> {
        self.buffers.iter().map(Tensor::shallow_clone).collect()
    }

    pub(crate) fn is_constrained(&self) -> bool {
        self.constrained
    }

    /// A constraint as it holds for its units; nothing where it is not under it.
    pub(crate) fn form(&self, constraint: Option<&ConstraintForm>) -> Option<ConstraintForm> {
        let form = constraint.filter(|_| self.constrained)?;
        Some(ConstraintForm {
            granularity: self.granularity.unwrap_or(form.granularity),
            ..*form
        })
    }

    /// Takes over what was set of it since it was planned.
    pub(crate) fn regroup(&mut self, treatment: &Treatment) {
        self.decay = treatment.decay;
        self.learning_rate_scale = treatment.learning_rate_scale;
    }

    /// Fixes the radii.
    pub(crate) fn set_radius(&mut self, radius: Option<Tensor>) {
        self.radii = radius.as_ref().map(host).unwrap_or_default();
        self.radius = radius;
    }

    /// Takes over what a constraint remembers of each unit, where it is constrained and the
    /// constraint remembers anything.
    pub(crate) fn remember(&mut self, memories: Vec<f64>) {
        if self.constrained && memories.len() == self.memories.len() {
            self.memories = memories;
        }
    }

    /// Lets go of the radii of units whose weights have no direction any more. They stay free,
    /// as a unit of norm 0 at the freeze does.
    pub(crate) fn release(&mut self, units: &[usize]) {
        if !units.is_empty() {
            self.radius = self.radius_without(units);
            units.iter().for_each(|&unit| self.radii[unit] = 0.0);
            self.has_lost = true;
        }
    }

    /// The radii, with 0 for these units.
    pub(crate) fn radius_without(&self, units: &[usize]) -> Option<Tensor> {
        let radius = self.radius.as_ref()?;
        if units.is_empty() {
            return Some(radius.shallow_clone());
        }
        let mut radii = self.radii.clone();
        units.iter().for_each(|&unit| radii[unit] = 0.0);
        let released = Tensor::from_slice(&radii).reshape(radius.size());
        Some(released.to_device(radius.device()))
    }

    /// What the rule is told about this parameter's next update; constrained if
    /// `constraint` is given and this parameter is.
    pub(crate) fn context(
        &self,
        constraint: Option<&ConstraintForm>,
        learning_rate: f64,
    ) -> Context {
        let constraint = self.form(constraint);
        Context {
            updates: self.updates + 1,
            learning_rate: learning_rate * self.learning_rate_scale,
            decay: self.decay,
            constrained: constraint.is_some(),
            table: self.table,
            matrix: self.matrix,
            granularity: constraint.map_or(Granularity::Layer, |constraint| constraint.granularity),
        }
    }
}

/// Looks at where the weights lie; refuses those that lie over each other.
pub(crate) fn place(slots: &mut [Slot]) -> Result<DisjointSpans, Error> {
    let spans: Vec<_> = slots.iter().map(|slot| Span::of(&slot.weight)).collect();
    let apart = DisjointSpans::new(spans.iter().copied())
        .map_err(|pair| shared_memory(pair.map(|index| &slots[index].name)))?;
    for (slot, span) in slots.iter_mut().zip(spans) {
        slot.address = address(&slot.weight);
        slot.is_apart = span.is_some();
    }
    Ok(apart)
}

/// The element kind in which a parameter's steps are computed.
pub(crate) fn working_kind(weight: &Tensor) -> Kind {
    if weight.kind() == Kind::Double {
        Kind::Double
    } else {
        Kind::Float
    }
}
