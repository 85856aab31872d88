//! `lawn data check`: whether a data set can be read, file by file or line by line.

use clap::Args;
use lawn_models::{CheckedLines, Repeats, Scan};
use serde::Serialize;

use super::output::{print, to_json};
use super::values::DataRoot;
use crate::data::scan;
use crate::process::stop;
use crate::{Error, Exit};

#[derive(Debug, Args)]
pub(super) struct Check {
    /// Data sets, by name.
    #[arg(value_name = "NAME", required = true)]
    names: Vec<String>,
    #[command(flatten)]
    data: DataRoot,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// What was found of one data set.
#[derive(Debug, Serialize)]
struct Checked {
    set: String,
    /// What decodes images; none of a data set of text.
    decoder: Option<&'static str>,
    splits: Vec<Scan>,
    /// Test files that are train files too.
    in_both: Option<Repeats>,
    /// Of a data set of text.
    lines: Option<CheckedLines>,
}

impl Check {
    pub(super) fn run(self) -> Result<Exit, Error> {
        let root = self.data.folder().ok_or(Error::NoDataRootGiven)?.to_owned();
        stop::exit_on_signals()?;
        let mut checked = Vec::new();
        for set in self.names {
            let folder = root.join(&set);
            let lines =
                scan::with_progress(&set, |progress| lawn_models::check_lines(&folder, progress))?;
            let splits = match &lines {
                Some(_) => Vec::new(),
                None => scan::with_progress(&set, |progress| {
                    lawn_models::scan_images(&folder, progress)
                })?,
            };
            checked.push(Checked {
                decoder: lines.is_none().then(lawn_models::image_decoder),
                in_both: match &splits[..] {
                    [train, test] => Some(Repeats::between(train, test)),
                    _ => None,
                },
                set,
                splits,
                lines,
            });
        }
        if self.json {
            print(&to_json(&checked));
        } else {
            for set in &checked {
                print(&set.describe());
            }
        }
        let is_bad = checked
            .iter()
            .flat_map(|set| &set.splits)
            .any(|scan| !scan.bad.is_empty())
            || checked
                .iter()
                .any(|set| set.lines.as_ref().is_some_and(|lines| lines.bad > 0));
        Ok(if is_bad { Exit::Usage } else { Exit::Ok })
    }
}

impl Checked {
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
        if let Some(found) = &self.lines {
            let counts = found.counts.iter();
            let counts: Vec<String> = counts
                .map(|(what, count)| format!("{count} {what}"))
                .collect();
            lines.push(format!("{}: {}", self.set, counts.join(", ")));
            if let Some(first) = &found.first {
                let bad = found.bad;
                lines.push(format!(
                    "  {bad} lines cannot be read, of which the first is {first}"
                ));
            }
        } else if self.splits.is_empty() {
            lines.push(format!(
                "{}: its files were not read; a sweep reads them, and names what is wrong",
                self.set
            ));
        }
        lines.join("\n") + "\n"
    }
}
