//! `lawn data check`: whether a data set can be read, file by file or as a whole.

use std::path::Path;

use clap::Args;
use lawn_models::{CheckedData, Repeats, Scan};
use serde::Serialize;

use super::described;
use super::output::{print, to_json};
use super::values::{DataRoot, key_value};
use crate::config;
use crate::data::scan;
use crate::error::{Fault, Place};
use crate::process::{stop, streams};
use crate::{Error, Exit};

#[derive(Debug, Args)]
pub(super) struct Check {
    /// Data sets, by name.
    #[arg(value_name = "NAME", required = true)]
    names: Vec<String>,
    #[command(flatten)]
    data: DataRoot,
    /// A key of the task that will read them, such as `raw.columns.user=member`; any number of
    /// times. Of ratings and clicks, which are read as planning does with these keys.
    #[arg(long = "set", value_name = "KEY.KEY=VALUE", value_parser = key_value)]
    set: Vec<(String, String)>,
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
    /// Test files that are train files too.
    in_both: Option<Repeats>,
    /// Of a data set that is read as a whole.
    contents: Option<CheckedData>,
    /// Why it cannot be read.
    problem: Option<String>,
}

impl Check {
    pub(super) fn run(self) -> Result<Exit, Error> {
        let root = self.data.folder();
        let root = root.ok_or_else(Error::no_data_root_given)?.to_owned();
        stop::exit_on_signals()?;
        for (key, value) in &self.set {
            if ["data", "kind"].contains(&key.as_str()) {
                let found = format!("{key} = {value}, and the set is that of NAME");
                let fault = Fault::new(Place::key("--set"), found);
                return Err(Error::Option(Box::new(fault.allowed(["leave it out"]))));
            }
        }
        let set = self.set.iter();
        let keys: Vec<String> = set.map(|(key, value)| format!("{key}={value}")).collect();
        let (mut checked, mut refused) = (Vec::new(), Vec::new());
        for set in self.names {
            match Checked::of(&root, &set, &keys) {
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
            for set in checked.iter().filter(|set| set.problem.is_none()) {
                print(&set.describe());
            }
        }
        if let Some(last) = refused.pop() {
            for error in refused {
                streams::say(&described(&error));
            }
            return Err(last);
        }
        let is_sound = checked.iter().all(Checked::is_sound);
        Ok(if is_sound { Exit::Ok } else { Exit::Usage })
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
        let own = root.file_name().is_some_and(|name| name == set);
        let folder = match root.join(set) {
            folder if own && !folder.exists() => root.to_owned(),
            folder => folder,
        };
        let contents = scan::with_progress(set, |progress| {
            let name = folder.file_name().unwrap_or_default().to_string_lossy();
            let task = |kind: &'static str| -> Result<_, Error> {
                Ok(config::task_with(kind, &name, keys)?)
            };
            lawn_models::check_data(&folder, task, progress)
        })?;
        if contents.is_none() && !keys.is_empty() {
            let found = format!("it is of no data set of ratings or clicks, as `{set}` would be");
            let fault = Fault::new(Place::key("--set"), found);
            return Err(Error::Option(Box::new(fault.allowed(["leave it out"]))));
        }
        let splits = match &contents {
            Some(_) => Vec::new(),
            None => {
                scan::with_progress(set, |progress| lawn_models::scan_images(&folder, progress))?
            }
        };
        Ok(Self {
            set: set.to_owned(),
            decoder: contents.is_none().then(lawn_models::image_decoder),
            in_both: match &splits[..] {
                [train, test] => Some(Repeats::between(train, test)),
                _ => None,
            },
            splits,
            contents,
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

    /// Whether all of it can be read.
    fn is_sound(&self) -> bool {
        let is_bad = |found: &CheckedData| found.bad_lines > 0;
        self.splits.iter().all(|scan| scan.bad.is_empty())
            && !self.contents.as_ref().is_some_and(is_bad)
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
                "{}/{name}: {} images in {} classes ({}), {least} to {most} pixels wide, {lowest} to {highest} high",
                self.set,
                scan.images(),
                scan.classes.len(),
                formats.join(", "),
            ));
            if !scan.bad.is_empty() {
                lines.push(format!(
                    "{}/{name}: {} of {} files cannot be read, and a sweep is refused; \
                     bad_files = \"exclude\" in the task leaves them out:",
                    self.set,
                    scan.bad.len(),
                    scan.files(),
                ));
            }
            lines.extend(
                scan.bad
                    .iter()
                    .map(|bad| format!("  {}: {}", bad.path.display(), bad.reason)),
            );
        }
        lines.extend(scan::found(&self.set, &self.splits));
        if self.splits.iter().any(|scan| scan.other_size.is_some()) {
            lines.push(format!(
                "{}: images are of several sizes; a sweep is refused without a `transform` in the task",
                self.set
            ));
        }
        if let Some(found) = &self.contents {
            let counts = found.counts.iter();
            let counts: Vec<String> = counts.map(|(what, count)| in_words(*count, what)).collect();
            if !counts.is_empty() {
                lines.push(format!("{}: {}", self.set, counts.join(", ")));
            }
            let notes = found.notes.iter();
            lines.extend(notes.map(|note| format!("{}: {note}", self.set)));
            if let Some(first) = &found.first_bad_line {
                let bad = found.bad_lines;
                lines.push(format!(
                    "  {} cannot be read, of which the first is {first}",
                    in_words(bad, "lines")
                ));
            }
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
