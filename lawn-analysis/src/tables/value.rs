//! One cell of a table.

use crate::text::{integer, number};

/// One cell of a table.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// No value.
    Absent,
    /// A whole number, such as a count.
    Integer(i64),
    /// A measured number.
    Number(f64),
    /// Words.
    Text(String),
}

impl Value {
    /// The number in the cell, if it holds one.
    pub fn as_number(&self) -> Option<f64> {
        match self {
            Self::Integer(value) => Some(*value as f64),
            Self::Number(value) => Some(*value),
            Self::Absent | Self::Text(_) => None,
        }
    }

    /// The cell as people read it.
    pub fn shown(&self) -> String {
        match self {
            Self::Absent => "–".to_owned(),
            Self::Integer(value) => integer(*value),
            Self::Number(value) => number(*value),
            Self::Text(text) => text.clone(),
        }
    }
}
