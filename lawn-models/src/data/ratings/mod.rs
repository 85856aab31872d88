//! Implicit feedback: who interacted with what, in rating files or generated.
//!
//! `columns.rs`, `delimited.rs` or `parquet/` → `raw.rs` reads what is not split yet, `files.rs` what
//! is; `moments.rs` reads times and `texts.rs` numbers ids that are texts; `gathered.rs` joins what parts of a
//! file have, and `taken.rs` says which column was read as what; `ids.rs` gives ids their rows, `grouped.rs` users
//! their interactions; `held_out.rs` decides what is measured; `source.rs` and `test_source.rs` put
//! these together.

mod case_policy;
mod columns;
mod delimited;
mod describe;
mod fields;
mod files;
mod gathered;
mod generated;
mod grouped;
mod held_out;
mod ids;
mod interactions;
mod k_core;
mod moments;
mod parquet;
mod places;
mod raw;
mod resident;
mod room;
mod sampler;
mod source;
mod split;
mod taken;
mod test_source;
mod texts;
mod times;

pub use case_policy::CasePolicy;
pub(crate) use case_policy::Policies;
pub use columns::ColumnNames;
pub(crate) use describe::{counts, describe, source_in};
pub use generated::GeneratedRatings;
pub(crate) use generated::write;
pub(crate) use held_out::HeldOut;
pub(crate) use ids::IdMap;
pub use ids::Ids;
pub(crate) use interactions::{Case, Interactions, Rows};
pub use raw::RawRatings;
pub(crate) use room::Room;
pub(crate) use sampler::TrainRatings;
pub(crate) use source::{Negatives, Reading, Source, TrainCounts, TrainSet};
pub use split::ValidationItem;
pub(crate) use split::{EVALUATION_NEGATIVES, Split};
pub(crate) use test_source::TestSource;
