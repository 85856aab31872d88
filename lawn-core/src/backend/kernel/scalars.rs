//! What happens between the passes: a few numbers for each unit.

use super::adagrad::Adagrad;
use super::averaged::{AverageStep, Averaged};
use super::direction::{Adam, HeldCorrections, Momentum, Nesterov};
use super::dispatch::Kernel;
use super::lanes::Element;
use super::lion::Lion;
use super::nadam::Nadam;
use super::pass::{Factors, Sums};
use crate::constraint::form::{ConstraintForm, Hold, StepLength};
use crate::rule::Context;
use crate::rule::form::{DecayEntry, Direction, Form, Radial};
use crate::rule::moments::Moments;
use crate::rule::trust::{Trust, TrustBase};
use crate::units::ROUNDING;

/// The numbers that the units of one parameter share in one step.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Scalars {
    eta: f64,
    /// L2 decay, unless the rule's kernel has it.
    pub(super) l2: f64,
    /// Decoupled decay, unless the rule's kernel has it.
    pub(super) decoupled: f64,
    /// The trust ratio, if there is one.
    trust: Option<Trust>,
    /// `λ` of a decay inside of it.
    trusted_l2: f64,
    constrained: bool,
    hold: Hold,
    length: StepLength,
    /// `η_r` where steps are of an angle, and `1 − φᵗ`.
    rotation: (f64, f64),
    /// Elements of a unit.
    elements: f64,
    project_gradient: bool,
    project_update: bool,
    /// Whether weights and directions have no mean in a unit that is held.
    pub(super) centred: bool,
    /// What [`left`] takes for the rounding of a gradient.
    gradient_rounding: f64,
    /// The radial test that is still to be made.
    pub(super) radial: Option<Radial>,
    /// `ε` of a direction that has not passed it, and so loses its radial part.
    pub(super) projection: Option<f64>,
}

/// What one unit did in one step.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Outcome {
    pub(crate) sums: Sums,
    pub(crate) factors: Factors,
    /// The trust ratio ρ.
    pub(crate) trust: f64,
    /// Whether it has a radius and no direction to keep it along.
    pub(crate) is_lost: bool,
    /// What is remembered of it for the next step.
    pub(crate) memory: f64,
    /// How many elements it has.
    pub(crate) elements: f64,
}

/// What is known of a unit before a step.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Held {
    /// Its radius; 0 for one that stays free.
    pub(crate) radius: f64,
    /// What the constraint remembers of it; see [`ConstraintForm::remembered`].
    pub(crate) memory: f64,
}

impl Default for Scalars {
    /// Those of a step that goes nowhere.
    fn default() -> Self {
        Self {
            eta: 0.0,
            l2: 0.0,
            decoupled: 0.0,
            trust: None,
            trusted_l2: 0.0,
            constrained: false,
            hold: Hold::Sphere,
            length: StepLength::Own,
            rotation: (0.0, 1.0),
            elements: 1.0,
            project_gradient: false,
            project_update: false,
            centred: false,
            gradient_rounding: 0.0,
            radial: None,
            projection: None,
        }
    }
}

impl Scalars {
    /// `elements` of a unit; `gradient_rounding` as [`rounding`](crate::units::rounding) of its kind.
    pub(crate) fn new(
        form: &Form,
        context: &Context,
        constraint: Option<&ConstraintForm>,
        (elements, gradient_rounding): (usize, f64),
    ) -> Self {
        let trust = form.trust.filter(|_| form.adapts);
        let trusted_l2 = form.decay_at(DecayEntry::TrustedGradient);
        let (l2, trusted_l2) = match trust {
            Some(_) => (form.decay_at(DecayEntry::Gradient), trusted_l2),
            None => (form.decay_at(DecayEntry::Gradient) + trusted_l2, 0.0),
        };
        let length = constraint.map_or(StepLength::Own, |constraint| constraint.length);
        let eta = context.learning_rate;
        let rotation = match length {
            StepLength::OfRotation { decay, memory, .. } => (
                Direction::rotation(Some(form.direction), eta, decay),
                1.0 - memory.powf(context.updates as f64),
            ),
            _ => (0.0, 1.0),
        };
        Self {
            eta,
            l2,
            decoupled: form.decay_at(DecayEntry::Weight),
            trust,
            trusted_l2,
            constrained: context.constrained,
            hold: constraint.map_or(Hold::Sphere, |constraint| constraint.hold),
            length,
            rotation,
            elements: elements as f64,
            project_gradient: constraint.is_some_and(|constraint| constraint.project_gradient),
            project_update: constraint.is_some_and(|constraint| constraint.project_update),
            centred: constraint.is_some_and(|constraint| constraint.centred),
            gradient_rounding,
            radial: form.radial,
            projection: None,
        }
    }

    /// Whether the inner products of `w` and `g` are needed before the buffers move. A constraint
    /// that leaves the gradient as it is needs them only when the direction is known.
    pub(crate) fn needs_products(&self) -> bool {
        let trust_of_gradient = self.trust.is_some_and(|trust| !trust.is_of_direction());
        let projects_gradient = self.constrained && self.project_gradient;
        projects_gradient || trust_of_gradient || self.projects()
    }

    /// Whether a direction of a free step loses its radial part, or may lose it.
    fn projects(&self) -> bool {
        self.radial.is_some() || self.projection.is_some()
    }

    /// Whether buffers and weights can move in one pass.
    pub(crate) fn is_single_pass(&self) -> bool {
        let trust_of_direction = self.trust.is_some_and(|trust| trust.is_of_direction());
        !self.constrained && !trust_of_direction && !self.projects()
    }

    /// What makes `g̃ = κ g + α w` of the gradient, and the step of a rule that needs no more
    /// than that. `kappa` is the factor that clipping gave. A `radius` of 0 stands for a unit
    /// that stays free. Where [`needs_products`](Self::needs_products) says no, the sums are not
    /// known yet, and nothing of them comes into the factors.
    pub(crate) fn before(&self, kappa: f64, radius: f64, outcome: &mut Outcome) {
        let Sums { wg, gg, .. } = outcome.sums;
        let ww = self.held_square(&outcome.sums);
        let bound = self.is_bound(radius, ww);
        outcome.elements = self.elements;
        // The mean goes before the rule sees the weights, which are then scaled to their norm.
        let ww = if bound && self.centred {
            radius * radius
        } else {
            ww
        };
        let mut factors = Factors {
            kappa,
            alpha: 0.0,
            p: 1.0 - self.eta * self.decoupled,
            q: -self.eta,
            o: 0.0,
        };
        let mut g_square = kappa * kappa * gg;
        if bound && self.project_gradient {
            let a = kappa * wg / ww;
            factors.alpha = -a;
            g_square = left(g_square, a * a * ww, self.gradient_rounding);
            if g_square == 0.0 {
                // No rule shall make a direction of rounding.
                (factors.kappa, factors.alpha) = (0.0, 0.0);
            }
        } else if !self.constrained {
            factors.alpha = self.l2;
        }
        outcome.trust = 1.0;
        if let Some(trust) = self.trust
            && let TrustBase::Gradient { epsilon } = trust.base
        {
            let (w_norm, g_norm, lambda) = (ww.sqrt(), g_square.sqrt(), self.trusted_l2);
            let below = g_norm + lambda * w_norm + epsilon;
            outcome.trust = trust.ratio(w_norm, g_norm, below);
            factors.kappa *= outcome.trust;
            factors.alpha = (factors.alpha + lambda) * outcome.trust;
        }
        outcome.factors = factors;
    }

    /// What makes `w ← p w + q d` of the direction, with the projection, the length of the step,
    /// and the way back to the radius:
    ///
    /// ```text
    /// b = ⟨w,d⟩/⟨w,w⟩    ‖d̃‖² = ⟨d,d⟩ − b² ⟨w,w⟩    ℓ = η ρ, or by another length
    /// c = r / ‖w − ℓ d̃‖, or 1 − 2 λ    p = c (1 + ℓ b)    q = −c ℓ
    /// ```
    ///
    /// Of a centred unit `w` and `d` are those that [`Centre`] describes.
    pub(crate) fn after(&self, held: Held, outcome: &mut Outcome) {
        let Held { radius, memory } = held;
        let bound = self.is_bound(radius, self.held_square(&outcome.sums));
        outcome.is_lost = self.constrained && radius > 0.0 && !bound;
        let centre =
            (bound && self.centred).then(|| Centre::new(&outcome.sums, self.elements, radius));
        let Sums { ww, wd, dd, .. } = match &centre {
            Some(centre) => centre.sums(&outcome.sums),
            None => outcome.sums,
        };
        outcome.memory = memory;
        let b = match self.projection {
            _ if bound && self.project_update => wd / ww,
            Some(epsilon) if ww > 0.0 => wd / (ww.sqrt() + epsilon).powi(2),
            _ => 0.0,
        };
        // What ⟨w,d⟩ and ⟨d,d⟩ are after the projection.
        let wd_left = if b == 0.0 { wd } else { 0.0 };
        let d_square = left(dd, b * b * ww, ROUNDING);
        let shrunk = if self.constrained {
            1.0
        } else {
            1.0 - self.eta * self.decoupled
        };
        let mut length = self.eta;
        // A ratio of the gradient is in the gradient already.
        if let Some(trust) = self.trust.filter(Trust::is_of_direction) {
            let d_norm = d_square.sqrt();
            outcome.trust = trust.ratio(shrunk * ww.sqrt(), d_norm, d_norm);
            length *= outcome.trust;
        }
        if bound {
            match self.length {
                StepLength::Own => {}
                StepLength::OfRadius => {
                    outcome.trust = radius / d_square.sqrt();
                    length = self.eta * outcome.trust;
                }
                StepLength::OfRotation {
                    memory: kept,
                    epsilon,
                    ..
                } => {
                    let (angle, correction) = self.rotation;
                    outcome.memory = kept * memory + (1.0 - kept) * d_square;
                    let usual = (outcome.memory / correction).sqrt();
                    length = angle * radius / (usual + epsilon);
                }
            }
            // A direction that is radial up to rounding leaves nothing to go along. Another length
            // would even scale that up.
            if d_square == 0.0 {
                length = 0.0;
            }
        }
        let moved = ww - 2.0 * length * wd_left + length * length * d_square;
        let c = match self.hold {
            _ if !bound => 1.0,
            Hold::Sphere => radius / moved.sqrt(),
            Hold::Ball {
                rate,
                by_learning_rate,
            } => {
                let excess = (moved - radius * radius) / self.elements;
                outcome.memory = (memory + rate * excess).max(0.0);
                let factor = if by_learning_rate { self.eta } else { 1.0 };
                1.0 - 2.0 * factor * outcome.memory
            }
        };
        (outcome.factors.p, outcome.factors.q) = (c * (shrunk + length * b), -c * length);
        let whole = ww + length * length * d_square;
        if bound
            && self.hold == Hold::Sphere
            && left(whole, 2.0 * length * wd_left, ROUNDING) == 0.0
        {
            // The step goes against all of w, so that only rounding would give what is left a
            // direction.
            (outcome.factors.p, outcome.factors.q) = (1.0, 0.0);
        }
        if let Some(centre) = centre {
            outcome.factors = centre.factors(outcome.factors);
        }
    }

    /// `⟨w,w⟩` of the weights whose norm is held.
    fn held_square(&self, sums: &Sums) -> f64 {
        match self.centred {
            true => left(sums.ww, sums.w * sums.w / self.elements, ROUNDING),
            false => sums.ww,
        }
    }

    /// Whether a unit is held at its radius, which is 0 for one that stays free.
    fn is_bound(&self, radius: f64, ww: f64) -> bool {
        self.constrained && radius > 0.0 && self.hold.takes(ww)
    }
}

/// What makes a unit without a mean of its weights and its direction.
///
/// ```text
/// w̃ = s (w − m)    s = r / ‖w − m‖    m = Σw/n        d̃ = d − m_d    m_d = Σd/n
/// ```
struct Centre {
    scale: f64,
    weight_mean: f64,
    direction_mean: f64,
    elements: f64,
}

impl Centre {
    /// Of a unit of `elements` whose weights are not all the same.
    fn new(sums: &Sums, elements: f64, radius: f64) -> Self {
        let square = sums.ww - sums.w * sums.w / elements;
        Self {
            scale: radius / square.sqrt(),
            weight_mean: sums.w / elements,
            direction_mean: sums.d / elements,
            elements,
        }
    }

    /// Those of `w̃` and `d̃`.
    fn sums(&self, sums: &Sums) -> Sums {
        let without = |product: f64, a: f64, b: f64| product - self.elements * a * b;
        let (m, m_d) = (self.weight_mean, self.direction_mean);
        Sums {
            ww: self.scale * self.scale * without(sums.ww, m, m),
            wd: self.scale * without(sums.wd, m, m_d),
            dd: left(sums.dd, self.elements * m_d * m_d, ROUNDING),
            ..*sums
        }
    }

    /// `p w̃ + q d̃` as factors of `w` and `d`.
    fn factors(&self, factors: Factors) -> Factors {
        let p = factors.p * self.scale;
        Factors {
            p,
            o: -p * self.weight_mean - factors.q * self.direction_mean,
            ..factors
        }
    }
}

/// What a projection leaves of a squared norm: 0 where that is no more than
/// `rounding` of it.
fn left(square: f64, radial: f64, rounding: f64) -> f64 {
    let left = square - radial;
    if left > rounding * square { left } else { 0.0 }
}

impl<E: Element> Kernel<E> {
    /// The kernel of a rule with its numbers for update `t`, after one that has left its
    /// direction in place of the first moment if `held`.
    /// `average` is looked at by a rule that averages its iterates.
    pub(crate) fn new(form: &Form, t: u64, held: bool, average: AverageStep) -> Self {
        let e = E::from_f64;
        match form.direction {
            Direction::Gradient => Kernel::Plain,
            Direction::Momentum {
                mu, nesterov: true, ..
            } => Kernel::Nesterov(Nesterov { mu: e(mu) }),
            Direction::Momentum { mu, dampening, .. } => {
                // The first update takes the whole gradient. Its buffer is still 0.
                let sigma = if t == 1 { 1.0 } else { 1.0 - dampening };
                let (mu, sigma) = (e(mu), e(sigma));
                Kernel::Momentum(Momentum { mu, sigma })
            }
            Direction::Moments { moments, max } => {
                let lambda = form.decay_at(DecayEntry::Direction);
                let numbers = Adam::new(&moments, lambda, t, held);
                match max {
                    true => Kernel::Amsgrad(numbers),
                    false => Kernel::Adam(numbers),
                }
            }
            Direction::SumOfSquares { initial, epsilon } => {
                let (initial, epsilon) = (e(initial), e(epsilon));
                Kernel::Adagrad(Adagrad { initial, epsilon })
            }
            Direction::NesterovMoments(moments) => {
                let (c1, c2) = moments.corrections(t);
                let (epsilon_in, epsilon_out) = moments.epsilons();
                Kernel::Nadam(Nadam {
                    beta1: e(moments.beta1),
                    beta3: e(moments.beta3()),
                    beta2: e(moments.beta2),
                    gamma: e(1.0 - moments.beta2),
                    inverse_c1: e(1.0 / c1),
                    inverse_c2: e(1.0 / c2),
                    epsilon_in: e(epsilon_in),
                    epsilon_out: e(epsilon_out),
                })
            }
            Direction::Sign { beta1, beta2 } => Kernel::Lion(Lion {
                beta1: e(beta1),
                gamma1: e(1.0 - beta1),
                beta2: e(beta2),
                gamma2: e(1.0 - beta2),
            }),
            Direction::Averaged(averaging) => {
                let lambda = form.decay_at(DecayEntry::Direction);
                Kernel::Averaged(Averaged::new(&averaging, lambda, t, average))
            }
        }
    }
}

impl<E: Element> Adam<E> {
    /// The numbers of update `t`, before which the direction of update `t − 1` is
    /// in place of the first moment if `held`.
    fn new(rule: &Moments, lambda: f64, t: u64, held: bool) -> Self {
        let e = E::from_f64;
        let (c1, c2) = rule.corrections(t);
        let (epsilon_in, epsilon_out) = rule.epsilons();
        Self {
            beta1: e(rule.beta1),
            beta3: e(rule.beta3()),
            beta2: e(rule.beta2),
            gamma: e(1.0 - rule.beta2),
            inverse_c1: e(1.0 / c1),
            inverse_c2: e(1.0 / c2),
            epsilon_in: e(epsilon_in),
            epsilon_out: e(epsilon_out),
            lambda: e(lambda),
            held: held.then(|| {
                let (c1, c2) = rule.corrections(t - 1);
                HeldCorrections {
                    c1: e(c1),
                    inverse_c2: e(1.0 / c2),
                }
            }),
        }
    }
}
