//! How far apart the colours are for eyes that lack one kind of cone.

use plotters::style::RGBColor;

use super::palette::{COLOURS, look, luminance, part_of_light};

/// What linear RGB becomes for an eye without one kind of cone.
///
/// Source: Machado, Oliveira and Fernandes 2009, *A Physiologically-based Model for Simulation of
/// Color Vision Deficiency*, IEEE TVCG 15(6), the published matrices of severity 1.0.
const DEFICIENCIES: [(&str, [[f64; 3]; 3]); 4] = [
    (
        "full sight",
        [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]],
    ),
    (
        "protanopia",
        [
            [0.152286, 1.052583, -0.204868],
            [0.114503, 0.786281, 0.099216],
            [-0.003882, -0.048116, 1.051998],
        ],
    ),
    (
        "deuteranopia",
        [
            [0.367322, 0.860646, -0.227968],
            [0.280085, 0.672501, 0.047413],
            [-0.011820, 0.042940, 0.968881],
        ],
    ),
    (
        "tritanopia",
        [
            [1.255528, -0.076749, -0.178779],
            [-0.078411, 0.930809, 0.147602],
            [0.004733, 0.691367, 0.303900],
        ],
    ),
];

/// Linear sRGB to XYZ under D65, and its white.
const XYZ: [[f64; 3]; 3] = [
    [0.4124564, 0.3575761, 0.1804375],
    [0.2126729, 0.7151522, 0.0721750],
    [0.0193339, 0.1191920, 0.9503041],
];
const WHITE: [f64; 3] = [0.95047, 1.0, 1.08883];

fn times(matrix: &[[f64; 3]; 3], vector: [f64; 3]) -> [f64; 3] {
    matrix.map(|row| (0..3).map(|i| row[i] * vector[i]).sum())
}

/// CIELAB of a colour as such an eye sees it.
fn lab(colour: RGBColor, deficiency: &[[f64; 3]; 3]) -> [f64; 3] {
    let light = [colour.0, colour.1, colour.2].map(part_of_light);
    let seen = times(deficiency, light).map(|part| part.clamp(0.0, 1.0));
    let xyz = times(&XYZ, seen);
    let f: [f64; 3] = std::array::from_fn(|i| {
        let (t, edge) = (xyz[i] / WHITE[i], 6.0_f64 / 29.0);
        if t > edge.powi(3) {
            t.cbrt()
        } else {
            t / (3.0 * edge * edge) + 4.0 / 29.0
        }
    });
    [
        116.0 * f[1] - 16.0,
        500.0 * (f[0] - f[1]),
        200.0 * (f[1] - f[2]),
    ]
}

/// CIEDE2000, the distance of two colours. A distance of 1 is just visible side by side.
///
/// Source: Sharma, Wu and Dalal 2005, *The CIEDE2000 Color-Difference Formula*, equations 2 to 22.
fn distance(one: [f64; 3], other: [f64; 3]) -> f64 {
    let far = |c: f64| (c.powi(7) / (c.powi(7) + 25.0_f64.powi(7))).sqrt();
    let mean_chroma = (one[1].hypot(one[2]) + other[1].hypot(other[2])) / 2.0;
    let stretch = 1.0 + 0.5 * (1.0 - far(mean_chroma));
    let polar = |lab: [f64; 3]| {
        let a = stretch * lab[1];
        (
            a.hypot(lab[2]),
            lab[2].atan2(a).to_degrees().rem_euclid(360.0),
        )
    };
    let ((c1, h1), (c2, h2)) = (polar(one), polar(other));
    let grey = c1 * c2 == 0.0;
    let turn = if grey {
        0.0
    } else {
        (h2 - h1 + 180.0).rem_euclid(360.0) - 180.0
    };
    let hue = if grey { h1 + h2 } else { h1 + turn / 2.0 };
    let of = |factor: f64, plus: f64| (factor * hue + plus).to_radians().cos();
    let t = 1.0 - 0.17 * of(1.0, -30.0) + 0.24 * of(2.0, 0.0) + 0.32 * of(3.0, 6.0)
        - 0.20 * of(4.0, -63.0);
    let (l, c) = ((one[0] + other[0]) / 2.0, (c1 + c2) / 2.0);
    let lightness = (other[0] - one[0])
        / (1.0 + 0.015 * (l - 50.0).powi(2) / (20.0 + (l - 50.0).powi(2)).sqrt());
    let chroma = (c2 - c1) / (1.0 + 0.045 * c);
    let hues = 2.0 * (c1 * c2).sqrt() * (turn / 2.0).to_radians().sin() / (1.0 + 0.015 * c * t);
    let blue = (hue.rem_euclid(360.0) - 275.0) / 25.0;
    let rotation = -2.0 * far(c) * (60.0 * (-blue * blue).exp()).to_radians().sin();
    (lightness * lightness + chroma * chroma + hues * hues + rotation * chroma * hues).sqrt()
}

/// The two colours of a palette that are nearest to each other for an eye, and their distance.
fn nearest(colours: &[RGBColor], deficiency: &[[f64; 3]; 3]) -> (f64, usize, usize) {
    let seen: Vec<[f64; 3]> = colours.iter().map(|c| lab(*c, deficiency)).collect();
    let pairs = (0..seen.len()).flat_map(|i| (0..i).map(move |j| (i, j)));
    let apart = pairs.map(|(i, j)| (distance(seen[i], seen[j]), i, j));
    apart
        .min_by(|a, b| a.0.total_cmp(&b.0))
        .expect("a palette has two colours")
}

/// The colours of series on a dark page.
fn dark() -> Vec<RGBColor> {
    let css = include_str!("../report/page.css");
    let (_, dark) = css.split_once("prefers-color-scheme: dark").unwrap();
    (0..COLOURS.len())
        .map(|index| {
            let (_, rest) = dark.split_once(&format!("--series-{index}: #")).unwrap();
            let part = |at: usize| u8::from_str_radix(&rest[at..at + 2], 16).unwrap();
            RGBColor(part(0), part(2), part(4))
        })
        .collect()
}

#[test]
fn distances_are_those_of_the_published_test_data() {
    // Sharma et al., table 1: pairs 1, 7, 15, 17 and 33.
    for (one, other, expected) in [
        ([50.0, 2.6772, -79.7751], [50.0, 0.0, -82.7485], 2.0425),
        ([50.0, 0.0, 0.0], [50.0, -1.0, 2.0], 2.3669),
        ([50.0, 2.5, 0.0], [50.0, 0.0, -2.5], 4.3065),
        ([50.0, 2.5, 0.0], [73.0, 25.0, -18.0], 27.1492),
        (
            [6.7747, -0.2908, -2.4247],
            [5.8714, -0.0985, -2.2286],
            0.6377,
        ),
    ] {
        let found = distance(one, other);
        assert!((found - expected).abs() < 1e-4, "{one:?}: {found}");
        assert!((distance(other, one) - found).abs() < 1e-9);
    }
}

#[test]
fn matrices_keep_grey_grey() {
    for (name, matrix) in DEFICIENCIES {
        for part in times(&matrix, [1.0; 3]) {
            assert!((part - 1.0).abs() < 2e-6, "{name}: {part}");
        }
    }
}

#[test]
fn colours_stay_apart_for_eyes_that_lack_a_kind_of_cone() {
    // The floor is ten on paper, where drawings are read, and eight on a dark page.
    for (palette, floor) in [(COLOURS.to_vec(), 10.0), (dark(), 8.0)] {
        for (name, matrix) in DEFICIENCIES {
            let (apart, i, j) = nearest(&palette, &matrix);
            assert!(apart >= floor, "{name}: {i} and {j} are {apart:.1} apart");
        }
    }
    // The test can fail: red and green of equal lightness look alike without a cone.
    let red_green = [RGBColor(0xc8, 0x4b, 0x31), RGBColor(0x6b, 0x7a, 0x2f)];
    assert!(nearest(&red_green, &DEFICIENCIES[0].1).0 > 40.0);
    assert!(nearest(&red_green, &DEFICIENCIES[2].1).0 < 20.0);
}

#[test]
fn series_stay_apart_where_a_print_has_no_colour() {
    for index in 0..40 {
        let (one, next) = (look(index), look(index + 1));
        assert_ne!(one.dash, next.dash, "{index}");
        assert_ne!(one.marker, next.marker, "{index}");
        // Dash and marker together meet again only after twenty.
        for other in (index + 1..index + 20).map(look) {
            assert!(
                (one.dash, one.marker) != (other.dash, other.marker),
                "{index}"
            );
        }
    }
    for pair in COLOURS.chunks(2) {
        let lightness = pair.iter().map(|c| luminance(*c));
        let (low, high) = lightness.fold((1.0_f64, 0.0_f64), |(l, h), y| (l.min(y), h.max(y)));
        assert!((high + 0.05) / (low + 0.05) >= 1.2, "{pair:?}");
    }
}
