//! A bounded run of what the fuzzer does without bound: the state reader on

//! bytes that are almost right. The same bytes every time.

use std::path::Path;

use crate::common::state_reader::{check, optimizer};
use crate::common::{Numbers, set_gradients};
use lawn_core::{Error, State};
use tch::{Device, Kind, Tensor};

/// What a header is made of, and what it should not be made of.
const TOKENS: [&str; 24] = [
    "0",
    "-1",
    "1e9",
    "4294967296",
    "9223372036854775807",
    "9223372036854775808",
    "18446744073709551615",
    "[0,18446744073709551615]",
    "[9223372036854775808,0]",
    "[]",
    "{}",
    "null",
    "\"\"",
    "F64",
    "F16",
    "F8_E4M3",
    "I64",
    "BOOL",
    "U64",
    "__metadata__",
    "checksum:",
    "\"shape\":",
    "\"data_offsets\":[0,0]",
    "\u{e9}",
];

/// States as an optimizer writes them, before and after the freeze, and the
/// files that the fuzzer once stumbled over.
fn seeds() -> Vec<Vec<u8>> {
    let (mut optimizer, weight) = optimizer();
    let mut seeds = vec![optimizer.state().to_bytes().unwrap()];
    for _ in 0..3 {
        let weights = [weight.shallow_clone()];
        set_gradients(
            &mut optimizer,
            &weights,
            &[Some(weight.detach().zeros_like())],
        );
        optimizer.step().unwrap();
        seeds.push(optimizer.state().to_bytes().unwrap());
    }
    // Without checksums a change is not noticed at once.
    let mut state = State::default();
    for (name, kind) in [
        ("w", Kind::Float),
        ("half", Kind::Half),
        ("count", Kind::Int64),
    ] {
        let tensor = Tensor::ones([2, 3], (kind, Device::Cpu));
        state.tensors.insert(name.into(), tensor);
    }
    let text = state.to_bytes().unwrap();
    let header = u64::from_le_bytes(text[..8].try_into().unwrap()) as usize;
    let json: serde_json::Value = serde_json::from_slice(&text[8..8 + header]).unwrap();
    let mut entries = json.as_object().unwrap().clone();
    entries.remove("__metadata__");
    let json = serde_json::to_vec(&entries).unwrap();
    let mut plain = (json.len() as u64).to_le_bytes().to_vec();
    plain.extend(&json);
    plain.extend(&text[8 + header..]);
    assert!(State::from_bytes(&plain, Device::Cpu).is_ok());
    seeds.push(plain);
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/seeds/state");
    let mut paths: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    paths.sort();
    seeds.extend(paths.iter().map(|path| std::fs::read(path).unwrap()));
    seeds
}

/// One change: bits, bytes, a cut, a repetition, or a token in a number's place.
/// The length of the header is made to fit again where a token moved it.
fn change(bytes: &mut Vec<u8>, numbers: &mut Numbers) {
    let mut below = |n: usize| ((numbers.next() + 1.0) / 2.0 * n as f64) as usize;
    if bytes.len() < 16 {
        return;
    }
    let at = below(bytes.len());
    match below(5) {
        0 => bytes[at] ^= 1 << below(8),
        1 => bytes[at] = below(256) as u8,
        2 => bytes.truncate(at),
        3 => {
            let end = (at + below(20)).min(bytes.len());
            let again = bytes[at..end].to_vec();
            bytes.splice(at..at, again);
        }
        _ => {
            let header = u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
            let end = header.saturating_add(8).min(bytes.len());
            let digits: Vec<usize> = (8..end).filter(|&i| bytes[i].is_ascii_digit()).collect();
            let Some(&start) = digits.get(below(digits.len().max(1))) else {
                return;
            };
            let number = bytes[start..end].iter().take_while(|b| b.is_ascii_digit());
            let stop = start + number.count();
            let token = TOKENS[below(TOKENS.len())].bytes();
            let grown = token.len() as i64 - (stop - start) as i64;
            bytes.splice(start..stop, token);
            let header = (header as i64).saturating_add(grown) as u64;
            bytes[..8].copy_from_slice(&header.to_le_bytes());
        }
    }
}

#[test]
fn the_reader_answers_whatever_the_bytes() {
    let mut numbers = Numbers(17);
    for seed in seeds() {
        check(&seed);
        for _ in 0..10_000 {
            let mut bytes = seed.clone();
            for _ in 0..1 + (numbers.next().abs() * 3.0) as usize {
                change(&mut bytes, &mut numbers);
            }
            check(&bytes);
        }
    }
}

#[test]
fn a_length_that_libtorch_cannot_have_is_named() {
    let path =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/seeds/state/empty-of-impossible-length");
    let bytes = std::fs::read(path).unwrap();
    let error = State::from_bytes(&bytes, Device::Cpu).unwrap_err();
    assert!(matches!(error, Error::EntryValue { entry, .. } if entry == "w"));
}
