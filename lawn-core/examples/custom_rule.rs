//! A rule of one's own, constrained like any other: Lion.
//!
//! ```text
//! cargo run --release -p lawn-core --example custom_rule
//! ```

use lawn_core::{Context, LawnConfig, OptimizerConfig, Parameters, Rule, Schedule};
use tch::nn::Module;
use tch::{Device, Kind, Tensor, nn};

/// Chen et al. 2023, "Symbolic Discovery of Optimization Algorithms", algorithm 2.
///
/// ```text
/// d = sign(β₁ m + (1 − β₁) g)
/// m ← β₂ m + (1 − β₂) g
/// ```
#[derive(Debug)]
struct Lion {
    beta1: f64,
    beta2: f64,
}

impl Rule for Lion {
    fn name(&self) -> &str {
        "lion"
    }

    fn buffers(&self) -> &[&str] {
        &["momentum"]
    }

    fn direction(&self, _: &Context, _w: &Tensor, g: &Tensor, buffers: &mut [Tensor]) -> Tensor {
        let m = &mut buffers[0];
        let d = m.lerp(g, 1.0 - self.beta1).sign();
        let _ = m.lerp_(g, 1.0 - self.beta2);
        d
    }
}

fn main() -> Result<(), lawn_core::Error> {
    tch::manual_seed(0);
    let vs = nn::VarStore::new(Device::Cpu);
    let model = nn::linear(vs.root() / "fc", 16, 4, Default::default());
    let x = Tensor::randn([256, 16], (Kind::Float, Device::Cpu));
    let labels = x.narrow(1, 0, 4).argmax(1, false);

    let rule = Lion {
        beta1: 0.9,
        beta2: 0.99,
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
