//! Samples per second of training a recommender, the step included, as one line of JSON.
//!
//! `lawn-models/peers/recommender_torch.py` prints the same keys for PyTorch doing the same work: a
//! few batches of random samples over and over, so that nothing but the net and its optimizer is
//! timed.

use std::error::Error;
use std::time::Instant;

use clap::{Parser, ValueEnum};
use lawn_core::{AdamConfig, OptimizerConfig, Parameters, Schedule, StepOptions};
use lawn_models::models::ctr::{DcnV2, DcnV2Config, Dlrm, DlrmSmallConfig, DlrmSmallForm, Tables};
use lawn_models::models::{CtrShape, Mode, Model, NeuMf, NeuMfConfig};
use lawn_models::{PassGraphs, keep_host_memory, probe, set_threads};
use serde_json::json;
use tch::nn::{Path, VarStore};
use tch::{Device, Kind, Reduction, Tensor};

/// Users and items of MovieLens-1M.
const MOVIELENS: [i64; 2] = [6_040, 3_706];
/// Dense features and categorical columns of Criteo.
const CRITEO: [i64; 2] = [13, 26];
/// Batches that are gone through in turn.
const BATCHES: usize = 3;

#[derive(Parser)]
struct Options {
    /// The net
    #[arg(long, value_enum, default_value_t = Net::Neumf8)]
    model: Net,
    /// Samples per step
    #[arg(long, default_value_t = 10_000)]
    batch_size: i64,
    /// Rows of the table that all columns of a click model look into
    #[arg(long, default_value_t = 1 << 18)]
    rows: i64,
    /// Seconds that are timed, at the least a step
    #[arg(long, default_value_t = 2.0)]
    seconds: f64,
    /// Threads that one operation may use
    #[arg(long, default_value_t = 1)]
    threads: u32,
    /// Index of a CUDA device, in place of the CPU
    #[arg(long)]
    cuda: Option<usize>,
    /// Launch operations one by one on CUDA, in place of graphs
    #[arg(long)]
    no_graphs: bool,
}

/// Steps that are not timed where graphs are taken: those before the first replay that is not checked.
const BEFORE_GRAPHS: usize = 6;

#[derive(ValueEnum, Clone, Copy, PartialEq)]
#[value(rename_all = "snake_case")]
enum Net {
    /// NeuMF with 8 factors and layers 64-32-16-8
    Neumf8,
    /// NeuMF with 64 factors and layers 256-256-128-64
    Neumf64,
    /// AlgoPerf's DLRM-small
    DlrmSmall,
    /// DCN-v2 with three full cross layers and embeddings of 16
    DcnV2,
}

impl Net {
    fn build(self, path: &Path, rows: i64) -> Box<dyn Model> {
        let [users, items] = MOVIELENS;
        let shape = CtrShape {
            dense: CRITEO[0],
            columns: vec![rows; CRITEO[1] as usize],
            ..CtrShape::default()
        };
        match self {
            Self::Neumf8 => Box::new(NeuMf::new(path, &NeuMfConfig::new(users, items), 0)),
            Self::Neumf64 => {
                let config = NeuMfConfig {
                    factors: 64,
                    layers: vec![256, 256, 128, 64],
                    ..NeuMfConfig::new(users, items)
                };
                Box::new(NeuMf::new(path, &config, 0))
            }
            Self::DlrmSmall => {
                let form = DlrmSmallForm::Plain;
                let config = DlrmSmallConfig { form, dropout: 0.0 }.dlrm();
                Box::new(Dlrm::new(path, &config, &shape, 0))
            }
            Self::DcnV2 => {
                let config = DcnV2Config {
                    tables: Tables::Shared,
                    ..DcnV2Config::default()
                };
                Box::new(DcnV2::new(path, &config, &shape, 0))
            }
        }
    }

    /// Random inputs. Small row numbers of a click model are the frequent ones: the probability
    /// of a row falls as 1 / (row + 1).
    fn inputs(self, count: i64, rows: i64, device: Device) -> Vec<Tensor> {
        if matches!(self, Self::Neumf8 | Self::Neumf64) {
            let side = |bound| Tensor::randint(bound, [count], (Kind::Int64, device));
            return MOVIELENS.map(side).into();
        }
        let [dense, columns] = CRITEO;
        let uniform = Tensor::rand([count, columns], (Kind::Float, device));
        let found = (uniform * (rows as f64).ln()).exp().to_kind(Kind::Int64) - 1;
        let dense = Tensor::randn([count, dense], (Kind::Float, device));
        vec![dense, found.clamp(0, rows - 1)]
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let options = Options::parse();
    set_threads(options.threads);
    keep_host_memory();
    tch::manual_seed(0);
    let device = options.cuda.map_or(Device::Cpu, Device::Cuda);
    if device.is_cuda() {
        // Loads libtorch's CUDA half, which linking has dropped.
        probe();
    }
    let store = VarStore::new(device);
    let model = options.model.build(&store.root(), options.rows);
    let mut parameters = Parameters::from_var_store(&store)?;
    parameters.set_layers(model.layers())?;
    let adam = OptimizerConfig::new(AdamConfig::default(), Schedule::constant(1e-3));
    let mut optimizer = adam.build(parameters)?;

    let count = options.batch_size;
    let batches: Vec<(Vec<Tensor>, Tensor)> = (0..BATCHES)
        .map(|_| {
            let inputs = options.model.inputs(count, options.rows, device);
            let labels = Tensor::rand([count], (Kind::Float, device)).lt(0.25);
            (inputs, labels.to_kind(Kind::Float))
        })
        .collect();
    let mut loss = Tensor::zeros([], (Kind::Float, device));
    let has_graphs = device.is_cuda() && !options.no_graphs;
    let mut graphs = match has_graphs {
        true => PassGraphs::new(device, count as u64),
        false => PassGraphs::none(),
    };
    let mut held = Vec::new();
    let mut run = |steps: usize| -> Result<f64, lawn_core::Error> {
        held.clear();
        let started = Instant::now();
        for number in 0..steps {
            let (inputs, labels) = &batches[number % BATCHES];
            optimizer.zero_grad();
            let first = number as u64 * count as u64;
            let tensors: Vec<&Tensor> = inputs.iter().chain([labels]).collect();
            let pass = |given: &[Tensor]| {
                let (labels, inputs) = given.split_last().expect("there are labels");
                let logits = model.forward(inputs, Mode::Train { first });
                let loss = logits.binary_cross_entropy_with_logits::<Tensor>(
                    labels,
                    None,
                    None,
                    Reduction::Mean,
                );
                loss.backward();
                loss.detach()
            };
            let options = StepOptions::default();
            let begun = Instant::now();
            (loss, _) = graphs.step(&store, &tensors, first, &mut optimizer, options, &pass)?;
            held.push(begun.elapsed().as_secs_f64());
        }
        if let Device::Cuda(index) = device {
            tch::Cuda::synchronize(index as i64);
        }
        Ok(started.elapsed().as_secs_f64())
    };
    run(if has_graphs { BEFORE_GRAPHS } else { 1 })?;
    // A step that takes long is measured by itself.
    let (mut steps, mut seconds) = (1, run(1)?);
    if seconds < options.seconds {
        steps = ((options.seconds / seconds) as usize).clamp(1, 20_000);
        seconds = run(steps)?;
    }
    // Where the device is far behind, the host waits for it in some.
    held.sort_by(f64::total_cmp);
    let line = json!({
        "implementation": "lawn-models",
        "threads": options.threads,
        "batch_size": count,
        "host_seconds": held[held.len() / 4],
        "steps": steps,
        "samples_per_second": steps as f64 * count as f64 / seconds,
        "train_loss": loss.double_value(&[]),
        "graphs": has_graphs.then(|| graphs.used()),
        "not_captured": graphs.take_reason(),
    });
    println!("{line}");
    Ok(())
}
