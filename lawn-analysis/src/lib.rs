//! Records, statistics, figures and reports for sweeps over batch sizes.
//!
//! The crate reads what a sweep recorded and answers, with evidence, whether one arm generalizes
//! better than another as the batch grows. It knows no model, no data set and no optimizer: tasks,
//! arms and metrics are names that come with the records.

mod error;
pub mod records;
pub mod report;

pub use error::Error;
pub use records::Records;
pub use report::{ReportFiles, ReportRequest, write_report};
