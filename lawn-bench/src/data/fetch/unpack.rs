//! The files of a `.tar.gz`, put beside it.

use std::fs::File;
use std::io::{BufReader, Read};
use std::path::Path;

use flate2::read::MultiGzDecoder;

use crate::Error;
use crate::run::files;

/// Bytes of a block of a tar file.
const BLOCK: usize = 512;

/// Bytes of one file in an archive, at most: what is published is far smaller.
const MOST: u64 = 4 << 30;

/// Puts the files of the archive at `path` into `folder`, without the folders that they are in;
/// each takes its place whole.
///
/// # Errors
///
/// [`Error::Io`], of kind `InvalidData` where the archive is not one.
pub(super) fn unpack(path: &Path, folder: &Path) -> Result<(), Error> {
    let file = File::open(path).map_err(Error::io("open", path))?;
    let mut archive = MultiGzDecoder::new(BufReader::new(file));
    let mut header = [0; BLOCK];
    loop {
        archive
            .read_exact(&mut header)
            .map_err(Error::io("unpack", path))?;
        if header.iter().all(|&byte| byte == 0) {
            return Ok(());
        }
        let member = Member::of(&header).ok_or_else(|| damaged(path))?;
        let padded = member.size.next_multiple_of(BLOCK as u64);
        let mut content = Vec::new();
        (&mut archive)
            .take(padded)
            .read_to_end(&mut content)
            .map_err(Error::io("unpack", path))?;
        if content.len() as u64 != padded {
            return Err(damaged(path));
        }
        content.truncate(member.size as usize);
        if let Some(name) = member.name {
            files::write(&folder.join(name), &content)?;
        }
    }
}

fn damaged(path: &Path) -> Error {
    let kind = std::io::ErrorKind::InvalidData;
    Error::io("unpack", path)(std::io::Error::new(kind, "it is no whole tar file"))
}

/// A file or folder in an archive.
struct Member {
    /// The last part of the path of a file that is not hidden.
    name: Option<String>,
    size: u64,
}

impl Member {
    /// What a header says (POSIX.1-1988, `ustar`).
    fn of(header: &[u8; BLOCK]) -> Option<Self> {
        let text = |from: usize, count: usize| {
            let field = &header[from..from + count];
            let end = field.iter().position(|&byte| byte == 0).unwrap_or(count);
            std::str::from_utf8(&field[..end]).ok().map(str::trim)
        };
        let sum = u64::from_str_radix(text(148, 8)?, 8).ok()?;
        let mut bytes = *header;
        bytes[148..156].fill(b' ');
        if sum != bytes.iter().map(|&byte| u64::from(byte)).sum::<u64>() {
            return None;
        }
        let size = u64::from_str_radix(text(124, 12)?, 8).ok()?;
        let is_file = matches!(header[156], b'0' | 0);
        let name = text(0, 100)?
            .rsplit('/')
            .next()
            .filter(|name| is_file && !name.is_empty() && !name.starts_with('.'));
        (size <= MOST).then(|| Self {
            name: name.map(str::to_owned),
            size,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;

    #[test]
    fn files_of_an_archive_are_put_beside_it() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let inner = folder.path().join("in/deep");
        std::fs::create_dir_all(&inner).expect("a folder");
        let large = vec![7; 1000];
        std::fs::write(inner.join("a.bin"), &large).expect("there is room");
        std::fs::write(inner.join("b.txt"), "").expect("there is room");
        let archive = folder.path().join("x.tar.gz");
        let mut tar = Command::new("tar");
        tar.args(["--format=ustar", "-czf"]).arg(&archive);
        tar.arg("-C").arg(folder.path()).arg("in");
        assert!(tar.status().expect("tar is there").success());
        unpack(&archive, folder.path()).expect("it is whole");
        assert_eq!(
            std::fs::read(folder.path().join("a.bin")).expect("it is there"),
            large
        );
        assert!(folder.path().join("b.txt").exists());

        let bytes = std::fs::read(&archive).expect("it is there");
        std::fs::write(&archive, &bytes[..bytes.len() / 2]).expect("it is ours");
        unpack(&archive, folder.path()).expect_err("it is cut");
    }
}
