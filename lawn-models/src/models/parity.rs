//! The nets for pictures against torchvision, timm and PyTorch.
//!
//! `goldens/zoo.py` wrote the values that they are held to, and says how.

use std::collections::BTreeMap;

use lawn_core::{Map, Parameters};
use serde::Deserialize;
use tch::nn::VarStore;
use tch::{Device, Kind, Tensor};

use super::weights::entries;
use super::{
    CifarShortcut, ImageModelName, ImageModelOptions, Init, Mode, Model, Vgg, VggConfig, VggDepth,
};

#[derive(Deserialize)]
struct Golden {
    parameters: usize,
    state: String,
    evaluated: Vec<f64>,
    logits: Vec<f64>,
    loss: f64,
    statistics: Vec<f64>,
    gradients: Vec<[f64; 2]>,
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
fn uniform(name: &str, count: usize) -> impl Iterator<Item = f64> {
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

fn tensor(values: impl Iterator<Item = f64>, shape: &[i64]) -> Tensor {
    let values: Vec<f32> = values.map(|value| value as f32).collect();
    Tensor::from_slice(&values).view(shape)
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
        let values = tensor(uniform(&name, count).map(|u| base + scale * u), &shape);
        tch::no_grad(|| variable.copy_(&values));
    }
}

fn values(tensor: &Tensor) -> Vec<f64> {
    Vec::try_from(tensor.to_kind(Kind::Double).reshape([-1])).unwrap()
}

/// The greatest error, relative to the greatest expected value.
fn error(found: &[f64], expected: &[f64]) -> f64 {
    assert_eq!(found.len(), expected.len());
    let scale = expected.iter().fold(0f64, |most, one| most.max(one.abs()));
    let errors = found.iter().zip(expected).map(|(a, b)| (a - b).abs());
    errors.fold(0.0, f64::max) / scale
}

/// Holds a net to its values and gives its greatest errors.
fn hold(case: &Case, golden: &Golden, tolerance: f64) -> [f64; 6] {
    let store = VarStore::new(Device::Cpu);
    let model = case.name.build(&store.root(), &case.options, 0);
    let trainable = store.trainable_variables();
    let parameters: usize = trainable.iter().map(Tensor::numel).sum();
    assert_eq!(parameters, golden.parameters, "{}", case.golden);
    let listed = |(name, value): (String, Tensor)| format!("{name} {:?}\n", value.size());
    let mut state: Vec<String> = entries(&store).into_iter().map(listed).collect();
    state.sort();
    let names = format!("{:016x}", fnv(&state.concat()));
    assert_eq!(names, golden.state, "{}: {state:?}", case.golden);
    let layers = model.layers().into_iter().flat_map(|one| one.parameters);
    let made = Parameters::from_var_store(&store).unwrap();
    let made: Vec<String> = made.iter().map(|one| one.name.clone()).collect();
    assert_eq!(layers.collect::<Vec<_>>(), made, "{}", case.golden);

    fill(&store);
    let shape = [2, 3, case.options.image_size, case.options.image_size];
    let pixels = uniform("images", shape.iter().product::<i64>() as usize);
    let images = [tensor(pixels.map(|u| 3f64.sqrt() * u), &shape)];
    let every = (case.options.classes / 8).max(1);
    let some = |logits: &Tensor| values(&logits.slice(1, None, None, every));
    let evaluated = tch::no_grad(|| model.forward(&images, Mode::Evaluate));
    let logits = model.forward(&images, Mode::Train { first: 0 });
    let weights = tensor(uniform("loss", logits.numel()), &logits.size());
    let loss = (&logits * weights).sum(Kind::Float);
    loss.backward();
    let variables: BTreeMap<String, Tensor> = store.variables().into_iter().collect();
    let norm = |tensor: &Tensor| tensor.to_kind(Kind::Double).norm().double_value(&[]);
    let running = variables
        .iter()
        .filter(|(name, _)| name.contains("running_"));
    let statistics: Vec<f64> = running.map(|(_, value)| norm(value)).collect();
    let trained = variables.iter().filter(|(_, value)| value.requires_grad());
    let squares = golden.gradients.iter().map(|[length, _]| length * length);
    let whole = squares.sum::<f64>().sqrt();
    let trained: Vec<_> = trained.collect();
    assert_eq!(trained.len(), golden.gradients.len(), "{}", case.golden);
    let of_one = |((name, parameter), [length, product]): ((&String, &Tensor), &[f64; 2])| {
        let gradient = parameter.grad();
        let direction = tensor(uniform(name, gradient.numel()), &gradient.size());
        let found = (&gradient * direction).sum(Kind::Double).double_value(&[]);
        // A bias before a normalization, or of keys, changes nothing: its gradient is 0 but
        // for rounding.
        let scale = if *length < 1e-9 * whole {
            whole
        } else {
            *length
        };
        (norm(&gradient) - length)
            .abs()
            .max((found - product).abs())
            / scale
    };
    let pairs = trained.into_iter().zip(&golden.gradients);
    let mut of_gradients: Vec<f64> = pairs.map(of_one).collect();
    of_gradients.sort_by(f64::total_cmp);
    let errors = [
        error(&some(&evaluated), &golden.evaluated),
        error(&some(&logits), &golden.logits),
        (loss.double_value(&[]) - golden.loss).abs() / norm(&logits),
        statistics
            .iter()
            .zip(&golden.statistics)
            .fold(0f64, |most, (found, expected)| {
                most.max((found / expected - 1.0).abs())
            }),
        of_gradients[of_gradients.len() / 2],
        of_gradients[of_gradients.len() - 1],
    ];
    assert_eq!(statistics.len(), golden.statistics.len(), "{}", case.golden);
    errors
}

fn hold_all(family: &str) {
    let (tolerance, mut file) = file();
    for case in cases(family) {
        let golden = file.remove(&case.golden).expect("the file has the net");
        let golden: Golden = serde_json::from_value(golden).unwrap();
        let errors = hold(&case, &golden, tolerance);
        println!(
            "{}: {:?}",
            case.golden,
            errors.map(|one| format!("{one:.1e}"))
        );
    }
}

#[test]
fn residual_networks_compute_what_torchvision_and_pytorch_compute() {
    hold_all("resnet");
}

#[test]
fn vggs_compute_what_torchvision_computes() {
    hold_all("vgg");
}

#[test]
fn vision_transformers_compute_what_torchvision_timm_and_algoperf_compute() {
    hold_all("vit");
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
