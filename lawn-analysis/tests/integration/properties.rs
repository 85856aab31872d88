//! Laws that hold for any data.

use lawn_analysis::stats::{
    Adjustment, Alternative, Bootstrap, Differences, Feasibility, Ranking, Ratio, Sample, Scores,
    adjust, cliffs_delta, clopper_pearson, mann_whitney, mean_t, paired_t, permutation,
    probability_larger, sign_flip, sign_test, signed_rank, welch_t,
};
use proptest::collection::vec;
use proptest::prelude::*;

/// Values on a coarse grid, so that ties and zeros are common.
fn values(range: std::ops::Range<usize>) -> impl Strategy<Value = Vec<f64>> {
    vec(
        (-40_i32..40).prop_map(|tenths| f64::from(tenths) / 10.0),
        range,
    )
}

fn alternative() -> impl Strategy<Value = Alternative> {
    prop_oneof![
        Just(Alternative::TwoSided),
        Just(Alternative::Greater),
        Just(Alternative::Less),
    ]
}

fn mirrored(alternative: Alternative) -> Alternative {
    match alternative {
        Alternative::TwoSided => Alternative::TwoSided,
        Alternative::Greater => Alternative::Less,
        Alternative::Less => Alternative::Greater,
    }
}

fn paired_p(d: &[f64], alternative: Alternative) -> Vec<f64> {
    let d = Differences::from_values(d).unwrap();
    let mut p = vec![
        sign_flip(&d, alternative).p,
        signed_rank(d.units(), alternative).p,
        sign_test(d.units(), alternative).unwrap().p,
    ];
    p.extend(paired_t(&d, alternative).map(|test| test.p));
    p
}

fn independent_p(x: &[f64], y: &[f64], alternative: Alternative) -> Vec<f64> {
    let (x, y) = (
        Sample::new(x.to_vec()).unwrap(),
        Sample::new(y.to_vec()).unwrap(),
    );
    let mut p = vec![
        mann_whitney(&x, &y, alternative).unwrap().p,
        permutation(&x, &y, alternative).p,
    ];
    p.extend(welch_t(&x, &y, alternative).map(|test| test.p));
    p
}

/// p-values as fractions, of pairs and of independent samples, of decimals of three digits.
fn exact_p(t: &[i64], b: &[i64]) -> Vec<Option<Ratio>> {
    let decimals = |side: &[i64]| -> Vec<f64> {
        let text = side.iter().map(|thousandths| format!("{thousandths}e-3"));
        text.map(|text| text.parse().unwrap()).collect()
    };
    let (t, b) = (decimals(t), decimals(b));
    let d = Differences::new(&t, &b).unwrap();
    let (x, y) = (Sample::new(t).unwrap(), Sample::new(b).unwrap());
    let both = Alternative::TwoSided;
    vec![
        sign_flip(&d, both).exact,
        signed_rank(d.units(), both).exact,
        sign_test(d.units(), both).unwrap().exact,
        mann_whitney(&x, &y, both).unwrap().exact,
        permutation(&x, &y, both).exact,
    ]
}

fn close(a: &[f64], b: &[f64]) -> bool {
    a.len() == b.len() && a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-9)
}

proptest! {
    #[test]
    fn paired_tests_ignore_order_and_turn_with_the_sign(
        d in values(1..12), rotation in 0_usize..12, side in alternative(),
    ) {
        let p = paired_p(&d, side);
        prop_assert!(p.iter().all(|p| (0.0..=1.0).contains(p)), "{p:?}");
        let mut turned = d.clone();
        turned.rotate_left(rotation % d.len());
        prop_assert!(close(&p, &paired_p(&turned, side)));
        let negated: Vec<f64> = d.iter().map(|x| -x).collect();
        prop_assert!(close(&p, &paired_p(&negated, mirrored(side))));
    }

    #[test]
    fn independent_tests_ignore_order_and_turn_with_the_samples(
        x in values(1..8), y in values(1..8), side in alternative(),
    ) {
        let p = independent_p(&x, &y, side);
        prop_assert!(p.iter().all(|p| (0.0..=1.0).contains(p)), "{p:?}");
        let (mut a, mut b) = (x.clone(), y.clone());
        a.reverse();
        b.rotate_left(1);
        prop_assert!(close(&p, &independent_p(&a, &b, side)));
        prop_assert!(close(&p, &independent_p(&y, &x, mirrored(side))));
    }

    #[test]
    fn exact_p_of_decimals_knows_no_order_origin_or_unit(
        pairs in vec((-30_i64..30, -30_i64..30), 1..9), by in -5000_i64..5000, turn in 0_usize..9,
    ) {
        let (t, b): (Vec<i64>, Vec<i64>) = pairs.iter().copied().unzip();
        let p = exact_p(&t, &b);
        let moved = |side: &[i64]| side.iter().map(|x| x + by).collect::<Vec<_>>();
        prop_assert_eq!(&exact_p(&moved(&t), &moved(&b)), &p);
        for unit in [10, 100, 1000] {
            let scaled = |side: &[i64]| side.iter().map(|x| x * unit).collect::<Vec<_>>();
            prop_assert_eq!(&exact_p(&scaled(&t), &scaled(&b)), &p);
        }
        prop_assert_eq!(&exact_p(&b, &t), &p);
        let turned = |side: &[i64]| {
            let mut side = side.to_vec();
            side.rotate_left(turn % pairs.len());
            side
        };
        prop_assert_eq!(&exact_p(&turned(&t), &turned(&b)), &p);
    }

    #[test]
    fn quotients_tie_as_their_counts_do(
        pairs in vec((0_i64..40, 0_i64..40), 1..9), total in 40_i64..60_000,
    ) {
        let (t, b): (Vec<i64>, Vec<i64>) = pairs.into_iter().unzip();
        let parts = |side: &[i64]| -> Vec<f64> {
            side.iter().map(|count| *count as f64 / total as f64).collect()
        };
        let counts = Differences::of_counts(&t, &b, total).unwrap();
        let found = Differences::new(&parts(&t), &parts(&b)).unwrap();
        let both = Alternative::TwoSided;
        prop_assert_eq!(sign_flip(&found, both).exact, sign_flip(&counts, both).exact);
        let ranked = |d: &Differences| signed_rank(d.units(), both).exact;
        prop_assert_eq!(ranked(&found), ranked(&counts));
    }

    #[test]
    fn identical_samples_show_nothing(x in values(1..8)) {
        for p in independent_p(&x, &x, Alternative::TwoSided) {
            prop_assert!(p > 0.999, "{p}");
        }
        let zeros = Differences::new(&x, &x).unwrap();
        prop_assert_eq!(sign_flip(&zeros, Alternative::TwoSided).p, 1.0);
        prop_assert_eq!(signed_rank(zeros.units(), Alternative::TwoSided).p, 1.0);
        prop_assert!(paired_t(&zeros, Alternative::TwoSided).is_err());
    }

    #[test]
    fn no_exact_p_is_below_what_feasibility_says(d in values(1..12)) {
        let d = Differences::from_values(&d).unwrap();
        let smallest = Feasibility::new(d.n(), 1, 0.05).smallest_p;
        prop_assert!(sign_flip(&d, Alternative::TwoSided).p >= smallest);
        prop_assert!(signed_rank(d.units(), Alternative::TwoSided).p >= smallest);
    }

    #[test]
    fn scale_does_not_change_a_test(d in values(2..10), power in -6_i32..6) {
        let scaled: Vec<f64> = d.iter().map(|x| x * 2.0_f64.powi(power)).collect();
        let (a, b) = (paired_p(&d, Alternative::TwoSided), paired_p(&scaled, Alternative::TwoSided));
        prop_assert!(close(&a, &b), "{a:?} {b:?}");
    }

    #[test]
    fn adjusted_p_values_are_monotone_and_no_smaller(
        family in vec(0.0..1.0_f64, 1..10), absent in 0_usize..3,
    ) {
        let mut planned: Vec<Option<f64>> = family.iter().copied().map(Some).collect();
        planned.extend(vec![None; absent]);
        for method in [Adjustment::Holm, Adjustment::Bonferroni, Adjustment::BenjaminiHochberg] {
            let adjusted = adjust(&planned, method).unwrap();
            for (i, p) in family.iter().enumerate() {
                let here = adjusted[i].unwrap();
                prop_assert!(here >= *p && here <= 1.0);
                for (j, q) in family.iter().enumerate() {
                    prop_assert!(p > q || here <= adjusted[j].unwrap() + 1e-15);
                }
            }
            prop_assert!(adjusted[family.len()..].iter().all(Option::is_none));
        }
        let holm = adjust(&planned, Adjustment::Holm).unwrap();
        let bonferroni = adjust(&planned, Adjustment::Bonferroni).unwrap();
        prop_assert!(holm.iter().zip(&bonferroni).all(|(h, b)| h <= b));
    }

    #[test]
    fn intervals_hold_their_estimate_and_grow_with_the_level(x in values(2..12)) {
        prop_assume!(x.iter().any(|value| *value != x[0]));
        let sample = Sample::new(x).unwrap();
        let at = |level| mean_t(&sample, level);
        let (narrow, wide) = (at(0.8).interval.unwrap(), at(0.99).interval.unwrap());
        let mean = at(0.8).value;
        prop_assert!(narrow.contains(mean) && wide.contains(mean));
        prop_assert!(wide.low <= narrow.low && narrow.high <= wide.high);
        let bootstrap = Bootstrap { resamples: 200, ..Bootstrap::default() };
        let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
        let found = bootstrap.percentile(&sample, mean).unwrap();
        prop_assert!(found.secondary().low <= found.secondary().high);
        prop_assert_eq!(found.primary().is_err(), sample.n() < 10);
    }

    #[test]
    fn clopper_pearson_mirrors(count in 0_usize..20, rest in 0_usize..20) {
        let total = count + rest;
        prop_assume!(total > 0);
        let here = clopper_pearson(count, total, 0.95).unwrap().interval.unwrap();
        let there = clopper_pearson(rest, total, 0.95).unwrap().interval.unwrap();
        prop_assert!((here.low - (1.0 - there.high)).abs() < 1e-9);
        prop_assert!(here.contains(count as f64 / total as f64));
    }

    #[test]
    fn superiority_and_delta_are_one_thing(x in values(1..9), y in values(1..9)) {
        let (x, y) = (Sample::new(x).unwrap(), Sample::new(y).unwrap());
        let larger = probability_larger(&x, &y);
        prop_assert!((cliffs_delta(&x, &y).value - (2.0 * larger - 1.0)).abs() < 1e-12);
        prop_assert!((larger + probability_larger(&y, &x) - 1.0).abs() < 1e-12);
    }

    #[test]
    fn mean_ranks_add_up(blocks in vec(values(4..5), 2..7)) {
        let ranking = Ranking::new(&blocks).unwrap();
        prop_assert!((ranking.mean_ranks.iter().sum::<f64>() - 10.0).abs() < 1e-9);
        prop_assert!((0.0..=1.0).contains(&ranking.friedman().p));
    }

    #[test]
    fn profiles_fall(x in values(1..9), y in values(1..9)) {
        let scores =
            Scores::new(vec![Sample::new(x).unwrap(), Sample::new(y).unwrap()]).unwrap();
        let thresholds: Vec<f64> = (-50..50).map(|t| f64::from(t) / 10.0).collect();
        let profile = scores.performance_profile(&thresholds);
        prop_assert!(profile.windows(2).all(|pair| pair[0] >= pair[1]));
        prop_assert_eq!((profile[0], profile[99]), (1.0, 0.0));
    }
}

#[test]
fn sign_flip_beyond_the_count_agrees_with_t() {
    // Sixty pairs: sampled, and by then close to the normal theory.
    let d: Vec<f64> = (0..60).map(|i| f64::from(i % 11) - 4.0).collect();
    let d = Differences::from_values(&d).unwrap();
    let sampled = sign_flip(&d, Alternative::TwoSided);
    assert!(sampled.exact.is_none());
    let t = paired_t(&d, Alternative::TwoSided).unwrap();
    assert!((sampled.p - t.p).abs() < 1e-2, "{} {}", sampled.p, t.p);
}

#[test]
fn sampled_permutation_agrees_with_t() {
    let x: Vec<f64> = (0..70)
        .map(|i| f64::from(i * i % 17) + 0.001 * f64::from(i))
        .collect();
    let y: Vec<f64> = (0..70)
        .map(|i| f64::from(i * i % 19) + 0.003 * f64::from(i))
        .collect();
    let (x, y) = (Sample::new(x).unwrap(), Sample::new(y).unwrap());
    let sampled = permutation(&x, &y, Alternative::TwoSided);
    assert!(sampled.exact.is_none());
    let t = welch_t(&x, &y, Alternative::TwoSided).unwrap();
    assert!((sampled.p - t.p).abs() < 1e-2, "{} {}", sampled.p, t.p);
}

#[test]
fn rounding_parts_no_tie_of_independent_samples() {
    let rounded = [0.1 + 0.2, 0.7 + 0.1, 0.5];
    let meant = [0.3, 0.8, 0.5];
    assert!(rounded[0] != meant[0] && rounded[1] != meant[1]);
    let other = Sample::new(vec![0.3, 0.8, 0.2, 0.5]).unwrap();
    let both = Alternative::TwoSided;
    let of = |x: [f64; 3]| mann_whitney(&Sample::new(x.to_vec()).unwrap(), &other, both).unwrap();
    assert_eq!(of(rounded), of(meant));
    // What is small and unequal stays so.
    let x = Sample::new(vec![1e300, 3e-300]).unwrap();
    let y = Sample::new(vec![1e-300, 2e-300]).unwrap();
    assert_eq!(
        mann_whitney(&x, &y, Alternative::Greater).unwrap().p,
        1.0 / 6.0
    );
}
