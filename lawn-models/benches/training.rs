//! One step of training of each kind of task and of small and large networks, by criterion: forward,
//! loss, backward and Adam on random samples.

mod common;

use std::time::Duration;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use lawn_core::{AdamConfig, Optimizer, OptimizerConfig, Parameters, Schedule};
use lawn_models::models::ctr::{
    DcnV2, DcnV2Config, DeepConfig, DeepFm, Dlrm, DlrmConfig, DlrmSmallConfig, DlrmSmallForm,
    Logistic, LogisticConfig, Tables, WideDeep,
};
use lawn_models::models::{
    CtrShape, ImageModelName, ImageModelOptions, MatrixFactorization, MatrixFactorizationConfig,
    Mode, Model, NcfModelKind, NeuMf, NeuMfConfig,
};
use lawn_models::{Autocast, HalfKind};
use tch::nn::{Path, VarStore};
use tch::{Device, Kind, Reduction, Tensor};

/// Users and items of MovieLens-1M.
const MOVIELENS: [i64; 2] = [6_040, 3_706];
/// Dense features and categorical columns of Criteo.
const CRITEO: [i64; 2] = [13, 26];
/// Rows of the table that all columns of a click model look into.
const ROWS: i64 = 1 << 16;
/// Classes of images.
const CLASSES: i64 = 10;

/// A network with its optimizer and one batch.
struct Training {
    model: Box<dyn Model>,
    optimizer: Optimizer,
    inputs: Vec<Tensor>,
    targets: Tensor,
    loss: fn(&Tensor, &Tensor) -> Tensor,
    /// What the forward pass and the loss are computed in, if not in f32.
    half: Option<HalfKind>,
}

impl Training {
    fn new(
        build: impl FnOnce(&Path) -> Box<dyn Model>,
        inputs: Vec<Tensor>,
        targets: Tensor,
        loss: fn(&Tensor, &Tensor) -> Tensor,
    ) -> Self {
        let store = VarStore::new(Device::Cpu);
        let model = build(&store.root());
        let mut parameters = Parameters::from_var_store(&store).expect("the network has some");
        parameters
            .set_layers(model.layers())
            .expect("they are of the network");
        let adam = OptimizerConfig::new(AdamConfig::default(), Schedule::constant(1e-3));
        Self {
            optimizer: adam.build(parameters).expect("the configuration is valid"),
            model,
            inputs,
            targets,
            loss,
            half: None,
        }
    }

    fn in_bf16(self) -> Self {
        Self {
            half: Some(HalfKind::Bf16),
            ..self
        }
    }

    fn step(&mut self) {
        self.optimizer.zero_grad();
        let loss = {
            let _half = (self.half).map(|kind| Autocast::begin(Device::Cpu, kind));
            let logits = self.model.forward(&self.inputs, Mode::Train { first: 0 });
            (self.loss)(&logits, &self.targets)
        };
        loss.backward();
        self.optimizer.step().expect("gradients are finite");
    }
}

fn binary(logits: &Tensor, targets: &Tensor) -> Tensor {
    logits.binary_cross_entropy_with_logits::<Tensor>(targets, None, None, Reduction::Mean)
}

fn of_classes(logits: &Tensor, targets: &Tensor) -> Tensor {
    logits.cross_entropy_for_logits(targets)
}

/// Whether each of `count` samples is a hit.
fn hits(count: i64) -> Tensor {
    let uniform = Tensor::rand([count], (Kind::Float, Device::Cpu));
    uniform.lt(0.25).to_kind(Kind::Float)
}

fn rated(build: impl FnOnce(&Path) -> Box<dyn Model>, count: i64) -> Training {
    let side = |bound| Tensor::randint(bound, [count], (Kind::Int64, Device::Cpu));
    Training::new(build, MOVIELENS.map(side).into(), hits(count), binary)
}

fn ncf(model: NcfModelKind, factors: i64, layers: &[i64], count: i64) -> Training {
    let [users, items] = MOVIELENS;
    let config = NeuMfConfig {
        model,
        factors,
        layers: layers.to_vec(),
        ..NeuMfConfig::new(users, items)
    };
    rated(|path| Box::new(NeuMf::new(path, &config, 0)), count)
}

fn mf(factors: i64, count: i64) -> Training {
    let [users, items] = MOVIELENS;
    let config = MatrixFactorizationConfig {
        users,
        items,
        factors,
    };
    rated(
        |path| Box::new(MatrixFactorization::new(path, &config, 0)),
        count,
    )
}

fn image(name: ImageModelName, side: i64, count: i64) -> Training {
    let sizes = ImageModelOptions::new(side, CLASSES);
    let images = Tensor::randn([count, 3, side, side], (Kind::Float, Device::Cpu));
    let labels = Tensor::randint(CLASSES, [count], (Kind::Int64, Device::Cpu));
    let build = |path: &Path| name.build(path, &sizes, 0);
    Training::new(build, vec![images], labels, of_classes)
}

fn clicks(build: impl FnOnce(&Path, &CtrShape) -> Box<dyn Model>, count: i64) -> Training {
    let [dense, columns] = CRITEO;
    let shape = CtrShape {
        dense,
        columns: vec![ROWS; columns as usize],
        ..CtrShape::default()
    };
    // The probability of a row falls as 1 / (row + 1).
    let uniform = Tensor::rand([count, columns], (Kind::Float, Device::Cpu));
    let rows = (uniform * (ROWS as f64).ln()).exp().to_kind(Kind::Int64) - 1;
    let dense = Tensor::randn([count, dense], (Kind::Float, Device::Cpu));
    let inputs = vec![dense, rows.clamp(0, ROWS - 1)];
    Training::new(|path| build(path, &shape), inputs, hits(count), binary)
}

fn dlrm_small(count: i64) -> Training {
    let form = DlrmSmallForm::Plain;
    let config = DlrmSmallConfig { form, dropout: 0.0 }.dlrm();
    clicks(
        |path, shape| Box::new(Dlrm::new(path, &config, shape, 0)),
        count,
    )
}

/// As wide as the other click models here: the tables of the default take most of a gigabyte.
fn dlrm(count: i64) -> Training {
    let config = DlrmConfig {
        width: 16,
        bottom: vec![128, 16],
        top: vec![128, 64],
        tables: Tables::Shared,
        ..DlrmConfig::default()
    };
    clicks(
        |path, shape| Box::new(Dlrm::new(path, &config, shape, 0)),
        count,
    )
}

fn dcn(count: i64) -> Training {
    let config = DcnV2Config {
        tables: Tables::Shared,
        ..DcnV2Config::default()
    };
    clicks(
        |path, shape| Box::new(DcnV2::new(path, &config, shape, 0)),
        count,
    )
}

fn logistic(count: i64) -> Training {
    let config = LogisticConfig {
        tables: Tables::Shared,
    };
    clicks(
        |path, shape| Box::new(Logistic::new(path, &config, shape)),
        count,
    )
}

fn deep() -> DeepConfig {
    DeepConfig {
        tables: Tables::Shared,
        ..DeepConfig::default()
    }
}

fn wide_deep(count: i64) -> Training {
    clicks(
        |path, shape| Box::new(WideDeep::new(path, &deep(), shape, 0)),
        count,
    )
}

fn deepfm(count: i64) -> Training {
    clicks(
        |path, shape| Box::new(DeepFm::new(path, &deep(), shape, 0)),
        count,
    )
}

/// How long a network is timed for, in seconds: small ones need little.
const LONG: u64 = 3;
const SHORT: u64 = 1;

fn steps(criterion: &mut Criterion) {
    tch::manual_seed(0);
    let mut group = criterion.benchmark_group("training step");
    type Made = fn() -> Training;
    let cases: [(&str, i64, u64, Made); 17] = [
        ("ncf neumf of 8 factors", 4096, LONG, || {
            ncf(NcfModelKind::Neumf, 8, &[64, 32, 16, 8], 4096)
        }),
        ("ncf neumf of 64 factors", 4096, LONG, || {
            ncf(NcfModelKind::Neumf, 64, &[256, 256, 128, 64], 4096)
        }),
        ("ncf mf of 16 factors", 4096, SHORT, || mf(16, 4096)),
        ("ncf gmf of 8 factors", 4096, SHORT, || {
            ncf(NcfModelKind::Gmf, 8, &[64, 32, 16, 8], 4096)
        }),
        ("ncf mlp of 8 factors", 4096, SHORT, || {
            ncf(NcfModelKind::Mlp, 8, &[64, 32, 16, 8], 4096)
        }),
        ("image resnet18_cifar 32 px", 8, LONG, || {
            image(ImageModelName::Resnet18Cifar, 32, 8)
        }),
        ("image resnet_cifar of 20 layers 32 px", 16, SHORT, || {
            image(ImageModelName::ResnetCifar, 32, 16)
        }),
        (
            "image resnet_cifar of 20 layers 32 px in bf16",
            16,
            SHORT,
            || image(ImageModelName::ResnetCifar, 32, 16).in_bf16(),
        ),
        ("image resnet50 64 px", 4, LONG, || {
            image(ImageModelName::Resnet50, 64, 4)
        }),
        ("image vit_s_16 224 px", 1, LONG, || {
            image(ImageModelName::VitS16, 224, 1)
        }),
        ("ctr dlrm_small", 512, LONG, || dlrm_small(512)),
        ("ctr dlrm", 512, SHORT, || dlrm(512)),
        ("ctr dcn_v2", 512, LONG, || dcn(512)),
        ("ctr dcn_v2 in bf16", 512, SHORT, || dcn(512).in_bf16()),
        ("ctr logistic", 512, SHORT, || logistic(512)),
        ("ctr wide_deep", 512, SHORT, || wide_deep(512)),
        ("ctr deepfm", 512, SHORT, || deepfm(512)),
    ];
    for (name, samples, seconds, made) in cases {
        let mut training = made();
        group.measurement_time(Duration::from_secs(seconds));
        group.throughput(Throughput::Elements(samples as u64));
        group.bench_function(name, |bencher| bencher.iter(|| training.step()));
    }
    group.finish();
}

criterion_group! {
    name = benches;
    config = common::criterion();
    targets = steps
}
criterion_main!(benches);
