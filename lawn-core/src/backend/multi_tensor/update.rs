//! The step of one group.

use tch::{Kind, Tensor};

use super::direction::{TakenTiles, direction};
use super::group::{Group, Presence};
use super::tiles::column;
use crate::backend::slot::Slot;
use crate::constraint::form::ConstraintForm;
use crate::libtorch::in_place::addcmul;
use crate::rule::trust::{Trust, TrustBase};
use crate::units::ROUNDING;

/// What a step asks of each group.
pub(super) struct Request<'a> {
    /// The gradient of each parameter of the optimizer.
    pub(super) gradients: &'a [Option<Tensor>],
    /// In the constrained phase.
    pub(super) constraint: Option<&'a ConstraintForm>,
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
    /// Updates the parameters that have a gradient; returns what
    /// [`Measurement::of_sums`](crate::diagnostics::Measurement::of_sums) takes, as
    /// `[7, units]`, if asked to; the last of them are the radii.
    pub(super) fn update(&mut self, request: &Request<'_>, slots: &mut [Slot]) -> Option<Tensor> {
        let device = self.weights.device();
        let finite = request.finite.as_ref();
        let finite = finite.map(|finite| finite.to_device(device));
        let (taken, taken_tiles) = taken(self.absences.as_ref(), finite.as_ref());
        let updates = &self.updates + 1.0;
        let rate = request.rate.to_device(device);
        let own = self.fused_adam.as_ref().is_some_and(|adam| adam.steps());
        let in_place = own && request.constraint.is_none() && self.is_like_the_model(slots);
        if !in_place || request.measure {
            self.take_weights(slots);
            self.take_gradients(request.gradients);
        }
        let before = request.measure.then(|| {
            let units = self.units(request.constraint.is_some());
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
            let units = self.units(request.constraint.is_some());
            let moved = &self.weights - &before;
            let (wm, mm) = (units.dot(&before, &moved), units.square(&moved));
            let rho = rho.unwrap_or_else(|| ww.ones_like());
            let radius = self
                .radius
                .as_ref()
                .filter(|_| request.constraint.is_some());
            let radius = radius.map_or_else(|| ww.zeros_like(), |r| r.radius.shallow_clone());
            let sums = [ww, wg, gg, wm, mm, rho, radius].map(|sum| units.pick(&sum));
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
        self.tell_of_writes(slots);
    }

    /// A step on the storage, by the equations of [`LawnConfig`](crate::LawnConfig), in their order;
    /// answers ρ by tile, if the rule has one.
    fn step_on_storage(
        &mut self,
        request: &Request<'_>,
        rate: &Tensor,
        updates: &Tensor,
        finite: Option<&Tensor>,
        taken_tiles: Option<Tensor>,
    ) -> Option<Tensor> {
        let Request { constraint, .. } = *request;
        let rows = self.rows.as_ref().filter(|_| constraint.is_some());
        let units = rows.unwrap_or(&self.parameters);
        let settings = &self.settings;
        let adapts = settings.adapts(constraint.is_some());
        let kind = self.weights.kind();
        let taken = taken_tiles.as_ref().map(|tiles| tiles.unsqueeze(-1));
        let taken = TakenTiles(taken.as_ref());
        let mut w = self.weights.shallow_clone();
        let mut g = self.gradients.shallow_clone();
        let radius = self.radius.as_mut().filter(|_| constraint.is_some());
        let ww = radius.is_some().then(|| units.square(&w));
        let held = radius.zip(ww.as_ref()).map(|(radius, ww)| {
            let held = radius.hold(ww, taken_tiles.as_ref());
            (radius.radius.shallow_clone(), held)
        });
        // ‖w‖, from ⟨w,w⟩ where that is known already.
        let norm = |known: Option<&Tensor>, w: &Tensor| match known {
            Some(ww) => ww.sqrt(),
            None => units.square(w).sqrt(),
        };
        let unmoved = w.shallow_clone();
        // The share of x that lies along w; none for a unit that stays free.
        let radial = |x: &Tensor| {
            let ((_, held), ww) = (held.as_ref()?, ww.as_ref()?);
            let share = units.dot(&unmoved, x) / ww;
            Some(share.where_scalarother(held, 0.0))
        };
        // Whether x, of which that share was taken, is more than rounding.
        let is_left = |square: &Tensor, share: &Tensor, rounding: f64| {
            let ww = ww.as_ref()?;
            let whole = share.square() * ww + square;
            Some(square.gt_tensor(&(whole * rounding)))
        };

        if let Some(factor) = &request.factor {
            let _ = g.g_mul_(&factor.to_device(w.device()));
        }
        if let Some(l2) = &settings.l2 {
            addcmul(&mut g, &w, &column(l2, kind), 1.0);
        }
        let mut g_square = None;
        if constraint.is_some_and(|constraint| constraint.project_gradient)
            && let Some(a) = radial(&g)
        {
            addcmul(&mut g, &w, &column(&a, kind), -1.0);
            let square = units.square(&g);
            if let Some(left) = is_left(&square, &a, self.rounding) {
                let _ = g.masked_fill_(&left.logical_not().unsqueeze(1), 0.0);
                g_square = Some(square.where_scalarother(&left, 0.0));
            }
        }
        let mut rho = None;
        if let Some(trust) = self.trust
            && let TrustBase::Gradient { epsilon } = trust.base
        {
            let lambda = settings.trusted.as_ref();
            if !adapts.is_none() {
                let w_norm = norm(ww.as_ref(), &w);
                let g_norm = g_square.unwrap_or_else(|| units.square(&g)).sqrt();
                let mut below = &g_norm + epsilon;
                if let Some(lambda) = lambda {
                    addcmul(&mut below, &w_norm, lambda, 1.0);
                }
                rho = Some(adapts.only(trust.ratios(&w_norm, &g_norm, &below)));
            }
            if let Some(lambda) = lambda {
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
                taken.only(direction(
                    self.direction,
                    &mut self.buffers,
                    &g,
                    &updates,
                    taken,
                ))
            }
        };
        let mut step = &settings.rate_scale * rate;
        if let Some(taken) = &taken_tiles {
            step = step.where_scalarother(taken, 0.0);
        }
        if let Some(lambda) = &settings.directed {
            addcmul(&mut d, &w, &column(lambda, kind), 1.0);
        }
        let b =
            radial(&d).filter(|_| constraint.is_some_and(|constraint| constraint.project_update));
        if let Some(b) = &b {
            d = d.addcmul(&w, &column(b, kind).neg());
        }
        if let Some(lambda) = &settings.decoupled {
            let _ = w.g_mul_(&column(&(1.0 - lambda * &step), kind));
        }
        if let Some(trust) = self.trust.filter(Trust::is_of_direction) {
            let known = ww.as_ref().filter(|_| settings.decoupled.is_none());
            let d_square = units.square(&d);
            if let Some(left) = b.and_then(|b| is_left(&d_square, &b, ROUNDING)) {
                step = step.where_scalarother(&left, 0.0);
            }
            if !adapts.is_none() {
                let (w_norm, d_norm) = (norm(known, &w), d_square.sqrt());
                rho = Some(adapts.only(trust.ratios(&w_norm, &d_norm, &d_norm)));
            }
            if let Some(rho) = &rho {
                step *= rho;
            }
        }
        addcmul(&mut w, &d, &column(&step, kind), -1.0);
        if let Some((radius, held)) = held {
            let norm = units.square(&w).sqrt();
            // A step against all of w leaves nothing to scale.
            let mut held = held.logical_and(&norm.gt(0.0));
            if let Some(taken) = &taken_tiles {
                held = held.logical_and(taken);
            }
            let factor = (radius / norm).where_scalarother(&held, 1.0);
            let _ = w.g_mul_(&column(&factor, kind));
        }
        rho
    }
}

/// Which parameters and which tiles take the step; nothing where all do for sure.
fn taken(present: Option<&Presence>, finite: Option<&Tensor>) -> (Option<Tensor>, Option<Tensor>) {
    let both = |present: &Tensor| match finite {
        Some(finite) => present.logical_and(finite),
        None => present.shallow_clone(),
    };
    match present {
        Some(Presence { parameters, tiles }) => (Some(both(parameters)), Some(both(tiles))),
        None => (
            finite.map(Tensor::shallow_clone),
            finite.map(Tensor::shallow_clone),
        ),
    }
}
