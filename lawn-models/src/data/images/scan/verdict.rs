//! What a look at one file finds, and who is told of it.

use super::cache::Seen;

/// Is told of so many files of so many, now and then, from any thread.
pub type ScanProgress<'a> = &'a (dyn Fn(u64, u64) + Sync);

/// What was found of one file.
pub(super) enum Verdict {
    Image(Seen),
    Bad { hash: blake3::Hash, reason: String },
}
