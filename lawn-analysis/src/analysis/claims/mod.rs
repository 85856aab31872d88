//! What the arms are claimed to do, each claim as one number a seed, tested like any other.

mod claim;
mod evidence;
mod stated;

pub use claim::{Claim, Support, claims, claims_feasibility};
