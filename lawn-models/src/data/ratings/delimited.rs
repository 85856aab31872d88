//! Reads ratings that are columns of one file, many lines at once on all threads.

use std::path::Path;

use csv::{ByteRecord, ReaderBuilder};

use super::columns::{ColumnNames, Form};
use super::fields::{finite, seconds, whole};
use super::interactions::{Line, Lines};
use super::room::Room;
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
}

/// Reads a file in the order of its lines. Where it has no times, a line's number is its time.
///
/// # Errors
/// [`DataError::Field`] with the line of what is not as it must be.
pub(super) fn read(
    path: &Path,
    names: &ColumnNames,
    above: f64,
    room: Room,
) -> Result<Lines, DataError> {
    let mut blocks = Blocks::open(path)?;
    let mut all = Lines::default();
    let form = match blocks.first_line()? {
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
        if some.is_empty() {
            break;
        }
        let parsed = parts::each(&some, |block| parse(block, &form, above));
        for (block, found) in some.iter().zip(parsed) {
            let before = block.start.lines as usize;
            let found = found.map_err(|fault| DataError::Field {
                path: path.to_owned(),
                line: before + fault.line,
                field: fault.field,
                value: fault.value,
                allowed: fault.allowed,
            })?;
            all.not_above += found.not_above;
            all.lines.extend(found.lines.into_iter().map(|line| Line {
                number: before + line.number,
                ..line
            }));
            room.require(path, all.lines.len() as u64)?;
        }
    }
    if form.places.time.is_none() {
        all.number();
    }
    all.require_some(path, above)?;
    all.taken = form.taken;
    Ok(all)
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

fn parse(block: &Block, form: &Form, above: f64) -> Result<Lines, Fault> {
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
        });
    }
    let mut reader = ReaderBuilder::new()
        .delimiter(form.separator)
        .quoting(form.quoting().is_some())
        .has_headers(is_first && form.header)
        .flexible(true)
        .from_reader(block);
    let mut found = Lines::default();
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
        let id = |name, place| {
            whole(field(place))
                .filter(|&id| id < u64::MAX)
                .ok_or_else(|| {
                    let allowed = format!("an integer from 0 to {}", u64::MAX - 1);
                    fault(name, field(place), allowed)
                })
        };
        let (user, item) = (id("user", form.places.user)?, id("item", form.places.item)?);
        let rating = form.places.rating.map(|place| {
            finite(field(place))
                .ok_or_else(|| fault("rating", field(place), "a finite number".to_owned()))
        });
        let time = form.places.time.map(|place| {
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
            found.lines.push(Line {
                user,
                item,
                time,
                number,
            });
        }
    }
    Ok(found)
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
mod tests {
    use super::*;

    fn read_text(name: &str, text: &[u8], above: f64) -> Result<Lines, String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        read(&path, &ColumnNames::default(), above, Room::ENDLESS)
            .map_err(|error| error.to_string())
    }

    fn triples(found: &Lines) -> Vec<(u64, u64, i64)> {
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
        // Separators at the end of a line, and a colon within a field.
        for text in [
            "user,item\n1,7,\n2,8, ,\n",
            "1,7,\n2,8\n",
            "user::item::title\n1::7::a: b\n2::8::c\n",
        ] {
            assert_eq!(
                read_text("x.csv", text.as_bytes(), 0.0)
                    .unwrap()
                    .lines
                    .len(),
                2
            );
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

    /// A hundred mebibytes of lines in a hundred kibibytes.
    #[test]
    fn more_lines_than_memory_holds_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.csv.gz");
        let file = std::fs::File::create(&path).unwrap();
        let mut packer = flate2::write::GzEncoder::new(file, flate2::Compression::new(6));
        let lines = "1,2\n".repeat(1 << 18);
        for _ in 0..100 {
            std::io::Write::write_all(&mut packer, lines.as_bytes()).unwrap();
        }
        packer.finish().unwrap();
        assert!(std::fs::metadata(&path).unwrap().len() < 1 << 20);
        let room = Room(64 << 20);
        let error = read(&path, &ColumnNames::default(), 0.0, room).unwrap_err();
        let error = error.to_string();
        assert!(
            error.contains("x.csv.gz: found more than 1048576 interactions"),
            "{error}"
        );
    }

    #[test]
    fn a_quote_is_one_of_a_field_between_commas_alone() {
        for (name, text) in [
            ("x.tsv", "user\titem\ttitle\n1\t7\t\"a\n2\t8\tb\"\n"),
            ("ratings.dat", "1::7::5::90\n2::8::3::80\n"),
            ("x.csv", "user,item,title\n1,7,12\" single\n2,8,7\"\n"),
            ("x.csv", "user;item;title\n1;7;\"a\nb;\"\n2;8;c\n"),
        ] {
            let found = read_text(name, text.as_bytes(), 0.0).unwrap();
            let pairs: Vec<(u64, u64)> = found.lines.iter().map(|l| (l.user, l.item)).collect();
            assert_eq!(pairs, [(1, 7), (2, 8)], "{name}: {text}");
        }
        let far = "1,7,a\n".repeat(5);
        for (text, expected) in [
            (
                "user,item,title\n1,7,\"a\n2,8,b\n",
                ":2: line is \"1,7,\"a\", allowed is",
            ),
            (
                &*format!("user,item,title\n{far}1,7,\"a\"\n1,7,\"b\"\"\n2,8,c\n"),
                ":8: line is \"1,7,\"b\"\"\", allowed is",
            ),
        ] {
            let error = read_text("x.csv", text.as_bytes(), 0.0).unwrap_err();
            assert!(error.contains(expected), "{error}");
            assert!(error.contains("the end of the file"), "{error}");
        }
    }

    #[test]
    fn lines_have_the_numbers_of_the_file() {
        let text = b"user,item,rating,title\n1,1,5,a\n\n1,2,0,b\n1,3,5,\"c\nd\"\r\n\n\n1,4,5,e\n";
        let found = read_text("x.csv", text, 0.0).unwrap();
        let numbers: Vec<(u64, usize)> = found.lines.iter().map(|l| (l.item, l.number)).collect();
        assert_eq!(numbers, [(1, 2), (3, 5), (4, 9)]);
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
            (
                "userId,movieId,rating,timestamp\n1,19,4,5,1001\n".to_owned(),
                ":2: line is \"1 19 4 5 1001\", allowed is up to 4 columns, as in line 1",
            ),
            (
                "1::2::3::4\n73::4\n".to_owned(),
                ":2: line is \"73 4\", allowed is 4 or more columns, separated by `::`",
            ),
            (
                "1::2::3::4\n1::2::3::4::5\n".to_owned(),
                "allowed is up to 4 columns, as in line 1, separated by `::`",
            ),
            ("1\t2\n1\t3\t5\n".to_owned(), ":2: line is \"1 3 5\""),
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
