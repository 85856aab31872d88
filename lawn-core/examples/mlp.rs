//! Trains a classifier with LAWN: the dry-run table, the freeze, diagnostics.
//!
//! ```text
//! cargo run --release -p lawn-core --example mlp
//! ```

use lawn_core::{
    AdamConfig, LawnConfig, OptimizerConfig, Parameters, Schedule, StepOptions, TreatmentTable,
};
use tch::nn::Module;
use tch::{Device, Kind, Tensor, nn};

const CLASSES: i64 = 4;
const STEPS: u64 = 300;
const FREE_STEPS: u64 = 60;

/// Points on the arms of a spiral, one arm a class.
fn spiral(samples: i64) -> (Tensor, Tensor) {
    let options = (Kind::Float, Device::Cpu);
    let labels = Tensor::arange(samples, (Kind::Int64, Device::Cpu)).remainder(CLASSES);
    let radius = Tensor::rand([samples], options);
    let arm = labels.to_kind(Kind::Float) * (std::f64::consts::TAU / CLASSES as f64);
    let angle = &radius * 4.0 + arm + Tensor::randn([samples], options) * 0.1;
    (
        Tensor::stack(&[&radius * angle.cos(), &radius * angle.sin()], 1),
        labels,
    )
}

fn main() -> Result<(), lawn_core::Error> {
    tch::manual_seed(0);
    let (x, labels) = spiral(2000);
    let (test_x, test_labels) = spiral(1000);

    let vs = nn::VarStore::new(Device::Cpu);
    let root = vs.root();
    let model = nn::seq()
        .add(nn::linear(&root / "fc1", 2, 64, Default::default()))
        .add_fn(Tensor::relu)
        .add(nn::linear(&root / "fc2", 64, 64, Default::default()))
        .add_fn(Tensor::relu)
        .add(nn::linear(
            &root / "logits",
            64,
            CLASSES,
            Default::default(),
        ));

    let schedule = Schedule::linear(1e-2, 0.0, STEPS - 30).warm_up(30);
    let mut optimizer = OptimizerConfig::new(AdamConfig::default(), schedule)
        .with_lawn(LawnConfig::new(FREE_STEPS))
        .build(Parameters::from_var_store(&vs)?)?;
    println!("{}", TreatmentTable(optimizer.treatments()));

    for step in 1..=STEPS {
        let loss = model.forward(&x).cross_entropy_for_logits(&labels);
        optimizer.zero_grad();
        loss.backward();
        let options = StepOptions {
            diagnostics: step % 60 == 0,
            ..StepOptions::default()
        };
        let report = optimizer.step_with(options)?;
        if options.diagnostics {
            let accuracy = model.forward(&test_x).accuracy_for_logits(&test_labels);
            println!(
                "step {step:>3}  {:<11}  loss {:.4}  test accuracy {:.3}",
                report.phase.to_string(),
                loss.double_value(&[]),
                accuracy.double_value(&[]),
            );
            for unit in optimizer
                .diagnostics()
                .iter()
                .filter(|d| d.parameter.ends_with("weight"))
            {
                println!(
                    "          {:<13}  |w| {:7.4}  |g| {:.1e}  cos(g, w) {:+.3}  turned {:.1e} rad",
                    unit.parameter,
                    unit.weight_norm,
                    unit.gradient_norm,
                    unit.cosine,
                    unit.rotation,
                );
            }
        }
    }
    Ok(())
}
