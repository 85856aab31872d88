//! What a step asks of the device: few launches, the same for many parameters as for few, the same
//! bits in whatever order its blocks run, and nothing that waits.

use tch::{Device, Kind, Tensor};

use super::launch::ORDER;
use super::nvrtc::Parts;
use super::*;
use crate::backend::kernel::{Format, Isa};
use crate::constraint::form::ConstraintForm;
use crate::libtorch::dispatches::dispatches;
use crate::units::Granularity;
use crate::{
    AdagradConfig, AdamConfig, AdamPConfig, Backend as Choice, CprBound, CprConfig,
    HyperballConfig, LambConfig, LarsConfig, LawnConfig, LionConfig, NadamwConfig, Optimizer,
    OptimizerConfig, Parameter, Parameters, Phase as PhaseOfStep, Role, RotationalConfig,
    RuleConfig, Schedule, ScheduleFreeConfig, Scope, SgdConfig, SgdPConfig, StepOptions,
};

/// Numbers that look random and are the same everywhere.
fn noise(shape: &[i64], seed: i64, kind: Kind) -> Tensor {
    let n: i64 = shape.iter().product();
    let x = Tensor::arange(n, (Kind::Double, Device::Cpu)) * 12.9898 + seed as f64;
    let x = x.sin() * 43_758.545_3;
    (&x - x.floor() - 0.5).reshape(shape).to_kind(kind)
}

/// Tensors of one piece and of several, of short rows and of long, with a gradient each.
const SHAPES: [&[i64]; 6] = [
    &[32, 48],
    &[33],
    &[16, 8, 3, 3],
    &[3, 9001],
    &[700, 1],
    &[2, 5],
];

fn optimizer(config: &OptimizerConfig, tensors: usize, kind: Kind) -> (Optimizer, Vec<Tensor>) {
    let tensors = (0..tensors).map(|i| {
        let shape = SHAPES[i % SHAPES.len()];
        let tensor = noise(shape, i as i64, kind).set_requires_grad(true);
        let g = noise(shape, 100 + i as i64, kind);
        (&tensor * g).sum(kind).backward();
        tensor
    });
    let tensors: Vec<Tensor> = tensors.collect();
    let parameters = tensors.iter().enumerate().map(|(i, tensor)| Parameter {
        name: format!("p{i}"),
        role: if tensor.dim() > 1 {
            Role::Weight
        } else {
            Role::Bias
        },
        tensor: tensor.shallow_clone(),
    });
    let parameters = Parameters::new(parameters.collect()).unwrap();
    (config.clone().build(parameters).unwrap(), tensors)
}

fn rules() -> [RuleConfig; 12] {
    let momentum = SgdConfig {
        momentum: 0.9,
        ..SgdConfig::default()
    };
    let amsgrad = AdamConfig {
        amsgrad: true,
        ..AdamConfig::default()
    };
    [
        SgdConfig::default().into(),
        momentum.into(),
        AdamConfig::default().into(),
        amsgrad.into(),
        LambConfig::paper().into(),
        LarsConfig::default().into(),
        AdagradConfig::default().into(),
        NadamwConfig::default().into(),
        LionConfig::default().into(),
        ScheduleFreeConfig::default().into(),
        AdamPConfig::default().into(),
        SgdPConfig::default().into(),
    ]
}

/// The constraints beside LAWN.
fn constrained() -> [OptimizerConfig; 7] {
    let of = |rule: RuleConfig| OptimizerConfig {
        backend: Choice::Cuda,
        ..OptimizerConfig::new(rule, Schedule::constant(0.01))
    };
    let bound = |granularity| CprConfig {
        granularity,
        ..CprConfig::new(CprBound::Dependent(0.5))
    };
    [
        OptimizerConfig {
            hyperball: Some(HyperballConfig::default()),
            ..of(AdamConfig::default().into())
        },
        OptimizerConfig {
            cpr: Some(bound(Granularity::Layer)),
            ..of(AdamConfig::default().into())
        },
        OptimizerConfig {
            cpr: Some(bound(Granularity::Row)),
            ..of(LionConfig::default().into())
        },
        OptimizerConfig {
            rotational: Some(RotationalConfig {
                centred: false,
                ..RotationalConfig::new(0.1)
            }),
            ..of(NadamwConfig::default().into())
        },
        OptimizerConfig {
            rotational: Some(RotationalConfig::new(0.1)),
            ..of(AdamConfig::default().into())
        },
        OptimizerConfig {
            rotational: Some(RotationalConfig {
                granularity: Granularity::Column,
                ..RotationalConfig::new(0.1)
            }),
            ..of(LionConfig::default().into())
        },
        OptimizerConfig {
            lawn: Some(LawnConfig {
                scope: Scope::AllWeights,
                granularity: Granularity::Column,
                ..LawnConfig::new(1)
            }),
            ..of(AdamConfig::default().into())
        },
    ]
}

fn configs() -> Vec<OptimizerConfig> {
    let mut configs = Vec::new();
    for rule in rules() {
        for granularity in [None, Some(Granularity::Layer), Some(Granularity::Row)] {
            // What these rules do to rows is the reference's where units are layers.
            let tests_rows = ["adamp", "sgdp"].contains(&rule.name());
            if tests_rows && granularity == Some(Granularity::Layer) {
                continue;
            }
            configs.push(OptimizerConfig {
                backend: Choice::Cuda,
                clip_norm: Some(1.0),
                lawn: granularity.map(|granularity| LawnConfig {
                    scope: Scope::AllWeights,
                    granularity,
                    ..LawnConfig::new(1)
                }),
                ..OptimizerConfig::new(rule, Schedule::constant(0.01))
            });
        }
    }
    configs.extend(constrained());
    configs
}

/// The backend of these parameters, without an optimizer around it.
fn backend(slots: &mut [Slot], rule: &dyn Rule, constraint: Option<&ConstraintForm>) -> Cuda {
    Cuda::new(
        Setup {
            rule,
            slots,
            constraint,
            watch: None,
        },
        |device| Clock::of_at_most(8, device),
    )
}

/// Slots of so many parameters, with their gradients.
fn slots(config: &OptimizerConfig, tensors: usize) -> (Vec<Slot>, Vec<Option<Tensor>>) {
    let (optimizer, tensors) = optimizer(config, tensors, Kind::Float);
    let gradients = tensors.iter().map(|tensor| Some(tensor.grad().copy()));
    (optimizer.slots, gradients.collect())
}

/// Launches of a step of so many parameters.
fn launches(config: &OptimizerConfig, tensors: usize, limits: crate::report::Limits) -> u64 {
    let (mut slots, gradients) = slots(config, tensors);
    let form = config.constraint().map(|constraint| constraint.form());
    let mut backend = backend(&mut slots, &config.rule, form.as_ref());
    for slot in &mut slots {
        let units = Granularity::Row.units(&slot.weight.size()) as usize;
        slot.radii = vec![1.0; units];
    }
    backend.load(&mut slots);
    let before = backend.launches.count();
    let _guard = tch::no_grad_guard();
    let request = StepRequest {
        gradients: &gradients,
        rows: &gradients.iter().map(|_| None).collect::<Vec<_>>(),
        rule: &config.rule,
        constraint: form.as_ref(),
        learning_rate: 0.01,
        limits,
        options: StepOptions::default(),
        weights: &crate::parameters::layout::DisjointSpans::default(),
        writes: &std::cell::Cell::new(false),
        replay: None,
    };
    backend.step(&mut slots, &request).unwrap();
    backend.launches.count() - before
}

fn limits(check_finite: bool, clip_norm: Option<f64>) -> crate::report::Limits {
    crate::report::Limits {
        clip_norm,
        check_finite,
        reach: if check_finite { 1e18 } else { f64::INFINITY },
    }
}

#[test]
fn a_step_is_six_launches_at_most_however_many_parameters_there_are() {
    for config in configs() {
        let projects = ["lamb", "adamp", "sgdp"].contains(&config.rule.name());
        let two_passes = config.constraint().is_some() || projects;
        let expected = if two_passes { 6 } else { 4 };
        for tensors in [1, 12, 161] {
            let found = launches(&config, tensors, limits(true, Some(1.0)));
            assert_eq!(found, expected, "{config:?}");
        }
    }
    // Where nothing asks for the norm beforehand, no pass is made for it.
    let adam = &configs()[6];
    assert_eq!(launches(adam, 161, limits(false, None)), 3);
}

/// Everything that three steps have made, with the freeze after the first.
fn bits(config: &OptimizerConfig, kind: Kind, order: i64) -> Vec<u8> {
    ORDER.set(order);
    let (mut optimizer, tensors) = optimizer(config, 7, kind);
    let mut told = Vec::new();
    for _ in 0..3 {
        told.push(optimizer.step().unwrap().gradient_norm());
    }
    let mut state = optimizer.state();
    ORDER.set(0);
    for (i, tensor) in tensors.iter().enumerate() {
        let name = format!("weight/{i}");
        state.tensors.insert(name, tensor.detach().copy());
    }
    state
        .tensors
        .insert("norms".into(), Tensor::from_slice(&told));
    state.to_bytes().unwrap()
}

#[test]
fn no_bit_depends_on_the_order_in_which_blocks_and_threads_run() {
    for config in configs() {
        for kind in [Kind::Float, Kind::Double, Kind::BFloat16] {
            let expected = bits(&config, kind, 0);
            for order in [1, 2, 3, 12_345] {
                assert!(bits(&config, kind, order) == expected, "{order} {config:?}");
            }
        }
    }
}

/// What makes the host wait for a device.
const WAITS: [&str; 6] = [
    "aten::item",
    "aten::_local_scalar_dense",
    "aten::is_nonzero",
    "aten::nonzero",
    "aten::equal",
    "aten::masked_select",
];

/// How often an operation that `run` dispatches waits.
fn waits(run: impl FnOnce()) -> usize {
    let counts = dispatches(run);
    let wait = |name: &str| WAITS.iter().any(|wait| name.ends_with(wait));
    let waits = counts.iter().filter(|(name, _)| wait(name));
    waits.map(|(_, count)| count).sum()
}

/// Operations of libtorch in a step after the freeze, apart from views: the record of the step.
#[test]
fn a_step_dispatches_no_more_for_many_parameters_than_for_few_and_never_waits() {
    let views = ["aten::detach", "aten::as_strided", "aten::select"];
    for config in configs() {
        let operations = [12, 161].map(|tensors| {
            let (mut optimizer, _) = optimizer(&config, tensors, Kind::Float);
            optimizer.step().unwrap();
            optimizer.step().unwrap();
            let counts = dispatches(|| assert!(optimizer.step().is_ok()));
            let waiting = |name: &str| WAITS.iter().any(|wait| name.ends_with(wait));
            assert!(
                !counts.keys().any(|name| waiting(name)),
                "{config:?}: {counts:?}"
            );
            let works = |name: &str| !views.iter().any(|view| name.ends_with(view));
            let works = counts.into_iter().filter(|(name, _)| works(name));
            works.map(|(_, count)| count).sum::<usize>()
        });
        assert_eq!(operations[0], operations[1], "{config:?}");
        assert!(operations[0] <= 4, "{config:?}: {operations:?}");
    }
}

#[test]
fn what_waits_is_seen_where_it_is() {
    let config = &configs()[7];
    let (mut optimizer, _) = optimizer(config, 3, Kind::Float);
    let report = optimizer.step().unwrap();
    assert!(waits(|| assert!(report.gradient_norm() > 0.0)) > 0);
    // Once known, it is known.
    assert_eq!(waits(|| assert!(report.gradient_norm() > 0.0)), 0);
    assert!(waits(|| assert_eq!(report.step(), 1)) > 0);
    assert!(waits(|| assert_eq!(report.learning_rate(), 0.01)) > 0);
    assert!(waits(|| assert_eq!(optimizer.skipped(), 0)) > 0);
    assert!(waits(|| assert_eq!(optimizer.steps(), 1)) > 0);
    // The next step freezes unless this one was skipped.
    assert!(waits(|| assert_eq!(optimizer.phase(), PhaseOfStep::Constrained)) > 0);
}

/// The rates that the device finds in so many steps, of which some are skipped, under the schedule
/// η(t) = t, where it remembers eight of them; and how many it knows to be skipped.
fn rates(steps: u64, skipped: impl Fn(u64) -> bool) -> (Vec<f64>, u64) {
    let config = &configs()[0];
    let (mut slots, gradients) = slots(config, 1);
    let mut backend = backend(&mut slots, &config.rule, None);
    let _guard = tch::no_grad_guard();
    let mut found = Vec::new();
    for step in 0..steps {
        // The norm divided by it is too large for any number.
        let gradient_scale = if skipped(step) { 1e-320 } else { 1.0 };
        let request = StepRequest {
            gradients: &gradients,
            rows: &[None],
            rule: &config.rule,
            constraint: None,
            learning_rate: step as f64,
            limits: limits(true, None),
            options: StepOptions {
                gradient_scale,
                ..StepOptions::default()
            },
            weights: &crate::parameters::layout::DisjointSpans::default(),
            writes: &std::cell::Cell::new(false),
            replay: None,
        };
        let record = backend.step(&mut slots, &request).unwrap();
        found.push(record.rate.value());
    }
    let skipped = backend.clock.skipped().steps;
    backend.clock.reset();
    assert_eq!(backend.clock.skipped().steps, 0);
    (found, skipped)
}

#[test]
fn the_rate_is_that_of_the_steps_taken_however_many_there_are() {
    // Seven skipped in a thousand, at the start, over all of it, at the end.
    for is_skipped in [
        |_| false,
        |step| step < 7,
        |step| step % 143 == 1,
        |step| step >= 993,
    ] as [fn(u64) -> bool; 4]
    {
        let (found, skipped) = rates(1000, is_skipped);
        let mut taken = 0;
        for (step, rate) in (0..).zip(found) {
            assert_eq!(rate, f64::from(taken), "step {step}");
            taken += i32::from(!is_skipped(step));
        }
        assert_eq!(skipped, 1000 - taken as u64);
    }
}

#[test]
fn more_skipped_steps_than_it_remembers_move_the_schedule_on() {
    let (found, skipped) = rates(100, |step| step < 20);
    // Those remembered end with the step that begins.
    let expected = |step: u64| (step + 1).saturating_sub(8).max(step.saturating_sub(20));
    let expected: Vec<f64> = (0..100).map(|step| expected(step) as f64).collect();
    assert_eq!(found, expected);
    assert_eq!(skipped, 20);
}

#[test]
fn the_device_is_told_of_addresses_only_where_they_have_changed() {
    let (mut optimizer, tensors) = optimizer(&configs()[7], 3, Kind::Float);
    optimizer.step().unwrap();
    optimizer.step().unwrap();
    let copies = |optimizer: &mut Optimizer| {
        let counts = dispatches(|| assert!(optimizer.step().is_ok()));
        counts.get("aten::copy_").copied().unwrap_or(0)
    };
    assert_eq!(copies(&mut optimizer), 0);
    let moved = tensors[1].grad().copy();
    tensors[1].grad().set_data(&moved);
    assert_eq!(copies(&mut optimizer), 1);
    assert_eq!(copies(&mut optimizer), 0);
}

/// Every number of 16 bits, and as many of f32 around and between them.
#[test]
fn formats_of_16_bits_are_those_of_the_kernels_of_the_cpu() {
    unsafe extern "C" {
        fn lawn_widen(element: i64, bits: u16) -> f32;
        fn lawn_narrow(element: i64, x: f32) -> u16;
    }
    for (element, format) in [(2, Format::F16), (3, Format::Bf16)] {
        for bits in 0..=u16::MAX {
            let (mut wide, mut back) = ([0f32], [0u16]);
            // SAFETY: all are of one number.
            let found = unsafe {
                format.widen(Isa::best(), [bits].as_ptr(), wide.as_mut_ptr(), 1);
                lawn_widen(element, bits)
            };
            assert!(found.to_bits() == wide[0].to_bits() || found.is_nan() && wide[0].is_nan());
            for next in [
                -1i32, 0, 1, 0x7ff, 0x800, 0x1000, 0x1001, 0x7fff, 0x8000, 0x8001,
            ] {
                let x = f32::from_bits(wide[0].to_bits().wrapping_add_signed(next));
                if x.is_nan() {
                    continue;
                }
                // SAFETY: all are of one number.
                let found = unsafe {
                    format.narrow(Isa::best(), [x].as_ptr(), back.as_mut_ptr(), 1);
                    lawn_narrow(element, x)
                };
                assert_eq!(found, back[0], "{element} {x:e}");
            }
        }
    }
}

/// Says what is left out where there is no NVRTC.
#[test]
fn the_kernels_compile_for_every_card_that_nvrtc_knows() {
    let nvrtc = match nvrtc::Nvrtc::get() {
        Ok(nvrtc) => nvrtc,
        Err(why) => {
            eprintln!("skipped: no kernel is compiled for a card, since {why}");
            return;
        }
    };
    let (major, _) = nvrtc.version();
    let told = Choice::cuda_compiler().unwrap();
    assert!(told.version.starts_with(&format!("{major}.")), "{told:?}");
    let known = nvrtc.architectures();
    for (capability, rule, elements) in [
        (70, KernelRule::Adam, 0b0001),
        (75, KernelRule::Adam, 0b1001),
        (80, KernelRule::Momentum, 0b0100),
        (90, KernelRule::Amsgrad, 0b0010),
        (100, KernelRule::Adam, 0b0001),
        (75, KernelRule::Nadam, 0b1001),
        (80, KernelRule::Sign, 0b0101),
        (90, KernelRule::Averaged, 0b0011),
        (100, KernelRule::Averaged, 0b0001),
        (75, KernelRule::Plain, 0b0101),
        (80, KernelRule::Nesterov, 0b1001),
        (90, KernelRule::Adagrad, 0b1111),
        (100, KernelRule::Plain, 0b0010),
    ] {
        let rules = 1 << rule as i64;
        let parts = Parts { rules, elements };
        if !known.contains(&capability) {
            eprintln!("skipped: sm_{capability} is none of NVRTC {major}'s, which are {known:?}");
            // A card that is older than all of them has no kernels, and that is said; the source has
            // nothing that NVRTC 12 does not compile for it.
            let older = known.iter().all(|&known| known > capability);
            assert_eq!(nvrtc.target(capability).is_err(), older);
            // That of CUDA 13 knows all but Volta, that of CUDA 12 all but the newest.
            assert_eq!(capability, if major >= 13 { 70 } else { 100 });
            continue;
        }
        let target = nvrtc::Target::Ptx(capability);
        let ptx = nvrtc.compile(target, &nvrtc::Source::of(parts)).unwrap();
        let ptx = String::from_utf8_lossy(&ptx);
        for kernel in Kernel::ALL {
            let entry = format!(".visible .entry {}(", kernel.name().to_str().unwrap());
            assert!(ptx.contains(&entry), "{capability}: {entry}");
        }
        assert!(!ptx.contains("fma.rn.f32"), "{capability}");
        assert!(!ptx.contains("atom.global.add.f"), "{capability}");
    }
    // A card newer than NVRTC takes the PTX of the newest that it knows.
    let newest = known[known.len() - 1];
    assert_eq!(nvrtc.target(newest + 1), Ok(nvrtc::Target::Ptx(newest)));
    assert_eq!(nvrtc.target(newest), Ok(nvrtc::Target::Machine(newest)));
}
