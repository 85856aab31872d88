//! One group: parameters in one storage.

use tch::{Kind, Tensor};

use super::fused_adam::FusedAdam;
use super::settings::{Settings, form_of};
use super::tiles::{Place, Plan, Units};
use crate::backend::slot::{Slot, working_kind};
use crate::constraint::form::ConstraintForm;
use crate::libtorch::foreach::{foreach_copy, foreach_norm};
use crate::libtorch::versions::bump_versions;
use crate::rule::Rule;
use crate::rule::form::Direction;
use crate::rule::trust::Trust;
use crate::units::{host, rounding};

/// Parameters of one device and kind in one storage: a `[tiles, tile]` tensor each for weights,
/// gradients and every buffer. Every operation of a step is one for all of them.
#[derive(Debug)]
pub(super) struct Group {
    pub(super) places: Vec<Place>,
    pub(super) weights: Tensor,
    pub(super) gradients: Tensor,
    pub(super) buffers: Vec<Tensor>,
    pub(super) fused_adam: Option<FusedAdam>,
    /// The parameters in the storages.
    weight_views: Vec<Tensor>,
    gradient_views: Vec<Tensor>,
    /// What rounding leaves of a squared norm of the model's gradients.
    pub(super) rounding: f64,
    /// Whether the weights here are f32 masters of the model's.
    masters: bool,
    pub(super) parameters: Units,
    /// The units of the constrained phase, where they are rows.
    pub(super) rows: Option<Units>,
    /// How the rule makes its direction.
    pub(super) direction: Direction,
    /// The trust ratio of those that take it.
    pub(super) trust: Option<Trust>,
    pub(super) settings: Settings,
    /// How often each parameter was updated; f64.
    pub(super) updates: Tensor,
    pub(super) radius: Option<Radius>,
    /// Which elements only fill a tile up, if any do.
    padding: Option<Tensor>,
    /// Which parameters have a gradient in this step.
    pub(super) present: Vec<bool>,
    /// The same on the device, boolean; nothing where all have.
    pub(super) absences: Option<Presence>,
}

/// Which parameters have a gradient, where some have none; boolean.
#[derive(Debug)]
pub(super) struct Presence {
    pub(super) parameters: Tensor,
    pub(super) tiles: Tensor,
}

/// Radii by tile.
#[derive(Debug)]
pub(super) struct Radius {
    /// f64; 0 for a unit that stays free.
    pub(super) radius: Tensor,
}

impl Radius {
    /// Lets go of the radii of units whose weights have no direction, by their
    /// squared norms, if they are `taken` through the step; whether each is held.
    pub(super) fn hold(&mut self, ww: &Tensor, taken: Option<&Tensor>) -> Tensor {
        // Both comparisons are false for NaN.
        let kept = ww.gt(0.0).logical_and(&ww.lt(f64::INFINITY));
        let held = self.radius.gt(0.0).logical_and(&kept);
        let kept = match taken {
            Some(taken) => kept.logical_or(&taken.logical_not()),
            None => kept,
        };
        self.radius = self.radius.where_scalarother(&kept, 0.0);
        held
    }
}

impl Group {
    /// Takes the buffers and masters of the planned parameters into one storage.
    pub(super) fn new(
        plan: Plan,
        slots: &mut [Slot],
        rule: &dyn Rule,
        constraint: Option<&ConstraintForm>,
    ) -> Self {
        let device = plan.device;
        let kind = working_kind(&slots[plan.places[0].slot].weight);
        let zeros = || Tensor::zeros([plan.tiles(), plan.tile], (kind, device));
        let (weights, gradients) = (zeros(), zeros());
        let buffers: Vec<Tensor> = rule.buffers().iter().map(|_| zeros()).collect();
        let mut masters = false;
        for place in &plan.places {
            let slot = &mut slots[place.slot];
            slot.buffers = buffers.iter().map(|buffer| place.view(buffer)).collect();
            if let Some(master) = &mut slot.master {
                let mut view = place.view(&weights);
                view.copy_(master);
                *master = view;
                masters = true;
            }
        }
        let contexts = |constraint| -> Vec<_> {
            let places = plan.places.iter();
            places
                .map(|place| slots[place.slot].context(constraint, 1.0))
                .collect()
        };
        let parameters = Units::new(&plan, false);
        let form = form_of(rule, &slots[plan.places[0].slot].context(None, 1.0));
        let rows = plan.places.iter().any(|place| place.units > 1);
        let views = |storage: &Tensor| {
            plan.places
                .iter()
                .map(|place| place.view(storage))
                .collect()
        };
        Self {
            weight_views: views(&weights),
            gradient_views: views(&gradients),
            direction: form.direction,
            trust: form.trust,
            settings: Settings::new(
                rule,
                &contexts(None),
                &contexts(constraint),
                &parameters,
                device,
            ),
            rows: rows.then(|| Units::new(&plan, true)),
            updates: Tensor::zeros([plan.places.len() as i64], (Kind::Double, device)),
            rounding: rounding(slots[plan.places[0].slot].weight.kind()),
            padding: plan.padding(),
            present: vec![true; plan.places.len()],
            absences: None,
            fused_adam: FusedAdam::new(&form, &plan, &contexts(None), &gradients, &buffers),
            radius: None,
            places: plan.places,
            weights,
            gradients,
            buffers,
            masters,
            parameters,
        }
    }

    /// Sees which parameters have a gradient; returns the norm of each, f64, if any
    /// has.
    pub(super) fn look(&mut self, gradients: &[Option<Tensor>]) -> Option<Tensor> {
        let places = self.places.iter();
        let present: Vec<bool> = places.map(|p| gradients[p.slot].is_some()).collect();
        if present != self.present {
            let flags: Vec<f64> = present.iter().map(|&p| f64::from(u8::from(p))).collect();
            self.absences = flags.contains(&0.0).then(|| {
                let flags = Tensor::from_slice(&flags).to_device(self.weights.device());
                Presence {
                    tiles: self.parameters.spread(&flags).to_kind(Kind::Bool),
                    parameters: flags.to_kind(Kind::Bool),
                }
            });
            self.present = present;
        }
        if !self.present.contains(&true) {
            return None;
        }
        let mine = self.places.iter();
        let mine = mine.filter_map(|place| gradients[place.slot].as_ref());
        Some(foreach_norm(mine))
    }

    /// Writes zeros where elements only fill a tile up. Numbers of a unit that are not finite may
    /// have spread there, and must not stay when the unit has recovered.
    fn clear_padding(&self, storage: &Tensor) {
        if let Some(padding) = &self.padding {
            let _ = storage.view(-1).index_fill_(0, padding, 0.0);
        }
    }

    /// Takes the gradients in.
    pub(super) fn take_gradients(&mut self, gradients: &[Option<Tensor>]) {
        let places = self.places.iter().zip(&self.gradient_views);
        foreach_copy(
            places
                .filter(|(place, _)| !place.is_empty())
                .filter_map(|(place, view)| Some((view, gradients[place.slot].as_ref()?))),
        );
        self.clear_padding(&self.gradients);
    }

    /// Takes the model's weights in, unless they are kept here.
    pub(super) fn take_weights(&mut self, slots: &[Slot]) {
        self.clear_padding(&self.weights);
        if self.masters {
            return;
        }
        let places = self.places.iter().zip(&self.weight_views);
        let places = places.filter(|(place, _)| !place.is_empty());
        foreach_copy(places.map(|(place, view)| (view, &slots[place.slot].weight)));
    }

    /// Gives the model the weights that a step may have changed.
    pub(super) fn give_weights(&self, slots: &[Slot]) {
        let places = self
            .places
            .iter()
            .zip(&self.weight_views)
            .zip(&self.present);
        let changed = places.filter(|((place, _), present)| **present && !place.is_empty());
        foreach_copy(changed.map(|((place, view), _)| (&slots[place.slot].weight, view)));
        self.tell_of_writes(slots);
    }

    /// Tells autograd that the model's weights have been written to.
    pub(super) fn tell_of_writes(&self, slots: &[Slot]) {
        let places = self.places.iter().zip(&self.present);
        let written = places.filter(|(_, present)| **present);
        bump_versions(written.map(|(place, _)| &slots[place.slot].weight));
    }

    /// Whether it is of f64.
    pub(super) fn is_double(&self) -> bool {
        self.weights.kind() == Kind::Double
    }

    /// Whether the model's weights are of the kind and laid out as the storage's.
    pub(super) fn is_like_the_model(&self, slots: &[Slot]) -> bool {
        let kind = self.weights.kind();
        self.places.iter().all(|place| {
            let weight = &slots[place.slot].weight;
            weight.kind() == kind && (place.is_empty() || place.has_layout_of(weight))
        })
    }

    /// What is one unit in this phase.
    pub(super) fn units(&self, constrained: bool) -> &Units {
        let rows = self.rows.as_ref().filter(|_| constrained);
        rows.unwrap_or(&self.parameters)
    }

    /// The norm of every unit of the constrained phase, by parameter; waits for
    /// the device.
    pub(super) fn norms(&mut self, slots: &[Slot]) -> Vec<Vec<f64>> {
        self.take_weights(slots);
        let units = self.units(true);
        let mut norms = host(&units.pick(&units.square(&self.weights).sqrt())).into_iter();
        let counts = self.places.iter().map(|place| place.units as usize);
        counts
            .map(|count| norms.by_ref().take(count).collect())
            .collect()
    }

    /// Takes radii and counts over from the parameters' slots.
    pub(super) fn load(&mut self, slots: &[Slot]) {
        let device = self.weights.device();
        let put = |values: Vec<f64>| Tensor::from_slice(&values).to_device(device);
        let mine = || self.places.iter().map(|place| (place, &slots[place.slot]));
        self.updates = put(mine().map(|(_, slot)| slot.updates as f64).collect());
        self.buffers
            .iter()
            .for_each(|buffer| self.clear_padding(buffer));
        let frozen = mine().any(|(_, slot)| slot.radius.is_some());
        self.radius = frozen.then(|| {
            let units = self.units(true);
            let radii = mine().flat_map(|(place, slot)| {
                let known = slot.radii.iter().copied();
                known
                    .chain(std::iter::repeat(0.0))
                    .take(place.units as usize)
            });
            let radius = units.spread(&put(radii.collect()));
            Radius { radius }
        });
    }

    /// How often each parameter was updated; waits for the device.
    pub(super) fn updates(&self) -> Vec<u64> {
        let updates = host(&self.updates);
        updates.into_iter().map(|count| count as u64).collect()
    }

    /// The radii by parameter, where they are fixed: 0 for what has become free; waits
    /// for the device.
    pub(super) fn radii(&self) -> Option<Vec<Vec<f64>>> {
        let Radius { radius, .. } = self.radius.as_ref()?;
        let mut radii = host(&self.units(true).pick(radius)).into_iter();
        let counts = self.places.iter().map(|place| place.units as usize);
        Some(
            counts
                .map(|count| radii.by_ref().take(count).collect())
                .collect(),
        )
    }

    /// Which parameter each unit of the last step belongs to, and which of its
    /// units it is, in the order of what [`update`](Self::update) answered;
    /// nothing for a parameter that had no gradient.
    pub(super) fn named(&self, constrained: bool) -> Vec<Option<(usize, usize)>> {
        let by_row = constrained && self.rows.is_some();
        let places = self.places.iter().zip(&self.present);
        let units = |(place, &present): (&Place, &bool)| {
            let count = if by_row { place.units } else { 1 };
            let told = present && !place.is_empty();
            let slot = place.slot;
            (0..count as usize).map(move |unit| told.then_some((slot, unit)))
        };
        places.flat_map(units).collect()
    }
}
