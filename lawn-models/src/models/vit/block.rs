use lawn_core::Layer;
use rand_chacha::ChaCha8Rng;
use tch::Tensor;
use tch::nn::Path;

use super::config::{VitConfig, VitForm};
use super::names::{self, module};
use crate::models::layers::{Attention, Dropout, LayerNorm, Linear, Projections};
use crate::models::model::Mode;

/// Layers that drop something, each with numbers of its own, in every block.
const DROPOUTS: u64 = 6;

/// One block of the encoder.
///
/// ```text
/// x ← x + p(d(attention(norm₁(x))))
/// x ← x + p(d(W₂ d(gelu(W₁ norm₂(x) + b₁)) + b₂))       d: dropout, p: drop path
/// ```
#[derive(Debug)]
pub(super) struct Block {
    norm1: LayerNorm,
    attention: Attention,
    norm2: LayerNorm,
    first: Linear,
    second: Linear,
    gelu: &'static str,
    /// After the attention, after the GELU, after the perceptron.
    dropouts: [Dropout; 3],
    /// Of either branch.
    paths: [Dropout; 2],
}

impl Block {
    /// Makes the variables of the block number `place` of a net under `root`.
    pub(super) fn new(
        root: &Path,
        config: &VitConfig,
        place: i64,
        seed: u64,
        rng: &mut ChaCha8Rng,
    ) -> Self {
        let path = module(root, &config.form.block(place));
        let names = config.form.block_names();
        let (width, hidden) = (config.width, config.hidden);
        // The first numbers are for what comes before the blocks.
        let number = |layer: u64| (place as u64 + 1) * DROPOUTS + layer;
        let depth = place as f64 / (config.depth - 1).max(1) as f64;
        let norm1 = LayerNorm::new(&module(&path, names.norm1), width);
        let initial = config.initial_projections();
        let projections = match names.projections {
            names::Projections::Fused(layer, names) => {
                let sizes = [width, 3 * width];
                let path = module(&path, layer);
                Projections::Fused(Linear::named(&path, names, sizes, initial, rng))
            }
            names::Projections::Separate(layers) => {
                let sizes = [width, width];
                let one = |layer| Linear::drawn(&module(&path, layer), sizes, initial, rng);
                Projections::Separate(layers.map(one))
            }
        };
        let initial = config.initial_output();
        let attention = Attention {
            projections,
            output: Linear::drawn(&module(&path, names.output), [width, width], initial, rng),
            heads: config.heads,
            dropout: Dropout::of_elements(config.attention_dropout, seed, number(0)),
        };
        let norm2 = LayerNorm::new(&module(&path, names.norm2), width);
        let initial = config.initial_perceptron();
        let dropout = |layer| Dropout::of_elements(config.dropout, seed, number(layer));
        let drop_path = |layer| Dropout::of_samples(depth * config.drop_path, seed, number(layer));
        Self {
            norm1,
            attention,
            norm2,
            first: Linear::drawn(&module(&path, names.first), [width, hidden], initial, rng),
            second: Linear::drawn(&module(&path, names.second), [hidden, width], initial, rng),
            gelu: match config.form {
                VitForm::AlgoPerf => "tanh",
                VitForm::Timm | VitForm::Torchvision => "none",
            },
            dropouts: [1, 2, 3].map(dropout),
            paths: [4, 5].map(drop_path),
        }
    }

    /// `[N, tokens, width]` to the same.
    pub(super) fn forward(&self, x: &Tensor, mode: Mode) -> Tensor {
        let [after_attention, after_gelu, after_perceptron] = self.dropouts;
        let [first_path, second_path] = self.paths;
        let y = self.attention.forward(&self.norm1.forward(x), mode);
        let x = x + first_path.forward(&after_attention.forward(&y, mode), mode);
        let y = self.first.forward(&self.norm2.forward(&x)).gelu(self.gelu);
        let y = self.second.forward(&after_gelu.forward(&y, mode));
        x + second_path.forward(&after_perceptron.forward(&y, mode), mode)
    }

    pub(super) fn layers(&self) -> Vec<Layer> {
        let [projections, output] = self.attention.layers();
        vec![
            self.norm1.layer(),
            projections,
            output,
            self.norm2.layer(),
            // The GELU comes between the two.
            Layer::other(self.first.names()),
            self.second.layer(),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::{Purpose, stream};
    use tch::nn::VarStore;
    use tch::{Device, Kind};

    /// Huang et al. 2016, equation 4: none in the first block, all of the rate in the last.
    #[test]
    fn a_block_is_dropped_the_more_the_deeper_it_lies() {
        let config = VitConfig {
            depth: 5,
            width: 4,
            heads: 1,
            hidden: 4,
            drop_path: 0.4,
            ..VitConfig::small(10)
        };
        let store = VarStore::new(Device::Cpu);
        let mut rng = stream(0, Purpose::Weights, 0);
        let made = (0..5).map(|place| Block::new(&store.root(), &config, place, 3, &mut rng));
        let blocks: Vec<Block> = made.collect();
        for (block, expected) in blocks.iter().zip([0.0, 0.1, 0.2, 0.3, 0.4]) {
            for path in block.paths {
                assert!((path.rate() - expected).abs() < 1e-12, "{block:?}");
            }
        }

        // A sample of which both branches are dropped passes as it is, and so does none in
        // evaluation.
        let x = Tensor::randn([400, 2, 4], (Kind::Float, Device::Cpu));
        let same = |mode| {
            let moved = (blocks[4].forward(&x, mode) - &x).abs();
            let moved = moved.amax([1, 2].as_slice(), false);
            moved.eq(0.0).sum(Kind::Int64).int64_value(&[])
        };
        let passed = same(Mode::Train { first: 0 });
        // 0.16 of 400, within five standard errors.
        assert!((28..=100).contains(&passed), "{passed}");
        assert_eq!(same(Mode::Evaluate), 0);
    }
}
