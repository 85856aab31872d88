//! Text files in blocks of whole lines, packed by gzip or not, with a byte-order mark or without.
//!
//! A line has a bound, and so has what is in memory of a file at once.

mod blocks;
mod fields;
mod last_end;
mod lines;
mod packed;
mod quotes;
mod shown;

pub(super) use blocks::{BLOCK, Block, Blocks, Place};
pub(super) use fields::{plain_fields, quoted_fields};
pub(super) use last_end::lacks_last_end;
pub(super) use lines::each_line;
pub(super) use packed::packed_or_not;
pub(super) use quotes::quotes;
pub(super) use shown::shown;
