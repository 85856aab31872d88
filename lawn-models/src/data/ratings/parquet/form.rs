//! What the values of a column are.

use std::fmt;

use polars_arrow::datatypes::{ArrowDataType, TimeUnit};
use polars_parquet::parquet::schema::Repetition;
use polars_parquet::parquet::schema::types::{
    IntegerType, ParquetType, PhysicalType, PrimitiveConvertedType as Converted,
    PrimitiveLogicalType as Logical, PrimitiveType,
};

use crate::data::ratings::fields::finite;
use crate::data::ratings::moments::{self, NoTime, Unit};
use crate::data::text::shown;

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
    /// Of 96 bits, as Spark wrote them once.
    LongTimestamp,
    /// Days since 1970.
    Date,
    Text,
}

/// One value.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Value<'a> {
    Signed(i64),
    Unsigned(u64),
    Single(f32),
    Double(f64),
    Text(&'a [u8]),
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
            PhysicalType::Int96 => Some(Self::LongTimestamp),
            PhysicalType::ByteArray => text(column),
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
            Self::Timestamp | Self::LongTimestamp | Self::Date => what == "time",
            // Tables with a gap have integers as floats, and texts are read as those of a text file.
            _ => true,
        }
    }

    /// What such a column may have.
    pub(super) fn allowed(what: &str) -> &'static str {
        match what {
            "rating" => {
                "integers, Float or Double, such as pandas' astype(\"float64\") makes, or strings of numbers"
            }
            "time" => {
                "integers, Float or Double, seconds since 1970, such as pandas' astype(\"int64\") makes, \
                 dates, or timestamps, also as strings,"
            }
            _ => {
                "integers of any width, with a sign or without, such as pandas' astype(\"int64\") makes, \
                 or strings"
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
            Self::LongTimestamp => "Int96",
            Self::Date => "Date",
            Self::Text => "String",
        }
    }

    /// As which type it is decoded.
    pub(super) fn decoded(self) -> ArrowDataType {
        match self {
            Self::Signed32 | Self::Date => ArrowDataType::Int32,
            Self::Signed64 | Self::Timestamp => ArrowDataType::Int64,
            Self::Unsigned32 => ArrowDataType::UInt32,
            Self::Unsigned64 => ArrowDataType::UInt64,
            Self::Single => ArrowDataType::Float32,
            Self::Double => ArrowDataType::Float64,
            Self::LongTimestamp => ArrowDataType::Timestamp(TimeUnit::Microsecond, None),
            // As bytes: in a text file they need not be UTF-8 either.
            Self::Text => ArrowDataType::BinaryView,
        }
    }
}

/// The form of a column of 32 or 64 bits; none for a decimal or a time of day.
fn integer(column: &PrimitiveType) -> Option<Form> {
    let is_long = column.physical_type == PhysicalType::Int64;
    let is_unsigned = match (column.logical_type, column.converted_type) {
        (Some(Logical::Timestamp { .. }), _)
        | (None, Some(Converted::TimestampMillis | Converted::TimestampMicros)) => {
            return is_long.then_some(Form::Timestamp);
        }
        (Some(Logical::Date), _) | (None, Some(Converted::Date)) => {
            return (!is_long).then_some(Form::Date);
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

/// The form of a column of bytes that are texts; none for what programs make of bytes beside.
fn text(column: &PrimitiveType) -> Option<Form> {
    let is_text = match (column.logical_type, column.converted_type) {
        (Some(logical), _) => matches!(logical, Logical::String | Logical::Enum),
        (None, converted) => matches!(converted, Some(Converted::Utf8 | Converted::Enum)),
    };
    is_text.then_some(Form::Text)
}

impl Value<'_> {
    /// A whole number that is not below 0; none of a text.
    pub(super) fn whole(self) -> Option<u64> {
        match self {
            Self::Unsigned(number) => Some(number),
            _ => u64::try_from(self.signed()?).ok(),
        }
    }

    /// A whole number of 64 bits with a sign; none of a text.
    fn signed(self) -> Option<i64> {
        match self {
            Self::Signed(number) => Some(number),
            Self::Unsigned(number) => i64::try_from(number).ok(),
            Self::Single(number) => exact(number.into(), f32::MANTISSA_DIGITS),
            Self::Double(number) => exact(number, f64::MANTISSA_DIGITS),
            Self::Text(_) => None,
        }
    }

    /// A finite number, rounded where it is a whole one beyond 2⁵³.
    pub(super) fn finite(self) -> Option<f64> {
        let number = match self {
            Self::Signed(number) => number as f64,
            Self::Unsigned(number) => number as f64,
            Self::Single(number) => number.into(),
            Self::Double(number) => number,
            Self::Text(text) => finite(text.trim_ascii())?,
        };
        number.is_finite().then_some(number)
    }

    /// A time, in the words of a text or as seconds.
    pub(super) fn time(self, unit: Unit) -> Result<i64, NoTime> {
        let parts = match self {
            Self::Text(text) => return moments::time(text.trim_ascii(), unit),
            Self::Single(number) if number.fract() != 0.0 => moments::parts(number.into()),
            Self::Double(number) if number.fract() != 0.0 => moments::parts(number),
            whole => whole.signed().map(|whole| (whole, 0)),
        };
        moments::of(parts.ok_or(NoTime::Other)?, unit)
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

impl fmt::Display for Value<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Signed(number) => number.fmt(f),
            Self::Unsigned(number) => number.fmt(f),
            Self::Single(number) => number.fmt(f),
            Self::Double(number) => number.fmt(f),
            Self::Text(text) => shown(text).fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn floats_are_whole_numbers_as_far_as_each_of_them_is_one() {
        assert_eq!(Value::Single(16_777_216.0).whole(), Some(1 << 24));
        // 16,777,217 is none of f32: it would be read as 16,777,216.
        assert_eq!(Value::Single(16_777_218.0).whole(), None);
        assert_eq!(
            Value::Double(9_007_199_254_740_992.0).whole(),
            Some(1 << 53)
        );
        assert_eq!(Value::Double(9_007_199_254_740_994.0).whole(), None);
        assert_eq!(Value::Double(0.5).signed(), None);
        assert_eq!(Value::Double(f64::NAN).signed(), None);
        assert_eq!(Value::Single(-3.0).signed(), Some(-3));
        assert_eq!(Value::Single(-3.0).whole(), None);
    }

    #[test]
    fn floats_are_times_to_the_microsecond() {
        let of =
            |value: Value<'_>| [Unit::Seconds, Unit::Microseconds].map(|unit| value.time(unit));
        let double = |number| of(Value::Double(number));
        assert_eq!(
            double(1_500_000_000.25),
            [Err(NoTime::Finer), Ok(1_500_000_000_250_000)]
        );
        assert_eq!(double(-1.25), [Err(NoTime::Finer), Ok(-1_250_000)]);
        assert_eq!(double(7.0), [Ok(7), Ok(7_000_000)]);
        assert_eq!(of(Value::Single(0.5)), [Err(NoTime::Finer), Ok(500_000)]);
        for none in [
            Value::Double(f64::NAN),
            Value::Double(f64::INFINITY),
            // Two times would be one.
            Value::Single(1_500_000_000.0),
            Value::Unsigned(u64::MAX),
            Value::Text(b"x"),
        ] {
            assert_eq!(of(none), [Err(NoTime::Other); 2], "{none}");
        }
        assert_eq!(of(Value::Text(b" 1970-01-02 "))[0], Ok(86_400));
    }
}
