//! Compiled kernels that the next process finds again: compiling them takes longer than a short trial.
//!
//! A file has the whole of what it was compiled of, so that nothing else is ever taken for it, and a
//! checksum of what came of it. One that is damaged counts as none. Files come into being whole, under
//! their names, so that several processes may write the same.

use std::fs;
use std::path::{Path, PathBuf};

use super::nvrtc::{Nvrtc, Source, Target};

/// The first bytes of a file; another number for another format.
const FORMAT: &[u8; 8] = b"lawnptx1";

/// A source, compiled by this process or by one before it.
pub(super) fn compiled(
    nvrtc: &Nvrtc,
    target: Target,
    source: &Source<'_>,
) -> Result<Vec<u8>, String> {
    let key = key(nvrtc.version(), target, source);
    kept(folder().as_deref(), &key, || nvrtc.compile(target, source))
}

/// All that the result depends on.
fn key(version: (i32, i32), target: Target, source: &Source<'_>) -> Vec<u8> {
    let mut key = format!("{version:?} {:?}\n", target.options(source)).into_bytes();
    for (name, text) in source.files {
        key.extend(format!("{name} {}\n", text.len()).bytes());
        key.extend(text.bytes());
    }
    key
}

/// `lawn/kernels` in the user's cache folder.
fn folder() -> Option<PathBuf> {
    let given = |name| std::env::var_os(name).filter(|value| !value.is_empty());
    let cache = given("XDG_CACHE_HOME").map(PathBuf::from);
    let cache = cache.filter(|path| path.is_absolute());
    let cache = cache.or_else(|| Some(PathBuf::from(given("HOME")?).join(".cache")))?;
    Some(cache.join("lawn").join("kernels"))
}

/// What `make` makes of the key, from a file of the folder where one has it. That it cannot be kept is no
/// error.
fn kept(
    folder: Option<&Path>,
    key: &[u8],
    make: impl FnOnce() -> Result<Vec<u8>, String>,
) -> Result<Vec<u8>, String> {
    let path = folder.map(|folder| folder.join(format!("{:016x}.bin", hash(key))));
    if let Some(found) = path.as_deref().and_then(|path| read(path, key)) {
        return Ok(found);
    }
    let made = make()?;
    if let Some(path) = &path {
        // Another process may be at it, too.
        let _ = write(path, key, &made);
    }
    Ok(made)
}

/// What a file has for a key, if all of it is as it was written.
fn read(path: &Path, key: &[u8]) -> Option<Vec<u8>> {
    let bytes = fs::read(path).ok()?;
    let rest = bytes.strip_prefix(FORMAT)?;
    let (length, rest) = rest.split_first_chunk::<8>()?;
    let (found, rest) =
        rest.split_at_checked(usize::try_from(u64::from_le_bytes(*length)).ok()?)?;
    let (checksum, image) = rest.split_first_chunk::<8>()?;
    let whole = found == key && u64::from_le_bytes(*checksum) == hash(image);
    (whole && !image.is_empty()).then(|| image.to_vec())
}

fn write(path: &Path, key: &[u8], image: &[u8]) -> std::io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder)?;
    let mut bytes = FORMAT.to_vec();
    bytes.extend((key.len() as u64).to_le_bytes());
    bytes.extend(key);
    bytes.extend(hash(image).to_le_bytes());
    bytes.extend(image);
    let thread = std::thread::current().id();
    let new = path.with_extension(format!("{}-{thread:?}.new", std::process::id()));
    let written = fs::write(&new, bytes).and_then(|()| fs::rename(&new, path));
    if written.is_err() {
        let _ = fs::remove_file(&new);
    }
    written
}

/// FNV-1a.
fn hash(bytes: &[u8]) -> u64 {
    let of = |state: u64, byte: &u8| (state ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, of)
}

#[cfg(test)]
mod tests {
    use super::super::nvrtc::Parts;
    use super::*;

    /// What is found, and whether it had to be made.
    fn ask(folder: &Path, key: &str) -> (Vec<u8>, bool) {
        let mut is_made = false;
        let found = kept(Some(folder), key.as_bytes(), || {
            is_made = true;
            Ok(format!("image of {key}").into_bytes())
        });
        (found.unwrap(), is_made)
    }

    fn place() -> tempfile::TempDir {
        tempfile::tempdir().unwrap()
    }

    #[test]
    fn what_was_compiled_once_is_found_again() {
        let folder = place();
        let there = folder.path().join("lawn/kernels");
        assert_eq!(ask(&there, "a"), (b"image of a".to_vec(), true));
        assert_eq!(ask(&there, "a"), (b"image of a".to_vec(), false));
        assert!(ask(&there, "b").1);
        assert_eq!(fs::read_dir(&there).unwrap().count(), 2);
    }

    #[test]
    fn a_damaged_file_is_made_anew() {
        let folder = place();
        let there = folder.path();
        ask(there, "a");
        let path = fs::read_dir(there).unwrap().next().unwrap().unwrap().path();
        let whole = fs::read(&path).unwrap();
        let mut changed = Vec::new();
        for place in 0..whole.len() {
            let mut bytes = whole.clone();
            bytes[place] ^= 1;
            changed.push(bytes);
        }
        changed.extend((0..whole.len()).map(|length| whole[..length].to_vec()));
        changed.push([whole.as_slice(), b"x"].concat());
        for bytes in changed {
            fs::write(&path, bytes).unwrap();
            assert_eq!(ask(there, "a"), (b"image of a".to_vec(), true));
            assert!(!ask(there, "a").1);
        }
        // A file by this name that is of something else.
        fs::rename(&path, there.join("b")).unwrap();
        ask(there, "c");
        let other = fs::read_dir(there).unwrap().map(|one| one.unwrap().path());
        let other = other
            .filter(|one| one.extension().is_some())
            .last()
            .unwrap();
        fs::rename(other, &path).unwrap();
        assert_eq!(ask(there, "a"), (b"image of a".to_vec(), true));
    }

    #[test]
    fn several_at_once_all_have_it_and_leave_one_file() {
        let folder = place();
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..20 {
                        assert_eq!(ask(folder.path(), "a").0, b"image of a");
                    }
                });
            }
        });
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn where_nothing_can_be_kept_it_is_made_each_time() {
        let folder = place();
        let file = folder.path().join("file");
        fs::write(&file, "").unwrap();
        for _ in 0..2 {
            assert!(ask(&file.join("kernels"), "a").1);
        }
        let fails = kept(Some(folder.path()), b"a", || Err("no".to_owned()));
        assert_eq!(fails, Err("no".to_owned()));
        assert!(ask(folder.path(), "a").1);
        assert!(kept(None, b"a", || Ok(vec![1])).is_ok());
    }

    #[test]
    fn everything_that_decides_the_result_is_in_the_key() {
        let parts = Parts {
            rules: 8,
            elements: 1,
        };
        let key_of = |version, target, parts| key(version, target, &Source::of(parts));
        let one = key_of((13, 0), Target::Machine(90), parts);
        let others = [
            key_of((13, 1), Target::Machine(90), parts),
            key_of((13, 0), Target::Ptx(90), parts),
            key_of((13, 0), Target::Machine(80), parts),
            key_of((13, 0), Target::Machine(90), Parts { rules: 4, ..parts }),
            key_of(
                (13, 0),
                Target::Machine(90),
                Parts {
                    elements: 2,
                    ..parts
                },
            ),
        ];
        assert!(others.iter().all(|other| *other != one));
        let other_text = Source {
            files: &[("kernels.cu", "")],
            ..Source::of(parts)
        };
        assert_ne!(key((13, 0), Target::Machine(90), &other_text), one);
        let text = String::from_utf8(one).unwrap();
        assert!(text.contains("--fmad=false") && text.contains("lawn_update"));
    }
}
