//! `trial.json`: what a trial trains, written before its first step.

use lawn_models::{RuleConfig, TrialConfig};
use serde::{Deserialize, Serialize, Serializer};
use serde_json::{Value, json};

use crate::Error;
use crate::run::document;
use crate::run::trial_dir::TrialDir;

/// Schema of `trial.json`.
pub const SCHEMA: u32 = 2;

/// The content of `trial.json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TrialFile {
    /// Id of the trial.
    pub id: String,
    /// Index of its setting among its arm's.
    pub setting: usize,
    /// All that it trains. Of its optimizer what applies is written.
    #[serde(serialize_with = "applying")]
    pub config: TrialConfig,
    /// The optimizer's rule with all of its values, also those that no setting names. Older files
    /// have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rule: Option<RuleConfig>,
    /// The trial of an earlier plan that trained the very same: it was not trained again, and its
    /// files were taken over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub adopted_from: Option<String>,
}

/// A configuration without the settings that every arm has a value of, and that are of a constraint
/// which this one has not.
fn applying<S: Serializer>(config: &TrialConfig, serializer: S) -> Result<S::Ok, S::Error> {
    let mut written = json!(config);
    written["optimizer"] = Value::Object(config.optimizer.applying());
    written.serialize(serializer)
}

impl TrialFile {
    /// Reads the file of a trial, where it is there.
    ///
    /// # Errors
    ///
    /// As [`document::read_if_there`].
    pub fn read(dir: &TrialDir) -> Result<Option<Self>, Error> {
        document::read_if_there(&dir.trial(), 1..=SCHEMA)
    }

    /// Writes it.
    ///
    /// # Errors
    ///
    /// As [`document::write`].
    pub fn write(&self, dir: &TrialDir) -> Result<(), Error> {
        document::write(&dir.trial(), SCHEMA, self)
    }

    /// Makes sure that a checkpoint beside an earlier file of the trial is of the same rule: one
    /// trial is not trained by two.
    ///
    /// # Errors
    ///
    /// [`Error::OtherRule`].
    pub(crate) fn require_same(&self, dir: &TrialDir) -> Result<(), Error> {
        if !dir.checkpoint().exists() {
            return Ok(());
        }
        // One that is damaged is written anew.
        let there = Self::read(dir).unwrap_or_default();
        let there = there.and_then(|there| there.rule);
        match there.filter(|there| Some(there) != self.rule.as_ref()) {
            None => Ok(()),
            Some(there) => {
                let there = serde_json::to_string(&there).unwrap_or_default();
                let now = serde_json::to_string(&self.rule).unwrap_or_default();
                Err(Error::other_rule(&dir.trial(), &there, &now))
            }
        }
    }

    /// Whether both train the same in every step. How many samples are held in memory at once
    /// changes no result.
    #[must_use]
    pub fn trains_as(&self, other: &Self) -> bool {
        let whole = |file: &Self| TrialConfig {
            micro_batch_size: None,
            ..file.config.clone()
        };
        whole(self) == whole(other) && self.rule == other.rule
    }
}
