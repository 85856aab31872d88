//! Diverged trials: counted, and ranked below all others.

use super::advantages::Standing;
use super::pairing::Pairing;
use super::quantity::Quantity;
use crate::error::Error;
use crate::stats::{
    Alternative, Differences, Ratio, TestResult, sign_flip, signed_rank, signed_ranks,
};
use crate::text::{count, p_value};

/// The most pairs for which the signed-rank test is counted exactly, by dynamic programming.
const MOST_COUNTED: usize = 120;

/// How many trials diverged in the pairs of a comparison.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DivergedTrials {
    /// Diverged trials of the baseline.
    pub baseline: usize,
    /// Diverged trials of the treatment.
    pub treatment: usize,
    /// All pairs.
    pub pairs: usize,
    /// Seeds outside the pairs that have no number because a trial diverged where divergence is
    /// neither better nor worse, such as at the reference batch size of a drop.
    pub undefined: usize,
}

impl DivergedTrials {
    pub(super) fn of(pairing: &Pairing) -> Self {
        let count = |side: &[Quantity]| {
            let diverged = side.iter().filter(|one| !one.is_number());
            diverged.count()
        };
        Self {
            baseline: count(&pairing.baseline),
            treatment: count(&pairing.treatment),
            pairs: pairing.seeds.len(),
            undefined: pairing.undefined.len(),
        }
    }

    /// Whether any trial diverged.
    pub fn any(self) -> bool {
        self.baseline + self.treatment + self.undefined > 0
    }
}

/// The clause that counts diverged trials by arm, with the p of the test that ranks them worst. It
/// is empty where no trial diverged.
pub(super) fn with_these_worst(
    arms: &[(&str, usize)],
    pairs: usize,
    undefined: usize,
    adjusted_p: f64,
) -> String {
    let ranked = arms.iter().any(|(_, diverged)| *diverged > 0);
    if !ranked && undefined == 0 {
        return String::new();
    }
    let mut text = String::new();
    if ranked {
        // Of two arms both are named; of more, only those with a diverged trial.
        let named = arms.iter().filter(|(_, n)| *n > 0 || arms.len() <= 2);
        let counts: Vec<String> = named
            .enumerate()
            .map(|(index, (arm, n))| {
                let trials = match index {
                    0 => count(*n, "trial", "trials"),
                    _ => n.to_string(),
                };
                format!("{trials} of {arm}")
            })
            .collect();
        let counts = match counts.split_last() {
            Some((last, [])) => last.clone(),
            Some((last, others)) => format!("{} and {last}", others.join(", ")),
            None => String::new(),
        };
        text.push_str(&format!(
            "; in {}, {counts} diverged",
            count(pairs, "pair", "pairs")
        ));
    }
    if undefined > 0 {
        text.push_str(&format!(
            "{} {} no number because a trial diverged",
            if ranked { ", and" } else { ";" },
            count(undefined, "seed has", "seeds have")
        ));
    }
    text.push_str(match (ranked, undefined > 0) {
        (true, true) => {
            ": with diverged trials ranked worst, and such seeds counted against either answer"
        }
        (true, false) => ": with diverged trials ranked worst",
        (false, _) => ": with such seeds counted against either answer",
    });
    text.push_str(&format!(", adjusted {}", p_value(adjusted_p)));
    text
}

/// The signed-rank test over all seeds, diverged trials below all others.
///
/// Swapping the arms of a seed changes the sign of its standing and nothing else. Under the null
/// the arms are exchangeable, so every pattern of signs is equally likely, and the test is exact
/// whatever diverged.
///
/// A standing [`Standing::Undefined`] has no sign. Each answer has a one-sided test that puts such
/// seeds at the end of the ranks that contradicts it, and the smaller of the two p is doubled. W⁺
/// counts the pairs of seeds with a positive mean, so it only falls as a seed falls. An answer
/// therefore holds whatever the seed would have measured.
pub(super) fn worst_rank(standings: &[Standing]) -> Result<TestResult, Error> {
    let mut size = 0_i128;
    let mut most = 0_i128;
    for standing in standings {
        match standing {
            Standing::Known(unit) => size = size.max(unit.abs()),
            Standing::Beyond(lead) => most = most.max(i128::from(lead.abs())),
            Standing::Undefined => {}
        }
    }
    let beyond = size + 1;
    let with_undefined = |side: i128| -> Vec<i128> {
        let units = standings.iter().map(|standing| match standing {
            Standing::Known(unit) => *unit,
            Standing::Beyond(lead) => i128::from(*lead) * beyond,
            Standing::Undefined => side * (most + 1) * beyond,
        });
        units.collect()
    };
    if !standings.contains(&Standing::Undefined) {
        return ranked(&with_undefined(0), Alternative::TwoSided);
    }
    let greater = ranked(&with_undefined(-1), Alternative::Greater)?;
    let less = ranked(&with_undefined(1), Alternative::Less)?;
    let likelier = if greater.p <= less.p { greater } else { less };
    Ok(TestResult {
        p: (2.0 * likelier.p).min(1.0),
        exact: likelier.exact.map(Ratio::doubled),
        alternative: Alternative::TwoSided,
        ..likelier
    })
}

/// Which side a signed-rank test leans to: the positive one where this is above zero.
pub(super) fn leaning(test: &TestResult) -> f64 {
    test.statistic - (test.n * (test.n + 1)) as f64 / 4.0
}

fn ranked(units: &[i128], alternative: Alternative) -> Result<TestResult, Error> {
    let ranks = signed_ranks(units);
    if ranks.len() <= MOST_COUNTED {
        return Ok(signed_rank(units, alternative));
    }
    // A flip of the signs of signed ranks is the same test. It is sampled where it cannot be
    // counted.
    let test = sign_flip(&Differences::from_values(&ranks)?, alternative);
    Ok(TestResult {
        statistic: ranks.iter().filter(|rank| **rank > 0.0).sum(),
        method: "signed-rank, 100,000 draws",
        ..test
    })
}

#[cfg(test)]
mod tests {
    use super::Standing::{Beyond, Known, Undefined};
    use super::*;

    #[test]
    fn flipping_signed_ranks_is_the_signed_rank_test() {
        for units in [
            vec![3, -1, 4, -1, 5, 9, -2, 6, 0, 3, 5],
            vec![7, 7, 7, -7, 7, 7],
            vec![1, -2, 3, -4, 5, -6, 7, 8, 9, 10],
        ] {
            let ranks = Differences::from_values(&signed_ranks(&units)).unwrap();
            for alternative in [
                Alternative::TwoSided,
                Alternative::Greater,
                Alternative::Less,
            ] {
                let flipped = sign_flip(&ranks, alternative);
                assert_eq!(flipped.p, signed_rank(&units, alternative).p);
            }
        }
    }

    /// p of W⁺ = Σ over pairs i ≤ j of [xᵢ + xⱼ > 0] + ½ [xᵢ + xⱼ = 0], by every pattern of signs.
    fn oracle(values: &[f64], greater: bool) -> f64 {
        let kept: Vec<f64> = values.iter().copied().filter(|x| *x != 0.0).collect();
        let walsh = |x: &[f64]| {
            let mut sum = 0.0;
            for i in 0..x.len() {
                for j in i..x.len() {
                    let mean = x[i] + x[j];
                    sum += if mean > 0.0 {
                        1.0
                    } else {
                        f64::from(mean == 0.0) / 2.0
                    };
                }
            }
            sum
        };
        let observed = walsh(&kept);
        let extreme = (0..1_u32 << kept.len()).filter(|signs| {
            let flipped = |(i, x): (usize, &f64)| if signs >> i & 1 == 1 { -x } else { *x };
            let flipped: Vec<f64> = kept.iter().enumerate().map(flipped).collect();
            let found = walsh(&flipped);
            if greater {
                found >= observed
            } else {
                found <= observed
            }
        });
        extreme.count() as f64 / f64::from(1_u32 << kept.len())
    }

    fn numbers(standings: &[Standing], undefined: f64) -> Vec<f64> {
        let number = |standing: &Standing| match standing {
            Known(unit) => *unit as f64,
            Beyond(lead) => 1e6 * *lead as f64,
            Undefined => 1e9 * undefined,
        };
        standings.iter().map(number).collect()
    }

    const SEEDS: [&[Standing]; 6] = [
        &[Known(3), Known(-1), Known(4), Beyond(1), Beyond(-1)],
        &[Known(2), Known(2), Known(0), Beyond(3), Beyond(1), Known(5)],
        &[Beyond(1), Beyond(1), Beyond(1), Beyond(-2), Known(-1)],
        &[Known(3), Known(1), Known(4), Known(2), Beyond(1), Undefined],
        &[Undefined, Undefined, Known(-7), Known(-8), Beyond(-2)],
        &[Undefined, Undefined],
    ];

    #[test]
    fn worst_ranks_are_those_of_every_pattern_of_signs() {
        for standings in SEEDS {
            let test = worst_rank(standings).unwrap();
            let greater = oracle(&numbers(standings, -1.0), true);
            let less = oracle(&numbers(standings, 1.0), false);
            let expected = (2.0 * greater.min(less)).min(1.0);
            assert_eq!(test.p, expected, "{standings:?}");
            assert_eq!(test.exact.unwrap().value(), expected);
            if expected < 1.0 {
                assert_eq!(leaning(&test) > 0.0, greater < less, "{standings:?}");
            }
        }
    }

    #[test]
    fn an_answer_holds_whatever_an_undefined_seed_would_have_said() {
        for standings in SEEDS {
            let bound = worst_rank(standings).unwrap();
            for said in [-1e9, -2.5, -0.5, 0.0, 0.5, 3.5, 1e9] {
                let values = numbers(standings, said / 1e9);
                let said = if leaning(&bound) > 0.0 {
                    2.0 * oracle(&values, true)
                } else {
                    2.0 * oracle(&values, false)
                };
                assert!(bound.p >= said.min(1.0), "{standings:?}: {said}");
            }
        }
    }

    #[test]
    fn enough_seeds_decide_although_one_is_undefined() {
        let mut standings = vec![Known(1); 11];
        standings.push(Undefined);
        let test = worst_rank(&standings).unwrap();
        assert!(test.p < 0.05 && leaning(&test) > 0.0, "{test:?}");
        let mirrored: Vec<Standing> = standings
            .iter()
            .map(|standing| match standing {
                Known(unit) => Known(-unit),
                other => *other,
            })
            .collect();
        let other = worst_rank(&mirrored).unwrap();
        assert_eq!(other.p, test.p);
        assert!(leaning(&other) < 0.0);
    }
}
