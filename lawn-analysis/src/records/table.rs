//! Rows to columns and back, with typed cells, versioned Parquet files and atomic writes.

use std::fs::{self, File};
use std::io::Write;
use std::path::Path;

use polars::prelude::{
    Column, DataFrame, DataType, IntoColumn, KeyValueMetadata, NamedFrom, ParquetCompression,
    ParquetReader, ParquetWriter, SerReader, Series,
};

use super::decode::guarded;
use super::seal::{self, Seal};
use super::words::{BudgetUnit, Outcome, Phase, Split, Stage};
use crate::error::Error;
use crate::word::Word;

/// The version of the tables that this release writes.
///
/// A reader accepts every version up to its own and refuses newer ones.
///
/// | version | brought |
/// |---|---|
/// | 1 | the four tables |
/// | 2 | `epochs.distance_from_freeze`; test rows in `measurements` before the last epoch; fractions of epochs |
/// | 3 | `trials.budget_unit` and `trials.budget_amount`; a checksum of each file |
/// | 4 | `trials.ranks` and `trials.rank_backend` |
/// | 5 | `epochs.function_distance` |
/// | 6 | `trials.frozen_at_step` |
pub const SCHEMA_VERSION: u32 = 6;

/// The first version whose files have a checksum.
const SEALED_SINCE: u32 = 3;

/// Metadata key of the schema version.
const VERSION_KEY: &str = "lawn.schema_version";
/// Metadata key of the table's name.
const TABLE_KEY: &str = "lawn.table";

/// A row type that is stored as one Parquet file.
pub trait Table: Sized {
    /// Name of the table, and of its file without the extension.
    const NAME: &'static str;
    /// Its columns in order: name, and type in words.
    const COLUMNS: &'static [(&'static str, &'static str)];
    /// The columns that version 1 did not have, each with the version that added it.
    const ADDED: &'static [(&'static str, u32)];

    /// Rows as columns.
    ///
    /// # Errors
    /// Where polars refuses the columns.
    fn to_frame(rows: &[Self]) -> polars::error::PolarsResult<DataFrame>;

    /// Columns as rows. Errors name `path`.
    ///
    /// # Errors
    /// A missing column, a column of another type, an absent value, an unknown word.
    fn from_frame(frame: &DataFrame, path: &Path) -> Result<Vec<Self>, Error>;

    /// The row whose columns have these texts. An empty text is no value.
    ///
    /// # Errors
    /// The first column whose text does not denote a value of it.
    fn from_texts<'a>(text: impl Fn(&str) -> &'a str) -> Result<Self, Misfit<'a>>;
}

/// A text that does not denote a value of its column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Misfit<'a> {
    /// The column.
    pub column: &'static str,
    /// The text found.
    pub text: &'a str,
    /// What is allowed there.
    pub allowed: String,
}

/// A type that a column may hold.
pub(super) trait Cell: Sized {
    /// The type in words, for schemas and errors.
    const TYPE: &'static str;

    /// A column of these values.
    fn write<'a>(name: &str, values: impl Iterator<Item = &'a Self>) -> Column
    where
        Self: 'a;

    /// The values of a column.
    fn read(frame: &DataFrame, name: &str, path: &Path) -> Result<Vec<Self>, Error>;

    /// The value that a text denotes, or what would be allowed there.
    fn parse(text: &str) -> Result<Self, String>;
}

/// The column, if it is there and its type is one that `accepted` takes.
fn column<'a>(
    frame: &'a DataFrame,
    name: &str,
    path: &Path,
    expected: &'static str,
    accepted: impl Fn(&DataType) -> bool,
) -> Result<&'a Column, Error> {
    let column = frame.column(name).map_err(|_| Error::MissingColumn {
        path: path.to_owned(),
        column: name.to_owned(),
    })?;
    // A column without any value may have no type, as when it comes from a CSV.
    if accepted(column.dtype()) || column.dtype() == &DataType::Null {
        return Ok(column);
    }
    Err(Error::WrongType {
        path: path.to_owned(),
        column: name.to_owned(),
        expected,
        found: column.dtype().to_string(),
    })
}

fn required<T>(values: Vec<Option<T>>, name: &str, path: &Path) -> Result<Vec<T>, Error> {
    values
        .into_iter()
        .enumerate()
        .map(|(index, value)| {
            value.ok_or_else(|| Error::Null {
                path: path.to_owned(),
                column: name.to_owned(),
                row: index + 1,
            })
        })
        .collect()
}

/// Implements [`Cell`] for a primitive and for its optional form.
macro_rules! cell {
    ($type:ty, $words:literal, $accepted:pat, $dtype:expr, $access:ident, $own:expr, $parse:expr) => {
        impl Cell for Option<$type> {
            const TYPE: &'static str = concat!($words, " or no value");

            fn write<'a>(name: &str, values: impl Iterator<Item = &'a Self>) -> Column {
                Series::new(name.into(), values.cloned().collect::<Vec<_>>()).into_column()
            }

            fn read(frame: &DataFrame, name: &str, path: &Path) -> Result<Vec<Self>, Error> {
                let unreadable = |source| Error::Parquet {
                    path: path.to_owned(),
                    source,
                };
                let column = column(frame, name, path, $words, |found| {
                    matches!(found, $accepted)
                })?;
                let column = column.cast(&$dtype).map_err(unreadable)?;
                let values = column.$access().map_err(unreadable)?;
                Ok(values.iter().map(|value| value.map($own)).collect())
            }

            fn parse(text: &str) -> Result<Self, String> {
                if text.is_empty() {
                    return Ok(None);
                }
                <$type as Cell>::parse(text).map(Some)
            }
        }

        impl Cell for $type {
            const TYPE: &'static str = $words;

            fn write<'a>(name: &str, values: impl Iterator<Item = &'a Self>) -> Column {
                Series::new(name.into(), values.cloned().collect::<Vec<_>>()).into_column()
            }

            fn read(frame: &DataFrame, name: &str, path: &Path) -> Result<Vec<Self>, Error> {
                required(<Option<$type>>::read(frame, name, path)?, name, path)
            }

            fn parse(text: &str) -> Result<Self, String> {
                let parse: fn(&str) -> Option<$type> = $parse;
                parse(text).ok_or_else(|| allowed($words, text))
            }
        }
    };
}

cell!(
    String,
    "text",
    DataType::String,
    DataType::String,
    str,
    str::to_owned,
    |text| (!text.is_empty()).then(|| text.to_owned())
);
cell!(
    i64,
    "an integer",
    DataType::Int64 | DataType::Int32 | DataType::UInt32 | DataType::UInt64,
    DataType::Int64,
    i64,
    std::convert::identity,
    whole
);
cell!(
    f64,
    "a number",
    DataType::Float64 | DataType::Float32 | DataType::Int64 | DataType::Int32,
    DataType::Float64,
    f64,
    std::convert::identity,
    |text| text.parse().ok()
);
cell!(
    bool,
    "true or false",
    DataType::Boolean,
    DataType::Boolean,
    bool,
    std::convert::identity,
    |text| match text {
        "true" | "True" | "TRUE" | "1" => Some(true),
        "false" | "False" | "FALSE" | "0" => Some(false),
        _ => None,
    }
);

/// An integer, or a decimal with a fraction of zero, as other tools write it for columns with gaps.
fn whole(text: &str) -> Option<i64> {
    let exact = |number: &f64| number.fract() == 0.0 && number.abs() < 9e15;
    let decimal = || text.parse().ok().filter(exact).map(|number| number as i64);
    text.parse().ok().or_else(decimal)
}

/// What is allowed in place of a text that is no value of a type, whose `words` are these.
fn allowed(words: &str, text: &str) -> String {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    let is_written = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    match words == <i64 as Cell>::TYPE && is_written {
        true => format!(
            "{words} of 64 bits: out of range, which is {} to {}",
            i64::MIN,
            i64::MAX
        ),
        false => words.to_owned(),
    }
}

/// The words of a set, as an error lists them.
fn words<W: Word + std::fmt::Display>() -> String {
    let quoted: Vec<String> = W::ALL.iter().map(|word| format!("`{word}`")).collect();
    quoted.join(", ")
}

/// Implements [`Cell`] for a set of words and for its optional form.
macro_rules! word_cell {
    ($($type:ty),*) => {$(
        impl Cell for Option<$type> {
            const TYPE: &'static str = "a word or no value";

            fn write<'a>(name: &str, values: impl Iterator<Item = &'a Self>) -> Column {
                let words = values.map(|word| word.map(Word::as_str));
                Series::new(name.into(), words.collect::<Vec<_>>()).into_column()
            }

            fn read(frame: &DataFrame, name: &str, path: &Path) -> Result<Vec<Self>, Error> {
                let texts = <Option<String>>::read(frame, name, path)?.into_iter().enumerate();
                let words = texts.map(|(index, text)| {
                    let Some(text) = text else { return Ok(None) };
                    let word = <$type as Word>::parse(&text);
                    word.map(Some).ok_or_else(|| Error::UnknownWord {
                        path: path.to_owned(),
                        column: name.to_owned(),
                        row: index + 1,
                        value: text,
                        allowed: words::<$type>(),
                    })
                });
                words.collect()
            }

            fn parse(text: &str) -> Result<Self, String> {
                if text.is_empty() {
                    return Ok(None);
                }
                <$type as Cell>::parse(text).map(Some)
            }
        }

        impl Cell for $type {
            const TYPE: &'static str = "a word";

            fn write<'a>(name: &str, values: impl Iterator<Item = &'a Self>) -> Column {
                Series::new(name.into(), values.map(|word| word.as_str()).collect::<Vec<_>>())
                    .into_column()
            }

            fn read(frame: &DataFrame, name: &str, path: &Path) -> Result<Vec<Self>, Error> {
                required(<Option<$type>>::read(frame, name, path)?, name, path)
            }

            fn parse(text: &str) -> Result<Self, String> {
                <Self as Word>::parse(text).ok_or_else(|| format!("one of {}", words::<Self>()))
            }
        }
    )*};
}

word_cell!(Stage, Outcome, Phase, Split, BudgetUnit);

/// Writes the bytes under a temporary name, flushes them to disk and renames the file.
pub(crate) fn write_atomically(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    let io = |source| Error::Io {
        path: path.to_owned(),
        source,
    };
    let dir = path.parent().filter(|dir| !dir.as_os_str().is_empty());
    let dir = dir.unwrap_or(Path::new("."));
    fs::create_dir_all(dir).map_err(io)?;
    let mut draft = tempfile::Builder::new();
    // A temporary file is private, but a report is readable for everyone whom the user's umask
    // allows.
    #[cfg(unix)]
    let everyone = {
        use std::os::unix::fs::PermissionsExt;
        fs::Permissions::from_mode(0o666)
    };
    #[cfg(unix)]
    draft.permissions(everyone);
    let mut file = draft.tempfile_in(dir).map_err(io)?;
    file.write_all(bytes).map_err(io)?;
    file.as_file().sync_all().map_err(io)?;
    file.persist(path).map_err(|error| io(error.error))?;
    // The rename is durable only once the folder is flushed too.
    #[cfg(unix)]
    File::open(dir).and_then(|dir| dir.sync_all()).map_err(io)?;
    Ok(())
}

/// Writes one table to `<dir>/<name>.parquet`.
pub(super) fn write<T: Table>(rows: &[T], dir: &Path) -> Result<(), Error> {
    let path = dir.join(format!("{}.parquet", T::NAME));
    let unwritable = |source| Error::Parquet {
        path: path.clone(),
        source,
    };
    let mut frame = T::to_frame(rows).map_err(unwritable)?;
    let mut bytes = Vec::new();
    ParquetWriter::new(&mut bytes)
        .with_compression(ParquetCompression::Snappy)
        .with_key_value_metadata(Some(KeyValueMetadata::from_static(vec![
            (VERSION_KEY.to_owned(), SCHEMA_VERSION.to_string()),
            (TABLE_KEY.to_owned(), T::NAME.to_owned()),
        ])))
        .finish(&mut frame)
        .map_err(unwritable)?;
    seal::put(&mut bytes);
    write_atomically(&path, &bytes)
}

/// Reads one table from `<dir>/<name>.parquet`.
pub(super) fn load<T: Table>(dir: &Path) -> Result<Vec<T>, Error> {
    let path = dir.join(format!("{}.parquet", T::NAME));
    let bytes = fs::read(&path).map_err(|source| Error::Io {
        path: path.clone(),
        source,
    })?;
    let broken = || Error::Checksum { path: path.clone() };
    let seal = seal::check(&bytes);
    if seal == Seal::Broken {
        return Err(broken());
    }
    let mut reader = ParquetReader::new(std::io::Cursor::new(bytes));
    let metadata = guarded(&path, || reader.get_metadata().cloned())?;
    let entry = |key: &str| {
        let entries = metadata.key_value_metadata().iter().flatten();
        entries
            .filter(|entry| entry.key == key)
            .find_map(|entry| entry.value.clone())
    };
    let version = check_version::<T>(&path, entry(TABLE_KEY), entry(VERSION_KEY))?;
    if seal == Seal::Absent && version >= SEALED_SINCE {
        return Err(broken());
    }
    let frame = guarded(&path, || {
        let mut frame = reader.finish()?;
        for (name, _) in T::ADDED.iter().filter(|(_, since)| version < *since) {
            let absent = Column::full_null((*name).into(), frame.height(), &DataType::Null);
            frame.with_column(absent)?;
        }
        Ok(frame)
    })?;
    T::from_frame(&frame, &path)
}

/// The schema version of a file, where this release can read it.
fn check_version<T: Table>(
    path: &Path,
    table: Option<String>,
    version: Option<String>,
) -> Result<u32, Error> {
    let absent = |key: &str, found: Option<String>| Error::NoSchema {
        path: path.to_owned(),
        table: T::NAME,
        key: key.to_owned(),
        found: found.map_or("absent".to_owned(), |text| format!("`{text}`")),
    };
    if table.as_deref() != Some(T::NAME) {
        return Err(absent(TABLE_KEY, table));
    }
    match version.as_deref().map(str::parse::<u32>) {
        Some(Ok(found)) if found > SCHEMA_VERSION => Err(Error::NewerSchema {
            path: path.to_owned(),
            table: T::NAME,
            found,
            known: SCHEMA_VERSION,
        }),
        Some(Ok(found)) if found > 0 => Ok(found),
        _ => Err(absent(VERSION_KEY, version)),
    }
}
