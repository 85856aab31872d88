//! LAMB's presets, each against plain f64 code written from its source.

use crate::common::{Numbers, parameters, set_gradients, values};
use lawn_core::{
    Adaptation, Backend, BiasCorrection, DecayPlace, EpsilonPlace, GradientAveraging, LambConfig,
    LawnConfig, OptimizerConfig, RuleConfig, Schedule, Scope, WeightDecay,
};
use tch::{Kind, Tensor};

const ETA: f64 = 0.03;
const STEPS: usize = 7;
const SHAPES: [&[i64]; 2] = [&[4, 5], &[3, 2, 2]];

fn norm(x: &[f64]) -> f64 {
    x.iter().map(|x| x * x).sum::<f64>().sqrt()
}

/// You et al. 2020, arXiv 1904.00962v5, algorithm 2, with φ the identity:
///
/// ```text
/// m = β₁ m + (1 − β₁) g             m̂ = m / (1 − β₁ᵗ)
/// v = β₂ v + (1 − β₂) g²            v̂ = v / (1 − β₂ᵗ)
/// r = m̂ / (√v̂ + ε)
/// x = x − η ‖x‖ / ‖r + λx‖ (r + λx)
/// ```
fn paper(x: &mut [f64], g: &[f64], (m, v): (&mut [f64], &mut [f64]), t: i32, lambda: f64) {
    let (beta1, beta2, epsilon) = (0.9f64, 0.999f64, 1e-6);
    let mut update = Vec::new();
    for i in 0..x.len() {
        m[i] = beta1 * m[i] + (1.0 - beta1) * g[i];
        v[i] = beta2 * v[i] + (1.0 - beta2) * g[i] * g[i];
        let m_hat = m[i] / (1.0 - beta1.powi(t));
        let v_hat = v[i] / (1.0 - beta2.powi(t));
        update.push(m_hat / (v_hat.sqrt() + epsilon) + lambda * x[i]);
    }
    let ratio = norm(x) / norm(&update);
    for (x, update) in x.iter_mut().zip(update) {
        *x -= ETA * ratio * update;
    }
}

/// NVIDIA apex, `csrc/multi_tensor_lamb.cu`, with `mode = MOMENT_MODE_1`
/// (`adam_w_mode`), `grad_averaging` and `bias_correction`:
///
/// ```text
/// stage 1   clipped = global_norm > max_norm ? global_norm / max_norm : 1
///           scaled_grad = g / clipped
///           m = m β₁ + β₃ scaled_grad            β₃ = 1 − β₁
///           v = v β₂ + (1 − β₂) scaled_grad²
///           update = (m / c₁) / (√(v / c₂) + ε) + decay p
/// stage 2   ratio = lr
///           if use_nvlamb or decay ≠ 0:
///               ratio = (param_norm ≠ 0 and update_norm ≠ 0)
///                     ? lr · param_norm / update_norm : lr
///           p = p − ratio · update
/// ```
struct Apex {
    use_nvlamb: bool,
    max_norm: f64,
}

impl Apex {
    fn step(
        &self,
        p: &mut [f64],
        g: &[f64],
        (m, v): (&mut [f64], &mut [f64]),
        (t, decay, global_norm): (i32, f64, f64),
    ) {
        let (beta1, beta2, epsilon) = (0.9f64, 0.999f64, 1e-6);
        let (c1, c2) = (1.0 - beta1.powi(t), 1.0 - beta2.powi(t));
        let clipped = if global_norm > self.max_norm {
            global_norm / self.max_norm
        } else {
            1.0
        };
        let mut update = vec![0.0; p.len()];
        for i in 0..p.len() {
            let scaled_grad = g[i] / clipped;
            m[i] = m[i] * beta1 + (1.0 - beta1) * scaled_grad;
            v[i] = v[i] * beta2 + (1.0 - beta2) * scaled_grad * scaled_grad;
            update[i] = (m[i] / c1) / ((v[i] / c2).sqrt() + epsilon) + decay * p[i];
        }
        let mut ratio = ETA;
        if self.use_nvlamb || decay != 0.0 {
            let (param_norm, update_norm) = (norm(p), norm(&update));
            if param_norm != 0.0 && update_norm != 0.0 {
                ratio = ETA * param_norm / update_norm;
            }
        }
        for (p, update) in p.iter_mut().zip(&update) {
            *p -= ratio * update;
        }
    }
}

fn data() -> (Vec<Tensor>, Vec<Vec<Tensor>>) {
    let mut numbers = Numbers(21);
    let mut draw = || Vec::from(SHAPES.map(|shape| numbers.tensor(shape, Kind::Double)));
    let start = draw();
    // Some gradients are longer than the clip of 1, some shorter.
    let gradients = (0..STEPS).map(|i| draw().iter().map(|g| g * [1.0, 0.05][i % 2]).collect());
    (start, gradients.collect())
}

fn ours(rule: LambConfig, lambda: f64, clip_norm: Option<f64>, backend: Backend) -> Vec<Vec<f64>> {
    ours_from(data(), rule, lambda, clip_norm, backend)
}

fn ours_from(
    (start, gradients): (Vec<Tensor>, Vec<Vec<Tensor>>),
    rule: LambConfig,
    lambda: f64,
    clip_norm: Option<f64>,
    backend: Backend,
) -> Vec<Vec<f64>> {
    let (parameters, weights) = parameters(&start);
    let decay = WeightDecay::Decoupled { rate: lambda };
    let rule = RuleConfig::from(rule);
    let config = OptimizerConfig {
        clip_norm,
        backend,
        ..OptimizerConfig::new(rule, Schedule::constant(ETA))
    };
    let mut optimizer = config.with_decay(decay).build(parameters).unwrap();
    for step in gradients {
        let step: Vec<Option<Tensor>> = step.into_iter().map(Some).collect();
        set_gradients(&mut optimizer, &weights, &step);
        optimizer.step().unwrap();
    }
    weights.iter().map(values).collect()
}

/// Runs `step(x, g, (m, v), t, global norm)` over the same data.
fn theirs(
    step: impl FnMut(&mut [f64], &[f64], (&mut [f64], &mut [f64]), i32, f64),
) -> Vec<Vec<f64>> {
    theirs_from(data(), step)
}

fn theirs_from(
    (start, gradients): (Vec<Tensor>, Vec<Vec<Tensor>>),
    mut step: impl FnMut(&mut [f64], &[f64], (&mut [f64], &mut [f64]), i32, f64),
) -> Vec<Vec<f64>> {
    let mut x: Vec<Vec<f64>> = start.iter().map(values).collect();
    let mut m: Vec<Vec<f64>> = x.iter().map(|x| vec![0.0; x.len()]).collect();
    let mut v = m.clone();
    for (t, gradients) in gradients.iter().enumerate() {
        let g: Vec<Vec<f64>> = gradients.iter().map(values).collect();
        let global = norm(&g.concat());
        for i in 0..x.len() {
            step(
                &mut x[i],
                &g[i],
                (&mut m[i], &mut v[i]),
                t as i32 + 1,
                global,
            );
        }
    }
    x
}

fn largest(a: &[Vec<f64>], b: &[Vec<f64>]) -> f64 {
    let apart = a
        .iter()
        .flatten()
        .zip(b.iter().flatten())
        .map(|(a, b)| (a - b).abs());
    // NaN must not pass for small.
    apart.fold(0.0, |max, x| if x <= max { max } else { x })
}

fn assert_close(what: &str, found: &[Vec<f64>], expected: &[Vec<f64>]) {
    let apart = largest(found, expected);
    assert!(apart < 1e-14, "{what}: off by {apart:e}");
}

#[test]
fn each_preset_is_its_source() {
    for backend in [Backend::Auto, Backend::Reference, Backend::Cuda] {
        for lambda in [0.0, 0.1] {
            let what = |preset| format!("{preset} with decay {lambda} by {backend:?}");
            let expected = theirs(|x, g, s, t, _| paper(x, g, s, t, lambda));
            let found = ours(LambConfig::paper(), lambda, None, backend);
            assert_close(&what("paper"), &found, &expected);
            for (name, preset, use_nvlamb) in [
                ("apex", LambConfig::apex(), false),
                ("nvlamb", LambConfig::nvlamb(), true),
                // A port of apex's; held to timm itself in the goldens.
                ("timm", LambConfig::timm(), false),
            ] {
                let apex = Apex {
                    use_nvlamb,
                    max_norm: 1.0,
                };
                let expected = theirs(|p, g, s, t, global| apex.step(p, g, s, (t, lambda, global)));
                let found = ours(preset, lambda, Some(1.0), backend);
                assert_close(&what(name), &found, &expected);
            }
        }
    }
}

/// Every convention as [`LambConfig`] has it in its equations.
fn by_convention(
    rule: &LambConfig,
    x: &mut [f64],
    g: &[f64],
    (m, v): (&mut [f64], &mut [f64]),
    t: i32,
    lambda: f64,
) {
    let (beta1, beta2, epsilon) = (rule.beta1, rule.beta2, rule.epsilon);
    let beta3 = match rule.gradient_averaging {
        GradientAveraging::Averaged => 1.0 - beta1,
        GradientAveraging::Summed => 1.0,
    };
    let (c1, c2) = match rule.bias_correction {
        BiasCorrection::Applied => (1.0 - beta1.powi(t), 1.0 - beta2.powi(t)),
        BiasCorrection::Omitted => (1.0, 1.0),
    };
    let mut d = Vec::new();
    for i in 0..x.len() {
        m[i] = beta1 * m[i] + beta3 * g[i];
        v[i] = beta2 * v[i] + (1.0 - beta2) * g[i] * g[i];
        let below = match rule.epsilon_place {
            EpsilonPlace::OutsideRoot => (v[i] / c2).sqrt() + epsilon,
            EpsilonPlace::InsideRoot => (v[i] / c2 + epsilon).sqrt(),
        };
        d.push(m[i] / c1 / below);
    }
    for i in 0..x.len() {
        match rule.decay_place {
            DecayPlace::InsideTrust => d[i] += lambda * x[i],
            DecayPlace::OutsideTrust => x[i] *= 1.0 - ETA * lambda,
        }
    }
    let adapts = rule.adaptation == Adaptation::Always || lambda != 0.0;
    let (x_norm, d_norm) = (norm(x), norm(&d));
    let mut rho = 1.0;
    if adapts {
        if x_norm > 0.0 && d_norm > 0.0 {
            rho = x_norm / d_norm;
        }
        rho = rho.min(rule.trust_max.unwrap_or(f64::INFINITY));
    }
    for (x, d) in x.iter_mut().zip(d) {
        *x -= ETA * rho * d;
    }
}

#[test]
fn every_convention_is_its_equation() {
    // The second parameter starts at 0, so that its first ratio is 1; without a
    // gradient at first, so that of its direction there is none at all.
    let with_zeros = || {
        let (start, mut gradients) = data();
        let zero = start[1].zeros_like();
        gradients[0][1] = zero.shallow_clone();
        (vec![start[0].shallow_clone(), zero], gradients)
    };
    let mut rules = Vec::new();
    for bits in 0..32 {
        let second = |bit: u32| bits >> bit & 1 == 1;
        rules.push(LambConfig {
            beta2: 0.95,
            epsilon: 1e-3,
            epsilon_place: [EpsilonPlace::OutsideRoot, EpsilonPlace::InsideRoot]
                [usize::from(second(0))],
            bias_correction: [BiasCorrection::Applied, BiasCorrection::Omitted]
                [usize::from(second(1))],
            gradient_averaging: [GradientAveraging::Averaged, GradientAveraging::Summed]
                [usize::from(second(2))],
            decay_place: [DecayPlace::InsideTrust, DecayPlace::OutsideTrust]
                [usize::from(second(3))],
            adaptation: [Adaptation::Always, Adaptation::WhenDecayed][usize::from(second(4))],
            ..LambConfig::paper()
        });
    }
    for backend in [Backend::Auto, Backend::Reference, Backend::Cuda] {
        for rule in &rules {
            for (lambda, trust_max) in [(0.0, None), (0.1, None), (0.1, Some(0.7))] {
                let rule = LambConfig { trust_max, ..*rule };
                let found = ours_from(with_zeros(), rule, lambda, None, backend);
                let step = |x: &mut [f64], g: &[f64], s: (&mut [f64], &mut [f64]), t, _| {
                    by_convention(&rule, x, g, s, t, lambda);
                };
                let expected = theirs_from(with_zeros(), step);
                let apart = largest(&found, &expected);
                assert!(
                    apart < 1e-13,
                    "{rule:?} {lambda} {backend:?}: off by {apart:e}"
                );
            }
        }
    }
}

#[test]
fn the_presets_differ_where_the_table_says() {
    // But for the clip, which is the optimizer's, there are two of them.
    assert_eq!(LambConfig::timm(), LambConfig::apex());
    assert_eq!(LambConfig::nvlamb(), LambConfig::paper());
    assert_ne!(LambConfig::apex(), LambConfig::nvlamb());
    let run = |rule, lambda| ours(rule, lambda, Some(1.0), Backend::Auto);
    // Without decay apex and timm do not adapt; with it all are one.
    assert!(
        largest(
            &run(LambConfig::apex(), 0.0),
            &run(LambConfig::nvlamb(), 0.0)
        ) > 1e-3
    );
    assert!(
        largest(
            &run(LambConfig::timm(), 0.0),
            &run(LambConfig::paper(), 0.0)
        ) > 1e-3
    );
    assert_eq!(run(LambConfig::apex(), 0.1), run(LambConfig::nvlamb(), 0.1));
}

#[test]
fn every_preset_adapts_under_the_constraint() {
    let run = |rule: LambConfig| {
        let (start, gradients) = data();
        let (parameters, weights) = parameters(&start);
        let lawn = LawnConfig {
            scope: Scope::AllWeights,
            ..LawnConfig::new(0)
        };
        let config = OptimizerConfig::new(rule, Schedule::constant(ETA)).with_lawn(lawn);
        let mut optimizer = config.build(parameters).unwrap();
        for step in gradients {
            let step: Vec<Option<Tensor>> = step.into_iter().map(Some).collect();
            set_gradients(&mut optimizer, &weights, &step);
            optimizer.step().unwrap();
        }
        weights.iter().map(values).collect::<Vec<_>>()
    };
    let expected = run(LambConfig::paper());
    for preset in [LambConfig::apex(), LambConfig::nvlamb(), LambConfig::timm()] {
        assert_eq!(run(preset), expected);
    }
}

#[test]
fn each_convention_has_a_name_in_configurations() {
    let written = r#"{
        "epsilon_place": "inside-root",
        "bias_correction": "omitted",
        "gradient_averaging": "summed",
        "decay_place": "outside-trust",
        "adaptation": "when-decayed"
    }"#;
    let other = LambConfig {
        epsilon_place: EpsilonPlace::InsideRoot,
        bias_correction: BiasCorrection::Omitted,
        gradient_averaging: GradientAveraging::Summed,
        decay_place: DecayPlace::OutsideTrust,
        adaptation: Adaptation::WhenDecayed,
        ..LambConfig::paper()
    };
    assert_eq!(serde_json::from_str::<LambConfig>(written).unwrap(), other);
    let paper = serde_json::to_value(LambConfig::paper()).unwrap();
    for (convention, name) in [
        ("epsilon_place", "outside-root"),
        ("bias_correction", "applied"),
        ("gradient_averaging", "averaged"),
        ("decay_place", "inside-trust"),
        ("adaptation", "always"),
    ] {
        assert_eq!(paper[convention], name);
    }
}
