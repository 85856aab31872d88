//! Parquet files of any program: the columns of results as text, by their physical types.
//!
//! Columns that are not asked for are not decoded, whatever their types. In a table that another
//! tool wrote, most columns are that tool's own.

use std::io::Cursor;
use std::path::{Path, PathBuf};

use polars::error::{PolarsError, PolarsResult};
use polars_arrow::array::{
    Array, BinaryViewArray, BooleanArray, FixedSizeBinaryArray, PrimitiveArray,
};
use polars_arrow::datatypes::{ArrowDataType, Field};
use polars_arrow::types::NativeType;
use polars_buffer::Buffer;
use polars_parquet::parquet::metadata::{ColumnChunkMetadata, FileMetadata};
use polars_parquet::parquet::schema::Repetition;
use polars_parquet::parquet::schema::types::{
    IntegerType, ParquetType, PhysicalType, PrimitiveConvertedType as Converted,
    PrimitiveLogicalType as Logical, PrimitiveType,
};
use polars_parquet::read::{BasicDecompressor, PageReader, column_iter_to_arrays, read_metadata};

use super::numerals::{Width, big_endian, scaled, shortest_half};
use super::pages;
use super::sheet::{Cells, Sheet};
use crate::error::{Error, Position};
use crate::records::decode::guarded;

/// The most digits of a decimal that any tool writes: one of 256 bits.
const DECIMAL_DIGITS: usize = 76;
const DECIMAL_BYTES: usize = 32;

/// How the values of a column become text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    Boolean,
    Signed32,
    Signed64,
    Unsigned32,
    Unsigned64,
    Half,
    Single,
    Double,
    Text,
    /// A decimal stored in 32 bits, with so many digits after the point.
    Decimal32(usize),
    Decimal64(usize),
    /// A decimal stored in any number of bytes.
    DecimalBytes(usize),
    /// A decimal stored in this many bytes.
    DecimalFixed(usize, usize),
}

/// A Parquet file, of which a column is decoded when it is asked for.
pub(super) struct ParquetSheet {
    path: PathBuf,
    bytes: Buffer<u8>,
    metadata: FileMetadata,
    names: Vec<String>,
}

impl ParquetSheet {
    /// Reads the footer of the Parquet file `bytes`.
    ///
    /// # Errors
    /// [`Error::Parquet`] for a file that is damaged.
    pub(super) fn read(path: &Path, bytes: &[u8]) -> Result<Self, Error> {
        let bytes = Buffer::from(bytes.to_vec());
        let metadata = guarded(path, || read_metadata(&mut Cursor::new(bytes.as_ref())))?;
        let fields = metadata.schema().fields().iter();
        let names = fields.map(|field| field.name().trim().to_owned()).collect();
        Ok(Self {
            path: path.to_owned(),
            bytes,
            metadata,
            names,
        })
    }
}

impl Sheet for ParquetSheet {
    fn names(&self) -> &[String] {
        &self.names
    }

    fn positions(&self) -> Vec<Position> {
        let groups = self.metadata.row_groups.iter();
        let rows = groups.map(|group| group.num_rows()).sum();
        (1..=rows).map(Position::Row).collect()
    }

    fn cells(&self, index: usize, expected: &'static str) -> Result<Cells, Error> {
        let (path, name) = (&self.path, &self.names[index]);
        let field = &self.metadata.schema().fields()[index];
        guarded(path, || {
            pages::check(&self.bytes, &self.metadata, |found| found == field.name())
        })?;
        let form = form(field).map_err(|found| Error::WrongType {
            path: path.clone(),
            column: name.clone(),
            expected,
            found,
        })?;
        let mut texts = Vec::new();
        for group in &self.metadata.row_groups {
            let mut chunks = group.parquet_columns().iter();
            let chunk = chunks.find(|chunk| chunk.descriptor().path_in_schema[0] == field.name());
            texts.extend(guarded(path, || {
                let chunk = chunk.ok_or_else(|| broken(name, "is not in every row group"))?;
                let texts = decoded(&self.bytes, chunk, form)?;
                if texts.len() == group.num_rows() {
                    Ok(texts)
                } else {
                    Err(broken(name, "does not have as many rows as its row group"))
                }
            })?);
        }
        let width = match form {
            Form::Half => Some(Width::Half),
            Form::Single => Some(Width::Single),
            _ => None,
        };
        Ok(Cells {
            texts,
            width,
            ..Cells::default()
        })
    }
}

fn broken(name: &str, what: &str) -> PolarsError {
    PolarsError::ComputeError(format!("column `{name}` {what}").into())
}

/// The form of a column. Where it is not text, a number, or true or false, the error says what it
/// is.
fn form(field: &ParquetType) -> Result<Form, String> {
    let column = match field {
        ParquetType::PrimitiveType(column) => column,
        ParquetType::GroupType { .. } => return Err("nested".to_owned()),
    };
    if column.field_info.repetition == Repetition::Repeated {
        return Err("a list".to_owned());
    }
    let scale = match (column.logical_type, column.converted_type) {
        (Some(Logical::Decimal(_, scale)), _) => Some(scale),
        (None, Some(Converted::Decimal(_, scale))) => Some(scale),
        _ => None,
    };
    // A damaged file may claim any size, and room would be reserved for it.
    if scale.is_some_and(|scale| scale > DECIMAL_DIGITS) {
        return Err(format!("a decimal of more than {DECIMAL_DIGITS} digits"));
    }
    let form = match (column.physical_type, scale) {
        (PhysicalType::Boolean, _) => Some(Form::Boolean),
        (PhysicalType::Int32, Some(scale)) => Some(Form::Decimal32(scale)),
        (PhysicalType::Int64, Some(scale)) => Some(Form::Decimal64(scale)),
        (PhysicalType::ByteArray, Some(scale)) => Some(Form::DecimalBytes(scale)),
        (PhysicalType::FixedLenByteArray(length @ 1..=DECIMAL_BYTES), Some(scale)) => {
            Some(Form::DecimalFixed(length, scale))
        }
        (PhysicalType::Int32 | PhysicalType::Int64, None) => integer(column),
        (PhysicalType::Float, None) => Some(Form::Single),
        (PhysicalType::Double, None) => Some(Form::Double),
        (PhysicalType::ByteArray, None) if column.logical_type != Some(Logical::Bson) => {
            Some(Form::Text)
        }
        (PhysicalType::FixedLenByteArray(2), None)
            if column.logical_type == Some(Logical::Float16) =>
        {
            Some(Form::Half)
        }
        _ => None,
    };
    form.ok_or_else(|| match (column.logical_type, column.converted_type) {
        (Some(logical), _) => format!("{logical:?}"),
        (None, Some(converted)) => format!("{converted:?}"),
        (None, None) => format!("{:?}", column.physical_type),
    })
}

/// The form of an integer; none where it is a date or a time.
fn integer(column: &PrimitiveType) -> Option<Form> {
    let is_long = column.physical_type == PhysicalType::Int64;
    let unsigned = match (column.logical_type, column.converted_type) {
        (Some(Logical::Integer(kind)), _) => matches!(
            kind,
            IntegerType::UInt8 | IntegerType::UInt16 | IntegerType::UInt32 | IntegerType::UInt64
        ),
        (Some(Logical::Unknown), _) | (None, None) => false,
        (None, Some(converted)) => match converted {
            Converted::Uint8 | Converted::Uint16 | Converted::Uint32 | Converted::Uint64 => true,
            Converted::Int8 | Converted::Int16 | Converted::Int32 | Converted::Int64 => false,
            _ => return None,
        },
        (Some(_), _) => return None,
    };
    Some(match (unsigned, is_long) {
        (false, false) => Form::Signed32,
        (false, true) => Form::Signed64,
        (true, false) => Form::Unsigned32,
        (true, true) => Form::Unsigned64,
    })
}

/// The values of one chunk of a column as texts. An absent value is an empty text.
fn decoded(
    bytes: &Buffer<u8>,
    chunk: &ColumnChunkMetadata,
    form: Form,
) -> PolarsResult<Vec<String>> {
    let dtype = match form {
        Form::Boolean => ArrowDataType::Boolean,
        Form::Signed32 | Form::Decimal32(_) => ArrowDataType::Int32,
        Form::Signed64 | Form::Decimal64(_) => ArrowDataType::Int64,
        Form::Unsigned32 => ArrowDataType::UInt32,
        Form::Unsigned64 => ArrowDataType::UInt64,
        Form::Single => ArrowDataType::Float32,
        Form::Double => ArrowDataType::Float64,
        Form::Text | Form::DecimalBytes(_) => ArrowDataType::BinaryView,
        Form::Half => ArrowDataType::FixedSizeBinary(2),
        Form::DecimalFixed(length, _) => ArrowDataType::FixedSizeBinary(length),
    };
    let column = &chunk.descriptor().descriptor.primitive_type;
    let name = column.field_info.name.clone();
    let range = chunk.byte_range();
    // Both ends were compared with the length of the file.
    let pages = bytes
        .clone()
        .sliced(range.start as usize..range.end as usize);
    let pages = PageReader::new(Cursor::new(pages), chunk, Vec::new(), usize::MAX);
    let pages = vec![BasicDecompressor::new(pages, Vec::new())];
    let (arrays, _) =
        column_iter_to_arrays(pages, vec![column], Field::new(name, dtype, true), None)?;
    let mut texts = Vec::new();
    for array in &arrays {
        let of = of_array(array.as_ref(), form);
        texts.extend(of.ok_or_else(|| {
            broken(
                &column.field_info.name,
                "has values that are not of its type, or text that is not UTF-8",
            )
        })?);
    }
    Ok(texts)
}

fn of_array(array: &dyn Array, form: Form) -> Option<Vec<String>> {
    match form {
        Form::Boolean => {
            let array = array.as_any().downcast_ref::<BooleanArray>()?;
            Some(texts(array.iter(), |value| value.to_string()))
        }
        Form::Signed32 => numbers::<i32>(array, |value| value.to_string()),
        Form::Signed64 => numbers::<i64>(array, |value| value.to_string()),
        Form::Unsigned32 => numbers::<u32>(array, |value| value.to_string()),
        Form::Unsigned64 => numbers::<u64>(array, |value| value.to_string()),
        Form::Single => numbers::<f32>(array, |value| value.to_string()),
        Form::Double => numbers::<f64>(array, |value| value.to_string()),
        Form::Decimal32(scale) => numbers::<i32>(array, |value| scaled(&value.to_string(), scale)),
        Form::Decimal64(scale) => numbers::<i64>(array, |value| scaled(&value.to_string(), scale)),
        Form::DecimalBytes(scale) => {
            let array = array.as_any().downcast_ref::<BinaryViewArray>()?;
            Some(texts(array.iter(), |value| {
                scaled(&big_endian(value), scale)
            }))
        }
        Form::DecimalFixed(_, scale) => {
            let array = array.as_any().downcast_ref::<FixedSizeBinaryArray>()?;
            Some(texts(array.iter(), |value| {
                scaled(&big_endian(value), scale)
            }))
        }
        Form::Half => {
            let array = array.as_any().downcast_ref::<FixedSizeBinaryArray>()?;
            let bits = |value: &[u8]| u16::from_le_bytes([value[0], value[1]]);
            Some(texts(array.iter(), |value| shortest_half(bits(value))))
        }
        Form::Text => {
            let array = array.as_any().downcast_ref::<BinaryViewArray>()?;
            let text = |value: Option<&[u8]>| match value {
                None => Some(String::new()),
                Some(bytes) => Some(std::str::from_utf8(bytes).ok()?.trim().to_owned()),
            };
            array.iter().map(text).collect()
        }
    }
}

fn texts<T>(values: impl Iterator<Item = Option<T>>, text: impl Fn(T) -> String) -> Vec<String> {
    values
        .map(|value| value.map_or(String::new(), &text))
        .collect()
}

fn numbers<T: NativeType>(array: &dyn Array, text: impl Fn(T) -> String) -> Option<Vec<String>> {
    let array = array.as_any().downcast_ref::<PrimitiveArray<T>>()?;
    Some(texts(array.iter(), |value| text(*value)))
}
