//! A rule of one's own that hands the form of a built-in one on, and so runs on all backends.

use crate::common::setting::lawn;
use crate::common::{Numbers, everything, parameters, set_gradients};
use lawn_core::{
    AdamConfig, Backend, Context, Error, Form, Granularity, LambConfig, Norms, Optimizer,
    OptimizerConfig, Rule, Schedule, State, WeightDecay,
};
use tch::{Kind, Tensor};

const BACKENDS: [Backend; 3] = [Backend::Auto, Backend::Reference, Backend::Cuda];

/// A built-in rule under another name, with as many buffers as it is told.
#[derive(Debug)]
struct Named<R> {
    rule: R,
    buffers: usize,
}

impl<R: Rule> Rule for Named<R> {
    fn name(&self) -> &str {
        "named"
    }

    fn buffers(&self) -> &[&str] {
        &self.rule.buffers()[..self.buffers]
    }

    fn direction(&self, c: &Context, w: &Tensor, g: &Tensor, buffers: &mut [Tensor]) -> Tensor {
        self.rule.direction(c, w, g, buffers)
    }

    fn trust(&self, context: &Context, norms: &Norms<'_>) -> Option<Tensor> {
        self.rule.trust(context, norms)
    }

    fn absorbs(&self, decay: WeightDecay) -> bool {
        self.rule.absorbs(decay)
    }

    fn form(&self, context: &Context) -> Option<Form> {
        self.rule.form(context)
    }
}

/// Weights of which the last has gaps, which the kernels do not take: six steps, with the
/// freeze among them, and a step in which the first lies in another order.
fn run<R: Rule + 'static>(rule: R, backend: Backend) -> (Optimizer, Vec<Tensor>) {
    let mut numbers = Numbers(7);
    let start = [
        numbers.tensor(&[30, 40], Kind::Float),
        numbers.tensor(&[20, 60], Kind::Float),
    ];
    let (parameters, mut weights) = parameters(&start);
    let config = OptimizerConfig {
        backend,
        lawn: Some(lawn(2, Granularity::Row)),
        clip_norm: Some(1.0),
        ..OptimizerConfig::new(rule, Schedule::constant(0.01))
    };
    let mut optimizer = config.build(parameters).unwrap();
    for step in 0..6 {
        if step == 4 {
            let gapped = Tensor::zeros([20, 120], (Kind::Float, tch::Device::Cpu));
            let mut view = gapped.slice(1, 0, None, 2);
            tch::no_grad(|| view.copy_(&weights[1]));
            weights[1].set_data(&view);
        }
        let gradients: Vec<_> = start
            .iter()
            .map(|w| Some(numbers.tensor(&w.size(), Kind::Float)))
            .collect();
        set_gradients(&mut optimizer, &weights, &gradients);
        optimizer.step().unwrap();
    }
    (optimizer, weights)
}

/// All tensors, without what the state says of its rule.
fn tensors((optimizer, weights): (Optimizer, Vec<Tensor>)) -> Vec<u8> {
    let bytes = everything(&optimizer, &weights);
    let mut state = State::from_bytes(&bytes, tch::Device::Cpu).unwrap();
    state.metadata.clear();
    state.to_bytes().unwrap()
}

#[test]
fn it_takes_the_steps_of_the_rule_whose_form_it_has_bit_for_bit() {
    for backend in BACKENDS {
        let adam = AdamConfig::default();
        let named = Named {
            rule: adam,
            buffers: 2,
        };
        assert!(
            tensors(run(named, backend)) == tensors(run(adam, backend)),
            "{backend:?}"
        );
        let lamb = LambConfig::default();
        let named = Named {
            rule: lamb,
            buffers: 2,
        };
        assert!(
            tensors(run(named, backend)) == tensors(run(lamb, backend)),
            "{backend:?}"
        );
    }
}

#[test]
fn it_runs_on_the_backend_that_is_asked_for() {
    let named = Named {
        rule: AdamConfig::default(),
        buffers: 2,
    };
    let (parameters, weights) = parameters(&[Numbers(1).tensor(&[3, 4], Kind::Float)]);
    let config = OptimizerConfig {
        backend: Backend::Cuda,
        ..OptimizerConfig::new(named, Schedule::constant(0.1))
    };
    let mut optimizer = config.build(parameters).unwrap();
    let gradient = Numbers(2).tensor(&[3, 4], Kind::Float);
    set_gradients(&mut optimizer, &weights, &[Some(gradient)]);
    assert!(optimizer.step().unwrap().is_pending());
}

/// Kernels write as many buffers as the form is made with.
#[test]
fn other_buffers_than_those_of_its_form_are_refused() {
    for backend in BACKENDS {
        let (parameters, _) = parameters(&[Numbers(1).tensor(&[3, 4], Kind::Float)]);
        let named = Named {
            rule: AdamConfig::default(),
            buffers: 1,
        };
        let config = OptimizerConfig {
            backend,
            ..OptimizerConfig::new(named, Schedule::constant(0.1))
        };
        let error = config.build(parameters).unwrap_err();
        assert!(matches!(&error, Error::RuleAnswer { rule, .. } if rule == "named"));
        let told = "expected 2 buffers, which its form is made with, found 1";
        assert!(error.to_string().ends_with(told), "{error}");
    }
}
