//! What holds of the state reader whatever the bytes: for the fuzzer, and for
//! the bounded run in `tests/integration/fuzz.rs`.

use lawn_core::{
    AdamConfig, LawnConfig, Optimizer, OptimizerConfig, Parameter, Parameters, Role, Schedule,
    Scope, State,
};
use tch::{Device, Kind, Tensor};

/// Reads, writes and reads again, and loads; nothing of it may panic.
pub(crate) fn check(bytes: &[u8]) {
    let Ok(state) = State::from_bytes(bytes, Device::Cpu) else {
        return;
    };
    let written = state
        .to_bytes()
        .expect("every kind that is read can be written");
    let again = State::from_bytes(&written, Device::Cpu).expect("what was written can be read");
    assert_eq!(state.metadata, again.metadata);
    assert!(state.tensors.keys().eq(again.tensors.keys()));
    assert_eq!(
        written,
        again.to_bytes().expect("as before"),
        "the same state gives the same bytes"
    );
    let (mut optimizer, _) = optimizer();
    if optimizer.load_state(&state).is_ok() {
        let kept = optimizer.state();
        for (name, tensor) in &kept.tensors {
            let found = &state.tensors[name];
            assert!(
                tensor.equal(found) || tensor.isnan().any().int64_value(&[]) != 0,
                "{name} is not what was loaded"
            );
        }
    }
}

/// One that a state may be loaded into, and its weight: a matrix of 2 × 3, constrained.
pub(crate) fn optimizer() -> (Optimizer, Tensor) {
    let tensor = Tensor::ones([2, 3], (Kind::Float, Device::Cpu)).set_requires_grad(true);
    let parameter = Parameter {
        name: "w".into(),
        role: Role::Weight,
        tensor: tensor.shallow_clone(),
    };
    let parameters = Parameters::new(vec![parameter]).expect("one name is unique");
    let lawn = LawnConfig {
        scope: Scope::AllWeights,
        ..LawnConfig::new(1)
    };
    let optimizer = OptimizerConfig::new(AdamConfig::default(), Schedule::constant(0.1))
        .with_lawn(lawn)
        .build(parameters)
        .expect("the configuration is valid");
    (optimizer, tensor)
}
