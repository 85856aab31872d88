//! Images drawn from smooth random textures, one a class.

use std::path::Path;

use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};
use serde::{Deserialize, Serialize};

use super::encode;
use super::image::CHANNELS;
use super::raw::RawImages;
use crate::data::dataset::GENERATED;
use crate::data::error::DataError;
use crate::random::{Purpose, below, stream, unit};
use crate::trial::{SettingsError, require};

/// Sizes of the generated images.
///
/// A class is a smooth random texture; an image is that texture moved, scaled
/// in contrast, mixed with one of another class, and covered with noise.
#[derive(Serialize, Deserialize, schemars::JsonSchema, Clone, Debug, PartialEq)]
#[serde(default, deny_unknown_fields)]
pub struct GeneratedImages {
    /// Number of classes.
    #[schemars(range(min = 2, max = 1000))]
    pub classes: u32,
    /// Height and width in pixels.
    #[schemars(range(min = 8, max = 512))]
    pub side: u32,
    /// Train images, validation included.
    #[schemars(range(min = 8, max = 1_000_000))]
    pub train: u32,
    /// Test images.
    #[schemars(range(min = 2, max = 1_000_000))]
    pub test: u32,
    /// Standard deviation of the noise, in parts of the full 0 to 255 range.
    #[schemars(range(min = 0))]
    pub noise: f64,
    /// Seeds the generator: part of the data set, not of the trial.
    pub seed: u64,
}

impl Default for GeneratedImages {
    fn default() -> Self {
        Self {
            classes: 8,
            side: 16,
            train: 2_000,
            test: 1_000,
            noise: 0.25,
            seed: 0,
        }
    }
}

impl GeneratedImages {
    /// Checks every value against what it allows.
    ///
    /// # Errors
    /// [`SettingsError`] names the setting, its value and what is allowed.
    pub fn validate(&self) -> Result<(), SettingsError> {
        require(
            (2..=1_000).contains(&self.classes),
            "generated.classes",
            self.classes,
            "2 to 1000",
        )?;
        require(
            (8..=512).contains(&self.side),
            "generated.side",
            self.side,
            "8 to 512",
        )?;
        for (name, value, least) in [
            ("generated.train", self.train, 4 * self.classes),
            ("generated.test", self.test, self.classes),
        ] {
            require(
                (least..=1_000_000).contains(&value),
                name,
                value,
                &format!("{least} to 1000000 with {} classes", self.classes),
            )?;
        }
        require(
            self.noise.is_finite() && self.noise >= 0.0,
            "generated.noise",
            self.noise,
            "a finite number ≥ 0",
        )
    }
}

impl GeneratedImages {
    fn count(&self, set: Set) -> u32 {
        match set {
            Set::Train => self.train,
            Set::Test => self.test,
        }
    }

    /// Makes sure that a set can be made in so many bytes of memory.
    ///
    /// # Errors
    /// [`DataError::Unusable`].
    pub(super) fn require_room(&self, set: Set, room: u64) -> Result<(), DataError> {
        let area = CHANNELS as u64 * u64::from(self.side).pow(2);
        let textures = u64::from(self.classes) * area * size_of::<f64>() as u64;
        let needed = u64::from(self.count(set)) * area + textures;
        if needed <= room {
            return Ok(());
        }
        let found = format!("sizes that take {needed} bytes");
        let expected = format!("up to the {room} bytes of memory that are left");
        Err(DataError::unusable(GENERATED.as_ref(), found, expected))
    }
}

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
pub(crate) fn draw(config: &GeneratedImages, set: Set) -> RawImages {
    let side = config.side as usize;
    let mut rng = stream(config.seed, Purpose::Generation, 0);
    let textures: Vec<Vec<f64>> = (0..config.classes)
        .map(|_| texture(side, &mut rng))
        .collect();
    let count = config.count(set);
    let part = match set {
        Set::Train => 1,
        Set::Test => 2,
    };
    let mut rng = stream(config.seed, Purpose::Generation, part);
    let mut images = RawImages {
        height: side,
        width: side,
        classes: (0..config.classes)
            .map(|class| format!("class{class:03}"))
            .collect(),
        labels: (0..count).map(|index| index % config.classes).collect(),
        bytes: Vec::new(),
    };
    let mut bytes = Vec::with_capacity(count as usize * side * side * CHANNELS);
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
                    bytes.push(value.round().clamp(0.0, 255.0) as u8);
                }
            }
        }
    }
    images.bytes = bytes;
    images
}

/// Writes generated images as `folder/SPLIT/CLASS/NUMBER.jpg`.
pub(crate) fn write(config: &GeneratedImages, folder: &Path) -> Result<(), DataError> {
    for (split, set) in [("train", Set::Train), ("test", Set::Test)] {
        let images = draw(config, set);
        for class in &images.classes {
            let folder = folder.join(split).join(class);
            std::fs::create_dir_all(&folder).map_err(DataError::write(&folder))?;
        }
        for (index, &label) in images.labels.iter().enumerate() {
            let class = &images.classes[label as usize];
            let file = format!("{index:06}.jpg");
            let path = folder.join(split).join(class).join(file);
            encode::write(&path, images.of(index), [images.height, images.width])?;
        }
    }
    Ok(())
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

#[cfg(test)]
mod tests {
    use super::*;

    /// A million images of 768 KiB.
    #[test]
    fn more_than_memory_holds_is_refused_with_what_it_takes() {
        let sizes = GeneratedImages {
            side: 512,
            train: 1_000_000,
            ..GeneratedImages::default()
        };
        sizes.validate().unwrap();
        let error = sizes
            .require_room(Set::Train, 1 << 34)
            .unwrap_err()
            .to_string();
        assert!(error.contains("sizes that take 786"), "{error}");
        sizes.require_room(Set::Test, 1 << 34).unwrap();
    }

    #[test]
    fn sets_are_balanced_deterministic_and_apart() {
        let config = GeneratedImages {
            classes: 4,
            side: 8,
            train: 40,
            test: 20,
            ..GeneratedImages::default()
        };
        let train = draw(&config, Set::Train);
        assert_eq!(train, draw(&config, Set::Train));
        assert_eq!(train.labels.len(), 40);
        assert_eq!(train.labels.iter().filter(|&&label| label == 3).count(), 10);
        let test = draw(&config, Set::Test);
        assert_eq!(test.of(19).len(), 8 * 8 * 3);
        assert_ne!(train.of(0), test.of(0));
    }
}
