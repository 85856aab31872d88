//! Images as files: `SPLIT/CLASS/NAME`, as torchvision's `ImageFolder` reads them.

mod ignored;
mod list;
mod listing;
mod splits;
#[cfg(test)]
mod tests;
mod walk;

pub use ignored::Ignored;
pub(crate) use list::{classes, list};
pub(crate) use listing::Listing;
pub(crate) use splits::{TRAIN, describe, test_folder};
