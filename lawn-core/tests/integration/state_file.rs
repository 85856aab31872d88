//! The file of a state: whole, or refused by name.

use crate::common::trained::{optimizer, trained};
use lawn_core::{Error, State};
use proptest::prelude::*;
use tch::{Device, Kind, Tensor};

#[test]
fn a_file_gives_back_what_was_saved() {
    let (trained, _) = trained();
    let folder = std::env::temp_dir().join(format!("lawn-core-state-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let path = folder.join("state.safetensors");
    let state = trained.state();
    state.save(&path).unwrap();
    let loaded = State::load(&path, Device::Cpu).unwrap();
    assert_eq!(loaded.metadata, state.metadata);
    assert!(loaded.tensors.keys().eq(state.tensors.keys()));
    for (name, tensor) in &state.tensors {
        assert!(tensor.equal(&loaded.tensors[name]), "{name}");
        assert_eq!(tensor.kind(), loaded.tensors[name].kind(), "{name}");
    }
    let left: Vec<_> = std::fs::read_dir(&folder).unwrap().collect();
    assert_eq!(left.len(), 1, "the temporary file is left behind");
    std::fs::remove_dir_all(&folder).unwrap();
    assert!(matches!(State::load(&path, Device::Cpu), Err(Error::Io { path: p, .. }) if p == path));
}

#[test]
fn what_is_wrong_with_a_file_is_said_of_that_file() {
    let folder = std::env::temp_dir().join(format!("lawn-core-damage-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let path = folder.join("state.safetensors");
    let sound = trained().0.state().to_bytes().unwrap();
    let read = |bytes: &[u8]| {
        std::fs::write(&path, bytes).unwrap();
        let error = State::load(&path, Device::Cpu).unwrap_err();
        assert!(error.to_string().contains(path.to_str().unwrap()));
        let Error::StateFile {
            path: named,
            source,
        } = error
        else {
            panic!("{error}")
        };
        assert_eq!(named, path);
        *source
    };
    for length in [0, 7, 8, 100, sound.len() - 1] {
        assert!(
            matches!(read(&sound[..length]), Error::Format(_)),
            "{length}"
        );
    }
    let mut flipped = sound.clone();
    *flipped.last_mut().unwrap() ^= 1;
    assert!(matches!(read(&flipped), Error::Checksum { .. }));

    let mut state = State::default();
    let complex = Tensor::zeros([1], (Kind::ComplexFloat, Device::Cpu));
    state.tensors.insert("z".into(), complex);
    let error = state.save(&path).unwrap_err();
    let Error::StateFile {
        path: named,
        source,
    } = error
    else {
        panic!("{error}")
    };
    assert_eq!(named, path);
    assert!(matches!(*source, Error::EntryKind { entry, .. } if entry == "z"));
    // Nothing took the place of the file, and nothing is left beside it.
    assert_eq!(std::fs::read(&path).unwrap(), flipped);
    let error = State::default().save(&folder).unwrap_err();
    assert!(matches!(error, Error::Io { path, .. } if path == folder));
    assert!(!folder.with_extension("partial").exists());
    std::fs::remove_dir_all(&folder).unwrap();
}

#[test]
fn the_same_state_gives_the_same_bytes() {
    let bytes = || trained().0.state().to_bytes().unwrap();
    assert_eq!(bytes(), bytes());
}

#[test]
fn every_kind_of_tensor_survives() {
    let kinds = [
        Kind::Double,
        Kind::Float,
        Kind::Half,
        Kind::BFloat16,
        Kind::Int64,
        Kind::Int,
        Kind::Int16,
        Kind::Int8,
        Kind::Uint8,
        Kind::Bool,
    ];
    let mut state = State::default();
    for kind in kinds {
        let tensor = Tensor::from_slice(&[0.0, 1.0, 0.0, 1.0, 1.0, 0.0]).to_kind(kind);
        // Neither contiguous nor of the obvious order.
        state
            .tensors
            .insert(format!("{kind:?}"), tensor.reshape([2, 3]).tr());
    }
    state.tensors.insert(
        "empty".into(),
        Tensor::zeros([0, 3], (Kind::Float, Device::Cpu)),
    );
    state.tensors.insert("scalar".into(), Tensor::from(2.5));
    let loaded = State::from_bytes(&state.to_bytes().unwrap(), Device::Cpu).unwrap();
    for (name, tensor) in &state.tensors {
        let found = &loaded.tensors[name];
        assert_eq!(
            (found.kind(), found.size()),
            (tensor.kind(), tensor.size()),
            "{name}"
        );
        assert!(found.equal(tensor), "{name}");
    }
    state.tensors.insert(
        "complex".into(),
        Tensor::zeros([1], (Kind::ComplexFloat, Device::Cpu)),
    );
    assert!(matches!(state.to_bytes(), Err(Error::EntryKind { entry, .. }) if entry == "complex"));
}

#[test]
fn one_flipped_bit_is_found() {
    let state = trained().0.state();
    let mut bytes = state.to_bytes().unwrap();
    let last = bytes.len() - 1;
    bytes[last] ^= 0x10;
    let error = State::from_bytes(&bytes, Device::Cpu).unwrap_err();
    let last_name = state.tensors.keys().next_back().unwrap();
    assert!(matches!(error, Error::Checksum { entry, .. } if entry == *last_name));
}

#[test]
fn a_truncated_file_is_refused_at_every_length() {
    let bytes = trained().0.state().to_bytes().unwrap();
    for length in 0..bytes.len() {
        let error = State::from_bytes(&bytes[..length], Device::Cpu).unwrap_err();
        assert!(matches!(error, Error::Format(_)), "{length}: {error}");
    }
}

/// Bytes of a file with this metadata, and a tensor `x` of one number.
fn file(metadata: &[(&str, &str)]) -> Vec<u8> {
    let data = 1.5f32.to_le_bytes();
    let view = safetensors::tensor::TensorView::new(safetensors::Dtype::F32, vec![1], &data);
    let metadata = metadata.iter().map(|(k, v)| ((*k).into(), (*v).into()));
    safetensors::serialize([("x", view.unwrap())], Some(metadata.collect())).unwrap()
}

#[test]
fn a_checksum_without_a_tensor_or_a_tensor_without_one_is_refused() {
    let mut state = State::default();
    let one = Tensor::from_slice(&[1.5f32]);
    state.tensors.insert("x".into(), one);
    let bytes = state.to_bytes().unwrap();
    let (_, header) = safetensors::SafeTensors::read_metadata(&bytes).unwrap();
    let sum = header.metadata().clone().unwrap()["checksum:x"].clone();

    let read = |metadata: &[(&str, &str)]| State::from_bytes(&file(metadata), Device::Cpu);
    assert!(read(&[("checksum:x", &sum)]).is_ok());
    let error = read(&[("checksum:y", &sum)]).unwrap_err();
    assert!(matches!(error, Error::MissingEntry { entry } if entry == "checksum:x"));
    let error = read(&[("checksum:x", &sum), ("checksum:y", &sum)]).unwrap_err();
    assert!(matches!(error, Error::MissingEntry { entry } if entry == "y"));
}

#[test]
fn a_file_without_checksums_is_read() {
    let state = State::from_bytes(&file(&[]), Device::Cpu).unwrap();
    assert_eq!(state.tensors["x"].double_value(&[0]), 1.5);
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 2000,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    /// Whatever the bytes, the reader answers; it neither panics nor accepts
    /// a state that differs from what was written.
    #[test]
    fn damaged_bytes_never_pass(
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
        cut in prop::option::of(any::<prop::sample::Index>()),
    ) {
        thread_local! {
            static BYTES: Vec<u8> = trained().0.state().to_bytes().unwrap();
        }
        BYTES.with(|whole| {
            let mut bytes = whole.clone();
            for (index, byte) in &damage {
                let at = index.index(bytes.len());
                bytes[at] = *byte;
            }
            if let Some(cut) = cut {
                bytes.truncate(cut.index(bytes.len()));
            }
            let Ok(state) = State::from_bytes(&bytes, Device::Cpu) else { return };
            let (mut fresh, _) = optimizer(2);
            // Damage to the metadata may leave a state that still loads; that
            // must be one whose tensors are those that were written.
            if fresh.load_state(&state).is_ok() {
                let original = State::from_bytes(whole, Device::Cpu).unwrap();
                for (name, tensor) in &original.tensors {
                    assert!(tensor.equal(&state.tensors[name]), "{name} differs");
                }
            }
        });
    }
}
