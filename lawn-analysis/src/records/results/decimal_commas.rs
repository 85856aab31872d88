//! Commas in a column of numbers: the decimal point of many languages, or what parts thousands.

use super::read::NO_NUMBER;

/// What is allowed in the place of a comma that is not read.
pub(super) const ALLOWED: &str = "a number with a decimal point; a decimal comma is read in a file \
                                  whose cells are not separated by commas, where each number of the \
                                  column has it";

/// What the commas of a column are.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Commas {
    /// There are none, or the cells are no numbers.
    None,
    /// Decimal points.
    Decimal,
    /// They may be decimal points; the index of the first such cell.
    Unclear(usize),
}

/// What the commas of these cells are.
///
/// All cells with a number must have one, as `0,65` has. Whole numbers may stand among them, where not
/// each comma may part thousands, as that of `1,234` may.
pub(super) fn of(texts: &[String]) -> Commas {
    let is_missing = |text: &str| {
        let is_infinite = || text.parse().is_ok_and(|number: f64| !number.is_finite());
        text.is_empty() || NO_NUMBER.contains(&text) || is_infinite()
    };
    let Some(first) = texts.iter().position(|text| has_comma(text)) else {
        return Commas::None;
    };
    let mut with_thousands = true;
    let mut has_whole = false;
    for text in texts.iter().filter(|text| !is_missing(text)) {
        if has_comma(text) {
            with_thousands &= may_part_thousands(text);
        } else if unsigned(text).bytes().all(|byte| byte.is_ascii_digit()) {
            has_whole = true;
        } else {
            return Commas::Unclear(first);
        }
    }
    match has_whole && with_thousands {
        true => Commas::Unclear(first),
        false => Commas::Decimal,
    }
}

fn unsigned(text: &str) -> &str {
    text.strip_prefix(['+', '-']).unwrap_or(text)
}

/// Whether a text is a number with one comma in the place of its point.
fn has_comma(text: &str) -> bool {
    let is_digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    let Some((whole, rest)) = unsigned(text).split_once(',') else {
        return false;
    };
    let (fraction, exponent) = match rest.split_once(['e', 'E']) {
        Some((fraction, exponent)) => (fraction, Some(exponent)),
        None => (rest, None),
    };
    is_digits(whole)
        && is_digits(fraction)
        && exponent.is_none_or(|exponent| is_digits(unsigned(exponent)))
}

/// Whether its comma may part thousands.
fn may_part_thousands(text: &str) -> bool {
    let Some((whole, rest)) = unsigned(text).split_once(',') else {
        return false;
    };
    rest.len() == 3 && whole.len() <= 3 && !whole.starts_with('0') && !rest.contains(['e', 'E'])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commas_are_decimal_where_nothing_speaks_against_it() {
        for (texts, expected) in [
            (&["0.5", "1", ""][..], Commas::None),
            (&["x,y", "0.5"], Commas::None),
            (&["1,2,3"], Commas::None),
            (&["0,5", "", "NaN", "NA", "-1,25E+3"], Commas::Decimal),
            (&["0,5", "1"], Commas::Decimal),
            // The whole column may be one of thousands, and is not taken for it.
            (&["1,234", "2,345"], Commas::Decimal),
            (&["999", "1,234"], Commas::Unclear(1)),
            (&["0,5", "0.5"], Commas::Unclear(0)),
            (&["0,5", "1e-3"], Commas::Unclear(0)),
            (&["0,5", "x"], Commas::Unclear(0)),
            (&[], Commas::None),
        ] {
            let owned: Vec<String> = texts.iter().map(|text| (*text).to_owned()).collect();
            assert_eq!(of(&owned), expected, "{texts:?}");
        }
    }
}
