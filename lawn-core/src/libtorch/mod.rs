//! Operations of libtorch that tch does not offer: a file a subject, beside one of its name
//! in `cpp/`.

mod determinism;
#[cfg(test)]
pub(crate) mod dispatches;
pub(crate) mod foreach;
pub(crate) mod fused_adam;
mod guard;
pub(crate) mod in_place;
pub(crate) mod versions;

pub use determinism::Determinism;
