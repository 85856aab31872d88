//! A batch that is taken in parts is the batch.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use tch::nn::VarStore;
use tch::{Device, Kind, Tensor};

use super::*;
use crate::data::{Batch, DataError, Dataset};
use crate::models::golden::greatest;
use crate::models::{
    CifarShortcut, ImageModelName, ImageModelOptions, Model, Vgg, VggConfig, VggDepth, VggHead,
};
use crate::ranks::Ranks;
use crate::tasks::{Task, TaskConfig, TrialConfig};
use crate::train::set_up::optimizer;
use crate::train::{SilentObserver, TrialContext};
use crate::trial::{Amount, OptimizerSettings, RuleName};
use lawn_core::CowClipConfig;

/// What one step comes to.
struct Step {
    loss: f64,
    /// The gradient of each parameter.
    gradients: BTreeMap<String, Tensor>,
    /// Running means and variances.
    statistics: BTreeMap<String, Tensor>,
    /// Each parameter before and after it.
    weights: BTreeMap<String, [Tensor; 2]>,
    /// What the net was given.
    inputs: Vec<Tensor>,
}

fn sgd() -> OptimizerSettings {
    OptimizerSettings::new(RuleName::Sgd, 1e-3)
}

/// The first step of a trial of a task that `prepare` may change.
fn first_step(
    task: TaskConfig,
    settings: OptimizerSettings,
    batch_size: u64,
    part: u64,
    prepare: impl FnOnce(&mut Task),
) -> Step {
    crate::set_threads(1);
    let config = TrialConfig {
        micro_batch_size: Some(part),
        ..TrialConfig::new(task, settings, batch_size, Amount::Epochs(1))
    };
    let folder = tempfile::tempdir().unwrap();
    let context = TrialContext {
        device: Device::Cpu,
        data_root: None,
        checkpoint: folder.path().join("checkpoint.safetensors"),
        checkpoint_every: Duration::MAX,
        keep_weights: false,
        deterministic: false,
        graphs: false,
    };
    let mut training = Training::new(
        &config,
        &context,
        None,
        &Ranks::alone(),
        &mut SilentObserver,
    )
    .unwrap();
    prepare(&mut training.task);
    (_, training.optimizer) = optimizer(&training.task, &config).unwrap();
    let batch = training.task.dataset.batch(0..batch_size, 1).unwrap();
    let variables = training.task.store.variables().into_iter();
    let (trained, rest): (Vec<_>, Vec<_>) = variables.partition(|(_, one)| one.requires_grad());
    let before: Vec<Tensor> = trained.iter().map(|(_, one)| one.detach().copy()).collect();
    step(&mut training, false).unwrap();
    let weights = trained
        .iter()
        .zip(before)
        .map(|((name, one), before)| (name.clone(), [before, one.detach().copy()]));
    let gradients = trained.iter();
    Step {
        loss: training.loss_sum.double_value(&[]) / batch_size as f64,
        gradients: gradients
            .map(|(name, one)| (name.clone(), one.grad().copy()))
            .collect(),
        statistics: rest.into_iter().collect(),
        weights: weights.collect(),
        inputs: batch.inputs,
    }
}

fn norm(tensor: &Tensor) -> f64 {
    tensor.norm().double_value(&[])
}

impl Step {
    fn norm(&self) -> f64 {
        let squares = self.gradients.values().map(|one| norm(one).powi(2));
        squares.sum::<f64>().sqrt()
    }

    /// The greatest difference, relative to the loss, to the gradient of a parameter but at
    /// least a thousandth of that of all, and to the statistics of a layer.
    fn difference(&self, other: &Self) -> f64 {
        let least = self.norm() / 1_000.0;
        let gradients = apart(&self.gradients, &other.gradients, least);
        let statistics = apart(&self.statistics, &other.statistics, 1e-3);
        greatest([(self.loss / other.loss - 1.0).abs(), gradients, statistics])
    }
}

/// The greatest difference between tensors of one name, relative to the first but at least to `least`.
fn apart(ones: &BTreeMap<String, Tensor>, others: &BTreeMap<String, Tensor>, least: f64) -> f64 {
    assert_eq!(ones.len(), others.len());
    greatest(ones.iter().map(|(name, one)| {
        let pair = [one, &others[name]];
        let [one, other] = pair.map(|tensor| tensor.to_kind(Kind::Double));
        norm(&(&one - &other)) / norm(&one).max(least)
    }))
}

/// Samples of which what a model is given is in another kind of numbers.
struct InKind(Arc<dyn Dataset>, Kind);

impl Dataset for InKind {
    fn len(&self) -> u64 {
        self.0.len()
    }

    fn batch(&self, samples: Range<u64>, epoch: u64) -> Result<Batch, DataError> {
        let Batch { inputs, targets } = self.0.batch(samples, epoch)?;
        let inputs = inputs.iter().map(|input| input.to_kind(self.1)).collect();
        Ok(Batch { inputs, targets })
    }
}

/// Samples that share their statistics.
const GHOST: u64 = 4;

/// A net's name, and how it is made.
type Net = (String, Box<dyn Fn(&VarStore) -> Box<dyn Model>>);

/// Makes each net with batch normalization that tasks know by name. A VGG for photographs has the head
/// of those for small pictures, whose weights are not a hundred million.
fn nets() -> Vec<Net> {
    let mut nets: Vec<Net> = Vec::new();
    let depths = [VggDepth::D11, VggDepth::D13, VggDepth::D16, VggDepth::D19];
    for depth in depths {
        let config = VggConfig {
            head: VggHead::Small,
            statistics_batch: GHOST,
            ..VggConfig::new(depth, true, 3)
        };
        let make = move |store: &VarStore| -> Box<dyn Model> {
            Box::new(Vgg::new(&store.root(), &config, 0))
        };
        nets.push((format!("{depth:?} of VGG"), Box::new(make)));
    }
    for &name in ImageModelName::ALL {
        let word = name.name();
        let is_vgg = word.starts_with("vgg") && !word.ends_with("_cifar");
        if is_vgg || word.starts_with("vit") {
            continue;
        }
        for shortcut in [CifarShortcut::A, CifarShortcut::B] {
            let options = ImageModelOptions {
                depth: 8,
                width: 4,
                shortcut,
                statistics_batch: GHOST,
                ..ImageModelOptions::new(SIDE, 3)
            };
            if name == ImageModelName::ResnetCifar || shortcut == CifarShortcut::A {
                let make = move |store: &VarStore| name.build(&store.root(), &options, 0);
                nets.push((format!("{word} {shortcut:?}"), Box::new(make)));
            }
        }
    }
    nets
}

/// Pixels of a side.
const SIDE: i64 = 32;

/// Every net with batch normalization, in ghost batches of four, in parts of one or two; the last is one
/// of three. In f64 what differs is nothing but the rounding of sums. In
/// f32 that of a sum of n terms is about √n·2⁻²⁴ of it, and the longest sums are those of the
/// first layer: over all pixels of a batch.
#[test]
fn parts_of_a_batch_come_to_the_batch_for_each_net_with_batch_normalization() {
    const BATCH: u64 = 11;
    let nets = nets();
    assert_eq!(nets.len(), 4 + 6 + 1 + 2);
    let table = json!({
        "depth": 8, "width": 4, "statistics_batch": GHOST,
        "generated": { "classes": 3, "side": SIDE, "train": 18, "test": 3 },
    });
    // Convolutions of other batches add up in another order, on some processors in every layer of 16.
    let rounding = 16.0 * ((BATCH * (SIDE * SIDE) as u64) as f64).sqrt() * 2f64.powi(-24);
    for (name, make) in &nets {
        // The blocks of these are those of ResNet-50, and their weights many.
        let is_deep = ["resnet101", "resnet152"]
            .iter()
            .any(|deep| name.starts_with(deep));
        for (kind, part, most) in [
            (Kind::Double, 2 * GHOST, 1e-12),
            (Kind::Float, GHOST, rounding),
        ] {
            if is_deep && kind == Kind::Float {
                continue;
            }
            let step = |part| {
                let task = TaskConfig::from_table("image", table.clone()).unwrap();
                first_step(task, sgd(), BATCH, part, |task| {
                    task.store = VarStore::new(Device::Cpu);
                    task.model = make(&task.store);
                    if kind == Kind::Double {
                        task.store.double();
                    }
                    task.dataset = Arc::new(InKind(task.dataset.clone(), kind));
                })
            };
            let whole = step(BATCH);
            assert!(whole.norm() > 0.1 && whole.statistics.len() > 1, "{name}");
            let found = whole.difference(&step(part));
            println!("{name} in parts of {part}, {kind:?}: {found:.1e} of {most:.1e}");
            assert!(
                found < most,
                "{name} in parts of {part}, {kind:?}: {found:e}"
            );
        }
    }
}

/// The size of a ghost batch is what does change a step.
#[test]
fn other_ghost_batches_come_to_another_step() {
    let step = |ghost: u64| {
        let table = json!({
            "depth": 8, "width": 4, "statistics_batch": ghost,
            "generated": { "classes": 3, "side": 16, "train": 18, "test": 3 },
        });
        let task = TaskConfig::from_table("image", table).unwrap();
        first_step(task, sgd(), 11, 11, |_| ())
    };
    let found = step(GHOST).difference(&step(128));
    assert!(found > 1e-3, "{found:e}");
}

/// 65,536 samples in 22 parts, of which the last is smaller. With these weights every logit is 0, so
/// that the gradient of a sample is ±1/2 over a power of two: f32 adds them up without rounding.
#[test]
fn a_batch_of_65536_is_divided_by_its_samples_whatever_its_parts() {
    let table = json!({ "model": "mf", "factors": 4, "negatives": 4 });
    let prepare = |task: &mut Task| {
        tch::no_grad(|| {
            for (name, mut variable) in task.store.variables() {
                let value = if name == "mf.item_embedding" {
                    1.0
                } else {
                    0.0
                };
                let _ = variable.fill_(value);
            }
        });
    };
    let [whole, parts] = [65_536, 3_000].map(|part| {
        let task = TaskConfig::from_table("ncf", table.clone()).unwrap();
        first_step(task, sgd(), 65_536, part, prepare)
    });
    let found = whole.difference(&parts);
    assert!(found < 1e-6, "{found:e}");
    // Four of five samples are negatives.
    let bias = whole.gradients["mf.bias"].double_value(&[0]);
    assert!((bias - (0.5 - 0.2)).abs() < 0.01, "{bias}");
    assert!((whole.loss - std::f64::consts::LN_2).abs() < 1e-6);
}

/// Clicks on four columns of 32, 16, 8 and 4 categories, and a net with linear terms beside its
/// embeddings.
fn clicks(tables: &str) -> TaskConfig {
    let table = json!({
        "model": { "name": "deepfm", "width": 4, "layers": [8], "tables": tables },
        "generated": { "rows": 3_000, "columns": 4, "vocabulary": 32 },
    });
    TaskConfig::from_table("ctr", table).unwrap()
}

/// Of each row of each table, how often the batch has its id; the tables as `clicks` has them.
fn counts(step: &Step, name: &str, rows: usize) -> Vec<f64> {
    let ids = Vec::<Vec<i64>>::try_from(&step.inputs[1]).unwrap();
    let column: Option<usize> = name.split('.').find_map(|part| part.parse().ok());
    let mut counts = vec![0.0; rows];
    for ids in ids {
        for (place, id) in ids.into_iter().enumerate() {
            let first = [0, 32, 48, 56][place];
            match column {
                Some(column) if column == place => counts[id as usize] += 1.0,
                Some(_) => {}
                None if rows == 60 => counts[(first + id) as usize] += 1.0,
                None => counts[id as usize] += 1.0,
            }
        }
    }
    counts
}

/// CowClip's equation in f64, with ids counted from the batch itself, for every way that tables
/// lie and however the batch is cut; linear terms are not clipped.
#[test]
fn cow_clip_counts_the_ids_of_the_whole_batch() {
    let (ratio, zeta) = (2e-3, 1e-3);
    let settings = OptimizerSettings {
        cow_clip: Some(CowClipConfig { ratio, zeta }),
        ..OptimizerSettings::new(RuleName::Sgd, 0.5)
    };
    for tables in ["joined", "separate", "shared"] {
        for part in [500, 97] {
            let found = first_step(clicks(tables), settings.clone(), 500, part, |_| {});
            let mut clipped = [0, 0];
            for (name, [before, after]) in &found.weights {
                let wide = |tensor: &Tensor| tensor.to_kind(Kind::Double);
                let (before, gradient) = (wide(before), wide(&found.gradients[name]));
                let expected = &before - &gradient * 0.5;
                if name.starts_with("embedding.") {
                    let rows = before.size()[0];
                    for (row, count) in counts(&found, name, rows as usize).iter().enumerate() {
                        let (w, g) = (before.get(row as i64), gradient.get(row as i64));
                        let largest = ratio * norm(&w).max(zeta) * count.max(1.0);
                        let is_clipped = norm(&g) > largest;
                        clipped[usize::from(is_clipped)] += 1;
                        let factor = largest / norm(&g).max(largest);
                        expected.get(row as i64).copy_(&(w - g * (factor * 0.5)));
                    }
                }
                let apart = norm(&(&expected - wide(after))) / norm(&expected).max(1e-9);
                assert!(apart < 1e-6, "{tables}, {part}, {name}: {apart:e}");
            }
            assert!(clipped.into_iter().all(|count| count > 0), "{clipped:?}");
        }
    }
}

/// Rules by row and CowClip: a batch in parts is the batch.
#[test]
fn a_batch_of_clicks_in_parts_is_the_batch() {
    let cow_clip = Some(CowClipConfig {
        ratio: 2e-3,
        zeta: 1e-3,
    });
    for rule in [
        RuleName::Sgd,
        RuleName::Adagrad,
        RuleName::RowwiseAdagrad,
        RuleName::LazyAdam,
    ] {
        for cow_clip in [None, cow_clip] {
            let settings = OptimizerSettings {
                cow_clip,
                epsilon: (rule != RuleName::Sgd).then_some(1e-3),
                ..OptimizerSettings::new(rule, 1e-2)
            };
            let [whole, parts] = [2_000, 111]
                .map(|part| first_step(clicks("joined"), settings.clone(), 2_000, part, |_| {}));
            for (name, [before, after]) in &whole.weights {
                let other = &parts.weights[name][1];
                assert_ne!(before, after, "{name}");
                let apart = norm(&(after - other)) / norm(after);
                assert!(apart < 1e-6, "{rule:?}, {cow_clip:?}, {name}: {apart:e}");
            }
        }
    }
}

/// NeuMF looks ids up in four tables, and in one of two ways.
#[test]
fn ids_of_implicit_feedback_are_counted_too() {
    let table = json!({
        "model": "neumf", "factors": 4, "layers": [8, 4],
        "generated": { "users": 40, "items": 150, "interactions": 12 },
    });
    let task = || TaskConfig::from_table("ncf", table.clone()).unwrap();
    let (ratio, zeta) = (1e-3, 1e-3);
    let clipping = OptimizerSettings {
        cow_clip: Some(CowClipConfig { ratio, zeta }),
        ..OptimizerSettings::new(RuleName::Sgd, 0.5)
    };
    // A batch of few samples looks rows up, one of many multiplies tables first.
    for (batch_size, part) in [(30, 30), (800, 800), (800, 77)] {
        let found = first_step(task(), clipping.clone(), batch_size, part, |_| {});
        for (name, [before, after]) in &found.weights {
            let Some(side) = ["user_embedding", "item_embedding"]
                .iter()
                .position(|table| name.ends_with(table))
            else {
                continue;
            };
            let ids = Vec::<i64>::try_from(&found.inputs[side]).unwrap();
            for row in 0..before.size()[0] {
                let count = ids.iter().filter(|id| **id == row).count() as f64;
                let wide = |tensor: &Tensor| tensor.get(row).to_kind(Kind::Double);
                let [w, moved, g] = [before, after, &found.gradients[name]].map(wide);
                let largest = ratio * norm(&w).max(zeta) * count.max(1.0);
                let expected = &w - &g * (0.5 * largest / norm(&g).max(largest));
                let apart = norm(&(moved - expected)) / norm(&w);
                assert!(apart < 1e-6, "{batch_size}, {name}, {row}: {apart:e}");
            }
        }
    }
}
