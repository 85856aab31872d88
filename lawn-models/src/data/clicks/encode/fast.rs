//! Lines of Criteo as nearly all are: what is written otherwise is left to [`LineReader::read`].

use super::super::hash::{bucket, bucket_of_word, start};
use super::facts::LineFacts;
use super::format::ClickFormat;
use super::line::{LineReader, Words};

/// Bytes of a category.
const HEX: usize = 8;

/// Digits that a `u64` holds, whatever they are.
const DIGITS: u32 = 18;

/// What is known of each column before a line is read.
#[derive(Debug)]
pub(super) struct FastColumns(Vec<FastColumn>);

#[derive(Debug)]
struct FastColumn {
    /// What the hash of eight digits begins with.
    start: u64,
    /// The id of no category.
    missing: u32,
    size: u32,
}

impl FastColumns {
    pub(super) fn new(reader: &LineReader) -> Self {
        let columns = reader.sizes.iter().enumerate();
        Self(
            columns
                .map(|(column, &size)| FastColumn {
                    start: start(column, HEX),
                    missing: bucket(b"", column, size),
                    size,
                })
                .collect(),
        )
    }
}

impl LineReader {
    /// Reads the line that a text begins with, and gives the bytes of it and its end, and what it
    /// has; none where it is not written as usual.
    pub(super) fn read_fast(
        &self,
        columns: &FastColumns,
        text: &[u8],
        words: &mut Words,
    ) -> Option<(usize, LineFacts)> {
        if self.format != ClickFormat::Criteo {
            return None;
        }
        let label = match text.first_chunk()? {
            b"0\t" => 0f32,
            b"1\t" => 1f32,
            _ => return None,
        };
        let (first, words) = words.split_first_mut()?;
        *first = label.to_le_bytes();
        let (numbers, ids) = words.split_at_mut(ClickFormat::Criteo.dense());
        let mut at = 2;
        let mut facts = LineFacts::default();
        for word in numbers {
            let (value, next) = self.number(text, at, &mut facts)?;
            *word = value.to_le_bytes();
            at = next;
        }
        let last = ids.len() - 1;
        for (place, (word, column)) in ids.iter_mut().zip(&columns.0).enumerate() {
            let end = if place == last { b'\n' } else { b'\t' };
            let rest = text.get(at..)?;
            let id = match rest.first_chunk::<{ HEX + 1 }>() {
                Some([digits @ .., byte]) if *byte == end => {
                    at += HEX + 1;
                    let word = hexadecimal(u64::from_le_bytes(*digits))?;
                    bucket_of_word(column.start, word, column.size)
                }
                _ if *rest.first()? == end => {
                    at += 1;
                    column.missing
                }
                _ => return None,
            };
            *word = id.to_le_bytes();
        }
        Some((at, facts))
    }

    /// The number at a place, and the place behind its tab.
    fn number(&self, text: &[u8], mut at: usize, facts: &mut LineFacts) -> Option<(f32, usize)> {
        let is_negative = *text.get(at)? == b'-';
        at += usize::from(is_negative);
        let (mut number, mut digits) = (0u64, 0);
        loop {
            let byte = *text.get(at)?;
            at += 1;
            let digit = byte.wrapping_sub(b'0');
            if digit > 9 {
                if byte != b'\t' {
                    return None;
                }
                break;
            }
            number = 10 * number + u64::from(digit);
            digits += 1;
            if digits > DIGITS {
                return None;
            }
        }
        let value = match (digits, is_negative) {
            (0, true) => return None,
            (0, false) => {
                facts.absent += 1;
                self.numbers.missing()
            }
            (_, true) => {
                facts.below_zero += u64::from(number > 0);
                self.numbers.natural(0)
            }
            (_, false) => self.numbers.natural(number),
        };
        Some((value, at))
    }
}

/// Eight hexadecimal digits in lower case, if they are that: all bytes of a word at once.
fn hexadecimal(word: u64) -> Option<u64> {
    const fn each(byte: u8) -> u64 {
        u64::from_le_bytes([byte; 8])
    }
    // Letters have this bit; in upper case they lack the one below it.
    let letters = (word & each(0x40)) >> 6;
    let lower = word | letters << 5;
    // What each digit stands for, and how that is written.
    let value = (word & each(0x0f)) + letters * 9;
    let above_nine = (value.wrapping_add(each(6)) & each(0x10)) >> 4;
    let written = value
        .wrapping_add(each(b'0'))
        .wrapping_add(above_nine * u64::from(b'a' - b'9' - 1));
    (value & each(0xf0) == 0 && written == lower).then_some(lower)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every byte, at every place.
    #[test]
    fn hexadecimal_digits_and_nothing_else_pass() {
        for place in 0..8 {
            for byte in 0..=u8::MAX {
                let mut text = *b"0a9f1B7c";
                text[place] = byte;
                let found = hexadecimal(u64::from_le_bytes(text)).map(u64::to_le_bytes);
                let expected = text.iter().all(u8::is_ascii_hexdigit);
                let lower: Option<[u8; 8]> = expected.then(|| {
                    text.make_ascii_lowercase();
                    text
                });
                assert_eq!(found, lower, "{byte} at {place}");
            }
        }
    }

    /// Whatever a line is made of, both ways read the same, or the fast one passes.
    #[test]
    fn the_fast_way_reads_what_the_careful_one_does() {
        let reader = LineReader::new(ClickFormat::Criteo, (1..=26).collect(), 3);
        let columns = FastColumns::new(&reader);
        let numbers = [
            "",
            "0",
            "7",
            "-2",
            "4095",
            "4096",
            "123456789012345678",
            "+1",
            "x",
        ];
        let categories = [
            "",
            "68fd1e64",
            "68FD1E64",
            "1",
            "0123456789abcdef",
            "68fd1e6g",
        ];
        let labels = ["0", "1", "2", ""];
        let mut taken = 0;
        for line in 0..20_000usize {
            // A counter that goes through the lists at its own pace for each field.
            let pick = |list: &[&str], field: usize| {
                let turn = (line * (field + 3) + line / 7 + field) % 61;
                list[turn.min(list.len() * 2 - 1) % list.len()].to_owned()
            };
            let usual = line % 3 == 0;
            let mut fields = vec![if usual {
                "1".to_owned()
            } else {
                pick(&labels, 0)
            }];
            let some = |list: &[&str], most: usize, field| {
                pick(&list[..if usual { most } else { list.len() }], field)
            };
            fields.extend((0..13).map(|field| some(&numbers, 7, 1 + field)));
            fields.extend((0..26).map(|field| some(&categories, 3, 14 + field)));
            if line % 50 == 1 {
                fields.pop();
            }
            let text = fields.join("\t") + "\n";
            let mut fast = [[0; 4]; 40];
            let mut careful = fast;
            let end = reader.read_fast(&columns, text.as_bytes(), &mut fast);
            let read = reader.read(text.trim_end_matches('\n').as_bytes(), &mut careful);
            if let Some((end, facts)) = end {
                assert_eq!((end, read), (text.len(), Ok(facts)), "{text}");
                assert_eq!(fast, careful, "{text}");
                taken += 1;
            }
            assert!(!usual || end.is_some() || line % 50 == 1, "{text}");
        }
        assert!(taken > 6_000, "{taken}");
    }
}
