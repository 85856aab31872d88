//! A block of whole lines, on several threads.

use super::super::shape::{ClickShape, WORD};
use super::config::BadLines;
use super::facts::LineFacts;
use super::fast::FastColumns;
use super::layout::Layout;
use super::line::{LineFault, LineReader};
use super::seen::Seen;
use crate::data::parts;

/// Least text that is worth a thread of its own.
const BYTES_A_THREAD: usize = 64 << 10;

/// Reads blocks.
#[derive(Debug)]
pub(in crate::data::clicks) struct BlockReader {
    pub(in crate::data::clicks) lines: LineReader,
    fast: FastColumns,
    bad_lines: BadLines,
    shape: ClickShape,
    threads: usize,
}

/// What a block has.
#[derive(Debug, Default)]
pub(in crate::data::clicks) struct ReadBlock {
    /// The rows, in the pieces that threads read.
    pub(in crate::data::clicks) pieces: Vec<Vec<u8>>,
    pub(in crate::data::clicks) rows: u64,
    pub(in crate::data::clicks) clicks: u64,
    /// Lines, bad ones and empty ones included.
    pub(in crate::data::clicks) lines: u64,
    pub(in crate::data::clicks) facts: LineFacts,
    /// Lines that were left out.
    pub(in crate::data::clicks) excluded: u64,
    /// The first of them: its number in the block, from 1, and what is wrong with it.
    pub(in crate::data::clicks) first: Option<(u64, LineFault)>,
}

/// What one thread reads.
#[derive(Default)]
struct Piece {
    rows: Vec<u8>,
    clicks: u64,
    lines: u64,
    facts: LineFacts,
    excluded: u64,
    first: Option<(u64, LineFault)>,
}

impl BlockReader {
    pub(in crate::data::clicks) fn new(
        lines: LineReader,
        bad_lines: BadLines,
        threads: usize,
    ) -> Self {
        Self {
            fast: FastColumns::new(&lines),
            shape: ClickShape {
                dense: lines.format.dense(),
                columns: lines.sizes.clone(),
            },
            lines,
            bad_lines,
            threads,
        }
    }

    pub(in crate::data::clicks) fn shape(&self) -> &ClickShape {
        &self.shape
    }

    /// Reads whole lines; the first of a file may be its header, as its layout says. Empty lines are
    /// passed over.
    ///
    /// # Errors
    /// The number of the first bad line in the block, from 1, where none is left out.
    pub(in crate::data::clicks) fn read(
        &self,
        text: &[u8],
        is_first: bool,
        layout: &Layout,
        seen: &Seen,
    ) -> Result<ReadBlock, (u64, LineFault)> {
        let mut read = ReadBlock::default();
        let mut rest = text;
        if is_first && layout.header {
            let (_, behind) = cut_line(text);
            read.lines = 1;
            rest = behind;
        }
        let size = parts::size(rest.len(), self.threads).max(BYTES_A_THREAD);
        let mut texts = Vec::new();
        while !rest.is_empty() {
            let (own, behind) = cut_lines(rest, size);
            texts.push(own);
            rest = behind;
        }
        for piece in parts::each(texts, |text| self.piece(text, layout, seen)) {
            if let Some((line, fault)) = piece.first {
                let line = read.lines + line;
                if self.bad_lines == BadLines::Fail {
                    return Err((line, fault));
                }
                read.first.get_or_insert((line, fault));
            }
            read.rows += (piece.rows.len() / self.shape.bytes()) as u64;
            read.lines += piece.lines;
            read.clicks += piece.clicks;
            read.facts.add(piece.facts);
            read.excluded += piece.excluded;
            read.pieces.push(piece.rows);
        }
        Ok(read)
    }

    fn piece(&self, mut text: &[u8], layout: &Layout, seen: &Seen) -> Piece {
        let mut piece = Piece {
            // Every line may be a row: what grows by doubling is copied as often.
            rows: Vec::with_capacity(memchr::memchr_iter(b'\n', text).count() * self.shape.bytes()),
            ..Piece::default()
        };
        let mut row = vec![[0; WORD]; self.shape.words()];
        let first_id = 1 + self.shape.dense;
        while !text.is_empty() {
            piece.lines += 1;
            let fast = match layout.other {
                None => self.lines.read_fast(&self.fast, text, &mut row),
                Some(_) => None,
            };
            let facts = match fast {
                Some((end, facts)) => {
                    text = &text[end..];
                    facts
                }
                None => {
                    let (line, behind) = cut_line(text);
                    text = behind;
                    if matches!(line, b"" | b"\r") {
                        continue;
                    }
                    let read = match &layout.other {
                        None => self.lines.read(line, &mut row),
                        Some(other) => self.lines.read_other(other, line, &mut row),
                    };
                    match read {
                        Ok(facts) => facts,
                        Err(fault) => {
                            piece.excluded += 1;
                            piece.first.get_or_insert((piece.lines, fault));
                            if self.bad_lines == BadLines::Fail {
                                return piece;
                            }
                            continue;
                        }
                    }
                }
            };
            piece.facts.add(facts);
            piece.clicks += u64::from(f32::from_le_bytes(row[0]) > 0.5);
            for (column, id) in row[first_id..].iter().enumerate() {
                seen.set(column, u32::from_le_bytes(*id));
            }
            piece.rows.extend_from_slice(row.as_flattened());
        }
        piece
    }
}

/// The first line without its end, and what follows it.
fn cut_line(text: &[u8]) -> (&[u8], &[u8]) {
    match memchr::memchr(b'\n', text) {
        Some(end) => (&text[..end], &text[end + 1..]),
        None => (text, &[]),
    }
}

/// Whole lines of `size` bytes or more, and what follows them.
fn cut_lines(text: &[u8], size: usize) -> (&[u8], &[u8]) {
    let least = size.min(text.len()) - 1;
    match memchr::memchr(b'\n', &text[least..]) {
        Some(end) => text.split_at(least + end + 1),
        None => (text, &[]),
    }
}
