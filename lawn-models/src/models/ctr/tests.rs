//! The nets that predict clicks against PyTorch.
//!
//! `goldens/clicks.py` wrote the values that they are held to, and says how.

use std::collections::BTreeMap;

use lawn_core::{Map, Parameters, Role};
use serde::Deserialize;
use serde_json::json;
use tch::nn::VarStore;
use tch::{Device, Kind, Reduction, Tensor};

use super::{CtrModelConfig, CtrShape};
use crate::models::golden::greatest;
use crate::models::model::Mode;
use crate::models::parity::{error, fill, norm, tensor, uniform, values};

const TRAIN: Mode = Mode::Train { first: 0 };

#[derive(Deserialize)]
struct Golden {
    config: CtrModelConfig,
    dense: i64,
    columns: Vec<i64>,
    parameters: i64,
    logits: Vec<f64>,
    loss: f64,
    gradients: Vec<[f64; 2]>,
}

impl Golden {
    fn shape(&self) -> CtrShape {
        CtrShape {
            dense: self.dense,
            columns: self.columns.clone(),
            ..CtrShape::default()
        }
    }
}

fn goldens() -> (f64, BTreeMap<String, Golden>) {
    let text = include_str!("../../../goldens/clicks.json");
    let file: BTreeMap<String, serde_json::Value> = serde_json::from_str(text).unwrap();
    let tolerance = file["tolerance"].as_f64().unwrap();
    let nets = file.into_iter().filter(|(_, value)| value.is_object());
    let nets = nets.map(|(name, value)| (name, serde_json::from_value(value).unwrap()));
    (tolerance, nets.collect())
}

/// The samples of a golden, in floats of a kind.
fn inputs(golden: &Golden, kind: Kind) -> [Tensor; 2] {
    let (samples, columns) = (golden.logits.len() as i64, golden.columns.len() as i64);
    let dense = uniform("dense", (samples * golden.dense) as usize);
    let dense = tensor(dense, &[samples, golden.dense], Kind::Float).to_kind(kind);
    let place = Tensor::arange(samples * columns, (Kind::Int64, Device::Cpu));
    let rows =
        (place.view([samples, columns]) * 7).remainder_tensor(&Tensor::from_slice(&golden.columns));
    [dense, rows]
}

/// The greatest error of logits, loss and gradients, relative to their values.
fn greatest_error(golden: &Golden, kind: Kind) -> f64 {
    let mut store = VarStore::new(Device::Cpu);
    let model = golden.config.build(&store.root(), &golden.shape(), 0);
    fill(&store);
    store.set_kind(kind);
    let logits = model.forward(&inputs(golden, kind), TRAIN);
    let labels = Tensor::arange(logits.numel() as i64, (Kind::Int64, Device::Cpu));
    let labels = labels.remainder(3).eq(0).to_kind(kind);
    let loss =
        logits.binary_cross_entropy_with_logits::<Tensor>(&labels, None, None, Reduction::Sum);
    loss.backward();
    let variables: BTreeMap<String, Tensor> = store.variables().into_iter().collect();
    assert_eq!(variables.len(), golden.gradients.len());
    let mut errors = vec![
        error(&values(&logits), &golden.logits),
        (loss.double_value(&[]) / golden.loss - 1.0).abs(),
    ];
    for ((name, parameter), [length, product]) in variables.iter().zip(&golden.gradients) {
        let gradient = parameter.grad();
        let direction = tensor(uniform(name, gradient.numel()), &gradient.size(), kind);
        let found = (&gradient * direction).sum(Kind::Double).double_value(&[]);
        let of_norm = (norm(&gradient) - length).abs();
        errors.extend([of_norm, (found - product).abs()].map(|one| one / length));
    }
    greatest(errors)
}

#[test]
fn logits_loss_and_every_gradient_are_those_of_pytorch() {
    let (tolerance, nets) = goldens();
    assert_eq!(nets.len(), 15);
    for (name, golden) in nets {
        let single = greatest_error(&golden, Kind::Float);
        let exact = greatest_error(&golden, Kind::Double);
        println!("{name}: {single:.1e} {exact:.1e}");
        assert!(single <= tolerance, "{name}: {single:e}");
        // Numbers of the file are rounded to nine digits.
        assert!(exact <= 1e-8, "{name}: {exact:e}");
    }
}

#[test]
fn counted_parameters_are_those_that_are_made() {
    for (name, golden) in goldens().1 {
        let store = VarStore::new(Device::Cpu);
        golden.config.build(&store.root(), &golden.shape(), 0);
        let made: usize = store.variables().values().map(Tensor::numel).sum();
        assert_eq!(made as i64, golden.parameters, "{name}");
        let counted = golden.config.parameters(&golden.shape());
        assert_eq!(counted, golden.parameters, "{name}");
    }
}

#[test]
fn published_parameter_counts_to_the_digit() {
    let count = |config: serde_json::Value, columns: Vec<i64>| {
        let config: CtrModelConfig = serde_json::from_value(config).unwrap();
        config.parameters(&CtrShape {
            dense: 13,
            columns,
            ..CtrShape::default()
        })
    };
    let small = |form: &str, rows: i64| {
        let config = json!({ "name": "dlrm_small", "form": form });
        count(config, vec![rows; 26])
    };
    // AlgoPerf's workload criteo1tb and its variants; the vocabulary of its tests.
    assert_eq!(small("plain", 4_194_304), 539_267_457);
    assert_eq!(small("layer_norm", 4_194_304), 539_275_137);
    assert_eq!(small("residual", 4_194_304), 538_121_473);
    assert_eq!(small("plain", 32 * 128 * 16), 10_785_153);
    // MLPerf's DLRM-DCNv2 with its 26 tables.
    let big = 40_000_000;
    let columns = vec![
        big, 39_060, 17_295, 7_424, 20_265, 3, 7_122, 1_543, 63, big, 3_067_956, 405_282, 10,
        2_209, 11_938, 155, 4, 976, 14, big, big, big, 590_152, 12_973, 108, 36,
    ];
    let mlperf = super::DcnV2Config::mlperf();
    let config = serde_json::to_value(CtrModelConfig::DcnV2(mlperf)).unwrap();
    assert_eq!(count(config, columns), 26_151_671_809);
}

/// What weight decay and norm constraints go by.
#[test]
fn layers_name_each_parameter_once_and_roles_are_right() {
    for (name, golden) in goldens().1 {
        let store = VarStore::new(Device::Cpu);
        let model = golden.config.build(&store.root(), &golden.shape(), 0);
        let layers = model.layers().into_iter();
        let listed: Vec<String> = layers.flat_map(|one| one.parameters).collect();
        let made = Parameters::from_var_store(&store).unwrap();
        let names: Vec<String> = made.iter().map(|one| one.name.clone()).collect();
        assert_eq!(listed, names, "{name}");
        for one in made.iter() {
            let expected = match &one.name {
                name if name.contains("norm.") => Role::Norm,
                name if name.ends_with("bias") => Role::Bias,
                name if name.contains("embedding") => Role::Embedding,
                _ => Role::Weight,
            };
            assert_eq!(one.role, expected, "{name}: {}", one.name);
        }
    }
}

/// What is added up last is as far from the output on each way.
#[test]
fn rates_of_a_wide_part_are_those_of_the_last_layer() {
    let scales = |config: serde_json::Value| -> Vec<(String, f64)> {
        let config: CtrModelConfig = serde_json::from_value(config).unwrap();
        let shape = CtrShape {
            dense: 2,
            columns: vec![5, 7],
            ..CtrShape::default()
        };
        let store = VarStore::new(Device::Cpu);
        let model = config.build(&store.root(), &shape, 0);
        let parameters = crate::models::parameters(&*model, &store).unwrap();
        let groups = parameters.groups_by_depth(0.5).unwrap().into_iter();
        groups
            .map(|one| (one.pattern, one.learning_rate_scale))
            .collect()
    };
    for name in ["wide_deep", "deepfm"] {
        let found = scales(serde_json::json!({ "name": name, "layers": [8, 8] }));
        let first = found
            .iter()
            .take_while(|(name, _)| name.starts_with("wide."));
        assert!(first.clone().count() > 1, "{found:?}");
        assert!(first.clone().all(|(_, scale)| *scale == 1.0), "{found:?}");
        let last = &found[found.len() - 1];
        assert_eq!(last.1, 1.0, "{found:?}");
        let least = found.iter().map(|(_, scale)| *scale).fold(1.0, f64::min);
        assert_eq!(least, 0.125, "{found:?}");
    }
}

#[test]
fn what_follows_the_last_normalization_is_the_final_sub_network() {
    let last = |config: serde_json::Value| {
        let config: CtrModelConfig = serde_json::from_value(config).unwrap();
        let shape = CtrShape {
            dense: 3,
            columns: vec![5; 4],
            ..CtrShape::default()
        };
        let store = VarStore::new(Device::Cpu);
        let layers = config.build(&store.root(), &shape, 0).layers();
        let last = layers.iter().rev();
        let last = last.take_while(|layer| layer.map == Map::Homogeneous);
        (last.count(), layers.len())
    };
    let sizes = json!({ "name": "dlrm", "width": 8, "bottom": [8], "top": [16, 16] });
    assert_eq!(last(sizes.clone()), (5, 5));
    let mut normalized = sizes;
    normalized["layer_norm"] = true.into();
    assert_eq!(last(normalized), (1, 9));
    assert_eq!(
        last(json!({ "name": "dlrm_small", "form": "layer_norm" })),
        (1, 17)
    );
}

#[test]
fn every_name_is_read_and_written_back() {
    for name in [
        "logistic",
        "wide_deep",
        "deepfm",
        "dcn_v2",
        "dlrm",
        "dlrm_small",
    ] {
        let config: CtrModelConfig = serde_json::from_value(json!({ "name": name })).unwrap();
        config.validate().unwrap();
        let written = serde_json::to_value(&config).unwrap();
        assert_eq!(written["name"], name);
        assert_eq!(
            serde_json::from_value::<CtrModelConfig>(written).unwrap(),
            config
        );
    }
}

#[test]
fn sizes_that_no_net_can_have_are_refused_by_name() {
    for (settings, setting) in [
        (json!({ "name": "dcn_v2", "rank": 0 }), "rank"),
        (
            json!({ "name": "dcn_v2", "cross_layers": 0 }),
            "cross_layers",
        ),
        (json!({ "name": "deepfm", "width": 0 }), "width"),
        (json!({ "name": "wide_deep", "layers": [4, -1] }), "layers"),
        (json!({ "name": "dlrm_small", "dropout": 1.0 }), "dropout"),
        (json!({ "name": "dlrm", "bottom": [512, 64] }), "bottom"),
        (json!({ "name": "dlrm", "residual": true }), "residual"),
    ] {
        let config: CtrModelConfig = serde_json::from_value(settings.clone()).unwrap();
        let fault = config.validate().expect_err(setting);
        assert_eq!(fault.setting, setting, "{settings}");
    }
    let unknown = json!({ "name": "logistic", "width": 4 });
    assert!(serde_json::from_value::<CtrModelConfig>(unknown).is_err());
}

/// In training and in evaluation, with their gradients.
#[test]
fn a_batch_without_a_sample_has_no_logits() {
    for (name, golden) in goldens().1 {
        let store = VarStore::new(Device::Cpu);
        let shape = golden.shape();
        let model = golden.config.build(&store.root(), &shape, 0);
        let empty = [
            (shape.dense, Kind::Float),
            (shape.columns.len() as i64, Kind::Int64),
        ];
        let empty = empty.map(|(width, kind)| Tensor::zeros([0, width], (kind, Device::Cpu)));
        for mode in [TRAIN, Mode::Evaluate] {
            let logits = model.forward(&empty, mode);
            assert_eq!(logits.size(), [0], "{name}");
            logits.sum(Kind::Double).backward();
        }
    }
}

/// The seed decides the initial values, and a batch is the sum of its parts, dropout included.
#[test]
fn parts_of_a_batch_give_its_logits() {
    let config = json!({ "name": "dcn_v2", "width": 4, "layers": [32, 16], "dropout": 0.5 });
    let config: CtrModelConfig = serde_json::from_value(config).unwrap();
    let shape = CtrShape {
        dense: 3,
        columns: vec![5; 4],
        ..CtrShape::default()
    };
    let logits = |seed, parts: &[i64]| {
        let store = VarStore::new(Device::Cpu);
        let model = config.build(&store.root(), &shape, seed);
        let dense = tensor(uniform("dense", 36), &[12, 3], Kind::Float);
        let rows = Tensor::arange(48, (Kind::Int64, Device::Cpu))
            .remainder(5)
            .view([12, 4]);
        let mut first = 0;
        let each = parts.iter().map(|&count| {
            let part = [&dense, &rows].map(|all| all.narrow(0, first, count));
            let mode = Mode::Train {
                first: first as u64,
            };
            first += count;
            model.forward(&part, mode)
        });
        values(&Tensor::cat(&each.collect::<Vec<_>>(), 0))
    };
    let whole = logits(1, &[12]);
    assert!(error(&logits(1, &[5, 1, 6]), &whole) < 1e-6);
    assert_ne!(logits(2, &[12]), whole);
}

/// Bounds and deviations of the tables of each source.
#[test]
fn embeddings_begin_as_in_their_sources() {
    let table = |config: serde_json::Value| {
        let config: CtrModelConfig = serde_json::from_value(config).unwrap();
        let shape = CtrShape {
            dense: 3,
            columns: vec![10_000, 100],
            ..CtrShape::default()
        };
        let store = VarStore::new(Device::Cpu);
        config.build(&store.root(), &shape, 0);
        store.variables()["embedding.weight"].shallow_clone()
    };
    let range = |table: &Tensor| {
        let extreme = |value: Tensor| value.double_value(&[]);
        [extreme(table.min()), extreme(table.max())]
    };
    let close = |[least, most]: [f64; 2], [a, b]: [f64; 2]| {
        (least - a).abs() < 0.01 * b && (most - b).abs() < 0.01 * b
    };
    let joined = table(json!({ "name": "dlrm" }));
    assert!(close(range(&joined.narrow(0, 0, 10_000)), [-0.01, 0.01]));
    assert!(close(range(&joined.narrow(0, 10_000, 100)), [-0.1, 0.1]));
    let shared = table(json!({ "name": "dlrm_small" }));
    assert_eq!(shared.size(), [10_000, 128]);
    assert!(close(range(&shared), [0.0, 0.01]));
    let normal = table(json!({ "name": "deepfm" }));
    let deviation = normal.std(true).double_value(&[]);
    assert!((deviation - 0.01).abs() < 1e-4, "{deviation}");
}
