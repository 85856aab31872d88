//! Which files of a folder are a click set.

use std::path::{Path, PathBuf};

use super::encode::ClickFormat;
use crate::data::error::DataError;
use crate::data::text::Blocks;

/// The files of one click set, in the order of their rows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ClickFiles {
    pub(crate) folder: PathBuf,
    pub(crate) format: ClickFormat,
    pub(crate) paths: Vec<PathBuf>,
}

/// What is looked for.
const EXPECTED: &str = "day_0, day_1, … or train.txt (Criteo), or train.csv or train (Avazu), \
each as it is or with .gz";

impl ClickFiles {
    /// Finds a data set in `root/name/`, or in `root` itself.
    ///
    /// # Errors
    /// [`DataError::NotFound`], and as [`in_folder`](Self::in_folder).
    pub(crate) fn find(root: &Path, name: &str) -> Result<Self, DataError> {
        for folder in [root.join(name), root.to_owned()] {
            if let Some(files) = Self::in_folder(&folder)? {
                return Ok(files);
            }
        }
        Err(DataError::NotFound {
            name: name.to_owned(),
            root: root.to_owned(),
            expected: format!("{name}/ with {EXPECTED}"),
        })
    }

    /// The click set in a folder, if there is one.
    ///
    /// # Errors
    /// [`DataError::Unusable`] where a day is missing, or one file is there twice.
    pub(crate) fn in_folder(folder: &Path) -> Result<Option<Self>, DataError> {
        let of = |format, paths| {
            Some(Self {
                folder: folder.to_owned(),
                format,
                paths,
            })
        };
        let days = days(folder)?;
        let criteo = one(folder, &["train.txt", "train.txt.gz"])?;
        let avazu = one(folder, &["train.csv", "train.csv.gz", "train.gz", "train"])?;
        let sets = [
            (!days.is_empty()).then(|| days[0].clone()),
            criteo.clone(),
            avazu.clone(),
        ];
        let there: Vec<_> = sets.iter().flatten().collect();
        if let [one, other, ..] = &there[..] {
            let found = format!("{} and {}", name(one), name(other));
            return Err(DataError::unusable(folder, found, "one click set a folder"));
        }
        Ok(match (criteo, avazu) {
            (Some(path), _) => of(ClickFormat::Criteo, vec![path]),
            (_, Some(path)) => of(format_of(&path), vec![path]),
            _ if days.is_empty() => None,
            _ => of(ClickFormat::Criteo, days),
        })
    }

    /// Names of files beside them that look as if they were of the set, and are not read: those
    /// whose names begin as theirs do, or with `test`, in order.
    ///
    /// # Errors
    /// [`DataError::Read`] where the folder cannot be listed.
    pub(crate) fn passed_over(&self) -> Result<Vec<String>, DataError> {
        let failed = || DataError::read(&self.folder);
        let mut names = Vec::new();
        for entry in std::fs::read_dir(&self.folder).map_err(failed())? {
            let path = entry.map_err(failed())?.path();
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            let is_like = ["train", "test", "day_"].map(|start| name.starts_with(start));
            if is_like.contains(&true) && path.is_file() && !self.paths.contains(&path) {
                names.push(name.into_owned());
            }
        }
        names.sort();
        Ok(names)
    }
}

/// Of a file with the name of Avazu's: of Criteo there are versions with a header and commas that have
/// it, too. One that cannot be read says so where it is.
fn format_of(path: &Path) -> ClickFormat {
    let line = Blocks::open(path).and_then(|mut blocks| blocks.first_line());
    match line {
        Ok(Some(line)) if ClickFormat::Criteo.is_named_by(&line) => ClickFormat::Criteo,
        _ => ClickFormat::Avazu,
    }
}

fn name(path: &Path) -> std::path::Display<'_> {
    Path::new(path.file_name().unwrap_or_default()).display()
}

/// The one of these files that is there.
fn one(folder: &Path, names: &[&str]) -> Result<Option<PathBuf>, DataError> {
    let paths = names.iter().map(|name| folder.join(name));
    let there: Vec<PathBuf> = paths.filter(|path| path.is_file()).collect();
    match &there[..] {
        [one, other, ..] => {
            let found = format!("{} and {}", name(one), name(other));
            Err(DataError::unusable(folder, found, "one of them"))
        }
        there => Ok(there.first().cloned()),
    }
}

/// `day_0`, `day_1` and so on, none of them left out.
fn days(folder: &Path) -> Result<Vec<PathBuf>, DataError> {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return Ok(Vec::new());
    };
    let mut days: Vec<(u32, PathBuf)> = Vec::new();
    for entry in entries {
        let path = entry.map_err(DataError::read(folder))?.path();
        let file = path.file_name().unwrap_or_default().to_string_lossy();
        let day = file.strip_suffix(".gz").unwrap_or(&file);
        let day = day.strip_prefix("day_").and_then(|day| day.parse().ok());
        if let Some(day) = day.filter(|_| path.is_file()) {
            days.push((day, path));
        }
    }
    days.sort();
    for pair in days.windows(2) {
        if pair[0].0 == pair[1].0 {
            let found = format!("{} and {}", name(&pair[0].1), name(&pair[1].1));
            return Err(DataError::unusable(folder, found, "one of them"));
        }
    }
    for (place, (day, path)) in days.iter().enumerate() {
        if *day != place as u32 {
            let found = format!(
                "{} files of days, of which one is {}",
                days.len(),
                name(path)
            );
            let expected = format!("each day from day_0 on, here day_{place}");
            return Err(DataError::unusable(folder, found, expected));
        }
    }
    Ok(days.into_iter().map(|(_, path)| path).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(names: &[&str]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for name in names {
            std::fs::write(folder.path().join(name), "").unwrap();
        }
        folder
    }

    fn found(names: &[&str]) -> Result<Option<Vec<String>>, String> {
        let folder = folder(names);
        let files = ClickFiles::in_folder(folder.path()).map_err(|error| error.to_string())?;
        let names = |files: ClickFiles| {
            let names = files.paths.iter().map(|path| name(path).to_string());
            names.collect()
        };
        Ok(files.map(names))
    }

    #[test]
    fn days_come_in_the_order_of_their_numbers() {
        let names: Vec<String> = (0..12).map(|day| format!("day_{day}.gz")).collect();
        let given: Vec<&str> = names.iter().map(String::as_str).collect();
        assert_eq!(found(&given).unwrap(), Some(names));
    }

    #[test]
    fn a_missing_day_and_a_day_twice_are_named() {
        let error = found(&["day_0", "day_2"]).unwrap_err();
        assert!(
            error.contains("day_2") && error.contains("here day_1"),
            "{error}"
        );
        let error = found(&["day_0", "day_1", "day_1.gz"]).unwrap_err();
        assert!(error.contains("day_1 and day_1.gz"), "{error}");
        let error = found(&["day_0", "day_0.gz"]).unwrap_err();
        assert!(error.contains("day_0 and day_0.gz"), "{error}");
        assert!(found(&["day_1"]).unwrap_err().contains("here day_0"));
    }

    #[test]
    fn files_without_labels_are_passed_over_and_two_sets_are_refused() {
        assert_eq!(found(&["test.txt", "readme.txt"]).unwrap(), None);
        let kaggle = found(&["train.txt", "test.txt"]).unwrap();
        assert_eq!(kaggle, Some(vec!["train.txt".to_owned()]));
        let error = found(&["train.txt", "train.csv"]).unwrap_err();
        assert!(error.contains("train.txt and train.csv"), "{error}");
        let error = found(&["train.txt", "train.txt.gz"]).unwrap_err();
        assert!(error.contains("train.txt and train.txt.gz"), "{error}");
    }

    #[test]
    fn files_that_are_not_read_are_known() {
        let folder = folder(&[
            "train.txt",
            "test.txt",
            "readme.txt",
            "train.csv.bak",
            "day_x",
        ]);
        let files = ClickFiles::in_folder(folder.path()).unwrap().unwrap();
        let expected = ["day_x", "test.txt", "train.csv.bak"];
        assert_eq!(files.passed_over().unwrap(), expected);
    }

    #[test]
    fn a_set_that_is_not_there_says_what_was_looked_for() {
        let folder = folder(&[]);
        let error = ClickFiles::find(folder.path(), "criteo").unwrap_err();
        assert!(matches!(error, DataError::NotFound { .. }));
        assert!(error.to_string().contains("day_0"), "{error}");
    }
}
