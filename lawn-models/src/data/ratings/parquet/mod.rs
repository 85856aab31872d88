//! Ratings that are columns of a Parquet file, whichever program wrote it.
//!
//! Columns that are none of ratings are not read, whatever their types.

mod chunk;
mod form;
mod headers;
mod rows;
#[cfg(test)]
mod tests;

use std::any::Any;
use std::fmt::Display;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use polars_parquet::parquet::metadata::FileMetadata;
use polars_parquet::read::read_metadata;

use super::columns::ColumnNames;
use super::interactions::Lines;
use super::moments::Unit;
use super::places::Places;
use super::room::Room;
use super::taken::Taken;
use crate::data::error::DataError;
use form::Form;

/// Whether a file is called one of Parquet.
pub(super) fn is_named(path: &Path) -> bool {
    path.extension().is_some_and(|end| end == "parquet")
}

/// Whether nothing speaks against it that a file is one of ratings: it has columns of their names, or
/// reading the file says what is wrong with it.
pub(super) fn is_of_ratings(path: &Path) -> bool {
    let Ok(table) = Table::open(path) else {
        return true;
    };
    match Places::named(&table.names(), &ColumnNames::default()) {
        Ok(_) => true,
        Err(none) => !none.is_missing(),
    }
}

/// Reads a file in the order of its rows. Where it has no times, a row's number is its time; where one is
/// no whole second, all are microseconds.
///
/// # Errors
/// [`DataError::Unusable`] for a file that is damaged, and for columns that are missing or have types
/// that ratings do not have; [`DataError::Field`] with the row of a value that is not as it must be.
pub(super) fn read(
    path: &Path,
    names: &ColumnNames,
    above: f64,
    room: Room,
) -> Result<Lines, DataError> {
    let table = Table::open(path)?;
    let columns = table.columns(names)?;
    let groups = table.groups(&columns, room)?;
    for unit in [Unit::Seconds, Unit::Microseconds] {
        if let Some(mut all) = table.lines(&columns, &groups, above, unit)? {
            if columns.time.is_none() {
                all.number();
            }
            all.require_some(path, above)?;
            (all.taken, all.unit) = (columns.taken, unit);
            return Ok(all);
        }
    }
    unreachable!("no time is finer than microseconds")
}

/// A column that is read.
struct Column {
    /// Its name in the file.
    name: String,
    form: Form,
}

/// The columns of ratings.
struct Columns {
    user: Column,
    item: Column,
    rating: Option<Column>,
    time: Option<Column>,
    taken: Taken,
}

/// Rows that a file keeps together.
struct Group {
    place: usize,
    /// Their numbers, from 1.
    rows: Range<usize>,
}

/// A file and what it says of itself.
struct Table {
    path: PathBuf,
    about: FileMetadata,
    /// Bytes of the file.
    bytes: u64,
}

impl Table {
    fn open(path: &Path) -> Result<Self, DataError> {
        let mut file = File::open(path).map_err(DataError::read(path))?;
        let about = file.metadata().map_err(DataError::read(path))?;
        require_plain(path, &mut file)?;
        Ok(Self {
            path: path.to_owned(),
            about: guarded(path, || read_metadata(&mut file))?,
            bytes: about.len(),
        })
    }

    /// The names of all columns.
    fn names(&self) -> Vec<&str> {
        let fields = self.about.schema().fields().iter();
        fields.map(|field| field.name().trim()).collect()
    }

    /// The columns of these names, or of the usual ones.
    fn columns(&self, names: &ColumnNames) -> Result<Columns, DataError> {
        let fields = self.about.schema().fields();
        let given: Vec<&str> = fields.iter().map(|field| field.name()).collect();
        let trimmed = self.names();
        if names.header.is_some() {
            let found = "a Parquet file, beside raw.columns.header";
            let expected = "no such key: its columns have names";
            return Err(DataError::unusable(&self.path, found, expected));
        }
        let places = Places::named(&trimmed, names).map_err(|none| {
            let found = match given.is_empty() {
                true => "no columns".to_owned(),
                false => format!("the columns {}", given.join(", ")),
            };
            DataError::unusable(&self.path, found, none.allowed())
        })?;
        let column = |what: &'static str, place: usize| {
            let name = given[place].to_owned();
            let found = match Form::of(&fields[place]) {
                Ok(form) if form.suits(what) => return Ok(Column { name, form }),
                Ok(form) => form.name().to_owned(),
                Err(found) => found,
            };
            let found = format!("the column \"{name}\" of type {found}");
            let expected = format!("{} for a column of {what}s", Form::allowed(what));
            Err(DataError::unusable(&self.path, found, expected))
        };
        let optional =
            |what, place: Option<usize>| place.map(|place| column(what, place)).transpose();
        let [user, item] = [column("user", places.user)?, column("item", places.item)?];
        let named = [("user", &user), ("item", &item)].into_iter();
        let texts = named.filter_map(|(what, one)| one.is_text().then_some(what));
        let taken = Taken::of(&trimmed, true, places).with_texts(texts.collect());
        Ok(Columns {
            user,
            item,
            rating: optional("rating", places.rating)?,
            time: optional("time", places.time)?,
            taken,
        })
    }

    /// The groups of its rows. What they claim to hold is compared with what there is room for and
    /// with the pages that they have.
    fn groups(&self, columns: &Columns, room: Room) -> Result<Vec<Group>, DataError> {
        let mut groups = Vec::new();
        let mut before = 0usize;
        for (place, group) in self.about.row_groups.iter().enumerate() {
            let end = before.saturating_add(group.num_rows());
            room.require(&self.path, end as u64)?;
            for column in columns.all() {
                let size = guarded(&self.path, || {
                    let chunk = chunk::of(group, &column.name)?;
                    chunk::check(chunk, group.num_rows(), self.bytes)
                })?;
                room.require_bytes(&self.path, size, end as u64)?;
            }
            groups.push(Group {
                place,
                rows: before + 1..end + 1,
            });
            before = end;
        }
        Ok(groups)
    }
}

impl Column {
    fn is_text(&self) -> bool {
        self.form == Form::Text
    }
}

impl Columns {
    fn all(&self) -> impl Iterator<Item = &Column> {
        let always = [Some(&self.user), Some(&self.item)];
        let perhaps = [self.rating.as_ref(), self.time.as_ref()];
        always.into_iter().chain(perhaps).flatten()
    }
}

/// Names a file whose footer is encrypted for what it is.
fn require_plain(path: &Path, file: &mut File) -> Result<(), DataError> {
    let mut end = [0; 4];
    let read = file.seek(SeekFrom::End(-4)).is_ok() && file.read_exact(&mut end).is_ok();
    file.rewind().map_err(DataError::read(path))?;
    match read && end == *b"PARE" {
        true => Err(DataError::unusable(
            path,
            "an encrypted Parquet file",
            "one that is not encrypted",
        )),
        false => Ok(()),
    }
}

/// Runs a step of reading a file. The decoder panics at some damaged files: here such a panic is an
/// error like any other.
///
/// # Errors
/// [`DataError::Unusable`].
fn guarded<T, E: Display>(
    path: &Path,
    step: impl FnOnce() -> Result<T, E>,
) -> Result<T, DataError> {
    let said = match catch_unwind(AssertUnwindSafe(step)) {
        Ok(Ok(read)) => return Ok(read),
        Ok(Err(error)) => error.to_string(),
        Err(panic) => format!("the decoder failed: {}", message(&*panic)),
    };
    let found = format!("a Parquet file that cannot be read ({said})");
    Err(DataError::unusable(
        path,
        found,
        "a whole one; get it again",
    ))
}

fn message(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
    text.unwrap_or("without a reason")
}
