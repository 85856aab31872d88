//! The fields of one line.

use csv::{ByteRecord, ReaderBuilder};

/// The fields of a line, which may stand in double quotes: there a separator is a letter as any.
pub(in crate::data) fn quoted_fields(line: &[u8], separator: u8) -> Vec<Vec<u8>> {
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    if line.contains(&b'"') {
        let mut reader = ReaderBuilder::new()
            .delimiter(separator)
            .has_headers(false)
            .from_reader(line);
        let mut record = ByteRecord::new();
        // Reading bytes from memory cannot fail.
        if let Ok(true) = reader.read_byte_record(&mut record) {
            return record.iter().map(<[u8]>::to_vec).collect();
        }
    }
    plain_fields(line, separator)
}

/// The same where a quote is a letter as any.
pub(in crate::data) fn plain_fields(line: &[u8], separator: u8) -> Vec<Vec<u8>> {
    let fields = line.split(|&byte| byte == separator);
    fields.map(<[u8]>::to_vec).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_separator_within_quotes_is_none() {
        let of = |line: &str| -> Vec<String> {
            let fields = quoted_fields(line.as_bytes(), b',').into_iter();
            fields
                .map(|field| String::from_utf8(field).unwrap())
                .collect()
        };
        assert_eq!(of("a,,b\r"), ["a", "", "b"]);
        assert_eq!(of("\"a,b\",\"c \"\"d\"\"\",e\r"), ["a,b", "c \"d\"", "e"]);
        // Nothing closes it.
        assert_eq!(of("a,\"b,c"), ["a", "b,c"]);
        assert_eq!(
            plain_fields(b"\"a,b\"", b','),
            [b"\"a".to_vec(), b"b\"".to_vec()]
        );
    }
}
