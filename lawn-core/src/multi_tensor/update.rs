//! The step of one group.

use tch::{Kind, Tensor};

use super::direction::{Taken, direction};
use super::group::{Group, Present, Radius};
use super::settings::Adapts;
use super::tiles::{Units, column};
use crate::extension::addcmul;
use crate::slot::Slot;
use crate::{LambConfig, LarsConfig, LawnConfig, RuleConfig};

/// What a step asks of each group.
pub(super) struct Request<'a> {
    pub(super) rule: &'a RuleConfig,
    /// The gradient of each parameter of the optimizer.
    pub(super) gradients: &'a [Option<Tensor>],
    /// In the constrained phase.
    pub(super) lawn: Option<&'a LawnConfig>,
    /// The learning rate, `[1]`, f64.
    pub(super) rate: Tensor,
    /// What the gradients are multiplied by, scalar, f64; nothing for 1.
    pub(super) factor: Option<Tensor>,
    /// Whether the gradients are finite, scalar, boolean; nothing if nobody asks.
    pub(super) finite: Option<Tensor>,
    /// Whether to measure what the step does.
    pub(super) measure: bool,
}

impl Group {
    /// Updates the parameters that have a gradient; answers what
    /// [`Measured::of_sums`](crate::diagnostics::Measured::of_sums) takes, as
    /// `[6, units]`, if asked to.
    pub(super) fn update(&mut self, request: &Request<'_>, slots: &mut [Slot]) -> Option<Tensor> {
        let device = self.weights.device();
        let finite = request.finite.as_ref();
        let finite = finite.map(|finite| finite.to_device(device));
        let (taken, taken_tiles) = taken(self.absences.as_ref(), finite.as_ref());
        let updates = &self.updates + 1.0;
        let rate = request.rate.to_device(device);
        let own = self.fused_adam.as_ref().is_some_and(|adam| adam.steps());
        let in_place = own && request.lawn.is_none() && self.is_like_the_model(slots);
        if !in_place || request.measure {
            self.take_weights(slots);
            self.take_gradients(request.gradients);
        }
        let before = request.measure.then(|| {
            let units = self.units(request.lawn.is_some());
            let (w, g) = (&self.weights, &self.gradients);
            (
                w.copy(),
                [units.square(w), units.dot(w, g), units.square(g)],
            )
        });
        let rho = if in_place {
            self.step_in_place(request, &rate, &updates, finite.as_ref(), slots);
            if request.measure {
                self.take_weights(slots);
            }
            None
        } else {
            let rho = self.step_on_storage(request, &rate, &updates, finite.as_ref(), taken_tiles);
            self.give_weights(slots);
            rho
        };
        self.updates += match &taken {
            Some(taken) => taken.to_kind(Kind::Double),
            None => self.updates.ones_like(),
        };
        before.map(|(before, [ww, wg, gg])| {
            let units = self.units(request.lawn.is_some());
            let moved = &self.weights - &before;
            let (wm, mm) = (units.dot(&before, &moved), units.square(&moved));
            let rho = rho.unwrap_or_else(|| ww.ones_like());
            let sums = [ww, wg, gg, wm, mm, rho].map(|sum| units.pick(&sum));
            Tensor::stack(&sums, 0)
        })
    }

    /// A free step of Adam by libtorch's kernel, on the model's own weights; with
    /// its own gradients unless they have to be scaled or laid out anew.
    fn step_in_place(
        &mut self,
        request: &Request<'_>,
        rate: &Tensor,
        updates: &Tensor,
        finite: Option<&Tensor>,
        slots: &[Slot],
    ) {
        let gradients = request.gradients;
        let mut places = self.places.iter();
        let alike = places.all(|place| {
            let gradient = gradients[place.slot].as_ref();
            gradient.is_none_or(|gradient| place.has_layout_of(gradient))
        });
        let theirs = alike && request.factor.is_none();
        if !theirs {
            self.take_gradients(gradients);
            if let Some(factor) = &request.factor {
                let factor = factor.to_device(self.weights.device());
                let _ = self.gradients.g_mul_(&factor);
            }
        }
        let (places, present) = (&self.places, &self.present);
        let weight = |index: usize| present[index].then(|| &slots[places[index].slot].weight);
        let gradient = |index: usize| gradients[places[index].slot].as_ref().filter(|_| theirs);
        if let Some(adam) = &mut self.fused_adam {
            adam.step(rate, updates, finite, weight, gradient);
        }
    }

    /// A step on the storage, by the equations of [`LawnConfig`], in their order;
    /// answers ρ by tile, if the rule has one.
    fn step_on_storage(
        &mut self,
        request: &Request<'_>,
        rate: &Tensor,
        updates: &Tensor,
        finite: Option<&Tensor>,
        taken_tiles: Option<Tensor>,
    ) -> Option<Tensor> {
        let Request { rule, lawn, .. } = *request;
        let rows = self.rows.as_ref().filter(|_| lawn.is_some());
        let units = rows.unwrap_or(&self.parameters);
        let settings = &self.settings;
        let adapts = settings.adapts(lawn.is_some());
        let kind = self.weights.kind();
        let taken = taken_tiles.as_ref().map(|tiles| tiles.unsqueeze(-1));
        let taken = Taken(taken.as_ref());
        let mut w = self.weights.shallow_clone();
        let mut g = self.gradients.shallow_clone();
        let radius = self.radius.as_ref().filter(|_| lawn.is_some());
        let ww = radius.is_some().then(|| units.square(&w));
        // ‖w‖, of which ⟨w,w⟩ may be known already.
        let norm = |known: Option<&Tensor>, w: &Tensor| match known {
            Some(ww) => ww.sqrt(),
            None => units.square(w).sqrt(),
        };
        let unmoved = w.shallow_clone();
        // The share of x that lies along w; none for a unit that stays free.
        let radial = |x: &Tensor| {
            let (radius, ww) = (radius?, ww.as_ref()?);
            let share = units.dot(&unmoved, x) / ww;
            Some(column(&share.where_scalarother(&radius.bound, 0.0), kind))
        };

        if let Some(factor) = &request.factor {
            let _ = g.g_mul_(&factor.to_device(w.device()));
        }
        if let Some(l2) = &settings.l2 {
            addcmul(&mut g, &w, &column(l2, kind), 1.0);
        }
        if let Some(a) = radial(&g).filter(|_| lawn.is_some_and(|lawn| lawn.project_gradient)) {
            addcmul(&mut g, &w, &a, -1.0);
        }
        let mut rho = None;
        if let RuleConfig::Lars(lars) = rule {
            let w_norm = || norm(ww.as_ref(), &w);
            rho = lars_trust(lars, adapts, units, settings.absorbed.as_ref(), w_norm, &g);
            if let Some(lambda) = &settings.absorbed {
                addcmul(&mut g, &w, &column(lambda, kind), 1.0);
            }
            if let Some(rho) = &rho {
                let _ = g.g_mul_(&column(rho, kind));
            }
        }
        let mut d = match &mut self.fused_adam {
            Some(adam) => adam.direction(&self.present, updates, finite),
            None => {
                let updates = self.parameters.spread(updates);
                taken.hide(&mut g);
                taken.only(direction(rule, &mut self.buffers, &g, &updates, taken))
            }
        };
        let mut step = &settings.rate_scale * rate;
        if let Some(taken) = &taken_tiles {
            step = step.where_scalarother(taken, 0.0);
        }
        if let (RuleConfig::Lamb(_), Some(lambda)) = (rule, &settings.absorbed) {
            addcmul(&mut d, &w, &column(lambda, kind), 1.0);
        }
        if let Some(b) = radial(&d).filter(|_| lawn.is_some_and(|lawn| lawn.project_update)) {
            d = d.addcmul(&w, &b.neg());
        }
        if let Some(lambda) = &settings.decoupled {
            let _ = w.g_mul_(&column(&(1.0 - lambda * &step), kind));
        }
        if let RuleConfig::Lamb(lamb) = rule {
            let known = ww.as_ref().filter(|_| settings.decoupled.is_none());
            rho = lamb_trust(lamb, adapts, units, || norm(known, &w), &d);
            if let Some(rho) = &rho {
                step *= rho;
            }
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
        rho
    }
}

/// `κ ‖w‖ / (‖g‖ + λ ‖w‖ + ε)`, 1 where a norm is 0, by tile.
fn lars_trust(
    lars: &LarsConfig,
    adapts: &Adapts,
    units: &Units,
    lambda: Option<&Tensor>,
    w_norm: impl FnOnce() -> Tensor,
    g: &Tensor,
) -> Option<Tensor> {
    if adapts.is_none() {
        return None;
    }
    let (w_norm, g_norm) = (w_norm(), units.square(g).sqrt());
    let mut below = &g_norm + lars.epsilon;
    if let Some(lambda) = lambda {
        addcmul(&mut below, &w_norm, lambda, 1.0);
    }
    let ratio = &w_norm * lars.trust_coefficient / below;
    let defined = w_norm.gt(0.0).logical_and(&g_norm.gt(0.0));
    Some(adapts.only(ratio.where_scalarother(&defined, 1.0)))
}

/// `min(‖w‖ / ‖d‖, ρ_max)`, 1 where a norm is 0, by tile.
fn lamb_trust(
    lamb: &LambConfig,
    adapts: &Adapts,
    units: &Units,
    w_norm: impl FnOnce() -> Tensor,
    d: &Tensor,
) -> Option<Tensor> {
    if adapts.is_none() {
        return None;
    }
    let (w_norm, d_norm) = (w_norm(), units.square(d).sqrt());
    let defined = w_norm.gt(0.0).logical_and(&d_norm.gt(0.0));
    let ratio = (w_norm / d_norm).where_scalarother(&defined, 1.0);
    Some(adapts.only(match lamb.trust_max {
        Some(max) => ratio.clamp_max(max),
        None => ratio,
    }))
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
