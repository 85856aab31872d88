//! What of an optimizer its state holds, and loading it: strict, typed, complete.

use crate::common::trained::{optimizer, trained};
use crate::common::{Numbers, everything, parameters, set_gradients};
use lawn_core::{
    AdamConfig, Clock, Error, Group, LawnConfig, Optimizer, OptimizerConfig, Schedule, Scope,
    SgdConfig, State, StepOptions, WeightDecay,
};
use tch::{Device, Kind, Tensor};

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
