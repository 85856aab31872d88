//! Ratings that nobody has split yet: one file, of which the test split is held out here.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::columns::ColumnNames;
use super::grouped::{Grouped, group};
use super::ids::{IdMap, Ids, most_kept};
use super::interactions::{Line, Rating, Rows};
use super::k_core::{core, renumbered};
use super::room::Room;
use super::split::ValidationItem;
use super::taken::Taken;
use super::times::Times;
use super::{delimited, parquet};
use crate::data::error::DataError;
use crate::random::{Purpose, below, stream};
use crate::trial::{SettingsError, TestPermit, require};

/// How ratings that are one file are read and split: `ratings.dat` of MovieLens 1M, `u.data` of
/// 100K, `ratings.csv` of 20M, 25M and 32M, `NAME.csv`, `NAME.tsv`, or one `.inter` of RecBole, each also
/// packed as `.gz`; or `NAME.parquet`, with ids that are integers or strings, ratings that are numbers, and
/// times that are timestamps, dates or numbers, in seconds since 1970.
///
/// Ids that are no numbers are numbered in the order in which they first occur; what the first
/// line of a column has decides, in Parquet its type. Times of a text are seconds since 1970 or dates of ISO
/// 8601.
///
/// In this order: ratings that are not above `rating_above` are left out; of a pair that occurs
/// twice the latest stays; users and items with fewer than `core` interactions are left out;
/// interactions of each user are held out for the test. An item without another interaction has no
/// row and is no negative; where it is held out, it is left out and counted, or refused with
/// `protocol.unseen = "refuse"`.
#[derive(Serialize, Deserialize, schemars::JsonSchema, Clone, Debug, PartialEq)]
#[serde(default, deny_unknown_fields)]
pub struct RawRatings {
    /// Names of the columns in the header.
    #[serde(skip_serializing_if = "is_default")]
    pub columns: ColumnNames,
    /// Users and items with fewer interactions than this are left out, again and again until
    /// all have as many (k-core).
    #[schemars(range(min = 1, max = 1_000_000))]
    pub core: u32,
    /// Which interactions of each user are held out for the test: the latest, of equal times
    /// the last in the file; or random ones, drawn with `split_seed`.
    pub test: ValidationItem,
    /// Part of the interactions of each user that is held out, rounded to the nearest number and a
    /// half up, one at least, and one less than all at most; one of each user (leave-one-out) where
    /// nothing is said. A user with a single interaction stays in train.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("exclusiveMinimum" = 0, "exclusiveMaximum" = 1))]
    pub test_ratio: Option<f64>,
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

impl Default for RawRatings {
    fn default() -> Self {
        Self {
            columns: ColumnNames::default(),
            core: 1,
            test: ValidationItem::Latest,
            test_ratio: None,
        }
    }
}

impl RawRatings {
    /// Checks every value against what it allows.
    ///
    /// # Errors
    /// [`SettingsError`] names the setting, its value and what is allowed.
    pub fn validate(&self) -> Result<(), SettingsError> {
        require(
            (1..=1_000_000).contains(&self.core),
            "raw.core",
            self.core,
            "1 to 1000000",
        )?;
        self.columns.validate()?;
        let ratio = self.test_ratio.unwrap_or(0.5);
        require(
            ratio > 0.0 && ratio < 1.0,
            "raw.test_ratio",
            ratio,
            "above 0 and below 1",
        )
    }
}

/// Interactions that are known to whoever has a permit, by the ids of the file: an item that train
/// does not have has no row.
#[derive(Clone, Debug)]
pub(crate) struct Sealed(Vec<(u64, u64)>);

impl Sealed {
    pub(crate) fn open(&self, _permit: &TestPermit) -> &[(u64, u64)] {
        &self.0
    }

    /// How many there are of users and items that have rows: the others are left out.
    pub(crate) fn count(&self, rows: &Rows) -> u64 {
        let has_rows = |&&(user, item): &&(u64, u64)| {
            rows.users.row(user).is_some() && rows.items.row(item).is_some()
        };
        self.0.iter().filter(has_rows).count() as u64
    }
}

/// What became of the lines of a file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct RawCounts {
    pub(crate) lines: u64,
    pub(crate) not_above: u64,
    pub(crate) repeated: u64,
    /// Users, items and interactions that the k-core is without.
    pub(crate) outside_core: [u64; 3],
    /// Users with a single interaction, which stays in train.
    pub(crate) single: u64,
    pub(crate) held_out: u64,
    /// Users with one in train that is as late as one that is held out as the latest.
    pub(crate) tied: u64,
    pub(crate) times: Times,
}

/// A file, split.
#[derive(Clone, Debug)]
pub(crate) struct RawSplit {
    /// Of train alone: what occurs in the test part only is no negative.
    pub(crate) rows: Rows,
    pub(crate) train: Grouped,
    pub(crate) test: Sealed,
    pub(crate) counts: RawCounts,
    pub(crate) taken: Taken,
}

/// What MovieLens calls its files.
const PUBLISHED: [&str; 3] = ["ratings.dat", "u.data", "ratings.csv"];

/// The file of a data set that is not split, if there is one in `folder`.
///
/// # Errors
/// [`DataError::Unusable`] where there are several.
pub(super) fn find(folder: &Path, name: &str) -> Result<Option<PathBuf>, DataError> {
    let there = there(folder, name);
    if there.len() < 2 {
        return Ok(there.into_iter().next());
    }
    let files = there
        .iter()
        .map(|path| path.file_name().unwrap_or_default());
    let names: Vec<String> = files.map(|file| file.display().to_string()).collect();
    let own = format!("{name}.{RECBOLE}");
    let is_other = |name: &String| !name.starts_with(&own) && is_of_recbole(name.as_ref());
    let expected = match names.iter().all(is_other) {
        true => format!("one .inter, or among several {own}, which is taken"),
        false => "one file of ratings".to_owned(),
    };
    Err(DataError::unusable(folder, names.join(" and "), expected))
}

/// The files of `folder` that have a name of ratings in one file.
pub(super) fn there(folder: &Path, name: &str) -> Vec<PathBuf> {
    let is_own = folder.file_name().is_some_and(|own| own == name);
    let published = PUBLISHED.into_iter().filter(|_| is_own).map(str::to_owned);
    let named = ["csv", "tsv", RECBOLE].map(|end| format!("{name}.{end}"));
    let text = published
        .chain(named)
        .flat_map(|file| [folder.join(format!("{file}.gz")), folder.join(file)]);
    let text = text.chain([folder.join(format!("{name}.parquet"))]);
    let mut there: Vec<PathBuf> = text.filter(|path| path.is_file()).collect();
    if is_own && there.is_empty() {
        there.extend(all_of_recbole(folder));
    }
    there
}

/// What RecBole's files of interactions end with.
const RECBOLE: &str = "inter";

/// Whether a file has the name of one of RecBole's, packed or not.
fn is_of_recbole(path: &Path) -> bool {
    let is = |path: &Path, end: &str| path.extension().is_some_and(|own| own == end);
    is(path, RECBOLE) || (is(path, "gz") && is(&path.with_extension(""), RECBOLE))
}

/// RecBole's files in a folder, whatever they are called, in the order of their names.
fn all_of_recbole(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let paths = entries.map(|entry| entry.path());
    let mut all: Vec<PathBuf> = paths
        .filter(|path| is_of_recbole(path) && path.is_file())
        .collect();
    all.sort();
    all
}

/// Whether a file may be one of ratings, or one of another kind under the same name. One that cannot
/// be read may be, and so is a file that has the name of a publisher's.
pub(super) fn is_of_ratings(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().as_encoded_bytes();
    let name = name.strip_suffix(b".gz").unwrap_or(name);
    if PUBLISHED
        .iter()
        .any(|published| published.as_bytes() == name)
    {
        return true;
    }
    match parquet::is_named(path) {
        true => parquet::is_of_ratings(path),
        false => delimited::is_of_ratings(path),
    }
}

/// Reads a file and holds the test split out; `seed` is that of the split.
pub(super) fn read(
    path: &Path,
    config: &RawRatings,
    above: f64,
    ids: Ids,
    seed: u64,
    room: Room,
) -> Result<RawSplit, DataError> {
    let read = match parquet::is_named(path) {
        true => parquet::read,
        false => delimited::read,
    };
    let found = read(path, &config.columns, above, room)?;
    if let (Ids::Kept, Some(of)) = (ids, found.taken.texts().first()) {
        return Err(DataError::unusable(
            path,
            format!("ids of {of}s that are texts, beside ids = \"kept\""),
            "ids = \"remapped\", or no such key: they are numbered in the order in which they first occur",
        ));
    }
    let mut counts = RawCounts {
        lines: found.lines.len() as u64 + found.not_above,
        not_above: found.not_above,
        ..RawCounts::default()
    };
    let rule = match ids {
        Ids::Auto => Ids::Remapped,
        rule => rule,
    };
    let mut rows = rows(path, &found.lines, rule)?;
    let mut grouped = group_lines(&rows, &found.lines);
    let positives = found.lines.len() as u64;
    let taken = found.taken;
    if taken.has_times() {
        counts.times = Times::of(&found.lines, found.unit);
    }
    drop(found.lines);
    counts.repeated = positives - grouped.len() as u64;
    if config.core > 1 {
        let before = [
            rows.users.occurring(),
            rows.items.occurring(),
            grouped.len(),
        ];
        (rows, grouped) = core(path, config.core, &rows, &grouped, rule)?;
        let after = [
            rows.users.occurring(),
            rows.items.occurring(),
            grouped.len(),
        ];
        for (place, (before, after)) in before.into_iter().zip(after).enumerate() {
            counts.outside_core[place] = (before - after) as u64;
        }
    }
    let (mut train, test, tied) = hold_out(&grouped, config, seed);
    counts.tied = tied;
    let (users, items) = (&rows.users, &rows.items);
    let id = |&(user, item): &(u32, u32)| (users.id(user), items.id(item));
    let sealed = Sealed(test.iter().map(id).collect());
    let mut is_in_train = vec![false; items.len()];
    for (_, item) in train.pairs() {
        is_in_train[item as usize] = true;
    }
    if test.iter().any(|&(_, item)| !is_in_train[item as usize]) {
        let left: Vec<Rating> = train.users().flatten().copied().collect();
        (rows, train) = renumbered(&rows, &left, rule);
    }
    counts.single = grouped.users().filter(|own| own.len() == 1).count() as u64;
    counts.held_out = test.len() as u64;
    if test.is_empty() {
        let expected = "one to hold out for the test and one to train on";
        return Err(DataError::unusable(
            path,
            "no user with two interactions",
            expected,
        ));
    }
    Ok(RawSplit {
        rows,
        train,
        test: sealed,
        counts,
        taken,
    })
}

/// The rows of the ids that occur in `lines`.
///
/// # Errors
/// [`DataError::Field`] where ids are kept and the greatest is far beyond the number of those that
/// occur.
pub(super) fn rows(path: &Path, lines: &[Line], rule: Ids) -> Result<Rows, DataError> {
    let user = |line: &Line| line.user;
    let item = |line: &Line| line.item;
    let of = |field, id: fn(&Line) -> u64| {
        let map = IdMap::new(lines.iter().map(id), rule);
        let most = most_kept(map.occurring());
        let beyond = lines.iter().find(|line| id(line) >= most);
        match beyond.filter(|_| map.is_kept()) {
            None => Ok(map),
            Some(line) => Err(DataError::Field {
                path: path.to_owned(),
                line: line.number,
                field,
                value: id(line).to_string(),
                allowed: format!(
                    "up to {} with ids = \"kept\", as {} {field}s occur",
                    most - 1,
                    map.occurring()
                ),
            }),
        }
    };
    Ok(Rows {
        users: of("user", user)?,
        items: of("item", item)?,
    })
}

/// The distinct interactions of each user.
pub(super) fn group_lines(rows: &Rows, lines: &[Line]) -> Grouped {
    let ratings: Vec<Rating> = lines
        .iter()
        .filter_map(|line| {
            Some(Rating {
                user: rows.users.row(line.user)?,
                item: rows.items.row(line.item)?,
                time: line.time,
            })
        })
        .collect();
    group(rows.users.len(), &ratings)
}

/// Takes the test interactions of each user out, and counts the users of which the order of the file
/// says which is later.
fn hold_out(grouped: &Grouped, config: &RawRatings, seed: u64) -> (Grouped, Vec<(u32, u32)>, u64) {
    let mut rng = stream(seed, Purpose::Split, 2);
    let (mut held, mut tied) = (Vec::new(), 0);
    let mut order: Vec<usize> = Vec::new();
    let train = grouped.without(|own, left| {
        let count = match config.test_ratio {
            _ if own.len() < 2 => 0,
            None => 1,
            Some(ratio) => ((own.len() as f64 * ratio).round() as usize).clamp(1, own.len() - 1),
        };
        let pair = |rating: &Rating| (rating.user, rating.item);
        match config.test {
            ValidationItem::Latest => {
                order.clear();
                order.extend(0..own.len());
                order.sort_unstable_by_key(|&place| (own[place].time, place));
                let (earlier, latest) = order.split_at_mut(own.len() - count);
                let time = |place: Option<&usize>| place.map(|&place| own[place].time);
                tied += u64::from(count > 0 && time(earlier.last()) == time(latest.first()));
                held.extend(latest.iter().map(|&place| pair(&own[place])));
                // Those that stay do so in the order of the file.
                earlier.sort_unstable();
                left.extend(earlier.iter().map(|&place| own[place]));
            }
            ValidationItem::Random => {
                left.extend_from_slice(own);
                let first = held.len();
                for _ in 0..count {
                    held.push(pair(&left.remove(below(&mut rng, left.len()))));
                }
                held[first..].reverse();
            }
        }
    });
    (train, held, tied)
}

#[cfg(test)]
mod tests;
