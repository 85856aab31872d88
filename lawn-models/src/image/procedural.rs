//! Images drawn from smooth random textures, one a class.

use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};

use super::pixels::{CHANNELS, Images};
use crate::config::ProceduralConfig;
use crate::random::{Purpose, below, stream};

/// Waves that make up a texture.
const WAVES: usize = 6;

/// Part of the texture of another class in an image, at most: below a half, so
/// that the image's own class is the stronger one.
const MIXTURE: f64 = 0.4;

/// Which of the two sets to draw.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Set {
    Train,
    Test,
}

/// Draws a set of images, classes in turn.
///
/// ```text
/// t_k(x, y) = Σ_w a_w cos(2π (u_w x + v_w y) + φ_w)        for each class k and channel
/// pixel     = 128 + 255·(c·((1 − m)·t_k + m·t_j)(x + Δx, y + Δy) + noise·ε)
/// ```
/// with m uniform in [0, 0.4], contrast c in [0.1, 0.2], a random shift of whole
/// pixels within the image that wraps round, and ε ~ N(0, 1).
pub(crate) fn draw(config: &ProceduralConfig, set: Set) -> Images {
    let side = config.side as usize;
    let mut rng = stream(config.seed, Purpose::Synthesis, 0);
    let textures: Vec<Vec<f64>> = (0..config.classes)
        .map(|_| texture(side, &mut rng))
        .collect();
    let (count, part) = match set {
        Set::Train => (config.train, 1),
        Set::Test => (config.test, 2),
    };
    let mut rng = stream(config.seed, Purpose::Synthesis, part);
    let mut images = Images {
        height: side,
        width: side,
        classes: (0..config.classes)
            .map(|class| format!("class{class:03}"))
            .collect(),
        labels: (0..count).map(|index| index % config.classes).collect(),
        bytes: Vec::with_capacity(count as usize * side * side * CHANNELS),
    };
    for index in 0..count {
        let class = (index % config.classes) as usize;
        let others = config.classes as usize - 1;
        let other = (class + 1 + below(&mut rng, others)) % config.classes as usize;
        let mixture = MIXTURE * unit(&mut rng);
        let contrast = 0.1 + 0.1 * unit(&mut rng);
        let shift = [below(&mut rng, side), below(&mut rng, side)];
        for y in 0..side {
            for x in 0..side {
                let place = ((y + shift[0]) % side) * side + (x + shift[1]) % side;
                for channel in 0..CHANNELS {
                    let at = place * CHANNELS + channel;
                    let own = textures[class][at];
                    let blend = own + mixture * (textures[other][at] - own);
                    let noise: f64 = StandardNormal.sample(&mut rng);
                    let value = 128.0 + 255.0 * (contrast * blend + config.noise * noise);
                    images.bytes.push(value.round().clamp(0.0, 255.0) as u8);
                }
            }
        }
    }
    images
}

/// `[side, side, 3]` of unit variance. Whole frequencies make it wrap round.
fn texture(side: usize, rng: &mut ChaCha8Rng) -> Vec<f64> {
    let mut values = vec![0.0; side * side * CHANNELS];
    for _ in 0..WAVES {
        let mut frequency = || below(rng, 7) as f64 - 3.0;
        let (u, v) = (frequency(), frequency());
        let phase = std::f64::consts::TAU * unit(rng);
        let colour: [f64; CHANNELS] = std::array::from_fn(|_| StandardNormal.sample(rng));
        for (place, pixel) in values.chunks_exact_mut(CHANNELS).enumerate() {
            let (y, x) = ((place / side) as f64, (place % side) as f64);
            let turn = std::f64::consts::TAU * (u * x + v * y) / side as f64;
            let wave = (turn + phase).cos();
            pixel
                .iter_mut()
                .zip(colour)
                .for_each(|(value, weight)| *value += weight * wave);
        }
    }
    let power: f64 = values.iter().map(|value| value * value).sum();
    let scale = (values.len() as f64 / power.max(f64::MIN_POSITIVE)).sqrt();
    values.iter_mut().for_each(|value| *value *= scale);
    values
}

/// Uniform in [0, 1).
fn unit(rng: &mut ChaCha8Rng) -> f64 {
    below(rng, 1 << 53) as f64 / (1u64 << 53) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets_are_balanced_deterministic_and_apart() {
        let config = ProceduralConfig {
            classes: 4,
            side: 8,
            train: 40,
            test: 20,
            ..ProceduralConfig::default()
        };
        let train = draw(&config, Set::Train);
        assert_eq!(train, draw(&config, Set::Train));
        assert_eq!(train.len(), 40);
        assert_eq!(train.labels.iter().filter(|&&label| label == 3).count(), 10);
        let test = draw(&config, Set::Test);
        assert_eq!(test.bytes.len(), 20 * 8 * 8 * 3);
        assert_ne!(train.of(0), test.of(0));
    }
}
