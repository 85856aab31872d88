//! What is stated of data that are not there.

use crate::data::clicks::ClickFormat;
use crate::trial::SettingsError;

/// A size of data that a net is made for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DataSize {
    /// Users of ratings: rows of the tables of users.
    Users,
    /// Items of ratings: rows of the tables of items.
    Items,
    /// Classes of images: outputs of the net.
    Classes,
    /// The format of clicks: how many numbers and categories a row has.
    ClickFormat,
}

/// Sizes of data that are not there, as far as a person states them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StatedSizes {
    /// Users with a train interaction.
    pub users: Option<u32>,
    /// Items with a train interaction.
    pub items: Option<u32>,
    /// Classes of images.
    pub classes: Option<u32>,
    /// The format of clicks.
    pub click_format: Option<ClickFormat>,
}

impl DataSize {
    /// What it is of, in words.
    pub fn name(self) -> &'static str {
        match self {
            Self::Users => "users",
            Self::Items => "items",
            Self::Classes => "classes",
            Self::ClickFormat => "click format",
        }
    }

    /// That it is asked for and not stated.
    pub(super) fn missing(self) -> SettingsError {
        SettingsError::Missing {
            setting: self.name().to_owned(),
            needed_by: "the net".to_owned(),
        }
    }
}

impl StatedSizes {
    /// Whether this size is stated.
    pub fn has(&self, size: DataSize) -> bool {
        match size {
            DataSize::Users => self.users.is_some(),
            DataSize::Items => self.items.is_some(),
            DataSize::Classes => self.classes.is_some(),
            DataSize::ClickFormat => self.click_format.is_some(),
        }
    }
}
