//! What is set for each parameter, as numbers of its tiles.

use tch::{Device, Kind, Tensor};

use super::tiles::Units;
use crate::{Context, Decay, Rule, RuleConfig};

/// Numbers of tiles, f64; left out where all are 0.
#[derive(Debug)]
pub(super) struct Settings {
    /// Factor of the learning rate.
    pub(super) rate_scale: Tensor,
    /// Rate of L2 decay, unless the rule has it.
    pub(super) l2: Option<Tensor>,
    /// Rate of decoupled decay, unless the rule has it.
    pub(super) decoupled: Option<Tensor>,
    /// Rate of the decay that the rule has itself.
    pub(super) absorbed: Option<Tensor>,
    free: Adapts,
    constrained: Adapts,
}

/// Which parameters have a trust ratio.
#[derive(Debug)]
pub(super) enum Adapts {
    None,
    /// Boolean, by tile.
    Some(Tensor),
    All,
}

impl Settings {
    /// From the context of each parameter at a learning rate of 1, in the free
    /// and in the constrained phase.
    pub(super) fn new(
        rule: &RuleConfig,
        contexts: &[Context],
        constrained: &[Context],
        units: &Units,
        device: Device,
    ) -> Self {
        let put = |values: Vec<f64>| units.spread(&Tensor::from_slice(&values).to_device(device));
        let decay = |rate: &dyn Fn(&Context) -> f64| {
            let rates: Vec<f64> = contexts.iter().map(rate).collect();
            rates.iter().any(|&rate| rate != 0.0).then(|| put(rates))
        };
        let absorbs = |context: &Context| rule.absorbs(context.decay);
        Self {
            rate_scale: put(contexts.iter().map(|c| c.learning_rate).collect()),
            l2: decay(&|context| match context.decay {
                Decay::L2 { rate } if !absorbs(context) => rate,
                _ => 0.0,
            }),
            decoupled: decay(&|context| match context.decay {
                Decay::Decoupled { rate } if !absorbs(context) => rate,
                _ => 0.0,
            }),
            absorbed: decay(&|context| match context.decay {
                Decay::L2 { rate } | Decay::Decoupled { rate } if absorbs(context) => rate,
                _ => 0.0,
            }),
            free: adapts(rule, contexts, put),
            constrained: adapts(rule, constrained, put),
        }
    }

    pub(super) fn adapts(&self, constrained: bool) -> &Adapts {
        if constrained {
            &self.constrained
        } else {
            &self.free
        }
    }
}

fn adapts(rule: &RuleConfig, contexts: &[Context], put: impl Fn(Vec<f64>) -> Tensor) -> Adapts {
    let adaptation = match rule {
        RuleConfig::Lamb(lamb) => lamb.adaptation,
        RuleConfig::Lars(lars) => lars.adaptation,
        _ => return Adapts::None,
    };
    let applies: Vec<bool> = contexts.iter().map(|c| adaptation.applies(c)).collect();
    if applies.iter().all(|&applies| applies) {
        Adapts::All
    } else if applies.iter().any(|&applies| applies) {
        let flags = applies.iter().map(|&applies| f64::from(u8::from(applies)));
        Adapts::Some(put(flags.collect()).to_kind(Kind::Bool))
    } else {
        Adapts::None
    }
}

impl Adapts {
    /// The ratio of the parameters that have one, 1 for the others.
    pub(super) fn only(&self, ratio: Tensor) -> Tensor {
        match self {
            Adapts::Some(adapts) => ratio.where_scalarother(adapts, 1.0),
            _ => ratio,
        }
    }

    pub(super) fn is_none(&self) -> bool {
        matches!(self, Adapts::None)
    }
}
