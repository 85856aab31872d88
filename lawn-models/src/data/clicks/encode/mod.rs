//! From the text of a click set to the words of its rows.

mod block;
mod config;
mod facts;
mod fast;
mod format;
mod layout;
mod line;
mod numbers;
mod seen;
#[cfg(test)]
mod tests;

pub(super) use block::{BlockReader, ReadBlock};
pub(super) use config::VERSION;
pub use config::{BadLines, ClickEncoding};
pub(super) use facts::LineFacts;
pub use format::ClickFormat;
pub(super) use layout::Layout;
pub(super) use line::{LineFault, LineReader};
pub(super) use seen::Seen;
