//! Double quotes in a text of columns.

/// What double quotes make of a text.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::data) struct Quotes {
    /// The place after the last line end that is not within quotes.
    pub(super) last_line_end: Option<usize>,
    /// The place of a quote that is not closed.
    pub(in crate::data) open: Option<usize>,
}

/// Where the quotes of fields are, as the crate `csv` takes them: they open at the start of a
/// field alone, and two within a field are one of its letters.
pub(in crate::data) fn quotes(block: &[u8], separator: u8) -> Quotes {
    enum At {
        FieldStart,
        Field,
        Quoted,
        QuoteInQuoted,
    }
    let mut at = At::FieldStart;
    let (mut opened, mut last_line_end) = (0, None);
    for (place, &byte) in block.iter().enumerate() {
        at = match (at, byte) {
            (At::Quoted, b'"') => At::QuoteInQuoted,
            (At::Quoted, _) | (At::QuoteInQuoted, b'"') => At::Quoted,
            (At::FieldStart, b'"') => {
                opened = place;
                At::Quoted
            }
            (_, b'\n') => {
                last_line_end = Some(place + 1);
                At::FieldStart
            }
            (_, b'\r') => At::FieldStart,
            (_, byte) if byte == separator => At::FieldStart,
            _ => At::Field,
        };
    }
    Quotes {
        last_line_end,
        open: matches!(at, At::Quoted).then_some(opened),
    }
}

/// The place after the last line end, that within the quotes of a text of columns with the
/// separator `quoting` being none.
pub(super) fn last_line_end(block: &[u8], quoting: Option<u8>) -> Option<usize> {
    if let Some(separator) = quoting.filter(|_| memchr::memchr(b'"', block).is_some()) {
        return quotes(block, separator).last_line_end;
    }
    memchr::memrchr(b'\n', block).map(|end| end + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_end_with_lines_and_not_within_quotes() {
        let comma = Some(b',');
        assert_eq!(last_line_end(b"a\nb\nc", None), Some(4));
        assert_eq!(last_line_end(b"a\n\"b\nc", comma), Some(2));
        assert_eq!(last_line_end(b"a\n\"b\nc\"\nd", comma), Some(8));
        assert_eq!(last_line_end(b"abc", comma), None);
        assert_eq!(last_line_end(b"a\n\"b\nc", None), Some(5));
        // A quote within a field opens nothing.
        assert_eq!(last_line_end(b"7\" single\nb\nc", comma), Some(12));
        assert_eq!(last_line_end(b"a,\"b\"\"\nc\"\nd", comma), Some(10));
        let open = |text: &[u8]| quotes(text, b',').open;
        assert_eq!(open(b"a,\"b\nc"), Some(2));
        assert_eq!(open(b"a,\"b\"\nc"), None);
        assert_eq!(open(b"a, \"b\nc"), None);
        assert_eq!(open(b"a,\"b\"\""), Some(2));
        assert_eq!(open(b"a,\"b\""), None);
    }
}
