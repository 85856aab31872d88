//! What names and shapes tell about the role of a parameter.

use std::collections::{HashMap, HashSet};

use crate::role::Role;

/// What a name and a shape leave open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Doubt {
    /// A vector of factors that nothing says to be of a normalization, or not to be.
    Vector,
    /// A recurrent layer whose activation may be a ReLU or a tanh.
    Recurrent,
    /// The directions of a weight normalization, whose norm the model divides out.
    Direction,
}

/// Shapes of all variables of a store, trainable or not, by name.
#[derive(Debug)]
pub(crate) struct Shapes {
    all: HashMap<String, Vec<i64>>,
    /// Names that stand for several layers. Which of their vectors belong together is not
    /// known.
    crowded: HashSet<String>,
}

impl Shapes {
    pub(crate) fn new(all: HashMap<String, Vec<i64>>) -> Self {
        let several = |(name, shape): &(&String, &Vec<i64>)| {
            let layer = layer_of(name);
            // A store numbers a name that it has already.
            plain(last_of(name)) != last_of(name)
                || shape.len() >= 2
                    && STATISTICS
                        .iter()
                        .any(|s| all.contains_key(&within(layer, s)))
        };
        let crowded = all.iter().filter(several);
        let crowded = crowded.map(|(name, _)| layer_of(name).to_owned()).collect();
        Self { all, crowded }
    }

    fn get(&self, layer: &str, last: &str) -> Option<&Vec<i64>> {
        self.all.get(&within(layer, last))
    }

    fn has(&self, layer: &str, last: &str) -> bool {
        self.get(layer, last).is_some()
    }

    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.all.keys().map(String::as_str)
    }

    /// Whether a layer is several in one.
    pub(crate) fn is_crowded(&self, layer: &str) -> bool {
        self.crowded.contains(layer)
    }

    /// Whether a layer keeps the statistics of its input.
    pub(crate) fn has_statistics(&self, layer: &str) -> bool {
        STATISTICS
            .iter()
            .any(|statistic| self.has(layer, statistic))
    }
}

/// Buffers that only a normalization layer has.
const STATISTICS: [&str; 3] = ["running_mean", "running_var", "num_batches_tracked"];

/// Names that the scale of a normalization layer has, and what stands beside it.
const SCALES: [&str; 4] = ["weight", "gamma", "scale", "gain"];
const SHIFTS: [&str; 3] = ["bias", "beta", "shift"];

/// Words of factors that belong to no normalization.
const FACTORS: [&str; 13] = [
    "prelu",
    "relu",
    "act",
    "activation",
    "slope",
    "slopes",
    "temperature",
    "temp",
    "tau",
    "logit",
    "gate",
    "gates",
    "layerscale",
];

/// The layer that a variable is of: its name without the last part.
pub(crate) fn layer_of(name: &str) -> &str {
    name.rsplit_once('.').map_or("", |(layer, _)| layer)
}

/// Whether this is the recurrent matrix of a layer with gates, which are sigmoids.
pub(crate) fn is_gated(name: &str, shape: &[i64]) -> bool {
    is_recurrent(name) && shape.len() == 2 && shape[0] != shape[1]
}

fn is_recurrent(name: &str) -> bool {
    last_of(name).starts_with("weight_hh")
}

/// Whether this is a normalization's scale, by the last part of its name.
pub(crate) fn is_scale(name: &str) -> bool {
    SCALES.contains(&plain(last_of(name)))
}

/// The role that a variable seems to have, and what that leaves open.
pub(crate) fn infer(name: &str, shapes: &Shapes) -> (Role, Option<Doubt>) {
    let shape = shapes.all.get(name).map_or(&[][..], Vec::as_slice);
    let (layer, last) = (layer_of(name), plain(last_of(name)));
    if let Some(found) = of_weight_normalization(layer, last, shapes) {
        return found;
    }
    let crowded = shapes.is_crowded(layer);
    let beside = |candidates: &[&str]| {
        let mut found = candidates.iter().map(|other| shapes.get(layer, other));
        !crowded && found.any(|other| other.is_some_and(|other| other == shape))
    };
    let mut said = words(last_of(layer));
    said.extend(words(last));
    let says = |candidates: &[&str]| said.iter().any(|word| candidates.contains(&word.as_str()));
    let normalizes =
        said.iter().any(|word| is_norm(word)) || !crowded && shapes.has_statistics(layer);

    if is_shift(last) {
        let norm = beside(&SCALES) || shape.len() <= 1 && normalizes;
        return (if norm { Role::Norm } else { Role::Bias }, None);
    }
    // An element of its own for each of the input: no matrix has a bias of its shape.
    if SCALES.contains(&last) && !shape.is_empty() && beside(&SHIFTS) {
        return (Role::Norm, None);
    }
    if shape.len() <= 1 {
        let scales = words(last)
            .iter()
            .any(|word| SCALES.contains(&word.as_str()));
        let alone = shape.iter().product::<i64>() <= 1 || !SCALES.contains(&last);
        return match (scales, alone) {
            _ if normalizes => (Role::Norm, None),
            _ if says(&FACTORS) => (Role::Scale, None),
            (true, true) if !crowded => (Role::Scale, None),
            (true, _) => (Role::Norm, Some(Doubt::Vector)),
            (false, _) => (Role::Bias, None),
        };
    }
    // One of another length is not the bias of this layer. Of a table of one column, a single element is
    // none: it would be of a layer with one output, which is the first dimension of a matrix.
    let has_bias = SHIFTS.iter().any(|shift| {
        let bias = shapes.get(layer, shift);
        bias.is_some_and(|bias| {
            let elements = bias.iter().product();
            shape.contains(&elements) && (elements > 1 || shape[0] == 1 || shape.len() > 2)
        })
    });
    let is_table = name.to_ascii_lowercase().contains("embed");
    let is_token = shape[0] == 1 && says(&["token", "tokens"]);
    if !has_bias && says(&["bias", "biases"]) {
        (Role::Bias, None)
    } else if !has_bias && shape.len() <= 3 && (is_table || is_token) {
        (Role::Embedding, None)
    } else {
        let open = is_recurrent(name) && !is_gated(name, shape);
        (Role::Weight, open.then_some(Doubt::Recurrent))
    }
}

/// Lengths and directions of a weight normalization, under the names that PyTorch
/// gives them.
fn of_weight_normalization(
    layer: &str,
    last: &str,
    shapes: &Shapes,
) -> Option<(Role, Option<Doubt>)> {
    let has = |stem: &str, other: &str| shapes.has(layer, &format!("{stem}{other}"));
    let parametrized = layer.contains("parametrizations");
    if last.strip_suffix("_g").is_some_and(|stem| has(stem, "_v"))
        || parametrized && last == "original0" && has("", "original1")
    {
        Some((Role::Scale, None))
    } else if last.strip_suffix("_v").is_some_and(|stem| has(stem, "_g"))
        || parametrized && last == "original1" && has("", "original0")
    {
        Some((Role::Weight, Some(Doubt::Direction)))
    } else {
        None
    }
}

fn within(layer: &str, last: &str) -> String {
    if layer.is_empty() {
        last.to_owned()
    } else {
        format!("{layer}.{last}")
    }
}

fn last_of(name: &str) -> &str {
    name.rsplit_once('.').map_or(name, |(_, last)| last)
}

/// A name without the number that a store adds to one that it has already.
fn plain(last: &str) -> &str {
    match last.rsplit_once("__") {
        Some((first, number)) if number.bytes().all(|b| b.is_ascii_digit()) => first,
        _ => last,
    }
}

fn is_shift(last: &str) -> bool {
    let last = last.to_ascii_lowercase();
    last == "b"
        || last.starts_with("bias")
        || last.ends_with("bias")
        || SHIFTS.contains(&last.as_str())
}

fn is_norm(word: &str) -> bool {
    matches!(word, "bn" | "ln" | "gn" | "rms" | "norms")
        || word.ends_with("norm")
        || word.starts_with("normaliz")
        || word.starts_with("normalis")
}

/// The words of a name, in lower case: parted by whatever is no letter, and where a
/// capital follows a small letter.
fn words(name: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut before = ' ';
    for letter in name.chars() {
        if !letter.is_alphabetic() || (before.is_lowercase() && letter.is_uppercase()) {
            words.push(String::new());
        }
        if letter.is_alphabetic() {
            let word = words.last_mut().expect("there is one from the start");
            word.extend(letter.to_lowercase());
        }
        before = letter;
    }
    words.retain(|word| !word.is_empty());
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The role of each variable of a store that has these.
    fn roles(variables: &[(&str, &[i64])]) -> Vec<(Role, Option<Doubt>)> {
        let all = variables.iter();
        let all = all.map(|(name, shape)| ((*name).to_owned(), shape.to_vec()));
        let shapes = Shapes::new(all.collect());
        let found = variables.iter().map(|(name, _)| infer(name, &shapes));
        found.collect()
    }

    fn role(variables: &[(&str, &[i64])]) -> (Role, Option<Doubt>) {
        roles(variables)[0]
    }

    #[test]
    fn what_belongs_to_a_normalization() {
        let norm = (Role::Norm, None);
        for variables in [
            // By what stands beside it, whatever the layer is called.
            &[("3.weight", &[8][..]), ("3.bias", &[8])][..],
            &[("3.bias", &[8]), ("3.weight", &[8])],
            &[("a.gamma", &[8]), ("a.beta", &[8])],
            &[("a.beta", &[8]), ("a.gamma", &[8])],
            // A layer normalization over channels and places.
            &[("0.weight", &[8, 4, 4]), ("0.bias", &[8, 4, 4])],
            &[("0.bias", &[8, 4, 4]), ("0.weight", &[8, 4, 4])],
            // By the statistics that it keeps.
            &[("0.weight", &[8]), ("0.running_var", &[8])],
            &[("0.w", &[1]), ("0.num_batches_tracked", &[])],
            // By its name.
            &[("bn1.weight", &[8])],
            &[("blocks.0.post_attention_layernorm.weight", &[8])],
            &[("block.LayerNorm_0.scale", &[8])],
            &[("ln_f.weight", &[8])],
            &[("RMSNorm.weight", &[8])],
            &[("ln1_g", &[8])],
            &[("ln1_b", &[8])],
        ] {
            assert_eq!(role(variables), norm, "{variables:?}");
        }
    }

    #[test]
    fn what_scales_and_does_not_normalize() {
        for variables in [
            &[("prelu.weight", &[64][..])][..],
            &[("act1.weight", &[64])],
            &[("0.weight", &[1])],
            &[("scale", &[])],
            &[("scale", &[1])],
            &[("logit_scale", &[])],
            &[("temperature", &[1])],
            &[("head.temperature", &[10])],
            &[("block.gate", &[64])],
            &[("q_scale", &[12])],
            &[("fc.weight_g", &[8, 1]), ("fc.weight_v", &[8, 4])],
            &[
                ("fc.parametrizations.weight.original0", &[8, 1]),
                ("fc.parametrizations.weight.original1", &[8, 4]),
            ],
        ] {
            assert_eq!(role(variables), (Role::Scale, None), "{variables:?}");
        }
    }

    #[test]
    fn what_stays_open() {
        for (variables, expected) in [
            (
                &[("3.weight", &[8][..])][..],
                (Role::Norm, Some(Doubt::Vector)),
            ),
            (&[("ls.gamma", &[8])], (Role::Norm, Some(Doubt::Vector))),
            (
                &[("rnn.weight_hh_l0", &[8, 8])],
                (Role::Weight, Some(Doubt::Recurrent)),
            ),
            (&[("rnn.weight_hh_l0", &[32, 8])], (Role::Weight, None)),
            // Several layers under one name: whose vector it is is not known.
            (
                &[("weight__4", &[8]), ("bias", &[8]), ("weight", &[8, 4])],
                (Role::Norm, Some(Doubt::Vector)),
            ),
            (
                &[("bias__2", &[8]), ("weight", &[8]), ("running_mean", &[8])],
                (Role::Bias, None),
            ),
            (
                &[("bias", &[8]), ("weight", &[8, 4]), ("running_mean", &[8])],
                (Role::Bias, None),
            ),
            (
                &[("fc.weight_v", &[8, 4]), ("fc.weight_g", &[8, 1])],
                (Role::Weight, Some(Doubt::Direction)),
            ),
        ] {
            assert_eq!(role(variables), expected, "{variables:?}");
        }
        assert!(is_gated("lstm.weight_hh_l0", &[32, 8]));
        assert!(!is_gated("lstm.weight_ih_l0", &[32, 8]));
    }

    #[test]
    fn tables_terms_and_matrices() {
        for (variables, expected) in [
            (
                &[("user_embedding.weight", &[9, 4][..])][..],
                Role::Embedding,
            ),
            (&[("pos_embed", &[1, 17, 8])], Role::Embedding),
            (
                &[("mf.user_embedding", &[9, 4]), ("mf.bias", &[1])],
                Role::Embedding,
            ),
            (
                &[("mf.user_embedding", &[9, 1]), ("mf.bias", &[1])],
                Role::Embedding,
            ),
            (
                &[("embed_out.weight", &[1, 8]), ("embed_out.bias", &[1])],
                Role::Weight,
            ),
            (&[("cls_token", &[1, 1, 8])], Role::Embedding),
            (&[("patch_embed.proj.weight", &[8, 3, 4, 4])], Role::Weight),
            (
                &[("embed_in.weight", &[8, 4]), ("embed_in.bias", &[8])],
                Role::Weight,
            ),
            (&[("relative_position_bias_table", &[169, 4])], Role::Bias),
            (&[("user_bias.weight", &[9, 1])], Role::Bias),
            (
                &[("bias_net.weight", &[9, 3]), ("bias_net.bias", &[9])],
                Role::Weight,
            ),
            (&[("lstm.bias_ih_l0", &[32])], Role::Bias),
            (&[("fc.bias", &[8]), ("fc.weight", &[8, 4])], Role::Bias),
            (&[("conv-1/depth.weight", &[8, 1, 3])], Role::Weight),
            (&[("normal_head.weight", &[8, 4])], Role::Weight),
            (&[("offset", &[8])], Role::Bias),
        ] {
            assert_eq!(role(variables), (expected, None), "{variables:?}");
        }
    }
}
