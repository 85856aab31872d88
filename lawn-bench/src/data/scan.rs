//! A look at every file of the image folders that a sweep reads, before anything is trained.

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
        let what = "files cannot be read and are left out";
        lines.push(format!("{data}/{name}: {count} of {files} {what}"));
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
        if scan.ignored.count() > 0 {
            say(format!("passed over {}", scan.ignored));
        }
        let mut repeats = |repeats: &Repeats, what: &str| {
            if let Some([one, other]) = &repeats.example {
                let (count, one, other) = (repeats.count, one.display(), other.display());
                say(format!("{count} {what} ({one} is {other})"));
            }
        };
        repeats(&scan.repeated, "files are another of their class");
        repeats(
            &scan.contradicting,
            "files are another that has another class",
        );
    }
    if let [train, test] = scans {
        let both = Repeats::between(train, test);
        if let Some([one, other]) = &both.example {
            lines.push(format!(
                "{data}: {} files are in train and in test ({} is {}): the test is easier for it",
                both.count,
                one.display(),
                other.display()
            ));
        }
        if test.folder.ends_with("val") {
            lines.push(format!(
                "{data}: `val` is the test split; validation images are taken from train"
            ));
        }
    }
    lines
}

/// What a trial that reads these splits has to say of them.
pub(super) fn notices(scans: &[Scan]) -> Vec<Notice> {
    scans
        .iter()
        .filter_map(|scan| {
            let first = scan.bad.first()?;
            Some(Notice::FilesLeftOut {
                folder: scan.folder.clone(),
                files: scan.files(),
                left_out: scan.bad.len() as u64,
                first: first.path.clone(),
                reason: first.reason.clone(),
            })
        })
        .collect()
}
