//! Clipping, a chained schedule, groups, accumulation, and what a step reports.
//!
//! ```text
//! cargo run --release -p lawn-core --example clip_and_schedule
//! ```

use std::num::NonZeroU64;

use lawn_core::{
    Accumulation, AdamConfig, Group, OptimizerConfig, Parameters, Schedule, TreatmentTable,
    WeightDecay,
};
use tch::nn::Module;
use tch::{Device, Kind, Tensor, nn};

fn main() -> Result<(), lawn_core::Error> {
    tch::manual_seed(0);
    let vs = nn::VarStore::new(Device::Cpu);
    let root = vs.root();
    let model = nn::seq()
        .add(nn::linear(&root / "body", 8, 32, Default::default()))
        .add_fn(Tensor::relu)
        .add(nn::linear(&root / "head", 32, 1, Default::default()));

    // Up for 5 steps, down along a cosine for 20, then constant.
    let schedule = Schedule::cosine(1e-2, 1e-3, 20)
        .then(20, Schedule::constant(1e-3))
        .warm_up(5);
    println!("step  learning rate");
    for row in schedule.table(30, 7) {
        println!("{:>4}  {:.5}", row.position, row.learning_rate);
    }

    let head = Group {
        learning_rate_scale: 0.1,
        decay: Some(WeightDecay::None),
        ..Group::new("head.*")
    };
    let mut optimizer = OptimizerConfig::new(AdamConfig::default(), schedule)
        .with_decay(WeightDecay::Decoupled { rate: 0.01 })
        .with_clip_norm(1.0)
        .with_group(head)
        .build(Parameters::from_var_store(&vs)?)?;
    println!("\n{}", TreatmentTable(optimizer.treatments()));

    let mut accumulation = Accumulation::new(NonZeroU64::new(4).expect("4 is not 0"));
    for micro_batch in 0..120 {
        let mut x = Tensor::randn([16, 8], (Kind::Float, Device::Cpu));
        if micro_batch == 50 {
            // An overflow, as mixed precision has them: its step is skipped.
            let _ = x.fill_(f64::INFINITY);
        }
        let target = x.sum_dim_intlist(1, true, Kind::Float);
        model
            .forward(&x)
            .mse_loss(&target, tch::Reduction::Mean)
            .backward();
        if let Some(options) = accumulation.add(16) {
            let report = optimizer.step_with(options)?;
            optimizer.zero_grad();
            if report.step() % 5 == 0 || report.skipped() {
                println!(
                    "step {:>2}  learning rate {:.5}  |g| {:8.3}  clipped by {:.3}{}",
                    report.step(),
                    report.learning_rate(),
                    report.gradient_norm(),
                    report.clip_factor(),
                    if report.skipped() { "  skipped" } else { "" },
                );
            }
        }
    }
    println!(
        "{} steps, {} skipped",
        optimizer.steps(),
        optimizer.skipped()
    );
    Ok(())
}
