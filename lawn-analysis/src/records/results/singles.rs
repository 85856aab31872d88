//! Metrics that were 32-bit floats before they were written with 64 bits.
//!
//! `0.9346` stored in 32 bits and printed as a 64-bit number is `0.9345999956130981`. Two
//! differences that were equal before are not equal any more, but an exact test must see them as
//! ties.

use super::numerals::{Width, significant};
use super::texts::Texts;

/// The columns of a metric.
const METRICS: [&str; 4] = [
    "test_metric",
    "train_metric",
    "validation_metric",
    "train_loss",
];

/// The shortest decimal of a 32-bit float has at most about so many digits.
const SHORT: usize = 8;
/// The evidence, in powers of ten, from which on a column counts as one of 32-bit floats.
const ENOUGH: f64 = 8.0;
/// Digits that a 32-bit float holds: 24 log10 2. Beyond these, each digit of a decimal would agree
/// with a 32-bit float only by chance.
const DIGITS: f64 = 7.2;
/// Numbers of so few bits count as fractions of a power of two, which 64 bits hold exactly.
const FEW_BITS: u32 = 20;

/// Replaces numbers that were 32-bit floats by the shortest decimals of these. Each sentence says
/// so for one column. Every file is judged by itself.
pub(super) fn shorten(texts: &mut Texts) -> Vec<String> {
    let mut said = Vec::new();
    let files = texts.rows_by_file();
    for column in &mut texts.columns {
        if !METRICS.contains(&column.name.as_str()) {
            continue;
        }
        let of = |count: usize| match count {
            1 => "1 value is".to_owned(),
            count => format!("{count} values are"),
        };
        for width in [Width::Half, Width::Single] {
            let stored = files.iter().zip(&column.widths);
            let rows = stored.filter(|(_, found)| **found == Some(width));
            let rows = rows.flat_map(|(rows, _)| rows);
            let count = rows.filter(|row| !column.cells[**row].is_empty()).count();
            if count > 0 {
                said.push(format!(
                    "Column {} holds {}-bit floats: {} read as the shortest decimal of each.",
                    column.name,
                    width.bits(),
                    of(count)
                ));
            }
        }
        let (mut changed, mut first) = (0, None);
        for (rows, width) in files.iter().zip(&mut column.widths) {
            if width.is_some() {
                continue;
            }
            let cells: Vec<&str> = rows.iter().map(|row| column.cells[*row].as_str()).collect();
            let shorter = shorter(&cells);
            if shorter.is_empty() {
                continue;
            }
            *width = Some(Width::Single);
            changed += shorter.len();
            for (index, short) in shorter {
                let before = std::mem::replace(&mut column.cells[rows[index]], short.clone());
                first.get_or_insert((before, short));
            }
        }
        if let Some((before, short)) = first {
            said.push(format!(
                "Column {} looks like 32-bit floats written as decimals: {} read as the shortest \
                 decimal of each, {before} as {short}.",
                column.name,
                of(changed),
            ));
        }
    }
    said
}

/// The cells that become shorter, with their new texts, if the column holds 32-bit floats.
///
/// It does where every long decimal in it is the print of such a float, and where this would not
/// happen by chance. A decimal of d digits that is not the print of one agrees with one with a
/// probability of about 10^(7.2 − d).
fn shorter(cells: &[&str]) -> Vec<(usize, String)> {
    let mut evidence = 0.0;
    let mut shorter = Vec::new();
    for (index, cell) in cells.iter().enumerate() {
        let Some(value) = cell.parse().ok().filter(|value: &f64| value.is_finite()) else {
            continue;
        };
        let digits = significant(cell);
        if digits <= SHORT {
            continue;
        }
        let single = value as f32;
        let wide = f64::from(single);
        let printed = format!("{wide:.*e}", digits.min(17) - 1);
        if wide != value && printed.parse() != Ok(value) {
            return Vec::new();
        }
        if bits(single) > FEW_BITS {
            evidence += digits.min(17) as f64 - DIGITS;
        }
        let short = single.to_string();
        if significant(&short) < digits {
            shorter.push((index, short));
        }
    }
    if evidence < ENOUGH {
        return Vec::new();
    }
    shorter
}

/// Bits of the significand, without zeros at its end.
fn bits(single: f32) -> u32 {
    let significand = single.to_bits() & 0x007f_ffff | 0x0080_0000;
    24 - significand.trailing_zeros()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shortened(original: &[&str]) -> Vec<String> {
        let mut cells: Vec<String> = original.iter().map(|cell| (*cell).to_owned()).collect();
        for (index, short) in shorter(original) {
            cells[index] = short;
        }
        cells
    }

    #[test]
    fn prints_of_32_bits_become_short() {
        // The shortest of 64 bits, all digits, 17, 10, and what was typed by hand beside them.
        let printed = [
            "0.9345999956130981",
            "0.93459999561309814453125",
            "9.3459999561309814e-01",
            "0.9345999956",
            "0.9346",
            "",
            "NaN",
            "1.0",
        ];
        let short = [
            "0.9346", "0.9346", "0.9346", "0.9346", "0.9346", "", "NaN", "1.0",
        ];
        assert_eq!(shortened(&printed), short);
        // In percent, and as a loss.
        assert_eq!(shortened(&["93.45999908447266"]), ["93.46"]);
        assert_eq!(
            shortened(&["12345.677734375", "-3.0399999618530273"])[1],
            "-3.04"
        );
    }

    #[test]
    fn numbers_of_64_bits_stay() {
        let columns: [&[&str]; 5] = [
            // One of them is none of 32 bits.
            &["0.9345999956130981", "0.6536423841059602"],
            // k of 16,384: 64 bits hold them exactly.
            &["0.61035156250", "0.61041259765625", "0.93017578125"],
            // Ten digits agree by chance once in 600 times.
            &["0.9345999956", "0.25"],
            &["0.9346", "0.917", "0.91"],
            &[],
        ];
        for column in columns {
            assert_eq!(shortened(column), column);
        }
    }
}
