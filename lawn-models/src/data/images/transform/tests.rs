use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::crop;
use super::resize::resized;
use super::*;
use crate::data::images::decode::decode_image;
use crate::data::images::image::{Image, Region};
use crate::data::images::numbers::Numbers;
use crate::data::images::picture::Picture;
use crate::data::images::test_picture::picture;

/// What torchvision and PIL do; `goldens/transforms.py` writes it.
fn goldens() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("goldens/transforms")
}

#[derive(Deserialize)]
struct Golden {
    random: Vec<Random>,
    resized: Vec<Resized>,
    centres: Vec<Centre>,
}

#[derive(Deserialize)]
struct Random {
    size: [usize; 2],
    smallest: f64,
    drawn: Vec<(String, f64)>,
    part: [usize; 4],
}

#[derive(Deserialize)]
struct Resized {
    size: [usize; 2],
    side: usize,
    resized: [usize; 2],
}

#[derive(Deserialize)]
struct Centre {
    size: [usize; 2],
    side: usize,
    start: [usize; 2],
}

fn golden() -> Golden {
    let text = std::fs::read_to_string(goldens().join("boxes.json")).unwrap();
    serde_json::from_str(&text).unwrap()
}

/// Numbers that torch drew.
struct Told<'a>(std::slice::Iter<'a, (String, f64)>);

impl Told<'_> {
    fn next(&mut self, kind: &str) -> f64 {
        let (told, number) = self.0.next().expect("torch drew as many");
        assert_eq!(told, kind);
        *number
    }
}

impl Numbers for Told<'_> {
    fn unit(&mut self) -> f32 {
        self.next("unit") as f32
    }

    fn below(&mut self, bound: usize) -> usize {
        let number = self.next("below") as usize;
        assert!(number < bound);
        number
    }
}

#[test]
fn random_parts_are_those_of_torchvision_for_the_same_numbers() {
    let random = golden().random;
    assert!(random.len() > 100);
    for case in random {
        let mut told = Told(case.drawn.iter());
        let part = crop::random(case.size, case.smallest, &mut told);
        let found = [part.top, part.left, part.height, part.width];
        assert_eq!(found, case.part, "{:?}", case.size);
        assert!(told.0.next().is_none(), "torch drew more");
    }
}

#[test]
fn sizes_and_middles_are_those_of_torchvision() {
    let golden = golden();
    for case in golden.resized {
        assert_eq!(
            crop::resized(case.size, case.side),
            case.resized,
            "{:?}",
            case.size
        );
    }
    for case in golden.centres {
        let part = crop::centre(case.size, case.side);
        assert_eq!([part.top, part.left], case.start, "{:?}", case.size);
        assert_eq!([part.height, part.width], [case.side; 2]);
    }
}

#[test]
fn resizing_is_that_of_pil_bit_by_bit() {
    let mut cases = [0; 2];
    for entry in std::fs::read_dir(goldens()).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        if path.extension().is_none_or(|end| end != "png") {
            continue;
        }
        let parts: Vec<&str> = name.split(['-', 'x']).collect();
        let (interpolation, parts) = match &parts[..] {
            ["bicubic", rest @ ..] => (Interpolation::Bicubic, rest),
            rest => (Interpolation::Bilinear, rest),
        };
        let [kind, sides @ ..] = parts else {
            panic!("{name}");
        };
        let sides: Vec<usize> = sides.iter().map(|side| side.parse().unwrap()).collect();
        let image = picture(kind, [sides[0], sides[1]]);
        let to = [sides[2], sides[3]];
        let expected = decode_image(&std::fs::read(&path).unwrap(), false).unwrap();
        let whole = resized(&image, to, Region::whole(to), interpolation);
        assert!(whole == expected, "{name}");
        let window = Region {
            left: to[1] / 3,
            top: to[0] / 4,
            width: to[1] / 2,
            height: to[0] / 2,
        };
        let part = resized(&image, to, window, interpolation);
        assert!(part == expected.cut(window), "{name}: {window:?}");
        cases[usize::from(interpolation == Interpolation::Bicubic)] += 1;
    }
    assert_eq!(cases, [8, 8]);
}

/// A view, and whether it is still to be turned.
fn random(transform: Transform, picture: &Picture<'_>, key: [u64; 3]) -> (Image, bool) {
    let mut scratch = Scratch::default();
    let flip = transform.random(picture, key, &mut scratch).unwrap();
    (scratch.shown, flip)
}

fn transform() -> Transform {
    Transform::new(&TransformConfig {
        size: 24,
        ..TransformConfig::default()
    })
}

#[test]
fn a_view_depends_on_seed_epoch_and_number_alone() {
    let image = picture("noise", [50, 70]);
    let raw = Picture::Raw([50, 70], &image.bytes);
    let view = |key| random(transform(), &raw, key).0;
    let one = view([1, 2, 3]);
    assert_eq!((one.height, one.width), (24, 24));
    assert!(one == view([1, 2, 3]));
    for other in [[0, 2, 3], [1, 0, 3], [1, 2, 0]] {
        assert!(one != view(other), "{other:?}");
    }
}

#[test]
fn half_of_the_views_are_turned() {
    let image = picture("waves", [40, 40]);
    let raw = Picture::Raw([40, 40], &image.bytes);
    let whole = Transform::new(&TransformConfig {
        size: 40,
        smallest_crop: 1.0,
        ..TransformConfig::default()
    });
    let turned = (0..400).filter(|&index| {
        let (_, is_turned) = random(whole, &raw, [0, 1, index]);
        is_turned
    });
    let turned = turned.count();
    assert!((160..240).contains(&turned), "{turned}");
}

#[test]
fn evaluation_shows_the_middle() {
    let image = picture("waves", [27, 40]);
    let raw = Picture::Raw([27, 40], &image.bytes);
    let mut scratch = Scratch::default();
    transform().plain(&raw, &mut scratch).unwrap();
    let shown = scratch.shown;
    let region = Region {
        left: 8,
        top: 2,
        width: 24,
        height: 24,
    };
    assert_eq!(shown, image.cut(region), "the shorter side is 27 already");
}

#[test]
fn values_that_are_not_allowed_are_refused() {
    for (config, setting) in [
        (
            TransformConfig {
                size: 4,
                ..TransformConfig::default()
            },
            "transform.size",
        ),
        (
            TransformConfig {
                resize: Some(200),
                ..TransformConfig::default()
            },
            "transform.resize",
        ),
        (
            TransformConfig {
                smallest_crop: 0.0,
                ..TransformConfig::default()
            },
            "transform.smallest_crop",
        ),
    ] {
        assert_eq!(config.validate().unwrap_err().setting(), setting);
    }
    let mut default = TransformConfig::default();
    default.validate().unwrap();
    default.resolve();
    assert_eq!(default.resize, Some(256));
}
