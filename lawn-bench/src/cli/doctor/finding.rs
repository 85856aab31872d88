//! One thing that `lawn doctor` looks for.

use serde::Serialize;

/// One thing looked for.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Finding {
    /// What was looked for.
    pub(crate) what: &'static str,
    /// Whether it was found.
    pub(crate) state: State,
    /// What was found.
    pub(crate) found: String,
    /// What to do about it, where something is to be done.
    pub(crate) advice: Option<String>,
}

/// Whether a thing is as it should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum State {
    /// Found.
    Ok,
    /// Not found, and not needed by everything.
    Missing,
    /// Found, and wrong.
    Wrong,
}
