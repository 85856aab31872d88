//! What the values of a column are.

use std::fmt;

use polars_arrow::datatypes::ArrowDataType;
use polars_parquet::parquet::schema::Repetition;
use polars_parquet::parquet::schema::types::{
    IntegerType, ParquetType, PhysicalType, PrimitiveConvertedType as Converted,
    PrimitiveLogicalType as Logical, PrimitiveType,
};

/// The values of a column that ratings may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    Signed32,
    Signed64,
    Unsigned32,
    Unsigned64,
    Single,
    Double,
    /// Since 1970, in whichever unit.
    Timestamp,
}

/// One value.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Number {
    Signed(i64),
    Unsigned(u64),
    Single(f32),
    Double(f64),
}

impl Form {
    /// Of a column.
    ///
    /// # Errors
    /// What it is, where it is none of these.
    pub(super) fn of(field: &ParquetType) -> Result<Self, String> {
        let column = match field {
            ParquetType::PrimitiveType(column) => column,
            ParquetType::GroupType { .. } => return Err("group".to_owned()),
        };
        if column.field_info.repetition == Repetition::Repeated {
            return Err("list".to_owned());
        }
        let form = match column.physical_type {
            PhysicalType::Int32 | PhysicalType::Int64 => integer(column),
            PhysicalType::Float => Some(Self::Single),
            PhysicalType::Double => Some(Self::Double),
            _ => None,
        };
        form.ok_or_else(|| match (column.logical_type, column.converted_type) {
            (Some(logical), _) => format!("{logical:?}"),
            (None, Some(converted)) => format!("{converted:?}"),
            (None, None) => format!("{:?}", column.physical_type),
        })
    }

    /// Whether a column of `user`, `item`, `rating` or `time` may have it.
    pub(super) fn suits(self, what: &str) -> bool {
        match self {
            Self::Timestamp => what == "time",
            // Tables with a gap have integers as floats.
            _ => true,
        }
    }

    /// What such a column may have.
    pub(super) fn allowed(what: &str) -> &'static str {
        match what {
            "rating" => "integers, Float or Double, such as pandas' astype(\"float64\") makes,",
            "time" => {
                "integers, seconds since 1970, such as pandas' astype(\"int64\") makes, or timestamps"
            }
            _ => {
                "integers of any width, with a sign or without, such as pandas' astype(\"int64\") makes,"
            }
        }
    }

    /// As Parquet calls it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Signed32 => "Int32",
            Self::Signed64 => "Int64",
            Self::Unsigned32 => "UInt32",
            Self::Unsigned64 => "UInt64",
            Self::Single => "Float",
            Self::Double => "Double",
            Self::Timestamp => "Timestamp",
        }
    }

    /// As which type it is decoded.
    pub(super) fn decoded(self) -> ArrowDataType {
        match self {
            Self::Signed32 => ArrowDataType::Int32,
            Self::Signed64 | Self::Timestamp => ArrowDataType::Int64,
            Self::Unsigned32 => ArrowDataType::UInt32,
            Self::Unsigned64 => ArrowDataType::UInt64,
            Self::Single => ArrowDataType::Float32,
            Self::Double => ArrowDataType::Float64,
        }
    }
}

/// The form of a column of 32 or 64 bits; none for a decimal, a date or a time of day.
fn integer(column: &PrimitiveType) -> Option<Form> {
    let is_long = column.physical_type == PhysicalType::Int64;
    let is_unsigned = match (column.logical_type, column.converted_type) {
        (Some(Logical::Timestamp { .. }), _)
        | (None, Some(Converted::TimestampMillis | Converted::TimestampMicros)) => {
            return is_long.then_some(Form::Timestamp);
        }
        (Some(Logical::Integer(kind)), _) => matches!(
            kind,
            IntegerType::UInt8 | IntegerType::UInt16 | IntegerType::UInt32 | IntegerType::UInt64
        ),
        (
            None,
            Some(Converted::Uint8 | Converted::Uint16 | Converted::Uint32 | Converted::Uint64),
        ) => true,
        (
            None,
            None | Some(Converted::Int8 | Converted::Int16 | Converted::Int32 | Converted::Int64),
        ) => false,
        _ => return None,
    };
    Some(match (is_unsigned, is_long) {
        (false, false) => Form::Signed32,
        (false, true) => Form::Signed64,
        (true, false) => Form::Unsigned32,
        (true, true) => Form::Unsigned64,
    })
}

impl Number {
    /// A whole number that is not below 0.
    pub(super) fn whole(self) -> Option<u64> {
        match self {
            Self::Signed(number) => u64::try_from(number).ok(),
            Self::Unsigned(number) => Some(number),
            Self::Single(_) | Self::Double(_) => u64::try_from(self.signed()?).ok(),
        }
    }

    /// A whole number of 64 bits with a sign.
    pub(super) fn signed(self) -> Option<i64> {
        match self {
            Self::Signed(number) => Some(number),
            Self::Unsigned(number) => i64::try_from(number).ok(),
            Self::Single(number) => exact(number.into(), f32::MANTISSA_DIGITS),
            Self::Double(number) => exact(number, f64::MANTISSA_DIGITS),
        }
    }

    /// Rounded where it is a whole number beyond 2⁵³.
    pub(super) fn float(self) -> f64 {
        match self {
            Self::Signed(number) => number as f64,
            Self::Unsigned(number) => number as f64,
            Self::Single(number) => number.into(),
            Self::Double(number) => number,
        }
    }
}

/// What whole numbers are allowed in words, of columns of any type.
pub(super) const EXACT: &str = "exact in a Float up to 2^24 and in a Double up to 2^53";

/// A whole number of a type with so many digits. Beyond 2 to their number its neighbours are the same
/// value: two ids would be one.
fn exact(number: f64, digits: u32) -> Option<i64> {
    let is_whole = number.fract() == 0.0 && number.abs() <= (1u64 << digits) as f64;
    is_whole.then_some(number as i64)
}

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Signed(number) => number.fmt(f),
            Self::Unsigned(number) => number.fmt(f),
            Self::Single(number) => number.fmt(f),
            Self::Double(number) => number.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn floats_are_whole_numbers_as_far_as_each_of_them_is_one() {
        assert_eq!(Number::Single(16_777_216.0).whole(), Some(1 << 24));
        // 16,777,217 is none of f32: it would be read as 16,777,216.
        assert_eq!(Number::Single(16_777_218.0).whole(), None);
        assert_eq!(
            Number::Double(9_007_199_254_740_992.0).whole(),
            Some(1 << 53)
        );
        assert_eq!(Number::Double(9_007_199_254_740_994.0).whole(), None);
        assert_eq!(Number::Double(0.5).signed(), None);
        assert_eq!(Number::Double(f64::NAN).signed(), None);
        assert_eq!(Number::Single(-3.0).signed(), Some(-3));
        assert_eq!(Number::Single(-3.0).whole(), None);
    }
}
