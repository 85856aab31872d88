//! Finished tables as typed rows, which figures draw, pages show and files hold.
//!
//! [`Row::columns`] and [`Row::cells`] are the only place that says how the fields of a row are
//! written. [`Rows::table`] makes cells of them for CSV, Markdown, LaTeX and the page.

mod across;
mod by_batch;
mod claims;
mod claims_by_task;
mod column;
mod comparisons;
mod course;
mod curves;
mod ends;
mod feasibility;
mod field;
mod forest;
mod formats;
mod latex;
mod means;
mod pairs;
mod row;
mod table;
mod trials;
mod unpaired;
mod value;

pub use across::{
    AggregateRow, ImprovementRow, ProfileRow, RankRow, ScoreRow, aggregates, improvement,
    interval_estimates, profile, ranks,
};
pub use by_batch::{BatchPoint, BatchRow, ByBatch, by_batch};
pub use claims::{ClaimRow, claims};
pub use claims_by_task::{ClaimByTaskRow, claims_by_task};
pub use column::Column;
pub use comparisons::{ComparisonRow, comparisons};
pub use course::{TargetRow, TuningPointRow, target, tuning_points};
pub use curves::{ByEpoch, CurveQuantity, CurveRow, Curves, curves};
pub(crate) use ends::is_share;
pub use ends::{DropRow, FitRow, drops, fit};
pub use feasibility::{FeasibilityRow, feasibility};
pub use field::{Field, Kind, Spread};
pub use forest::{ForestRow, PairedPoint, PairedRow, forest, paired};
pub(crate) use formats::{markdown, title};
pub(crate) use latex::latex_caption;
pub use means::{MeanRow, means};
pub use pairs::{PairRow, UnmatchedRow, pairs, unmatched};
pub(crate) use row::{Named, OfArm};
pub use row::{Row, Rows};
pub use table::Table;
pub use trials::{
    ConfirmationRow, FailureRow, SurvivalRow, TuningRow, confirmations, failures, survival, tuning,
};
pub use unpaired::{UnpairedRow, unpaired};
pub use value::Value;
