//! The values of one column in one group of rows.

use std::fs::File;
use std::io::{Cursor, Read, Seek, SeekFrom};

use polars_arrow::array::{Array, BinaryViewArray, PrimitiveArray};
use polars_arrow::datatypes::Field;
use polars_arrow::types::NativeType;
use polars_buffer::Buffer;
use polars_parquet::parquet::metadata::{ColumnChunkMetadata, RowGroupMetadata};
use polars_parquet::parquet::page::CompressedPage;
use polars_parquet::read::{BasicDecompressor, PageReader, column_iter_to_arrays};

use super::form::{Form, Value};
use super::headers;
use crate::data::ratings::moments::DAY;

/// The column of this name.
///
/// # Errors
/// Where the group has none.
pub(super) fn of<'a>(
    group: &'a RowGroupMetadata,
    name: &str,
) -> Result<&'a ColumnChunkMetadata, String> {
    let mut chunks = group.parquet_columns().iter();
    let chunk = chunks.find(|chunk| chunk.descriptor().path_in_schema[0] == name);
    chunk.ok_or_else(|| format!("a group of rows is without the column \"{name}\""))
}

/// Compares what a chunk says of itself with its group and with the bytes of the file, and gives the
/// bytes that it has when it is unpacked.
///
/// # Errors
/// What does not agree.
pub(super) fn check(chunk: &ColumnChunkMetadata, rows: usize, bytes: u64) -> Result<u64, String> {
    let values = chunk.num_values();
    if usize::try_from(values) != Ok(rows) {
        return Err(format!("a column has {values} values in {rows} rows"));
    }
    let range = chunk.byte_range();
    if range.start > range.end || range.end > bytes {
        return Err("the pages of a column are not in the file".to_owned());
    }
    let size = chunk.uncompressed_size();
    u64::try_from(size).map_err(|_| format!("a column has {size} bytes"))
}

/// The values of a column as they were decoded.
pub(super) struct Values {
    arrays: Vec<Box<dyn Array>>,
    form: Form,
}

/// Decodes its values.
///
/// # Errors
/// What cannot be read.
pub(super) fn values(
    mut file: &File,
    chunk: &ColumnChunkMetadata,
    rows: usize,
    form: Form,
) -> Result<Values, String> {
    let range = chunk.byte_range();
    let mut bytes = vec![0; (range.end - range.start) as usize];
    file.seek(SeekFrom::Start(range.start)).map_err(said)?;
    file.read_exact(&mut bytes).map_err(said)?;
    let most = usize::try_from(chunk.uncompressed_size()).unwrap_or(0);
    headers::check(&bytes, most)?;
    let bytes = Buffer::from(bytes);
    let pages = || {
        // What a page has more than its chunk is refused before there is room for it.
        let most = most.max(bytes.len());
        PageReader::new(Cursor::new(bytes.clone()), chunk, Vec::new(), most)
    };
    check_pages(pages(), rows, most)?;
    let column = &chunk.descriptor().descriptor.primitive_type;
    let field = Field::new(column.field_info.name.clone(), form.decoded(), true);
    let pages = vec![BasicDecompressor::new(pages(), Vec::new())];
    let decoded = column_iter_to_arrays(pages, vec![column], field, None);
    let (arrays, _) = decoded.map_err(said)?;
    Ok(Values { arrays, form })
}

impl Values {
    /// One a row, of which there are so many; none where there is a null.
    ///
    /// # Errors
    /// Where they are not of the column's type, or not as many.
    pub(super) fn each(&self, rows: usize) -> Result<Vec<Option<Value<'_>>>, String> {
        let mut each = Vec::with_capacity(rows);
        for array in &self.arrays {
            let array = array.as_ref();
            let all = &mut each;
            let whole = match self.form {
                Form::Signed32 => extend::<i32>(all, array, |n| Value::Signed(n.into())),
                Form::Signed64 | Form::Timestamp | Form::LongTimestamp => {
                    extend::<i64>(all, array, Value::Signed)
                }
                Form::Unsigned32 => extend::<u32>(all, array, |n| Value::Unsigned(n.into())),
                Form::Unsigned64 => extend::<u64>(all, array, Value::Unsigned),
                Form::Single => extend::<f32>(all, array, Value::Single),
                Form::Double => extend::<f64>(all, array, Value::Double),
                Form::Date => extend::<i32>(all, array, |n| Value::Signed(DAY * i64::from(n))),
                Form::Text => extend_with_texts(all, array),
            };
            whole.ok_or("a column has values that are not of its type")?;
        }
        match each.len() == rows {
            true => Ok(each),
            false => Err(format!("a column has {} values in {rows} rows", each.len())),
        }
    }
}

/// Makes sure that the headers of pages agree with their chunk. The decoder reserves room for as
/// many values as they claim.
fn check_pages(pages: PageReader, values: usize, size: usize) -> Result<(), String> {
    let mut seen = 0;
    for page in pages {
        let (held, unpacked) = match page.map_err(said)? {
            CompressedPage::Data(page) => (page.num_values(), page.uncompressed_size()),
            CompressedPage::Dict(_) => (0, 0),
        };
        if held > values - seen {
            return Err(format!(
                "a page claims more than the {values} values of its column"
            ));
        }
        if unpacked > size {
            return Err(format!(
                "a page claims more than the {size} bytes of its column"
            ));
        }
        seen += held;
    }
    match seen == values {
        true => Ok(()),
        false => Err(format!(
            "the pages of a column hold {seen} of {values} values"
        )),
    }
}

fn extend<'a, T: NativeType>(
    all: &mut Vec<Option<Value<'a>>>,
    array: &dyn Array,
    value: impl Fn(T) -> Value<'a>,
) -> Option<()> {
    let array = array.as_any().downcast_ref::<PrimitiveArray<T>>()?;
    all.extend(array.iter().map(|one| one.map(|one| value(*one))));
    Some(())
}

fn extend_with_texts<'a>(all: &mut Vec<Option<Value<'a>>>, array: &'a dyn Array) -> Option<()> {
    let array = array.as_any().downcast_ref::<BinaryViewArray>()?;
    all.extend(array.iter().map(|one| one.map(Value::Text)));
    Some(())
}

fn said(error: impl std::fmt::Display) -> String {
    error.to_string()
}
