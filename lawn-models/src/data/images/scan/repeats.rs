//! Files with the same bytes.

use std::path::PathBuf;

use serde::Serialize;

/// Files whose bytes are those of another.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Repeats {
    /// How many.
    pub count: u64,
    /// The first of them, and what it repeats.
    pub example: Option<[PathBuf; 2]>,
}

/// The first bytes of a BLAKE3: two of a million files agree in them by chance once in 10^26.
pub(super) type Digits = [u8; 16];

pub(super) fn digits(hash: &blake3::Hash) -> Digits {
    let mut digits = [0; 16];
    digits.copy_from_slice(&hash.as_bytes()[..16]);
    digits
}

impl Repeats {
    /// Counts what repeats `earlier`; `pair` tells the paths of both.
    pub(super) fn add(&mut self, pair: impl FnOnce() -> [PathBuf; 2]) {
        self.count += 1;
        self.example.get_or_insert_with(pair);
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
                let kind = usize::from(label(index) != label(first));
                repeats[kind].add(|| [path(index), path(first)]);
            }
        }
        repeats
    }
}
