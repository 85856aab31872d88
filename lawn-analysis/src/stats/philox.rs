//! A counter-based generator: each number is computed without those before it.

/// Philox 4×32 with ten rounds.
///
/// Each block of four words depends on the key and the counter alone. Resamples can therefore be
/// drawn in any order, or in parallel, with the same result.
///
/// Source: Salmon et al. 2011, *Parallel random numbers: as easy as 1, 2, 3*.
#[derive(Clone, Copy, Debug)]
pub struct Philox {
    key: [u32; 2],
}

impl Philox {
    /// The generator for a seed. Zero is as good as any.
    pub fn new(seed: u64) -> Self {
        Self {
            key: [seed as u32, (seed >> 32) as u32],
        }
    }

    /// The four words at this counter.
    pub fn block(&self, counter: u64) -> [u32; 4] {
        self.block_of([counter as u32, (counter >> 32) as u32, 0, 0])
    }

    /// The four words at a counter of four parts, such as a stream and a place in it.
    pub fn block_of(&self, counter: [u32; 4]) -> [u32; 4] {
        let mut c = counter;
        let mut key = self.key;
        for _ in 0..10 {
            let a = u64::from(c[0]) * 0xD251_1F53;
            let b = u64::from(c[2]) * 0xCD9E_8D57;
            c = [
                (b >> 32) as u32 ^ c[1] ^ key[0],
                b as u32,
                (a >> 32) as u32 ^ c[3] ^ key[1],
                a as u32,
            ];
            key = [
                key[0].wrapping_add(0x9E37_79B9),
                key[1].wrapping_add(0xBB67_AE85),
            ];
        }
        c
    }

    /// An index below `n` from one word, by multiplication.
    ///
    /// The bias is below n/2³², far below the noise of any number of resamples drawn here.
    pub fn index(word: u32, n: usize) -> usize {
        ((u64::from(word) * n as u64) >> 32) as usize
    }
}

/// A standard normal number from two words, by inversion.
pub(crate) fn normal_draw(high: u32, low: u32) -> f64 {
    let bits = (u64::from(high) << 21) ^ u64::from(low >> 11);
    // 53 random bits, shifted by half a step so that both ends give finite numbers.
    super::special::normal_quantile((bits as f64 + 0.5) / 9_007_199_254_740_992.0)
}

#[cfg(test)]
mod tests {
    use super::Philox;

    // Known answers published with Random123.
    #[test]
    fn known_answers() {
        assert_eq!(
            Philox::new(0).block(0),
            [0x6627_e8d5, 0xe169_c58d, 0xbc57_ac4c, 0x9b00_dbd8]
        );
        assert_eq!(
            Philox::new(u64::MAX).block_of([u32::MAX; 4]),
            [0x408f_276d, 0x41c8_3b0e, 0xa20b_c7c6, 0x6d54_51fd]
        );
    }

    #[test]
    fn indices_stay_in_range() {
        assert_eq!(Philox::index(u32::MAX, 7), 6);
        assert_eq!(Philox::index(0, 7), 0);
    }
}
