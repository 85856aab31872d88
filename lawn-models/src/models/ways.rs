//! The layers of nets whose ways part and meet again.

use lawn_core::Layer;

/// Layers in forward order, each with those that it takes from, where that is not just the one before
/// it.
#[derive(Debug, Default)]
pub(super) struct Ways {
    layers: Vec<Layer>,
    /// A parameter of each layer that the next one takes from; none for the input.
    ends: Vec<String>,
}

impl Ways {
    /// Goes on with layers one after the other.
    pub(super) fn then(mut self, layers: impl IntoIterator<Item = Layer>) -> Self {
        self.ends = self.lay(layers);
        self
    }

    /// Parts into ways beside each other; one without a layer hands on what it is given.
    pub(super) fn part(mut self, ways: impl IntoIterator<Item = Vec<Layer>>) -> Self {
        let from = self.ends.clone();
        let mut ends = Vec::new();
        for way in ways {
            self.ends.clone_from(&from);
            ends.extend(self.lay(way));
        }
        self.ends = ends;
        self
    }

    /// All of them.
    pub(super) fn layers(self) -> Vec<Layer> {
        self.layers
    }

    /// Adds layers after the ends; answers where they end.
    fn lay(&mut self, layers: impl IntoIterator<Item = Layer>) -> Vec<String> {
        let mut ends = self.ends.clone();
        for (place, layer) in layers.into_iter().enumerate() {
            let before = self.layers.iter().rev().find_map(end);
            let follows = match (&ends[..], &before) {
                ([], None) => true,
                ([one], Some(before)) => one == before,
                _ => false,
            };
            let own = end(&layer);
            self.layers.push(match place == 0 && !follows {
                true => layer.after(ends.clone()),
                false => layer,
            });
            if let Some(own) = own {
                ends = vec![own];
            }
        }
        ends
    }
}

/// The parameter that a layer is known by, if it has one.
fn end(layer: &Layer) -> Option<String> {
    layer.parameters.first().cloned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ways_part_and_meet() {
        let of = |name: &str| Layer::homogeneous([name]);
        let none = [""; 0];
        let one_way = Ways::default().then([of("a"), of("b")]).then([of("c")]);
        assert_eq!(one_way.layers(), [of("a"), of("b"), of("c")]);
        let towers = Ways::default()
            .part([vec![of("a")], vec![of("b"), of("c")]])
            .then([of("d")]);
        assert_eq!(
            towers.layers(),
            [
                of("a"),
                of("b").after(none),
                of("c"),
                of("d").after(["a", "c"])
            ]
        );
        // As in a residual block, with a layer in its shortcut and without.
        let block = Ways::default()
            .then([of("a")])
            .part([vec![of("b"), of("c")], vec![of("d")]])
            .part([vec![of("e")], Vec::new()])
            .then([of("f")]);
        assert_eq!(
            block.layers(),
            [
                of("a"),
                of("b"),
                of("c"),
                of("d").after(["a"]),
                of("e").after(["c", "d"]),
                of("f").after(["e", "c", "d"]),
            ]
        );
    }
}
