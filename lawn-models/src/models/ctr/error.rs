use thiserror::Error;

/// A setting of a net that cannot be used as it stands.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("`{setting}` is {value}, allowed is {allowed}")]
pub struct CtrModelError {
    /// Name of the setting as it is written in a configuration.
    pub setting: &'static str,
    /// The value found.
    pub value: String,
    /// What would have been accepted.
    pub allowed: &'static str,
}

/// Refuses a value unless `allowed` holds, naming what would have been accepted.
pub(super) fn require(
    holds: bool,
    setting: &'static str,
    value: impl std::fmt::Display,
    allowed: &'static str,
) -> Result<(), CtrModelError> {
    if holds {
        return Ok(());
    }
    Err(CtrModelError {
        setting,
        value: value.to_string(),
        allowed,
    })
}

/// The widest layer that may be asked for.
const WIDEST: i64 = 65_536;

pub(super) fn require_width(setting: &'static str, width: i64) -> Result<(), CtrModelError> {
    let allowed = (1..=WIDEST).contains(&width);
    require(allowed, setting, width, "1 to 65536")
}

pub(super) fn require_widths(setting: &'static str, widths: &[i64]) -> Result<(), CtrModelError> {
    let allowed = widths.len() <= 64 && widths.iter().all(|one| (1..=WIDEST).contains(one));
    let found = format!("{widths:?}");
    require(allowed, setting, found, "up to 64 widths of 1 to 65536")
}

pub(super) fn require_rate(setting: &'static str, rate: f64) -> Result<(), CtrModelError> {
    let allowed = (0.0..1.0).contains(&rate);
    require(allowed, setting, rate, "at least 0 and below 1")
}
