//! Counts that both engines are given.

use crate::config::field::Field;
use crate::config::source::Source;
use crate::config::values::at_least;
use crate::error::ConfigError;

/// Jobs that may end without an outcome before a trial is `crashed`.
pub(super) const ATTEMPTS: usize = 3;

/// A count that, where it is given, is 1 or more.
pub(super) fn least<T: PartialOrd + Copy + std::fmt::Display + From<u8>>(
    source: &Source<'_>,
    value: &Option<Field<T>>,
    what: &str,
) -> Result<Option<T>, ConfigError> {
    value
        .as_ref()
        .map(|value| at_least(source, value, what, T::from(1)))
        .transpose()
}
