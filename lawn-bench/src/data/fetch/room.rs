//! How much a source may send. It is not believed about sizes, and no disk is filled up.

use std::fs::File;
use std::io::{Error, ErrorKind};

use super::catalogue::PublicFile;

/// Bytes of a file of which nothing is known, at most.
const UNKNOWN: u64 = 64 << 30;

/// Bytes of a line on average, at most, where the number of lines is known; files of few
/// lines may have longer ones.
const LINE: u64 = 4096;

/// Bytes of a file of few lines, at most.
const FEW_LINES: u64 = 1 << 30;

/// Bytes from one look at the free room to the next.
const BETWEEN_LOOKS: u64 = 4 << 20;

/// Bytes that are left free, at most; of small disks a fiftieth.
const RESERVE: u64 = 256 << 20;

/// The bytes that `file` may have.
pub(super) fn most(file: &PublicFile) -> u64 {
    let by_lines = |lines: u64| lines.saturating_mul(LINE).max(FEW_LINES);
    file.bytes
        .unwrap_or_else(|| file.lines.map_or(UNKNOWN, by_lines))
}

/// The room beside a file that grows.
pub(super) struct Room<'f> {
    file: &'f File,
    /// Bytes until the next look.
    until: u64,
}

impl<'f> Room<'f> {
    /// Looks whether there is room for `coming` bytes more, where that is known.
    pub(super) fn new(file: &'f File, coming: Option<u64>) -> Result<Self, Error> {
        let room = Self {
            file,
            until: BETWEEN_LOOKS,
        };
        room.look(coming.unwrap_or(0))?;
        Ok(room)
    }

    /// Looks again once in a while, before `count` bytes are written.
    pub(super) fn take(&mut self, count: u64) -> Result<(), Error> {
        if self.until < count {
            self.look(count)?;
            self.until = BETWEEN_LOOKS;
        }
        self.until -= count.min(self.until);
        Ok(())
    }

    fn look(&self, coming: u64) -> Result<(), Error> {
        // A file system that does not say is asked by writing.
        let Ok(about) = rustix::fs::fstatvfs(self.file) else {
            return Ok(());
        };
        let free = about.f_bavail.saturating_mul(about.f_frsize);
        let all = about.f_blocks.saturating_mul(about.f_frsize);
        let reserve = RESERVE.min(all / 50);
        if all == 0 || free >= coming.saturating_add(reserve) {
            return Ok(());
        }
        let detail = format!(
            "{coming} bytes are to come, {free} are free, and {reserve} of them are left so"
        );
        Err(Error::new(ErrorKind::StorageFull, detail))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_than_the_disk_has_is_refused_before_it_comes() {
        let file = tempfile::tempfile().expect("a file");
        assert!(Room::new(&file, Some(1 << 60)).is_err_and(|error| {
            error.kind() == ErrorKind::StorageFull && error.to_string().contains("are free")
        }));
        let mut room = Room::new(&file, None).expect("nothing is known");
        room.take(1).expect("there is room for a byte");
        room.until = 0;
        assert!(room.take(1 << 60).is_err());
    }
}
