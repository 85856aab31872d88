//! Reads ratings that are columns of one file, many lines at once on all threads.

use std::path::Path;

use csv::{ByteRecord, Reader, ReaderBuilder};

use super::columns::{ColumnNames, Form};
use super::fields::{finite, whole};
use super::gathered::{Gathered, Parsed};
use super::interactions::{Line, Lines};
use super::moments::{self, NoTime, Unit};
use super::room::Room;
use super::texts::Texts;
use crate::data::error::DataError;
use crate::data::parts;
use crate::data::text::{Block, Blocks, quotes, shown};

/// A field that is not what it must be, in a line of a block.
struct Fault {
    /// From 1.
    line: usize,
    field: &'static str,
    value: String,
    allowed: String,
    /// Whether it is a time that is no whole second, which is none in a file that has such.
    is_finer: bool,
}

/// Reads a file in the order of its lines. Where it has no times, a line's number is its time; where one
/// is no whole second, all are microseconds.
///
/// # Errors
/// [`DataError::Field`] with the line of what is not as it must be.
pub(super) fn read(
    path: &Path,
    names: &ColumnNames,
    above: f64,
    room: Room,
) -> Result<Lines, DataError> {
    for unit in [Unit::Seconds, Unit::Microseconds] {
        if let Some(lines) = read_in(unit, path, names, above, room)? {
            return Ok(lines);
        }
    }
    unreachable!("no time is finer than microseconds")
}

/// The same with times in a unit; none where one is finer.
fn read_in(
    unit: Unit,
    path: &Path,
    names: &ColumnNames,
    above: f64,
    room: Room,
) -> Result<Option<Lines>, DataError> {
    let mut blocks = Blocks::open(path)?;
    let mut gathered = Gathered::default();
    let mut form = match blocks.first_line()? {
        Some(line) => Form::of(path, &line, names)?,
        None => {
            return Err(DataError::unusable(
                path,
                "no line",
                "one interaction a line",
            ));
        }
    };
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    loop {
        let mut some = Vec::with_capacity(threads);
        while some.len() < threads {
            let Some(block) = blocks.next(form.quoting())? else {
                break;
            };
            some.push(block);
        }
        match some.first() {
            None => break,
            Some(block) if block.start.byte == 0 => {
                if let Some(first) = first_record(block, &form) {
                    form.look_at(&first);
                }
            }
            Some(_) => {}
        }
        let parsed = parts::each(&some, |block| parse(block, &form, above, unit));
        for (block, found) in some.iter().zip(parsed) {
            let before = block.start.lines as usize;
            let found = match found {
                Ok(found) => found,
                Err(fault) if fault.is_finer && unit == Unit::Seconds => return Ok(None),
                Err(fault) => {
                    return Err(DataError::Field {
                        path: path.to_owned(),
                        line: before + fault.line,
                        field: fault.field,
                        value: fault.value,
                        allowed: fault.allowed,
                    });
                }
            };
            gathered.add(found, form.texts, before);
            room.require(path, gathered.lines.lines.len() as u64)?;
        }
    }
    let mut all = gathered.lines;
    if form.places.time.is_none() {
        all.number();
    }
    all.require_some(path, above)?;
    (all.taken, all.unit) = (form.taken, unit);
    Ok(Some(all))
}

/// The first line of ratings of a file, of which this is the first block.
fn first_record(block: &Block, form: &Form) -> Option<ByteRecord> {
    let mut record = ByteRecord::new();
    let is_there = reader(&block.text, form, true).read_byte_record(&mut record);
    is_there.ok()?.then_some(record)
}

/// Reads a block, the first of its file or another.
fn reader<'b>(block: &'b [u8], form: &Form, is_first: bool) -> Reader<&'b [u8]> {
    ReaderBuilder::new()
        .delimiter(form.separator)
        .quoting(form.quoting().is_some())
        .has_headers(is_first && form.header)
        .flexible(true)
        .from_reader(block)
}

/// Whether nothing speaks against it that a file is one of ratings: its first line is one of them, or
/// reading the file says what is wrong with it.
pub(super) fn is_of_ratings(path: &Path) -> bool {
    let line = Blocks::open(path).and_then(|mut blocks| blocks.first_line());
    let Ok(Some(line)) = line else {
        return true;
    };
    match Form::of_line(&line, &ColumnNames::default()) {
        Ok(_) => true,
        Err(none) => none.is_of_ratings,
    }
}

fn parse(block: &Block, form: &Form, above: f64, unit: Unit) -> Result<Parsed, Fault> {
    let is_first = block.start.byte == 0;
    let block = &block.text[..];
    let quoting = form.quoting().filter(|_| block.contains(&b'"'));
    // A block ends within quotes only where the file does.
    if let Some(place) = quoting.and_then(|separator| quotes(block, separator).open) {
        let before = &block[..place];
        let start = before.iter().rposition(|&byte| byte == b'\n');
        let mut lines = block[start.map_or(0, |end| end + 1)..].split(|&byte| byte == b'\n');
        return Err(Fault {
            line: 1 + ends(before),
            field: "line",
            value: shown(lines.next().unwrap_or_default().trim_ascii_end()),
            allowed: "a double quote that opens a field and another that closes it: none does up \
                      to the end of the file"
                .to_owned(),
            is_finer: false,
        });
    }
    let mut reader = reader(block, form, is_first);
    let (mut found, mut texts) = (Lines::default(), <[Texts; 2]>::default());
    let mut record = ByteRecord::new();
    let (mut number, mut counted) = (1, 0);
    // Reading bytes from memory, in rows of any length, cannot fail.
    while let Ok(true) = reader.read_byte_record(&mut record) {
        let start = start_of(block, &record);
        number += ends(&block[counted..start]);
        counted = start;
        let fault = |field, value: &[u8], allowed: String| Fault {
            line: number,
            field,
            value: shown(value),
            allowed,
            is_finer: false,
        };
        let (wanted, most, between) = (form.columns(), form.most_columns(), form.between());
        let allowed = if record.len() < wanted {
            let least = form.least_columns();
            Some(format!("{least} or more columns, separated by {between}"))
        } else if form.is_exceeded_by(&record) {
            Some(format!(
                "up to {most} columns, as in line 1, separated by {between}"
            ))
        } else {
            None
        };
        if let Some(allowed) = allowed {
            // Between two colons lies an empty field.
            let step = if form.separator == b':' { 2 } else { 1 };
            let line = record.iter().step_by(step).collect::<Vec<_>>().join(&b' ');
            return Err(fault("line", &line, allowed));
        }
        let field = |place: usize| record[place].trim_ascii();
        let mut id = |column: usize, name, place| {
            if form.texts[column] {
                return match field(place) {
                    b"" => Err(fault(name, b"", "an id".to_owned())),
                    text => Ok(texts[column].number(text)),
                };
            }
            whole(field(place))
                .filter(|&id| id < u64::MAX)
                .ok_or_else(|| {
                    let allowed = format!("an integer from 0 to {}", u64::MAX - 1);
                    fault(name, field(place), allowed)
                })
        };
        let user = id(0, "user", form.places.user)?;
        let item = id(1, "item", form.places.item)?;
        let rating = form.places.rating.map(|place| {
            finite(field(place))
                .ok_or_else(|| fault("rating", field(place), "a finite number".to_owned()))
        });
        let time = form.places.time.map(|place| {
            moments::time(field(place), unit).map_err(|why| {
                let absent = match field(place) {
                    b"" => moments::ABSENT,
                    _ => "",
                };
                let allowed = format!("{}{absent}", moments::ALLOWED);
                Fault {
                    is_finer: why == NoTime::Finer,
                    ..fault("time", field(place), allowed)
                }
            })
        });
        let (rating, time) = (rating.transpose()?, time.transpose()?.unwrap_or(0));
        if rating.is_some_and(|rating| rating <= above) {
            found.not_above += 1;
        } else {
            found.lines.push(Line {
                user,
                item,
                time,
                number,
            });
        }
    }
    Ok(Parsed {
        lines: found,
        texts,
    })
}

/// Where a record begins; blank lines before it are none of its own.
fn start_of(block: &[u8], record: &ByteRecord) -> usize {
    let start = record.position().map_or(0, |place| place.byte() as usize);
    let start = start.min(block.len());
    let blank = block[start..]
        .iter()
        .take_while(|byte| b"\r\n".contains(byte));
    start + blank.count()
}

fn ends(text: &[u8]) -> usize {
    text.iter().filter(|&&byte| byte == b'\n').count()
}

#[cfg(test)]
mod tests;
