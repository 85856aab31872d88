//! The claims about the arms. Each is one number a seed, and is tested like any comparison.

mod claim;
mod evidence;
mod stated;

pub use claim::{Claim, Support, claims, claims_feasibility};
