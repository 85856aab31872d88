//! Adam's moments and direction by libtorch's own fused kernel.

use tch::{Kind, Tensor};

use super::tiles::{Place, Plan};
use crate::extension::{AdamLists, fused_adam};
use crate::{EpsilonPlace, RuleConfig};

/// Adam's moments and direction by libtorch's own fused kernel, which reads the
/// gradient and writes both moments in a single pass.
///
/// The kernel takes a step of `−d` from a parameter; given a storage of zeros
/// and a learning rate of −1 it leaves `d` there. Where a gradient is not finite
/// it does nothing, so that `d` is 0.
#[derive(Debug)]
pub(super) struct FusedAdam {
    beta1: f64,
    beta2: f64,
    epsilon: f64,
    direction: Tensor,
    /// Of each parameter that has elements, with its place.
    views: Vec<(usize, Views)>,
    /// `t` of each parameter as the kernel takes it, f32.
    updates: Tensor,
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
        rule: &RuleConfig,
        plan: &Plan,
        gradients: &Tensor,
        buffers: &[Tensor],
    ) -> Option<Self> {
        let (beta1, beta2, epsilon) = match rule {
            RuleConfig::Adam(adam) => (adam.beta1, adam.beta2, adam.epsilon),
            RuleConfig::Lamb(lamb)
                if lamb.bias_correction
                    && lamb.gradient_averaging
                    && lamb.epsilon_place == EpsilonPlace::OutsideRoot =>
            {
                (lamb.beta1, lamb.beta2, lamb.epsilon)
            }
            _ => return None,
        };
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
        Some(Self {
            beta1,
            beta2,
            epsilon,
            views: views.collect(),
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
        let infinite = finite.map(|finite| finite.logical_not().to_kind(Kind::Float));
        let mut lists = AdamLists::default();
        for (_, views) in self.views.iter().filter(|(index, _)| present[*index]) {
            lists.parameters.push(&views.direction);
            lists.gradients.push(&views.gradient);
            lists.first_moments.push(&views.buffers[0]);
            lists.second_moments.push(&views.buffers[1]);
            lists.largest.extend(views.buffers.get(2));
            lists.updates.push(&views.updates);
        }
        fused_adam(
            &lists,
            -1.0,
            self.beta1,
            self.beta2,
            self.epsilon,
            infinite.as_ref(),
        );
        self.direction.shallow_clone()
    }
}
