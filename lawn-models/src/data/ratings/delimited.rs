//! Reads ratings that are columns of one file, many lines at once on all threads.

use std::path::Path;

use csv::{ByteRecord, ReaderBuilder};

use super::columns::{ColumnNames, Form};
use super::interactions::Line;
use super::text::{Blocks, finite, seconds, shown, whole};
use crate::data::error::DataError;

/// The lines of a file, those with a rating that is not above the least one left out.
#[derive(Debug, Default)]
pub(super) struct Delimited {
    pub(super) lines: Vec<Line>,
    pub(super) not_above: u64,
}

/// What a block of lines comes to.
struct Block {
    found: Delimited,
    /// Line ends in it.
    ends: usize,
}

/// A field that is not what it must be, in a line of a block.
struct Fault {
    /// From 1.
    line: usize,
    field: &'static str,
    value: String,
    allowed: String,
}

/// Reads a file in the order of its lines. Where it has no times, a line's number is its time.
///
/// # Errors
/// [`DataError::Field`] with the line of what is not as it must be.
pub(super) fn read(path: &Path, names: &ColumnNames, above: f64) -> Result<Delimited, DataError> {
    let mut blocks = Blocks::open(path)?;
    let mut all = Delimited::default();
    let mut form = None;
    let mut before = 0;
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    loop {
        let mut some = Vec::with_capacity(threads);
        while some.len() < threads {
            let quoted = form.is_none_or(|form: Form| form.quoted);
            let Some(block) = blocks.next(quoted)? else {
                break;
            };
            if form.is_none() {
                let first = block
                    .split(|&byte| byte == b'\n')
                    .next()
                    .unwrap_or_default();
                let first = first.strip_suffix(b"\r").unwrap_or(first);
                form = Some(Form::of(path, first, names)?);
            }
            some.push(block);
        }
        let Some(form) = form.filter(|_| !some.is_empty()) else {
            break;
        };
        let parsed: Vec<Result<Block, Fault>> = std::thread::scope(|scope| {
            let mut started = Vec::with_capacity(some.len());
            for (place, block) in some.iter().enumerate() {
                let is_first = before == 0 && place == 0;
                started.push(scope.spawn(move || parse(block, form, is_first, above)));
            }
            let join = |thread: std::thread::ScopedJoinHandle<'_, _>| match thread.join() {
                Ok(parsed) => parsed,
                Err(panic) => std::panic::resume_unwind(panic),
            };
            started.into_iter().map(join).collect()
        });
        for block in parsed {
            let Block { found, ends } = block.map_err(|fault| DataError::Field {
                path: path.to_owned(),
                line: before + fault.line,
                field: fault.field,
                value: fault.value,
                allowed: fault.allowed,
            })?;
            all.not_above += found.not_above;
            all.lines.extend(found.lines);
            before += ends;
        }
    }
    if form.is_some_and(|form| form.time.is_none()) {
        for (place, line) in all.lines.iter_mut().enumerate() {
            line.time = place as i64;
        }
    }
    if all.lines.is_empty() {
        let found = match all.not_above {
            0 => "no line".to_owned(),
            lines => format!("no rating above {above} in {lines} lines"),
        };
        return Err(DataError::unusable(path, found, "one interaction a line"));
    }
    Ok(all)
}

fn parse(block: &[u8], form: Form, is_first: bool, above: f64) -> Result<Block, Fault> {
    let mut reader = ReaderBuilder::new()
        .delimiter(form.separator)
        .quoting(form.quoted)
        .has_headers(is_first && form.header)
        .flexible(true)
        .from_reader(block);
    let mut found = Delimited::default();
    let mut record = ByteRecord::new();
    loop {
        // Reading bytes from memory, in rows of any length, cannot fail.
        match reader.read_byte_record(&mut record) {
            Ok(true) => {}
            _ => break,
        }
        let fault = |field, value: &[u8], allowed: String| Fault {
            line: line_of(block, &record),
            field,
            value: shown(value),
            allowed,
        };
        if record.len() < form.columns() {
            let wanted = form.columns();
            let allowed = format!("{wanted} or more columns, separated by {}", form.between());
            return Err(fault(
                "line",
                &record.iter().collect::<Vec<_>>().join(&b' '),
                allowed,
            ));
        }
        let field = |place: usize| record[place].trim_ascii();
        let id = |name, place| {
            whole(field(place))
                .filter(|&id| id < u64::MAX)
                .ok_or_else(|| {
                    let allowed = format!("an integer from 0 to {}", u64::MAX - 1);
                    fault(name, field(place), allowed)
                })
        };
        let (user, item) = (id("user", form.user)?, id("item", form.item)?);
        let rating = form.rating.map(|place| {
            finite(field(place))
                .ok_or_else(|| fault("rating", field(place), "a finite number".to_owned()))
        });
        let time = form.time.map(|place| {
            seconds(field(place)).ok_or_else(|| {
                fault(
                    "time",
                    field(place),
                    "an integer, seconds since 1970".to_owned(),
                )
            })
        });
        let (rating, time) = (rating.transpose()?, time.transpose()?.unwrap_or(0));
        if rating.is_some_and(|rating| rating <= above) {
            found.not_above += 1;
        } else {
            found.lines.push(Line { user, item, time });
        }
    }
    let ends = block.iter().filter(|&&byte| byte == b'\n').count();
    Ok(Block { found, ends })
}

/// The line that a record begins in, from 1; blank lines before it are none of its own.
fn line_of(block: &[u8], record: &ByteRecord) -> usize {
    let start = record.position().map_or(0, |place| place.byte() as usize);
    let (before, own) = block.split_at(start.min(block.len()));
    let blank = own.iter().take_while(|byte| byte.is_ascii_whitespace());
    let ends = before.iter().chain(blank).filter(|&&byte| byte == b'\n');
    1 + ends.count()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_text(name: &str, text: &[u8], above: f64) -> Result<Delimited, String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        read(&path, &ColumnNames::default(), above).map_err(|error| error.to_string())
    }

    fn triples(found: &Delimited) -> Vec<(u64, u64, i64)> {
        let triple = |line: &Line| (line.user, line.item, line.time);
        found.lines.iter().map(triple).collect()
    }

    #[test]
    fn the_files_of_publishers_are_read() {
        for (name, text) in [
            ("ratings.dat", "1::7::5::90\n2::8::3::80\n"),
            ("u.data", "1\t7\t5\t90\r\n2\t8\t3\t80"),
            (
                "ratings.csv",
                "userId,movieId,rating,timestamp\n1,7,5.0,90\n2,8,3.5,80\n",
            ),
            (
                "x.csv",
                "title,time,rating,item,user\n\"a, \"\"b\n\"\"\",90,5,7,1\nc,80,2.5,8,2\n",
            ),
            ("x.csv", "1,7,4,90\n2,8,1,80\n"),
        ] {
            let found = read_text(name, text.as_bytes(), 0.0).unwrap();
            assert_eq!(triples(&found), [(1, 7, 90), (2, 8, 80)], "{name}: {text}");
        }
        let latin = read_text("x.csv", b"user,item,title\n1,7,caf\xe9\n", 0.0).unwrap();
        assert_eq!(triples(&latin), [(1, 7, 0)]);
    }

    #[test]
    fn ratings_that_are_not_above_the_least_are_counted() {
        let text = b"user,item,rating\n1,7,0\n1,8,-2\n1,9,0.5\n2,7,4\n";
        let found = read_text("x.csv", text, 0.0).unwrap();
        assert_eq!(
            (triples(&found), found.not_above),
            (vec![(1, 9, 0), (2, 7, 1)], 2)
        );
        assert_eq!(read_text("x.csv", text, 3.9).unwrap().not_above, 3);
        let error = read_text("x.csv", text, 4.0).unwrap_err();
        assert!(error.contains("no rating above 4 in 4 lines"), "{error}");
    }

    #[test]
    fn what_is_wrong_is_named_with_its_line_however_far_it_is() {
        let far = |bad: &str| {
            format!(
                "user,item\n{}{bad}\n1,2\n",
                "12345678,12345678\n".repeat(2_000_000)
            )
        };
        for (text, expected) in [
            (
                "1,2\nx,3\n".to_owned(),
                ":2: user is \"x\", allowed is an integer from 0",
            ),
            (
                "user,item,rating\n1,2,nan\n".to_owned(),
                ":2: rating is \"nan\"",
            ),
            (
                "user,item,time\n1,2,2020-01-01\n".to_owned(),
                ":2: time is \"2020-01-01\"",
            ),
            (
                "user,item\n1,2\n\n7\n".to_owned(),
                ":4: line is \"7\", allowed is 2 or more columns, separated by commas",
            ),
            (far("9,-1"), ":2000002: item is \"-1\""),
        ] {
            let error = read_text("x.csv", text.as_bytes(), 0.0).unwrap_err();
            assert!(error.contains(expected), "{error}");
        }
        assert!(
            read_text("x.csv", b"", 0.0)
                .unwrap_err()
                .contains("no line")
        );
    }
}
