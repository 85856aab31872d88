//! How a file has its columns: as its publisher writes them, or by the names of its first line.

use std::path::Path;

use super::format::ClickFormat;
use super::line::LineFault;
use crate::data::error::DataError;
use crate::data::text::{Blocks, quoted_fields};

/// What the first line of a file says of the others.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::data::clicks) struct Layout {
    /// Whether it is the names of the columns.
    pub(super) header: bool,
    /// Where lines are not written as usual.
    pub(super) other: Option<OtherLayout>,
}

/// Lines that are written otherwise.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct OtherLayout {
    separator: u8,
    /// Of each column of the format, its place.
    places: Vec<usize>,
    /// Fields of a line.
    count: usize,
}

impl Layout {
    /// Of the file at a path.
    ///
    /// # Errors
    /// [`DataError`] where the first line cannot be read, and where it is none of the format.
    pub(in crate::data::clicks) fn of(path: &Path, format: ClickFormat) -> Result<Self, DataError> {
        match Blocks::open(path)?.first_line()? {
            Some(line) => Self::of_line(&line, format).map_err(|fault| fault.at(path, 1)),
            None => Ok(Self::default()),
        }
    }

    /// Of a first line.
    pub(super) fn of_line(line: &[u8], format: ClickFormat) -> Result<Self, LineFault> {
        let usual = Self {
            header: format.header().is_some(),
            other: None,
        };
        if format
            .header()
            .is_some_and(|header| line == header.as_bytes())
        {
            return Ok(usual);
        }
        let separator = match line.contains(&b'\t') {
            true => b'\t',
            false => b',',
        };
        let fields = quoted_fields(line, separator);
        let known = format.fields();
        // No row has words like these in the places of its label and another field.
        let is_label = |field: &Vec<u8>| field.eq_ignore_ascii_case(format.label().as_bytes());
        let is_name = |field: &&Vec<u8>| {
            let mut names = known.iter();
            names.any(|name| field.eq_ignore_ascii_case(name.as_bytes()))
        };
        if fields.iter().any(is_label) && fields.iter().filter(is_name).count() > 1 {
            return Self::named(&fields, separator, format);
        }
        if format.header().is_some() {
            let allowed = format!(
                "the names of the columns, {}: put that line before the rows",
                known.join(",")
            );
            return Err(LineFault::new("header", line, allowed));
        }
        let places: Vec<usize> = (0..known.len()).collect();
        let is_other = separator != format.separator() && fields.len() == known.len();
        Ok(Self {
            header: false,
            other: is_other.then_some(OtherLayout {
                separator,
                count: places.len(),
                places,
            }),
        })
    }

    /// By the names of the columns.
    fn named(fields: &[Vec<u8>], separator: u8, format: ClickFormat) -> Result<Self, LineFault> {
        let known = format.fields();
        let mut places = Vec::with_capacity(known.len());
        for name in &known {
            let is_it = |field: &&Vec<u8>| field.eq_ignore_ascii_case(name.as_bytes());
            match fields.iter().filter(is_it).count() {
                1 => places.extend(fields.iter().position(|field| is_it(&field))),
                count => {
                    let allowed = format!(
                        "a header with the column {name} once, not {count} times, and with all of {}",
                        known.join(",")
                    );
                    let header = fields.join(&separator);
                    return Err(LineFault::new("header", &header, allowed));
                }
            }
        }
        let is_usual =
            separator == format.separator() && places.iter().copied().eq(0..fields.len());
        Ok(Self {
            header: true,
            other: (!is_usual).then_some(OtherLayout {
                separator,
                places,
                count: fields.len(),
            }),
        })
    }
}

impl OtherLayout {
    /// The line as it is usually written.
    pub(super) fn usual(&self, line: &[u8], format: ClickFormat) -> Result<Vec<u8>, LineFault> {
        let fields = quoted_fields(line, self.separator);
        if fields.len() != self.count {
            let found = fields.len().to_string();
            let allowed = format!("{} columns, as in the first line", self.count);
            return Err(LineFault::new(
                "number of columns",
                found.as_bytes(),
                allowed,
            ));
        }
        let ordered: Vec<&[u8]> = self
            .places
            .iter()
            .map(|&place| &fields[place][..])
            .collect();
        Ok(ordered.join(&format.separator()))
    }
}

impl ClickFormat {
    /// Whether a first line is the names of its columns.
    pub(in crate::data::clicks) fn is_named_by(self, line: &[u8]) -> bool {
        Layout::of_line(line, self).is_ok_and(|layout| layout.header)
    }
}

/// A line whose fields stand in double quotes, without them; none where a field has what stands between
/// fields, as it does behind a quote that nothing closes.
pub(super) fn unquoted(line: &[u8], separator: u8) -> Option<Vec<u8>> {
    let fields = quoted_fields(line, separator);
    let is_cut = |field: &Vec<u8>| field.contains(&separator);
    (!fields.iter().any(is_cut)).then(|| fields.join(&separator))
}

#[cfg(test)]
mod tests {
    use super::*;
    use ClickFormat::{Avazu, Criteo};

    fn of(line: &str, format: ClickFormat) -> Result<Layout, LineFault> {
        Layout::of_line(line.as_bytes(), format)
    }

    #[test]
    fn files_as_publishers_write_them_are_as_usual() {
        let header = Avazu.header().unwrap();
        let named = Layout {
            header: true,
            other: None,
        };
        assert_eq!(of(header, Avazu), Ok(named.clone()));
        let quoted = format!("\"{}\"", header.replace(',', "\",\""));
        assert_eq!(of(&quoted, Avazu), Ok(named.clone()));
        let row = format!("1{}", "\t".repeat(39));
        assert_eq!(of(&row, Criteo), Ok(Layout::default()));
        assert_eq!(of("bad", Criteo), Ok(Layout::default()));
        assert_eq!(of(&Criteo.fields().join("\t"), Criteo), Ok(named));
    }

    #[test]
    fn columns_in_another_order_come_to_their_places() {
        let mut names = Avazu.fields();
        names.reverse();
        names.insert(3, "more".to_owned());
        let layout = of(&names.join(","), Avazu).unwrap().other.unwrap();
        let fields: Vec<String> = (0..25).map(|place| format!("\"f{place}\"")).collect();
        let usual = layout.usual(fields.join(",").as_bytes(), Avazu).unwrap();
        let usual = String::from_utf8(usual).unwrap();
        assert!(
            usual.starts_with("f24,f23,f22,") && usual.ends_with(",f2,f1,f0"),
            "{usual}"
        );
        assert!(!usual.contains("f3,"), "{usual}");
        let fault = layout.usual(b"1,2", Avazu).unwrap_err();
        assert_eq!(fault.allowed, "25 columns, as in the first line");
        let commas = of(&format!("1{}", ",".repeat(39)), Criteo).unwrap();
        assert!(!commas.header && commas.other.is_some());
    }

    #[test]
    fn a_header_that_lacks_a_column_and_rows_without_one_are_named() {
        let fault = of("id,hour,click", Avazu).unwrap_err();
        assert_eq!(
            (fault.field, fault.value.as_str()),
            ("header", "id,hour,click")
        );
        assert!(
            fault.allowed.contains("column C1 once, not 0 times"),
            "{}",
            fault.allowed
        );
        let fault = of("1005,0,14102123,1", Avazu).unwrap_err();
        assert!(
            fault.allowed.contains("put that line before the rows"),
            "{}",
            fault.allowed
        );
    }
}
