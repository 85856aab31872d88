use serde::{Deserialize, Serialize};

/// How a line of a click set is written.
///
/// ```text
/// Criteo    label \t I1 … I13 \t C1 … C26        integers in decimal, categories in hexadecimal
/// Avazu     id,click,hour,C1,banner_pos,…,C21    with a header; hour as YYMMDDHH
/// ```
/// A file with the names of its columns in its first line may have them in another order, others among
/// them, and commas or tabs between them; fields may stand in double quotes.
///
/// Of an Avazu line `id` is passed over, and of `hour` the hour of the day is a category. Every
/// other column is one too.
#[derive(Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum ClickFormat {
    /// Criteo Kaggle and 1TB.
    Criteo,
    /// Avazu Kaggle.
    Avazu,
}

/// The first line of Avazu's file.
pub(super) const AVAZU_HEADER: &str = "id,click,hour,C1,banner_pos,site_id,site_domain,\
site_category,app_id,app_domain,app_category,device_id,device_ip,device_model,device_type,\
device_conn_type,C14,C15,C16,C17,C18,C19,C20,C21";

impl ClickFormat {
    /// The formats.
    pub const ALL: [Self; 2] = [Self::Criteo, Self::Avazu];

    /// Whose it is.
    pub fn name(self) -> &'static str {
        match self {
            Self::Criteo => "Criteo",
            Self::Avazu => "Avazu",
        }
    }

    /// Numbers a row.
    pub(crate) fn dense(self) -> usize {
        match self {
            Self::Criteo => 13,
            Self::Avazu => 0,
        }
    }

    /// Columns of categories.
    pub(crate) fn columns(self) -> usize {
        match self {
            Self::Criteo => 26,
            Self::Avazu => 22,
        }
    }

    /// The names of all columns of a line, in order.
    pub(super) fn fields(self) -> Vec<String> {
        let criteo = || {
            let numbers = (1..=self.dense()).map(|one| format!("I{one}"));
            let first = std::iter::once(self.label().to_owned()).chain(numbers);
            first.chain(self.column_names()).collect()
        };
        match self {
            Self::Criteo => criteo(),
            Self::Avazu => AVAZU_HEADER.split(',').map(str::to_owned).collect(),
        }
    }

    /// The name of the column of clicks.
    pub(super) fn label(self) -> &'static str {
        match self {
            Self::Criteo => "label",
            Self::Avazu => "click",
        }
    }

    /// What stands between the columns of a line.
    pub(super) fn separator(self) -> u8 {
        match self {
            Self::Criteo => b'\t',
            Self::Avazu => b',',
        }
    }

    /// The same with its name.
    pub(super) fn separators(self) -> &'static str {
        match self {
            Self::Criteo => "tabs",
            Self::Avazu => "commas",
        }
    }

    /// What its publisher calls the columns of categories, in order.
    pub(crate) fn column_names(self) -> Vec<String> {
        match self {
            Self::Criteo => (1..=self.columns()).map(|one| format!("C{one}")).collect(),
            Self::Avazu => AVAZU_HEADER.split(',').skip(2).map(str::to_owned).collect(),
        }
    }

    /// The line that a file of this format begins with, before its rows.
    pub(super) fn header(self) -> Option<&'static str> {
        match self {
            Self::Criteo => None,
            Self::Avazu => Some(AVAZU_HEADER),
        }
    }
}
