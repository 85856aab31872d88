//! The file format of He et al. 2017 (github.com/hexiangnan/neural_collaborative_filtering).
//!
//! ```text
//! NAME.train.rating    user \t item \t rating \t time         ids from 0
//! NAME.test.rating     the same, one line a user: its held-out interaction
//! NAME.test.negative   (user,item) \t item \t item …          in the same order
//! ```

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use super::fields::{finite, whole};
use super::held_out::{Admission, HeldOut, HeldOutCounts};
use super::interactions::{Case, Line, Rating};
use super::moments::{self, Unit};
use super::room::Room;
use super::source::Negatives;
use crate::data::error::DataError;
use crate::data::text::{each_line, packed_or_not, shown};
use crate::trial::TestPermit;

/// Where the three files of one data set lie.
#[derive(Clone, Debug)]
pub(crate) struct RatingFiles {
    pub(crate) train: PathBuf,
    pub(crate) test: PathBuf,
    pub(crate) negative: PathBuf,
}

impl RatingFiles {
    /// Names of the files of `name` in `folder`, whether they exist or not.
    pub(crate) fn named(folder: &Path, name: &str) -> Self {
        let file = |end: &str| packed_or_not(folder.join(format!("{name}.{end}")));
        Self {
            train: file("train.rating"),
            test: file("test.rating"),
            negative: file("test.negative"),
        }
    }

    /// The name of the data set.
    pub(super) fn name(&self) -> Option<String> {
        let file = self.train.file_name()?.to_str()?;
        let file = file.strip_suffix(".gz").unwrap_or(file);
        file.strip_suffix(".train.rating").map(str::to_owned)
    }

    /// Reads the train interactions whose rating is above `above`, in file order, and counts
    /// the others.
    pub(crate) fn read_train(&self, above: f64, room: Room) -> Result<(Vec<Line>, u64), DataError> {
        let ratings = read_ratings(&self.train, above, room)?;
        let all = ratings.len() as u64;
        let lines: Vec<Line> = ratings
            .into_iter()
            .filter(|&(_, counts)| counts)
            .map(|(line, _)| line)
            .collect();
        if lines.is_empty() {
            let found = format!("no rating above {above} in {all} lines");
            return Err(DataError::unusable(&self.train, found, "one at least"));
        }
        let left_out = all - lines.len() as u64;
        Ok((lines, left_out))
    }

    /// Reads the held-out interactions with their negatives, and checks that the two files
    /// speak of the same ones. Where the negatives of the file are not what is ranked against, the file
    /// need not be there.
    pub(super) fn read_test(
        &self,
        _permit: &TestPermit,
        negatives: Negatives,
        above: f64,
        admission: Admission<'_>,
    ) -> Result<HeldOut, DataError> {
        // Where the interactions are missing, too, they are what is said.
        if self.negative.exists() || !self.test.exists() {
            return self.held_out(above, admission);
        }
        match negatives {
            Negatives::OfFile(_) => Err(DataError::unusable(
                &self.negative,
                "no such file",
                "the negatives that held-out items are ranked against; protocol.candidates = \
                 \"sampled\" or \"all\" needs none",
            )),
            Negatives::Sampled(_) | Negatives::All => self.held_out_alone(above, admission),
        }
    }

    /// The held-out interactions, without negatives.
    fn held_out_alone(
        &self,
        above: f64,
        mut admission: Admission<'_>,
    ) -> Result<HeldOut, DataError> {
        let mut cases = Vec::new();
        for (line, counts) in read_ratings(&self.test, above, Room::ENDLESS)? {
            if !counts {
                admission.not_above();
            } else if let Some((user, item)) =
                admission.admit(Some(line.number), line.user, line.item)
            {
                let negatives = Vec::new();
                cases.push(Case {
                    user,
                    item,
                    negatives,
                });
            }
        }
        let counts = admission.finish()?;
        Ok(HeldOut { cases, counts })
    }

    /// What there is of held-out interactions, and none of them.
    pub(super) fn count_test(
        &self,
        above: f64,
        admission: Admission<'_>,
    ) -> Result<HeldOutCounts, DataError> {
        let held = match self.negative.exists() {
            true => self.held_out(above, admission),
            false => self.held_out_alone(above, admission),
        };
        Ok(held?.counts)
    }

    fn held_out(&self, above: f64, mut admission: Admission<'_>) -> Result<HeldOut, DataError> {
        let ratings = read_ratings(&self.test, above, Room::ENDLESS)?;
        let path = &self.negative;
        let mut cases: Vec<Case> = Vec::with_capacity(ratings.len());
        let mut first = None;
        let mut negatives = Vec::new();
        let mut case = |at: Position<'_>, text: &[u8], rating: &Line, counts: bool| {
            read_negatives(at, text, rating, first, &mut negatives)?;
            first = Some(negatives.len());
            if !counts {
                admission.not_above();
                return Ok(());
            }
            let line = Some(at.line);
            let Some((user, item)) = admission.admit(line, rating.user, rating.item) else {
                return Ok(());
            };
            cases.push(Case {
                user,
                item,
                negatives: admission.negatives(at.line, (user, item), &negatives)?,
            });
            Ok(())
        };
        // A line too many or too few makes others wrong, so all are counted first.
        let (mut lines, mut failure) = (0, Ok(()));
        each_line(path, |line, text| {
            if text.trim_ascii().is_empty() {
                return Ok(());
            }
            if let (Ok(()), Some((rating, counts))) = (&failure, ratings.get(lines)) {
                failure = case(Position { path, line }, text, rating, *counts);
            }
            lines += 1;
            Ok(())
        })?;
        if lines != ratings.len() {
            let expected = format!("{}, as in {}", ratings.len(), self.test.display());
            return Err(DataError::unusable(
                path,
                format!("{lines} lines"),
                expected,
            ));
        }
        failure?;
        let counts = admission.finish()?;
        Ok(HeldOut { cases, counts })
    }

    /// Writes all three files.
    pub(crate) fn write(&self, train: &[Rating], test: &[Case]) -> Result<(), DataError> {
        write_lines(&self.train, train, |line, rating| {
            write!(line, "{}\t{}\t1\t{}", rating.user, rating.item, rating.time)
        })?;
        write_lines(&self.test, test, |line, case| {
            write!(line, "{}\t{}\t1\t0", case.user, case.item)
        })?;
        write_lines(&self.negative, test, |line, case| {
            write!(line, "({},{})", case.user, case.item)?;
            case.negatives
                .iter()
                .try_for_each(|item| write!(line, "\t{item}"))
        })
    }
}

#[derive(Clone, Copy)]
struct Position<'a> {
    path: &'a Path,
    line: usize,
}

impl Position<'_> {
    fn field(self, field: &'static str, value: &[u8], allowed: impl Into<String>) -> DataError {
        DataError::Field {
            path: self.path.to_owned(),
            line: self.line,
            field,
            value: shown(value),
            allowed: allowed.into(),
        }
    }

    fn id(self, field: &'static str, text: &[u8]) -> Result<u64, DataError> {
        whole(text).filter(|&id| id < u64::MAX).ok_or_else(|| {
            let allowed = format!("an integer from 0 to {}", u64::MAX - 1);
            self.field(field, text, allowed + self.about_headers(text))
        })
    }

    /// The first line may be the names of columns.
    fn about_headers(self, text: &[u8]) -> &'static str {
        let is_name = text.first().is_some_and(u8::is_ascii_alphabetic);
        if self.line == 1 && is_name {
            "; files of this format have no header"
        } else {
            ""
        }
    }
}

/// The lines of a rating file that are not empty, each with whether its rating is above `above`.
fn read_ratings(path: &Path, above: f64, room: Room) -> Result<Vec<(Line, bool)>, DataError> {
    let mut ratings = Vec::new();
    each_line(path, |number, line| {
        if line.trim_ascii().is_empty() {
            return Ok(());
        }
        let at = Position { path, line: number };
        let mut columns = line.split(|&byte| byte == b'\t');
        let (Some(user), Some(item), Some(rating), Some(time), true) = (
            columns.next(),
            columns.next(),
            columns.next(),
            columns.next(),
            columns.all(<[u8]>::is_empty),
        ) else {
            return Err(DataError::Columns {
                path: path.to_owned(),
                line: number,
                found: line.split(|&byte| byte == b'\t').count(),
                expected: "4: user, item, rating, time".to_owned(),
            });
        };
        let user = at.id("user", user)?;
        let item = at.id("item", item)?;
        let rating = finite(rating).ok_or_else(|| at.field("rating", rating, "a finite number"))?;
        let time = moments::time(time, Unit::Seconds)
            .map_err(|_| at.field("time", time, format!("whole {}", moments::ALLOWED)))?;
        let line = Line {
            user,
            item,
            time,
            number,
        };
        ratings.push((line, rating > above));
        room.require(path, ratings.len() as u64)
    })?;
    if ratings.is_empty() {
        return Err(DataError::unusable(
            path,
            "no line",
            "one interaction a line",
        ));
    }
    Ok(ratings)
}

/// Reads the negatives of one line into `negatives`; `expected` are those of the first.
fn read_negatives(
    at: Position<'_>,
    line: &[u8],
    rating: &Line,
    expected: Option<usize>,
    negatives: &mut Vec<u64>,
) -> Result<(), DataError> {
    let mut columns = line.split(|&byte| byte == b'\t');
    let pair = columns.next().unwrap_or_default();
    let named = format!("({},{})", rating.user, rating.item);
    if pair != named.as_bytes() {
        let allowed = format!("{named}, the same line of the test ratings");
        return Err(at.field("pair", pair, allowed));
    }
    negatives.clear();
    let mut columns: Vec<&[u8]> = columns.collect();
    // Tabs at the end of a line are no negatives; one that is missing among others is a fault.
    while columns.last().is_some_and(|text| text.is_empty()) {
        columns.pop();
    }
    for text in columns {
        negatives.push(at.id("negative item", text)?);
    }
    // One shape for all: HR@10 against 50 and against 99 are two metrics.
    let count = expected.unwrap_or(negatives.len());
    if negatives.is_empty() || negatives.len() != count {
        return Err(DataError::Columns {
            path: at.path.to_owned(),
            line: at.line,
            found: negatives.len() + 1,
            expected: format!("a pair and {} negative items, as in line 1", count.max(1)),
        });
    }
    Ok(())
}

fn write_lines<T>(
    path: &Path,
    rows: &[T],
    format: impl Fn(&mut String, &T) -> std::fmt::Result,
) -> Result<(), DataError> {
    let write = || -> std::io::Result<()> {
        let mut file = std::io::BufWriter::new(std::fs::File::create(path)?);
        let mut line = String::new();
        for row in rows {
            line.clear();
            format(&mut line, row).map_err(std::io::Error::other)?;
            writeln!(file, "{line}")?;
        }
        file.flush()
    };
    write().map_err(DataError::write(path))
}
