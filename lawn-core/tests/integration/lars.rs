//! LARS against plain f64 code written from its equations.

use crate::common::{Numbers, parameters, set_gradients, values};
use lawn_core::{
    Adaptation, Backend, LarsConfig, OptimizerConfig, RuleConfig, Schedule, WeightDecay,
};
use tch::{Kind, Tensor};

const ETA: f64 = 0.03;
const STEPS: usize = 6;

/// Weights, and gradients by step. Of four parameters one starts at 0, one from a
/// gradient of 0, one from both.
fn data() -> (Vec<Tensor>, Vec<Vec<Tensor>>) {
    let mut numbers = Numbers(31);
    let mut draw = || Vec::from([(); 4].map(|()| numbers.tensor(&[3, 5], Kind::Double)));
    let start = draw();
    let gradients: Vec<Vec<Tensor>> = (0..STEPS).map(|_| draw()).collect();
    for zero in [&start[1], &start[3], &gradients[0][2], &gradients[0][3]] {
        let _ = zero.shallow_clone().zero_();
    }
    (start, gradients)
}

fn norm(x: &[f64]) -> f64 {
    x.iter().map(|x| x * x).sum::<f64>().sqrt()
}

/// ```text
/// ρ = κ ‖w‖ / (‖g‖ + λ ‖w‖ + ε)      1 where ‖w‖ or ‖g‖ is 0, or where it does not adapt
/// v = μ v + ρ (g + λ w)
/// w = w − η v,  or  w − η (ρ (g + λ w) + μ v)
/// ```
fn step(rule: &LarsConfig, lambda: f64, w: &mut [f64], g: &[f64], v: &mut [f64]) {
    let (w_norm, g_norm) = (norm(w), norm(g));
    let adapts = rule.adaptation == Adaptation::Always || lambda != 0.0;
    let rho = if adapts && w_norm > 0.0 && g_norm > 0.0 {
        rule.trust_coefficient * w_norm / (g_norm + lambda * w_norm + rule.epsilon)
    } else {
        1.0
    };
    for i in 0..w.len() {
        let scaled = rho * (g[i] + lambda * w[i]);
        v[i] = rule.momentum * v[i] + scaled;
        let ahead = scaled + rule.momentum * v[i];
        w[i] -= ETA * if rule.nesterov { ahead } else { v[i] };
    }
}

#[test]
fn every_form_is_its_equation() {
    for backend in [Backend::Auto, Backend::Reference, Backend::Cuda] {
        for (nesterov, adaptation, lambda) in [
            (false, Adaptation::Always, 0.0),
            (false, Adaptation::Always, 0.1),
            (true, Adaptation::Always, 0.1),
            (false, Adaptation::WhenDecayed, 0.0),
            (true, Adaptation::WhenDecayed, 0.1),
        ] {
            let rule = LarsConfig {
                nesterov,
                adaptation,
                trust_coefficient: 0.3,
                epsilon: 1e-2,
                ..LarsConfig::default()
            };
            let (start, gradients) = data();
            let (parameters, weights) = parameters(&start);
            let config = OptimizerConfig {
                backend,
                ..OptimizerConfig::new(RuleConfig::from(rule), Schedule::constant(ETA))
            };
            let config = config.with_decay(WeightDecay::L2 { rate: lambda });
            let mut optimizer = config.build(parameters).unwrap();
            let mut expected: Vec<Vec<f64>> = start.iter().map(values).collect();
            let mut momenta = vec![vec![0.0; 15]; expected.len()];
            for gradients in gradients {
                for (i, w) in expected.iter_mut().enumerate() {
                    step(&rule, lambda, w, &values(&gradients[i]), &mut momenta[i]);
                }
                let gradients: Vec<_> = gradients.into_iter().map(Some).collect();
                set_gradients(&mut optimizer, &weights, &gradients);
                optimizer.step().unwrap();
            }
            for (i, (found, expected)) in weights.iter().zip(&expected).enumerate() {
                for (found, expected) in values(found).iter().zip(expected) {
                    let apart = (found - expected).abs();
                    assert!(
                        apart < 1e-14,
                        "{rule:?} {lambda} {backend:?} of {i}: {apart:e}"
                    );
                }
            }
        }
    }
}

/// MLPerf's: a parameter without decay takes plain momentum, and nothing is added to the divisor.
#[test]
fn that_of_mlperf_leaves_biases_to_momentum() {
    let rule = LarsConfig::mlperf();
    let (start, gradients) = data();
    let (parameters, weights) = parameters(&start[..1]);
    let config = OptimizerConfig::new(RuleConfig::from(rule), Schedule::constant(ETA));
    let mut optimizer = config.build(parameters).unwrap();
    let (mut w, mut v) = (values(&start[0]), vec![0.0; 15]);
    for gradients in &gradients {
        let g = values(&gradients[0]);
        for i in 0..15 {
            v[i] = 0.9 * v[i] + g[i];
            w[i] -= ETA * v[i];
        }
        set_gradients(
            &mut optimizer,
            &weights,
            &[Some(gradients[0].shallow_clone())],
        );
        optimizer.step().unwrap();
    }
    let apart = values(&weights[0])
        .iter()
        .zip(&w)
        .map(|(a, b)| (a - b).abs())
        .fold(0.0, f64::max);
    assert!(apart < 1e-14, "{apart:e}");
    assert_eq!((rule.epsilon, rule.trust_coefficient), (0.0, 1e-3));
}
