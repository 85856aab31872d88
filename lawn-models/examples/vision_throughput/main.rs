//! Images per second of training a net for pictures, the step included, as one line of JSON.
//!
//! `lawn-models/peers/vision_torch.py` prints the same keys for PyTorch doing the same work: one
//! batch of random pictures over and over, so that nothing but the net and its optimizer is timed. With
//! `--trial` a trial of ResNet-20 is timed instead, on pictures that are cropped and flipped.

mod trial;

use std::error::Error;
use std::time::Instant;

use clap::{Parser, ValueEnum};
use lawn_core::{
    AdamConfig, OptimizerConfig, RuleConfig, Schedule, SgdConfig, StepOptions, WeightDecay,
};
use lawn_models::models::{ImageModelName, ImageModelOptions, Layout, Mode, parameters};
use lawn_models::{
    Autocast, CudnnMeasuring, Deterministic, HalfKind, PassGraphs, keep_host_memory, probe,
    set_threads,
};
use serde_json::json;
use tch::nn::VarStore;
use tch::{Device, Kind, Reduction, Tensor};

#[derive(Parser)]
struct Options {
    /// Name of the net, as in a sweep file
    #[arg(long, default_value = "resnet18_cifar")]
    model: String,
    /// Side of the pictures in pixels
    #[arg(long, default_value_t = 32)]
    image_size: i64,
    /// Classes of the pictures
    #[arg(long, default_value_t = 10)]
    classes: i64,
    /// Images per step
    #[arg(long, default_value_t = 128)]
    batch_size: i64,
    /// Steps that are timed
    #[arg(long, default_value_t = 10)]
    steps: u32,
    /// Steps before them that are not
    #[arg(long, default_value_t = 2)]
    warm_up: u32,
    /// Threads that one operation may use
    #[arg(long, default_value_t = 1)]
    threads: u32,
    /// Kind of numbers that is computed in
    #[arg(long, value_enum, default_value_t = Precision::F32)]
    precision: Precision,
    /// Lay weights and pictures with their channels last
    #[arg(long)]
    channels_last: bool,
    /// Rule of the optimizer
    #[arg(long, value_enum, default_value_t = Rule::Sgd)]
    rule: Rule,
    /// Index of a CUDA device, in place of the CPU
    #[arg(long)]
    cuda: Option<usize>,
    /// Launch operations one by one on CUDA, in place of graphs
    #[arg(long)]
    no_graphs: bool,
    /// Take operations that give the same bits each time
    #[arg(long)]
    deterministic: bool,
    /// Train a trial of ResNet-20 on pictures that are cropped and flipped, in place of one batch
    #[arg(long)]
    trial: bool,
    /// Pictures of the trial
    #[arg(long, default_value_t = 12_800)]
    images: u32,
    /// Epochs of the trial that are timed, after one that is not
    #[arg(long, default_value_t = 3)]
    epochs: u64,
}

/// Steps that are not timed where graphs are taken, at the least: those before the first replay that is
/// not checked.
const BEFORE_GRAPHS: u32 = 6;

#[derive(ValueEnum, Clone, Copy)]
enum Precision {
    F32,
    Bf16,
}

#[derive(ValueEnum, Clone, Copy)]
enum Rule {
    Sgd,
    Adamw,
}

fn optimizer(rule: Rule) -> OptimizerConfig {
    let (rule, decay): (RuleConfig, _) = match rule {
        Rule::Sgd => {
            let momentum = SgdConfig {
                momentum: 0.9,
                ..SgdConfig::default()
            };
            (momentum.into(), WeightDecay::L2 { rate: 1e-4 })
        }
        Rule::Adamw => (
            AdamConfig::default().into(),
            WeightDecay::Decoupled { rate: 0.1 },
        ),
    };
    OptimizerConfig::new(rule, Schedule::constant(1e-3)).with_decay(decay)
}

fn trial(options: &Options, device: Device) -> trial::Trial {
    trial::Trial {
        device,
        batch_size: options.batch_size.unsigned_abs(),
        images: options.images,
        side: options.image_size.unsigned_abs() as u32,
        classes: options.classes.unsigned_abs() as u32,
        epochs: options.epochs,
        bf16: matches!(options.precision, Precision::Bf16),
        channels_last: options.channels_last,
        graphs: !options.no_graphs,
        deterministic: options.deterministic,
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let options = Options::parse();
    // As training does it.
    keep_host_memory();
    set_threads(options.threads);
    tch::manual_seed(0);
    let device = options.cuda.map_or(Device::Cpu, Device::Cuda);
    if device.is_cuda() {
        // Loads libtorch's CUDA half, which linking has dropped.
        probe();
    }
    if options.trial {
        println!("{}", trial(&options, device).run()?);
        return Ok(());
    }
    // As training does it.
    let _region = (options.deterministic && device.is_cuda()).then(Deterministic::begin);
    let _measuring = CudnnMeasuring::of_training(device, options.deterministic);
    let name: ImageModelName = serde_json::from_value(json!(options.model))?;
    let store = VarStore::new(device);
    let sizes = ImageModelOptions::new(options.image_size, options.classes);
    let model = name.build(&store.root(), &sizes, 0);
    let layout = if options.channels_last {
        Layout::ChannelsLast
    } else {
        Layout::Contiguous
    };
    layout.lay_weights(&store);
    let mut optimizer = optimizer(options.rule).build(parameters(&*model, &store)?)?;

    let (count, side) = (options.batch_size, options.image_size);
    let images = Tensor::randn([count, 3, side, side], (Kind::Float, device));
    let images = [layout.lay(&images)];
    let labels = Tensor::randint(options.classes, [count], (Kind::Int64, device));
    let mut loss = Tensor::zeros([], (Kind::Float, device));
    let has_graphs = device.is_cuda() && !options.no_graphs;
    let mut graphs = match has_graphs {
        true => PassGraphs::new(device, count as u64),
        false => PassGraphs::none(),
    };
    let mut step = |number: u32| -> Result<(), lawn_core::Error> {
        optimizer.zero_grad();
        let first = u64::from(number) * count as u64;
        let pass = |given: &[Tensor]| {
            let loss = {
                let _region = match options.precision {
                    Precision::F32 => None,
                    Precision::Bf16 => Some(Autocast::begin(device, HalfKind::Bf16)),
                };
                let logits = model.forward(&given[..1], Mode::Train { first });
                logits.cross_entropy_loss::<Tensor>(&given[1], None, Reduction::Mean, -100, 0.0)
            };
            loss.backward();
            loss.detach()
        };
        let tensors = [&images[0], &labels];
        let options = StepOptions::default();
        (loss, _) = graphs.step(&store, &tensors, first, &mut optimizer, options, &pass)?;
        Ok(())
    };
    let synchronize = || {
        if let Device::Cuda(index) = device {
            tch::Cuda::synchronize(index as i64);
        }
    };
    let least = if has_graphs { BEFORE_GRAPHS } else { 0 };
    let warm_up = options.warm_up.max(least);
    for number in 0..warm_up {
        step(number)?;
    }
    synchronize();
    let started = Instant::now();
    let mut held = Vec::new();
    for number in 0..options.steps {
        let begun = Instant::now();
        step(warm_up + number)?;
        held.push(begun.elapsed().as_secs_f64());
    }
    synchronize();
    let seconds = started.elapsed().as_secs_f64();
    // Where the device is far behind, the host waits for it in some.
    held.sort_by(f64::total_cmp);
    let line = json!({
        "implementation": "lawn-models",
        "model": options.model,
        "threads": options.threads,
        "batch_size": count,
        "images_per_second": f64::from(options.steps) * count as f64 / seconds,
        "train_loss": loss.double_value(&[]),
        "host_seconds": held[held.len() / 4],
        "graphs": has_graphs.then(|| graphs.used()),
        "not_captured": graphs.take_reason(),
    });
    println!("{line}");
    Ok(())
}
