//! Records, statistics, figures and reports for sweeps over batch sizes.
//!
//! The crate reads what a sweep recorded. It answers, with evidence, whether one arm generalizes
//! better than another as the batch grows. It knows no model, no data set and no optimizer: tasks,
//! arms and metrics are names that come with the records. Results of a sweep made elsewhere come in
//! as a plain table ([`records::Results`]).
//!
//! ```text
//! records ─load→ trials by task, arm, batch, seed ─pair→ comparisons ─adjust→ verdicts
//!         ─tables→ typed rows ─figures, report→ page, summary, files
//! ```
//!
//! `ARCHITECTURE.md` beside the crate says what each module is.

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

pub mod analysis;
pub mod calibrate;
mod error;
mod figures;
mod naming;
mod parallel;
pub mod records;
pub mod report;
mod request;
pub mod simulate;
pub mod stats;
pub mod tables;
mod text;
mod width;
mod word;

pub use error::{Error, Position};
pub use figures::{RateCurve, rate_range_png};
pub use records::Records;
pub use report::{Report, ReportFiles, write_report};
pub use request::{Contrast, DecidingTest, PlannedTask, ReportRequest};
pub use width::Width;
