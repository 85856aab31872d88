//! Images as files: `SPLIT/CLASS/NAME`, as torchvision's `ImageFolder` reads them.

mod escape;
mod ignored;
mod list;
mod listing;
mod splits;
#[cfg(test)]
mod tests;
mod walk;

pub(crate) use escape::escaped;
pub use ignored::Ignored;
pub(crate) use list::{classes, list, quoted};
pub(crate) use listing::Listing;
pub(crate) use splits::{TRAIN, beside, describe, test_folder};
pub(crate) use walk::{other_entries, why_no_folder};
