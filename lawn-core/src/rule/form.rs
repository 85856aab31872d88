//! What a backend computes of a rule: plain data, for which no backend needs its name.

use crate::decay::WeightDecay;
use crate::rule::context::Context;
use crate::rule::moments::Moments;
use crate::rule::trust::Trust;

/// A rule as the backends compute it, for one update of one parameter; see
/// [`Rule::form`](crate::Rule::form).
///
/// It is opaque: a built-in rule makes it, and another rule may hand it on.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Form {
    /// How the direction is made.
    pub(crate) direction: Direction,
    /// The trust ratio, if the rule has one.
    pub(crate) trust: Option<Trust>,
    /// Whether this parameter takes it.
    pub(crate) adapts: bool,
    /// The weight decay of this parameter.
    pub(crate) decay: DecayTerm,
    /// When the direction loses its radial part, of a parameter of at least two dimensions.
    pub(crate) radial: Option<Radial>,
}

/// The numbers of a [`RadialTest`](crate::RadialTest).
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Radial {
    /// `δ`.
    pub(crate) delta: f64,
    /// What decoupled decay is multiplied by where the direction is projected.
    pub(crate) decay_ratio: f64,
    /// `ε`, below which no norm goes.
    pub(crate) epsilon: f64,
}

/// The numbers of an average of iterates; see [`ScheduleFreeConfig`](crate::ScheduleFreeConfig).
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Averaging {
    pub(crate) beta1: f64,
    pub(crate) beta2: f64,
    pub(crate) epsilon: f64,
    /// `r`.
    pub(crate) weight_power: f64,
    /// `p`.
    pub(crate) rate_power: f64,
}

/// `d` of the gradient and the rule's buffers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Direction {
    /// `d = g`, without a buffer.
    Gradient,
    /// `v ← μ v + (1 − τ) g`, where τ is 0 at the first update; `d = v`, or `g + μ v`.
    Momentum {
        mu: f64,
        dampening: f64,
        nesterov: bool,
    },
    /// `d = m̂ / (√v̂ + ε)`, of the largest `v` so far if `max`.
    Moments { moments: Moments, max: bool },
    /// `s ← s + g²`; `d = g / (√(s₀ + s) + ε)`.
    SumOfSquares { initial: f64, epsilon: f64 },
    /// Of moments that are updated, `m̂ = (β₁ m + β₃ g) / c₁`; `d = m̂ / (√v̂ + ε)`.
    NesterovMoments(Moments),
    /// `d = sign(β₁ m + (1 − β₁) g)`, then `m ← β₂ m + (1 − β₂) g`.
    Sign { beta1: f64, beta2: f64 },
    /// `d = (y − z) c / η + h (1 − β₁ (1 − c))`, then `z ← z − η h`; `c` is of the buffer of the
    /// average, which has a shape of its own.
    Averaged(Averaging),
}

impl Direction {
    /// How many buffers it is made with.
    pub(crate) fn buffers(self) -> usize {
        match self {
            Direction::Gradient => 0,
            Direction::Momentum { .. }
            | Direction::SumOfSquares { .. }
            | Direction::Sign { .. } => 1,
            Direction::Moments { max, .. } => 2 + usize::from(max),
            Direction::NesterovMoments(_) => 2,
            Direction::Averaged(_) => 3,
        }
    }

    /// How many of them, from the first on, have an element for each of the parameter's.
    pub(crate) fn walked(self) -> usize {
        match self {
            Direction::Averaged(_) => 2,
            other => other.buffers(),
        }
    }

    /// `η_r = f √(2 η λ)`: the angle of a step in the balance with decoupled decay of rate `λ`;
    /// see [`RotationalConfig`](crate::RotationalConfig).
    pub(crate) fn rotation(direction: Option<Self>, eta: f64, lambda: f64) -> f64 {
        let factor = match direction {
            Some(Direction::Moments { moments, .. } | Direction::NesterovMoments(moments)) => {
                let beta1 = moments.beta1;
                ((1.0 - beta1) / (1.0 + beta1)).sqrt()
            }
            Some(Direction::Momentum { mu, .. }) => (1.0 + mu).sqrt().recip(),
            Some(Direction::Sign { beta1, beta2 }) => {
                let kept = beta1 * beta1 * (1.0 - beta2) / (1.0 + beta2);
                let square = (1.0 - beta1).powi(2) + kept;
                (std::f64::consts::FRAC_PI_2 * square).sqrt()
            }
            Some(Direction::Gradient | Direction::SumOfSquares { .. } | Direction::Averaged(_))
            | None => 1.0,
        };
        factor * (2.0 * eta * lambda).sqrt()
    }
}

/// Weight decay of a rate, and where it enters.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct DecayTerm {
    /// λ; 0 for none.
    pub(crate) rate: f64,
    pub(crate) entry: DecayEntry,
}

/// Where weight decay enters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DecayEntry {
    /// `g ← g + λ w`, before all else.
    Gradient,
    /// `g ← ρ (g + λ w)`, and `λ ‖w‖` in what ρ divides by.
    TrustedGradient,
    /// `d ← d + λ w`, before ρ is taken.
    Direction,
    /// `w ← (1 − ηλ) w`.
    Weight,
}

impl Form {
    /// The same without what has no part in it.
    pub(crate) fn reduced(self) -> Self {
        let entry = match self.decay.entry {
            _ if self.decay.rate == 0.0 => DecayEntry::Weight,
            // A ratio of 1, and nothing that it divides by.
            DecayEntry::TrustedGradient if !self.adapts => DecayEntry::Gradient,
            other => other,
        };
        Self {
            direction: self.direction,
            trust: self.trust.filter(|_| self.adapts),
            adapts: self.adapts && self.trust.is_some(),
            decay: DecayTerm {
                entry,
                ..self.decay
            },
            // No cosine is below 0.
            radial: self.radial.filter(|test| test.delta > 0.0),
        }
    }

    /// The rate of the decay that enters there; 0 if it enters elsewhere.
    pub(crate) fn decay_at(&self, entry: DecayEntry) -> f64 {
        if self.decay.entry == entry {
            self.decay.rate
        } else {
            0.0
        }
    }

    /// Whether the rule keeps squares of gradients, which may overflow.
    pub(crate) fn squares_gradients(&self) -> bool {
        matches!(
            self.direction,
            Direction::Moments { .. }
                | Direction::SumOfSquares { .. }
                | Direction::NesterovMoments(_)
                | Direction::Averaged(_)
        )
    }
}

impl DecayTerm {
    /// L2 decay in the gradient, decoupled decay of the weight, unless the rule has the
    /// decay of this parameter elsewhere itself.
    pub(crate) fn new(context: &Context, own: Option<DecayEntry>) -> Self {
        let (rate, usual) = match context.decay {
            WeightDecay::None => (0.0, DecayEntry::Weight),
            WeightDecay::L2 { rate } => (rate, DecayEntry::Gradient),
            WeightDecay::Decoupled { rate } => (rate, DecayEntry::Weight),
        };
        Self {
            rate,
            entry: own.unwrap_or(usual),
        }
    }
}
