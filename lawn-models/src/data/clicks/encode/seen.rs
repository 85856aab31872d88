use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Which ids of each column have occurred. Several threads may set them.
///
/// A column of few ids has a bit for each. One of more has no more than what occurs takes, until
/// a bit for each is less.
#[derive(Debug)]
pub(in crate::data::clicks) struct Seen {
    columns: Vec<Column>,
}

/// Words of 64 ids that a column has from the first on, at most: half a mebibyte.
const FEW_WORDS: usize = 1 << 16;

/// Words that an entry of a map takes, about.
const ENTRY: usize = 4;

/// Bytes of a word and its place.
const PLACED: usize = 12;

#[derive(Debug)]
enum Column {
    Small(Vec<AtomicU64>),
    Large { words: usize, found: Mutex<Found> },
}

/// Words of a large column, by their place.
#[derive(Debug)]
enum Found {
    Few(HashMap<u32, u64>),
    Many(Vec<u64>),
}

impl Column {
    fn new(size: u32) -> Self {
        let words = size.div_ceil(64) as usize;
        match words <= FEW_WORDS {
            true => Self::Small((0..words).map(|_| AtomicU64::new(0)).collect()),
            false => Self::Large {
                words,
                found: Mutex::new(Found::Few(HashMap::new())),
            },
        }
    }

    fn words(&self) -> usize {
        match self {
            Self::Small(words) => words.len(),
            Self::Large { words, .. } => *words,
        }
    }

    /// Sets bits of the word at `place`, which is below their number.
    fn set(&self, place: u32, bits: u64) {
        match self {
            Self::Small(words) => {
                let word = &words[place as usize];
                // Nearly all are set already: a read is less than a write.
                if word.load(Relaxed) & bits != bits {
                    word.fetch_or(bits, Relaxed);
                }
            }
            Self::Large { words, found } => {
                let mut found = lock(found);
                match &mut *found {
                    Found::Many(all) => all[place as usize] |= bits,
                    Found::Few(few) => {
                        *few.entry(place).or_default() |= bits;
                        if few.len() * ENTRY >= *words {
                            let mut all = vec![0; *words];
                            for (&place, &word) in few.iter() {
                                all[place as usize] = word;
                            }
                            *found = Found::Many(all);
                        }
                    }
                }
            }
        }
    }

    /// Words of which a bit is set, in the order of their places.
    fn placed(&self) -> Vec<(u32, u64)> {
        let all = |words: &mut dyn Iterator<Item = u64>| -> Vec<(u32, u64)> {
            (0..).zip(words).filter(|&(_, word)| word != 0).collect()
        };
        match self {
            Self::Small(words) => all(&mut words.iter().map(|word| word.load(Relaxed))),
            Self::Large { found, .. } => match &*lock(found) {
                Found::Many(words) => all(&mut words.iter().copied()),
                Found::Few(few) => {
                    let mut placed: Vec<(u32, u64)> =
                        few.iter().map(|(&place, &word)| (place, word)).collect();
                    placed.sort_unstable();
                    placed
                }
            },
        }
    }
}

fn lock(found: &Mutex<Found>) -> MutexGuard<'_, Found> {
    found.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Seen {
    /// None, of so many in each column.
    pub(in crate::data::clicks) fn new(sizes: &[u32]) -> Self {
        Self {
            columns: sizes.iter().map(|&size| Column::new(size)).collect(),
        }
    }

    pub(super) fn set(&self, column: usize, id: u32) {
        self.columns[column].set(id / 64, 1 << (id % 64));
    }

    /// Of each column the number of its words of which a bit is set, u32, and each with its place,
    /// u32 and u64, little-endian.
    pub(in crate::data::clicks) fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        for column in &self.columns {
            let placed = column.placed();
            bytes.extend((placed.len() as u32).to_le_bytes());
            for (place, word) in placed {
                bytes.extend(place.to_le_bytes());
                bytes.extend(word.to_le_bytes());
            }
        }
        bytes
    }

    /// Adds those of [`to_bytes`](Self::to_bytes); false where they are of other columns.
    pub(in crate::data::clicks) fn add(&self, bytes: &[u8]) -> bool {
        self.add_all(bytes).is_some_and(|rest| rest.is_empty())
    }

    /// What is left of the bytes behind the last column.
    fn add_all<'a>(&self, mut bytes: &'a [u8]) -> Option<&'a [u8]> {
        for column in &self.columns {
            let (count, behind) = bytes.split_first_chunk()?;
            let count = u32::from_le_bytes(*count) as usize;
            let (placed, behind) = behind.split_at_checked(PLACED * count)?;
            for placed in placed.chunks_exact(PLACED) {
                let (place, word) = placed.split_first_chunk()?;
                let place = u32::from_le_bytes(*place);
                if place as usize >= column.words() {
                    return None;
                }
                column.set(place, u64::from_le_bytes(*word.first_chunk()?));
            }
            bytes = behind;
        }
        Some(bytes)
    }

    /// How many of each column have occurred.
    pub(in crate::data::clicks) fn counts(&self) -> Vec<u64> {
        let count = |column: &Column| {
            let placed = column.placed().into_iter();
            placed.map(|(_, word)| u64::from(word.count_ones())).sum()
        };
        self.columns.iter().map(count).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A bit for each of the second column would be 128 MiB.
    #[test]
    fn what_is_kept_follows_what_occurs() {
        let sizes = [100, 1 << 30];
        let seen = Seen::new(&sizes);
        for id in 0..3_000u32 {
            seen.set(0, id % 100);
            seen.set(1, id.wrapping_mul(0x9e37_79b9) >> 2);
        }
        seen.set(1, (1 << 30) - 1);
        let bytes = seen.to_bytes();
        assert!(bytes.len() < 12 * 3_010, "{}", bytes.len());
        assert_eq!(seen.counts(), [100, 3_001]);
        let again = Seen::new(&sizes);
        assert!(again.add(&bytes) && again.add(&bytes));
        assert_eq!((again.counts(), again.to_bytes()), (seen.counts(), bytes));
    }

    #[test]
    fn a_large_column_that_fills_has_a_bit_for_each() {
        let size = 1 << 23;
        let seen = Seen::new(&[size]);
        for id in (0..size).step_by(128).chain((1..size).step_by(640)) {
            seen.set(0, id);
        }
        let Column::Large { found, .. } = &seen.columns[0] else {
            panic!("it is large");
        };
        assert!(matches!(&*lock(found), Found::Many(_)));
        let count = u64::from(size / 128 + size.div_ceil(640));
        assert_eq!(seen.counts(), [count]);
        let again = Seen::new(&[size]);
        assert!(again.add(&seen.to_bytes()));
        assert_eq!(again.counts(), [count]);
    }

    #[test]
    fn bytes_of_other_columns_are_refused() {
        let seen = Seen::new(&[1 << 20, 70]);
        seen.set(0, 1 << 19);
        let bytes = seen.to_bytes();
        assert!(!Seen::new(&[70, 70]).add(&bytes));
        assert!(!Seen::new(&[1 << 20]).add(&bytes));
        assert!(!Seen::new(&[1 << 20, 70]).add(&bytes[..bytes.len() - 1]));
        assert!(!Seen::new(&[1 << 20, 70]).add(&[]));
    }
}
