use thiserror::Error;

/// A setting that cannot be used as it stands.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum SettingsError {
    /// The value lies outside what the setting allows.
    #[error("`{setting}` is {value}, allowed is {allowed}")]
    OutOfRange {
        /// Name of the setting as it is written in a configuration.
        setting: String,
        /// The value found.
        value: String,
        /// What would have been accepted.
        allowed: String,
    },
    /// The setting would have no effect, or a misleading one, beside the others.
    #[error("`{setting}` does not apply to {context}; {allowed}")]
    NotApplicable {
        /// Name of the setting as it is written in a configuration.
        setting: String,
        /// What it was combined with.
        context: String,
        /// What would have been accepted.
        allowed: String,
    },
    /// A setting that another one needs is absent.
    #[error("`{setting}` is missing, {needed_by} needs it")]
    Missing {
        /// Name of the absent setting.
        setting: String,
        /// What needs it.
        needed_by: String,
    },
}

impl SettingsError {
    /// The name of the setting at fault, as it is written in a configuration.
    pub fn setting(&self) -> &str {
        match self {
            Self::OutOfRange { setting, .. }
            | Self::NotApplicable { setting, .. }
            | Self::Missing { setting, .. } => setting,
        }
    }

    /// The same of a setting that is called otherwise where it is asked for.
    #[must_use]
    pub fn called(mut self, name: &str) -> Self {
        let (Self::OutOfRange { setting, .. }
        | Self::NotApplicable { setting, .. }
        | Self::Missing { setting, .. }) = &mut self;
        name.clone_into(setting);
        self
    }
}

/// Refuses a value unless `allowed` holds, naming what would have been accepted.
pub(crate) fn require(
    holds: bool,
    setting: &str,
    value: impl std::fmt::Display,
    allowed: &str,
) -> Result<(), SettingsError> {
    if holds {
        return Ok(());
    }
    Err(SettingsError::OutOfRange {
        setting: setting.to_owned(),
        value: value.to_string(),
        allowed: allowed.to_owned(),
    })
}
