//! What stands between the cells of a text file, which its first rows tell.

use super::rows::{self, Row};

/// What may stand between cells, and its name. The first that fits best is taken.
const SEPARATORS: [(u8, &str); 4] = [
    (b',', "commas"),
    (b';', "semicolons"),
    (b'\t', "tabs"),
    (b'|', "vertical bars"),
];

/// What stands between cells where nothing else is said.
pub(super) const COMMA: u8 = b',';

/// How many rows are looked at.
const ROWS: usize = 20;

/// The separator that divides the header into most cells, and every row that is looked at into as
/// many. Where none does, rows are not compared.
pub(super) fn of(text: &[u8]) -> u8 {
    let cells = |separator: u8| {
        let rows = rows::rows(text, separator, ROWS);
        let mut counts = rows.iter().map(Row::len);
        let header = counts.next().unwrap_or(0);
        (counts.all(|count| count == header), header)
    };
    let mut best = (COMMA, cells(COMMA));
    for (separator, _) in SEPARATORS {
        let found = cells(separator);
        if found.1 > 1 && (found > best.1 || best.1.1 < 2) {
            best = (separator, found);
        }
    }
    best.0
}

/// The separator that a first line such as `sep=;` states, as Excel writes and reads it.
pub(super) fn stated(text: &[u8]) -> Option<u8> {
    let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text);
    let line = text.split(|byte| b"\r\n".contains(byte)).next()?;
    let mark = line
        .get(..4)
        .filter(|key| key.eq_ignore_ascii_case(b"sep="));
    let known = |mark: &u8| SEPARATORS.iter().any(|(known, _)| known == mark);
    match &line[mark?.len()..] {
        [separator] if known(separator) => Some(*separator),
        _ => None,
    }
}

/// A separator in words.
pub(super) fn name(separator: u8) -> &'static str {
    let mut known = SEPARATORS.iter();
    known
        .find(|(mark, _)| *mark == separator)
        .map_or("commas", |(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::{of, stated};

    #[test]
    fn the_first_line_of_excel_states_the_separator() {
        for (text, separator) in [
            (&b"sep=;\r\na;b\r\n"[..], Some(b';')),
            (b"\xef\xbb\xbfSEP=\t\na\tb\n", Some(b'\t')),
            (b"sep=,", Some(b',')),
            (b"sep=x\n", None),
            (b"sep=;;\n", None),
            (b"sep\n=;", None),
            (b"", None),
        ] {
            assert_eq!(stated(text), separator, "{text:?}");
        }
    }

    #[test]
    fn the_separator_is_the_one_that_divides_every_row_alike() {
        for (text, separator) in [
            ("task,arm,seed\nt,sgd,1\n", b','),
            ("task;arm;seed\nt;sgd;1\n", b';'),
            ("task\tarm\tseed\nt\tsgd\t1\n", b'\t'),
            ("task|arm|seed\nt|sgd|1\n", b'|'),
            // Semicolons within cells, and decimals with a comma.
            ("task,arm\nt,adam(a=1;b=2)\nt,\"x,y\"\n", b','),
            ("task;metric;loss\nt;0,7;1,2\nt;0,8;1,1\n", b';'),
            ("task;\"a, b, c, d\";seed\nt;x;1\n", b';'),
            // Of damaged rows the header tells.
            ("task;arm;seed\nt;sgd\n", b';'),
            ("one\n1\n", b','),
            ("", b','),
        ] {
            assert_eq!(of(text.as_bytes()), separator, "{text:?}");
        }
    }
}
