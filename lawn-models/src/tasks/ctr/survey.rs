//! What people should know of the splits of clicks before anything is trained on them.

use std::path::Path;

use super::super::left_by::{of_kind, that_left};
use super::CtrConfig;
use crate::data::clicks::{ClickSplit, Clicks, Rows};
use crate::measure::CLICK_METRICS;
use crate::trial::TestPermit;

/// The sizes of the splits, and the protocol in a sentence. Of test no click is looked at.
pub(super) fn lines(config: &CtrConfig, clicks: &Clicks, permit: &TestPermit) -> [String; 2] {
    let (train, validation) = (clicks.train(), clicks.validation());
    let measured = config.measured_rows;
    let sizes = format!(
        "{} rows are train, {} validation and {} test; the click rate of those that are measured on \
         the way is {:.4} of train and {:.4} of validation",
        train.len(),
        validation.len(),
        clicks.test(permit).len(),
        rate(train.at_most(measured)),
        rate(validation.at_most(measured))
    );
    [sizes, protocol(config)]
}

/// What is known of how the weights that the net begins with were trained.
pub(super) fn begun(config: &CtrConfig, data_root: Option<&Path>) -> Option<String> {
    let path = data_root
        .unwrap_or(Path::new(""))
        .join(config.init_from.as_ref()?);
    let what = match that_left(&path).map(|table| of_kind::<CtrConfig>(table, "ctr")) {
        Some(Some(then)) if then.holds_out_as(config) => return None,
        Some(_) => "was trained with other rows held out",
        None => "does not say what was held out when it was trained",
    };
    Some(format!(
        "init_from {what}: where `data`, `split`, its fractions, `split_seed` or bad lines were others, \
         it has seen rows that are measured here"
    ))
}

fn rate(rows: Rows<'_>) -> f64 {
    let clicks: f64 = rows.iter().map(|row| f64::from(row.label())).sum();
    clicks / rows.len() as f64
}

fn protocol(config: &CtrConfig) -> String {
    let CtrConfig {
        test_fraction,
        validation_fraction,
        test_rows,
        split_seed,
        measured_rows,
        ..
    } = config;
    let split = match config.split {
        ClickSplit::Last => format!(
            "the last {test_fraction} of the rows is test, the last {validation_fraction} of those \
             before it validation"
        ),
        ClickSplit::Random => format!(
            "{test_fraction} of the rows is test and {validation_fraction} of the others validation, \
             by a hash of their number and split_seed {split_seed}"
        ),
        ClickSplit::LastDay => format!(
            "of the last file the first {test_rows} rows are test and the others validation, all \
             files before it train"
        ),
    };
    format!(
        "{split}; measured on all of test, and on the way on at most {measured_rows} rows of train \
         and of validation: {}",
        CLICK_METRICS.join(", ")
    )
}
