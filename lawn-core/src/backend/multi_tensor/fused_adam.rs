//! Adam's moments and direction by libtorch's own fused kernel.

use tch::{Kind, Tensor};

use super::tiles::{Place, Plan};
use crate::decay::WeightDecay;
use crate::libtorch::fused_adam::{AdamLists, AdamNumbers, fused_adam};
use crate::rule::Context;
use crate::rule::form::{Direction, Form};
use crate::rule::moments::Moments;
use crate::rule::{BiasCorrection, EpsilonPlace, GradientAveraging};

/// Adam's moments and direction by libtorch's own fused kernel, which reads the
/// gradient and writes both moments in a single pass.
///
/// A free step of Adam is the kernel's own, on the model's weights. For the constraint and for
/// LAMB the kernel gives the direction. It takes `η d` away from a parameter, so that it leaves
/// `d` in a storage of zeros with a learning rate of −1. Where a gradient is not finite it does
/// nothing, and `d` is 0.
#[derive(Debug)]
pub(super) struct FusedAdam {
    beta1: f64,
    beta2: f64,
    epsilon: f64,
    direction: Tensor,
    /// The learning rate of −1, with which the kernel leaves d.
    ahead: Tensor,
    /// Of each parameter that has elements, with its place.
    views: Vec<(usize, Views)>,
    /// `t` of each parameter as the kernel takes it, f32.
    updates: Tensor,
    /// Views that share a factor of the learning rate and a decay. There are none where a free
    /// step is not the kernel's own.
    classes: Vec<Class>,
}

#[derive(Debug)]
struct Class {
    rate_scale: f64,
    decay: WeightDecay,
    /// Positions in the list of views.
    views: Vec<usize>,
}

/// One parameter in the storages.
#[derive(Debug)]
struct Views {
    direction: Tensor,
    gradient: Tensor,
    /// m, v, and the largest v if it is kept.
    buffers: Vec<Tensor>,
    updates: Tensor,
}

impl FusedAdam {
    /// For a rule that the kernel computes.
    pub(super) fn new(
        form: &Form,
        plan: &Plan,
        contexts: &[Context],
        gradients: &Tensor,
        buffers: &[Tensor],
    ) -> Option<Self> {
        let Direction::Moments { moments, .. } = form.direction else {
            return None;
        };
        let Moments {
            beta1,
            beta2,
            epsilon,
            ..
        } = moments;
        let is_the_kernels = moments.bias_correction == BiasCorrection::Applied
            && moments.averaging == GradientAveraging::Averaged
            && moments.epsilon_place == EpsilonPlace::OutsideRoot;
        if !is_the_kernels {
            return None;
        }
        if epsilon < f64::from(f32::MIN_POSITIVE) {
            // The kernel divides 0 by 0 then.
            return None;
        }
        let direction = gradients.zeros_like();
        let count = plan.places.len() as i64;
        let updates = Tensor::zeros([count], (Kind::Float, gradients.device()));
        let views = |(index, place): (usize, &Place)| {
            let views = Views {
                direction: place.view(&direction),
                gradient: place.view(gradients),
                buffers: buffers.iter().map(|buffer| place.view(buffer)).collect(),
                updates: updates.get(index as i64),
            };
            (index, views)
        };
        let places = plan.places.iter().enumerate();
        let views = places.filter(|(_, place)| !place.is_empty()).map(views);
        let views: Vec<(usize, Views)> = views.collect();
        let mut classes: Vec<Class> = Vec::new();
        for (position, (place, _)) in views.iter().enumerate() {
            // The kernel takes the learning rate in f32.
            let own = form.trust.is_none() && direction.kind() == Kind::Float;
            if !own {
                break;
            }
            let (rate_scale, decay) = (contexts[*place].learning_rate, contexts[*place].decay);
            let alike = |class: &&mut Class| class.rate_scale == rate_scale && class.decay == decay;
            match classes.iter_mut().find(alike) {
                Some(class) => class.views.push(position),
                None => classes.push(Class {
                    rate_scale,
                    decay,
                    views: vec![position],
                }),
            }
        }
        Some(Self {
            classes,
            beta1,
            beta2,
            epsilon,
            views,
            ahead: Tensor::full([1], -1.0, (Kind::Float, gradients.device())),
            direction,
            updates,
        })
    }

    /// `d = U(s, g)` of the parameters that have a gradient, 0 for the others;
    /// `updates` counts those of each parameter, this one included.
    pub(super) fn direction(
        &mut self,
        present: &[bool],
        updates: &Tensor,
        finite: Option<&Tensor>,
    ) -> Tensor {
        let _ = self.direction.zero_();
        self.updates.copy_(updates);
        let mut lists = AdamLists::default();
        for (_, views) in self.views.iter().filter(|(index, _)| present[*index]) {
            views.add(&mut lists, &views.direction, &views.gradient);
        }
        let infinite = infinite(finite);
        let numbers = self.numbers(WeightDecay::None);
        fused_adam(&lists, &self.ahead, numbers, infinite.as_ref());
        self.direction.shallow_clone()
    }

    /// Whether a free step is the kernel's own.
    pub(super) fn steps(&self) -> bool {
        !self.classes.is_empty()
    }

    /// A free step of the parameters that have a gradient, on weights and with
    /// gradients that are laid out as the storages' views. `gradient` answers
    /// that of a place, nothing for the one in the storage. `rate` is `[1]`, f64.
    pub(super) fn step<'a>(
        &'a mut self,
        rate: &Tensor,
        updates: &Tensor,
        finite: Option<&Tensor>,
        weight: impl Fn(usize) -> Option<&'a Tensor>,
        gradient: impl Fn(usize) -> Option<&'a Tensor>,
    ) {
        self.updates.copy_(updates);
        let infinite = infinite(finite);
        for class in &self.classes {
            let mut lists = AdamLists::default();
            for (index, views) in class.views.iter().map(|&view| &self.views[view]) {
                if let Some(weight) = weight(*index) {
                    let gradient = gradient(*index).unwrap_or(&views.gradient);
                    views.add(&mut lists, weight, gradient);
                }
            }
            if !lists.parameters.is_empty() {
                let rate = match class.rate_scale {
                    1.0 => rate.to_kind(Kind::Float),
                    scale => (rate * scale).to_kind(Kind::Float),
                };
                fused_adam(&lists, &rate, self.numbers(class.decay), infinite.as_ref());
            }
        }
    }

    fn numbers(&self, decay: WeightDecay) -> AdamNumbers {
        AdamNumbers {
            beta1: self.beta1,
            beta2: self.beta2,
            epsilon: self.epsilon,
            decay,
        }
    }
}

impl Views {
    fn add<'a>(&'a self, lists: &mut AdamLists<'a>, parameter: &'a Tensor, gradient: &'a Tensor) {
        lists.parameters.push(parameter);
        lists.gradients.push(gradient);
        lists.first_moments.push(&self.buffers[0]);
        lists.second_moments.push(&self.buffers[1]);
        lists.largest.extend(self.buffers.get(2));
        lists.updates.push(&self.updates);
    }
}

/// 1 where a gradient is not finite, as the kernel takes it.
fn infinite(finite: Option<&Tensor>) -> Option<Tensor> {
    finite.map(|finite| finite.logical_not().to_kind(Kind::Float))
}
