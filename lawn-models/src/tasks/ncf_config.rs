//! What a task of the kind `ncf` is made of.

use std::path::PathBuf;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::generated;
use super::named;
use super::ncf_model::{self, MOST_WIDTH, NcfModel, Pretrained};
use crate::data::GENERATED;
use crate::data::ratings::{GeneratedRatings, Ids, RawRatings, ValidationItem};
use crate::measure::{ProtocolConfig, Ties};

/// What `generated` was called once, and is still called in the files of a run.
pub(super) const THEN: &str = "synthetic";

/// Positives are above it where nothing is said.
pub(super) const RATING_ABOVE: f64 = 0.0;

/// Greatest number of negatives for each positive.
pub(super) const MOST_NEGATIVES: u32 = 1_000;

/// Recommendation from implicit feedback.
///
/// Source: He et al. 2017, *Neural Collaborative Filtering*, arXiv 1708.05031: models of section
/// 3, leave-one-out protocol of section 4.1; matrix factorization as in Rendle et al. 2020, arXiv
/// 2005.09683.
///
/// A data set is three files in He et al.'s format, in the folder `NAME` under the data root or in
/// the root itself, or one file that is not split yet ([`RawRatings`]); each may be packed as `.gz`:
///
/// ```text
/// NAME.train.rating    user \t item \t rating \t time         ids from 0
/// NAME.test.rating     the same, one line a user: its held-out interaction
/// NAME.test.negative   (user,item) \t item \t item …          in the same order
/// ```
///
/// Each user's test interaction is ranked among the negatives of its line, as the file has them,
/// even where it is itself among them, as in 156 lines of the public MovieLens-1M file; there it
/// ties with itself, and `ties` decides, unless `protocol` says otherwise. One more interaction of
/// each user is held out of train for validation, and one that stays is measured as the train
/// split, both among 99 items that the user has no interaction with in the train file.
///
/// *Differs from* the paper: a validation item is taken from train, and every model trains without
/// it, the one that is tested too.
#[derive(Serialize, Deserialize, schemars::JsonSchema, Clone, Debug, PartialEq)]
#[serde(default, deny_unknown_fields)]
#[schemars(extend("if" = ncf_model::has_no_tower(), "else" = ncf_model::widths_of_tower()))]
pub struct NcfConfig {
    /// `"generated"`, or the name of a data set under the data root.
    #[serde(serialize_with = "write_data", deserialize_with = "read_data")]
    #[schemars(length(min = 1))]
    pub data: String,
    /// The net.
    #[serde(deserialize_with = "named::read")]
    pub model: NcfModel,
    /// Width of the embeddings of GMF and matrix factorization (predictive factors). MLP has none, and
    /// refuses another than the default.
    #[schemars(range(min = 1, max = MOST_WIDTH))]
    pub factors: i64,
    /// Widths of the MLP tower, input first: each of the two embeddings is half of the first.
    /// The others have none, and refuse others than the default.
    pub layers: Vec<i64>,
    /// Rate of the dropout after each layer of the MLP tower.
    #[serde(skip_serializing_if = "is_default")]
    #[schemars(range(min = 0), extend("exclusiveMaximum" = 1, "default" = f64::default()))]
    pub dropout: f64,
    /// A safetensors file under the data root with the weights that training begins with: each
    /// variable of the net, and nothing else.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub init_from: Option<PathBuf>,
    /// Weights that NeuMF begins with: those of a GMF and an MLP.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pretrained: Option<Pretrained>,
    /// Negatives drawn for each positive, anew each epoch.
    #[schemars(range(min = 1, max = MOST_NEGATIVES))]
    pub negatives: u32,
    /// How equal scores rank; `mid-rank` where nothing is said, or what `protocol.name` stands for.
    #[serde(serialize_with = "crate::measure::or_default")]
    #[schemars(extend("default" = "mid-rank"))]
    pub ties: Option<Ties>,
    /// Which train interaction of each user is held out for validation.
    pub validation: ValidationItem,
    /// Seeds the held-out items and the evaluation negatives: part of the data
    /// set, not of the trial.
    pub split_seed: u64,
    /// A rating above it is a positive, any other none: left out and counted. 0 as in He et al., and
    /// 0 alone where a file has no ratings.
    #[serde(default = "no_threshold", skip_serializing_if = "Option::is_none")]
    #[schemars(extend("default" = RATING_ABOVE))]
    pub rating_above: Option<f64>,
    /// Which ids have rows in the tables of the net, and are drawn as negatives.
    #[serde(default = "no_rule", skip_serializing_if = "Option::is_none")]
    #[schemars(extend("default" = "auto"))]
    pub ids: Option<Ids>,
    /// How ratings are read and split that are one file.
    #[serde(skip_serializing_if = "is_default")]
    pub raw: RawRatings,
    /// How held-out interactions are ranked and measured.
    #[serde(skip_serializing_if = "is_default")]
    pub protocol: ProtocolConfig,
    /// Sizes of the generated data; only where `data = "generated"`.
    #[serde(rename(serialize = "synthetic"), alias = "synthetic")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub generated: Option<GeneratedRatings>,
}

impl Default for NcfConfig {
    fn default() -> Self {
        Self {
            data: GENERATED.to_owned(),
            model: NcfModel::Neumf,
            factors: 8,
            layers: vec![64, 32, 16, 8],
            dropout: 0.0,
            init_from: None,
            pretrained: None,
            negatives: 4,
            ties: None,
            validation: ValidationItem::Random,
            split_seed: 0,
            rating_above: Some(RATING_ABOVE),
            ids: Some(Ids::default()),
            raw: RawRatings::default(),
            protocol: ProtocolConfig::default(),
            generated: None,
        }
    }
}

impl NcfConfig {
    /// How equal scores rank.
    pub(super) fn ties(&self) -> Ties {
        self.ties.unwrap_or_default()
    }
}

/// Whether a key is left out of the text that a trial is known by: it came later than trials
/// that do not have it.
fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// What a plan has that was made before there was such a key: ratings of such a plan are read as they
/// were then. A task that is read from a sweep file is given today's default, which its trials are
/// known by.
fn no_threshold() -> Option<f64> {
    None
}

/// As [`no_threshold`].
fn no_rule() -> Option<Ids> {
    None
}

fn read_data<'de, D: Deserializer<'de>>(table: D) -> Result<String, D::Error> {
    generated::read(table, THEN)
}

fn write_data<S: Serializer>(data: &str, into: S) -> Result<S::Ok, S::Error> {
    generated::write(data, into, THEN)
}
