//! Times steps on a device, and how long the host is held up by each.
//!
//! ```text
//! cargo run --release -p lawn-core --example accelerator -- --device cuda
//!     --device cpu | cuda | cuda:N    cpu if left out
//!     --threads N                     libtorch's, for the CPU
//!     --rounds N                      the fastest of which counts; 5 if left out
//!     --only TEXT                     only tensors whose name contains this
//!     --alone                         only the kernels, not what the device would have otherwise
//!     --json                          one line a result, for peers/accelerator.py
//!     --shapes                        only the shapes for the device before it, as JSON
//! ```
//!
//! Where there is no CUDA device it says so and ends.

mod device;

use std::collections::BTreeMap;
use std::time::Instant;

use lawn_core::{
    AdamConfig, AdamPConfig, Backend, LambConfig, LawnConfig, LionConfig, NadamwConfig, Optimizer,
    OptimizerConfig, Parameter, Parameters, Role, RuleConfig, Schedule, ScheduleFreeConfig, Scope,
    SgdConfig, WeightDecay,
};
use tch::{Cuda, Device, Kind, Tensor};

type Failure = Box<dyn std::error::Error>;

struct Arguments {
    device: Device,
    rounds: usize,
    alone: bool,
    json: bool,
}

fn main() -> Result<(), Failure> {
    let (mut device, mut rounds) = ("cpu".to_owned(), 5);
    let (mut only, mut alone, mut json) = (String::new(), false, false);
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        let mut value = || arguments.next().ok_or(format!("{argument} needs a value"));
        match argument.as_str() {
            "--device" => device = value()?,
            "--rounds" => rounds = value()?.parse::<usize>()?.max(1),
            "--threads" => tch::set_num_threads(value()?.parse()?),
            "--only" => only = value()?,
            "--alone" => alone = true,
            "--json" => json = true,
            "--shapes" => {
                let sets: BTreeMap<_, _> = sets(&device, &only).into_iter().collect();
                println!("{}", serde_json::to_string(&sets)?);
                return Ok(());
            }
            other => return Err(format!("{other} is not an argument").into()),
        }
    }
    let sets = sets(&device, &only);
    let Some(device) = device::find(&device)? else {
        println!("no CUDA device here");
        return Ok(());
    };
    let arguments = Arguments {
        device,
        rounds,
        alone,
        json,
    };
    run(&arguments, &sets)
}

/// A name, and shapes.
type Set = (&'static str, Vec<Vec<i64>>);

/// Shapes like those of models; the largest only where a device has room for them.
fn sets(device: &str, only: &str) -> Vec<Set> {
    let mut sets = vec![
        ("NeuMF", neumf()),
        ("ResNet-50", resnet50()),
        ("300 × 4096", vec![vec![64, 64]; 300]),
    ];
    if device != "cpu" {
        sets.push(("one of 33.5M", vec![vec![8192, 4096]]));
        sets.push(("72 × 1024 × 4096", vec![vec![1024, 4096]; 72]));
    }
    sets.retain(|(name, _)| name.contains(only));
    sets
}

fn neumf() -> Vec<Vec<i64>> {
    let tables = [[6040, 8], [3706, 8], [6040, 32], [3706, 32]].map(Vec::from);
    let layers = [(32, 64), (16, 32), (8, 16), (1, 16)];
    let layers = layers.map(|(n, m)| [vec![n, m], vec![n]]);
    tables
        .into_iter()
        .chain(layers.into_iter().flatten())
        .collect()
}

fn resnet50() -> Vec<Vec<i64>> {
    let mut shapes = Vec::new();
    let mut convolution = |out: i64, from: i64, size: i64| {
        shapes.extend([vec![out, from, size, size], vec![out], vec![out]]);
    };
    convolution(64, 3, 7);
    let mut from = 64;
    for (width, blocks) in [(64, 3), (128, 4), (256, 6), (512, 3)] {
        for block in 0..blocks {
            convolution(width, from, 1);
            convolution(width, width, 3);
            convolution(4 * width, width, 1);
            if block == 0 {
                convolution(4 * width, from, 1);
            }
            from = 4 * width;
        }
    }
    shapes.extend([vec![1000, from], vec![1000]]);
    shapes
}

fn configs() -> Vec<(&'static str, OptimizerConfig)> {
    let sgd = SgdConfig {
        momentum: 0.9,
        ..SgdConfig::default()
    };
    let adam = AdamConfig::default();
    let config = |rule: RuleConfig, constrained: bool| OptimizerConfig {
        lawn: constrained.then(|| LawnConfig {
            scope: Scope::AllWeights,
            ..LawnConfig::new(0)
        }),
        decay: match constrained {
            true => WeightDecay::None,
            false => WeightDecay::Decoupled { rate: 0.01 },
        },
        ..OptimizerConfig::new(rule, Schedule::constant(1e-3))
    };
    let plain = OptimizerConfig {
        check_finite: false,
        decay: WeightDecay::None,
        ..config(sgd.into(), false)
    };
    let unchecked_of = |rule: RuleConfig| OptimizerConfig {
        check_finite: false,
        ..config(rule, false)
    };
    vec![
        ("SGD, unchecked", plain),
        ("AdamW, unchecked", unchecked_of(adam.into())),
        ("AdamW", config(adam.into(), false)),
        ("Adam-LAWN", config(adam.into(), true)),
        ("SGD-LAWN", config(sgd.into(), true)),
        (
            "LAMB, unchecked",
            unchecked_of(LambConfig::default().into()),
        ),
        ("LAMB-LAWN", config(LambConfig::default().into(), true)),
        (
            "NAdamW, unchecked",
            unchecked_of(NadamwConfig::default().into()),
        ),
        (
            "Lion, unchecked",
            unchecked_of(LionConfig::default().into()),
        ),
        (
            "AdamP, unchecked",
            unchecked_of(AdamPConfig::default().into()),
        ),
        (
            "Schedule-Free, unchecked",
            unchecked_of(ScheduleFreeConfig::default().into()),
        ),
        (FRESH, config(adam.into(), true)),
    ]
}

/// Gradients lie elsewhere in each step, so that the device is told each time where.
const FRESH: &str = "Adam-LAWN, fresh gradients";

/// Two sets of gradients, which take turns.
struct Fresh {
    tensors: Vec<Tensor>,
    sets: [Vec<Tensor>; 2],
}

impl Fresh {
    fn of(tensors: &[Tensor]) -> Self {
        let copies = || tensors.iter().map(|tensor| tensor.grad().copy()).collect();
        Self {
            tensors: tensors.iter().map(Tensor::shallow_clone).collect(),
            sets: [copies(), copies()],
        }
    }

    fn give(&self, step: usize) {
        for (tensor, gradient) in self.tensors.iter().zip(&self.sets[step % 2]) {
            tensor.grad().set_data(gradient);
        }
    }
}

fn run(arguments: &Arguments, sets: &[Set]) -> Result<(), Failure> {
    let device = arguments.device;
    // What stands beside it: what the device would have otherwise.
    let beside = match device {
        Device::Cpu => ("kernels", Backend::Auto),
        _ => ("operations", Backend::Reference),
    };
    if !arguments.json {
        let on = match device {
            Device::Cpu => format!("the CPU, {} threads", tch::get_num_threads()),
            device => format!("{device:?}"),
        };
        println!("milliseconds a step on {on}; held: until the host goes on\n");
        let head = format!("{:<24}{:<28}{:<14}{:>9}{:>9}", "", "", "", "step", "held");
        println!("{head}");
    }
    for (set, shapes) in sets {
        let tensors = tensors(shapes, device);
        let elements: i64 = tensors.iter().map(|t| t.numel() as i64).sum();
        let steps = (20_000_000 / elements).clamp(3, 50) as usize;
        for (name, config) in configs() {
            let paths = [("cuda", Backend::Cuda), beside];
            for (path, backend) in paths.into_iter().take(if arguments.alone { 1 } else { 2 }) {
                let config = OptimizerConfig {
                    backend,
                    ..config.clone()
                };
                let mut optimizer = optimizer(config, &tensors)?;
                let fresh = (name == FRESH).then(|| Fresh::of(&tensors));
                let (step, held) = fastest(
                    &mut optimizer,
                    device,
                    arguments.rounds,
                    steps,
                    fresh.as_ref(),
                )?;
                if arguments.json {
                    let line = serde_json::json!({
                        "set": set, "name": name, "path": path, "step": step, "held": held,
                    });
                    println!("{line}");
                } else {
                    let set = format!("{set}, {} tensors", shapes.len());
                    let (step, held) = (step * 1e3, held * 1e3);
                    println!("{set:<24}{name:<28}{path:<14}{step:>9.3}{held:>9.3}");
                }
            }
        }
    }
    Ok(())
}

/// Random weights with random gradients, which no step changes.
fn tensors(shapes: &[Vec<i64>], device: Device) -> Vec<Tensor> {
    let one = |shape: &Vec<i64>| {
        let tensor = Tensor::randn(shape, (Kind::Float, device)).set_requires_grad(true);
        let gradient = Tensor::randn(shape, (Kind::Float, device)) * 0.01;
        (&tensor * gradient).sum(Kind::Float).backward();
        tensor
    };
    shapes.iter().map(one).collect()
}

fn optimizer(config: OptimizerConfig, tensors: &[Tensor]) -> Result<Optimizer, Failure> {
    let parameters = tensors.iter().enumerate().map(|(i, tensor)| Parameter {
        name: format!("p{i}"),
        role: if tensor.dim() >= 2 {
            Role::Weight
        } else {
            Role::Bias
        },
        tensor: tensor.shallow_clone(),
    });
    Ok(config.build(Parameters::new(parameters.collect())?)?)
}

/// Seconds a step until the device is done, and that the step itself holds the host, in the
/// fastest of some rounds.
fn fastest(
    optimizer: &mut Optimizer,
    device: Device,
    rounds: usize,
    steps: usize,
    fresh: Option<&Fresh>,
) -> Result<(f64, f64), Failure> {
    let wait = || {
        if let Device::Cuda(index) = device {
            Cuda::synchronize(index as i64);
        }
    };
    let mut fastest = (f64::INFINITY, f64::INFINITY);
    // One more, which warms up.
    for round in 0..=rounds {
        wait();
        let start = Instant::now();
        let mut held = 0.0;
        for number in 0..steps {
            if let Some(fresh) = fresh {
                fresh.give(number);
            }
            let begun = Instant::now();
            optimizer.step()?;
            held += begun.elapsed().as_secs_f64() / steps as f64;
        }
        wait();
        let step = start.elapsed().as_secs_f64() / steps as f64;
        if round > 0 && step < fastest.0 {
            fastest = (step, held);
        }
    }
    Ok(fastest)
}
