//! Implicit feedback: who interacted with what, in rating files or generated.
//!
//! `text.rs` → `columns.rs`, `delimited.rs` → `raw.rs` reads what is not split yet, `files.rs` what
//! is; `ids.rs` gives ids their rows, `grouped.rs` users their interactions; `held_out.rs` decides
//! what is measured; `source.rs` puts these together.

mod case_policy;
mod columns;
mod delimited;
mod describe;
mod files;
mod generated;
mod grouped;
mod held_out;
mod ids;
mod interactions;
mod raw;
mod sampler;
mod source;
mod split;
mod text;

pub use case_policy::CasePolicy;
pub(crate) use case_policy::Policies;
pub use columns::ColumnNames;
pub(crate) use describe::describe;
pub use generated::GeneratedRatings;
pub(crate) use generated::write;
pub(crate) use ids::IdMap;
pub use ids::Ids;
pub(crate) use interactions::{Case, Interactions, Rows};
pub use raw::RawRatings;
pub(crate) use sampler::TrainRatings;
pub(crate) use source::{Negatives, Reading, Source, TrainCounts, TrainSet};
pub use split::ValidationItem;
pub(crate) use split::{EVALUATION_NEGATIVES, Split};
