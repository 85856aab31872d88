//! A rule of one's own, constrained like any other: Adan.
//!
//! ```text
//! cargo run --release -p lawn-core --example custom_rule
//! ```

use lawn_core::{Context, LawnConfig, OptimizerConfig, Parameters, Rule, Schedule};
use tch::nn::Module;
use tch::{Device, Kind, Tensor, nn};

/// Xie et al. 2022, "Adan: Adaptive Nesterov Momentum Algorithm for Faster Optimizing Deep Models",
/// arXiv 2208.06677, algorithm 1, without its corrections for moments that start at 0.
///
/// ```text
/// Δ = g − g₋₁                            0 at the first update
/// m ← (1 − β₁) m + β₁ g
/// v ← (1 − β₂) v + β₂ Δ
/// n ← (1 − β₃) n + β₃ (g + (1 − β₂) Δ)²
/// d = (m + (1 − β₂) v) / (√n + ε)
/// ```
#[derive(Debug)]
struct Adan {
    betas: [f64; 3],
    epsilon: f64,
}

impl Rule for Adan {
    fn name(&self) -> &str {
        "adan"
    }

    fn buffers(&self) -> &[&str] {
        &["first_moment", "difference", "second_moment", "gradient"]
    }

    fn direction(&self, at: &Context, _w: &Tensor, g: &Tensor, buffers: &mut [Tensor]) -> Tensor {
        let [m, v, n, last] = buffers else {
            unreachable!("adan has four buffers")
        };
        let [beta1, beta2, beta3] = self.betas;
        let difference = match at.updates {
            1 => g.zeros_like(),
            _ => g - &*last,
        };
        last.copy_(g);
        let _ = m.lerp_(g, beta1);
        let _ = v.lerp_(&difference, beta2);
        let ahead = g + &difference * (1.0 - beta2);
        let _ = n.lerp_(&ahead.square(), beta3);
        (&*m + &*v * (1.0 - beta2)) / (n.sqrt() + self.epsilon)
    }
}

fn main() -> Result<(), lawn_core::Error> {
    tch::manual_seed(0);
    let vs = nn::VarStore::new(Device::Cpu);
    let model = nn::linear(vs.root() / "fc", 16, 4, Default::default());
    let x = Tensor::randn([256, 16], (Kind::Float, Device::Cpu));
    let labels = x.narrow(1, 0, 4).argmax(1, false);

    let rule = Adan {
        betas: [0.02, 0.08, 0.01],
        epsilon: 1e-8,
    };
    let mut optimizer = OptimizerConfig::new(rule, Schedule::cosine(1e-2, 0.0, 200))
        .with_lawn(LawnConfig::new(50))
        .build(Parameters::from_var_store(&vs)?)?;
    for step in 1..=200 {
        let loss = model.forward(&x).cross_entropy_for_logits(&labels);
        optimizer.zero_grad();
        loss.backward();
        let report = optimizer.step()?;
        if step % 25 == 0 {
            let norms = optimizer.weight_norms();
            let norm = norms
                .iter()
                .find(|norm| norm.parameter == "fc.weight")
                .expect("it is there");
            println!(
                "step {step:>3}  {:<11}  loss {:.4}  |{}| {:.6}",
                report.phase.to_string(),
                loss.double_value(&[]),
                norm.parameter,
                norm.norm,
            );
        }
    }
    Ok(())
}
