//! Whether a text ends where a line does.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

use super::blocks::Blocks;
use crate::data::error::DataError;

/// Whether the last line of a file has no end, as that of a file that is cut short lacks too.
///
/// # Errors
/// [`DataError::Read`], and as [`Blocks::next`] of one that is packed, which is read whole.
pub(in crate::data) fn lacks_last_end(path: &Path) -> Result<bool, DataError> {
    if path.extension().is_some_and(|end| end == "gz") {
        let (mut blocks, mut last) = (Blocks::open(path)?, None);
        while let Some(block) = blocks.next(None)? {
            last = block.text.last().copied();
        }
        return Ok(last.is_some_and(|byte| byte != b'\n'));
    }
    let mut file = File::open(path).map_err(DataError::read(path))?;
    let mut last = [b'\n'];
    // An empty file has no such place, which whoever reads it says.
    if file.seek(SeekFrom::End(-1)).is_ok() {
        file.read_exact(&mut last).map_err(DataError::read(path))?;
    }
    Ok(last != [b'\n'])
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[test]
    fn a_last_line_without_an_end_is_seen_in_plain_and_packed_files() {
        let folder = tempfile::tempdir().unwrap();
        for (text, lacks) in [
            ("", false),
            ("a\nb", true),
            ("a\nb\n", false),
            ("a\r\n", false),
        ] {
            let plain = folder.path().join("x.csv");
            std::fs::write(&plain, text).unwrap();
            let packed = folder.path().join("x.csv.gz");
            let file = File::create(&packed).unwrap();
            let mut packer = flate2::write::GzEncoder::new(file, flate2::Compression::fast());
            packer.write_all(text.as_bytes()).unwrap();
            packer.finish().unwrap();
            for path in [plain, packed] {
                assert_eq!(lacks_last_end(&path).unwrap(), lacks, "{text:?} {path:?}");
            }
        }
    }
}
