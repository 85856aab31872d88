//! A file of rows that is written and hashed on a thread of its own, while the next rows are read.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::{Scope, ScopedJoinHandle};

use super::part::beside;
use crate::data::error::DataError;

/// Pieces that wait to be written, at most: memory is bounded where a disk is slow.
const WAITING: usize = 2;

/// What a thread has written.
type Written = std::io::Result<(File, blake3::Hash)>;

/// A file of rows while it is written. It lies beside its place until it is whole.
///
/// The scope that it was made in waits for its thread, whether it is finished or dropped.
pub(super) struct RowsFile<'scope> {
    path: PathBuf,
    beside: PathBuf,
    pieces: SyncSender<Vec<u8>>,
    /// None behind a write that failed.
    thread: Option<ScopedJoinHandle<'scope, Written>>,
}

impl<'scope> RowsFile<'scope> {
    /// An empty file, which will be at `path`.
    ///
    /// # Errors
    /// [`DataError::Write`].
    pub(super) fn create(path: &Path, scope: &'scope Scope<'scope, '_>) -> Result<Self, DataError> {
        let beside = beside(path);
        let file = File::create(&beside).map_err(DataError::write(&beside))?;
        let (pieces, waiting) = sync_channel(WAITING);
        Ok(Self {
            path: path.to_owned(),
            beside,
            pieces,
            thread: Some(scope.spawn(move || write(file, &waiting))),
        })
    }

    /// Hands over what follows. Nothing may be written behind an error.
    ///
    /// # Errors
    /// [`DataError::Write`] of a piece before it.
    pub(super) fn write(&mut self, piece: Vec<u8>) -> Result<(), DataError> {
        match self.pieces.send(piece) {
            Ok(()) => Ok(()),
            // Nobody takes it: the thread has ended, with an error.
            Err(_) => join(self.thread.take(), &self.beside).map(drop),
        }
    }

    /// Waits until all is on the disk, puts the file in its place, and gives its checksum.
    ///
    /// # Errors
    /// [`DataError::Write`].
    pub(super) fn finish(self) -> Result<blake3::Hash, DataError> {
        drop(self.pieces);
        let (file, digest) = join(self.thread, &self.beside)?;
        file.sync_all().map_err(DataError::write(&self.beside))?;
        std::fs::rename(&self.beside, &self.path).map_err(DataError::write(&self.path))?;
        Ok(digest)
    }
}

/// What the thread leaves.
fn join(
    thread: Option<ScopedJoinHandle<'_, Written>>,
    beside: &Path,
) -> Result<(File, blake3::Hash), DataError> {
    let thread = thread.expect("nothing is written behind an error");
    match thread.join() {
        Ok(written) => written.map_err(DataError::write(beside)),
        Err(panic) => std::panic::resume_unwind(panic),
    }
}

fn write(mut file: File, pieces: &Receiver<Vec<u8>>) -> Written {
    let mut digest = blake3::Hasher::new();
    for piece in pieces {
        digest.update(&piece);
        file.write_all(&piece)?;
    }
    Ok((file, digest.finalize()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The device that is always full.
    #[test]
    fn a_full_disk_is_the_error_whenever_it_is_met() {
        if !Path::new("/dev/full").exists() {
            return;
        }
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("part.rows");
        std::os::unix::fs::symlink("/dev/full", beside(&path)).unwrap();
        let error = std::thread::scope(|scope| {
            let mut rows = RowsFile::create(&path, scope).unwrap();
            for _ in 0..WAITING + 3 {
                rows.write(vec![1; 4_096])?;
            }
            rows.finish().map(drop)
        })
        .unwrap_err()
        .to_string();
        assert!(error.contains("part.rows.new"), "{error}");
        assert!(error.contains("No space left"), "{error}");
        assert!(!path.exists());
    }

    #[test]
    fn a_file_has_its_pieces_in_their_order_and_its_checksum() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("part.rows");
        let pieces: Vec<Vec<u8>> = (0..20).map(|piece| vec![piece; 1_000]).collect();
        let digest = std::thread::scope(|scope| {
            let mut rows = RowsFile::create(&path, scope).unwrap();
            for piece in pieces.clone() {
                rows.write(piece).unwrap();
            }
            assert!(!path.exists());
            rows.finish().unwrap()
        });
        let expected = pieces.concat();
        assert_eq!(std::fs::read(&path).unwrap(), expected);
        assert_eq!(digest, blake3::hash(&expected));
        assert!(!beside(&path).exists());
    }
}
