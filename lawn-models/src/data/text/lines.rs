//! Lines of a text, and how messages show them.

use std::path::Path;

use super::blocks::Blocks;
use crate::data::error::DataError;

/// Characters of a field that a message shows.
const SHOWN: usize = 80;

/// Gives each line of a file to `take`, without its end, with its number from 1.
///
/// # Errors
/// Those of `take`, and as [`Blocks::next`].
pub(in crate::data) fn each_line(
    path: &Path,
    mut take: impl FnMut(usize, &[u8]) -> Result<(), DataError>,
) -> Result<(), DataError> {
    let mut blocks = Blocks::open(path)?;
    while let Some(block) = blocks.next(None)? {
        let first = block.start.lines as usize + 1;
        let text = block.text.strip_suffix(b"\n").unwrap_or(&block.text);
        for (place, line) in text.split(|&byte| byte == b'\n').enumerate() {
            take(first + place, line.strip_suffix(b"\r").unwrap_or(line))?;
        }
    }
    Ok(())
}

/// Line ends of a text.
pub(super) fn ends(text: &[u8]) -> u64 {
    text.iter().filter(|&&byte| byte == b'\n').count() as u64
}

/// A field as a message shows it: bytes that are no ASCII by their numbers.
pub(in crate::data) fn shown(field: &[u8]) -> String {
    // Four bytes a character at most, and some more to see that there are more.
    let seen = &field[..field.len().min(8 * SHOWN)];
    let mut shown = match std::str::from_utf8(seen) {
        Ok(text) => text.to_owned(),
        // Cut within a character.
        Err(error) if error.error_len().is_none() && seen.len() < field.len() => {
            String::from_utf8_lossy(&seen[..error.valid_up_to()]).into_owned()
        }
        Err(_) => seen.escape_ascii().to_string(),
    };
    if shown.chars().count() > SHOWN {
        shown = shown.chars().take(SHOWN).collect();
        shown.push('…');
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn line_ends_of_all_systems_are_no_part_of_lines() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x");
        let of = |text: &[u8]| {
            std::fs::write(&path, text).unwrap();
            let mut lines = Vec::new();
            let take = |number, line: &[u8]| {
                lines.push((number, line.to_vec()));
                Ok(())
            };
            each_line(&path, take).unwrap();
            lines
        };
        let numbered = |lines: &[&str]| -> Vec<(usize, Vec<u8>)> {
            let lines = lines.iter().map(|line| line.as_bytes().to_vec());
            (1..).zip(lines).collect()
        };
        assert_eq!(of(b"a\r\nb\n"), numbered(&["a", "b"]));
        assert_eq!(of(b"a\n\nb"), numbered(&["a", "", "b"]));
        assert_eq!(of(b"\n"), numbered(&[""]));
        assert!(of(b"").is_empty());
    }

    #[test]
    fn bytes_that_are_no_text_are_shown_by_number() {
        assert_eq!(shown(b"caf\xe9"), "caf\\xe9");
        assert_eq!(shown("café".as_bytes()), "café");
        let long = "é".repeat(10_000);
        assert_eq!(shown(long.as_bytes()), "é".repeat(80) + "…");
        assert_eq!(shown(&long.as_bytes()[1..]).chars().count(), 81);
    }
}
