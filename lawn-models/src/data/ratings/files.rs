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
use std::str::FromStr;

use super::interactions::{Case, Rating};
use crate::data::error::DataError;

/// Ids are stored in 32 bits, and tables of that many rows must be thinkable.
const LARGEST_ID: u32 = 1 << 30;

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
        let file = |end: &str| folder.join(format!("{name}.{end}"));
        Self {
            train: file("train.rating"),
            test: file("test.rating"),
            negative: file("test.negative"),
        }
    }

    /// Finds a data set in `root/name/`, or in `root` itself.
    pub(crate) fn find(root: &Path, name: &str) -> Result<Self, DataError> {
        [root.join(name), root.to_owned()]
            .iter()
            .map(|folder| Self::named(folder, name))
            .find(|files| files.train.is_file())
            .ok_or_else(|| DataError::NotFound {
                name: name.to_owned(),
                root: root.to_owned(),
                expected: format!("{name}/{name}.train.rating or {name}.train.rating"),
            })
    }

    /// Reads the train interactions in file order.
    pub(crate) fn read_train(&self) -> Result<Vec<Rating>, DataError> {
        read_ratings(&self.train)
    }

    /// Reads the held-out interactions with their negatives, and checks that the
    /// two files speak of the same ones and that all ids are below the counts.
    pub(crate) fn read_test(&self, users: usize, items: usize) -> Result<Vec<Case>, DataError> {
        let ratings = read_ratings(&self.test)?;
        let path = &self.negative;
        let text = std::fs::read_to_string(path).map_err(DataError::read(path))?;
        let lines: Vec<&str> = text.lines().collect();
        if lines.len() != ratings.len() {
            let expected = format!("{}, as in {}", ratings.len(), self.test.display());
            return Err(DataError::unusable(
                path,
                format!("{} lines", lines.len()),
                expected,
            ));
        }
        let mut cases: Vec<Case> = Vec::with_capacity(lines.len());
        for (index, (line, rating)) in lines.iter().zip(&ratings).enumerate() {
            let at = Position {
                path,
                line: index + 1,
            };
            let case = read_case(
                at,
                line,
                rating,
                cases.first().map(|case| case.negatives.len()),
            )?;
            at.below("user", case.user, users)?;
            at.below("item", case.item, items)?;
            for &negative in &case.negatives {
                at.below("negative item", negative, items)?;
            }
            cases.push(case);
        }
        Ok(cases)
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

/// Counts the data set of this format in a folder, if there is one.
pub(crate) fn describe(folder: &Path) -> Option<Result<Vec<(String, u64)>, DataError>> {
    let name = folder.file_name()?.to_str()?;
    let files = RatingFiles::named(folder, name);
    files.train.is_file().then(|| {
        let train = files.read_train()?;
        let users = 1 + train.iter().map(|r| r.user).max().unwrap_or(0) as usize;
        let items = 1 + train.iter().map(|r| r.item).max().unwrap_or(0) as usize;
        let test = files.read_test(users, items)?;
        Ok(vec![
            ("users".to_owned(), users as u64),
            ("items".to_owned(), items as u64),
            ("train interactions".to_owned(), train.len() as u64),
            ("test interactions".to_owned(), test.len() as u64),
        ])
    })
}

#[derive(Clone, Copy)]
struct Position<'a> {
    path: &'a Path,
    line: usize,
}

impl Position<'_> {
    fn field(self, field: &'static str, value: &str, allowed: impl Into<String>) -> DataError {
        DataError::Field {
            path: self.path.to_owned(),
            line: self.line,
            field,
            value: value.to_owned(),
            allowed: allowed.into(),
        }
    }

    fn id(self, field: &'static str, text: &str) -> Result<u32, DataError> {
        match u32::from_str(text) {
            Ok(id) if id < LARGEST_ID => Ok(id),
            _ => Err(self.field(
                field,
                text,
                format!("an integer from 0 to {}", LARGEST_ID - 1),
            )),
        }
    }

    fn below(self, field: &'static str, id: u32, count: usize) -> Result<(), DataError> {
        if (id as usize) < count {
            return Ok(());
        }
        let allowed = format!(
            "0 to {}, the ids of the train file",
            count.saturating_sub(1)
        );
        Err(self.field(field, &id.to_string(), allowed))
    }
}

fn read_ratings(path: &Path) -> Result<Vec<Rating>, DataError> {
    let text = std::fs::read_to_string(path).map_err(DataError::read(path))?;
    let mut ratings = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let at = Position {
            path,
            line: index + 1,
        };
        let mut columns = line.split('\t');
        let (Some(user), Some(item), Some(rating), Some(time)) = (
            columns.next(),
            columns.next(),
            columns.next(),
            columns.next(),
        ) else {
            return Err(DataError::Columns {
                path: path.to_owned(),
                line: index + 1,
                found: line.split('\t').count(),
                expected: "4: user, item, rating, time".to_owned(),
            });
        };
        if !f64::from_str(rating).is_ok_and(f64::is_finite) {
            return Err(at.field("rating", rating, "a finite number"));
        }
        ratings.push(Rating {
            user: at.id("user", user)?,
            item: at.id("item", item)?,
            time: i64::from_str(time)
                .map_err(|_| at.field("time", time, "an integer, seconds since 1970"))?,
        });
    }
    if ratings.is_empty() {
        return Err(DataError::unusable(
            path,
            "no line",
            "one interaction a line",
        ));
    }
    Ok(ratings)
}

fn read_case(
    at: Position<'_>,
    line: &str,
    rating: &Rating,
    expected: Option<usize>,
) -> Result<Case, DataError> {
    let mut columns = line.split('\t');
    let pair = columns.next().unwrap_or_default();
    let named = format!("({},{})", rating.user, rating.item);
    if pair != named {
        let allowed = format!("{named}, the same line of the test ratings");
        return Err(at.field("pair", pair, allowed));
    }
    let negatives = columns
        .filter(|text| !text.is_empty())
        .map(|text| at.id("negative item", text))
        .collect::<Result<Vec<u32>, DataError>>()?;
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
    Ok(Case {
        user: rating.user,
        item: rating.item,
        negatives,
    })
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
