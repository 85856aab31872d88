//! Files with the same bytes.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

/// A file whose bytes are those of another.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Repeat {
    /// The file.
    pub file: PathBuf,
    /// The first that has its bytes.
    pub of: PathBuf,
    /// Whether that has another class.
    pub other_class: bool,
}

/// Files whose bytes are those of another.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Repeats {
    /// All of them.
    pub files: Vec<Repeat>,
}

/// The first bytes of a BLAKE3: two of a million files agree in them by chance once in 10^26.
pub(super) type Digits = [u8; 16];

pub(super) fn digits(hash: &blake3::Hash) -> Digits {
    let mut digits = [0; 16];
    digits.copy_from_slice(&hash.as_bytes()[..16]);
    digits
}

impl Repeats {
    /// The same with other paths.
    pub(super) fn moved(&self, path: impl Fn(&Path) -> PathBuf) -> Self {
        let moved = |repeat: &Repeat| Repeat {
            file: path(&repeat.file),
            of: path(&repeat.of),
            other_class: repeat.other_class,
        };
        Self {
            files: self.files.iter().map(moved).collect(),
        }
    }

    /// Files of one split that repeat another of the same class, and of another class.
    /// `content` is in order.
    pub(super) fn within(
        content: &[(Digits, u32)],
        label: impl Fn(u32) -> u32,
        path: impl Fn(u32) -> PathBuf,
    ) -> [Self; 2] {
        let mut repeats = [Self::default(), Self::default()];
        for same in content.chunk_by(|(one, _), (other, _)| one == other) {
            let (_, first) = same[0];
            for &(_, index) in &same[1..] {
                let other_class = label(index) != label(first);
                repeats[usize::from(other_class)].files.push(Repeat {
                    file: path(index),
                    of: path(first),
                    other_class,
                });
            }
        }
        repeats
    }
}
