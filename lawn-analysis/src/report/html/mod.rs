//! The parts of the page.

mod claims;
mod download;
mod figure;
mod means;
mod pieces;
mod table;

pub(super) use claims::claims;
pub(super) use figure::figure;
pub(super) use means::means;
pub(super) use pieces::{Section, answer, answers, definitions, links, list, page, paragraph};
pub(super) use table::{MOST_ROWS, table, table_headed, table_of};
