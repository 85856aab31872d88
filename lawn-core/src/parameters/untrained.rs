//! Layers that have no trainable parameter, found by their other variables.

use std::collections::HashSet;
use std::ops::Range;

use crate::parameters::names::{Shapes, infer, is_scale, layer_of};
use crate::role::Role;

/// A normalization layer without trainable parameters, as its other variables show it.
#[derive(Debug)]
pub(crate) struct UntrainedLayer {
    /// Name of the layer.
    pub(crate) layer: String,
    /// Numbers of the parameters that it may stand before.
    pub(crate) places: Range<usize>,
}

/// The normalization layers that only variables which are not trained show, such as
/// running statistics; `names` are those of the trained ones, in order.
pub(crate) fn untrained_layers(names: &[&str], shapes: &Shapes) -> Vec<UntrainedLayer> {
    let trained: HashSet<&str> = names.iter().copied().collect();
    let told: HashSet<&str> = names.iter().map(|name| layer_of(name)).collect();
    let others = shapes.names().filter(|name| !trained.contains(name));
    let mut layers: Vec<&str> = others
        .filter(|name| {
            shapes.has_statistics(layer_of(name))
                || is_scale(name) && infer(name, shapes).0 == Role::Norm
        })
        .map(layer_of)
        .filter(|layer| !told.contains(layer) || shapes.is_crowded(layer))
        .collect();
    layers.sort_unstable();
    layers.dedup();
    let silent = layers.into_iter().map(|layer| UntrainedLayer {
        layer: if layer.is_empty() {
            "running_mean"
        } else {
            layer
        }
        .to_owned(),
        places: places(layer, names),
    });
    silent.collect()
}

/// Between which parameters a layer may stand, from its name: the parts of a module
/// stand together, and those with numbers in the order of these.
pub(super) fn places(layer: &str, names: &[&str]) -> Range<usize> {
    let mut range = 0..names.len();
    let mut module = String::new();
    for part in layer.split('.') {
        let inside = format!("{module}{part}.");
        let first = names.iter().position(|name| name.starts_with(&inside));
        let last = names.iter().rposition(|name| name.starts_with(&inside));
        if let Some((first, last)) = first.zip(last) {
            range = first..last + 1;
            module = inside;
            continue;
        }
        // Nothing in it is trained, but maybe something in its neighbours.
        let Some((stem, number)) = numbered(part) else {
            break;
        };
        let (mut start, mut end) = (range.start, range.end);
        for (at, name) in names.iter().enumerate() {
            let rest = name.strip_prefix(&module);
            let sibling = rest.and_then(|rest| numbered(rest.split('.').next()?));
            match sibling.filter(|(other, _)| *other == stem) {
                Some((_, before)) if before < number => start = start.max(at + 1),
                Some(_) => end = end.min(at),
                None => {}
            }
        }
        // Otherwise the numbers are not in the order of the layers.
        if start <= end {
            range = start..end;
        }
        break;
    }
    range
}

/// A name that ends in a number, and the number.
fn numbered(part: &str) -> Option<(&str, u64)> {
    let stem = part.trim_end_matches(|letter: char| letter.is_ascii_digit());
    Some((stem, part[stem.len()..].parse().ok()?))
}
