use std::path::Path;

use serde::Deserialize;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::*;
use crate::data::images::test_picture::picture;

/// What torchvision and PIL do; `goldens/policies.py` writes it.
#[derive(Deserialize)]
struct Golden {
    operations: Vec<Applied>,
    policies: Vec<Drew>,
}

/// An operation with all of its magnitudes.
#[derive(Deserialize)]
struct Applied {
    policy: String,
    picture: (String, usize, usize),
    fill: u8,
    operation: String,
    magnitudes: Vec<f64>,
    sha256: String,
}

/// A policy with the numbers that torch drew.
#[derive(Deserialize)]
struct Drew {
    policy: Policy,
    picture: (String, usize, usize),
    drawn: Vec<usize>,
    sha256: String,
}

fn golden() -> Golden {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("goldens/transforms/policies.json");
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

fn hex(hasher: Sha256) -> String {
    let bytes = hasher.finalize();
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn operations_are_those_of_torchvision_bit_by_bit() {
    let operations = golden().operations;
    assert_eq!(operations.len(), 2 * 4 * Operation::ALL.len());
    for (number, case) in operations.iter().enumerate() {
        let operation = Operation::ALL[number % Operation::ALL.len()];
        assert_eq!(format!("{operation:?}"), case.operation);
        let space = match &case.policy[..] {
            "randaugment" => Space::NARROW,
            _ => Space::WIDE,
        };
        let (kind, height, width) = &case.picture;
        let image = picture(kind, [*height, *width]);
        let named = format!("{} of {}, {:?}", case.operation, case.policy, case.picture);
        if operation.has_magnitude() {
            assert_eq!(case.magnitudes.len(), Space::BINS, "{named}");
        }
        let mut hasher = Sha256::new();
        for (step, &told) in case.magnitudes.iter().enumerate() {
            let magnitude = space.magnitude(operation, step, [*height, *width]);
            assert_eq!(magnitude, told, "{named}, step {step}");
            let signs: &[f64] = if operation.is_signed() {
                &[1.0, -1.0]
            } else {
                &[1.0]
            };
            for sign in signs {
                let mut changed = image.clone();
                operation.apply(&mut changed, sign * magnitude, case.fill);
                hasher.update(&changed.bytes);
            }
        }
        assert_eq!(hex(hasher), case.sha256, "{named}");
    }
}

/// Numbers that torch drew.
struct Told<'a>(std::slice::Iter<'a, usize>);

impl Numbers for Told<'_> {
    fn unit(&mut self) -> f32 {
        panic!("no policy asks for it")
    }

    fn below(&mut self, bound: usize) -> usize {
        let number = *self.0.next().expect("torch drew as many");
        assert!(number < bound, "{number} of {bound}");
        number
    }
}

#[test]
fn policies_draw_as_torchvision_does() {
    let policies = golden().policies;
    assert_eq!(policies.len(), 120);
    for case in policies {
        let (kind, height, width) = &case.picture;
        let mut image = picture(kind, [*height, *width]);
        let mut told = Told(case.drawn.iter());
        case.policy.apply_by(&mut image, &mut told);
        assert!(told.0.next().is_none(), "torch drew more");
        let mut hasher = Sha256::new();
        hasher.update(&image.bytes);
        assert_eq!(
            hex(hasher),
            case.sha256,
            "{:?} by {:?}",
            case.policy,
            case.drawn
        );
    }
}

#[test]
fn what_a_policy_does_depends_on_seed_epoch_and_number_alone() {
    let policy = Policy::RandAugment {
        n: 3,
        m: 20,
        fill: 0,
    };
    let after = |key| {
        let mut image = picture("noise", [30, 20]);
        policy.apply(&mut image, key);
        image.bytes
    };
    assert_eq!(after([1, 2, 3]), after([1, 2, 3]));
    // One of them may happen to be the same.
    let others = [[0, 2, 3], [1, 0, 3], [1, 2, 0]].map(|key| after(key) != after([1, 2, 3]));
    assert_eq!(others, [true; 3]);
}

#[test]
fn a_policy_is_written_by_name_or_with_its_values() {
    let read = |value: Value| serde_json::from_value::<Augmentation>(value);
    let written = |value: Value| json!(read(value).unwrap());
    for same in [json!(true), json!(false)] {
        assert_eq!(written(same.clone()), same);
    }
    let whole = json!({ "policy": "randaugment", "n": 2, "m": 9, "fill": 0 });
    assert_eq!(written(json!("randaugment")), whole);
    assert_eq!(written(json!({ "policy": "randaugment", "m": 9 })), whole);
    let wide = json!({ "policy": "trivialaugment", "fill": 0 });
    assert_eq!(written(json!("trivialaugment")), wide);
    for wrong in [
        json!("autoaugment"),
        json!({ "policy": "randaugment", "k": 1 }),
        json!({ "policy": "trivialaugment", "fill": 256 }),
        json!(1),
    ] {
        let said = read(wrong.clone()).unwrap_err().to_string();
        assert!(
            said.contains("\"trivialaugment\", or a table"),
            "{wrong}: {said}"
        );
    }
    for (n, m, setting) in [
        (0, 9, "augment.n"),
        (15, 9, "augment.n"),
        (2, 31, "augment.m"),
    ] {
        let policy = Policy::RandAugment { n, m, fill: 0 };
        let refused = Augmentation::Policy(policy).validate().unwrap_err();
        assert_eq!(refused.setting(), setting);
    }
}
