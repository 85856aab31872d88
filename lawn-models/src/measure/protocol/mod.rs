//! Which ranking protocol held-out interactions are measured by, and what it calls its metrics.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use serde::{Deserialize, Serialize, Serializer};
use serde_json::{Value, json};

use crate::data::ratings::{CasePolicy, EVALUATION_NEGATIVES, Negatives, Policies};
use crate::trial::{SettingsError, require};

/// How a held-out item ranks among others that score the same.
#[derive(
    Serialize, Deserialize, schemars::JsonSchema, Clone, Copy, Debug, Default, PartialEq, Eq,
)]
#[serde(rename_all = "kebab-case")]
pub enum Ties {
    /// `1 + above + equal / 2`: neither rewards nor punishes a constant model.
    #[default]
    MidRank,
    /// `1 + above`: equal scores rank below the positive.
    Optimistic,
    /// `1 + above + equal`: equal scores rank above the positive.
    Pessimistic,
    /// `1 + above + equal before`: candidates keep the order of the file, in which the positive
    /// follows its negatives, or stands where it is among them.
    ListOrder,
}

/// What a held-out item is ranked among.
#[derive(
    Serialize, Deserialize, schemars::JsonSchema, Clone, Copy, Debug, Default, PartialEq, Eq,
)]
#[serde(rename_all = "lowercase")]
pub enum Candidates {
    /// The negatives that the file has for it. Validation, and ratings that are not split yet,
    /// have none: there it is as `sampled`.
    #[default]
    File,
    /// `sampled` items that its user has no interaction with, drawn once with `split_seed`.
    Sampled,
    /// All items but those that its user has a train interaction with.
    All,
}

/// What becomes of an item that is twice among the candidates.
#[derive(
    Serialize, Deserialize, schemars::JsonSchema, Clone, Copy, Debug, Default, PartialEq, Eq,
)]
#[serde(rename_all = "lowercase")]
pub enum Duplicates {
    /// It is ranked twice; one that is the held-out item ties with it.
    #[default]
    Kept,
    /// It is ranked once.
    Masked,
}

/// A metric of the rank of held-out items.
#[derive(Serialize, Deserialize, schemars::JsonSchema, Clone, Copy, Debug, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum RankingMetric {
    /// Hit rate: the part of users with a held-out item among the first k.
    Hr,
    /// Normalized discounted cumulative gain of the first k.
    Ndcg,
    /// The part of a user's held-out items among the first k.
    Recall,
    /// The reciprocal rank of the first held-out item, without a k.
    Mrr,
}

/// The protocol of a paper, in place of single settings.
#[derive(Serialize, Deserialize, schemars::JsonSchema, Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProtocolName {
    /// The arithmetic of the code of He et al. 2017: each item is scored once, and of equal
    /// scores the one first in the file comes first, the held-out item after its negatives. It stands
    /// for `duplicates = "masked"` and `ties = "list-order"`; any other value beside it is refused, that
    /// of a default too, and so are candidates that are not a file's.
    #[serde(rename = "he-2017")]
    He2017,
}

/// How held-out interactions are ranked and measured.
#[derive(Serialize, Deserialize, schemars::JsonSchema, Clone, Debug, PartialEq)]
#[serde(default, deny_unknown_fields)]
pub struct ProtocolConfig {
    /// The protocol of a paper, in place of single settings.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<ProtocolName>,
    /// What a held-out item is ranked among.
    pub candidates: Candidates,
    /// How many negatives are drawn where they are.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub sampled: u32,
    /// What becomes of an item that is twice among the candidates; `kept` where nothing is said, or
    /// what `name` stands for.
    #[serde(serialize_with = "or_default")]
    #[schemars(extend("default" = "kept"))]
    pub duplicates: Option<Duplicates>,
    /// What is measured, the metric first that settings are chosen by.
    #[schemars(length(min = 1), extend("uniqueItems" = true))]
    pub metrics: Vec<RankingMetric>,
    /// Lengths of the ranked list that count, the one first that settings are chosen by.
    #[schemars(length(min = 1), inner(range(min = 1, max = u32::MAX)), extend("uniqueItems" = true))]
    pub cutoffs: Vec<u32>,
    /// What becomes of a test interaction that is in train, too.
    pub overlap: CasePolicy,
    /// What becomes of a test interaction whose user or item has no train interaction, those held out
    /// for validation not counted. One whose id has no row cannot be kept: of ratings in one file it
    /// is left out, of files with a test split refused.
    pub unseen: CasePolicy,
    /// What becomes of a user's second line in the test file. Kept ones are measured together.
    pub repeated: CasePolicy,
}

/// Writes what stands for a value that is not given: trials are known by that text.
pub(crate) fn or_default<T: Serialize + Default + Copy, S: Serializer>(
    value: &Option<T>,
    into: S,
) -> Result<S::Ok, S::Error> {
    value.unwrap_or_default().serialize(into)
}

impl Default for ProtocolConfig {
    fn default() -> Self {
        Self {
            name: None,
            candidates: Candidates::File,
            sampled: EVALUATION_NEGATIVES,
            duplicates: None,
            metrics: vec![RankingMetric::Hr, RankingMetric::Ndcg],
            cutoffs: vec![10],
            overlap: CasePolicy::Refuse,
            unseen: CasePolicy::Keep,
            repeated: CasePolicy::Refuse,
        }
    }
}

/// Names of metrics, each made once.
static NAMES: Mutex<BTreeMap<Vec<String>, &'static [&'static str]>> = Mutex::new(BTreeMap::new());

impl ProtocolConfig {
    /// Checks every value against what it allows, `ties` of the same task too.
    ///
    /// # Errors
    /// [`SettingsError`] names the setting, its value and what is allowed.
    pub fn validate(&self, ties: Ties) -> Result<(), SettingsError> {
        let duplicates = self.duplicates();
        if self.name == Some(ProtocolName::He2017) {
            let named = |value: Value| value.as_str().unwrap_or_default().to_owned();
            for (is_so, setting, found, allowed) in [
                (
                    self.candidates == Candidates::File,
                    "protocol.candidates",
                    named(json!(self.candidates)),
                    "file",
                ),
                (
                    duplicates == Duplicates::Masked,
                    "protocol.duplicates",
                    named(json!(duplicates)),
                    "masked",
                ),
                (
                    ties == Ties::ListOrder,
                    "ties",
                    named(json!(ties)),
                    "list-order",
                ),
            ] {
                let allowed = format!("{allowed} with protocol.name = \"he-2017\"");
                require(is_so, setting, found, &allowed)?;
            }
        }
        require(
            (1..=1_000_000).contains(&self.sampled),
            "protocol.sampled",
            self.sampled,
            "1 to 1000000",
        )?;
        let plain = Self::default();
        let has_cutoffs = self.metrics.iter().any(|&one| one != RankingMetric::Mrr);
        let is_all = self.candidates == Candidates::All;
        for (is_idle, setting, context) in [
            (
                is_all && self.sampled != plain.sampled,
                "protocol.sampled",
                "protocol.candidates = \"all\", which draws none",
            ),
            (
                is_all && duplicates != Duplicates::Kept,
                "protocol.duplicates",
                "protocol.candidates = \"all\", of which each is there once",
            ),
            (
                !has_cutoffs && self.cutoffs != plain.cutoffs,
                "protocol.cutoffs",
                "protocol.metrics = [\"mrr\"], which has none",
            ),
        ] {
            if is_idle {
                return Err(SettingsError::NotApplicable {
                    setting: setting.to_owned(),
                    context: context.to_owned(),
                    allowed: "leave it out".to_owned(),
                });
            }
        }
        let listed = format!("{:?}", self.metrics).to_lowercase();
        let is_repeated = |place: usize| self.metrics[..place].contains(&self.metrics[place]);
        require(
            !self.metrics.is_empty() && !(0..self.metrics.len()).any(is_repeated),
            "protocol.metrics",
            listed,
            "one or more of hr, ndcg, recall, mrr, each once",
        )?;
        let most = match self.candidates {
            Candidates::All => u32::MAX,
            // A hit must not be certain where negatives are drawn, as validation's always are.
            Candidates::File | Candidates::Sampled => self.sampled,
        };
        let listed = format!("{:?}", self.cutoffs);
        let is_repeated = |place: usize| self.cutoffs[..place].contains(&self.cutoffs[place]);
        require(
            !self.cutoffs.is_empty() && !(0..self.cutoffs.len()).any(is_repeated),
            "protocol.cutoffs",
            &listed,
            "one or more numbers, each once",
        )?;
        require(
            self.cutoffs.iter().all(|&k| (1..=most).contains(&k)),
            "protocol.cutoffs",
            &listed,
            &match self.candidates {
                Candidates::All => "numbers of 1 or more".to_owned(),
                _ => format!(
                    "numbers from 1 to {most}: with more, each of {most} + 1 candidates is a hit"
                ),
            },
        )
    }

    /// Writes out what the name stands for where it is not given, `ties` of the same task too. Without
    /// a name a default that is given is as one that is not.
    pub(crate) fn resolve(&mut self, ties: &mut Option<Ties>) {
        match self.name {
            Some(ProtocolName::He2017) => {
                self.duplicates.get_or_insert(Duplicates::Masked);
                ties.get_or_insert(Ties::ListOrder);
            }
            None => {
                self.duplicates = self.duplicates.filter(|&one| one != Duplicates::default());
                ties.get_or_insert_default();
            }
        }
    }

    /// What becomes of an item that is twice among the candidates.
    pub(crate) fn duplicates(&self) -> Duplicates {
        self.duplicates.unwrap_or_default()
    }

    pub(crate) fn policies(&self) -> Policies {
        Policies {
            overlap: self.overlap,
            unseen: self.unseen,
            repeated: self.repeated,
        }
    }

    pub(crate) fn negatives(&self) -> Negatives {
        let sampled = self.sampled as usize;
        match self.candidates {
            Candidates::File => Negatives::OfFile(sampled),
            Candidates::Sampled => Negatives::Sampled(sampled),
            Candidates::All => Negatives::All,
        }
    }

    /// The metrics with their cutoffs, in the order in which they are measured.
    pub(crate) fn measured(&self, ties: Ties) -> Vec<(RankingMetric, Option<u32>, String)> {
        let suffix = self.suffix(ties);
        let of = |&metric: &RankingMetric| -> Vec<(RankingMetric, Option<u32>, String)> {
            let at = |name: &str| {
                let named = |&k: &u32| (metric, Some(k), format!("{name}@{k}{suffix}"));
                self.cutoffs.iter().map(named).collect()
            };
            match metric {
                RankingMetric::Hr => at("hr"),
                RankingMetric::Ndcg => at("ndcg"),
                RankingMetric::Recall => at("recall"),
                RankingMetric::Mrr => vec![(metric, None, format!("mrr{suffix}"))],
            }
        };
        self.metrics.iter().flat_map(of).collect()
    }

    /// What tells the numbers of this protocol from those of another, in the names of metrics:
    /// nothing for the negatives of the file, and for 99 that are drawn as those were.
    fn suffix(&self, ties: Ties) -> String {
        self.ranked(ties) + &self.measured_besides()
    }

    /// Of which held-out interactions are measured, where they are not those that usually are.
    fn measured_besides(&self) -> String {
        use CasePolicy::{Drop, Keep};
        let policies = [
            (self.overlap, Keep, "-overlap"),
            (self.overlap, Drop, "-nooverlap"),
            (self.unseen, Drop, "-nounseen"),
            (self.repeated, Keep, "-repeated"),
            (self.repeated, Drop, "-norepeated"),
        ];
        let policies = policies.into_iter();
        let named =
            policies.filter_map(|(policy, named, suffix)| (policy == named).then_some(suffix));
        named.collect()
    }

    /// Of how they are ranked.
    fn ranked(&self, ties: Ties) -> String {
        // Validation is among those that are drawn, even where test is among the file's.
        let candidates = match self.candidates {
            Candidates::All => "-all".to_owned(),
            _ if self.sampled != EVALUATION_NEGATIVES => format!("-s{}", self.sampled),
            _ => String::new(),
        };
        if self.name == Some(ProtocolName::He2017) {
            return candidates + "-he2017";
        }
        let duplicates = match (self.candidates, self.duplicates()) {
            // Each of all items is there once.
            (Candidates::All, _) | (_, Duplicates::Kept) => "",
            (_, Duplicates::Masked) => "-once",
        };
        let ties = match ties {
            Ties::MidRank => "",
            Ties::Optimistic => "-opt",
            Ties::Pessimistic => "-pess",
            Ties::ListOrder => "-list",
        };
        candidates + duplicates + ties
    }

    /// The names of what is measured, the one first that settings are chosen by.
    pub(crate) fn names(&self, ties: Ties) -> &'static [&'static str] {
        let names: Vec<String> = self
            .measured(ties)
            .into_iter()
            .map(|(_, _, name)| name)
            .collect();
        let mut known = NAMES.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(names) = known.get(&names) {
            return names;
        }
        // Bounded by the protocols that a process reads.
        let kept: Vec<&'static str> = names
            .iter()
            .map(|name| &*Box::leak(name.clone().into_boxed_str()))
            .collect();
        let kept: &'static [&'static str] = Box::leak(kept.into_boxed_slice());
        known.insert(names, kept);
        kept
    }
}

#[cfg(test)]
mod tests;
