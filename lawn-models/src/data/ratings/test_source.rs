//! Where the test interactions of a task come from.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::case_policy::{CasePolicy, Policies};
use super::generated;
use super::held_out::{Admission, HeldOut, HeldOutCounts};
use super::ids::IdMap;
use super::interactions::{Case, Interactions, Rows};
use super::raw::Sealed;
use super::source::{Negatives, Reading, Source, TrainSet};
use super::split::{self, Split};
use crate::data::by_number::by_number;
use crate::data::error::DataError;
use crate::random::{Purpose, stream};
use crate::trial::TestPermit;

/// Where the test interactions come from, once train is known.
#[derive(Debug)]
pub(crate) struct TestSource {
    source: Source,
    reading: Reading,
    rows: Rows,
    /// By row, whether an item is trained on.
    items_trained: Vec<bool>,
    sealed: Option<Sealed>,
}

impl TestSource {
    /// Of a source whose train interactions were read: they are not kept.
    pub(crate) fn new(source: Source, reading: Reading, train: &TrainSet, split: &Split) -> Self {
        Self {
            source,
            reading,
            rows: train.rows.clone(),
            items_trained: split.train.items_met(),
            sealed: train.test.clone(),
        }
    }

    /// The rows of users.
    pub(crate) fn users(&self) -> &IdMap {
        &self.rows.users
    }

    /// What errors name as the place of the candidates of test interactions.
    pub(crate) fn path(&self) -> PathBuf {
        match self.reading.negatives {
            Negatives::OfFile(_) => self.source.path_of_negatives(),
            Negatives::Sampled(_) | Negatives::All => self.source.path(),
        }
    }

    /// The test interactions that are measured; `known` are the interactions of train, those
    /// held out for validation included.
    ///
    /// # Errors
    /// [`DataError`] where none is measured, and where what is measured of a user with several
    /// would be no metric.
    pub(crate) fn read(
        &self,
        permit: &TestPermit,
        known: &Interactions,
    ) -> Result<HeldOut, DataError> {
        let held = self.read_any(permit, known)?;
        let path = match &self.source {
            Source::Files(files) => files.test.clone(),
            source => source.path(),
        };
        if held.cases.is_empty() {
            let lines = held.counts.lines;
            let found = by_number(lines, "held-out interaction[|s], none of which is measured");
            return Err(DataError::unusable(&path, found, "one at least"));
        }
        self.require_one_list(&path, known, &held.cases)?;
        Ok(held)
    }

    /// Makes sure that the held-out items of a user are ranked among the same candidates, each
    /// other included: two lists have two first places, and a gain above the ideal one.
    fn require_one_list(
        &self,
        path: &Path,
        known: &Interactions,
        cases: &[Case],
    ) -> Result<(), DataError> {
        let mut counts: BTreeMap<u32, u64> = BTreeMap::new();
        for case in cases {
            *counts.entry(case.user).or_default() += 1;
        }
        let is_known = |case: &&Case| known.contains(case.user as usize, case.item as usize);
        let id = |user| self.rows.users.id(user);
        if self.reading.negatives == Negatives::All {
            let mut known = cases.iter().filter(is_known);
            let Some(case) = known.find(|case| counts[&case.user] > 1) else {
                return Ok(());
            };
            let (count, user) = (counts[&case.user], id(case.user));
            let item = self.rows.items.id(case.item);
            let found = format!(
                "{count} held-out interactions of user {user}, of which item {item} is in train, too"
            );
            let expected = "one a user, or protocol.overlap = \"drop\": it is no candidate of the \
                            others";
            return Err(DataError::unusable(path, found, expected));
        }
        let several = counts.iter().find(|&(_, &count)| count > 1);
        let Some((&user, count)) = several else {
            return Ok(());
        };
        let found = format!("{count} held-out interactions of user {}", id(user));
        let expected = "one a user, or protocol.candidates = \"all\", where a user's items are \
                        ranked in one list";
        Err(DataError::unusable(path, found, expected))
    }

    fn read_any(&self, permit: &TestPermit, known: &Interactions) -> Result<HeldOut, DataError> {
        let Reading {
            policies,
            negatives,
            split_seed,
            ..
        } = self.reading;
        let path = self.source.path();
        let above = self.reading.above(&self.source);
        let redraw = |held: HeldOut, pairs: &[(u32, u32)]| -> Result<HeldOut, DataError> {
            let mut all: Vec<(u32, u32)> = known.pairs().collect();
            all.extend(pairs);
            all.sort_unstable();
            all.dedup();
            let met = Interactions::new(known.users(), known.items(), &all);
            let mut rng = stream(split_seed, Purpose::Evaluation, 2);
            let drawn = negatives.drawn();
            let cases = split::cases(&path, &self.rows, &met, pairs, drawn, &mut rng)?;
            Ok(HeldOut { cases, ..held })
        };
        match (&self.source, &self.sealed) {
            (Source::Generated(config), _) => {
                let data = generated::generate(config);
                let cases = generated::test_cases(config, &data, negatives.drawn())?;
                let counts = HeldOutCounts {
                    lines: cases.len() as u64,
                    ..HeldOutCounts::default()
                };
                Ok(HeldOut { cases, counts })
            }
            (Source::Files(files), _) => {
                // What faults name.
                let lines = match files.negative.exists() {
                    true => &files.negative,
                    false => &files.test,
                };
                let admission =
                    Admission::new(lines, policies, &self.rows, known, &self.items_trained);
                let held = files.read_test(permit, negatives, above, admission)?;
                if let Negatives::OfFile(_) = negatives {
                    return Ok(held);
                }
                let pairs: Vec<(u32, u32)> = held
                    .cases
                    .iter()
                    .map(|case| (case.user, case.item))
                    .collect();
                let counts = HeldOutCounts {
                    among_negatives: 0,
                    repeated_negatives: 0,
                    unseen_negatives: 0,
                    negatives_left_out: 0,
                    known_negatives: 0,
                    ..held.counts.clone()
                };
                redraw(HeldOut { counts, ..held }, &pairs)
            }
            (Source::Raw(_), sealed) => {
                let held = sealed
                    .as_ref()
                    .map_or(&[][..], |sealed| sealed.open(permit));
                // A user's several held-out interactions are measured together.
                let policies = Policies {
                    repeated: CasePolicy::Keep,
                    ..policies
                };
                let mut admission =
                    Admission::new(&path, policies, &self.rows, known, &self.items_trained);
                let mut pairs = Vec::with_capacity(held.len());
                for &(user, item) in held {
                    pairs.extend(admission.admit(None, user, item));
                }
                let mut counts = admission.finish()?;
                counts.repeated = 0;
                let cases = Vec::new();
                redraw(HeldOut { cases, counts }, &pairs)
            }
        }
    }
}
