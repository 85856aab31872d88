//! The batch size that an arm's learning rates are of, as an arm or its preset says it.

use toml::Spanned;
use toml::de::DeValue;

use super::raw::BATCH_SIZE;
use super::source::Source;
use super::space::to_json;
use crate::config::sweep::RateBatchSize;
use crate::error::ConfigError;

/// The key of an arm's table that says it.
pub(super) const RATE_BATCH_SIZE: &str = "rate_batch_size";

/// The hyper-parameter that it is of.
pub(super) const LEARNING_RATE: &str = "learning_rate";

/// The words that it may be in the place of a number.
pub(super) const WORDS: [(&str, RateBatchSize); 2] = [
    ("any", RateBatchSize::Any),
    ("reference", RateBatchSize::Reference),
];

pub(super) fn read(
    source: &Source<'_>,
    value: &Spanned<DeValue<'_>>,
) -> Result<RateBatchSize, ConfigError> {
    let given = to_json(source, value)?;
    let word = WORDS.iter().find(|(word, _)| given == *word);
    let size = given
        .as_u64()
        .filter(|size| (1..=BATCH_SIZE).contains(size));
    match (word, size) {
        (Some((_, word)), _) => Ok(*word),
        (None, Some(size)) => Ok(RateBatchSize::Of(size)),
        (None, None) => {
            let message = format!(
                "{RATE_BATCH_SIZE} must be a batch size, \"any\" or \"reference\", not {given}"
            );
            Err(source.error(value.span(), message, None))
        }
    }
}

/// As it is written, and what it means beside a scaling; nothing where it is what holds for every
/// arm.
pub(super) fn written(of: RateBatchSize) -> Option<(serde_json::Value, &'static str)> {
    match of {
        RateBatchSize::Reference => None,
        RateBatchSize::Of(size) => Some((
            size.into(),
            "tuning.learning_rate_scaling goes out from this batch size, not from \
             reference_batch_size",
        )),
        RateBatchSize::Any => Some((
            "any".into(),
            "tuning.learning_rate_scaling leaves the learning rate as it is",
        )),
    }
}
