//! Saving and loading: strict, typed, complete.

mod common;

use common::{Numbers, everything, parameters, set_gradients};
use lawn_core::{
    AdamConfig, Clock, Error, Group, LawnConfig, Optimizer, OptimizerConfig, Schedule, Scope,
    SgdConfig, State, StepOptions, WeightDecay,
};
use proptest::prelude::*;
use tch::{Device, Kind, Tensor};

fn optimizer(free_steps: u64) -> (Optimizer, Vec<Tensor>) {
    let mut numbers = Numbers(1);
    let start = [
        numbers.tensor(&[3, 4], Kind::Float),
        numbers.tensor(&[5], Kind::Float),
    ];
    let (parameters, weights) = parameters(&start);
    let lawn = LawnConfig {
        scope: Scope::AllWeights,
        ..LawnConfig::new(free_steps)
    };
    let config = OptimizerConfig::new(AdamConfig::default(), Schedule::constant(0.1));
    (config.with_lawn(lawn).build(parameters).unwrap(), weights)
}

fn trained() -> (Optimizer, Vec<Tensor>) {
    let (mut optimizer, weights) = optimizer(2);
    for _ in 0..4 {
        let g: Vec<Option<Tensor>> = weights.iter().map(|w| Some(w.detach().copy())).collect();
        set_gradients(&mut optimizer, &weights, &g);
        optimizer.step().unwrap();
    }
    (optimizer, weights)
}

/// Loads a changed state into a fresh optimizer; an error must change nothing.
fn refused(change: impl FnOnce(&mut State)) -> Error {
    let (optimizer_, _) = trained();
    let mut state = optimizer_.state();
    change(&mut state);
    let (mut fresh, weights) = optimizer(2);
    let before = everything(&fresh, &weights);
    let error = fresh.load_state(&state).unwrap_err();
    assert_eq!(everything(&fresh, &weights), before, "{error}");
    error
}

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
fn what_settings_were_called_is_only_for_the_record() {
    let (trained, _) = trained();
    let mut state = trained.state();
    let older = r#"{"rule": "LambConfig { bias_correction: true }"}"#;
    state.metadata.insert("settings".into(), older.into());
    let (mut fresh, _) = optimizer(2);
    fresh.load_state(&state).unwrap();
    assert_eq!(fresh.steps(), trained.steps());
}

#[test]
fn the_same_state_gives_the_same_bytes() {
    let bytes = || trained().0.state().to_bytes().unwrap();
    assert_eq!(bytes(), bytes());
}

#[test]
fn the_entries_are_named_after_the_parameters() {
    let (trained, _) = trained();
    let state = trained.state();
    let names: Vec<&str> = state.tensors.keys().map(String::as_str).collect();
    assert_eq!(
        names,
        [
            "first_moment/p0",
            "first_moment/p1",
            "radius/p0",
            "radius/p1",
            "second_moment/p0",
            "second_moment/p1",
            "updates/p0",
            "updates/p1",
        ]
    );
    assert_eq!(state.tensors["radius/p0"].kind(), Kind::Double);
    assert_eq!(state.metadata["phase"], "constrained");
    assert_eq!(state.metadata["step"], "4");
}

#[test]
fn groups_and_the_place_in_the_schedule_are_in_it() {
    let build = || {
        let mut numbers = Numbers(1);
        let start = [&[3i64, 4][..], &[5]].map(|shape| numbers.tensor(shape, Kind::Float));
        let (parameters, weights) = parameters(&start);
        let group = Group {
            learning_rate_scale: 0.5,
            decay: Some(WeightDecay::L2 { rate: 0.1 }),
            constrained: Some(false),
            ..Group::new("p1")
        };
        let lawn = LawnConfig {
            scope: Scope::AllWeights,
            ..LawnConfig::new(2)
        };
        let schedule = Schedule::cosine(0.1, 0.0, 400).warm_up(100);
        let config = OptimizerConfig {
            clock: Clock::Samples,
            ..OptimizerConfig::new(AdamConfig::default(), schedule)
        };
        let config = config.with_lawn(lawn).with_group(group);
        (config.build(parameters).unwrap(), weights)
    };
    let step = |optimizer: &mut Optimizer, weights: &[Tensor]| {
        let g: Vec<Option<Tensor>> = weights.iter().map(|w| Some(w.detach().copy())).collect();
        set_gradients(optimizer, weights, &g);
        let options = StepOptions {
            samples: 50,
            ..StepOptions::default()
        };
        optimizer.step_with(options).unwrap();
    };
    let (mut whole, weights) = build();
    (0..4).for_each(|_| step(&mut whole, &weights));
    let state = State::from_bytes(&whole.state().to_bytes().unwrap(), Device::Cpu).unwrap();
    assert_eq!(state.metadata["samples"], "200");
    let rate: f64 = state.metadata["learning_rate"].parse().unwrap();
    assert_eq!(rate, whole.learning_rate());
    // By samples, not by steps.
    let schedule = Schedule::cosine(0.1, 0.0, 400).warm_up(100);
    assert_eq!(rate, schedule.lr_at(200));
    let settings: serde_json::Value = serde_json::from_str(&state.metadata["settings"]).unwrap();
    assert_eq!(settings["rule"]["kind"], "adam");
    assert_eq!(settings["clock"], "samples");
    assert_eq!(settings["lawn"]["free_steps"], 2);
    assert_eq!(settings["groups"][0]["pattern"], "p1");
    assert_eq!(settings["groups"][0]["decay"]["rate"], 0.1);

    let (mut resumed, mut again) = build();
    tch::no_grad(|| (0..2).for_each(|i| again[i].copy_(&weights[i])));
    assert_ne!(resumed.learning_rate(), rate);
    resumed.load_state(&state).unwrap();
    assert_eq!(resumed.learning_rate(), rate);
    for _ in 0..3 {
        step(&mut whole, &weights);
        step(&mut resumed, &again);
    }
    assert_eq!(everything(&whole, &weights), everything(&resumed, &again));
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
fn each_defect_is_named() {
    let remove = |name: &'static str| move |state: &mut State| drop(state.tensors.remove(name));
    let set = |key: &'static str, value: &'static str| {
        move |state: &mut State| drop(state.metadata.insert(key.into(), value.into()))
    };
    let put = |name: &'static str, tensor: Tensor| {
        move |state: &mut State| drop(state.tensors.insert(name.into(), tensor))
    };
    let zeros = |shape: &[i64], kind| Tensor::zeros(shape, (kind, Device::Cpu));

    let error = refused(remove("second_moment/p1"));
    assert!(matches!(error, Error::MissingEntry { entry } if entry == "second_moment/p1"));
    let error = refused(remove("radius/p1"));
    assert!(matches!(error, Error::MissingEntry { entry } if entry == "radius/p1"));
    let error = refused(|state| state.tensors.retain(|name, _| !name.starts_with("radius/")));
    assert!(matches!(error, Error::MissingEntry { entry } if entry == "radius/p0"));
    let error = refused(put("first_moment/p9", zeros(&[1], Kind::Float)));
    assert!(matches!(error, Error::ExtraEntry { entry } if entry == "first_moment/p9"));
    let error = refused(put("master/p0", zeros(&[3, 4], Kind::Float)));
    assert!(matches!(error, Error::ExtraEntry { entry } if entry == "master/p0"));
    let error = refused(put("first_moment/p0", zeros(&[4, 3], Kind::Float)));
    assert!(matches!(error, Error::EntryShape { entry, .. } if entry == "first_moment/p0"));
    let error = refused(put("first_moment/p0", zeros(&[3, 4], Kind::Double)));
    assert!(matches!(error, Error::EntryKind { entry, .. } if entry == "first_moment/p0"));
    let error = refused(put(
        "radius/p0",
        Tensor::from_slice(&[-1.0]).reshape([1, 1]),
    ));
    assert!(matches!(error, Error::EntryValue { entry, .. } if entry == "radius/p0"));
    let error = refused(put("updates/p0", Tensor::from(-1i64)));
    assert!(matches!(error, Error::EntryValue { entry, .. } if entry == "updates/p0"));

    let error = refused(set("version", "0"));
    assert!(matches!(error, Error::EntryValue { entry, .. } if entry == "version"));
    let error = refused(set("version", "2"));
    assert!(matches!(
        error,
        Error::StateVersion {
            supported: 1,
            found: 2
        }
    ));
    assert_eq!(
        error.to_string(),
        "state: version 2 is newer than 1, the newest this crate reads"
    );
    let error = refused(set("step", "-3"));
    assert!(matches!(error, Error::EntryValue { entry, .. } if entry == "step"));
    let error = refused(set("format", "something else"));
    assert!(matches!(
        error,
        Error::StateMismatch {
            entry: "format",
            ..
        }
    ));
    let error = refused(set("rule", "lion"));
    assert!(matches!(error, Error::StateMismatch { entry: "rule", .. }));
    let error = refused(|state| drop(state.metadata.remove("samples")));
    assert!(matches!(error, Error::MissingEntry { entry } if entry == "samples"));
}

#[test]
fn a_state_of_another_rule_or_without_constraint_is_refused() {
    let (trained, _) = trained();
    let build = |sgd: bool| {
        let (parameters, _) = parameters(&[Numbers(1).tensor(&[3, 4], Kind::Float)]);
        let schedule = Schedule::constant(0.1);
        if sgd {
            OptimizerConfig::new(SgdConfig::default(), schedule)
                .build(parameters)
                .unwrap()
        } else {
            OptimizerConfig::new(AdamConfig::default(), schedule)
                .build(parameters)
                .unwrap()
        }
    };
    let error = build(true).load_state(&trained.state()).unwrap_err();
    assert!(matches!(error, Error::StateMismatch { entry: "rule", .. }));
    let error = build(false).load_state(&trained.state()).unwrap_err();
    assert!(matches!(error, Error::ExtraEntry { .. }), "{error}");
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

/// One that comes back from where it was, and one that was elsewhere.
#[test]
fn an_optimizer_that_has_gone_on_goes_back() {
    for free_steps in [0, 2, 3, 9] {
        for kind in [Kind::Float, Kind::BFloat16] {
            let build = || {
                let mut numbers = Numbers(1);
                let start = [&[3i64, 4][..], &[5]].map(|shape| numbers.tensor(shape, kind));
                let (parameters, weights) = parameters(&start);
                let config = OptimizerConfig {
                    master_weights: true,
                    lawn: Some(LawnConfig {
                        scope: Scope::AllWeights,
                        ..LawnConfig::new(free_steps)
                    }),
                    ..OptimizerConfig::new(AdamConfig::default(), Schedule::constant(0.1))
                };
                (config.build(parameters).unwrap(), weights)
            };
            let step = |optimizer: &mut Optimizer, weights: &[Tensor]| {
                let g: Vec<_> = weights.iter().map(|w| Some(w.detach().cos())).collect();
                set_gradients(optimizer, weights, &g);
                optimizer.step().unwrap();
            };
            let (mut whole, weights) = build();
            (0..3).for_each(|_| step(&mut whole, &weights));
            let (state, then) = (whole.state(), [0, 1].map(|i| weights[i].detach().copy()));
            (0..4).for_each(|_| step(&mut whole, &weights));
            let expected = everything(&whole, &weights);

            let (mut other, elsewhere) = build();
            for (optimizer, weights) in [(&mut whole, &weights), (&mut other, &elsewhere)] {
                (0..5).for_each(|_| step(optimizer, weights));
                optimizer.load_state(&state).unwrap();
                tch::no_grad(|| (0..2).for_each(|i| weights[i].shallow_clone().copy_(&then[i])));
                (0..4).for_each(|_| step(optimizer, weights));
                assert!(
                    everything(optimizer, weights) == expected,
                    "{free_steps} {kind:?}"
                );
            }
        }
    }
}

/// Radii of a freeze that is still to come would be those of other weights.
#[test]
fn radii_before_the_freeze_are_refused() {
    let (trained, _) = trained();
    for free_steps in [4, 200] {
        let (mut fresh, weights) = optimizer(free_steps);
        let before = everything(&fresh, &weights);
        let error = fresh.load_state(&trained.state()).unwrap_err();
        assert_eq!(
            error.to_string(),
            "state: expected phase `free`, found `constrained`"
        );
        assert!(everything(&fresh, &weights) == before);
    }
    let (mut fresh, _) = optimizer(3);
    fresh.load_state(&trained.state()).unwrap();
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
