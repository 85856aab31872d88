//! Numbers with a percent sign, as `70.27%` and `70.27 %`.

use std::path::Path;

use super::read::NO_NUMBER;
use super::sheet::Cells;
use crate::error::{Error, Position};

/// Reads percent signs of a column of numbers as its unit, which a sentence says. `called` names the
/// column of the file that a row is of.
///
/// # Errors
/// [`Error::Cell`] for a number without a sign where others have one.
pub(super) fn settle(
    path: &Path,
    cells: &mut Cells,
    positions: &[Position],
    called: impl Fn(usize) -> String,
) -> Result<Option<String>, Error> {
    match without_sign(&mut cells.texts) {
        Ok(false) => Ok(None),
        Ok(true) => {
            cells.in_percent = true;
            Ok(Some(format!(
                "In column {} numbers have a percent sign: they are read in percent.",
                called(0)
            )))
        }
        Err([plain, signed]) => Err(Error::Cell {
            path: path.to_owned(),
            position: positions[plain],
            column: called(plain),
            value: cells.texts[plain].clone(),
            allowed: format!(
                "a number with a percent sign, as {} has one: all have it, or none",
                positions[signed]
            ),
        }),
    }
}

/// Takes the sign from the numbers of a column; whether they had it.
///
/// # Errors
/// The index of the first number without a sign and of the first with one, where there are both.
fn without_sign(texts: &mut [String]) -> Result<bool, [usize; 2]> {
    let is_number = |text: &str| text.parse().is_ok_and(|number: f64| number.is_finite());
    let has_sign = |text: &String| bare(text) != text && is_number(bare(text));
    let Some(signed) = texts.iter().position(has_sign) else {
        return Ok(false);
    };
    let is_plain = |text: &String| !NO_NUMBER.contains(&text.as_str()) && is_number(text);
    if let Some(plain) = texts.iter().position(is_plain) {
        return Err([plain, signed]);
    }
    for text in texts.iter_mut().filter(|text| has_sign(text)) {
        *text = bare(text).to_owned();
    }
    Ok(true)
}

/// A text without a percent sign at its end.
pub(super) fn bare(text: &str) -> &str {
    text.strip_suffix('%').map_or(text, str::trim_end)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(texts: &[&str]) -> (Result<bool, [usize; 2]>, Vec<String>) {
        let mut texts: Vec<String> = texts.iter().map(|text| (*text).to_owned()).collect();
        (without_sign(&mut texts), texts)
    }

    #[test]
    fn a_sign_is_the_unit_of_a_whole_column() {
        let (found, texts) = read(&["70.27%", "", "0.5 %", "NaN", "-3%", "nan%"]);
        assert_eq!(found, Ok(true));
        assert_eq!(texts, ["70.27", "", "0.5", "NaN", "-3", "nan%"]);
        let (found, texts) = read(&["0.7", "", "12", "high%", "%"]);
        assert_eq!(found, Ok(false));
        assert_eq!(texts, ["0.7", "", "12", "high%", "%"]);
        assert_eq!(read(&["", "70%", "0.7"]).0, Err([2, 1]));
    }
}
