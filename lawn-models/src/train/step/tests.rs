//! A batch that is taken in parts is the batch.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::json;
use tch::nn::VarStore;
use tch::{Device, Kind, Tensor};

use super::*;
use crate::models::golden::greatest;
use crate::tasks::{TaskConfig, TrialConfig};
use crate::train::{SilentObserver, TrialContext};
use crate::trial::{Amount, OptimizerSettings, RuleName};

/// What one step comes to.
struct Step {
    loss: f64,
    /// The gradient of each parameter.
    gradients: BTreeMap<String, Tensor>,
}

/// The first step of a trial, from weights that `prepare` may change.
fn first_step(
    task: TaskConfig,
    batch_size: u64,
    part: u64,
    prepare: impl FnOnce(&VarStore),
) -> Step {
    crate::set_threads(1);
    let config = TrialConfig {
        micro_batch_size: Some(part),
        ..TrialConfig::new(
            task,
            OptimizerSettings::new(RuleName::Sgd, 1e-3),
            batch_size,
            Amount::Epochs(1),
        )
    };
    let folder = tempfile::tempdir().unwrap();
    let context = TrialContext {
        device: Device::Cpu,
        data_root: None,
        checkpoint: folder.path().join("checkpoint.safetensors"),
        checkpoint_every: Duration::MAX,
        keep_weights: false,
    };
    let mut training = Training::new(&config, &context, None, &mut SilentObserver).unwrap();
    prepare(&training.task.store);
    step(&mut training, false).unwrap();
    let gradients = training.task.store.variables().into_iter();
    Step {
        loss: training.loss_sum.double_value(&[]) / batch_size as f64,
        gradients: gradients
            .map(|(name, one)| (name, one.grad().copy()))
            .collect(),
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

    /// The greatest difference, relative to the loss, and to the gradient of a parameter but at
    /// least a thousandth of that of all.
    fn difference(&self, other: &Self) -> f64 {
        let least = self.norm() / 1_000.0;
        let each = self.gradients.iter().map(|(name, one)| {
            let pair = [one, &other.gradients[name]];
            let [one, other] = pair.map(|tensor| tensor.to_kind(Kind::Double));
            norm(&(&one - &other)) / norm(&one).max(least)
        });
        greatest(each.chain([(self.loss / other.loss - 1.0).abs()]))
    }
}

/// 65,536 samples in 22 parts, of which the last is smaller. With these weights every logit is 0, so
/// that the gradient of a sample is ±1/2 over a power of two: f32 adds them up without rounding.
#[test]
fn a_batch_of_65536_is_divided_by_its_samples_whatever_its_parts() {
    let table = json!({ "model": "mf", "factors": 4, "negatives": 4 });
    let prepare = |store: &VarStore| {
        tch::no_grad(|| {
            for (name, mut variable) in store.variables() {
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
        first_step(task, 65_536, part, prepare)
    });
    let found = whole.difference(&parts);
    assert!(found < 1e-6, "{found:e}");
    // Four of five samples are negatives.
    let bias = whole.gradients["mf.bias"].double_value(&[0]);
    assert!((bias - (0.5 - 0.2)).abs() < 0.01, "{bias}");
    assert!((whole.loss - std::f64::consts::LN_2).abs() < 1e-6);
}
