//! What was found of files before, in the user's cache.
//!
//! ```text
//! magic "lawnscan", version u32, then for each file, in order of its stamp:
//!   stamp [16], BLAKE3 of the content [32], height u32, width u32, format u8
//! last, BLAKE3 of all before [32]
//! ```
//! Numbers are little-endian. A stamp is a hash of all that the system says of a file: name,
//! device, number, size, and times of modification and of change, and of the machine. Copies
//! keep size and time of modification; nobody sets the time of change.

use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use crate::data::images::decode::Format;

/// Begins the file.
const MAGIC: &[u8; 8] = b"lawnscan";

/// Goes up when a decoder begins to judge files otherwise, or the format changes.
const VERSION: u32 = 1;

const HEAD: usize = MAGIC.len() + size_of::<u32>();
const STAMP: usize = 16;
const HASH: usize = 32;
const RECORD: usize = STAMP + HASH + 2 * size_of::<u32>() + 1;

/// Seconds after which a file that was written to has another time, on any file system.
const SETTLED: u64 = 3;

/// All that the system says of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Stamp {
    digits: [u8; STAMP],
    /// Whether a write to the file now would be seen in its times, which are those of ticks.
    is_settled: bool,
}

/// What was found of an image.
#[derive(Clone, Debug)]
pub(super) struct Seen {
    pub(super) stamp: Stamp,
    pub(super) hash: blake3::Hash,
    pub(super) format: Format,
    /// Height and width.
    pub(super) size: [usize; 2],
}

/// The cache of one split.
pub(super) struct Cache {
    /// None where there is no place for it.
    path: Option<PathBuf>,
    host: String,
    now: u64,
    /// Records in order of their stamps.
    records: Vec<u8>,
}

impl Cache {
    /// What is kept in `caches` of the files in `folder`; nothing where that cannot be read:
    /// it can be made again.
    pub(super) fn read(folder: &Path, caches: Option<&Path>) -> Self {
        let path = caches.and_then(|caches| place(folder, caches));
        let records = path.as_deref().and_then(records).unwrap_or_default();
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        Self {
            path,
            host: std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default(),
            now: now.map_or(0, |now| now.as_secs()),
            records,
        }
    }

    pub(super) fn stamp(&self, path: &Path, about: &Metadata) -> Stamp {
        let mut hasher = blake3::Hasher::new();
        // The home that has the cache may be that of several machines.
        hasher.update(self.host.as_bytes()).update(&[0]);
        hasher
            .update(path.as_os_str().as_encoded_bytes())
            .update(&[0]);
        for number in [about.dev(), about.ino(), about.size()] {
            hasher.update(&number.to_le_bytes());
        }
        for number in [
            about.mtime(),
            about.mtime_nsec(),
            about.ctime(),
            about.ctime_nsec(),
        ] {
            hasher.update(&number.to_le_bytes());
        }
        let mut digits = [0; STAMP];
        digits.copy_from_slice(&hasher.finalize().as_bytes()[..STAMP]);
        let changed = u64::try_from(about.ctime());
        Stamp {
            digits,
            is_settled: changed.is_ok_and(|changed| self.now.saturating_sub(changed) >= SETTLED),
        }
    }

    pub(super) fn find(&self, stamp: &Stamp) -> Option<Seen> {
        let (records, _) = self.records.as_chunks::<RECORD>();
        let place = records
            .binary_search_by(|record| record[..STAMP].cmp(&stamp.digits))
            .ok()?;
        let record = &records[place];
        let hash: [u8; HASH] = record[STAMP..][..HASH].try_into().ok()?;
        let number = |at: usize| -> Option<usize> {
            let bytes = record[STAMP + HASH + at..][..4].try_into().ok()?;
            Some(u32::from_le_bytes(bytes) as usize)
        };
        Some(Seen {
            stamp: stamp.clone(),
            hash: hash.into(),
            format: FORMATS[usize::from(record[RECORD - 1])],
            size: [number(0)?, number(4)?],
        })
    }

    /// The same, to be filled with what is found now.
    pub(super) fn renewed(mut self) -> Self {
        self.records.clear();
        self
    }

    pub(super) fn keep(&mut self, seen: &Seen) {
        if !seen.stamp.is_settled {
            return;
        }
        self.records.extend(seen.stamp.digits);
        self.records.extend(seen.hash.as_bytes());
        for side in seen.size {
            self.records.extend((side as u32).to_le_bytes());
        }
        let format = FORMATS.iter().position(|known| *known == seen.format);
        self.records.push(format.unwrap_or_default() as u8);
    }

    /// Writes it beside its place, and puts it there whole. A cache that cannot be written
    /// costs time, nothing else.
    pub(super) fn write(mut self) {
        let Some(path) = self.path.take().filter(|_| !self.records.is_empty()) else {
            return;
        };
        let (records, _) = self.records.as_chunks_mut::<RECORD>();
        records.sort_unstable();
        let mut all = [&MAGIC[..], &VERSION.to_le_bytes(), &self.records].concat();
        let sum = blake3::hash(&all);
        all.extend(sum.as_bytes());
        let beside = path.with_extension(format!("{}.part", std::process::id()));
        let written = path
            .parent()
            .map(std::fs::create_dir_all)
            .is_some_and(|made| made.is_ok())
            && std::fs::write(&beside, &all).is_ok();
        if !written || std::fs::rename(&beside, &path).is_err() {
            let _ = std::fs::remove_file(&beside);
        }
    }
}

/// The formats by their numbers in a record.
const FORMATS: [Format; 3] = [Format::Jpeg, Format::Png, Format::WebP];

/// The records of a file of the cache, where it is whole.
fn records(path: &Path) -> Option<Vec<u8>> {
    let mut all = std::fs::read(path).ok()?;
    let content = all.len().checked_sub(HASH)?;
    let records = content.checked_sub(HEAD)?;
    let is_ours = all.starts_with(MAGIC)
        && all[MAGIC.len()..HEAD] == VERSION.to_le_bytes()
        && records.is_multiple_of(RECORD)
        && blake3::hash(&all[..content]).as_bytes()[..] == all[content..]
        && all[HEAD..content]
            .chunks_exact(RECORD)
            .all(|record| usize::from(record[RECORD - 1]) < FORMATS.len());
    if !is_ours {
        return None;
    }
    all.truncate(content);
    all.drain(..HEAD);
    Some(all)
}

/// The file that keeps what was found of the files in `folder`.
fn place(folder: &Path, caches: &Path) -> Option<PathBuf> {
    let folder = std::path::absolute(folder).ok()?;
    let digits = blake3::hash(folder.as_os_str().as_encoded_bytes()).to_hex();
    Some(caches.join(format!("{}.scan", &digits[..16])))
}

/// The folder of these caches in the user's cache, where there is one.
pub(crate) fn caches() -> Option<PathBuf> {
    let set = |name| std::env::var_os(name).filter(|value| !value.is_empty());
    let home = || Some(PathBuf::from(set("HOME")?).join(".cache"));
    let cache = set("XDG_CACHE_HOME").map(PathBuf::from).or_else(home)?;
    Some(cache.join("lawn/images"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_found_is_kept_by_all_that_the_system_says_of_a_file() {
        let folder = tempfile::tempdir().unwrap();
        let caches = folder.path().join("caches");
        let path = folder.path().join("a.jpg");
        std::fs::write(&path, "one").unwrap();
        let open = |later: u64| {
            let mut cache = Cache::read(folder.path(), Some(&caches));
            cache.now += later;
            let about = std::fs::metadata(&path).unwrap();
            let stamp = cache.stamp(&path, &about);
            (cache, stamp)
        };
        let (cache, stamp) = open(0);
        let mut cache = cache.renewed();
        let mut seen = Seen {
            stamp,
            hash: blake3::hash(b"one"),
            format: Format::WebP,
            size: [70_000, 3],
        };
        cache.keep(&seen);
        cache.write();
        let (cache, _) = open(0);
        assert!(
            cache.records.is_empty(),
            "it was written to this very moment"
        );
        assert!(!caches.exists(), "nothing is no reason for a file");

        let (cache, stamp) = open(10);
        let mut cache = cache.renewed();
        seen.stamp = stamp;
        cache.keep(&seen);
        cache.write();
        let (cache, stamp) = open(10);
        let found = cache.find(&stamp).unwrap();
        assert_eq!(
            (found.hash, found.format, found.size),
            (seen.hash, seen.format, seen.size)
        );

        // Another file of its size and time in its place, as `cp -p` and `tar` leave it.
        let then = std::fs::metadata(&path).unwrap().modified().unwrap();
        let other = folder.path().join("b.jpg");
        std::fs::write(&other, "two").unwrap();
        let file = std::fs::File::options().write(true).open(&other).unwrap();
        file.set_modified(then).unwrap();
        std::fs::rename(&other, &path).unwrap();
        let (cache, stamp) = open(10);
        assert!(cache.find(&stamp).is_none());

        // A cache that is cut or changed is none.
        let file = std::fs::read_dir(&caches)
            .unwrap()
            .next()
            .unwrap()
            .unwrap()
            .path();
        let mut bytes = std::fs::read(&file).unwrap();
        bytes[20] ^= 1;
        std::fs::write(&file, &bytes).unwrap();
        assert!(open(10).0.records.is_empty());
        std::fs::write(&file, &bytes[..30]).unwrap();
        assert!(open(10).0.records.is_empty());
    }
}
