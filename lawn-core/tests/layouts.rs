//! Where the elements of weights and gradients lie in memory changes no step.

mod common;

use common::rules::rules;
use common::setting::{Setting, lawn};
use common::{Numbers, distance, everything, parameters, set_gradients};
use lawn_core::{
    AdamConfig, Backend, Granularity, Optimizer, OptimizerConfig, Parameter, Parameters, Role,
    Schedule, WeightDecay,
};
use proptest::prelude::*;
use tch::{Kind, Tensor};

/// How the elements of a tensor lie: the dimensions from the slowest to the
/// fastest, and whether there are gaps between elements.
#[derive(Clone, Debug)]
struct Layout {
    order: Vec<i64>,
    gaps: bool,
}

impl Layout {
    fn plain(dimensions: usize) -> Self {
        Self {
            order: (0..dimensions as i64).collect(),
            gaps: false,
        }
    }

    /// The same numbers in this layout.
    fn of(&self, tensor: &Tensor) -> Tensor {
        let ordered = tensor.permute(&self.order).contiguous().copy();
        let ordered = if self.gaps {
            Tensor::stack(&[&ordered, &ordered], -1).select(-1, 0)
        } else {
            ordered
        };
        let mut back = self.order.clone();
        for (place, &dimension) in self.order.iter().enumerate() {
            back[dimension as usize] = place as i64;
        }
        ordered.permute(back)
    }
}

/// Five steps with the freeze after the second. `backward` would bring each
/// gradient into the layout of its weight; so it is put in its place.
fn run(
    setting: &Setting,
    start: &Tensor,
    (weight, gradient): (&Layout, &Layout),
    backend: Backend,
) -> (Optimizer, Tensor) {
    let tensor = weight.of(&start.to_kind(setting.kind)).detach();
    let tensor = tensor.set_requires_grad(true);
    let parameter = Parameter {
        name: "w".into(),
        role: Role::Weight,
        tensor: tensor.shallow_clone(),
    };
    let config = OptimizerConfig {
        decay: setting.decay,
        lawn: setting.granularity.map(|granularity| lawn(2, granularity)),
        clip_norm: setting.clip_norm,
        check_finite: setting.check_finite,
        backend,
        ..OptimizerConfig::new(setting.rule, Schedule::constant(0.01))
    };
    let parameters = Parameters::new(vec![parameter]).unwrap();
    let mut optimizer = config.build(parameters).unwrap();
    let mut numbers = Numbers(19);
    for _ in 0..5 {
        let g = gradient.of(&numbers.tensor(&start.size(), setting.kind));
        set_gradients(&mut optimizer, &[tensor.shallow_clone()], &[Some(g.copy())]);
        tensor.grad().set_data(&g);
        assert_eq!(tensor.grad().stride(), g.stride());
        optimizer.step().unwrap();
        assert!(tensor.grad().equal(&g));
    }
    (optimizer, tensor)
}

#[test]
fn a_layout_is_the_same_numbers_elsewhere() {
    let tensor = Numbers(1).tensor(&[2, 3, 4], Kind::Float);
    let layout = Layout {
        order: vec![1, 2, 0],
        gaps: true,
    };
    let found = layout.of(&tensor);
    assert!(found.equal(&tensor));
    assert_eq!(found.stride(), [2, 16, 4]);
}

/// Kernels of their own sum the radii too, whatever the layout.
#[test]
fn the_number_of_threads_changes_no_bit_of_channels_last() {
    let start = Numbers(4).tensor(&[96, 64, 3, 3], Kind::Float);
    let channels_last = Layout {
        order: vec![0, 2, 3, 1],
        gaps: false,
    };
    let threads = tch::get_num_threads();
    for granularity in [Granularity::Layer, Granularity::Row] {
        for kind in [Kind::Float, Kind::Double, Kind::BFloat16] {
            let setting = Setting {
                rule: AdamConfig::default().into(),
                decay: WeightDecay::None,
                granularity: Some(granularity),
                kind,
                check_finite: true,
                clip_norm: Some(1.0),
            };
            let results = [1, 2, 5].map(|threads| {
                tch::set_num_threads(threads);
                let layouts = (&channels_last, &channels_last);
                let (optimizer, w) = run(&setting, &start, layouts, Backend::Auto);
                everything(&optimizer, &[w])
            });
            tch::set_num_threads(threads);
            let same = results.windows(2).all(|pair| pair[0] == pair[1]);
            assert!(same, "{granularity:?} {kind:?}");
        }
    }
}

/// What is beside a weight stays where it was when the model moves the weight.
#[test]
fn a_weight_may_change_its_layout_on_the_way() {
    let start = Numbers(4).tensor(&[8, 6, 3, 3], Kind::Float);
    let layout = |order: [i64; 4], gaps| Layout {
        order: order.into(),
        gaps,
    };
    let train = |backend, free_steps, moved: Option<&Layout>| {
        let (parameters, weights) = parameters(&[start.shallow_clone()]);
        let config = OptimizerConfig {
            lawn: Some(lawn(free_steps, Granularity::Row)),
            backend,
            ..OptimizerConfig::new(AdamConfig::default(), Schedule::constant(0.01))
        };
        let mut optimizer = config.build(parameters).unwrap();
        let mut numbers = Numbers(19);
        let mut w = weights[0].shallow_clone();
        for step in 0..4 {
            if let Some(layout) = moved.filter(|_| step == 2) {
                w.set_data(&layout.of(&w.detach()));
            }
            let g = numbers.tensor(&start.size(), Kind::Float);
            set_gradients(&mut optimizer, &[w.shallow_clone()], &[Some(g)]);
            optimizer.step().unwrap();
        }
        w
    };
    for free_steps in [1, 9] {
        let expected = train(Backend::Reference, free_steps, None);
        for backend in [Backend::Auto, Backend::Cuda, Backend::Reference] {
            for moved in [
                layout([0, 2, 3, 1], false),
                layout([0, 1, 2, 3], true),
                layout([3, 2, 1, 0], false),
            ] {
                let apart = distance(&train(backend, free_steps, Some(&moved)), &expected);
                assert!(apart < 1e-5, "{backend:?} {moved:?}: {apart:e}");
            }
        }
    }
}

fn shape_and_layouts() -> impl Strategy<Value = (Vec<i64>, Layout, Layout)> {
    prop::collection::vec(1i64..12, 1..5).prop_flat_map(|shape| {
        let dimensions: Vec<i64> = (0..shape.len() as i64).collect();
        let layout = || {
            let order = Just(dimensions.clone()).prop_shuffle();
            (order, any::<bool>()).prop_map(|(order, gaps)| Layout { order, gaps })
        };
        let (weight, gradient) = (layout(), layout());
        (Just(shape), weight, gradient)
    })
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 128,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn any_layout_takes_the_steps_of_the_plain_one(
        (shape, weight, gradient) in shape_and_layouts(),
        (rule, decay) in prop::sample::select(rules()),
        granularity in prop::option::of(prop_oneof![
            Just(Granularity::Layer),
            Just(Granularity::Row),
        ]),
        // With the largest distance: of narrow kinds, two numbers of them near 1.
        (kind, tolerance) in prop::sample::select(vec![
            (Kind::Double, 1e-10),
            (Kind::Float, 1e-4),
            (Kind::Half, 2f64.powi(-9)),
            (Kind::BFloat16, 2f64.powi(-6)),
        ]),
        clip_norm in prop::option::of(0.1..10.0),
        seed in 0u64..1 << 40,
    ) {
        let start = Numbers(seed).tensor(&shape, Kind::Double);
        let decay = if granularity.is_some() { WeightDecay::None } else { decay };
        let setting = Setting { rule, decay, granularity, kind, check_finite: true, clip_norm };
        let plain = Layout::plain(shape.len());
        let (_, expected) = run(&setting, &start, (&plain, &plain), Backend::Reference);
        for backend in [Backend::Auto, Backend::Cuda] {
            let (_, found) = run(&setting, &start, (&weight, &gradient), backend);
            let apart = distance(&found, &expected);
            prop_assert!(apart < tolerance, "{backend:?}: {apart:e}");
        }
    }
}
