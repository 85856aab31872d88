//! Generated clicks as a file of Criteo.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::Path;

use super::generated::{GeneratedClicks, MOST_COLUMNS, MOST_DENSE, each_row};
use super::table::Row;
use crate::data::error::DataError;

/// Writes `folder/train.txt`: numbers as the integers that they are logarithms of, categories as
/// eight hexadecimal digits. Columns that the sizes do not have stay empty.
pub(crate) fn write(sizes: &GeneratedClicks, folder: &Path) -> Result<(), DataError> {
    let path = folder.join("train.txt");
    let failed = || DataError::write(&path);
    std::fs::create_dir_all(folder).map_err(failed())?;
    let mut file = std::io::BufWriter::new(std::fs::File::create(&path).map_err(failed())?);
    let dense = sizes.shape().dense;
    let mut line = String::new();
    each_row(sizes, |row| {
        line.clear();
        let written = write_row(&mut line, &Row::of(row, dense));
        let written = written.map_err(std::io::Error::other);
        let written = written.and_then(|()| file.write_all(line.as_bytes()));
        written.map_err(failed())
    })?;
    file.flush().map_err(failed())
}

fn write_row(line: &mut String, row: &Row<'_>) -> std::fmt::Result {
    write!(line, "{}", row.label())?;
    let mut numbers = row.dense().map(|z| f64::from(z).exp_m1().round() as u64);
    for _ in 0..MOST_DENSE {
        match numbers.next() {
            Some(number) => write!(line, "\t{number}")?,
            None => line.push('\t'),
        }
    }
    let mut ids = row.ids();
    for _ in 0..MOST_COLUMNS {
        match ids.next() {
            Some(id) => write!(line, "\t{id:08x}")?,
            None => line.push('\t'),
        }
    }
    line.push('\n');
    Ok(())
}
