//! One group: parameters in one storage, and their steps.

use tch::{Kind, Tensor};

use super::direction::{Taken, direction};
use super::fused_adam::FusedAdam;
use super::settings::Settings;
use super::tiles::{Place, Plan, Units, column, tile_squares};
use crate::extension::{addcmul, foreach_copy};
use crate::slot::{Slot, host, working_kind};
use crate::{LawnConfig, Rule, RuleConfig};

/// What a step asks of each group.
pub(super) struct Request<'a> {
    pub(super) rule: &'a RuleConfig,
    /// In the constrained phase.
    pub(super) lawn: Option<&'a LawnConfig>,
    pub(super) rate: f64,
    /// What the gradients are multiplied by, scalar, f64; nothing for 1.
    pub(super) factor: Option<Tensor>,
    /// Whether the gradients are finite, scalar, boolean; nothing if nobody asks.
    pub(super) finite: Option<Tensor>,
    /// Whether to measure what the step does.
    pub(super) measure: bool,
}

/// Parameters of one device and kind in one storage: `[tiles, tile]` tensors for
/// weights, gradients and each buffer, on which every operation of a step is one
/// for all of them.
#[derive(Debug)]
pub(super) struct Group {
    pub(super) places: Vec<Place>,
    weights: Tensor,
    gradients: Tensor,
    buffers: Vec<Tensor>,
    fused_adam: Option<FusedAdam>,
    /// The parameters in the storages.
    weight_views: Vec<Tensor>,
    gradient_views: Vec<Tensor>,
    /// Whether the weights here are f32 masters of the model's.
    masters: bool,
    parameters: Units,
    /// The units of the constrained phase, where they are rows.
    rows: Option<Units>,
    settings: Settings,
    /// How often each parameter was updated; f64.
    updates: Tensor,
    radius: Option<Radius>,
    /// Which elements only fill a tile up, if any do.
    padding: Option<Tensor>,
    /// Which parameters have a gradient in this step.
    present: Vec<bool>,
    /// The same on the device, boolean; nothing where all have.
    absences: Option<Present>,
}

/// Which parameters have a gradient, where some have none; boolean.
#[derive(Debug)]
struct Present {
    parameters: Tensor,
    tiles: Tensor,
}

/// Radii by tile.
#[derive(Debug)]
struct Radius {
    /// f64; 0 for a unit that stays free.
    radius: Tensor,
    /// Whether it is above 0.
    bound: Tensor,
}

impl Group {
    /// Takes the buffers and masters of the planned parameters into one storage.
    pub(super) fn new(
        plan: Plan,
        slots: &mut [Slot],
        rule: &RuleConfig,
        lawn: Option<&LawnConfig>,
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
        let contexts = |lawn| -> Vec<_> {
            let places = plan.places.iter();
            places
                .map(|place| slots[place.slot].context(lawn, 1.0))
                .collect()
        };
        let parameters = Units::new(&plan, false);
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
            settings: Settings::new(rule, &contexts(None), &contexts(lawn), &parameters, device),
            rows: rows.then(|| Units::new(&plan, true)),
            updates: Tensor::zeros([plan.places.len() as i64], (Kind::Double, device)),
            padding: plan.padding(),
            present: vec![true; plan.places.len()],
            absences: None,
            fused_adam: FusedAdam::new(rule, &plan, &gradients, &buffers),
            radius: None,
            places: plan.places,
            weights,
            gradients,
            buffers,
            masters,
            parameters,
        }
    }

    /// Takes the gradients in; answers `Σ ⟨g,g⟩`, scalar, f64, if there are any.
    pub(super) fn gather(&mut self, gradients: &[Option<Tensor>]) -> Option<Tensor> {
        let places = self.places.iter();
        let present: Vec<bool> = places.map(|p| gradients[p.slot].is_some()).collect();
        if present != self.present {
            let flags: Vec<f64> = present.iter().map(|&p| f64::from(u8::from(p))).collect();
            self.absences = flags.contains(&0.0).then(|| {
                let flags = Tensor::from_slice(&flags).to_device(self.weights.device());
                Present {
                    tiles: self.parameters.spread(&flags).to_kind(Kind::Bool),
                    parameters: flags.to_kind(Kind::Bool),
                }
            });
            self.present = present;
        }
        if !self.present.contains(&true) {
            return None;
        }
        let places = self.places.iter().zip(&self.gradient_views);
        foreach_copy(
            places
                .filter(|(place, _)| !place.is_empty())
                .filter_map(|(place, view)| Some((view, gradients[place.slot].as_ref()?))),
        );
        self.clear_padding(&self.gradients);
        let squares = tile_squares(&self.gradients);
        Some(match &self.absences {
            Some(present) => squares
                .where_scalarother(&present.tiles, 0.0)
                .sum(Kind::Double),
            None => squares.sum(Kind::Double),
        })
    }

    /// Updates the parameters that have a gradient, by the equations of
    /// [`LawnConfig`], in their order; answers what
    /// [`Measured::of_sums`](crate::diagnostics::Measured::of_sums) takes, as
    /// `[6, units]`, if asked to.
    pub(super) fn update(&mut self, request: &Request<'_>, slots: &mut [Slot]) -> Option<Tensor> {
        let Request { rule, lawn, .. } = *request;
        self.take_weights(slots);
        let device = self.weights.device();
        let finite = request
            .finite
            .as_ref()
            .map(|finite| finite.to_device(device));
        let (taken_parameters, taken_tiles) = taken(self.absences.as_ref(), finite.as_ref());
        let taken = taken_tiles.as_ref().map(|tiles| tiles.unsqueeze(-1));
        let taken = Taken(taken.as_ref());
        let units = self.rows.as_ref().filter(|_| lawn.is_some());
        let units = units.unwrap_or(&self.parameters);
        let settings = &self.settings;
        let adapts = settings.adapts(lawn.is_some());
        let kind = self.weights.kind();
        let mut w = self.weights.shallow_clone();
        let mut g = self.gradients.shallow_clone();
        let before = request.measure.then(|| {
            let sums = [units.square(&w), units.dot(&w, &g), units.square(&g)];
            (w.copy(), sums)
        });
        let updates = &self.updates + 1.0;
        let radius = self.radius.as_ref().filter(|_| lawn.is_some());
        let ww = (radius.is_some() || !adapts.is_none()).then(|| units.square(&w));
        // The share of x that lies along w; none for a unit that stays free.
        let radial = |x: &Tensor| {
            let (radius, ww) = (radius?, ww.as_ref()?);
            let share = units.dot(&w, x) / ww;
            Some(column(&share.where_scalarother(&radius.bound, 0.0), kind))
        };

        if let Some(factor) = &request.factor {
            let _ = g.g_mul_(&factor.to_device(device));
        }
        if let Some(l2) = &settings.l2 {
            addcmul(&mut g, &w, &column(l2, kind), 1.0);
        }
        if let Some(a) = radial(&g).filter(|_| lawn.is_some_and(|lawn| lawn.project_gradient)) {
            addcmul(&mut g, &w, &a, -1.0);
        }
        let mut rho = None;
        if let RuleConfig::Lars(lars) = rule {
            if !adapts.is_none() {
                let (w_norm, g_norm) = (ww.as_ref()?.sqrt(), units.square(&g).sqrt());
                let mut below = &g_norm + lars.epsilon;
                if let Some(lambda) = &settings.absorbed {
                    addcmul(&mut below, &w_norm, lambda, 1.0);
                }
                let ratio = &w_norm * lars.trust_coefficient / below;
                let defined = w_norm.gt(0.0).logical_and(&g_norm.gt(0.0));
                rho = Some(adapts.only(ratio.where_scalarother(&defined, 1.0)));
            }
            if let Some(lambda) = &settings.absorbed {
                addcmul(&mut g, &w, &column(lambda, kind), 1.0);
            }
            if let Some(rho) = &rho {
                let _ = g.g_mul_(&column(rho, kind));
            }
        }
        let mut d = match &mut self.fused_adam {
            Some(adam) => adam.direction(&self.present, &updates, finite.as_ref()),
            None => {
                let updates = self.parameters.spread(&updates);
                taken.hide(&mut g);
                taken.only(direction(rule, &mut self.buffers, &g, &updates, taken))
            }
        };
        let mut step = &settings.rate_scale * request.rate;
        if let Some(taken) = &taken_tiles {
            step = step.where_scalarother(taken, 0.0);
        }
        if let Some(lambda) = settings.absorbed.as_ref().filter(|_| is_lamb(rule)) {
            addcmul(&mut d, &w, &column(lambda, kind), 1.0);
        }
        if let Some(b) = radial(&d).filter(|_| lawn.is_some_and(|lawn| lawn.project_update)) {
            d = d.addcmul(&w, &b.neg());
        }
        let mut shrunk = None;
        if let Some(lambda) = &settings.decoupled {
            let factor = column(&(1.0 - lambda * &step), kind);
            let _ = w.g_mul_(&factor);
            shrunk = Some(units.square(&w));
        }
        if let RuleConfig::Lamb(lamb) = rule
            && !adapts.is_none()
        {
            let w_norm = shrunk.as_ref().or(ww.as_ref())?.sqrt();
            let d_norm = units.square(&d).sqrt();
            let defined = w_norm.gt(0.0).logical_and(&d_norm.gt(0.0));
            let mut ratio = (w_norm / d_norm).where_scalarother(&defined, 1.0);
            if let Some(max) = lamb.trust_max {
                ratio = ratio.clamp_max(max);
            }
            let ratio = adapts.only(ratio);
            step *= &ratio;
            rho = Some(ratio);
        }
        addcmul(&mut w, &d, &column(&step, kind), -1.0);
        if let Some(Radius { radius, bound }) = radius {
            let factor = radius / units.square(&w).sqrt();
            let bound = match &taken_tiles {
                Some(taken) => &bound.logical_and(taken),
                None => bound,
            };
            let _ = w.g_mul_(&column(&factor.where_scalarother(bound, 1.0), kind));
        }
        match &taken_parameters {
            Some(taken) => self.updates += taken.to_kind(Kind::Double),
            None => self.updates += 1.0,
        }
        let measured = before.map(|(before, [ww, wg, gg])| {
            let moved = &w - &before;
            let (wm, mm) = (units.dot(&before, &moved), units.square(&moved));
            let rho = rho.unwrap_or_else(|| ww.ones_like());
            let sums = [ww, wg, gg, wm, mm, rho].map(|sum| units.pick(&sum));
            Tensor::stack(&sums, 0)
        });
        self.give_weights(slots);
        measured
    }

    /// Zeros where elements only fill a tile up: what is not finite in a unit may
    /// have spread there, and must not stay when the unit has recovered.
    fn clear_padding(&self, storage: &Tensor) {
        if let Some(padding) = &self.padding {
            let _ = storage.view(-1).index_fill_(0, padding, 0.0);
        }
    }

    /// Takes the model's weights in, unless they are kept here.
    fn take_weights(&mut self, slots: &[Slot]) {
        self.clear_padding(&self.weights);
        if self.masters {
            return;
        }
        let places = self.places.iter().zip(&self.weight_views);
        let places = places.filter(|(place, _)| !place.is_empty());
        foreach_copy(places.map(|(place, view)| (view, &slots[place.slot].weight)));
    }

    /// Gives the model the weights that a step may have changed.
    fn give_weights(&self, slots: &[Slot]) {
        let places = self
            .places
            .iter()
            .zip(&self.weight_views)
            .zip(&self.present);
        let changed = places.filter(|((place, _), present)| **present && !place.is_empty());
        foreach_copy(changed.map(|((place, view), _)| (&slots[place.slot].weight, view)));
    }

    /// The norm of every unit of the constrained phase, by parameter; waits for
    /// the device.
    pub(super) fn norms(&mut self, slots: &[Slot]) -> Vec<Vec<f64>> {
        self.take_weights(slots);
        let units = self.rows.as_ref().unwrap_or(&self.parameters);
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
            let units = self.rows.as_ref().unwrap_or(&self.parameters);
            let radii = mine().flat_map(|(place, slot)| {
                let known = slot.radii.iter().copied();
                known
                    .chain(std::iter::repeat(0.0))
                    .take(place.units as usize)
            });
            let radius = units.spread(&put(radii.collect()));
            let bound = radius.gt(0.0);
            Radius { radius, bound }
        });
    }

    /// How often each parameter was updated; waits for the device.
    pub(super) fn updates(&self) -> Vec<u64> {
        let updates = host(&self.updates);
        updates.into_iter().map(|count| count as u64).collect()
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

/// Which parameters and which tiles take the step; nothing where all do for sure.
fn taken(present: Option<&Present>, finite: Option<&Tensor>) -> (Option<Tensor>, Option<Tensor>) {
    let both = |present: &Tensor| match finite {
        Some(finite) => present.logical_and(finite),
        None => present.shallow_clone(),
    };
    match present {
        Some(Present { parameters, tiles }) => (Some(both(parameters)), Some(both(tiles))),
        None => (
            finite.map(Tensor::shallow_clone),
            finite.map(Tensor::shallow_clone),
        ),
    }
}

fn is_lamb(rule: &RuleConfig) -> bool {
    matches!(rule, RuleConfig::Lamb(_))
}
