//! The files of a report on the disk: written together, listed, and removed when it is made again.
//!
//! ```json
//! {"schema_version": 1, "files": [{"path": "figures/task-gap.svg", "blake3": "…"}]}
//! ```
//!
//! `files.json` lists every file by its path in the folder of the report, with the hash of its
//! content. When the report is made again, a file that only the old list names is removed, if its
//! content still has the listed hash. Files that others added or changed stay. While files are
//! written, the list names both old and new ones. After an interruption the next report thus knows
//! all of them.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Component, Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::error::Error;
use crate::parallel;
use crate::records::write_atomically;
use crate::width::Width;

/// The files of one figure.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FigureFiles {
    /// Name of the figure, and of its files without the extension.
    pub name: String,
    /// The width of the files. It is the requested one, or that of both columns where the drawing
    /// would be taller than a page in one column.
    pub width: Width,
    /// The drawing, as SVG.
    pub svg: PathBuf,
    /// The drawing, as PNG.
    pub png: PathBuf,
    /// The drawing, as PDF.
    pub pdf: PathBuf,
    /// The table that was drawn.
    pub csv: PathBuf,
}

/// The files of one report.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ReportFiles {
    /// The page.
    pub html: PathBuf,
    /// The summary, which a terminal shows too.
    pub summary: PathBuf,
    /// Every verdict with its numbers, as JSON.
    pub verdicts: PathBuf,
    /// The list of all files, by which a later report recognizes them.
    pub list: PathBuf,
    /// The figures. No two have the same name.
    pub figures: Vec<FigureFiles>,
    /// The tables, in every format.
    pub tables: Vec<PathBuf>,
}

/// Name of the list.
pub(super) const LIST: &str = "files.json";
/// The layout that this release writes.
const SCHEMA_VERSION: u32 = 1;

/// A file by its path in the folder, with slashes, and the hash of its content.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
struct ListedFile {
    path: String,
    blake3: String,
}

#[derive(Serialize, Deserialize)]
struct List {
    schema_version: u32,
    files: Vec<ListedFile>,
}

/// Files of a report before they are written, by their path in the folder.
#[derive(Default)]
pub(super) struct PendingFiles(BTreeMap<String, Vec<u8>>);

impl PendingFiles {
    pub(super) fn add(&mut self, path: String, content: Vec<u8>) {
        self.0.insert(path, content);
    }

    /// Writes all files and their list into `dir`, and removes those of an earlier report.
    ///
    /// # Errors
    /// [`Error::Io`] where the file system refuses.
    pub(super) fn write(&self, dir: &Path, threads: usize) -> Result<(), Error> {
        let old = listed(dir);
        let new: Vec<ListedFile> = self
            .0
            .iter()
            .map(|(path, content)| ListedFile {
                path: path.clone(),
                blake3: blake3::hash(content).to_hex().to_string(),
            })
            .collect();
        let mut both = [old.clone(), new.clone()].concat();
        both.sort();
        both.dedup();
        write_list(dir, both)?;
        let files: Vec<_> = self.0.iter().collect();
        let written = parallel::map(threads, &files, |(path, content)| {
            write_atomically(&dir.join(path), content)
        });
        written.into_iter().collect::<Result<(), _>>()?;
        for file in old.iter().filter(|file| !self.0.contains_key(&file.path)) {
            remove(dir, file)?;
        }
        write_list(dir, new)
    }
}

fn write_list(dir: &Path, files: Vec<ListedFile>) -> Result<(), Error> {
    let list = List {
        schema_version: SCHEMA_VERSION,
        files,
    };
    let text = serde_json::to_string_pretty(&list).expect("paths and hashes have a form in JSON");
    write_atomically(&dir.join(LIST), format!("{text}\n").as_bytes())
}

/// The files that the list in a folder names; none where there is no list.
fn listed(dir: &Path) -> Vec<ListedFile> {
    let text = fs::read_to_string(dir.join(LIST)).unwrap_or_default();
    let list: Option<List> = serde_json::from_str(&text).ok();
    list.filter(|list| list.schema_version == SCHEMA_VERSION)
        .map_or(Vec::new(), |list| list.files)
}

/// Removes a listed file if its content has the listed hash.
fn remove(dir: &Path, file: &ListedFile) -> Result<(), Error> {
    let path = Path::new(&file.path);
    let inside = path
        .components()
        .all(|part| matches!(part, Component::Normal(_)));
    // Nothing outside of the folder is removed, neither by its path nor along a link.
    let along = path.ancestors().filter(|part| !part.as_os_str().is_empty());
    let linked = |part: &Path| fs::symlink_metadata(dir.join(part)).is_ok_and(|m| m.is_symlink());
    if !inside || along.into_iter().any(linked) {
        return Ok(());
    }
    let path = dir.join(path);
    let same = fs::read(&path)
        .is_ok_and(|content| blake3::hash(&content).to_hex().as_str() == file.blake3);
    if same {
        fs::remove_file(&path).map_err(|source| Error::Io { path, source })?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pending(files: &[(&str, &str)]) -> PendingFiles {
        let mut pending = PendingFiles::default();
        for (path, content) in files {
            pending.add((*path).to_owned(), content.as_bytes().to_vec());
        }
        pending
    }

    #[test]
    fn only_what_the_report_made_is_removed_when_it_is_made_anew() {
        let dir = tempfile::tempdir().unwrap();
        let at = |path: &str| dir.path().join(path);
        let old = [
            ("report.html", "1"),
            ("figures/a.svg", "a"),
            ("figures/b.svg", "b"),
        ];
        pending(&old).write(dir.path(), 1).unwrap();
        fs::write(at("figures/mine.svg"), "a stranger's").unwrap();
        fs::write(at("figures/b.svg"), "changed by hand").unwrap();
        pending(&[("report.html", "2")])
            .write(dir.path(), 1)
            .unwrap();
        assert!(!at("figures/a.svg").exists());
        assert_eq!(
            fs::read_to_string(at("figures/mine.svg")).unwrap(),
            "a stranger's"
        );
        assert_eq!(
            fs::read_to_string(at("figures/b.svg")).unwrap(),
            "changed by hand"
        );
        assert_eq!(listed(dir.path()).len(), 1);
    }

    #[test]
    fn a_list_that_points_elsewhere_removes_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let other = tempfile::tempdir().unwrap();
        let outside = other.path().join("kept.svg");
        fs::write(&outside, "a").unwrap();
        let hash = blake3::hash(b"a").to_hex().to_string();
        let mut paths = vec![
            outside.display().to_string(),
            format!(
                "../{}/kept.svg",
                other.path().file_name().unwrap().display()
            ),
        ];
        #[cfg(unix)]
        {
            std::os::unix::fs::symlink(other.path(), dir.path().join("figures")).unwrap();
            paths.push("figures/kept.svg".to_owned());
        }
        let files = paths.into_iter().map(|path| ListedFile {
            path,
            blake3: hash.clone(),
        });
        write_list(dir.path(), files.collect()).unwrap();
        pending(&[("report.html", "1")])
            .write(dir.path(), 1)
            .unwrap();
        assert!(outside.exists());
    }

    #[test]
    fn a_report_that_was_cut_off_is_known_to_the_next() {
        let dir = tempfile::tempdir().unwrap();
        pending(&[("figures/a.svg", "a")])
            .write(dir.path(), 1)
            .unwrap();
        // A file in the way of a folder stops the second report half-way.
        fs::write(dir.path().join("tables"), "in the way").unwrap();
        let second = pending(&[("figures/b.svg", "b"), ("tables/t.csv", "t")]);
        assert!(second.write(dir.path(), 1).is_err());
        fs::remove_file(dir.path().join("tables")).unwrap();
        pending(&[("report.html", "3")])
            .write(dir.path(), 1)
            .unwrap();
        assert_eq!(fs::read_dir(dir.path().join("figures")).unwrap().count(), 0);
    }
}
