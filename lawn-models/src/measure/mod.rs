//! What is learned for, and how well: losses, metrics, and the floors below them.

mod accuracy;
mod auc;
mod click_loss;
mod click_metrics;
pub(crate) mod floors;
mod leave_one_out;
mod measurement;
mod objective;
mod protocol;
mod ranking;

pub(crate) use accuracy::{Accuracy, Right};
pub(crate) use click_loss::ClickLoss;
pub(crate) use click_metrics::CLICK_METRICS;
pub use floors::Floor;
pub(crate) use leave_one_out::{LeaveOneOut, RankingRules};
pub use measurement::{Measurement, Split};
pub(crate) use objective::{Assessment, Forward, Objective, Part};
pub(crate) use protocol::or_default;
pub use protocol::{Candidates, Duplicates, ProtocolConfig, ProtocolName, RankingMetric, Ties};
