//! Every instruction set against one element at a time, for all lengths.

use super::direction::{Adam, Momentum, Nesterov};
use super::isa::Isa;
use super::lanes::Element;
use super::memory::{Block, Memory};
use super::sweep::{Factors, Kernel, Sums, Sweep};

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
    ]
}

const SWEEPS: [Sweep; 8] = [
    Sweep::Products,
    Sweep::Square,
    Sweep::Step,
    Sweep::StepAndSquare,
    Sweep::StepAndSum,
    Sweep::Buffers,
    Sweep::BuffersAndSum,
    Sweep::Move,
];

/// The arrays after a sweep, one after the other, and its sums.
fn after<E: Element + Into<f64>>(
    isa: Isa,
    kernel: &Kernel<E>,
    sweep: Sweep,
    len: usize,
    piecewise: bool,
) -> (Vec<f64>, Sums) {
    let mut w = numbers::<E>(1, len);
    let g = numbers::<E>(2, len);
    // Squares, as second moments are not negative.
    let mut s: [Vec<E>; 3] = [3, 4, 5].map(|seed| {
        numbers::<E>(seed, len)
            .into_iter()
            .map(|x| E::from_f64(x.into().powi(2)))
            .collect()
    });
    let factors = Factors {
        kappa: 0.5,
        alpha: -0.25,
        p: 0.75,
        q: -0.1,
    };
    let block = Block {
        w: w.as_mut_ptr(),
        g: g.as_ptr(),
        s: s.each_mut().map(|s| s.as_mut_ptr()),
        len,
    };
    let mut sums = Sums::default();
    if piecewise {
        for i in 0..len {
            // SAFETY: the arrays have `len` elements and are this function's.
            sums += unsafe { kernel.sweep(isa, sweep, &factors, block.part(i, 1)) };
        }
    } else {
        // SAFETY: as above.
        sums = unsafe { kernel.sweep(isa, sweep, &factors, block) };
    }
    let all = w.into_iter().chain(s.into_iter().flatten());
    (all.map(Into::into).collect(), sums)
}

fn compare<E: Element + Into<f64>>(tolerance: f64) {
    let isas = Isa::available();
    let portable = isas[isas.len() - 1];
    for kernel in kernels::<E>() {
        for sweep in SWEEPS {
            for len in (0..70).chain([1000]) {
                let (expected, sums) = after(portable, &kernel, sweep, len, true);
                for &isa in &isas {
                    let (found, found_sums) = after(isa, &kernel, sweep, len, false);
                    for (i, (a, b)) in found.iter().zip(&expected).enumerate() {
                        let apart = (a - b).abs();
                        assert!(
                            apart <= tolerance,
                            "{isa:?} {kernel:?} {sweep:?} {len} at {i}: {apart:e}"
                        );
                    }
                    let fields = |s: Sums| [s.ww, s.wg, s.gg, s.wd, s.dd];
                    for (a, b) in fields(found_sums).into_iter().zip(fields(sums)) {
                        let apart = (a - b).abs() / (1.0 + b.abs());
                        assert!(
                            apart <= tolerance,
                            "{isa:?} {kernel:?} {sweep:?} {len}: {a} and {b}"
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
fn sweeps_that_sum_do_so_over_what_was_there_before() {
    let isa = Isa::best();
    for kernel in kernels::<f64>() {
        let (_, products) = after(isa, &kernel, Sweep::Products, 40, false);
        let (_, stepped) = after(isa, &kernel, Sweep::StepAndSum, 40, false);
        assert_eq!(
            (products.ww, products.wg, products.gg),
            (stepped.ww, stepped.wg, stepped.gg)
        );
        assert!(products.ww > 0.0 && stepped.dd > 0.0);
        assert_eq!((products.wd, products.dd), (0.0, 0.0));
    }
}
