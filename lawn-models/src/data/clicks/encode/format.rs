use serde::{Deserialize, Serialize};

/// How a line of a click set is written.
///
/// ```text
/// Criteo    label \t I1 … I13 \t C1 … C26        integers in decimal, categories in hexadecimal
/// Avazu     id,click,hour,C1,banner_pos,…,C21    with a header; hour as YYMMDDHH
/// ```
/// Of an Avazu line `id` is passed over, and of `hour` the hour of the day is a category. Every
/// other column is one too.
#[derive(Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub(crate) enum ClickFormat {
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
    pub(crate) const ALL: [Self; 2] = [Self::Criteo, Self::Avazu];

    pub(crate) fn name(self) -> &'static str {
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

    /// The line that a file of this format begins with, before its rows.
    pub(super) fn header(self) -> Option<&'static str> {
        match self {
            Self::Criteo => None,
            Self::Avazu => Some(AVAZU_HEADER),
        }
    }
}
