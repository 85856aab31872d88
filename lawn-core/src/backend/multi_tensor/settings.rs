//! What is set for each parameter, as numbers of its tiles.

use tch::{Device, Kind, Tensor};

use super::tiles::Units;
use crate::rule::form::{DecayEntry, Form};
use crate::rule::{Context, Rule};

/// Numbers of tiles, f64; left out where all are 0.
#[derive(Debug)]
pub(super) struct Settings {
    /// Factor of the learning rate.
    pub(super) rate_scale: Tensor,
    /// Rate of decay in the gradient.
    pub(super) l2: Option<Tensor>,
    /// Rate of decay of the weight.
    pub(super) decoupled: Option<Tensor>,
    /// Rate of the decay inside a trust ratio of the gradient.
    pub(super) trusted: Option<Tensor>,
    /// Rate of the decay in the direction.
    pub(super) directed: Option<Tensor>,
    free: TrustMask,
    constrained: TrustMask,
}

/// Which parameters have a trust ratio.
#[derive(Debug)]
pub(super) enum TrustMask {
    None,
    /// Boolean, by tile.
    Some(Tensor),
    All,
}

impl Settings {
    /// From the context of each parameter at a learning rate of 1, in the free
    /// and in the constrained phase.
    pub(super) fn new(
        rule: &dyn Rule,
        contexts: &[Context],
        constrained: &[Context],
        units: &Units,
        device: Device,
    ) -> Self {
        let put = |values: Vec<f64>| units.spread(&Tensor::from_slice(&values).to_device(device));
        let forms: Vec<Form> = contexts.iter().map(|c| form_of(rule, c)).collect();
        let decay = |entry| {
            let rates: Vec<f64> = forms.iter().map(|form| form.decay_at(entry)).collect();
            rates.iter().any(|&rate| rate != 0.0).then(|| put(rates))
        };
        Self {
            rate_scale: put(contexts.iter().map(|c| c.learning_rate).collect()),
            l2: decay(DecayEntry::Gradient),
            decoupled: decay(DecayEntry::Weight),
            trusted: decay(DecayEntry::TrustedGradient),
            directed: decay(DecayEntry::Direction),
            free: adapts(rule, contexts, put),
            constrained: adapts(rule, constrained, put),
        }
    }

    pub(super) fn adapts(&self, constrained: bool) -> &TrustMask {
        if constrained {
            &self.constrained
        } else {
            &self.free
        }
    }
}

fn adapts(rule: &dyn Rule, contexts: &[Context], put: impl Fn(Vec<f64>) -> Tensor) -> TrustMask {
    let applies: Vec<bool> = contexts.iter().map(|c| form_of(rule, c).adapts).collect();
    if applies.iter().all(|&applies| applies) {
        TrustMask::All
    } else if applies.iter().any(|&applies| applies) {
        let flags = applies.iter().map(|&applies| f64::from(u8::from(applies)));
        TrustMask::Some(put(flags.collect()).to_kind(Kind::Bool))
    } else {
        TrustMask::None
    }
}

impl TrustMask {
    /// The ratio of the parameters that have one, 1 for the others.
    pub(super) fn only(&self, ratio: Tensor) -> Tensor {
        match self {
            TrustMask::Some(adapts) => ratio.where_scalarother(adapts, 1.0),
            _ => ratio,
        }
    }

    pub(super) fn is_none(&self) -> bool {
        matches!(self, TrustMask::None)
    }
}

/// The form of a rule that has one.
pub(super) fn form_of(rule: &dyn Rule, context: &Context) -> Form {
    rule.form(context).expect("no other rule is given to it")
}
