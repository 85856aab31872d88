//! `lawn data check`: whether a data set can be read, file by file or as a whole.

use std::path::Path;

use clap::Args;
use lawn_models::{CheckedData, DataError, KINDS, Repeats, Scan, TaskConfig};
use serde::Serialize;

use super::output::{print, still, to_json};
use super::values::DataRoot;
use crate::config;
use crate::data::scan;
use crate::error::{Fault, Place};
use crate::plan::examination;
use crate::process::{stop, streams};
use crate::report::render;
use crate::{Error, Exit};

#[derive(Debug, Args)]
pub(super) struct Check {
    /// Data sets, by name.
    #[arg(value_name = "NAME", required = true)]
    names: Vec<String>,
    #[command(flatten)]
    data: DataRoot,
    /// A key of the task that will read them, such as `transform.size=224` or
    /// `raw.columns.user=member`; any number of times. They are read as planning does with these keys.
    #[arg(long = "set", value_name = "KEY.KEY=VALUE")]
    set: Vec<String>,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// What was found of one data set.
#[derive(Debug, Serialize)]
struct Checked {
    set: String,
    /// What decodes images; none where they are not in files of their own.
    decoder: Option<&'static str>,
    splits: Vec<Scan>,
    /// Test files that are train files too; none where it is not known.
    in_both: Option<Repeats>,
    /// Of a data set that a task could read.
    contents: Option<CheckedData>,
    /// Why it cannot be read, or a sweep of it is refused.
    problem: Option<String>,
}

impl Check {
    pub(super) fn run(self) -> Result<Exit, Error> {
        let root = self.data.folder();
        let root = root.ok_or_else(Error::no_data_root_given)?.to_owned();
        stop::exit_on_signals()?;
        let (mut checked, mut refused) = (Vec::new(), Vec::new());
        for set in self.names {
            match Checked::of(&root, &set, &self.set) {
                Ok(found) => checked.push(found),
                // The others are looked into all the same.
                Err(error) => {
                    checked.push(Checked::refused(set, &error));
                    refused.push(error);
                }
            }
        }
        if self.json {
            print(&to_json(&checked));
        } else {
            for set in checked.iter().filter(|set| !set.is_unread()) {
                print(&set.describe());
            }
        }
        if let Some(last) = refused.pop() {
            for error in refused {
                streams::say(&still(&format!("error: {error}")));
            }
            return Err(last);
        }
        let is_sound = checked.iter().all(Checked::is_sound);
        Ok(if is_sound { Exit::Ok } else { Exit::Usage })
    }
}

/// The first task with these keys that could read the data set in a folder, and what it finds there.
fn read(
    folder: &Path,
    set: &str,
    keys: &[String],
) -> Result<Option<(TaskConfig, CheckedData)>, Error> {
    for kind in KINDS {
        let task = match config::task_of(kind.name, set, keys) {
            Ok(task) => task,
            Err(error) if lawn_models::is_of_kind(kind.name, folder) => return Err(error.into()),
            Err(_) => continue,
        };
        let found = scan::with_progress(set, |progress| task.check(folder, progress).transpose())?;
        if let Some(found) = found {
            return Ok(Some((task, found)));
        }
    }
    match lawn_models::refusal(folder) {
        Some(refusal) => Err(refusal.into()),
        None => Ok(None),
    }
}

/// So many of what a data set has, as in a sentence.
fn in_words(count: u64, what: &str) -> String {
    let one = match what {
        "classes" => "class",
        what => what.strip_suffix('s').unwrap_or(what),
    };
    match count {
        1 => format!("1 {one}"),
        count => format!("{count} {what}"),
    }
}

impl Checked {
    /// Looks into the data set `set` under `root`, which may be its own folder.
    fn of(root: &Path, set: &str, keys: &[String]) -> Result<Self, Error> {
        if Path::new(set).file_name().is_none() {
            let found = format!("`{set}` is the name of no data set");
            let fault = Fault::new(Place::key("NAME"), found);
            return Err(Error::Option(Box::new(fault.advice(
                "give the name of a folder under the data root; `lawn data list` shows them",
            ))));
        }
        let own = root.file_name().is_some_and(|name| name == set);
        let folder = match root.join(set) {
            folder if own && !folder.exists() => root.to_owned(),
            folder => folder,
        };
        let Some((task, mut found)) = read(&folder, set, keys)? else {
            return Self::of_tested(&folder, set, keys);
        };
        let splits = std::mem::take(&mut found.splits);
        let mut problem = found.refused.as_ref().map(DataError::to_string);
        if problem.is_none() && found.bad_lines == 0 {
            problem = examination::refusal(&task, root);
        }
        Ok(Self {
            set: set.to_owned(),
            decoder: (!splits.is_empty()).then(lawn_models::image_decoder),
            in_both: match &splits[..] {
                [train, test] => Repeats::between(train, test),
                _ => None,
            },
            splits,
            contents: Some(found),
            problem,
        })
    }

    /// Looks into images that have a test split alone, which no task reads.
    fn of_tested(folder: &Path, set: &str, keys: &[String]) -> Result<Self, Error> {
        let scan = scan::with_progress(set, |progress| {
            lawn_models::scan_tested_images(folder, progress).map_err(|error| match error {
                DataError::NotFound { .. } => lawn_models::unread(folder),
                error => error,
            })
        })?;
        if !keys.is_empty() {
            let found = format!("they are keys of a task, and none can be trained on `{set}`");
            let fault = Fault::new(Place::key("--set"), found);
            return Err(Error::Option(Box::new(fault.allowed(["leave it out"]))));
        }
        Ok(Self {
            set: set.to_owned(),
            decoder: Some(lawn_models::image_decoder()),
            splits: vec![scan],
            in_both: None,
            contents: None,
            problem: None,
        })
    }

    fn refused(set: String, error: &Error) -> Self {
        Self {
            set,
            decoder: None,
            splits: Vec::new(),
            in_both: None,
            contents: None,
            problem: Some(error.to_string()),
        }
    }

    /// Whether nothing of it could be read.
    fn is_unread(&self) -> bool {
        self.splits.is_empty() && self.contents.is_none()
    }

    /// Whether bad files are what a sweep is refused for.
    fn is_refused_for_files(&self) -> bool {
        let refused = self
            .contents
            .as_ref()
            .and_then(|found| found.refused.as_ref());
        matches!(refused, Some(DataError::BadFiles { .. }))
    }

    /// Whether a sweep reads it; of images that are tested alone, whether all of them can be read.
    fn is_sound(&self) -> bool {
        let is_bad = |scan: &Scan| !scan.bad.is_empty();
        match &self.contents {
            Some(found) => self.problem.is_none() && found.bad_lines == 0,
            None => !self.splits.iter().any(is_bad),
        }
    }

    /// For people.
    fn describe(&self) -> String {
        let mut lines = Vec::new();
        for scan in &self.splits {
            let name = scan.folder.file_name().unwrap_or_default().display();
            let formats: Vec<String> = scan
                .formats
                .iter()
                .map(|(format, count)| format!("{count} {format}"))
                .collect();
            let [least, most] = scan.widths;
            let [lowest, highest] = scan.heights;
            lines.push(format!(
                "{}/{name}: {} in {} ({}), {least} to {most} pixels wide, {lowest} to {highest} high",
                self.set,
                render::count(scan.images() as usize, "image"),
                in_words(scan.classes.len() as u64, "classes"),
                formats.join(", "),
            ));
            if !scan.bad.is_empty() {
                let what = match (self.is_refused_for_files(), &self.contents) {
                    (true, _) => {
                        "cannot be read, and a sweep is refused; bad_files = \"exclude\" in the task leaves \
                         them out"
                    }
                    (false, Some(_)) => "cannot be read, left out",
                    (false, None) => "cannot be read",
                };
                let (bad, files) = (scan.bad.len(), scan.files());
                lines.push(format!(
                    "{}/{name}: {bad} of {files} files {what}:",
                    self.set
                ));
            }
            lines.extend(
                scan.bad
                    .iter()
                    .map(|bad| format!("  {}: {}", bad.path.display(), bad.reason)),
            );
        }
        lines.extend(scan::found(&self.set, &self.splits));
        if let Some(found) = &self.contents {
            let counts = found.counts.iter();
            let counts: Vec<String> = counts.map(|(what, count)| in_words(*count, what)).collect();
            if !counts.is_empty() && self.splits.is_empty() {
                lines.push(format!("{}: {}", self.set, counts.join(", ")));
            }
            let notes = found.notes.iter();
            lines.extend(notes.map(|note| format!("{}: {note}", self.set)));
            if let Some(first) = &found.first_bad_line {
                let bad = render::count(found.bad_lines as usize, "line");
                lines.push(format!(
                    "  {bad} cannot be read, of which the first is {first}"
                ));
            }
        }
        if let Some(problem) = self
            .problem
            .as_ref()
            .filter(|_| !self.is_refused_for_files())
        {
            lines.push(format!("{}: a sweep is refused: {problem}", self.set));
        }
        lines.join("\n") + "\n"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_is_said_of_one() {
        let said = [
            (1, "classes"),
            (2, "classes"),
            (1, "click files"),
            (0, "rows"),
        ];
        let said = said.map(|(count, what)| in_words(count, what));
        assert_eq!(said, ["1 class", "2 classes", "1 click file", "0 rows"]);
    }
}
