//! The files of a trial's checkpoints: names, damage, what is set aside.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use lawn_core::{Error, State};
use tch::Device;

use crate::train::error::TrialError;

/// What the files say that they are.
pub(super) const FORMAT: &str = "lawn-models trial";

/// The version that is written and read. 2 was of samples that were drawn one after the other.
pub(super) const VERSION: u32 = 3;

/// The first version with a digest.
const WITH_DIGEST: u32 = 2;

/// Metadata key of the checksum over everything but the bytes of the tensors.
pub(super) const DIGEST: &str = "digest";

/// Removes the checkpoints of a trial that has no more use of them. `newest` is
/// [`TrialContext::checkpoint`](crate::TrialContext::checkpoint).
///
/// # Errors
/// What the file system says of a file that is there and cannot be removed.
pub fn remove_checkpoints(newest: &Path) -> io::Result<()> {
    for path in [
        newest,
        &sibling(newest, "previous"),
        &sibling(newest, "new"),
    ] {
        match fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    Ok(())
}

/// Renames the checkpoints of a trial that cannot be carried on from them.
/// `newest` is [`TrialContext::checkpoint`](crate::TrialContext::checkpoint).
///
/// # Errors
/// What the file system says of a file that cannot be renamed.
pub fn set_checkpoints_aside(newest: &Path) -> io::Result<()> {
    for path in [newest, &sibling(newest, "previous")] {
        if path.exists() {
            set_aside(path)?;
        }
    }
    Ok(())
}

/// What is in the place of a checkpoint.
pub(super) enum CheckpointFile {
    Nothing,
    Sound(State),
    Damaged(String),
}

pub(super) fn read(path: &Path) -> Result<CheckpointFile, TrialError> {
    match State::load(path, Device::Cpu) {
        Ok(file) => Ok(match file.metadata.get(DIGEST) {
            Some(found) if *found == digest(&file) => {
                refuse_others(path, &file)?;
                CheckpointFile::Sound(file)
            }
            None if version(&file).is_some_and(|version| version < WITH_DIGEST) => {
                refuse_others(path, &file)?;
                CheckpointFile::Sound(file)
            }
            Some(_) => CheckpointFile::Damaged("its digest is not that of its content".to_owned()),
            None => CheckpointFile::Damaged("it has no digest".to_owned()),
        }),
        Err(Error::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
            Ok(CheckpointFile::Nothing)
        }
        Err(Error::StateFile { source, .. }) => match *source {
            Error::Format(_)
            | Error::Checksum { .. }
            | Error::MissingEntry { .. }
            | Error::EntryKind { .. } => Ok(CheckpointFile::Damaged(source.to_string())),
            source => Err(checkpoint_error(path, source)),
        },
        Err(source) => Err(checkpoint_error(path, source)),
    }
}

fn version(file: &State) -> Option<u32> {
    file.metadata.get("version")?.parse().ok()
}

/// Refuses a file of a version that is not understood here.
fn refuse_others(path: &Path, file: &State) -> Result<(), TrialError> {
    let path = path.to_owned();
    match version(file) {
        Some(found) if found > VERSION => Err(TrialError::CheckpointNewer {
            path,
            found,
            known: VERSION,
        }),
        Some(found) if found < VERSION => Err(TrialError::CheckpointOlder {
            path,
            found,
            oldest: VERSION,
        }),
        _ => Ok(()),
    }
}

pub(super) fn digest(file: &State) -> String {
    let mut hasher = blake3::Hasher::new();
    let mut add = |text: &str| {
        // The length first: two texts must not pass for one.
        hasher.update(&(text.len() as u64).to_le_bytes());
        hasher.update(text.as_bytes());
    };
    for (key, value) in file.metadata.iter().filter(|(key, _)| *key != DIGEST) {
        add(key);
        add(value);
    }
    for (name, tensor) in &file.tensors {
        add(name);
        add(&format!("{:?} {:?}", tensor.kind(), tensor.size()));
    }
    hasher.finalize().to_hex()[..16].to_owned()
}

/// `checkpoint.safetensors` as `checkpoint.WORD.safetensors`.
pub(super) fn sibling(path: &Path, word: &str) -> PathBuf {
    let extension = path.extension().unwrap_or_default().to_string_lossy();
    path.with_extension(format!("{word}.{extension}"))
}

/// Renames a file to the first name that is free, `NAME.damaged`, `NAME.damaged-2` and
/// so on, and gives that.
///
/// # Errors
/// What the file system says.
pub fn set_aside(path: &Path) -> io::Result<PathBuf> {
    let kept = (1..)
        .map(|number| {
            let mut kept = path.as_os_str().to_owned();
            kept.push(".damaged");
            if number > 1 {
                kept.push(format!("-{number}"));
            }
            PathBuf::from(kept)
        })
        .find(|kept| !kept.exists())
        .expect("a folder is finite");
    fs::rename(path, &kept)?;
    Ok(kept)
}

pub(super) fn name(path: &Path) -> String {
    path.file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned()
}

pub(super) fn checkpoint_error(path: &Path, source: Error) -> TrialError {
    TrialError::Checkpoint {
        path: path.to_owned(),
        source: match source {
            // The file is named once.
            Error::StateFile { source, .. } => *source,
            source => source,
        },
    }
}

pub(super) fn io_error(path: &Path, source: io::Error) -> TrialError {
    let path = path.to_owned();
    let source = Error::Io {
        path: path.clone(),
        source,
    };
    TrialError::Checkpoint { path, source }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tch::Tensor;

    fn state(version: u32) -> State {
        let mut state = State::default();
        let mut note = |key: &str, value: &str| {
            state.metadata.insert(key.to_owned(), value.to_owned());
        };
        note("version", &version.to_string());
        note("progress", r#"{"epoch":3,"step":120}"#);
        let weight = Tensor::from_slice(&[1.0f32, 2.0, 3.0]);
        state.tensors.insert("model/weight".to_owned(), weight);
        let digest = digest(&state);
        state.metadata.insert(DIGEST.to_owned(), digest);
        state
    }

    #[test]
    fn every_flipped_bit_of_a_checkpoint_is_found_or_says_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("checkpoint.safetensors");
        let sound = state(VERSION).to_bytes().unwrap();
        let mut silent = 0;
        for at in 0..sound.len() {
            let mut bytes = sound.clone();
            bytes[at] ^= 1 << (at % 8);
            fs::write(&path, &bytes).unwrap();
            match read(&path).unwrap() {
                CheckpointFile::Damaged(_) => {}
                // Spaces that fill up the header, and escapes, mean the same.
                CheckpointFile::Sound(found) => {
                    silent += 1;
                    assert_eq!(found.metadata, state(VERSION).metadata, "byte {at}");
                    assert_eq!(found.tensors["model/weight"].size(), [3], "byte {at}");
                }
                CheckpointFile::Nothing => panic!("there is a file"),
            }
        }
        assert!(silent < 8, "{silent}");
        for cut in [0, 1, 7, 8, 100, sound.len() - 1] {
            fs::write(&path, &sound[..cut]).unwrap();
            assert!(
                matches!(read(&path), Ok(CheckpointFile::Damaged(_))),
                "{cut}"
            );
        }
    }

    #[test]
    fn a_newer_checkpoint_is_refused_and_stays() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("checkpoint.safetensors");
        state(VERSION + 1).save(&path).unwrap();
        let Err(error) = read(&path) else {
            panic!("it is newer");
        };
        assert!(
            matches!(
                error,
                TrialError::CheckpointNewer {
                    found,
                    known: VERSION,
                    ..
                } if found == VERSION + 1
            ),
            "{error}"
        );
        assert!(path.exists());
    }

    #[test]
    fn an_older_checkpoint_is_refused_with_what_to_do_and_stays() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("checkpoint.safetensors");
        for (version, has_digest) in [(1, true), (1, false), (2, true)] {
            let mut older = state(version);
            if !has_digest {
                older.metadata.remove(DIGEST);
            }
            older.save(&path).unwrap();
            let Err(error) = read(&path) else {
                panic!("it is older");
            };
            let said = error.to_string();
            let words = format!("has version {version}, this one reads from 3 on");
            assert!(said.contains(&words), "{said}");
            assert!(path.exists());
        }
    }

    #[test]
    fn files_are_set_aside_under_names_that_are_free() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("checkpoint.safetensors");
        for expected in [
            "checkpoint.safetensors.damaged",
            "checkpoint.safetensors.damaged-2",
        ] {
            fs::write(&path, expected).unwrap();
            let kept = set_aside(&path).unwrap();
            assert_eq!(name(&kept), expected);
            assert_eq!(fs::read_to_string(kept).unwrap(), expected);
        }
        assert_eq!(
            sibling(&path, "previous"),
            folder.path().join("checkpoint.previous.safetensors")
        );
    }
}
