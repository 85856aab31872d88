//! Neural collaborative filtering: the kind `ncf`.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Value, json};
use tch::nn::VarStore;

use super::generated;
use super::kind::{AssembledTask, Counts, Files, Kind, Surroundings, TaskMetrics};
use super::task::Task;
use crate::data::ratings::{self, GeneratedRatings, Source, TrainRatings, ValidationItem};
use crate::data::{DataError, GENERATED};
use crate::measure::{Floor, LeaveOneOut, Split, Ties, floors};
use crate::models::{Layout, NcfModelKind, NeuMf, NeuMfConfig};
use crate::trial::{SettingsError, TestPermit, require};

/// What `generated` was called once, and is still called in the files of a run.
const THEN: &str = "synthetic";

/// Greatest width of a layer or an embedding: beyond it, something is mistyped.
const MOST_WIDTH: i64 = 1 << 24;

/// Greatest number of negatives for each positive.
const MOST_NEGATIVES: u32 = 1_000;

/// In a schema: a model without a tower, which `layers` says nothing of.
fn is_gmf() -> Value {
    json!({ "required": ["model"], "properties": { "model": { "const": NcfModelKind::Gmf } } })
}

/// In a schema: what the widths of a tower may be.
fn has_a_tower() -> Value {
    let width = json!({ "minimum": 1, "maximum": MOST_WIDTH });
    json!({ "properties": { "layers": { "minItems": 2, "items": width } } })
}

/// Neural collaborative filtering on implicit feedback.
///
/// Source: He et al. 2017, *Neural Collaborative Filtering*, arXiv 1708.05031:
/// models of section 3, leave-one-out protocol of section 4.1.
///
/// A data set is three files in the authors' format, in the folder `NAME` under
/// the data root or in the root itself:
///
/// ```text
/// NAME.train.rating    user \t item \t rating \t time         ids from 0
/// NAME.test.rating     the same, one line a user: its held-out interaction
/// NAME.test.negative   (user,item) \t item \t item …          in the same order
/// ```
///
/// Each user's test interaction is ranked against the negatives of its line, as
/// the file has them, even where it is itself among them, as in 156 lines of the
/// public MovieLens-1M file; there it ties with itself, and `ties` decides. One
/// more interaction of each user is held out of train for validation, and one
/// that stays is measured as the train split, both against 99 items that the
/// user has no interaction with in the train file.
///
/// *Differs from* the paper: a validation item is taken from train, and every
/// model trains without it, the one that is tested too.
#[derive(Serialize, Deserialize, schemars::JsonSchema, Clone, Debug, PartialEq)]
#[serde(default, deny_unknown_fields)]
#[schemars(extend("if" = is_gmf(), "else" = has_a_tower()))]
pub struct NcfConfig {
    /// `"generated"`, or the name of a data set under the data root.
    #[serde(serialize_with = "write_data", deserialize_with = "read_data")]
    #[schemars(length(min = 1))]
    pub data: String,
    /// Which of the three models of the paper.
    pub model: NcfModelKind,
    /// Width of the GMF embeddings (predictive factors).
    #[schemars(range(min = 1, max = MOST_WIDTH))]
    pub factors: i64,
    /// Widths of the MLP tower, input first: each of the two embeddings is half
    /// of the first. Unused by GMF.
    pub layers: Vec<i64>,
    /// Negatives drawn for each positive, anew each epoch.
    #[schemars(range(min = 1, max = MOST_NEGATIVES))]
    pub negatives: u32,
    /// How equal scores rank.
    pub ties: Ties,
    /// Which train interaction of each user is held out for validation.
    pub validation: ValidationItem,
    /// Seeds the held-out items and the evaluation negatives: part of the data
    /// set, not of the trial.
    pub split_seed: u64,
    /// Sizes of the generated data; only where `data = "generated"`.
    #[serde(rename(serialize = "synthetic"), alias = "synthetic")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub generated: Option<GeneratedRatings>,
}

impl Default for NcfConfig {
    fn default() -> Self {
        Self {
            data: GENERATED.to_owned(),
            model: NcfModelKind::Neumf,
            factors: 8,
            layers: vec![64, 32, 16, 8],
            negatives: 4,
            ties: Ties::MidRank,
            validation: ValidationItem::Random,
            split_seed: 0,
            generated: None,
        }
    }
}

fn read_data<'de, D: Deserializer<'de>>(table: D) -> Result<String, D::Error> {
    generated::read(table, THEN)
}

fn write_data<S: Serializer>(data: &str, into: S) -> Result<S::Ok, S::Error> {
    generated::write(data, into, THEN)
}

impl Kind for NcfConfig {
    const NAME: &'static str = "ncf";
    const ABOUT: &'static str = "implicit feedback by neural collaborative filtering";
    const METRICS: TaskMetrics = TaskMetrics {
        primary: "hr@10",
        all: &["hr@10", "ndcg@10"],
        higher_is_better: true,
    };
    const RENAMED: &'static [(&'static str, &'static str)] = &[(THEN, GENERATED)];

    type Generated = GeneratedRatings;

    fn data(&self) -> &str {
        &self.data
    }

    fn resolve(&mut self) {
        if self.data == GENERATED {
            self.generated.get_or_insert_default();
        }
    }

    fn validate(&self) -> Result<(), SettingsError> {
        require(!self.data.is_empty(), "data", "empty", "a data set's name")?;
        let width = |width: i64| (1..=MOST_WIDTH).contains(&width);
        let widths = format!("1 to {MOST_WIDTH}");
        require(width(self.factors), "factors", self.factors, &widths)?;
        if self.model != NcfModelKind::Gmf {
            let listed = format!("{:?}", self.layers);
            let sound = self.layers.len() >= 2 && self.layers.iter().all(|&one| width(one));
            let allowed = format!("two or more widths of {widths}");
            require(sound, "layers", &listed, &allowed)?;
            require(
                self.layers[0] % 2 == 0,
                "layers",
                &listed,
                "an even first width, half of it for each embedding",
            )?;
        }
        require(
            (1..=MOST_NEGATIVES).contains(&self.negatives),
            "negatives",
            self.negatives,
            &format!("1 to {MOST_NEGATIVES}"),
        )?;
        generated::require_beside(&self.data, self.generated.is_some())?;
        self.generated
            .as_ref()
            .map_or(Ok(()), |sizes| sizes.validate())
    }

    fn assemble(&self, surroundings: Surroundings<'_>) -> Result<AssembledTask, DataError> {
        let (device, seed) = (surroundings.device, surroundings.seed);
        let source = self.source(surroundings.data_root)?;
        let split = self.split(&source)?;
        let (users, items) = (split.train.users(), split.train.items());
        let store = VarStore::new(device);
        let model = NeuMfConfig {
            model: self.model,
            users: users as i64,
            items: items as i64,
            factors: self.factors,
            layers: self.layers.clone(),
        };
        let measured = [&split.probe[..], &split.validation[..]];
        let read_test = move |permit: &TestPermit| source.test(permit, users, items);
        Ok(AssembledTask(Task {
            model: Box::new(NeuMf::new(&store.root(), &model, seed)),
            objective: Box::new(LeaveOneOut::new(self.ties, device, measured, read_test)),
            dataset: Arc::new(TrainRatings::new(split.train, self.negatives, seed)),
            layout: Layout::Contiguous,
            store,
        }))
    }

    fn floors(
        &self,
        data_root: Option<&Path>,
        permit: Option<&TestPermit>,
    ) -> Result<Vec<Floor>, DataError> {
        let source = self.source(data_root)?;
        let split = self.split(&source)?;
        let (users, items) = (split.train.users(), split.train.items());
        let mut cases = vec![(Split::Validation, split.validation)];
        if let Some(permit) = permit {
            cases.push((Split::Test, source.test(permit, users, items)?));
        }
        Ok(floors::ranking::floors(&split.train, &cases, self.ties))
    }

    fn files(&self, root: &Path, split: Files) -> Result<Vec<PathBuf>, DataError> {
        let source = self.source(Some(root))?;
        Ok(match split {
            Files::Train => source.train_files(),
            Files::Test => source.test_files(),
        })
    }

    fn describe(folder: &Path) -> Option<Result<Counts, DataError>> {
        ratings::describe(folder)
    }

    fn write(sizes: &GeneratedRatings, folder: &Path) -> Result<(), DataError> {
        sizes
            .validate()
            .map_err(|error| DataError::options(Self::NAME, &error))?;
        ratings::write(sizes, folder)
    }
}

impl NcfConfig {
    fn source(&self, root: Option<&Path>) -> Result<Source, DataError> {
        Source::of(&self.data, self.generated.as_ref(), root)
    }

    /// The train interactions, split.
    fn split(&self, source: &Source) -> Result<ratings::Split, DataError> {
        let ratings = source.train()?;
        ratings::Split::new(&source.path(), &ratings, self.validation, self.split_seed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trial::Stage;

    #[test]
    fn only_a_permit_adds_the_test_split() {
        let splits = |permit: Option<&TestPermit>| -> Vec<Split> {
            let floors = NcfConfig::default().floors(None, permit).unwrap();
            assert!(floors[1].measurements[0].value > floors[0].measurements[0].value);
            floors[1].measurements.iter().map(|one| one.split).collect()
        };
        use Split::{Test, Validation};
        assert_eq!(splits(None), [Validation, Validation]);
        let permit = TestPermit::of(Stage::Confirm);
        assert_eq!(
            splits(permit.as_ref()),
            [Validation, Validation, Test, Test]
        );
    }
}
