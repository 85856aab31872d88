//! Which held-out interactions are measured, and what is counted of them.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use super::case_policy::{CasePolicy, Policies};
use super::interactions::{Case, Interactions, Rows};
use crate::data::by_number::by_number;
use crate::data::error::DataError;

/// The held-out interactions of a split that are measured.
#[derive(Clone, Debug)]
pub(crate) struct HeldOut {
    pub(crate) cases: Vec<Case>,
    pub(crate) counts: HeldOutCounts,
}

/// What was counted of held-out interactions and of the negatives beside them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct HeldOutCounts {
    /// Lines of the file.
    pub(crate) lines: u64,
    /// Not above the least rating: left out.
    pub(crate) not_above: u64,
    /// In train, too.
    pub(crate) overlap: u64,
    /// Of users without a train interaction.
    pub(crate) unseen_users: u64,
    /// Of items without a train interaction.
    pub(crate) unseen_items: u64,
    /// Those of them that have no row, since the file has no other interaction of theirs: left out.
    pub(crate) alone: u64,
    /// Of users that had a line before.
    pub(crate) repeated: u64,
    /// Among their own negatives.
    pub(crate) among_negatives: u64,
    /// Negatives that stand twice in a line.
    pub(crate) repeated_negatives: u64,
    /// Negatives without a train interaction.
    pub(crate) unseen_negatives: u64,
    /// Those of them that have no row and are left out.
    pub(crate) negatives_left_out: u64,
    /// Negatives that their user has a train interaction with.
    pub(crate) known_negatives: u64,
}

/// Which of the counts.
type Count = fn(&HeldOutCounts) -> u64;

/// Decides line by line.
pub(super) struct Admission<'a> {
    path: PathBuf,
    policies: Policies,
    rows: &'a Rows,
    known: &'a Interactions,
    /// By row, whether an item has a train interaction.
    items_trained: &'a [bool],
    users_before: HashSet<u64>,
    /// The first line of those that a policy refuses.
    refused: Option<(DataError, Count)>,
    counts: HeldOutCounts,
}

impl<'a> Admission<'a> {
    /// For the lines of `path`; `known` has the interactions of train, those held out for
    /// validation included, which `items_trained` is without.
    pub(super) fn new(
        path: &Path,
        policies: Policies,
        rows: &'a Rows,
        known: &'a Interactions,
        items_trained: &'a [bool],
    ) -> Self {
        Self {
            path: path.to_owned(),
            policies,
            rows,
            known,
            items_trained,
            users_before: HashSet::new(),
            refused: None,
            counts: HeldOutCounts::default(),
        }
    }

    /// Counts a line that is left out for its rating.
    pub(super) fn not_above(&mut self) {
        self.counts.lines += 1;
        self.counts.not_above += 1;
    }

    /// What was counted.
    ///
    /// # Errors
    /// [`DataError::Field`] with the first line that a policy refuses, and how many there are.
    pub(super) fn finish(self) -> Result<HeldOutCounts, DataError> {
        let Some((mut error, count)) = self.refused else {
            return Ok(self.counts);
        };
        let count = count(&self.counts);
        if let DataError::Field { allowed, .. }
        | DataError::Unusable {
            expected: allowed, ..
        } = &mut error
        {
            *allowed += &format!(" (such are {count} of {})", self.counts.lines);
        }
        Err(error)
    }

    /// The rows of a line's user and item, if it is measured. `line` is that of a file of its own,
    /// none where the interaction is held out of the train file.
    pub(super) fn admit(
        &mut self,
        line: Option<usize>,
        user: u64,
        item: u64,
    ) -> Option<(u32, u32)> {
        self.counts.lines += 1;
        let Policies {
            overlap,
            unseen,
            repeated,
        } = self.policies;
        let rows = (self.rows.users.row(user), self.rows.items.row(item));
        let is_new = |row: Option<u32>, is_seen: &dyn Fn(usize) -> bool| {
            row.is_none_or(|row| !is_seen(row as usize))
        };
        let known = self.known;
        let new_user = is_new(rows.0, &|row| !known.of(row).is_empty());
        let new_item = is_new(rows.1, &|row| self.items_trained[row]);
        self.counts.unseen_users += u64::from(new_user);
        self.counts.unseen_items += u64::from(new_item);
        let kinds: [(bool, Option<u32>, &'static str, u64, Count); 2] = [
            (new_user, rows.0, "user", user, |counts| counts.unseen_users),
            (new_item, rows.1, "item", item, |counts| counts.unseen_items),
        ];
        for (is_new, row, field, id, count) in kinds {
            if !is_new {
                continue;
            }
            match unseen {
                CasePolicy::Drop => return None,
                CasePolicy::Keep if row.is_some() => {}
                // Which is held out was decided here: no published test split is cut.
                CasePolicy::Keep if line.is_none() => {
                    self.counts.alone += 1;
                    return None;
                }
                _ => {
                    let allowed = self.of_train(field, id, line.is_some());
                    return self.refuse(line, field, id, &allowed, count);
                }
            }
        }
        let (user_row, item_row) = (rows.0?, rows.1?);
        if known.contains(user_row as usize, item_row as usize) {
            self.counts.overlap += 1;
            match overlap {
                CasePolicy::Keep => {}
                CasePolicy::Drop => return None,
                CasePolicy::Refuse => {
                    let allowed = format!(
                        "one that user {user} has no train interaction with; protocol.overlap = \
                         \"drop\" leaves such lines out, \"keep\" measures them"
                    );
                    return self.refuse(line, "item", item, &allowed, |counts| counts.overlap);
                }
            }
        }
        if !self.users_before.insert(user) {
            self.counts.repeated += 1;
            match repeated {
                CasePolicy::Keep => {}
                CasePolicy::Drop => return None,
                CasePolicy::Refuse => {
                    let allowed = "one without a line before; protocol.repeated = \"drop\" leaves \
                                   later lines out, \"keep\" measures all items of a user together";
                    return self.refuse(line, "user", user, allowed, |counts| counts.repeated);
                }
            }
        }
        Some((user_row, item_row))
    }

    /// Goes on, so that others like it are counted.
    fn refuse(
        &mut self,
        line: Option<usize>,
        field: &'static str,
        id: u64,
        allowed: &str,
        count: Count,
    ) -> Option<(u32, u32)> {
        if self.refused.is_none() {
            self.refused = Some((self.fault(line, field, id, allowed), count));
        }
        None
    }

    /// The rows of a line's negatives; `pair` are those of its user and item.
    ///
    /// # Errors
    /// [`DataError::Field`] for an id beyond those of train, where ids are kept.
    pub(super) fn negatives(
        &mut self,
        line: usize,
        pair: (u32, u32),
        ids: &[u64],
    ) -> Result<Vec<u32>, DataError> {
        let mut found = Vec::with_capacity(ids.len());
        for &id in ids {
            let Some(row) = self.rows.items.row(id) else {
                if self.rows.items.is_kept() {
                    let last = self.rows.items.range().saturating_sub(1);
                    let allowed = format!(
                        "0 to {last}, the ids of the train file; ids = \"remapped\" leaves out \
                         negatives that it does not have"
                    );
                    return Err(self.fault(Some(line), "negative item", id, &allowed));
                }
                self.counts.unseen_negatives += 1;
                self.counts.negatives_left_out += 1;
                continue;
            };
            let is_known = self.known.contains(pair.0 as usize, row as usize);
            self.counts.unseen_negatives += u64::from(!self.items_trained[row as usize]);
            self.counts.known_negatives += u64::from(is_known);
            found.push(row);
        }
        self.counts.among_negatives += u64::from(found.contains(&pair.1));
        let mut sorted = found.clone();
        sorted.sort_unstable();
        sorted.dedup();
        self.counts.repeated_negatives += (found.len() - sorted.len()) as u64;
        Ok(found)
    }

    /// What such a line could have, and what else can be done about it; `is_of_file` where the test
    /// split is one that somebody published.
    fn of_train(&self, field: &str, id: u64, is_of_file: bool) -> String {
        let rows = match field {
            "user" => &self.rows.users,
            _ => &self.rows.items,
        };
        let of = if rows.is_kept() && self.policies.unseen != CasePolicy::Refuse {
            let last = rows.range().saturating_sub(1);
            format!("0 to {last}, the ids of the train file")
        } else {
            "an id with a train interaction that is not held out for validation".to_owned()
        };
        let mut ways = of;
        if rows.row(id).is_some() {
            ways +=
                "; protocol.unseen = \"keep\" measures such lines, with a row that is not trained";
        } else if !rows.is_kept() && id < rows.range() {
            ways += "; ids = \"kept\" and protocol.unseen = \"keep\" measure it, with a row that is not \
                     trained, and draw ids that do not occur as negatives";
        }
        ways += "; protocol.unseen = \"drop\" leaves such lines out";
        if is_of_file {
            ways += ", which changes a published test split";
        }
        ways
    }

    fn fault(&self, line: Option<usize>, field: &'static str, id: u64, allowed: &str) -> DataError {
        let Some(line) = line else {
            let found = format!("{field} {id} held out for the test");
            return DataError::unusable(&self.path, found, allowed);
        };
        DataError::Field {
            path: self.path.clone(),
            line,
            field,
            value: id.to_string(),
            allowed: allowed.to_owned(),
        }
    }
}

impl HeldOutCounts {
    /// What people should know of the test split, a clause each; positives are `above` a rating.
    pub(crate) fn clauses(&self, policies: Policies, above: f64) -> Vec<String> {
        let by = |policy: CasePolicy| match policy {
            CasePolicy::Drop => "left out",
            _ => "measured",
        };
        let Policies {
            overlap,
            unseen,
            repeated,
        } = policies;
        [
            (
                self.overlap,
                format!("[is|are] in train, too: {}", by(overlap)),
            ),
            (
                self.unseen_users,
                format!(
                    "[is of a user|are of users] without a train interaction: {}",
                    by(unseen)
                ),
            ),
            (
                self.unseen_items - self.alone,
                format!(
                    "[is of an item|are of items] without a train interaction: {}",
                    by(unseen)
                ),
            ),
            (
                self.alone,
                "[is of an item|are of items] that the file has no other interaction of: left out"
                    .to_owned(),
            ),
            (
                self.repeated,
                format!("[is|are] of a user that had one before: {}", by(repeated)),
            ),
            (
                self.not_above,
                format!("[has|have] a rating that is not above {above}: left out"),
            ),
            (
                self.among_negatives,
                "[is among its|are among their] own negatives".into(),
            ),
        ]
        .into_iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, what)| {
            by_number(
                count,
                &format!("of {} held-out interactions {what}", self.lines),
            )
        })
        .chain(
            [
                (
                    self.repeated_negatives,
                    "[stands twice in its|stand twice in their] line",
                ),
                (self.unseen_negatives, "[has|have] no train interaction"),
                (
                    self.negatives_left_out,
                    "[has no row and is|have no row and are] left out",
                ),
                (
                    self.known_negatives,
                    "[is a train interaction of its|are train interactions of their] user",
                ),
            ]
            .into_iter()
            .filter(|(count, _)| *count > 0)
            .map(|(count, what)| by_number(count, &format!("negative[|s] {what}"))),
        )
        .collect()
    }
}
