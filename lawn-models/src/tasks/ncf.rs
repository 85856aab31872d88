//! Recommendation from implicit feedback: the kind `ncf`.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::generated;
use super::kind::{AssembledNet, AssembledTask, Counts, Files, Kind, Surroundings, TaskMetrics};
use super::ncf_config::{MOST_NEGATIVES, NcfConfig, RATING_ABOVE, THEN};
use super::ncf_data::{Read, room};
use super::ncf_model::NcfModel;
use super::ncf_net;
use super::ncf_survey;
use super::stated::{DataSize, StatedSizes};
use super::task::{Net, Task};
use crate::data::checked::CheckedData;
use crate::data::images::ScanProgress;
use crate::data::ratings::{self, GeneratedRatings, Ids, RawRatings, TrainRatings};
use crate::data::{DataError, GENERATED};
use crate::measure::{Floor, LeaveOneOut, Split, floors};
use crate::models::{Layout, TablePart};
use crate::trial::{SettingsError, TestPermit, require};

impl Kind for NcfConfig {
    const NAME: &'static str = "ncf";
    const ABOUT: &'static str = "recommendation from implicit feedback by neural collaborative filtering and matrix factorization";
    const METRICS: TaskMetrics = TaskMetrics {
        primary: "hr@10",
        all: &["hr@10", "ndcg@10"],
        higher_is_better: true,
        turned: &[],
        unranked: &[],
    };
    const RENAMED: &'static [(&'static str, &'static str)] = &[(THEN, GENERATED)];

    const SIZES: &'static [DataSize] = &[DataSize::Users, DataSize::Items];

    type Generated = GeneratedRatings;

    fn data(&self) -> &str {
        &self.data
    }

    fn metrics(&self) -> TaskMetrics {
        let all = self.protocol.names(self.ties());
        TaskMetrics {
            primary: all.first().copied().unwrap_or_default(),
            all,
            higher_is_better: true,
            turned: &[],
            unranked: &[],
        }
    }

    fn weights(&self) -> Option<&Path> {
        self.init_from.as_deref()
    }

    fn weights_of_parts(&self) -> Vec<&Path> {
        let from = self.pretrained.iter();
        let from = from.flat_map(|from| [&from.gmf, &from.mlp]);
        from.map(PathBuf::as_path).collect()
    }

    fn resolve(&mut self) {
        self.protocol.resolve(&mut self.ties);
        if self.data == GENERATED {
            self.generated.get_or_insert_default();
            // Neither changes generated data.
            self.rating_above = self.rating_above.filter(|&above| above != RATING_ABOVE);
            self.ids = self.ids.filter(|&ids| ids != Ids::default());
        } else {
            self.rating_above.get_or_insert(RATING_ABOVE);
            self.ids.get_or_insert_default();
        }
    }

    fn validate(&self) -> Result<(), SettingsError> {
        require(!self.data.is_empty(), "data", "empty", "a data set's name")?;
        ncf_net::validate(self)?;
        require(
            (1..=MOST_NEGATIVES).contains(&self.negatives),
            "negatives",
            self.negatives,
            &format!("1 to {MOST_NEGATIVES}"),
        )?;
        let above = self.rating_above.unwrap_or(RATING_ABOVE);
        require(above.is_finite(), "rating_above", above, "a finite number")?;
        self.raw.validate()?;
        self.protocol.validate(self.ties())?;
        generated::require_beside(&self.data, self.generated.is_some())?;
        self.generated
            .as_ref()
            .map_or(Ok(()), |sizes| sizes.validate())
    }

    fn assemble(&self, surroundings: Surroundings<'_>) -> Result<AssembledTask, DataError> {
        let (device, seed) = (surroundings.device, surroundings.seed);
        let read = self.read(surroundings.data_root)?;
        let test = read.test(self);
        let Read { split, rules, .. } = read;
        let sizes = [split.train.users() as i64, split.train.items() as i64];
        let Net { store, model, rows } = ncf_net::assemble(self, sizes, surroundings)?;
        let read_test = move |permit: &TestPermit| Ok(test.read(permit)?.cases);
        let measured = [&split.probe[..], &split.validation[..]];
        Ok(AssembledTask(Task {
            model,
            objective: Box::new(LeaveOneOut::new(rules, device, measured, read_test)),
            dataset: Arc::new(TrainRatings::new(split.train, self.negatives, seed)),
            layout: Layout::Contiguous,
            needs_two: false,
            rows,
            store,
        }))
    }

    fn net(&self, stated: &StatedSizes, part: TablePart) -> Result<AssembledNet, DataError> {
        let rows = |size: DataSize, stated: Option<u32>| {
            let stated = stated.ok_or_else(|| DataError::Setting(size.missing()));
            stated.map(i64::from)
        };
        let sizes = [
            rows(DataSize::Users, stated.users)?,
            rows(DataSize::Items, stated.items)?,
        ];
        let without_weights = Self {
            pretrained: None,
            ..self.clone()
        };
        ncf_net::assemble(&without_weights, sizes, Surroundings::without_data(part))
            .map(AssembledNet)
    }

    fn floors(
        &self,
        data_root: Option<&Path>,
        permit: Option<&TestPermit>,
    ) -> Result<Vec<Floor>, DataError> {
        let read = self.read(data_root)?;
        let test = permit.map(|permit| read.test(self).read(permit));
        let test = test.transpose()?;
        let Read { split, rules, .. } = read;
        let mut cases = vec![(Split::Validation, split.validation)];
        cases.extend(test.map(|held| (Split::Test, held.cases)));
        let mut popularity = vec![0.0; split.train.items()];
        for (_, item) in split.train.pairs() {
            popularity[item as usize] += 1.0;
        }
        Ok(floors::ranking::floors(&rules, &popularity, &cases))
    }

    fn survey(
        &self,
        data_root: Option<&Path>,
        permit: &TestPermit,
    ) -> Result<Vec<String>, DataError> {
        let read = self.read(data_root)?;
        let held = read.test(self).read(permit)?;
        ncf_survey::survey(self, &read, &held, data_root)
    }

    fn files(&self, root: &Path, split: Files) -> Result<Vec<PathBuf>, DataError> {
        let source = self.source(Some(root))?;
        Ok(match split {
            Files::Train => source.train_files(),
            Files::Test => source.test_files(),
        })
    }

    fn describe(folder: &Path) -> Option<Result<Counts, DataError>> {
        ratings::describe(folder, room())
    }

    fn check(&self, folder: &Path, _: ScanProgress<'_>) -> Option<Result<CheckedData, DataError>> {
        // Columns of other names are those that the table names.
        let source = match self.raw == RawRatings::default() {
            true => ratings::source_in(folder),
            false => ratings::Source::in_folder(folder, &self.data).transpose(),
        };
        let checked = |_| {
            let root = folder.parent();
            let read = self.read(root)?;
            let held = read.test(self).read(&TestPermit::of_a_person())?;
            let train = &read.train;
            let (trained, tested) = (train.interactions.len(), held.cases.len());
            Ok(CheckedData {
                counts: ratings::counts(&train.rows, trained as u64, tested as u64),
                notes: ncf_survey::survey(self, &read, &held, root)?,
                ..CheckedData::default()
            })
        };
        Some(source?.and_then(checked))
    }

    fn refusal(folder: &Path) -> Option<DataError> {
        let name = folder.file_name()?.to_str()?;
        match ratings::Source::in_folder(folder, name) {
            Ok(source) => {
                let reading = Self::default().reading();
                source?.train(&reading).err()
            }
            Err(error) => Some(error),
        }
    }

    fn idle(&self) -> Vec<&'static str> {
        let factors = (self.model == NcfModel::Mlp).then_some("factors");
        let layers = (!self.model.has_tower()).then_some("layers");
        factors.into_iter().chain(layers).collect()
    }

    fn write(sizes: &GeneratedRatings, folder: &Path) -> Result<(), DataError> {
        sizes
            .validate()
            .map_err(|error| DataError::options(Self::NAME, &error))?;
        ratings::write(sizes, folder)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trial::Stage;

    /// Ratings of 0, and ids with gaps.
    #[test]
    fn a_plan_of_before_reads_ratings_as_it_did() {
        let folder = tempfile::tempdir().unwrap();
        let file = |end: &str, text: &str| {
            std::fs::write(folder.path().join(format!("x.{end}")), text).unwrap();
        };
        let rows = |of: &dyn Fn(u32) -> String| (0..4).map(of).collect::<String>();
        let train = |user: u32| {
            let line = |item: u32| format!("{user}\t{}\t{}\t{item}\n", 100 * item, item % 2);
            (user..user + 4).map(line).collect()
        };
        file("train.rating", &rows(&train));
        file("test.rating", &rows(&|user| format!("{user}\t0\t1\t9\n")));
        file(
            "test.negative",
            &rows(&|user| format!("({user},0)\t1\t2\n")),
        );
        let text = r#"{"kind":"ncf","data":"x"}"#;
        let of_before: crate::TaskConfig = serde_json::from_str(text).unwrap();
        let table = serde_json::json!({ "data": "x" });
        let today = crate::TaskConfig::from_table("ncf", table).unwrap();
        assert_ne!(
            serde_json::to_string(&of_before).unwrap(),
            serde_json::to_string(&today).unwrap()
        );
        let read = |task: &crate::TaskConfig| {
            let crate::TaskConfig::Ncf(config) = task else {
                panic!("an ncf table makes an ncf task");
            };
            let source = config.source(Some(folder.path())).unwrap();
            let train = source.train(&config.reading()).unwrap();
            (train.rows.items.len(), train.interactions.len())
        };
        assert_eq!(read(&of_before), (601, 16));
        assert_eq!(read(&today), (3, 8));
        let again: crate::TaskConfig =
            serde_json::from_value(serde_json::to_value(&today).unwrap()).unwrap();
        assert_eq!(again, today);
    }

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
