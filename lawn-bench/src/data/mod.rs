//! The data sets of a sweep: that they are there, and their checksums.
//!
//! A checksum has two parts, `TRAIN-TEST`: each is over the names and contents of the files of
//! its split, so that a tuning trial knows its data without opening a test file. Hashing a
//! large set takes a while. So the hash of each file is kept in the user's cache, with what the
//! file system says of the file. It is taken from there as long as the file system says the
//! same.

mod beside;
pub mod fetch;
mod hashes;
pub mod make;
pub mod pack;
pub(crate) mod scan;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use lawn_models::{DataError, DataFolder, DataSet, Files, Notice, Stage, TaskConfig};

use crate::Error;
use crate::config::NamedTask;
use crate::process::streams;
use crate::run::run_dir::RunDir;
use hashes::Cache;

/// Makes sure, before anything runs, that every task finds its data set and can list it.
///
/// # Errors
///
/// [`Error::NoDataRoot`], [`Error::NoSuchDataRoot`], [`Error::NoData`], [`Error::Data`] where
/// one cannot be read.
pub fn find(tasks: &[NamedTask], root: Option<&Path>) -> Result<(), Error> {
    for task in tasks.iter().filter(|task| task.config.needs_data_root()) {
        let Some(root) = root else {
            return Err(Error::no_data_root(&task.name, &read(&task.config)));
        };
        // Its weights alone are read.
        if task.config.is_generated() {
            continue;
        }
        for files in [lawn_models::train_files, lawn_models::test_files] {
            // What else lies there is not read: it may be broken.
            match files(&task.config, root) {
                Ok(_) => {}
                Err(DataError::NotFound { expected, .. }) => {
                    return Err(no_data(task, root, &expected)?);
                }
                Err(error) => return Err(error.into()),
            }
        }
    }
    Ok(())
}

/// The data set of a task is not there; others may be.
fn no_data(task: &NamedTask, root: &Path, expected: &str) -> Result<Error, Error> {
    let sets = sets(root)?;
    let (data, kind) = (task.config.data(), task.config.kind());
    let found: Vec<&DataSet> = sets.iter().flatten().collect();
    let there = match found.iter().find(|set| set.name == data) {
        Some(set) => Some(format!("is of kind `{}`", set.kind)),
        None if root.join(data).is_dir() => Some("is no data set of this kind".to_owned()),
        None => None,
    };
    let of_kind = found.into_iter().filter(|set| set.kind == kind);
    let of_kind: Vec<String> = of_kind.map(|set| set.name.clone()).collect();
    Ok(Error::no_data(
        &task.name, data, root, expected, there, &of_kind,
    ))
}

/// What a task reads under the data root: its data set, or its weights where the data are
/// generated.
fn read(task: &TaskConfig) -> String {
    let weights = task.weights_files();
    let weights = weights.iter().map(|path| path.display().to_string());
    match task.is_generated() {
        true => weights.collect::<Vec<_>>().join(", "),
        false => task.data().to_owned(),
    }
}

/// What lies in the data root.
///
/// # Errors
///
/// [`Error::NoSuchDataRoot`].
pub(crate) fn sets(root: &Path) -> Result<Vec<Result<DataSet, DataError>>, Error> {
    lawn_models::describe_data(root).map_err(|source| Error::NoSuchDataRoot { source })
}

/// Each folder of the data root, and the data set in it.
///
/// # Errors
///
/// [`Error::NoSuchDataRoot`].
pub(crate) fn folders(root: &Path) -> Result<Vec<DataFolder>, Error> {
    lawn_models::describe_folders(root).map_err(|source| Error::NoSuchDataRoot { source })
}

/// Why no task reads a folder, as a list says it.
pub(crate) fn why_unread(folder: &Path) -> String {
    match lawn_models::unread(folder) {
        DataError::Unusable { found, .. } => {
            format!("no data set that a task reads: it has {found}")
        }
        error => error.to_string(),
    }
}

/// By task, the checksum of the files that it reads; generated data have none. Every file is
/// looked into, and what people should know of them is said.
///
/// # Errors
///
/// [`Error::Data`] with the name of each file that cannot be used, [`Error::TaskSetting`] for a key that
/// the data do not go with, [`Error::Io`] where a file cannot be read.
pub fn checksums(tasks: &[NamedTask], root: &Path) -> Result<BTreeMap<String, String>, Error> {
    let mut cache = Cache::read();
    let mut checksums = BTreeMap::new();
    let mut said = Said::default();
    for task in tasks.iter().filter(|task| task.config.needs_data_root()) {
        let checksum =
            checksum(task, root, &mut cache, &mut said).map_err(|error| match error {
                Error::Data(DataError::Setting(source)) => Error::TaskSetting {
                    task: task.name.clone(),
                    source,
                },
                error => error,
            })?;
        checksums.insert(task.name.clone(), checksum);
    }
    cache.write();
    Ok(checksums)
}

fn checksum(
    task: &NamedTask,
    root: &Path,
    cache: &mut Cache,
    said: &mut Said,
) -> Result<String, Error> {
    let scans = scan::scan(&task.config, root, &[Files::Train, Files::Test])?;
    for line in scan::lines(task.config.data(), root, &scans) {
        said.say(line);
    }
    say_notes(&task.config, root, said)?;
    let [train, test] = match &scans[..] {
        [train, test] => [train, test].map(|scan| short(&scan.digest)),
        _ => [
            digest(task, root, lawn_models::train_files, cache)?,
            digest(task, root, lawn_models::test_files, cache)?,
        ],
    };
    Ok(format!("{train}{BETWEEN}{test}"))
}

/// Says what people should know of the data of a task that reads files.
///
/// # Errors
///
/// [`Error::Data`] for what no trial could be trained or tested on.
pub(crate) fn say_notes(task: &TaskConfig, root: &Path, said: &mut Said) -> Result<(), Error> {
    for line in lawn_models::survey(task, Some(root))? {
        said.say(format!("{}: {line}", task.data()));
    }
    Ok(())
}

/// What has been said of data sets: of one that several tasks read it is said once.
#[derive(Debug, Default)]
pub(crate) struct Said(BTreeSet<String>);

impl Said {
    fn say(&mut self, line: String) {
        if self.is_new(&line) {
            streams::say(&line);
        }
    }

    fn is_new(&mut self, line: &str) -> bool {
        self.0.insert(line.to_owned())
    }
}

/// Makes sure that the files that a trial of `task` reads under `root` are those that the
/// run was planned with, of which `planned` is the checksum: before confirmation those of
/// the test split are neither read nor looked at. Gives what the trial has to say of them.
///
/// # Errors
///
/// [`Error::NoDataRoot`], [`Error::OtherData`], [`Error::DataHere`] where they are not there.
pub fn require(
    run: &RunDir,
    task: &NamedTask,
    planned: Option<&str>,
    root: Option<&Path>,
    stage: Stage,
) -> Result<Vec<Notice>, Error> {
    if !task.config.needs_data_root() {
        return Ok(Vec::new());
    }
    let Some(root) = root else {
        return Err(Error::no_data_root(&task.name, &read(&task.config)));
    };
    let splits: &[Files] = match stage {
        Stage::Tune => &[Files::Train],
        _ => &[Files::Train, Files::Test],
    };
    let here = |error: Error| Error::DataHere {
        task: task.name.clone(),
        source: Box::new(error),
    };
    let scans = scan::scan(&task.config, root, splits).map_err(here)?;
    let notices = scan::notices(&scans);
    let Some((train, test)) = planned.and_then(|planned| planned.split_once(BETWEEN)) else {
        return Ok(notices);
    };
    let mut cache = Cache::read();
    let mut same = true;
    for (place, planned) in [train, test].into_iter().enumerate().take(splits.len()) {
        let now = match scans.get(place) {
            Some(scan) => Ok(short(&scan.digest)),
            None if place == 0 => digest(task, root, lawn_models::train_files, &mut cache),
            None => digest(task, root, lawn_models::test_files, &mut cache),
        };
        same &= now.map_err(here)? == planned;
        if !same {
            break;
        }
    }
    cache.write();
    if same {
        Ok(notices)
    } else {
        let weights = task.config.weights_files();
        let weights = weights.iter().map(|path| format!("`{}`", path.display()));
        let set =
            (!task.config.is_generated()).then(|| format!("the data set `{}`", task.config.data()));
        let read: Vec<String> = set.into_iter().chain(weights).collect();
        Err(Error::other_data(
            run.root(),
            &task.name,
            &read.join(" or "),
        ))
    }
}

/// Whether the checksum `now` is the one `planned`. Older plans have one part for all files. That
/// is not made any more, and counts as equal.
pub(crate) fn is_as_planned(planned: &str, now: &str) -> bool {
    !planned.contains(BETWEEN) || planned == now
}

/// Between the parts of a checksum.
const BETWEEN: char = '-';

/// Lists files of a task.
type List = fn(&TaskConfig, &Path) -> Result<Vec<PathBuf>, DataError>;

/// The hash of the names and contents of `files`.
fn digest(task: &NamedTask, root: &Path, files: List, cache: &mut Cache) -> Result<String, Error> {
    let mut files = files(&task.config, root)?;
    files.sort();
    let mut all = blake3::Hasher::new();
    for file in &files {
        // The root may be the data set's own folder.
        let name = file.strip_prefix(root).unwrap_or(file);
        let name = name.strip_prefix(task.config.data()).unwrap_or(name);
        all.update(name.as_os_str().as_encoded_bytes());
        all.update(&[0]);
        all.update(cache.hash(file)?.as_bytes());
    }
    Ok(short(&all.finalize().to_hex()))
}

/// The part of a digest that a checksum has.
fn short(digits: &str) -> String {
    digits[..16].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plan_of_before_goes_on_though_its_checksum_cannot_be_compared() {
        assert!(is_as_planned("0f3c-91ab", "0f3c-91ab"));
        assert!(!is_as_planned("0f3c-91ab", "0f3c-77d0"));
        assert!(is_as_planned("0f3c", "0f3c-91ab"));
    }
}
