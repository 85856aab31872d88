//! Each line of a text.

use std::path::Path;

use super::blocks::Blocks;
use crate::data::error::DataError;

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
}
