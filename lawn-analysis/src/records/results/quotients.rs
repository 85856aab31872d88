//! Metrics that were a count divided by a total before they were rounded.
//!
//! `17/24` with six digits is 0.708333, and as a 32-bit float 0.7083333. A difference of one hit is
//! then 0.041666 in one place and 0.041667 in another, but an exact test must see these as ties.

use std::collections::BTreeMap;

use super::numerals::{Width, decimals, significant};
use super::texts::{Column, Texts};

/// The columns of a metric.
const METRICS: [&str; 3] = ["test_metric", "train_metric", "validation_metric"];
/// Numbers with so many digits are exact enough to be recognized as quotients one by one.
const EXACT: usize = 15;
/// Numbers of fewer digits are quotients of many totals, so they do not identify one.
const TELLING: usize = 3;
/// The largest total that is considered.
const LARGEST: u64 = 1 << 20;
/// The largest share of all numbers that may fit a total. From 2/3 on every decimal fits: its
/// distance to the nearest third is never more than its rounding.
const WIDEST: f64 = 0.65;
/// The expected number of totals that would fit numbers which are no quotients.
const CHANCE: f64 = 1e-3;

/// Replaces rounded quotients by the exact ones. Each sentence says so for one column and task.
///
/// A total is accepted where every number of the task is a multiple of its inverse up to rounding,
/// and where numbers that are no quotients would not fit by chance. Of d different such numbers,
/// each with an error of at most t, all fit a total N with a probability of about (2 t N)^d.
pub(super) fn settle(texts: &mut Texts) -> Vec<String> {
    let mut by_task: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    for (row, task) in texts.cells("task").into_iter().flatten().enumerate() {
        by_task.entry(task.clone()).or_default().push(row);
    }
    // Where counts are given, they make the metric exact.
    let counted = ["test_count", "test_total"]
        .iter()
        .all(|name| texts.cells(name).is_some());
    let mut said = Vec::new();
    for column in &mut texts.columns {
        let name = column.name.as_str();
        if !METRICS.contains(&name) || (name == "test_metric" && counted) {
            continue;
        }
        for (task, rows) in &by_task {
            said.extend(settled(column, task, rows));
        }
    }
    said
}

/// Replaces the rounded quotients in some rows of a column.
fn settled(column: &mut Column, task: &str, rows: &[usize]) -> Option<String> {
    let width = column.width();
    let cells = &mut column.cells;
    let number = |row: &usize| {
        let value = cells[*row].parse().ok();
        let value = value.filter(|value: &f64| value.is_finite())?;
        Some((*row, value))
    };
    let values: Vec<(usize, f64)> = rows.iter().filter_map(number).collect();
    let numbers: Vec<f64> = values.iter().map(|(_, value)| *value).collect();
    let found = Quotients::of(&numbers, width)?;
    let mut first = None;
    let mut changed = 0;
    for (row, value) in values {
        let (count, quotient) = found.nearest(value);
        if quotient == value {
            continue;
        }
        changed += 1;
        first.get_or_insert_with(|| {
            let percent = if found.scale == 1.0 { "" } else { "100 · " };
            format!("{value} as {percent}{count}/{}", found.total)
        });
        cells[row] = quotient.to_string();
    }
    let first = first?;
    let values = crate::text::count(changed, "value is", "values are");
    Some(format!(
        "Task {task}: column {} looks like rounded fractions with denominator {}: {values} read \
         as such fractions, {first}.",
        column.name, found.total
    ))
}

/// Multiples of `scale / total`.
struct Quotients {
    total: u64,
    /// 100 where the quotients are in percent, else 1.
    scale: f64,
}

impl Quotients {
    /// The smallest total that fits all numbers. With a width they were stored in so many bits,
    /// without one as decimals.
    fn of(numbers: &[f64], width: Option<Width>) -> Option<Self> {
        let digits = |value: &f64| significant(&value.to_string());
        let most = numbers.iter().map(digits).max()?;
        if width.is_none() && most >= EXACT {
            return None;
        }
        let width = width.or(short_singles(numbers, most).then_some(Width::Single));
        let finest = numbers.iter().map(|value| decimals(*value)).max()?;
        let percent = numbers.iter().any(|value| *value > 1.5)
            && numbers.iter().all(|value| (0.0..=100.0).contains(value));
        let scale = if percent { 100.0 } else { 1.0 };
        let error = |value: f64| match width {
            // The error is that of two roundings of the number, or of one of the 1 that it was
            // subtracted from.
            Some(width) => value.abs().max(0.25 * scale) * 2_f64.powi(2 - width.significand()),
            // The error is that of so many decimals, or of so many digits.
            None => {
                let size = value.abs().max(f64::MIN_POSITIVE).log10().floor() as i32 + 1;
                let by_digits = 0.5 * 10_f64.powi(size - most as i32);
                (0.5 * 10_f64.powi(-(finest as i32))).max(by_digits) * (1.0 + 1e-9)
            }
        };
        let telling = numbers.iter().filter(|value| digits(value) >= TELLING);
        let mut telling: Vec<u64> = telling.map(|value| value.to_bits()).collect();
        telling.sort_unstable();
        telling.dedup();
        let shares: Vec<(f64, f64)> = numbers
            .iter()
            .map(|value| (value / scale, error(*value) / scale))
            .collect();
        let roughest = shares.iter().map(|(_, error)| *error).fold(0.0, f64::max);
        let unlikely = |total: u64| {
            let one = 2.0 * roughest * total as f64;
            one < WIDEST && total as f64 * one.powi(telling.len() as i32) <= CHANCE
        };
        let fits = |total: &u64| {
            shares.iter().all(|(share, error)| {
                let count = share * *total as f64;
                (count - count.round()).abs() <= error * *total as f64
            })
        };
        if telling.is_empty() {
            return None;
        }
        let mut totals = (1..=LARGEST).take_while(|total| unlikely(*total));
        let total = totals.find(fits)?;
        Some(Self { total, scale })
    }

    /// The count whose quotient is nearest to a number, and that quotient.
    fn nearest(&self, value: f64) -> (f64, f64) {
        let total = self.total as f64;
        let count = (value / self.scale * total).round();
        (count, self.scale * count / total)
    }
}

/// Whether these are 32-bit floats written with their shortest decimals, some of which have more
/// digits than a rounded decimal would.
fn short_singles(numbers: &[f64], most: usize) -> bool {
    let is_one = |value: &f64| (*value as f32).to_string().parse() == Ok(*value);
    matches!(most, 8 | 9) && numbers.iter().all(is_one)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The total that is found, and whether all counts are.
    fn found(counts: &[u32], of: impl Fn(f64) -> f64, width: Option<Width>) -> Option<u64> {
        let numbers: Vec<f64> = counts.iter().map(|count| of(f64::from(*count))).collect();
        Quotients::of(&numbers, width).map(|found| found.total)
    }

    fn rounded(value: f64, decimals: usize) -> f64 {
        format!("{value:.decimals$}").parse().unwrap()
    }

    /// The shortest decimal of the number in 32 bits.
    fn single(value: f32) -> f64 {
        value.to_string().parse().unwrap()
    }

    const COUNTS: [u32; 8] = [17, 16, 18, 13, 12, 19, 17, 23];

    #[test]
    fn rounded_quotients_are_known_whatever_rounded_them() {
        for decimals in 4..=12 {
            let of = |count| rounded(count / 24.0, decimals);
            assert_eq!(found(&COUNTS, of, None), Some(24), "{decimals}");
        }
        // Six significant digits, as %g prints them.
        let of = |count: f64| format!("{:.5e}", count / 240.0).parse().unwrap();
        let counts = [17, 160, 201, 22, 3, 199, 170];
        assert_eq!(found(&counts, of, None), Some(240));
        let percent = |count: f64| rounded(100.0 * count / 24.0, 2);
        assert_eq!(found(&COUNTS, percent, None), Some(24));
        let error = |count: f64| rounded(1.0 - count / 24.0, 6);
        assert_eq!(found(&COUNTS, error, None), Some(24));
        let users = [3973, 3871, 4011, 3900, 3955, 3999];
        let of = |count: f64| rounded(count / 6040.0, 6);
        assert_eq!(found(&users, of, None), Some(6040));
        // Of four digits more numbers are needed to tell.
        let of = |count| rounded(count / 6040.0, 4);
        assert_eq!(found(&users, of, None), None);
        let many: Vec<u32> = (0..60).map(|i| 3800 + 37 * i % 211).collect();
        assert_eq!(found(&many, of, None), Some(6040));
    }

    #[test]
    fn quotients_in_few_bits_are_known() {
        let single_of = |count: f64| single(count as f32 / 24.0);
        assert_eq!(found(&COUNTS, single_of, Some(Width::Single)), Some(24));
        let percent = |count: f64| single(100.0 * (count as f32 / 24.0));
        assert_eq!(found(&COUNTS, percent, None), Some(24));
        assert_eq!(found(&COUNTS, percent, Some(Width::Single)), Some(24));
        let error = |count: f64| single(1.0 - count as f32 / 10_000.0);
        let counts = [9037, 9001, 9013, 9033, 9020];
        assert_eq!(found(&counts, error, Some(Width::Single)), Some(10_000));
    }

    #[test]
    fn what_may_be_anything_stays() {
        assert_eq!(found(&[0, 0, 0], |count| count, None), None);
        // Two digits, one number, whole numbers, and such as have all their digits.
        assert_eq!(found(&COUNTS, |count| rounded(count / 24.0, 2), None), None);
        assert_eq!(found(&[17], |count| rounded(count / 24.0, 2), None), None);
        assert_eq!(found(&COUNTS, |count| -count, None), None);
        assert_eq!(found(&COUNTS, |count| 1e24 * count, None), None);
        assert_eq!(found(&COUNTS, |count| count / 24.0, None), None);
        assert_eq!(found(&[], |count| count, None), None);
        // Real numbers of four to seven digits, some thousand columns of them.
        let mut state = 1_u64;
        let mut uniform = || {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            (state >> 11) as f64 / (1_u64 << 53) as f64
        };
        let mut wrong = 0;
        for column in 0..2000 {
            let decimals = 4 + column % 4;
            let many = if column % 50 == 0 { 300 } else { 6 };
            let numbers: Vec<f64> = (0..many + column % 20)
                .map(|_| rounded(0.6 + 0.1 * uniform(), decimals))
                .collect();
            // A divisor of the decimal's own unit changes nothing.
            let other =
                |found: &Quotients| !10_u64.pow(decimals as u32).is_multiple_of(found.total);
            wrong += usize::from(Quotients::of(&numbers, None).filter(other).is_some());
        }
        assert!(wrong <= 4, "{wrong} of 2000");
    }
}
