//! Rating files that are written for a test, what planning says of them, and short trials.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use lawn_models::{
    Amount, OptimizerSettings, RuleName, SilentObserver, Split, Stage, TaskConfig, TrialConfig,
    TrialContext, TrialEnd, floors, run_trial, survey,
};
use serde_json::{Value, json};

use super::context;

/// Users, items and negatives of the sets that are written here.
pub(crate) const USERS: u64 = 60;
pub(crate) const ITEMS: u64 = 150;

/// The three files of a data set, line by line.
pub(crate) struct Files {
    pub(crate) train: Vec<[u64; 2]>,
    pub(crate) test: Vec<[u64; 2]>,
    pub(crate) negatives: Vec<Vec<u64>>,
}

impl Files {
    /// User `u` has met ten items from `7u` on, and the one after them is held out.
    pub(crate) fn new(negatives: usize) -> Self {
        let met = |user: u64| (0..11).map(move |k| (7 * user + k) % ITEMS);
        let mut files = Self {
            train: Vec::new(),
            test: Vec::new(),
            negatives: Vec::new(),
        };
        for user in 0..USERS {
            files
                .train
                .extend(met(user).take(10).map(|item| [user, item]));
            files
                .test
                .extend(met(user).skip(10).map(|item| [user, item]));
            let others = (0..ITEMS).map(|k| (7 * user + 11 + k) % ITEMS);
            files.negatives.push(others.take(negatives).collect());
        }
        files
    }

    /// With other ids.
    pub(crate) fn renamed(mut self, user: fn(u64) -> u64, item: fn(u64) -> u64) -> Self {
        for pair in self.train.iter_mut().chain(&mut self.test) {
            *pair = [user(pair[0]), item(pair[1])];
        }
        for negative in self.negatives.iter_mut().flatten() {
            *negative = item(*negative);
        }
        self
    }

    /// Writes `set/set.train.rating` and so on.
    pub(crate) fn write(&self, root: &Path) {
        let lines = |pairs: &[[u64; 2]]| -> String {
            pairs
                .iter()
                .map(|[user, item]| format!("{user}\t{item}\t1\t0\n"))
                .collect()
        };
        let mut negatives = String::new();
        for ([user, item], others) in self.test.iter().zip(&self.negatives) {
            let _ = write!(negatives, "({user},{item})");
            others.iter().for_each(|other| {
                let _ = write!(negatives, "\t{other}");
            });
            negatives.push('\n');
        }
        put(root, "train.rating", lines(&self.train).as_bytes());
        put(root, "test.rating", lines(&self.test).as_bytes());
        put(root, "test.negative", negatives.as_bytes());
    }

    pub(crate) fn root(&self) -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        self.write(root.path());
        root
    }
}

pub(crate) fn put(root: &Path, end: &str, bytes: &[u8]) {
    let folder = root.join("set");
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join(format!("set.{end}")), bytes).unwrap();
}

pub(crate) fn task(more: &Value) -> TaskConfig {
    let mut table = json!({ "data": "set", "model": "gmf" });
    table
        .as_object_mut()
        .unwrap()
        .extend(more.as_object().unwrap().clone());
    let task = TaskConfig::from_table("ncf", table).unwrap();
    task.validate().unwrap();
    task
}

/// What planning says, in one text, or why it refuses.
pub(crate) fn look(root: &Path, more: &Value) -> Result<String, String> {
    survey(&task(more), Some(root))
        .map(|lines| lines.join("\n"))
        .map_err(|error| error.to_string())
}

/// The first test metric of a predictor.
pub(crate) fn floor(root: &Path, more: &Value, predictor: &str) -> f64 {
    let floors = floors(&task(more), Some(root), true).unwrap();
    let floor = floors
        .iter()
        .find(|one| one.predictor == predictor)
        .unwrap();
    let mut measured = floor.measurements.iter();
    measured.find(|one| one.split == Split::Test).unwrap().value
}

/// Trains for an epoch, with the checkpoint in a folder that is gone then.
pub(crate) fn train(root: &Path, more: &Value, stage: Stage) -> Result<TrialEnd, String> {
    train_in(tempfile::tempdir().unwrap().path(), root, more, stage)
}

/// Trains for an epoch, and leaves checkpoint and weights in `folder`.
pub(crate) fn train_in(
    folder: &Path,
    root: &Path,
    more: &Value,
    stage: Stage,
) -> Result<TrialEnd, String> {
    let optimizer = OptimizerSettings::new(RuleName::Adam, 1e-2);
    let mut config = TrialConfig::new(task(more), optimizer, 500, Amount::Epochs(1));
    config.stage = stage;
    let context = TrialContext {
        data_root: Some(root.to_owned()),
        ..context(folder)
    };
    lawn_models::set_threads(1);
    run_trial(&config, &context, &mut SilentObserver).map_err(|error| error.to_string())
}
