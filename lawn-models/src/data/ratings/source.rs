//! Where the interactions of a task come from.

use std::path::{Path, PathBuf};

use super::case_policy::Policies;
use super::files::RatingFiles;
use super::generated::{self, GeneratedRatings};
use super::grouped::{Grouped, group};
use super::ids::Ids;
use super::interactions::Rows;
use super::raw::{self, RawCounts, RawRatings, Sealed};
use super::room::Room;
use super::taken::Taken;
use crate::data::dataset::GENERATED;
use crate::data::error::DataError;
use crate::data::text::lacks_last_end;

/// Files, or a generator that stands for them.
#[derive(Clone, Debug)]
pub(crate) enum Source {
    Generated(GeneratedRatings),
    /// Train and test in files of their own, with negatives.
    Files(RatingFiles),
    /// One file that is to be split.
    Raw(PathBuf),
}

/// How the interactions are read.
#[derive(Clone, Debug)]
pub(crate) struct Reading {
    /// None, and no rule for ids, is what a plan has that was made before there were such keys.
    pub(crate) above: Option<f64>,
    pub(crate) ids: Option<Ids>,
    pub(crate) raw: RawRatings,
    pub(crate) split_seed: u64,
    pub(crate) policies: Policies,
    pub(crate) negatives: Negatives,
    pub(crate) room: Room,
}

/// What a held-out interaction is ranked against.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Negatives {
    /// The negatives of the file; where it has none, this many that are drawn.
    OfFile(usize),
    /// This many that are drawn.
    Sampled(usize),
    /// All items.
    All,
}

impl Negatives {
    /// How many are drawn where a file has none; none where all items are candidates.
    pub(crate) fn drawn(self) -> Option<usize> {
        match self {
            Self::OfFile(count) | Self::Sampled(count) => Some(count),
            Self::All => None,
        }
    }
}

/// The train interactions, those to be held out for validation included.
#[derive(Clone, Debug)]
pub(crate) struct TrainSet {
    pub(crate) rows: Rows,
    pub(crate) interactions: Grouped,
    pub(crate) counts: TrainCounts,
    /// Held out of the same file.
    pub(super) test: Option<Sealed>,
}

/// What became of the lines of train.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum TrainCounts {
    Generated,
    /// Of a train file.
    Files {
        /// Ratings that are not above the least one.
        not_above: u64,
        /// Lines of a pair that has a later one.
        repeated: u64,
    },
    /// Of one file, and what its columns were taken for.
    Raw(RawCounts, Taken),
}

impl TrainSet {
    /// Whether train and test are cut from one file.
    pub(crate) fn is_raw(&self) -> bool {
        self.test.is_some()
    }
}

impl Reading {
    /// The rating that positives are above.
    pub(crate) fn above(&self, source: &Source) -> f64 {
        self.above.unwrap_or(source.first().0)
    }

    fn ids(&self, source: &Source) -> Ids {
        self.ids.unwrap_or(source.first().1)
    }
}

impl Source {
    /// How such files were read by the first lawn that read them: of three files each line was a
    /// positive, and each id up to the greatest had a row.
    fn first(&self) -> (f64, Ids) {
        match self {
            Self::Raw(_) => (0.0, Ids::Auto),
            Self::Files(_) | Self::Generated(_) => (f64::NEG_INFINITY, Ids::Kept),
        }
    }

    /// The source that a configuration names.
    ///
    /// # Errors
    /// [`DataError::NoRoot`], [`DataError::NotFound`], and [`DataError::Unusable`] for several.
    pub(crate) fn of(
        data: &str,
        sizes: Option<&GeneratedRatings>,
        root: Option<&Path>,
    ) -> Result<Self, DataError> {
        if data == GENERATED {
            return Ok(Self::Generated(sizes.cloned().unwrap_or_default()));
        }
        let root = root.ok_or_else(|| DataError::NoRoot {
            name: data.to_owned(),
        })?;
        for folder in [root.join(data), root.to_owned()] {
            if let Some(found) = Self::in_folder(&folder, data)? {
                return Ok(found);
            }
        }
        Err(DataError::NotFound {
            name: data.to_owned(),
            root: root.to_owned(),
            expected: format!(
                "{data}/{data}.train.rating, {data}.train.rating, or {data}/ with one of \
                 ratings.dat, u.data, ratings.csv, {data}.csv, {data}.tsv, {data}.parquet, or one .inter"
            ),
        })
    }

    /// The files of `name` in a folder, if there are any.
    pub(crate) fn in_folder(folder: &Path, name: &str) -> Result<Option<Self>, DataError> {
        let files = RatingFiles::named(folder, name);
        if files.train.is_file() {
            return Ok(Some(Self::Files(files)));
        }
        Ok(raw::find(folder, name)?.map(Self::Raw))
    }

    /// What errors name as the place of the train interactions.
    pub(crate) fn path(&self) -> PathBuf {
        match self {
            Self::Generated(_) => PathBuf::from(GENERATED),
            Self::Files(files) => files.train.clone(),
            Self::Raw(path) => path.clone(),
        }
    }

    /// What errors name as the place of the negatives of test interactions: their file, or where they are
    /// drawn the place of train.
    pub(crate) fn path_of_negatives(&self) -> PathBuf {
        match self {
            Self::Files(files) => files.negative.clone(),
            Self::Generated(_) | Self::Raw(_) => self.path(),
        }
    }

    /// The files that training reads; none where the data are generated.
    pub(crate) fn train_files(&self) -> Vec<PathBuf> {
        match self {
            Self::Generated(_) => Vec::new(),
            Self::Files(files) => vec![files.train.clone()],
            Self::Raw(path) => vec![path.clone()],
        }
    }

    /// The files of the test split; none where the data are generated.
    pub(crate) fn test_files(&self) -> Vec<PathBuf> {
        match self {
            Self::Generated(_) => Vec::new(),
            // Negatives that are missing are an error where they are needed.
            Self::Files(files) => [&files.test, &files.negative]
                .into_iter()
                .filter(|path| **path == files.test || path.exists())
                .cloned()
                .collect(),
            Self::Raw(path) => vec![path.clone()],
        }
    }

    /// The train interactions.
    pub(crate) fn train(&self, reading: &Reading) -> Result<TrainSet, DataError> {
        match self {
            Self::Generated(config) => {
                config.require_room(reading.room)?;
                let data = generated::generate(config);
                // What no trial could be tested on is known before it trains.
                generated::test_cases(config, &data, reading.negatives.drawn())?;
                let rows = generated::rows(config, &data);
                Ok(TrainSet {
                    interactions: group(rows.users.len(), &data.train),
                    rows,
                    counts: TrainCounts::Generated,
                    test: None,
                })
            }
            Self::Files(files) => {
                let (lines, not_above) = files.read_train(reading.above(self), reading.room)?;
                let rows = raw::rows(&files.train, &lines, reading.ids(self))?;
                let interactions = raw::group_lines(&rows, &lines);
                let repeated = (lines.len() - interactions.len()) as u64;
                Ok(TrainSet {
                    interactions,
                    rows,
                    counts: TrainCounts::Files {
                        not_above,
                        repeated,
                    },
                    test: None,
                })
            }
            Self::Raw(path) => {
                let Reading {
                    raw,
                    split_seed,
                    room,
                    ..
                } = reading;
                let (above, ids) = (reading.above(self), reading.ids(self));
                let split = raw::read(path, raw, above, ids, *split_seed, *room)?;
                Ok(TrainSet {
                    rows: split.rows,
                    interactions: split.train,
                    counts: TrainCounts::Raw(split.counts, split.taken),
                    test: Some(split.test),
                })
            }
        }
    }

    /// Whether held-out interactions have negatives in a file.
    pub(crate) fn has_negatives(&self) -> bool {
        matches!(self, Self::Files(_))
    }

    /// Text files of train and test whose last line has no end.
    ///
    /// # Errors
    /// [`DataError::Read`].
    pub(crate) fn endless(&self) -> Result<Vec<PathBuf>, DataError> {
        let mut files = self.train_files();
        files.extend(self.test_files());
        files.dedup();
        let mut endless = Vec::new();
        for path in files {
            if path.extension().is_none_or(|end| end != "parquet") && lacks_last_end(&path)? {
                endless.push(path);
            }
        }
        Ok(endless)
    }

    /// Files of ratings beside the three of He et al., which are read in their place.
    pub(crate) fn ignored(&self) -> Vec<PathBuf> {
        match self {
            Self::Files(files) => match (files.train.parent(), files.name()) {
                (Some(folder), Some(name)) => raw::there(folder, &name),
                _ => Vec::new(),
            },
            Self::Generated(_) | Self::Raw(_) => Vec::new(),
        }
    }
}
