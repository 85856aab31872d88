//! A look at every file that a sweep reads, before anything is trained.

use std::ffi::OsStr;
use std::path::Path;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use lawn_models::{BadFile, DataError, Files, Notice, Repeats, Scan, TaskConfig};

use crate::Error;
use crate::process::{shell, streams};

/// Time between two lines of progress: a look that is over before the first says nothing.
const TOLD_EVERY: Duration = Duration::from_secs(10);

/// Looks into every file of the splits, where the kind of the task does.
///
/// # Errors
///
/// [`Error::Data`] with the name of each file that cannot be read.
pub(crate) fn scan(task: &TaskConfig, root: &Path, splits: &[Files]) -> Result<Vec<Scan>, Error> {
    with_progress(task.data(), |progress| task.scan(root, splits, progress))
}

/// Does `work`, and says now and then how much of the files of `data` it has looked into.
pub(crate) fn with_progress<R>(
    data: &str,
    work: impl FnOnce(&(dyn Fn(u64, u64) + Sync)) -> Result<R, DataError>,
) -> Result<R, Error> {
    let told = Mutex::new(Instant::now());
    let progress = |done: u64, total: u64| {
        if let Ok(mut told) = told.try_lock()
            && told.elapsed() >= TOLD_EVERY
        {
            *told = Instant::now();
            let percent = 100 * done / total.max(1);
            streams::say(&format!(
                "{data}: looked into {percent} % of its files; what is found is kept for next time"
            ));
        }
    };
    Ok(work(&progress)?)
}

/// Files that are named where some are left out.
pub(crate) const NAMED: usize = 10;

/// What people should know of a data set whose bad files a task leaves out, a line each.
pub(crate) fn lines(data: &str, root: &Path, scans: &[Scan]) -> Vec<String> {
    let mut lines = Vec::new();
    for scan in scans.iter().filter(|scan| !scan.bad.is_empty()) {
        let name = scan.folder.file_name().unwrap_or_default().display();
        let (count, files) = (scan.bad.len(), scan.files());
        lines.push(format!(
            "{data}/{name}: {count} of {files} files cannot be read, left out"
        ));
        lines.extend(left_out(&scan.bad));
        if count > NAMED {
            let words = ["lawn", "data", "check", data, "--data-root"].map(OsStr::new);
            let all = shell::line(words.into_iter().chain([root.as_os_str()]));
            lines.push(format!("  and {} more; `{all}` names all", count - NAMED));
        }
    }
    lines.extend(found(data, scans));
    lines
}

/// The first of the files that are left out with the reasons, a line each.
pub(crate) fn left_out(bad: &[BadFile]) -> impl Iterator<Item = String> {
    let named = bad.iter().take(NAMED);
    named.map(|bad| format!("  {}: {}", bad.path.display(), bad.reason))
}

/// What people should know of a data set apart from its bad files, a line each.
pub(crate) fn found(data: &str, scans: &[Scan]) -> Vec<String> {
    let mut lines = Vec::new();
    for scan in scans {
        let name = scan.folder.file_name().unwrap_or_default().display();
        let mut say = |text: String| lines.push(format!("{data}/{name}: {text}"));
        for note in &scan.notes {
            say(note.clone());
        }
        if scan.ignored.count() > 0 {
            say(format!("passed over {}", scan.ignored));
        }
        let mut repeats = |repeats: &Repeats, what: &str| {
            if let Some(text) = twice(repeats, what) {
                say(text);
            }
        };
        repeats(&scan.repeated, "another of the same class");
        repeats(&scan.contradicting, "another that has another class");
    }
    if let [train, test] = scans {
        let mut say = |text: String| lines.push(format!("{data}: {text}"));
        let what = "in train and in test, which makes the test easier";
        let both = Repeats::between(train, test);
        if let Some(text) = both.and_then(|both| twice(&both, what)) {
            say(text);
        }
        if test.folder.ends_with("val") {
            say("`val` is the test split; validation images are taken from train".to_owned());
        }
    }
    lines
}

/// How many files are there twice, and their names; none where none is.
fn twice(repeats: &Repeats, what: &str) -> Option<String> {
    /// Files that are named, at most.
    const MOST: usize = 20;
    let count = repeats.files.len();
    let are = match count {
        0 => return None,
        1 => "1 file is".to_owned(),
        count => format!("{count} files are"),
    };
    let mut text = format!("{are} {what}:");
    for repeat in repeats.files.iter().take(MOST) {
        let class = if repeat.other_class {
            ", of another class"
        } else {
            ""
        };
        let (file, of) = (repeat.file.display(), repeat.of.display());
        text += &format!("\n  {file} is {of}{class}");
    }
    if count > MOST {
        let rest = count - MOST;
        text += &format!("\n  and {rest} more, which `lawn data check` names with --json");
    }
    Some(text)
}

/// What a trial that reads these splits has to say of them.
pub(super) fn notices(scans: &[Scan]) -> Vec<Notice> {
    let of_pack = |scan: &Scan| {
        let left_out = scan.left_out.len() as u64;
        Some(Notice::FilesLeftOut {
            folder: scan.folder.clone(),
            files: scan.files() + left_out,
            left_out,
            first: scan.left_out.first()?.clone(),
            reason: "it could not be read when the pack was made".to_owned(),
        })
    };
    let of_folder = |scan: &Scan| {
        let first = scan.bad.first()?;
        Some(Notice::FilesLeftOut {
            folder: scan.folder.clone(),
            files: scan.files(),
            left_out: scan.bad.len() as u64,
            first: first.path.clone(),
            reason: first.reason.clone(),
        })
    };
    let notice = |scan| of_folder(scan).or_else(|| of_pack(scan));
    scans.iter().filter_map(notice).collect()
}

#[cfg(test)]
mod tests {
    use lawn_models::Repeat;

    use super::*;

    #[test]
    fn files_that_are_there_twice_are_counted_and_named() {
        let repeats = |count: usize| {
            let repeat = |number: usize| Repeat {
                file: format!("test/a/{number}.jpg").into(),
                of: "train/b/1.jpg".into(),
                other_class: number == 0,
            };
            Repeats {
                files: (0..count).map(repeat).collect(),
            }
        };
        let what = "in train and in test";
        assert_eq!(twice(&repeats(0), what), None);
        assert_eq!(
            twice(&repeats(1), what).unwrap_or_default(),
            "1 file is in train and in test:\n  test/a/0.jpg is train/b/1.jpg, of another class"
        );
        let many = twice(&repeats(23), what).unwrap_or_default();
        assert!(many.starts_with("23 files are in train and in test:\n"));
        assert_eq!(many.lines().count(), 1 + 20 + 1);
        assert!(many.ends_with("and 3 more, which `lawn data check` names with --json"));
    }
}
