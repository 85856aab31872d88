//! The claims about the arms. Each is one number a seed, and is tested like any comparison.

mod across_tasks;
mod claim;
mod evidence;
mod kind;
mod stated;

pub use across_tasks::{ClaimAcross, ClaimCell, Pooled, Study, claims_across_tasks};
pub use claim::{Claim, Support, claims, claims_feasibility};
pub use kind::ClaimKind;
