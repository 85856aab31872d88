//! The number of one arm and seed, kept exactly, so that equal numbers stay equal.

use crate::stats::{Integers, Scale, decimal, log_sums};

/// What was recorded, or the difference of two such numbers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Amount {
    /// One number minus another.
    Number { plus: f64, minus: f64 },
    /// A count, or a difference of counts, out of a total.
    Count { count: i64, total: i64 },
}

impl Amount {
    /// A number as recorded.
    pub(crate) fn recorded(value: f64) -> Self {
        Self::Number {
            plus: value,
            minus: 0.0,
        }
    }

    /// The difference of two numbers, negated where `sign` is negative.
    pub(super) fn difference(of: f64, less: f64, sign: f64) -> Self {
        let (plus, minus) = if sign < 0.0 { (less, of) } else { (of, less) };
        Self::Number { plus, minus }
    }

    fn value(self) -> f64 {
        match self {
            Self::Number { plus, minus } => plus - minus,
            Self::Count { count, total } => count as f64 / total as f64,
        }
    }
}

/// The quantity of one arm and seed.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Quantity {
    /// An amount.
    Amount(Amount),
    /// Least-squares slope of amounts on log2 of the batch size.
    Slope(Vec<(i64, Amount)>),
    /// `log2(to / from)` of two positive numbers.
    Doublings { from: f64, to: f64 },
    /// No number, since a trial that it needs diverged. It is worse than any number.
    Diverged,
}

impl Quantity {
    /// Whether it is a number: no trial that it needs diverged.
    pub(crate) fn is_number(&self) -> bool {
        *self != Self::Diverged
    }
}

/// The quantities of one question that are numbers, as integers on one scale.
///
/// Equal quantities have equal integers, and so have equal sums and differences of them. Amounts
/// become decimals, fractions or counts. Slopes and doublings become sums of logarithms of whole
/// numbers with whole coefficients.
///
/// ```text
/// slope = Σ_b (v_b − v̄) log2 b / Σ_b (log2 b − mean)²  =  Σ_b (m v_b − Σ v) ln b / (m ln 2 Σ …)
/// ```
///
/// for m batch sizes b and amounts v_b. Quantities that diverged have no integer and are left out.
pub(super) fn integers(quantities: &[&Quantity]) -> Integers {
    let slopes = quantities.iter().filter_map(|quantity| match quantity {
        Quantity::Slope(points) => Some(&points[..]),
        _ => None,
    });
    let slopes: Vec<&[(i64, Amount)]> = slopes.collect();
    if let Some(first) = slopes.first() {
        return of_slopes(&slopes, first);
    }
    let growths: Vec<Vec<(i128, u64)>> = quantities
        .iter()
        .filter_map(|quantity| match quantity {
            Quantity::Doublings { from, to } => Some(doublings(*from, *to)),
            _ => None,
        })
        .collect();
    if !growths.is_empty() {
        return log_sums(&growths, std::f64::consts::LN_2.recip());
    }
    let amounts = quantities.iter().filter_map(|quantity| match quantity {
        Quantity::Amount(amount) => Some(*amount),
        _ => None,
    });
    of_amounts(&amounts.collect::<Vec<_>>())
}

/// Counts out of one total stay counts. All other amounts become decimals or fractions on one
/// scale.
fn of_amounts(amounts: &[Amount]) -> Integers {
    let counts: Option<Vec<(i64, i64)>> = amounts
        .iter()
        .map(|amount| match amount {
            Amount::Count { count, total } => Some((*count, *total)),
            Amount::Number { .. } => None,
        })
        .collect();
    if let Some([(_, total), ..]) = counts.as_deref()
        && counts.iter().flatten().all(|(_, other)| other == total)
    {
        return Integers {
            units: counts
                .iter()
                .flatten()
                .map(|(count, _)| i128::from(*count))
                .collect(),
            scale: Scale::Parts(*total),
        };
    }
    let numbers: Vec<f64> = amounts
        .iter()
        .flat_map(|amount| match amount {
            Amount::Number { plus, minus } => [*plus, *minus],
            Amount::Count { .. } => [amount.value(), 0.0],
        })
        .collect();
    let Integers { units, scale } = Integers::of(&numbers);
    let (pairs, _) = units.as_chunks::<2>();
    Integers {
        units: pairs.iter().map(|[plus, minus]| plus - minus).collect(),
        scale,
    }
}

fn of_slopes(slopes: &[&[(i64, Amount)]], first: &[(i64, Amount)]) -> Integers {
    let batches: Vec<i64> = first.iter().map(|(batch, _)| *batch).collect();
    let amounts: Vec<Amount> = slopes
        .iter()
        .flat_map(|points| points.iter().map(|(_, amount)| *amount))
        .collect();
    let Integers { units, scale } = shortened(of_amounts(&amounts));
    let count = batches.len() as i128;
    let sums: Vec<Vec<(i128, u64)>> = units
        .chunks(batches.len())
        .map(|values| {
            let sum: i128 = values.iter().sum();
            let terms = values.iter().zip(&batches);
            terms
                .map(|(value, batch)| (count * value - sum, *batch as u64))
                .collect()
        })
        .collect();
    let log2 = |batch: &i64| (*batch as f64).log2();
    let mean = batches.iter().map(log2).sum::<f64>() / count as f64;
    let along: f64 = batches
        .iter()
        .map(|batch| (log2(batch) - mean).powi(2))
        .sum();
    let unit = scale.value(1) / (count as f64 * std::f64::consts::LN_2 * along);
    log_sums(&sums, unit)
}

/// Decimals rounded at the 17th digit of the largest. That leaves room for the logarithms.
fn shortened(integers: Integers) -> Integers {
    const MOST: u128 = 10_u128.pow(17);
    let Scale::Decimal(exponent) = integers.scale else {
        return integers;
    };
    let sizes = integers.units.iter().map(|unit| unit.unsigned_abs());
    let largest = sizes.max().unwrap_or(0);
    let dropped = (0..).find(|digits| largest / 10_u128.pow(*digits) < MOST);
    let dropped = dropped.unwrap_or(0);
    let unit = 10_i128.pow(dropped);
    let half = |value: i128| value.signum() * (unit / 2);
    Integers {
        units: integers
            .units
            .iter()
            .map(|value| (value + half(*value)) / unit)
            .collect(),
        scale: Scale::Decimal(exponent + dropped as i32),
    }
}

/// `ln(to / from)` as a sum of logarithms of whole numbers, from the decimals that denote the two.
fn doublings(from: f64, to: f64) -> Vec<(i128, u64)> {
    let [(a, a_power), (b, b_power)] = [decimal(from), decimal(to)];
    vec![
        (1, b as u64),
        (-1, a as u64),
        (i128::from(b_power - a_power), 10),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slope(points: &[(i64, f64)]) -> Quantity {
        let points = points.iter().map(|(b, v)| (*b, Amount::recorded(*v)));
        Quantity::Slope(points.collect())
    }

    fn values(quantities: &[Quantity]) -> Vec<f64> {
        let found = integers(&quantities.iter().collect::<Vec<_>>());
        let units = found.units.iter();
        units.map(|unit| found.scale.value(*unit)).collect()
    }

    #[test]
    fn slopes_that_are_equal_are_equal_in_the_last_bit() {
        let of = |top: [f64; 3]| values(&[slope(&[(64, top[0]), (256, top[1]), (1024, top[2])])]);
        for top in [[0.7, 0.68, 0.66], [0.53, 0.51, 0.49], [0.111, 0.091, 0.071]] {
            assert_eq!(of(top), [-0.01], "{top:?}");
        }
        assert_eq!(of([0.3, 0.1, 0.3]), [0.0]);
        assert_eq!(of([0.0; 3]), [0.0]);
        assert_eq!(of([3e-200, 2e-200, 1e-200]), [-5e-201]);
    }

    #[test]
    fn slopes_are_those_of_least_squares() {
        let points = [(100, 0.61), (300, 0.575), (1000, 0.52), (7000, 0.41)];
        let x: Vec<f64> = points.iter().map(|(b, _)| f64::from(*b).log2()).collect();
        let mean = x.iter().sum::<f64>() / 4.0;
        let across: f64 = x.iter().zip(points).map(|(x, (_, y))| (x - mean) * y).sum();
        let along: f64 = x.iter().map(|x| (x - mean).powi(2)).sum();
        let points = points.map(|(b, y)| (i64::from(b), y));
        let found = values(&[slope(&points)])[0];
        assert!((found - across / along).abs() < 1e-15, "{found}");
    }

    #[test]
    fn slopes_on_any_grid_of_batch_sizes_add_up_exactly() {
        // The rise from 100 to 1,000 by way of 300, taken in two steps or in one.
        let of = |middle: f64, last: f64| slope(&[(100, 0.5), (300, middle), (1000, last)]);
        let all = [of(0.6, 0.5), of(0.5, 0.6), of(0.6, 0.6), of(0.5, 0.5)];
        let units = integers(&all.iter().collect::<Vec<_>>()).units;
        assert_eq!(units[0] + units[1], units[2] + units[3]);
        assert_eq!(units[3], 0);
        assert!(units[0] != units[1]);
    }

    #[test]
    fn doublings_are_equal_where_quotients_are() {
        let of = |from, to| Quantity::Doublings { from, to };
        let all = [
            of(0.1, 0.3),
            of(0.3, 0.9),
            of(1.0, 2.0),
            of(0.4, 2.4),
            of(7.0, 7.0),
        ];
        let found = integers(&all.iter().collect::<Vec<_>>());
        assert_ne!(0.3 / 0.1, 0.9 / 0.3);
        assert_eq!(found.units[0], found.units[1]);
        assert_eq!(found.units[0] + found.units[2], found.units[3]);
        assert_eq!(found.units[4], 0);
        assert_eq!(found.scale.value(found.units[2]), 1.0);
    }

    #[test]
    fn counts_of_one_total_stay_counts() {
        let count = |count, total| Quantity::Amount(Amount::Count { count, total });
        let of = |all: &[Quantity]| integers(&all.iter().collect::<Vec<_>>());
        let found = of(&[count(4000, 6040), count(3999, 6040)]);
        assert_eq!(
            (found.units, found.scale),
            (vec![4000, 3999], Scale::Parts(6040))
        );
        // Those of two totals are fractions: 1/24 + 1/12 = 1/8.
        let found = of(&[count(1, 24), count(1, 12), count(1, 8)]);
        assert_eq!(found.units[0] + found.units[1], found.units[2]);
    }
}
