//! Counts data sets that lie in folders, for whoever lists them.

use std::path::Path;

use super::case_policy::{CasePolicy, Policies};
use super::held_out::Admission;
use super::ids::Ids;
use super::interactions::{Interactions, Rows};
use super::raw::{RawRatings, is_of_ratings};
use super::room::Room;
use super::source::{Negatives, Reading, Source};
use super::split::EVALUATION_NEGATIVES;
use crate::data::error::DataError;

/// The files of the data set in a folder, if there is one whose columns have their usual names.
pub(crate) fn source_in(folder: &Path) -> Option<Result<Source, DataError>> {
    let name = folder.file_name()?.to_str()?;
    // Other kinds of data are columns of a file, too.
    let is_other = |source: &Source| match source {
        Source::Raw(path) => !is_of_ratings(path),
        _ => false,
    };
    match Source::in_folder(folder, name) {
        Ok(source) => source.filter(|source| !is_other(source)).map(Ok),
        Err(error) => Some(Err(error)),
    }
}

/// How many users, items and interactions there are; `train` and `test` count the last.
pub(crate) fn counts(rows: &Rows, train: u64, test: u64) -> Vec<(String, u64)> {
    let mut counts = Vec::new();
    for (what, ids) in [("user", &rows.users), ("item", &rows.items)] {
        let (rows, occurring) = (ids.len() as u64, ids.occurring() as u64);
        counts.push((format!("{what}s"), rows));
        if occurring != rows {
            counts.push((format!("{what}s with a train interaction"), occurring));
        }
    }
    counts.push(("train interactions".to_owned(), train));
    counts.push(("test interactions".to_owned(), test));
    counts
}

/// Counts the data set in a folder, if there is one, by the defaults.
pub(crate) fn describe(folder: &Path, room: Room) -> Option<Result<Vec<(String, u64)>, DataError>> {
    let count = |source: Source| {
        let reading = Reading::of_files(room);
        let train = source.train(&reading)?;
        let (rows, pairs): (_, Vec<_>) = (train.rows.clone(), train.interactions.pairs().collect());
        let known = Interactions::new(rows.users.len(), rows.items.len(), &pairs);
        let test = match (&source, &train.test) {
            (Source::Files(files), _) => {
                let met = known.items_met();
                let path = &files.negative;
                let admission = Admission::new(path, reading.policies, &rows, &known, &met);
                let above = reading.above(&source);
                files.count_test(above, admission)?.lines
            }
            (_, sealed) => sealed.as_ref().map_or(0, |sealed| sealed.count(&rows)),
        };
        Ok(counts(&rows, pairs.len() as u64, test))
    };
    Some(source_in(folder)?.and_then(count))
}

impl Reading {
    /// With the defaults, and nothing refused that can be counted.
    fn of_files(room: Room) -> Self {
        let keep = CasePolicy::Keep;
        Self {
            above: Some(0.0),
            ids: Some(Ids::default()),
            raw: RawRatings::default(),
            split_seed: 0,
            policies: Policies {
                overlap: keep,
                unseen: CasePolicy::Drop,
                repeated: keep,
            },
            negatives: Negatives::OfFile(EVALUATION_NEGATIVES as usize),
            room,
        }
    }
}
