use std::path::{Path, PathBuf};

use jpeg_encoder::{ColorType, Encoder, SamplingFactor};

use super::*;
use crate::data::images::image::CHANNELS;
use crate::data::images::test_picture::picture;

/// Files of each kind, and what PIL makes of them; `goldens/images.py` writes them.
fn goldens() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("goldens/images")
}

fn golden(name: &str) -> Vec<u8> {
    std::fs::read(goldens().join(name)).unwrap()
}

/// Names of the files that PIL reads, in order.
fn names(ends: &[&str]) -> Vec<String> {
    let names = std::fs::read_dir(goldens()).unwrap();
    let names = names.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let wanted =
        |name: &String| !name.contains(".expected.") && ends.iter().any(|end| name.ends_with(end));
    let mut names: Vec<String> = names.filter(wanted).collect();
    names.sort();
    assert!(names.len() > 2);
    names
}

fn decode(bytes: &[u8]) -> Result<Image, Fault> {
    Encoded::open(bytes, false)?.decode()
}

fn said(bytes: &[u8]) -> String {
    decode(bytes).expect_err("it is refused").to_string()
}

/// The largest difference of two images, in grey levels.
fn difference(one: &Image, other: &Image) -> u8 {
    assert_eq!((one.height, one.width), (other.height, other.width));
    let pairs = one.bytes.iter().zip(&other.bytes);
    pairs
        .map(|(one, other)| one.abs_diff(*other))
        .max()
        .unwrap()
}

#[test]
fn each_kind_of_file_becomes_what_pil_makes_of_it() {
    for name in names(&[".jpg", ".png", ".webp"]) {
        let found = decode(&golden(&name)).unwrap();
        let expected = decode(&golden(&format!("{name}.expected.png"))).unwrap();
        let least = if name == "lossy.webp" { 1 } else { 0 };
        let difference = difference(&found, &expected);
        assert!(difference <= least, "{name}: {difference} grey levels");
    }
}

/// Chroma is interpolated over the edges of a part too.
#[test]
fn a_part_has_the_pixels_of_the_whole() {
    for name in names(&[".jpg", ".png", ".webp"]) {
        let bytes = golden(&name);
        let file = Encoded::open(&bytes, false).unwrap();
        let whole = file.decode().unwrap();
        let [height, width] = file.size();
        for (left, top) in [(0, 0), (1, 1), (9, 7), (16, 16), (28, 20)] {
            for (right, bottom) in [(29, 21), (17, 17), (10, 8), (3, 20), (1, 1)] {
                if left < right && top < bottom {
                    let region = Region {
                        left,
                        top,
                        width: right.min(width) - left,
                        height: bottom.min(height) - top,
                    };
                    assert_eq!(
                        file.part(region, 8, &mut Vec::new()).unwrap().to_image(),
                        whole.cut(region),
                        "{name}: {region:?}"
                    );
                }
            }
        }
    }
}

/// So wide and high that what is left and right of a part is not decoded.
#[test]
fn a_part_of_a_larger_image_has_the_pixels_of_the_whole() {
    let (height, width) = (150, 230);
    let image = picture("noise", [height, width]);
    for sampling in [
        SamplingFactor::F_1_1,
        SamplingFactor::F_2_1,
        SamplingFactor::F_1_2,
        SamplingFactor::F_2_2,
        SamplingFactor::F_4_1,
        SamplingFactor::F_1_4,
    ] {
        for progressive in [false, true] {
            let mut bytes = Vec::new();
            let mut encoder = Encoder::new(&mut bytes, 80);
            encoder.set_sampling_factor(sampling);
            encoder.set_progressive(progressive);
            encoder
                .encode(&image.bytes, width as u16, height as u16, ColorType::Rgb)
                .unwrap();
            let file = Encoded::open(&bytes, false).unwrap();
            for eighths in [8, 4, 2, 1] {
                let sides = [height, width].map(|side| (side * eighths).div_ceil(8));
                let mut memory = Vec::new();
                let all = Region::whole(sides);
                let whole = file.part(all, eighths as u32, &mut memory).unwrap();
                let whole = whole.to_image();
                if eighths == 8 {
                    assert!(whole == file.decode().unwrap());
                }
                for (left, top) in [(0, 0), (7, 3), (33, 17), (64, 48), (100, 100), (131, 77)] {
                    for (right, bottom) in [(230, 150), (229, 149), (160, 120), (101, 101)] {
                        let [left, right, top, bottom] = [left, right, top, bottom]
                            .map(|place: usize| (place * eighths).div_ceil(8));
                        if left >= right || top >= bottom {
                            continue;
                        }
                        let region = Region {
                            left,
                            top,
                            width: right - left,
                            height: bottom - top,
                        };
                        let part = file.part(region, eighths as u32, &mut memory).unwrap();
                        assert!(
                            part.to_image() == whole.cut(region),
                            "{sampling:?}, progressive {progressive}, {eighths}/8: {region:?}"
                        );
                    }
                }
            }
        }
    }
}

#[test]
fn a_file_that_ends_early_is_refused_wherever_it_ends() {
    for name in names(&[".jpg", ".png", ".webp"]) {
        let bytes = golden(&name);
        for end in 0..bytes.len() {
            assert!(
                decode(&bytes[..end]).is_err(),
                "{name} cut at {end} is read"
            );
        }
    }
    let bytes = golden("baseline-420.jpg");
    let said = said(&bytes[..800]);
    assert!(said.contains("at byte 800"), "{said}");
}

/// What is wrong with a PNG is said in words, with the byte.
#[test]
fn damage_of_a_png_is_told_without_names_of_types() {
    let whole = golden("alpha.png");
    let start = |name: &[u8]| whole.windows(4).position(|four| four == name).unwrap();
    let data = start(b"IDAT");
    let mut checksum = whole.clone();
    let end = start(b"IEND");
    checksum[end - 5] ^= 1;
    let mut header = whole.clone();
    header[start(b"IHDR") + 4 + 9] = 77;
    let mut stream = whole.clone();
    // The checksum of its chunk is that of the damaged bytes.
    stream[data + 4] ^= 0xFF;
    let sum = crc32(&stream[data..end - 8]);
    stream[end - 8..end - 4].copy_from_slice(&sum.to_be_bytes());
    for (bytes, expected) in [
        (checksum, "chunk IDAT is damaged: its checksum is another"),
        (header, "chunk IHDR is damaged"),
        (stream, "compressed pixels are damaged"),
        (whole[..data + 9].to_vec(), "the file is cut"),
    ] {
        let said = said(&bytes);
        assert!(said.contains(expected), "{expected:?} is not in: {said}");
        assert!(said.contains(", at byte "), "{said}");
        assert!(!said.contains(['{', '}', '(']), "{said}");
    }
}

/// As PNG files have it.
fn crc32(bytes: &[u8]) -> u32 {
    let step = |sum: u32, _| (sum >> 1) ^ (0xEDB8_8320 & (sum & 1).wrapping_neg());
    !bytes
        .iter()
        .fold(!0, |sum, &byte| (0..8).fold(sum ^ u32::from(byte), step))
}

/// 256 × 192 pixels of waves and noise.
fn photograph() -> Vec<u8> {
    let (height, width) = (192usize, 256usize);
    let mut state = 1u32;
    let mut pixels = Vec::with_capacity(height * width * CHANNELS);
    for place in 0..height * width {
        let (y, x) = ((place / width) as f64, (place % width) as f64);
        for channel in 0..CHANNELS {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let wave = 60.0 * (x / (9.0 + channel as f64)).sin() + 50.0 * (y / 14.0).cos();
            pixels.push((128.0 + wave + f64::from(state >> 28)) as u8);
        }
    }
    let mut file = Vec::new();
    let encoder = jpeg_encoder::Encoder::new(&mut file, 85);
    let colour = jpeg_encoder::ColorType::Rgb;
    encoder
        .encode(&pixels, width as u16, height as u16, colour)
        .unwrap();
    file
}

/// Garbage that happens to mean as many blocks as were there cannot be told from an image by
/// any decoder. What leaves blocks over, or lacks some, is refused.
#[test]
fn garbage_inside_a_scan_is_refused() {
    let bytes = photograph();
    let scan = bytes
        .windows(2)
        .position(|two| two == [0xFF, 0xDA])
        .unwrap()
        + 14;
    let (mut refused, mut tried) = (0, 0);
    for at in (scan..bytes.len() - 100).step_by(bytes.len() / 100) {
        let mut broken = bytes.clone();
        let garbage = (0..64).map(|place| (at * 31 + place * 167) as u8);
        broken.splice(at..at + 64, garbage);
        refused += usize::from(decode(&broken).is_err());
        tried += 1;
        // A marker that does not belong there is always seen.
        let mut broken = bytes.clone();
        broken[at..at + 2].copy_from_slice(&[0xFF, 0xD9]);
        assert!(decode(&broken).is_err(), "an end in the scan at {at}");
    }
    assert!(3 * refused >= tried, "{refused} of {tried}");
}

/// The first header of a JPEG file with another byte in its place.
fn patched(name: &str, marker: u8, place: usize, value: u8) -> Vec<u8> {
    let mut bytes = golden(name);
    let at = bytes
        .windows(2)
        .position(|two| two == [0xFF, marker])
        .unwrap();
    bytes[at + place] = value;
    bytes
}

#[test]
fn what_is_not_read_is_refused_by_name() {
    // A frame and a scan of two components: the third is cut off.
    let mut two = golden("baseline-444.jpg");
    for (marker, count, end) in [(0xC0, 9, 16), (0xDA, 4, 9)] {
        let at = two
            .windows(2)
            .position(|two| two == [0xFF, marker])
            .unwrap();
        let length = if marker == 0xC0 { 3 } else { 2 };
        two[at + 3] -= length;
        two[at + count] = 2;
        two.drain(at + end..at + end + usize::from(length));
    }
    for (bytes, expected) in [
        (patched("baseline-444.jpg", 0xC0, 4, 12), "precision 12"),
        (patched("baseline-444.jpg", 0xC0, 1, 0xC3), "0xc3"),
        (two, "2 colour components"),
        (
            b"BM......".to_vec(),
            "a BMP file; JPEG, PNG and WebP are read",
        ),
        (b"GIF89a..".to_vec(), "a GIF file"),
        (b"\0\0\0\x20ftypavif".to_vec(), "AVIF"),
        (b"<html><body>404".to_vec(), "an HTML file"),
        (b"two words".to_vec(), "no image"),
        (Vec::new(), "an empty file"),
    ] {
        let said = said(&bytes);
        assert!(said.contains(expected), "{expected:?} is not in: {said}");
    }
}

#[test]
fn a_component_without_a_scan_is_missed() {
    let bytes = golden("non-interleaved.jpg");
    let scans: Vec<usize> = (0..bytes.len() - 1)
        .filter(|&at| bytes[at..at + 2] == [0xFF, 0xDA])
        .collect();
    assert_eq!(scans.len(), 3);
    let mut short = bytes[..scans[2]].to_vec();
    short.extend([0xFF, 0xD9]);
    let said = said(&short);
    assert!(said.contains("component 3 is in no scan"), "{said}");
}

#[test]
fn bytes_between_scan_and_end_are_padding_or_damage() {
    let bytes = golden("baseline-420.jpg");
    let with = |more: &[u8]| {
        let mut bytes = bytes[..bytes.len() - 2].to_vec();
        bytes.extend(more);
        bytes.extend([0xFF, 0xD9]);
        bytes
    };
    assert_eq!(decode(&with(&[0, 0, 0])), decode(&bytes));
    assert_eq!(decode(&with(&[0xFF, 0xFF])), decode(&bytes));
    assert!(decode(&with(&[1, 2, 3])).is_err());
    // What follows the end is none of it.
    assert_eq!(decode(&[&bytes[..], b"more"].concat()), decode(&bytes));
}

#[test]
fn the_orientation_of_exif_is_followed_where_that_is_asked_for() {
    let bytes = golden("turned.jpg");
    let stored = Encoded::open(&bytes, false).unwrap();
    let shown = Encoded::open(&bytes, true).unwrap();
    assert_eq!((stored.size(), shown.size()), ([21, 29], [29, 21]));
    let (stored, image) = (stored.decode().unwrap(), shown.decode().unwrap());
    // A quarter to the right: the lower left corner becomes the upper left one.
    assert_eq!(image.bytes[..3], stored.bytes[20 * 29 * 3..][..3]);
    let region = Region {
        left: 3,
        top: 5,
        width: 7,
        height: 11,
    };
    assert_eq!(
        shown.part(region, 8, &mut Vec::new()).unwrap().to_image(),
        image.cut(region)
    );
    // Eight turns, each undone by another.
    for (turn, back) in [
        (1, 1),
        (2, 2),
        (3, 3),
        (4, 4),
        (5, 5),
        (6, 8),
        (7, 7),
        (8, 6),
    ] {
        let there = exif::turned(stored.clone(), turn);
        assert_eq!(exif::turned(there, back), stored, "{turn}");
    }
}

#[test]
fn files_that_are_wrong_leave_no_memory_behind() {
    let resident = || {
        let pages = std::fs::read_to_string("/proc/self/statm").unwrap();
        let pages = pages.split(' ').nth(1).unwrap();
        pages.parse::<u64>().unwrap() * 4096
    };
    let files = ["baseline-420.jpg", "progressive.jpg", "arithmetic.jpg"].map(golden);
    let round = |count: usize| {
        for number in 0..count {
            let file = &files[number % files.len()];
            let end = 20 + number % (file.len() - 21);
            assert!(decode(&file[..end]).is_err());
        }
    };
    round(1_000);
    let before = resident();
    round(10_000);
    let more = resident().saturating_sub(before);
    // 10,000 decoders of 50 kB would be 500 MB.
    assert!(more < 16 << 20, "{more} bytes");
}

#[test]
fn a_picture_without_a_pixel_says_so() {
    let mut bytes = golden("rgb.png");
    bytes[16..20].fill(0);
    let said = said(&bytes);
    assert!(
        said.starts_with("it has 0 × ") && said.ends_with(" pixels"),
        "{said}"
    );
}
