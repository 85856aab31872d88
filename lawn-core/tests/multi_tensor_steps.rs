//! What is the multi-tensor path's own: steps that the device skips, that nobody
//! waits for, and states that other backends go on from.

mod common;

use common::setting::lawn;
use common::{Numbers, distance, everything, parameters, set_gradients};
use lawn_core::{
    AdamConfig, Backend, Granularity, Optimizer, OptimizerConfig, Schedule, StepOptions,
};
use tch::{Kind, Tensor};

fn small(backend: Backend, schedule: Schedule, free_steps: u64) -> (Optimizer, Vec<Tensor>) {
    let mut numbers = Numbers(3);
    let start = [&[6i64, 5][..], &[5]].map(|shape| numbers.tensor(shape, Kind::Float));
    let (parameters, weights) = parameters(&start);
    let config = OptimizerConfig {
        backend,
        lawn: Some(lawn(free_steps, Granularity::Layer)),
        ..OptimizerConfig::new(AdamConfig::default(), schedule)
    };
    (config.build(parameters).unwrap(), weights)
}

fn give(optimizer: &mut Optimizer, weights: &[Tensor], numbers: &mut Numbers, bad: bool) {
    let gradients: Vec<Option<Tensor>> = weights
        .iter()
        .map(|w| {
            let g = numbers.tensor(&w.size(), Kind::Float);
            Some(if bad { g * f64::NAN } else { g })
        })
        .collect();
    set_gradients(optimizer, weights, &gradients);
}

/// The schedule, the freeze and the count of steps go on over a skipped step;
/// when somebody asks what happened makes no difference to the numbers.
#[test]
fn a_skipped_step_counts_for_the_schedule_whoever_looks() {
    let run = |looks: bool| {
        let (mut optimizer, weights) =
            small(Backend::MultiTensor, Schedule::linear(0.1, 0.0, 10), 4);
        let mut numbers = Numbers(5);
        for step in 0..8u64 {
            let bad = step == 2 || step == 4;
            give(&mut optimizer, &weights, &mut numbers, bad);
            let report = optimizer.step().unwrap();
            assert_eq!(report.step, step + 1);
            assert!((report.learning_rate - 0.1 * (1.0 - step as f64 / 10.0)).abs() < 1e-15);
            if looks {
                assert_eq!(report.skipped(), bad);
                assert_eq!(report.gradient_norm().is_finite(), !bad);
                assert_eq!(report.clip_factor(), 1.0);
                let _ = optimizer.state();
            }
        }
        assert_eq!((optimizer.steps(), optimizer.skipped()), (8, 2));
        // What the rule counts are steps taken.
        let state = optimizer.state();
        assert_eq!(state.tensors["updates/p0"].int64_value(&[]), 6);
        everything(&optimizer, &weights)
    };
    assert_eq!(run(false), run(true));
}

#[test]
fn states_go_from_each_backend_to_each_other() {
    let backends = [Backend::Auto, Backend::Reference, Backend::MultiTensor];
    let schedule = || Schedule::linear(0.1, 0.0, 20);
    let mut ends = Vec::new();
    for from in backends {
        for to in backends {
            for at in [2, 3, 4] {
                let (mut first, weights) = small(from, schedule(), 3);
                let mut numbers = Numbers(5);
                for _ in 0..at {
                    give(&mut first, &weights, &mut numbers, false);
                    first.step().unwrap();
                }
                let (mut second, mut resumed) = small(to, schedule(), 3);
                second.load_state(&first.state()).unwrap();
                tch::no_grad(|| {
                    resumed
                        .iter_mut()
                        .zip(&weights)
                        .for_each(|(to, from)| to.copy_(from));
                });
                assert_eq!(everything(&second, &resumed), everything(&first, &weights));
                while second.steps() < 8 {
                    give(&mut second, &resumed, &mut numbers, false);
                    second.step().unwrap();
                }
                ends.push(Tensor::cat(
                    &resumed
                        .iter()
                        .map(|w| w.detach().view(-1))
                        .collect::<Vec<_>>(),
                    0,
                ));
            }
        }
    }
    for end in &ends {
        assert!(distance(end, &ends[0]) < 1e-5);
    }
}

#[test]
fn a_load_forgets_what_was_skipped_before() {
    let (mut optimizer, weights) = small(Backend::MultiTensor, Schedule::constant(0.1), 9);
    let clean = optimizer.state();
    give(&mut optimizer, &weights, &mut Numbers(5), true);
    optimizer.step().unwrap();
    assert_eq!(optimizer.skipped(), 1);
    optimizer.load_state(&clean).unwrap();
    assert_eq!((optimizer.steps(), optimizer.skipped()), (0, 0));
}

#[test]
fn diagnostics_of_a_skipped_step_are_none() {
    let (mut optimizer, weights) = small(Backend::MultiTensor, Schedule::constant(0.1), 1);
    let mut numbers = Numbers(5);
    let options = StepOptions {
        diagnostics: true,
        ..StepOptions::default()
    };
    for (bad, told) in [(false, 2), (true, 0), (false, 2)] {
        give(&mut optimizer, &weights, &mut numbers, bad);
        let report = optimizer.step_with(options).unwrap();
        assert_eq!(optimizer.diagnostics().len(), told);
        let tensor = report.gradient_norm_tensor();
        assert_eq!((tensor.kind(), tensor.dim()), (Kind::Double, 0));
        let json = serde_json::to_value(&report).unwrap();
        assert_eq!(json["skipped"], bad);
        assert_eq!(json["step"], report.step);
    }
}

#[test]
fn the_backend_has_a_name_in_configurations() {
    let name = serde_json::to_value(Backend::MultiTensor).unwrap();
    assert_eq!(name, "multi-tensor");
    assert_eq!(
        serde_json::from_value::<Backend>(name).unwrap(),
        Backend::MultiTensor
    );
}
