use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Which ids of each column have occurred. Several threads may set them.
#[derive(Debug)]
pub(in crate::data::clicks) struct Seen {
    columns: Vec<Vec<AtomicU64>>,
}

impl Seen {
    /// None, of so many in each column.
    pub(in crate::data::clicks) fn new(sizes: &[u32]) -> Self {
        let column = |&size: &u32| (0..size.div_ceil(64)).map(|_| AtomicU64::new(0)).collect();
        Self {
            columns: sizes.iter().map(column).collect(),
        }
    }

    pub(super) fn set(&self, column: usize, id: u32) {
        let word = &self.columns[column][id as usize / 64];
        let bit = 1 << (id % 64);
        // Nearly all are set already: a read is less than a write.
        if word.load(Relaxed) & bit == 0 {
            word.fetch_or(bit, Relaxed);
        }
    }

    /// All words, little-endian, column after column.
    pub(in crate::data::clicks) fn to_bytes(&self) -> Vec<u8> {
        let words = self.columns.iter().flatten();
        words
            .flat_map(|word| word.load(Relaxed).to_le_bytes())
            .collect()
    }

    /// Adds those of [`to_bytes`](Self::to_bytes); false where they are of other columns.
    pub(in crate::data::clicks) fn add(&self, bytes: &[u8]) -> bool {
        let (words, rest) = bytes.as_chunks();
        let own: usize = self.columns.iter().map(Vec::len).sum();
        if own != words.len() || !rest.is_empty() {
            return false;
        }
        for (word, added) in self.columns.iter().flatten().zip(words) {
            word.fetch_or(u64::from_le_bytes(*added), Relaxed);
        }
        true
    }

    /// How many of each column have occurred.
    pub(in crate::data::clicks) fn counts(&self) -> Vec<u64> {
        let count = |column: &Vec<AtomicU64>| {
            let ones = column.iter().map(|word| word.load(Relaxed).count_ones());
            ones.map(u64::from).sum()
        };
        self.columns.iter().map(count).collect()
    }
}
