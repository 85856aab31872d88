//! An average in the place of weights that are trained, and one of weights in 16 bits.

use crate::common::{Numbers, parameters, set_gradients, values};
use lawn_core::{
    Error, Optimizer, OptimizerConfig, Schedule, ScheduleFreeConfig, SgdConfig, State,
    WeightAverage,
};
use tch::{Device, Kind, Tensor};

fn trained(kind: Kind, master_weights: bool) -> (Optimizer, Vec<Tensor>) {
    let mut numbers = Numbers(5);
    let start = [(); 2].map(|()| numbers.tensor(&[2, 3], kind));
    let (parameters, weights) = parameters(&start);
    let config = OptimizerConfig {
        master_weights,
        ..OptimizerConfig::new(SgdConfig::default(), Schedule::constant(1e-3))
    };
    (config.build(parameters).unwrap(), weights)
}

fn step(optimizer: &mut Optimizer, weights: &[Tensor]) -> Result<(), Error> {
    let ones: Vec<_> = weights.iter().map(|w| Some(w.ones_like())).collect();
    set_gradients(optimizer, weights, &ones);
    optimizer.step().map(drop)
}

fn named(weights: &[Tensor]) -> Vec<(String, Tensor)> {
    let all = weights.iter().enumerate();
    all.map(|(i, w)| (format!("p{i}"), w.shallow_clone()))
        .collect()
}

/// The second weight alone has an average, and it is the one that is named.
#[test]
fn nothing_is_trained_while_an_average_is_in_the_place_of_weights() {
    let (mut optimizer, weights) = trained(Kind::Float, false);
    let state = optimizer.state();
    let mut average = WeightAverage::new(named(&weights).into_iter().skip(1), 0.9).unwrap();
    step(&mut optimizer, &weights).unwrap();
    average.update();
    average.swap();
    let before: Vec<Vec<f64>> = weights.iter().map(values).collect();
    type Attempt = fn(&mut Optimizer, &State) -> Result<(), Error>;
    let attempts: [Attempt; 4] = [
        |optimizer, _| optimizer.step().map(drop),
        |optimizer, state| optimizer.load_state(state),
        |optimizer, _| optimizer.freeze_now(),
        |optimizer, _| optimizer.eval(),
    ];
    for attempt in attempts {
        let refused = attempt(&mut optimizer, &state);
        assert!(
            matches!(&refused, Err(Error::Averaged { name }) if name == "p1"),
            "{refused:?}"
        );
    }
    assert_eq!(before, weights.iter().map(values).collect::<Vec<_>>());
    assert_eq!(optimizer.steps(), 1);
    // Another optimizer, of other weights, has nothing to do with it.
    let (mut other, others) = trained(Kind::Float, false);
    step(&mut other, &others).unwrap();
    average.swap();
    step(&mut optimizer, &weights).unwrap();
    // Let go of while it is in their place: these are the weights from then on.
    average.swap();
    drop(average);
    step(&mut optimizer, &weights).unwrap();
    assert_eq!(optimizer.steps(), 3);
}

/// What two averages of the same weights have listed is counted.
#[test]
fn two_averages_are_taken_out_one_by_one() {
    let (mut optimizer, weights) = trained(Kind::Float, false);
    let average = || WeightAverage::new(named(&weights), 0.9).unwrap();
    let (mut one, mut other) = (average(), average());
    one.swap();
    other.swap();
    other.swap();
    assert!(matches!(optimizer.step(), Err(Error::Averaged { .. })));
    one.swap();
    step(&mut optimizer, &weights).unwrap();
}

#[test]
fn an_average_of_16_bits_is_of_the_copies_or_refused() {
    for kind in [Kind::BFloat16, Kind::Half] {
        let (optimizer, weights) = trained(kind, false);
        for refused in [
            WeightAverage::new(named(&weights), 0.999),
            optimizer.average(named(&weights), 0.999),
        ] {
            let error = refused.unwrap_err();
            assert!(
                matches!(&error, Error::NarrowAverage { name, found } if name == "p0" && *found == kind),
                "{error}"
            );
            assert!(error.to_string().contains("master_weights"), "{error}");
        }
        let (mut optimizer, weights) = trained(kind, true);
        let mut average = optimizer.average(named(&weights), 0.9).unwrap();
        let mut expected = values(&weights[0]);
        let mut master = expected.clone();
        for _ in 0..50 {
            step(&mut optimizer, &weights).unwrap();
            average.update();
            for (mean, w) in expected.iter_mut().zip(&mut master) {
                *w -= 1e-3;
                *mean = 0.9 * *mean + 0.1 * *w;
            }
        }
        let found = values(&average.state().tensors["p0"]);
        for (found, expected) in found.iter().zip(&expected) {
            assert!((found - expected).abs() < 1e-5, "{found} and {expected}");
        }
        // It comes back, and with it the weights, to the bit.
        let state = average.state().to_bytes().unwrap();
        let kept = values(&weights[0]);
        average.swap();
        let rounded = Tensor::from_slice(&found).to_kind(kind);
        assert_eq!(values(&weights[0]), values(&rounded));
        average.swap();
        assert_eq!(values(&weights[0]), kept);
        assert!(average.state().to_bytes().unwrap() == state);
        let mut resumed = optimizer.average(named(&weights), 0.9).unwrap();
        let state = State::from_bytes(&state, Device::Cpu).unwrap();
        resumed.load_state(&state).unwrap();
        assert_eq!(values(&resumed.state().tensors["p0"]), found);
    }
}

/// Rules whose own weights are evaluated, beside an average of the same: one at a time.
#[test]
fn weights_for_evaluation_are_not_averaged_over() {
    let (parameters, weights) = parameters(&[Numbers(2).tensor(&[3], Kind::Float)]);
    let config = OptimizerConfig::new(ScheduleFreeConfig::default(), Schedule::constant(0.1));
    let mut optimizer = config.build(parameters).unwrap();
    let mut average = optimizer.average(named(&weights), 0.5).unwrap();
    step(&mut optimizer, &weights).unwrap();
    average.swap();
    assert!(matches!(optimizer.eval(), Err(Error::Averaged { .. })));
    average.swap();
    optimizer.eval().unwrap();
    assert!(matches!(optimizer.step(), Err(Error::Evaluating)));
    optimizer.train();
    step(&mut optimizer, &weights).unwrap();
}
