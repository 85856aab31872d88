//! Every instruction set against one element at a time, for all lengths.

use super::adagrad::Adagrad;
use super::averaged::{AverageStep, Averaged};
use super::block::Block;
use super::direction::{Adam, HeldCorrections, Momentum, Nesterov};
use super::dispatch::Kernel;
use super::isa::Isa;
use super::job::Job;
use super::lanes::Element;
use super::lion::Lion;
use super::memory::Memory;
use super::nadam::Nadam;
use super::pass::{Factors, Pass, Sums};
use super::runner::Runner;
use super::scalars::{Outcome, Scalars};
use super::tuning::Tuning;
use crate::constraint::interface::NormConstraint;
use crate::units::ROUNDING;
use crate::{AdamConfig, Context, Granularity, LawnConfig, Rule, WeightDecay};

/// Numbers in `[-1, 1)`, the same everywhere.
fn numbers<E: Element>(seed: u64, len: usize) -> Vec<E> {
    let mut state = seed;
    let mut next = || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        E::from_f64((state >> 11) as f64 / (1u64 << 52) as f64 - 1.0)
    };
    (0..len).map(|_| next()).collect()
}

fn kernels<E: Element>() -> Vec<Kernel<E>> {
    let e = E::from_f64;
    let adam = Adam {
        beta1: e(0.9),
        beta3: e(0.1),
        beta2: e(0.99),
        gamma: e(0.01),
        inverse_c1: e(2.0),
        inverse_c2: e(3.0),
        epsilon_in: e(1e-3),
        epsilon_out: e(1e-2),
        lambda: e(0.1),
        held: None,
    };
    let after_held = Adam {
        held: Some(HeldCorrections {
            c1: e(0.6),
            inverse_c2: e(1.5),
        }),
        ..adam
    };
    let averaged = |begins| {
        Kernel::Averaged(Averaged {
            beta2: e(0.99),
            gamma: e(0.01),
            inverse_c2: e(3.0),
            epsilon: e(1e-2),
            lambda: e(0.1),
            minus_eta: e(-0.2),
            pull: e(0.7),
            share: e(0.3),
            begins,
        })
    };
    vec![
        Kernel::Plain,
        Kernel::Momentum(Momentum {
            mu: e(0.9),
            sigma: e(0.7),
        }),
        Kernel::Nesterov(Nesterov { mu: e(0.9) }),
        Kernel::Adam(adam),
        Kernel::Amsgrad(adam),
        Kernel::Adam(after_held),
        Kernel::Amsgrad(after_held),
        Kernel::Adagrad(Adagrad {
            initial: e(0.1),
            epsilon: e(1e-2),
        }),
        Kernel::Nadam(Nadam {
            beta1: e(0.9),
            beta3: e(0.1),
            beta2: e(0.99),
            gamma: e(0.01),
            inverse_c1: e(2.0),
            inverse_c2: e(3.0),
            epsilon_in: e(1e-3),
            epsilon_out: e(1e-2),
        }),
        Kernel::Lion(Lion {
            beta1: e(0.9),
            gamma1: e(0.1),
            beta2: e(0.99),
            gamma2: e(0.01),
        }),
        averaged(false),
        averaged(true),
    ]
}

const PASSES: [Pass; 11] = [
    Pass::Products,
    Pass::CentredProducts,
    Pass::Square,
    Pass::Step,
    Pass::StepAndSquare,
    Pass::StepAndSum,
    Pass::Buffers,
    Pass::CentredBuffers,
    Pass::BuffersAndSum,
    Pass::CentredBuffersAndSum,
    Pass::Move,
];

const FACTORS: Factors = Factors {
    kappa: 0.5,
    alpha: -0.25,
    p: 0.75,
    q: -0.1,
    o: 0.05,
};

/// What a block points to.
struct Arrays<E> {
    w: Vec<E>,
    g: Vec<E>,
    s: [Vec<E>; 3],
}

impl<E: Element + Into<f64>> Arrays<E> {
    fn new(seed: u64, len: usize) -> Self {
        Self {
            w: numbers(seed + 1, len),
            g: numbers(seed + 2, len),
            // Squares, as second moments are not negative.
            s: [3, 4, 5].map(|array| {
                numbers::<E>(seed + array, len)
                    .into_iter()
                    .map(|x| E::from_f64(x.into().powi(2)))
                    .collect()
            }),
        }
    }

    fn block(&mut self) -> Block<E> {
        Block {
            w: self.w.as_mut_ptr(),
            g: self.g.as_ptr(),
            s: self.s.each_mut().map(|s| s.as_mut_ptr()),
            len: self.w.len(),
        }
    }

    /// What a pass may write, one after the other.
    fn numbers(self) -> Vec<f64> {
        let all = self.w.into_iter().chain(self.s.into_iter().flatten());
        all.map(Into::into).collect()
    }
}

/// The arrays after a pass, one after the other, and its sums.
fn after<E: Element + Into<f64>>(
    isa: Isa,
    kernel: &Kernel<E>,
    pass: Pass,
    len: usize,
    piecewise: bool,
) -> (Vec<f64>, Sums) {
    let mut arrays = Arrays::<E>::new(0, len);
    let block = arrays.block();
    let mut sums = Sums::default();
    if piecewise {
        for i in 0..len {
            // SAFETY: the arrays have `len` elements and are this function's.
            sums += unsafe { kernel.pass(isa, pass, &FACTORS, block.part(i, 1)) };
        }
    } else {
        // SAFETY: as above.
        sums = unsafe { kernel.pass(isa, pass, &FACTORS, block) };
    }
    (arrays.numbers(), sums)
}

fn compare<E: Element + Into<f64>>(tolerance: f64) {
    let isas = Isa::available();
    let portable = isas[isas.len() - 1];
    for kernel in kernels::<E>() {
        for pass in PASSES {
            for len in (0..70).chain([1000]) {
                let (expected, sums) = after(portable, &kernel, pass, len, true);
                for &isa in &isas {
                    let (found, found_sums) = after(isa, &kernel, pass, len, false);
                    for (i, (a, b)) in found.iter().zip(&expected).enumerate() {
                        let apart = (a - b).abs();
                        assert!(
                            apart <= tolerance,
                            "{isa:?} {kernel:?} {pass:?} {len} at {i}: {apart:e}"
                        );
                    }
                    let fields = |s: Sums| [s.ww, s.wg, s.gg, s.wd, s.dd, s.w, s.d];
                    for (a, b) in fields(found_sums).into_iter().zip(fields(sums)) {
                        let apart = (a - b).abs() / (1.0 + b.abs());
                        assert!(
                            apart <= tolerance,
                            "{isa:?} {kernel:?} {pass:?} {len}: {a} and {b}"
                        );
                    }
                }
            }
        }
    }
}

#[test]
fn all_instruction_sets_do_the_same() {
    compare::<f32>(1e-6);
    compare::<f64>(1e-14);
}

#[test]
fn passes_that_sum_do_so_over_what_was_there_before() {
    let isa = Isa::best();
    for kernel in kernels::<f64>() {
        let (_, products) = after(isa, &kernel, Pass::Products, 40, false);
        let (_, stepped) = after(isa, &kernel, Pass::StepAndSum, 40, false);
        assert_eq!(
            (products.ww, products.wg, products.gg),
            (stepped.ww, stepped.wg, stepped.gg)
        );
        assert!(products.ww > 0.0 && stepped.dd > 0.0);
        assert_eq!((products.wd, products.dd), (0.0, 0.0));
    }
}

fn compare_pairs<E: Element + Into<f64>>() {
    let kernels = kernels::<E>();
    for isa in Isa::available() {
        // Of one rule, whose numbers may differ, and of two.
        for (k, n) in (0..kernels.len()).flat_map(|k| [(k, k), (k, 0)]) {
            for pass in PASSES {
                for (moved, next) in [(0, 0), (40, 40), (33, 100), (100, 33), (0, 50), (50, 0)] {
                    let run = |together: bool| {
                        let (mut a, mut b) = (Arrays::<E>::new(0, moved), Arrays::new(10, next));
                        let (moved, next) = (a.block(), b.block());
                        let (kernel, other) = (&kernels[k], &kernels[n]);
                        let factors = Factors {
                            alpha: 0.5,
                            ..FACTORS
                        };
                        // SAFETY: the arrays are this function's.
                        let sums = unsafe {
                            if together {
                                let next = (other, pass, &factors, next);
                                kernel.pair(isa, (&FACTORS, moved), next)
                            } else {
                                kernel.pass(isa, Pass::Move, &FACTORS, moved);
                                other.pass(isa, pass, &factors, next)
                            }
                        };
                        (a.numbers(), b.numbers(), sums)
                    };
                    let what = format!("{isa:?} {k} {n} {pass:?} {moved} {next}");
                    assert_eq!(run(true), run(false), "{what}");
                }
            }
        }
    }
}

#[test]
fn two_passes_in_one_loop_do_what_each_does_bit_for_bit() {
    compare_pairs::<f32>();
    compare_pairs::<f64>();
}

fn compare_units<E: Element + Into<f64>>() {
    let units = 5;
    for isa in Isa::available() {
        for kernel in kernels::<E>() {
            for pass in PASSES {
                for len in (1..40).chain([100]) {
                    let run = |together: bool| {
                        let mut arrays = Arrays::<E>::new(0, units * len);
                        let mut outcomes: Vec<Outcome> = (0..units)
                            .map(|unit| Outcome {
                                factors: Factors {
                                    q: FACTORS.q * unit as f64,
                                    ..FACTORS
                                },
                                ..Outcome::default()
                            })
                            .collect();
                        let block = arrays.block();
                        // SAFETY: the arrays have so many elements and are this function's.
                        unsafe {
                            if together {
                                kernel.units(isa, pass, block, &mut outcomes);
                            } else {
                                for (unit, outcome) in outcomes.iter_mut().enumerate() {
                                    let block = block.part(unit * len, len);
                                    outcome.sums = kernel.pass(isa, pass, &outcome.factors, block);
                                }
                            }
                        }
                        let sums: Vec<Sums> = outcomes.iter().map(|o| o.sums).collect();
                        (arrays.numbers(), sums)
                    };
                    assert_eq!(run(true), run(false), "{isa:?} {kernel:?} {pass:?} {len}");
                }
            }
        }
    }
}

#[test]
fn units_in_one_loop_do_what_each_does_bit_for_bit() {
    compare_units::<f32>();
    compare_units::<f64>();
}

/// What a processor's memory wants decides how memory is asked for and in which
/// order, and no bit.
#[test]
fn the_tuning_decides_no_bit() {
    for isa in Isa::available() {
        for kernel in kernels::<f32>() {
            for pass in PASSES {
                let [zen, xeon] = [Tuning::ZEN, Tuning::XEON]
                    .map(|tuning| after(isa.tuned(tuning), &kernel, pass, 1000, false));
                assert_eq!(zen, xeon, "{isa:?} {kernel:?} {pass:?}");
            }
        }
    }
}

/// Units that are taken through their passes in waves, of one unit or of two.
#[test]
fn the_size_of_a_wave_decides_no_bit() {
    let rule = AdamConfig::default();
    let constraint = LawnConfig::new(0).form();
    let context = Context {
        updates: 1,
        learning_rate: 0.01,
        decay: WeightDecay::None,
        constrained: true,
        table: false,
        matrix: true,
        granularity: Granularity::Row,
    };
    let form = rule.form(&context).unwrap();
    let (units, unit_len) = (5, 260_000);
    let run = |wave: usize| {
        let mut arrays = Arrays::<f32>::new(0, units * unit_len);
        let radii = vec![100.0; units];
        let job = Job {
            block: arrays.block(),
            unit_len,
            kernel: Kernel::new(&form, context.updates, false, AverageStep::default()),
            scalars: Scalars::new(&form, &context, Some(&constraint), (unit_len, ROUNDING)),
            radii: &radii,
            memories: &[],
            rows: 1,
            summed: false,
        };
        let isa = Isa::best().tuned(Tuning {
            wave,
            ..Tuning::XEON
        });
        let mut runner = Runner::new(isa, 2, vec![job]);
        // SAFETY: the arrays are this function's, and outlive the runner.
        unsafe { runner.step(1.0, false) };
        let sums: Vec<Sums> = runner.outcomes.iter().map(|o| o.sums).collect();
        drop(runner);
        (arrays.numbers(), sums)
    };
    let expected = run(Tuning::ZEN.wave);
    for wave in [0, Tuning::XEON.wave, usize::MAX] {
        assert!(run(wave) == expected, "{wave}");
    }
}
