//! The interactions of a task: what is read, and what no trial could be measured on.

use std::path::Path;
use std::sync::Arc;

use super::ncf_config::{NcfConfig, RATING_ABOVE};
use crate::data::DataError;
use crate::data::ratings::{
    self, HeldOut, RawRatings, Reading, Room, Source, TestSource, TrainCounts, TrainSet,
    ValidationItem,
};
use crate::device::available_memory;
use crate::measure::{ProtocolName, RankingRules};
use crate::trial::TestPermit;

/// The interactions of a task, all but those of test.
pub(super) struct Read {
    pub(super) source: Source,
    pub(super) train: TrainSet,
    pub(super) split: ratings::Split,
    pub(super) rules: RankingRules,
}

/// What reads the test interactions.
pub(super) struct Test {
    source: TestSource,
    rules: RankingRules,
}

impl Read {
    /// What reads the test interactions later: train is not kept for it.
    pub(super) fn test(&self, config: &NcfConfig) -> Test {
        let Self {
            source,
            train,
            split,
            rules,
        } = self;
        Test {
            source: TestSource::new(source.clone(), config.reading(), train, split),
            rules: rules.clone(),
        }
    }
}

impl Test {
    /// The test interactions that are measured.
    ///
    /// # Errors
    /// [`DataError`] where they cannot be read, and where each candidate of one is a hit.
    pub(super) fn read(&self, permit: &TestPermit) -> Result<HeldOut, DataError> {
        let held = self.source.read(permit, &self.rules.known)?;
        let (path, users) = (self.source.path(), self.source.users());
        self.rules.require_misses(&path, users, &held.cases)?;
        Ok(held)
    }
}

impl NcfConfig {
    pub(super) fn source(&self, root: Option<&Path>) -> Result<Source, DataError> {
        Source::of(&self.data, self.generated.as_ref(), root)
    }

    pub(super) fn reading(&self) -> Reading {
        Reading {
            above: self.rating_above,
            ids: self.ids,
            raw: self.raw.clone(),
            split_seed: self.split_seed,
            policies: self.protocol.policies(),
            negatives: self.protocol.negatives(),
            room: room(),
        }
    }

    pub(super) fn read(&self, root: Option<&Path>) -> Result<Read, DataError> {
        let source = self.source(root)?;
        let reading = self.reading();
        let train = source.train(&reading)?;
        let path = source.path();
        self.require_suited(&path, &train)?;
        let split = ratings::Split::new(
            &path,
            &train.rows,
            &train.interactions,
            self.validation,
            self.split_seed,
            reading.negatives.drawn(),
        )?;
        let rules = RankingRules {
            protocol: self.protocol.clone(),
            ties: self.ties(),
            known: Arc::clone(&split.known),
        };
        for cases in [&split.validation, &split.probe] {
            rules.require_misses(&path, &train.rows.users, cases)?;
        }
        Ok(Read {
            source,
            train,
            split,
            rules,
        })
    }

    /// Whether the same interactions are held out of the same data.
    pub(super) fn holds_out_as(&self, other: &Self) -> bool {
        let draws = |config: &Self| {
            let rules = [config.validation, config.raw.test];
            rules.contains(&ValidationItem::Random)
        };
        let above = |config: &Self| config.rating_above.unwrap_or(RATING_ABOVE);
        self.data == other.data
            && self.generated == other.generated
            && above(self) == above(other)
            && self.raw == other.raw
            && self.validation == other.validation
            && (self.split_seed == other.split_seed || !draws(self))
    }

    /// Makes sure that no key says something of ratings of another form.
    fn require_suited(&self, path: &Path, train: &TrainSet) -> Result<(), DataError> {
        let unless = |is_suited: bool, found: String, expected: &str| match is_suited {
            true => Ok(()),
            false => Err(DataError::unusable(path, found, expected)),
        };
        unless(
            train.is_raw() || self.raw == RawRatings::default(),
            "train and test in files of their own beside the table `raw`".to_owned(),
            "ratings in one file, or no such table",
        )?;
        let TrainCounts::Raw(_, taken) = &train.counts else {
            return Ok(());
        };
        let above = self.rating_above.unwrap_or(RATING_ABOVE);
        unless(
            taken.has_ratings() || above == RATING_ABOVE,
            format!("no column of ratings beside rating_above = {above}"),
            "one, which raw.columns.rating names, or no such key: each line is a positive",
        )?;
        unless(
            self.protocol.name != Some(ProtocolName::He2017),
            "ratings in one file, without negatives, beside protocol.name = \"he-2017\"".to_owned(),
            "the three files of He et al., or ties = \"list-order\" and protocol.duplicates = \
             \"masked\" in place of the name",
        )
    }
}

/// Memory for interactions: what is left.
pub(super) fn room() -> Room {
    Room(available_memory().unwrap_or(u64::MAX))
}
