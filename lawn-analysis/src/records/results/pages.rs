//! The sizes that the page headers of a Parquet file claim, checked before decoding.
//!
//! The decoder reserves room for as many values as a header claims, and a process that asks for
//! more memory than there is ends. The footer states sizes too, so a damaged header is found by
//! comparison.

use std::io::Cursor;

use polars::error::{PolarsError, PolarsResult};
use polars_buffer::Buffer;
use polars_parquet::parquet::error::ParquetResult;
use polars_parquet::parquet::metadata::{ColumnChunkMetadata, FileMetadata};
use polars_parquet::parquet::page::CompressedPage;
use polars_parquet::parquet::read::PageReader;

/// Makes sure that the page headers of the columns that are read agree with the footer of the file
/// `bytes`.
///
/// # Errors
/// [`PolarsError::ComputeError`] naming the column.
pub(super) fn check(
    bytes: &Buffer<u8>,
    metadata: &FileMetadata,
    is_read: impl Fn(&str) -> bool,
) -> PolarsResult<()> {
    for group in &metadata.row_groups {
        for column in group.parquet_columns() {
            let path = &column.descriptor().path_in_schema;
            let [name] = &path[..] else { continue };
            if !is_read(name) {
                continue;
            }
            let refuse = |what: String| Err(refused(format!("column `{name}`: {what}")));
            let (values, rows) = (column.num_values(), group.num_rows());
            if usize::try_from(values) != Ok(rows) {
                return refuse(format!("it has {values} values in {rows} rows"));
            }
            match pages(bytes, column) {
                Ok(None) => {}
                Ok(Some(what)) => return refuse(what),
                Err(error) => return refuse(error.to_string()),
            }
        }
    }
    Ok(())
}

fn refused(what: impl ToString) -> PolarsError {
    PolarsError::ComputeError(what.to_string().into())
}

/// What is wrong with the pages of a column.
fn pages(bytes: &Buffer<u8>, column: &ColumnChunkMetadata) -> ParquetResult<Option<String>> {
    let range = column.byte_range();
    let end = usize::try_from(range.end).unwrap_or(usize::MAX);
    let start = usize::try_from(range.start).unwrap_or(usize::MAX);
    if start > end || end > bytes.len() {
        return Ok(Some("its pages are not in the file".to_owned()));
    }
    let chunk = Cursor::new(bytes.clone().sliced(start..end));
    let values = usize::try_from(column.num_values()).unwrap_or(0);
    let size = usize::try_from(column.uncompressed_size()).unwrap_or(0);
    let mut seen = 0;
    for page in PageReader::new(chunk, column, Vec::new(), bytes.len()) {
        let (held, inflated) = match page? {
            CompressedPage::Data(page) => (page.num_values(), page.uncompressed_size()),
            CompressedPage::Dict(_) => (0, 0),
        };
        if held > values - seen {
            return Ok(Some(format!("a page claims more than its {values} values")));
        }
        if inflated > size {
            return Ok(Some(format!("a page claims more than its {size} bytes")));
        }
        seen += held;
    }
    Ok((seen != values).then(|| format!("its pages hold {seen} of {values} values")))
}
