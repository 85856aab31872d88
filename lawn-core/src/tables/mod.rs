//! What only embedding tables have: gradients of some rows, counts of their ids, and CowClip.

pub(crate) mod counts;
pub(crate) mod cow_clip;
pub(crate) mod gradient;

mod lookups;

pub use cow_clip::CowClipConfig;
