//! Holds the kernels of a CUDA device to libtorch's operations there, to themselves a second time,
//! and to the same kernels compiled for the CPU.
//!
//! ```text
//! cargo run --release -p lawn-core --example gpu_conformance
//!     --device cuda | cuda:N | cpu    cuda if left out; cpu tries the example itself
//!     --quick                         f32 alone
//! ```
//!
//! It ends with 0 if all agree, with 1 if anything does not, and with 2 where there is no CUDA
//! device. `peers/accelerator.py` times the same kernels beside torch's.

mod device;

use std::process::ExitCode;

use lawn_core::{
    AdagradConfig, AdamConfig, AdamPConfig, Backend, CprBound, CprConfig, Granularity,
    HyperballConfig, LambConfig, LarsConfig, LawnConfig, LionConfig, NadamwConfig, Optimizer,
    OptimizerConfig, Parameter, Parameters, Role, RotationalConfig, RuleConfig, Schedule,
    ScheduleFreeConfig, Scope, SgdConfig, SgdPConfig, WeightDecay,
};
use tch::{Device, Kind, Tensor};

type Failure = Box<dyn std::error::Error>;

fn main() -> Result<ExitCode, Failure> {
    let mut name = "cuda".to_owned();
    let mut kinds: &[Kind] = &[Kind::Float, Kind::Double, Kind::BFloat16, Kind::Half];
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--device" => name = arguments.next().ok_or("--device needs a value")?,
            "--quick" => kinds = &[Kind::Float],
            other => return Err(format!("{other} is not an argument").into()),
        }
    }
    let Some(device) = device::find(&name)? else {
        println!("no CUDA device here: nothing was compared");
        return Ok(ExitCode::from(2));
    };
    let head = ["rule", "kind", "norms", "from libtorch", "again", "CPU"];
    println!("{}", row(&head));
    let mut agrees = true;
    for (name, rule, decay) in rules() {
        for &kind in kinds {
            for norms in NORMS {
                // What a constraint does is the same for every rule with moments.
                if !matches!(norms, Norms::Free | Norms::ByLayer | Norms::ByRow) && name != "adamw"
                {
                    continue;
                }
                let setting = Setting {
                    rule,
                    decay,
                    kind,
                    norms,
                };
                agrees &= compare(name, &setting, device)?;
            }
        }
    }
    agrees &= many_elements(device)?.unwrap_or(true);
    println!(
        "{}",
        if agrees {
            "all agree"
        } else {
            "SOME DO NOT AGREE"
        }
    );
    Ok(ExitCode::from(u8::from(!agrees)))
}

struct Setting {
    rule: RuleConfig,
    decay: WeightDecay,
    kind: Kind,
    norms: Norms,
}

/// What holds the norms.
#[derive(Clone, Copy, PartialEq)]
enum Norms {
    Free,
    ByLayer,
    ByRow,
    Hyperball,
    Cpr,
    Rotational,
    Centred,
    ByColumn,
}

const NORMS: [Norms; 8] = [
    Norms::Free,
    Norms::ByLayer,
    Norms::ByRow,
    Norms::Hyperball,
    Norms::Cpr,
    Norms::Rotational,
    Norms::Centred,
    Norms::ByColumn,
];

impl Norms {
    fn name(self) -> &'static str {
        match self {
            Self::Free => "free",
            Self::ByLayer => "by layer",
            Self::ByRow => "by row",
            Self::Hyperball => "hyperball",
            Self::Cpr => "cpr",
            Self::Rotational => "rotational",
            Self::Centred => "centred",
            Self::ByColumn => "by column",
        }
    }

    /// A row of one element has nothing left without its mean: it does not move, and what is
    /// remembered of it decides nothing.
    fn can_hold(self, weight: &Tensor) -> bool {
        let has_rows_of_one = weight.dim() > 1 && weight.numel() as i64 == weight.size()[0];
        self != Self::Centred || !has_rows_of_one
    }

    fn hold(self, config: &mut OptimizerConfig) {
        let lawn = |granularity| LawnConfig {
            scope: Scope::AllWeights,
            granularity,
            ..LawnConfig::new(3)
        };
        match self {
            Self::Free => return,
            Self::ByLayer => config.lawn = Some(lawn(Granularity::Layer)),
            Self::ByRow => config.lawn = Some(lawn(Granularity::Row)),
            Self::Hyperball => config.hyperball = Some(HyperballConfig::default()),
            Self::Cpr => config.cpr = Some(CprConfig::new(CprBound::WarmStart(2))),
            Self::Rotational => {
                config.rotational = Some(RotationalConfig {
                    centred: false,
                    ..RotationalConfig::new(0.1)
                });
            }
            Self::Centred => config.rotational = Some(RotationalConfig::new(0.1)),
            Self::ByColumn => config.lawn = Some(lawn(Granularity::Column)),
        }
        config.decay = WeightDecay::None;
    }
}

fn rules() -> Vec<(&'static str, RuleConfig, WeightDecay)> {
    let momentum = SgdConfig {
        momentum: 0.9,
        ..SgdConfig::default()
    };
    let nesterov = SgdConfig {
        nesterov: true,
        ..momentum
    };
    // Quotients of almost nothing by almost nothing differ by more than rounding.
    let adam = AdamConfig {
        epsilon: 1e-4,
        ..AdamConfig::default()
    };
    let amsgrad = AdamConfig {
        amsgrad: true,
        ..adam
    };
    let lamb = LambConfig {
        epsilon: 1e-4,
        ..LambConfig::default()
    };
    let nadamw = NadamwConfig {
        epsilon: 1e-4,
        ..NadamwConfig::default()
    };
    let averaged = ScheduleFreeConfig {
        epsilon: 1e-4,
        ..ScheduleFreeConfig::default()
    };
    let adamp = AdamPConfig {
        epsilon: 1e-4,
        ..AdamPConfig::default()
    };
    let adagrad = AdagradConfig {
        epsilon: 1e-4,
        ..AdagradConfig::default()
    };
    let (l2, decoupled) = (
        WeightDecay::L2 { rate: 0.01 },
        WeightDecay::Decoupled { rate: 0.01 },
    );
    vec![
        ("sgd", SgdConfig::default().into(), l2),
        ("momentum", momentum.into(), decoupled),
        ("nesterov", nesterov.into(), l2),
        ("adam", adam.into(), l2),
        ("adamw", adam.into(), decoupled),
        ("amsgrad", amsgrad.into(), WeightDecay::None),
        ("lamb", lamb.into(), decoupled),
        ("lars", LarsConfig::default().into(), l2),
        ("adagrad", adagrad.into(), WeightDecay::None),
        ("nadamw", nadamw.into(), decoupled),
        ("lion", LionConfig::default().into(), decoupled),
        ("averaged", averaged.into(), decoupled),
        ("adamp", adamp.into(), decoupled),
        ("sgdp", SgdPConfig::default().into(), decoupled),
    ]
}

/// Compares the kernels of a device under one setting, and says how it went.
fn compare(name: &str, setting: &Setting, device: Device) -> Result<bool, Failure> {
    let expected = run(setting, device, Backend::Reference)?;
    let found = run(setting, device, Backend::Cuda)?;
    let again = run(setting, device, Backend::Cuda)?;
    let emulated = run(setting, Device::Cpu, Backend::Cuda)?;
    let tolerance = match setting.kind {
        Kind::Double => 1e-11,
        Kind::Float => 2e-5,
        // One number of the kind near 1.
        Kind::Half => 2e-3,
        _ => 1.6e-2,
    };
    let apart = distance(&found, &expected);
    let same = |other: &[Tensor]| found.iter().zip(other).all(|(a, b)| a.equal(b));
    let repeats = same(&again);
    // libtorch takes the radii on a device in another order than on the CPU, so that their last
    // bits may differ. Free steps have none.
    let on_cpu = if same(&emulated) {
        "same bits".to_owned()
    } else {
        format!("{:.1e} apart", distance(&found, &emulated))
    };
    let agrees = apart < tolerance && repeats && distance(&found, &emulated) < tolerance;
    let cells = [
        name,
        &format!("{:?}", setting.kind),
        setting.norms.name(),
        &format!(
            "{apart:.1e}{}",
            if apart < tolerance { "" } else { " TOO FAR" }
        ),
        if repeats { "same bits" } else { "OTHER BITS" },
        &on_cpu,
    ];
    println!("{}", row(&cells));
    Ok(agrees)
}

/// Elements that no number of 31 bits counts.
const MANY: i64 = (1 << 31) + 5;

/// Free bytes that are wanted for them: two weights, a gradient, and what libtorch makes on the way.
const ROOM: i64 = 40 << 30;

/// Compares a step of a bf16 weight of so many elements; nothing where the device has no room for it.
fn many_elements(device: Device) -> Result<Option<bool>, Failure> {
    let has_room = || Tensor::f_empty([ROOM], (Kind::Uint8, device)).is_ok();
    if !device.is_cuda() || !has_room() {
        println!(
            "sgd of {MANY} bf16 elements: left out, it needs {} GiB of a GPU",
            ROOM >> 30
        );
        return Ok(None);
    }
    let _guard = tch::no_grad_guard();
    // One of each remainder: what is computed for one element by mistake is none of another's.
    let fill = |factor: f64| {
        let numbers = Tensor::arange(MANY, (Kind::Int, device)).remainder_(251);
        numbers.to_kind(Kind::BFloat16) * factor
    };
    let gradient = fill(1.0 / 512.0);
    let mut stepped = Vec::new();
    for backend in [Backend::Reference, Backend::Cuda, Backend::Cuda] {
        let weight = fill(1.0 / 256.0).set_requires_grad(true);
        let named = Parameter {
            name: "w".into(),
            role: Role::Weight,
            tensor: weight.shallow_clone(),
        };
        let config = OptimizerConfig {
            backend,
            ..OptimizerConfig::new(SgdConfig::default(), Schedule::constant(0.5))
        };
        let mut optimizer = config.build(Parameters::new(vec![named])?)?;
        tch::with_grad(|| (&weight * &gradient).sum(Kind::Float).backward());
        assert!(!optimizer.step()?.skipped());
        optimizer.zero_grad();
        let weight = weight.detach();
        stepped.push(weight);
        if let [expected, found] = &stepped[..] {
            // In parts: a difference of all would need as much again.
            let apart = (0..MANY).step_by(1 << 28).map(|start| {
                let of = |one: &Tensor| one.narrow(0, start, (1 << 28).min(MANY - start));
                (of(found) - of(expected)).abs().max().double_value(&[])
            });
            let apart = apart.fold(0.0, f64::max);
            stepped[0] = Tensor::from(apart);
        }
    }
    let apart = stepped[0].double_value(&[]);
    let repeats = stepped[1].equal(&stepped[2]);
    // Of a number of this kind near 1.
    let agrees = apart < 1.6e-2;
    let cells = [
        "sgd",
        "BFloat16",
        "free",
        &format!("{apart:.1e}{}", if agrees { "" } else { " TOO FAR" }),
        if repeats { "same bits" } else { "OTHER BITS" },
        &format!("of {MANY} elements"),
    ];
    println!("{}", row(&cells));
    Ok(Some(agrees && repeats))
}

fn row(cells: &[&str; 6]) -> String {
    let [rule, kind, norms, apart, again, cpu] = cells;
    format!("{rule:<10}{kind:<10}{norms:<11}{apart:<16}{again:<12}{cpu}")
}

/// Seven steps of which one is skipped, with the freeze among them, and another rate of some from the
/// sixth on; the weights and all that is
/// remembered of them, on the CPU.
fn run(setting: &Setting, device: Device, backend: Backend) -> Result<Vec<Tensor>, Failure> {
    let weights: Vec<Tensor> = start(setting.kind)
        .into_iter()
        .filter(|w| setting.norms.can_hold(w))
        .map(|w| to(&w, device).set_requires_grad(true))
        .collect();
    let named = weights.iter().enumerate().map(|(i, tensor)| Parameter {
        name: format!("p{i}"),
        role: Role::Weight,
        tensor: tensor.shallow_clone(),
    });
    let mut config = OptimizerConfig {
        decay: setting.decay,
        clip_norm: Some(20.0),
        master_weights: true,
        backend,
        ..OptimizerConfig::new(setting.rule, Schedule::linear(0.02, 0.0, 20))
    };
    setting.norms.hold(&mut config);
    let mut optimizer = config.build(Parameters::new(named.collect())?)?;
    for step in 0..7 {
        if step == 5 {
            optimizer.set_group("p1", Some(0.5), None)?;
        }
        give_gradients(&mut optimizer, &weights, step);
        assert_eq!(optimizer.step()?.skipped(), step == 4);
    }
    let state = optimizer.state();
    let all = weights
        .iter()
        .map(Tensor::detach)
        .chain(state.tensors.values().map(Tensor::shallow_clone));
    Ok(all.map(|t| t.to_device(Device::Cpu).contiguous()).collect())
}

fn give_gradients(optimizer: &mut Optimizer, weights: &[Tensor], step: i64) {
    optimizer.zero_grad();
    for (i, w) in weights.iter().enumerate() {
        let mut g = noise(&w.size(), 1000 * step + i as i64, w.kind());
        if step == 4 && i == 2 {
            g *= f64::NAN;
        }
        (w * g.to_device(w.device())).sum(w.kind()).backward();
    }
}

/// A tensor elsewhere, with the strides that it has.
fn to(tensor: &Tensor, device: Device) -> Tensor {
    let room = tensor.size().into_iter().zip(tensor.stride());
    let room = 1 + room.map(|(n, stride)| (n - 1) * stride).sum::<i64>();
    let there = Tensor::zeros([room], (tensor.kind(), device));
    let mut view = there.as_strided(tensor.size(), tensor.stride(), 0);
    view.copy_(tensor);
    view
}

/// Weights of one chunk and of several, of short rows and of long, with the layouts that models
/// have.
fn start(kind: Kind) -> Vec<Tensor> {
    let channels_last = noise(&[16, 3, 3, 8], 2, kind).permute([0, 3, 1, 2]);
    vec![
        noise(&[300, 101], 1, kind),
        channels_last,
        noise(&[30, 50], 3, kind).tr(),
        noise(&[12, 20], 4, kind).slice(1, 0, 20, 2),
        noise(&[3, 9001], 5, kind),
        noise(&[16_385], 6, kind),
        noise(&[700, 1], 7, kind),
        noise(&[1], 8, kind),
    ]
}

/// Numbers that look random and are the same everywhere.
fn noise(shape: &[i64], seed: i64, kind: Kind) -> Tensor {
    let n: i64 = shape.iter().product();
    let x = (Tensor::arange(n, (Kind::Double, Device::Cpu)) * 12.9898 + seed as f64 * 0.37).sin();
    let x = x * 43_758.545_3;
    (&x - x.floor() - 0.5)
        .to_kind(Kind::Float)
        .reshape(shape)
        .to_kind(kind)
}

/// Largest `|a − b| / (1 + |b|)`.
fn distance(found: &[Tensor], expected: &[Tensor]) -> f64 {
    let mut largest = 0.0f64;
    for (a, b) in found.iter().zip(expected) {
        let (a, b) = (a.to_kind(Kind::Double), b.to_kind(Kind::Double));
        let apart = ((&a - &b).abs() / (b.abs() + 1.0)).max().double_value(&[]);
        // NaN must not pass for small.
        largest = if apart <= largest { largest } else { apart };
    }
    largest
}
