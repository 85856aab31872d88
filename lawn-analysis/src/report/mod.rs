//! The report: a page and a summary that begin with the answer, figures and tables.

mod contents;
mod drill;
mod files;
mod findings;
mod html;
mod kept;
mod lines;
mod live;
mod matrix;
mod page;
mod summary;
mod tables;
mod verdicts;
mod writing;

pub use crate::analysis::contrasts_by_name;
pub use crate::request::{Contrast, DecidingTest, PlannedTask, ReportRequest};
pub use crate::width::Width;
pub use files::{FigureFiles, ReportFiles};
pub use findings::{Findings, RenderedFindings};
pub use kept::{KeptFloor, KeptStudy, MOST_KEPT_BYTES};
pub use live::{Live, LiveCell, RunningTrial};
pub use verdicts::{ClaimOfTask, ClaimOverTasks, ClaimVerdict, PlaceVerdict, Verdicts};
pub use writing::{LivePage, Report, write_report};
