//! The nets for pictures against torchvision, timm and PyTorch.
//!
//! `goldens/zoo.py` wrote the values that they are held to, and says how.

use std::collections::BTreeMap;

use lawn_core::{Map, Parameters};
use serde::Deserialize;
use tch::nn::VarStore;
use tch::{Device, Kind, Tensor};

use super::cifar_resnet::CifarShortcut;
use super::golden::greatest;
use super::image_models::{ImageModelName, ImageModelOptions};
use super::init::Init;
use super::model::{Mode, Model};
use super::vgg::{Vgg, VggConfig, VggDepth};
use super::weights::entries;

#[derive(Deserialize)]
struct Golden {
    parameters: usize,
    state: String,
    evaluated: Vec<f64>,
    logits: Vec<f64>,
    loss: f64,
    statistics: Vec<f64>,
    gradients: Vec<[f64; 2]>,
    #[serde(default)]
    initial: Vec<[f64; 2]>,
}

/// A net of the file, and how it is made here.
struct Case {
    golden: String,
    name: ImageModelName,
    options: ImageModelOptions,
}

/// Nets of a family by the beginning of their names.
fn cases(family: &str) -> Vec<Case> {
    let mut cases = Vec::new();
    for &name in ImageModelName::ALL {
        let word = name.name().to_owned();
        let small = word.ends_with("_cifar");
        let (side, classes) = if small { (32, 10) } else { (64, 1_000) };
        let options = ImageModelOptions {
            init: Some(Init::Zeros),
            dropout: Some(0.0),
            ..ImageModelOptions::new(side, classes)
        };
        if name != ImageModelName::ResnetCifar {
            cases.push(Case {
                golden: word,
                name,
                options,
            });
            continue;
        }
        for depth in [20, 32, 44, 56, 110] {
            for (shortcut, letter) in [(CifarShortcut::A, 'a'), (CifarShortcut::B, 'b')] {
                cases.push(Case {
                    golden: format!("resnet{depth}_cifar_{letter}"),
                    name,
                    options: ImageModelOptions {
                        depth,
                        shortcut,
                        ..options
                    },
                });
            }
        }
    }
    cases.retain(|case| case.golden.starts_with(family));
    assert!(cases.len() > 2, "{family}");
    cases
}

fn file() -> (f64, BTreeMap<String, serde_json::Value>) {
    let text = include_str!("../../goldens/zoo.json");
    let file: BTreeMap<String, serde_json::Value> = serde_json::from_str(text).unwrap();
    (file["tolerance"].as_f64().unwrap(), file)
}

/// FNV-1a, 64 bits.
fn fnv(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

/// The numbers in [−1, 1) of a name.
pub(crate) fn uniform(name: &str, count: usize) -> impl Iterator<Item = f64> {
    let key = (fnv(name) >> 32) as u32;
    (0..count).map(move |place| {
        let mut x = (place as u32).wrapping_mul(2_654_435_761).wrapping_add(key);
        x ^= x >> 16;
        x = x.wrapping_mul(0x7feb_352d);
        x ^= x >> 15;
        x = x.wrapping_mul(0x045d_9f3b);
        x ^= x >> 16;
        f64::from(x) / 2f64.powi(31) - 1.0
    })
}

pub(crate) fn tensor(values: impl Iterator<Item = f64>, shape: &[i64], kind: Kind) -> Tensor {
    let flat = match kind {
        Kind::Float => Tensor::from_slice(&values.map(|value| value as f32).collect::<Vec<_>>()),
        _ => Tensor::from_slice(&values.collect::<Vec<_>>()),
    };
    flat.view(shape)
}

/// Fills every variable by the formula of `zoo.py`.
pub(crate) fn fill(store: &VarStore) {
    for (name, mut variable) in store.variables() {
        let (shape, count) = (variable.size(), variable.numel());
        let (base, scale) = if shape.len() >= 2 {
            (0.0, (6.0 / (count as f64 / shape[0] as f64)).sqrt())
        } else if name.ends_with("running_var") || name.ends_with("weight") {
            (1.0, 0.2)
        } else {
            (0.0, 0.2)
        };
        let values = uniform(&name, count).map(|u| base + scale * u);
        tch::no_grad(|| variable.copy_(&tensor(values, &shape, Kind::Float)));
    }
}

pub(crate) fn values(tensor: &Tensor) -> Vec<f64> {
    Vec::try_from(tensor.to_kind(Kind::Double).reshape([-1])).unwrap()
}

pub(crate) fn norm(tensor: &Tensor) -> f64 {
    tensor.to_kind(Kind::Double).norm().double_value(&[])
}

/// The greatest error, relative to the greatest expected value.
pub(crate) fn error(found: &[f64], expected: &[f64]) -> f64 {
    assert_eq!(found.len(), expected.len());
    let scale = expected.iter().fold(0f64, |most, one| most.max(one.abs()));
    let errors = found.iter().zip(expected).map(|(a, b)| (a - b).abs());
    greatest(errors) / scale
}

/// Errors of a net, relative to its values.
#[derive(Debug)]
struct Errors {
    evaluated: f64,
    /// Logits, loss and running statistics.
    trained: f64,
    /// Of the gradient of each parameter, in order of size.
    gradients: Vec<f64>,
}

impl Errors {
    fn greatest(&self) -> f64 {
        let gradients = self.gradients.iter().copied();
        greatest(gradients.chain([self.evaluated, self.trained]))
    }
}

/// Names, shapes, counts and layers, which are exact.
fn hold_form(case: &Case, golden: &Golden, store: &VarStore, model: &dyn Model) {
    let trainable = store.trainable_variables();
    let parameters: usize = trainable.iter().map(Tensor::numel).sum();
    assert_eq!(parameters, golden.parameters, "{}", case.golden);
    let listed = |(name, value): (String, Tensor)| format!("{name} {:?}\n", value.size());
    let mut state: Vec<String> = entries(store).into_iter().map(listed).collect();
    state.sort();
    let names = format!("{:016x}", fnv(&state.concat()));
    assert_eq!(names, golden.state, "{}: {state:?}", case.golden);
    let layers = model.layers().into_iter().flat_map(|one| one.parameters);
    let made = Parameters::from_var_store(store).unwrap();
    let made: Vec<String> = made.iter().map(|one| one.name.clone()).collect();
    assert_eq!(layers.collect::<Vec<_>>(), made, "{}", case.golden);
}

/// Pictures for a net, in floats of a kind.
fn images(case: &Case, kind: Kind) -> [Tensor; 1] {
    let shape = [2, 3, case.options.image_size, case.options.image_size];
    let pixels = uniform("images", shape.iter().product::<i64>() as usize);
    let images = tensor(pixels.map(|u| 3f64.sqrt() * u), &shape, Kind::Float);
    [images.to_kind(kind)]
}

/// Those of the logits that the file has.
fn some(case: &Case, logits: &Tensor) -> Vec<f64> {
    let every = (case.options.classes / 8).max(1);
    values(&logits.slice(1, None, None, every))
}

/// The error of the logits in evaluation.
fn error_evaluated(case: &Case, golden: &Golden, model: &dyn Model, kind: Kind) -> f64 {
    let images = images(case, kind);
    let logits = tch::no_grad(|| model.forward(&images, Mode::Evaluate));
    error(&some(case, &logits), &golden.evaluated)
}

/// Computes what the file has of a net, in floats of a kind.
fn errors(case: &Case, golden: &Golden, kind: Kind) -> Errors {
    let mut store = VarStore::new(Device::Cpu);
    let model = case.name.build(&store.root(), &case.options, 0);
    hold_form(case, golden, &store, &*model);
    fill(&store);
    store.set_kind(kind);
    let images = images(case, kind);
    let evaluated = error_evaluated(case, golden, &*model, kind);
    let logits = model.forward(&images, Mode::Train { first: 0 });
    let weights = tensor(uniform("loss", logits.numel()), &logits.size(), kind);
    let loss = (&logits * weights).sum(kind);
    loss.backward();
    let variables: BTreeMap<String, Tensor> = store.variables().into_iter().collect();
    let running = variables
        .iter()
        .filter(|(name, _)| name.contains("running_"));
    let statistics: Vec<f64> = running.map(|(_, value)| norm(value)).collect();
    assert_eq!(statistics.len(), golden.statistics.len(), "{}", case.golden);
    let of_statistics = statistics.iter().zip(&golden.statistics);
    let of_statistics = of_statistics.map(|(found, expected)| (found / expected - 1.0).abs());
    let of_loss = (loss.double_value(&[]) - golden.loss).abs() / norm(&logits);
    let trained: Vec<_> = variables
        .iter()
        .filter(|(_, value)| value.requires_grad())
        .collect();
    assert_eq!(trained.len(), golden.gradients.len(), "{}", case.golden);
    let squares = golden.gradients.iter().map(|[length, _]| length * length);
    let whole = squares.sum::<f64>().sqrt();
    let of_gradient = |((name, parameter), [length, product]): ((&String, &Tensor), &[f64; 2])| {
        let gradient = parameter.grad();
        let direction = tensor(uniform(name, gradient.numel()), &gradient.size(), kind);
        let found = (&gradient * direction).sum(Kind::Double).double_value(&[]);
        // A bias before a normalization, or of keys, changes nothing: its gradient is 0 but
        // for rounding.
        let scale = if *length < 1e-9 * whole {
            whole
        } else {
            *length
        };
        let of_norm = (norm(&gradient) - length).abs();
        greatest([of_norm, (found - product).abs()]) / scale
    };
    let pairs = trained.into_iter().zip(&golden.gradients);
    let mut gradients: Vec<f64> = pairs.map(of_gradient).collect();
    gradients.sort_by(f64::total_cmp);
    let found = Errors {
        evaluated,
        trained: greatest(
            of_statistics.chain([error(&some(case, &logits), &golden.logits), of_loss]),
        ),
        gradients,
    };
    println!(
        "{} {kind:?}: {:.1e} {:.1e} {:.1e} {:.1e}",
        case.golden,
        found.evaluated,
        found.trained,
        found.gradients[found.gradients.len() / 2],
        found.gradients[found.gradients.len() - 1],
    );
    found
}

/// The nets of the families with their values, and the tolerance of f32.
fn held(family: &str) -> (f64, Vec<(Case, Golden)>) {
    let (tolerance, mut file) = file();
    let pairs = cases(family).into_iter().map(|case| {
        let golden = file.remove(&case.golden).expect("the file has the net");
        let golden = serde_json::from_value(golden).unwrap();
        (case, golden)
    });
    (tolerance, pairs.collect())
}

/// Numbers of the file are rounded to nine digits.
const ROUNDED: f64 = 1e-8;

/// In f64. In f32 the gradients of a deep ReLU net are no measure: over as few samples as
/// this a normalization makes much of rounding, and a ReLU whose input is 0 but for that has
/// the gradient of either side. Logits in evaluation are held in f32.
fn hold_convolutional(case: &Case, golden: &Golden, tolerance: f64) {
    let exact = errors(case, golden, Kind::Double);
    assert!(exact.greatest() <= ROUNDED, "{}: {exact:?}", case.golden);
    let store = VarStore::new(Device::Cpu);
    let model = case.name.build(&store.root(), &case.options, 0);
    fill(&store);
    let single = error_evaluated(case, golden, &*model, Kind::Float);
    assert!(single <= tolerance, "{}: {single:e}", case.golden);
}

#[test]
fn residual_networks_compute_what_torchvision_and_pytorch_compute() {
    let (tolerance, nets) = held("resnet");
    for (case, golden) in nets {
        hold_convolutional(&case, &golden, tolerance);
    }
}

/// In f32, whose ReLUs may tip as well; these nets are not so deep that most of their
/// gradients would notice.
#[test]
fn vggs_compute_what_torchvision_computes() {
    let (tolerance, nets) = held("vgg");
    for (case, golden) in nets {
        if case.golden.ends_with("cifar") {
            hold_convolutional(&case, &golden, tolerance);
            continue;
        }
        let single = errors(&case, &golden, Kind::Float);
        let median = single.gradients[single.gradients.len() / 2];
        assert!(
            greatest([single.evaluated, median]) <= tolerance,
            "{single:?}"
        );
        assert!(single.greatest() <= 1e-2, "{single:?}");
    }
}

#[test]
fn vision_transformers_compute_what_torchvision_timm_and_algoperf_compute() {
    let (tolerance, nets) = held("vit");
    for (case, golden) in nets {
        let single = errors(&case, &golden, Kind::Float);
        assert!(
            single.greatest() <= tolerance,
            "{}: {single:?}",
            case.golden
        );
    }
}

/// Each parameter as its own library draws it: standard deviation and greatest magnitude,
/// within what chance leaves open.
#[test]
fn initial_values_spread_as_those_of_torchvision_and_timm() {
    let mut compared = 0;
    for family in ["resnet", "vgg", "vit"] {
        for (case, golden) in held(family).1 {
            if golden.initial.is_empty() {
                continue;
            }
            let options = ImageModelOptions {
                init: None,
                ..case.options
            };
            let store = VarStore::new(Device::Cpu);
            case.name.build(&store.root(), &options, 0);
            let variables: BTreeMap<String, Tensor> = store.variables().into_iter().collect();
            let trained = variables.iter().filter(|(_, value)| value.requires_grad());
            let trained: Vec<_> = trained.collect();
            assert_eq!(trained.len(), golden.initial.len());
            for ((name, value), [deviation, most]) in trained.into_iter().zip(&golden.initial) {
                let what = format!("{} {name}", case.golden);
                let found = value.std(false).double_value(&[]);
                let found_most = value.abs().max().double_value(&[]);
                if *deviation == 0.0 {
                    assert_eq!((found, found_most), (0.0, *most), "{what}");
                    continue;
                }
                let count = value.numel() as f64;
                let chance = 5.0 / count.sqrt() + 1e-2;
                assert!((found / deviation - 1.0).abs() < chance, "{what}: {found}");
                // Once in 2²⁴ draws PyTorch's truncated normal gives its bound, −2.
                let tails = (found_most / most - 1.0).abs();
                let is_bound = *most == 2.0;
                assert!(
                    count < 1e4 || is_bound || tails < 0.5,
                    "{what}: {found_most}"
                );
            }
            compared += 1;
        }
    }
    assert_eq!(compared, 4);
}

/// torchvision's own counts, those of the papers' usual forms, and by hand.
#[test]
fn parameter_counts_are_the_published_ones() {
    use ImageModelName as Name;
    let photographs = ImageModelOptions {
        init: Some(Init::Zeros),
        ..ImageModelOptions::new(224, 1_000)
    };
    let small = |classes| ImageModelOptions {
        init: Some(Init::Zeros),
        ..ImageModelOptions::new(32, classes)
    };
    let cifar = |depth, shortcut, classes| ImageModelOptions {
        depth,
        shortcut,
        ..small(classes)
    };
    let (a, b) = (CifarShortcut::A, CifarShortcut::B);
    for (name, options, expected) in [
        (Name::Resnet18, photographs, 11_689_512),
        (Name::Resnet34, photographs, 21_797_672),
        (Name::Resnet50, photographs, 25_557_032),
        (Name::Resnet101, photographs, 44_549_160),
        (Name::Resnet152, photographs, 60_192_808),
        (Name::Vgg11, photographs, 132_863_336),
        (Name::Vgg11Bn, photographs, 132_868_840),
        (Name::Vgg13, photographs, 133_047_848),
        (Name::Vgg13Bn, photographs, 133_053_736),
        (Name::Vgg16, photographs, 138_357_544),
        (Name::Vgg16Bn, photographs, 138_365_992),
        (Name::Vgg19, photographs, 143_667_240),
        (Name::Vgg19Bn, photographs, 143_678_248),
        (Name::VitB16, photographs, 86_567_656),
        (Name::VitS16, photographs, 22_050_664),
        (Name::VitS16Algoperf, photographs, 22_122_472),
        (Name::Resnet18Cifar, small(10), 11_173_962),
        (Name::Vgg19BnCifar, small(10), 20_040_522),
        (Name::Vgg19BnCifar, small(100), 20_086_692),
        (Name::ResnetCifar, cifar(20, a, 10), 269_722),
        (Name::ResnetCifar, cifar(32, a, 10), 464_154),
        (Name::ResnetCifar, cifar(56, a, 10), 853_018),
        (Name::ResnetCifar, cifar(110, a, 10), 1_727_962),
        (Name::ResnetCifar, cifar(20, b, 10), 272_474),
        (Name::ResnetCifar, cifar(32, b, 10), 466_906),
        (Name::ResnetCifar, cifar(56, b, 10), 855_770),
        (Name::ResnetCifar, cifar(110, b, 10), 1_730_714),
        (Name::ResnetCifar, cifar(56, a, 100), 858_868),
        (Name::ResnetCifar, cifar(56, b, 100), 861_620),
    ] {
        let store = VarStore::new(Device::Cpu);
        name.build(&store.root(), &options, 0);
        let trainable = store.trainable_variables();
        let found: usize = trainable.iter().map(Tensor::numel).sum();
        assert_eq!(found, expected, "{name:?}");
    }
}

/// The layers after the last that is no homogeneous map.
fn final_homogeneous(model: &dyn Model) -> Vec<String> {
    let layers = model.layers();
    let last = layers
        .iter()
        .rposition(|layer| layer.map != Map::Homogeneous);
    let after = &layers[last.map_or(0, |last| last + 1)..];
    after
        .iter()
        .flat_map(|layer| layer.parameters.clone())
        .collect()
}

#[test]
fn the_final_homogeneous_sub_networks() {
    let options = ImageModelOptions {
        init: Some(Init::Zeros),
        ..ImageModelOptions::new(32, 10)
    };
    for (name, expected) in [
        (ImageModelName::Resnet50, vec!["fc"]),
        (ImageModelName::Resnet18Cifar, vec!["fc"]),
        (ImageModelName::ResnetCifar, vec!["output"]),
        (ImageModelName::Vgg19BnCifar, vec!["classifier"]),
        (ImageModelName::VitS16, vec!["head"]),
        (ImageModelName::VitB16, vec!["heads.head"]),
        (ImageModelName::VitS16Algoperf, vec!["head"]),
    ] {
        let store = VarStore::new(Device::Cpu);
        let model = name.build(&store.root(), &options, 0);
        let expected = expected.into_iter();
        let expected = expected.flat_map(|one| [format!("{one}.weight"), format!("{one}.bias")]);
        assert_eq!(
            final_homogeneous(&*model),
            expected.collect::<Vec<_>>(),
            "{name:?}"
        );
    }
    let vgg = |batch_norm| {
        let store = VarStore::new(Device::Cpu);
        let config = VggConfig {
            init: Init::Zeros,
            ..VggConfig::new(VggDepth::D16, batch_norm, 10)
        };
        let model = Vgg::new(&store.root(), &config, 0);
        let weights = final_homogeneous(&model).into_iter();
        let weights = weights.filter(|name| name.ends_with("weight"));
        (weights.collect::<Vec<_>>(), model.statistics_batch())
    };
    let (with, statistics) = vgg(true);
    assert_eq!(
        with,
        [
            "classifier.0.weight",
            "classifier.3.weight",
            "classifier.6.weight"
        ]
    );
    assert_eq!(statistics, 128);
    let (without, statistics) = vgg(false);
    assert_eq!((without.len(), statistics), (16, 1));
}
