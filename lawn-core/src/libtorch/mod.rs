//! Operations of libtorch that tch does not offer: a file a subject, beside one of its name
//! in `cpp/`.

pub(crate) mod determinism;
#[cfg(test)]
pub(crate) mod dispatches;
pub(crate) mod foreach;
pub(crate) mod guard;
pub(crate) mod stream;
pub(crate) mod versions;

pub use determinism::Determinism;
