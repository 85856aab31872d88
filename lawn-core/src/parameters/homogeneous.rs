//! The final homogeneous sub-network: from the layers where they are given, from
//! names and order where they are not.

use std::collections::HashSet;
use std::ops::Range;

use crate::error::Error;
use crate::parameters::layer::Map;
use crate::parameters::names::{Doubt, is_gated, layer_of};
use crate::parameters::parameter::{Parameter, Parameters};
use crate::parameters::scope::Scope;
use crate::role::Role;

/// What a scope takes in.
#[derive(Debug, Default)]
pub(crate) struct Selection {
    pub(crate) names: HashSet<String>,
    /// What the reasons say beside the name of the scope.
    pub(crate) basis: Basis,
}

/// How the extent of a scope is known.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) enum Basis {
    /// It was stated.
    #[default]
    Stated,
    /// It was guessed by names and order, from after this layer on if there is one.
    Guessed(Option<String>),
}

impl Selection {
    /// Why a parameter is in the scope, or is not.
    pub(crate) fn why(&self, wanted: bool, scope: &Scope) -> String {
        let (not, place) = match wanted {
            true => ("", "after"),
            false => ("not ", "before"),
        };
        match &self.basis {
            Basis::Stated => format!("{not}in scope {scope}"),
            Basis::Guessed(Some(layer)) => {
                format!("{not}in scope {scope}, as it seems: {place} `{layer}`")
            }
            Basis::Guessed(None) => {
                format!("{not}in scope {scope}, as it seems: no normalization is seen")
            }
        }
    }
}

/// The parameters in the final homogeneous sub-network: those after the last layer that is not
/// positively homogeneous.
///
/// There, and only there, the norm of the weights scales the logits. `settled` tells
/// of a parameter whether something else decides if it is constrained.
pub(crate) fn final_homogeneous(
    parameters: &Parameters,
    settled: impl Fn(&Parameter) -> bool,
) -> Result<Selection, Error> {
    if let Some(layers) = parameters.layers() {
        let last = layers.iter().rev();
        let last = last.take_while(|layer| layer.map == Map::Homogeneous);
        return Ok(Selection {
            names: last.flat_map(|layer| layer.parameters.clone()).collect(),
            basis: Basis::Stated,
        });
    }
    let all: Vec<_> = parameters.iter().collect();
    // Where the sub-network begins at the earliest, and after what.
    let mut start = 0;
    let mut after = None;
    let mut begin = |at: usize, layer: &str| {
        if at > start {
            start = at;
            after = Some(layer.to_owned());
        }
    };
    for (at, parameter) in all.iter().enumerate() {
        let sure = parameters.doubt(&parameter.name).is_none();
        if sure && parameter.role == Role::Norm
            || is_gated(&parameter.name, &parameter.tensor.size())
        {
            begin(at + 1, layer_or_name(&parameter.name));
        }
    }
    for silent in parameters.silent() {
        begin(silent.places.start, &silent.layer);
    }
    let decides = |range: Range<usize>| {
        let mut between = all[range].iter();
        between.find(|p| p.role.is_constrainable() && !settled(p))
    };
    let undecided = |name: &str, why, expected, parameter: &Parameter| {
        Err(Error::UndecidedScope {
            name: name.to_owned(),
            why,
            undecided: parameter.name.clone(),
            expected,
        })
    };
    const LAYERS: &str = "the layers by `set_layers`, or patterns as the scope";
    const ROLE: &str =
        "its role by `set_role`, the layers by `set_layers`, or patterns as the scope";
    for (at, parameter) in all.iter().enumerate().skip(start) {
        let (why, expected, range) = match parameters.doubt(&parameter.name) {
            Some(Doubt::Vector) => (
                "is a vector of factors, of a normalization (RMS) or of none (PReLU, gate)",
                ROLE,
                start..at,
            ),
            Some(Doubt::Recurrent) => (
                "is of a recurrent layer, of tanh or of ReLU",
                LAYERS,
                start..at + 1,
            ),
            Some(Doubt::Direction) => (
                "is of a weight normalization, which divides its norm out",
                LAYERS,
                at..at + 1,
            ),
            None => continue,
        };
        if let Some(decided) = decides(range) {
            return undecided(&parameter.name, why, expected, decided);
        }
    }
    for silent in parameters.silent() {
        let end = silent.places.end;
        if let Some(decided) = decides(start..end.max(start)) {
            let why = "is a normalization without trainable parameters, of which names do not \
                       tell where it stands";
            return undecided(&silent.layer, why, LAYERS, decided);
        }
    }
    Ok(Selection {
        names: all[start..].iter().map(|p| p.name.clone()).collect(),
        basis: Basis::Guessed(after),
    })
}

fn layer_or_name(name: &str) -> &str {
    match layer_of(name) {
        "" => name,
        layer => layer,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Layer;
    use crate::parameters::untrained::places;
    use tch::{Device, Kind, Tensor};

    fn parameters(names: &[(&str, Role)]) -> Parameters {
        let one = |&(name, role): &(&str, Role)| Parameter {
            name: name.into(),
            role,
            tensor: Tensor::zeros([2, 2], (Kind::Float, Device::Cpu)),
        };
        Parameters::new(names.iter().map(one).collect()).unwrap()
    }

    fn chosen(parameters: &Parameters) -> Vec<String> {
        let chosen = final_homogeneous(parameters, |_| false).unwrap();
        let mut names: Vec<_> = chosen.names.into_iter().collect();
        names.sort_unstable();
        names
    }

    const NAMES: [(&str, Role); 4] = [
        ("a", Role::Weight),
        ("n", Role::Norm),
        ("b", Role::Weight),
        ("c", Role::Weight),
    ];

    #[test]
    fn order_and_roles_stand_in_for_layers() {
        assert_eq!(chosen(&parameters(&NAMES)), ["b", "c"]);
        let plain = [("e", Role::Embedding), ("a", Role::Weight)];
        assert_eq!(chosen(&parameters(&plain)), ["a", "e"]);
    }

    #[test]
    fn layers_decide_where_they_are_given() {
        let mut parameters = parameters(&NAMES);
        let none: [&str; 0] = [];
        parameters
            .set_layers(vec![
                Layer::homogeneous(["a"]),
                Layer::normalization(["n"]),
                Layer::homogeneous(["b"]),
                Layer::other(none),
                Layer::homogeneous(["c"]),
                Layer::homogeneous(none),
            ])
            .unwrap();
        assert_eq!(chosen(&parameters), ["c"]);
    }

    #[test]
    fn numbers_and_modules_tell_a_place() {
        let names = ["0.weight", "2.weight", "10.weight"];
        assert_eq!(places("1", &names), 1..1);
        assert_eq!(places("3", &names), 2..2);
        assert_eq!(places("11", &names), 3..3);
        assert_eq!(places("bn", &names), 0..3);
        assert_eq!(places("1", &["2.weight", "0.weight"]), 0..2);
        let names = [
            "stem.conv.weight",
            "layer1.conv1.weight",
            "layer1.conv2.weight",
            "layer2.weight",
            "fc.weight",
        ];
        assert_eq!(places("stem.bn", &names), 0..1);
        assert_eq!(places("layer1.bn1", &names), 1..3);
        assert_eq!(places("layer1.conv3", &names), 3..3);
        assert_eq!(places("layer3", &names), 4..5);
        assert_eq!(places("norm", &names), 0..5);
    }
}
