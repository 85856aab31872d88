//! One step of training of each kind of task and of small and large networks, by criterion: forward,
//! loss, backward and Adam on random samples.

mod common;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use lawn_core::{AdamConfig, Optimizer, OptimizerConfig, Parameters, Schedule};
use lawn_models::models::ctr::{DcnV2, DcnV2Config, Dlrm, DlrmSmallConfig, DlrmSmallForm, Tables};
use lawn_models::models::{
    CtrShape, ImageModelName, ImageModelOptions, Mode, Model, NeuMf, NeuMfConfig,
};
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
        }
    }

    fn step(&mut self) {
        self.optimizer.zero_grad();
        let logits = self.model.forward(&self.inputs, Mode::Train { first: 0 });
        (self.loss)(&logits, &self.targets).backward();
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

fn ncf(factors: i64, layers: &[i64], count: i64) -> Training {
    let [users, items] = MOVIELENS;
    let config = NeuMfConfig {
        factors,
        layers: layers.to_vec(),
        ..NeuMfConfig::new(users, items)
    };
    let side = |bound| Tensor::randint(bound, [count], (Kind::Int64, Device::Cpu));
    let build = |path: &Path| Box::new(NeuMf::new(path, &config, 0)) as Box<dyn Model>;
    Training::new(build, MOVIELENS.map(side).into(), hits(count), binary)
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

fn dlrm(count: i64) -> Training {
    let form = DlrmSmallForm::Plain;
    let config = DlrmSmallConfig { form, dropout: 0.0 }.dlrm();
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

fn steps(criterion: &mut Criterion) {
    tch::manual_seed(0);
    let mut group = criterion.benchmark_group("training step");
    type Made = fn() -> Training;
    let cases: [(&str, i64, Made); 7] = [
        ("ncf neumf of 8 factors", 4096, || {
            ncf(8, &[64, 32, 16, 8], 4096)
        }),
        ("ncf neumf of 64 factors", 4096, || {
            ncf(64, &[256, 256, 128, 64], 4096)
        }),
        ("image resnet18_cifar 32 px", 8, || {
            image(ImageModelName::Resnet18Cifar, 32, 8)
        }),
        ("image resnet50 64 px", 4, || {
            image(ImageModelName::Resnet50, 64, 4)
        }),
        ("image vit_s_16 224 px", 1, || {
            image(ImageModelName::VitS16, 224, 1)
        }),
        ("ctr dlrm_small", 512, || dlrm(512)),
        ("ctr dcn_v2", 512, || dcn(512)),
    ];
    for (name, samples, made) in cases {
        let mut training = made();
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
