//! From the text of a category to its row in a table.

/// An odd number of 64 bits without a pattern (the fraction of √5 − 1).
const MULTIPLIER: u64 = 0x3c6e_f372_fe94_f82b;

/// Goes into every step, so that no text has 0 for its hash.
const OFFSET: u64 = 0x9e37_79b9_7f4a_7c15;

/// Mixes 64 bits: both halves of their product with a constant.
pub(super) fn mix(bits: u64) -> u64 {
    let wide = u128::from(bits ^ OFFSET) * u128::from(MULTIPLIER);
    let folded = wide as u64 ^ (wide >> 64) as u64;
    let wide = u128::from(folded ^ OFFSET.rotate_left(32)) * u128::from(OFFSET);
    wide as u64 ^ (wide >> 64) as u64
}

/// The id of a category among `size`, which is 1 or more: 0 to `size − 1`.
///
/// ```text
/// h_0 = mix(column·2⁸ + length),   h_i = mix(h_{i−1} ⊕ word_i),   id = ⌊h·size / 2⁶⁴⌋
/// ```
/// Words are eight bytes of the text, little-endian, the last filled up with zeros. The same
/// text has ids of its own in each column, and no text at all is a category like any other.
/// Nothing is negative, and no modulus is taken that another program would take otherwise.
pub(super) fn bucket(category: &[u8], column: usize, size: u32) -> u32 {
    let (words, rest) = category.as_chunks::<8>();
    let mut hash = start(column, category.len());
    for word in words {
        hash = mix(hash ^ u64::from_le_bytes(*word));
    }
    if !rest.is_empty() {
        let mut last = [0; 8];
        last[..rest.len()].copy_from_slice(rest);
        hash = mix(hash ^ u64::from_le_bytes(last));
    }
    reduce(hash, size)
}

/// As [`bucket`], of a text of eight bytes whose [`start`] is known.
pub(super) fn bucket_of_word(start: u64, word: u64, size: u32) -> u32 {
    reduce(mix(start ^ word), size)
}

/// What the hash of a text of this length begins with.
pub(super) fn start(column: usize, length: usize) -> u64 {
    mix((column as u64) << 8 ^ length as u64)
}

/// From 64 bits to one of `size`.
pub(super) fn reduce(hash: u64, size: u32) -> u32 {
    ((u128::from(hash) * u128::from(size)) >> 64) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Committed numbers: with others, every cache and every trial of before would be of other
    /// data, and `VERSION` of `encode/config.rs` goes up.
    #[test]
    fn ids_keep_their_values() {
        let ids = [
            bucket(b"68fd1e64", 0, 1 << 22),
            bucket(b"68fd1e64", 25, 1 << 22),
            bucket(b"", 0, 1_000),
            bucket(b"a-long-category", 3, u32::MAX),
        ];
        assert_eq!(ids, [374_238, 4_187_789, 890, 953_444_175]);
    }

    #[test]
    fn ids_are_below_the_size_and_fill_it() {
        for size in [1, 3, 100] {
            let mut seen = vec![0u32; size as usize];
            for number in 0..20_000u32 {
                let text = format!("{number:08x}");
                let word = u64::from_le_bytes(text.as_bytes().try_into().unwrap());
                let id = bucket(text.as_bytes(), 4, size);
                assert_eq!(id, bucket_of_word(start(4, 8), word, size));
                seen[id as usize] += 1;
            }
            let expected = 20_000.0 / f64::from(size);
            let chi: f64 = seen
                .iter()
                .map(|&count| (f64::from(count) - expected).powi(2) / expected)
                .sum();
            // The 99.99 % point of 99 degrees of freedom.
            assert!(chi < 161.0, "{size}: {chi}");
        }
    }

    #[test]
    fn column_and_length_make_another_category() {
        let id = |text: &[u8], column| bucket(text, column, u32::MAX);
        assert_ne!(id(b"0a", 0), id(b"0a", 1));
        assert_ne!(id(b"0a", 0), id(b"0a\0", 0));
        assert_ne!(id(b"", 0), id(b"\0", 0));
    }
}
