//! The state reader on any bytes: `cargo +nightly fuzz run state` in `lawn-core`.

#![no_main]

use lawn_core::{AdamConfig, OptimizerConfig, Parameter, Parameters, Role, Schedule, State};
use libfuzzer_sys::fuzz_target;
use tch::{Device, Kind, Tensor};

fuzz_target!(|bytes: &[u8]| {
    let Ok(state) = State::from_bytes(bytes, Device::Cpu) else { return };
    // What was read can be written, and is read again as the same.
    let written = state.to_bytes().expect("every kind that is read can be written");
    let again = State::from_bytes(&written, Device::Cpu).expect("what was written can be read");
    assert!(state.tensors.keys().eq(again.tensors.keys()));

    let tensor = Tensor::zeros([2, 3], (Kind::Float, Device::Cpu));
    let parameter = Parameter { name: "w".into(), role: Role::Weight, tensor };
    let parameters = Parameters::new(vec![parameter]).expect("one name is unique");
    let config = OptimizerConfig::new(AdamConfig::default(), Schedule::constant(0.1));
    let mut optimizer = config.build(parameters).expect("the defaults are valid");
    let _ = optimizer.load_state(&state);
});
