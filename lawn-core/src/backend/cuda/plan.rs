//! Which block of threads walks through what: parameters in chunks, and their units in blocks.

use super::records::{Chunk, Numbers, PACK, THREADS, UnitBlock};

/// Elements of a chunk. Sums are taken by chunk, so this number decides their last bits.
const CHUNK: i64 = 8192;

/// How the parameters of one phase are divided.
#[derive(Debug, Default)]
pub(super) struct Division {
    pub(super) chunks: Vec<Chunk>,
    pub(super) unit_blocks: Vec<UnitBlock>,
    pub(super) units: i64,
    pub(super) pieces: i64,
}

impl Division {
    /// Adds a parameter of so many elements in so many units, and writes down where they lie.
    ///
    /// A unit longer than a chunk has several pieces, each a chunk. Shorter ones are a piece each,
    /// and as many as fit share a chunk.
    pub(super) fn add(&mut self, tensor: i64, elements: i64, units: i64, numbers: &mut Numbers) {
        // One without elements still has a unit, with which its updates are counted.
        let units = units.max(1);
        let length = elements / units;
        numbers.first_unit = self.units;
        numbers.first_piece = self.pieces;
        numbers.elements = length as f64;
        numbers.first_block = self.unit_blocks.len() as i64;
        numbers.first_chunk = self.chunks.len() as i64;
        numbers.pieces_per_unit = (length + CHUNK - 1) / CHUNK;
        let together = if length == 0 {
            1
        } else {
            (CHUNK / length).max(1)
        };
        let mut unit = 0;
        while length > 0 && unit < units {
            let pieces = together.min(units - unit);
            for part in 0..numbers.pieces_per_unit {
                let begin = part * CHUNK;
                let length = CHUNK.min(length - begin);
                self.chunks.push(Chunk {
                    tensor,
                    unit: self.units + unit,
                    piece: self.pieces + unit * numbers.pieces_per_unit + part,
                    pieces,
                    start: unit * (elements / units) + begin,
                    length,
                    lanes: lanes((length + PACK - 1) / PACK),
                });
            }
            unit += pieces;
        }
        let lanes = lanes(numbers.pieces_per_unit.max(1));
        let at_once = THREADS / lanes;
        for first in (0..units).step_by(at_once as usize) {
            self.unit_blocks.push(UnitBlock {
                tensor,
                first,
                count: at_once.min(units - first),
                lanes,
            });
        }
        numbers.blocks = self.unit_blocks.len() as i64 - numbers.first_block;
        numbers.chunks = self.chunks.len() as i64 - numbers.first_chunk;
        self.units += units;
        self.pieces += units * numbers.pieces_per_unit;
    }
}

/// How many threads take so many things together: a power of two.
fn lanes(things: i64) -> i64 {
    (things as u64).next_power_of_two().min(THREADS as u64) as i64
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Numbers of elements and of chunks beyond 32 bits, in one unit and in many.
    #[test]
    fn elements_beyond_32_bits_are_walked_through() {
        const MANY: i64 = 1 << 33;
        for (elements, units) in [(MANY + 5, 1), (MANY, 1 << 15), (3 * MANY, 3)] {
            let mut division = Division::default();
            let mut numbers = Numbers::default();
            division.add(0, elements, units, &mut numbers);
            let mut next = 0;
            for chunk in &division.chunks {
                assert_eq!((chunk.start, chunk.pieces), (next, 1));
                assert_eq!(chunk.unit, chunk.start / (elements / units));
                next += chunk.length;
            }
            assert_eq!(next, elements);
            assert_eq!(division.pieces, numbers.pieces_per_unit * units);
            assert_eq!(numbers.elements, (elements / units) as f64);
            let last = division.chunks.last().map(|chunk| chunk.piece);
            assert_eq!(last, Some(division.pieces - 1));
        }
    }

    /// Every element once, every piece once, every unit once, whatever the shape.
    #[test]
    fn everything_is_walked_through_once() {
        for (elements, units) in [
            (1, 1),
            (5, 5),
            (CHUNK, 1),
            (CHUNK + 1, 1),
            (3 * CHUNK, 1),
            (7 * 1001, 7),
            (20_000 * 3, 3),
            (9000 * 3, 9000),
            (0, 4),
            (0, 0),
        ] {
            let mut division = Division {
                units: 5,
                pieces: 11,
                ..Division::default()
            };
            let mut numbers = Numbers::default();
            division.add(3, elements, units, &mut numbers);
            let (mut elements_seen, mut pieces_seen) = (Vec::new(), Vec::new());
            for chunk in &division.chunks {
                assert!(chunk.lanes.count_ones() == 1 && chunk.lanes <= THREADS);
                assert!(chunk.pieces * chunk.length <= CHUNK.max(chunk.length));
                for piece in 0..chunk.pieces {
                    pieces_seen.push(chunk.piece + piece);
                    let start = chunk.start + piece * chunk.length;
                    elements_seen.extend(start..start + chunk.length);
                    // The unit of a piece is the one whose elements these are.
                    let unit = chunk.unit - 5 + if chunk.pieces > 1 { piece } else { 0 };
                    assert_eq!(start / (elements / units), unit);
                    let within = (chunk.piece + piece - 11) / numbers.pieces_per_unit;
                    assert_eq!(within, unit);
                }
            }
            assert!(elements_seen.into_iter().eq(0..elements));
            assert!(pieces_seen.into_iter().eq(11..division.pieces));
            let units_seen = division.unit_blocks.iter();
            let units_seen = units_seen.flat_map(|block| block.first..block.first + block.count);
            assert!(units_seen.eq(0..units.max(1)));
            let all = [division.chunks.len(), division.unit_blocks.len()].map(|all| all as i64);
            assert_eq!([numbers.chunks, numbers.blocks], all);
        }
    }
}
