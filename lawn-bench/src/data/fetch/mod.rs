//! Public data sets, got from their publishers or from a mirror: `lawn data get`.
//!
//! A file grows as `NAME.part` and gets its name once it is what the [`Catalogue`] says. So the
//! next call goes on where one was killed, at whatever moment. Where no SHA-256 is published
//! the numbers of lines are held against those known, the reader of the data set counts what is
//! in it, and the SHA-256 found is kept in `SHA256SUMS` beside the files, for later calls and
//! for `sha256sum --check`.

mod catalogue;
mod check;
mod download;
mod part;
mod patience;
mod room;
mod source;
mod unpack;
mod view;

use std::path::{Path, PathBuf};

pub use crate::error::FetchError;
pub use catalogue::{Catalogue, PublicFile, PublicSet};
pub use check::FileMeasure;
pub use download::{Download, KeptFile};
pub use patience::Patience;
pub use source::Source;
pub use view::{View, events, people};

use crate::error::{Error, Fault, Place};
use check::Difference;
use part::{Part, Reply};

/// Gets data sets into a data root.
#[derive(Debug, Clone)]
pub struct Fetch {
    /// Where data sets are put, each in a folder of its name.
    pub root: PathBuf,
    /// Places tried before those of the catalogue; one holds a file as `SET/FILE` or as `FILE`.
    pub mirrors: Vec<Source>,
    /// How long they are waited for.
    pub patience: Patience,
}

impl Fetch {
    /// Puts the data set `name`, which is `set`, into the data root. What is there already
    /// is checked and left as it is.
    ///
    /// # Errors
    ///
    /// [`Error::Fetch`], [`Error::Io`]; what could not be got whole stays as `FILE.part`, and
    /// the same call goes on with it.
    pub fn get(&self, name: &str, set: &PublicSet, view: &mut dyn View) -> Result<Download, Error> {
        view.asked(name, set);
        let folder = self.root.join(name);
        std::fs::create_dir_all(&folder).map_err(Error::io("create", &folder))?;
        let mut sums = check::recorded(&folder)?;
        let mut kept = Vec::new();
        for file in &set.files {
            let one = self.file(name, set, file, sums.get(&file.name), view)?;
            view.kept(&one);
            if file.unpack {
                unpack::unpack(&one.path, &folder)?;
            }
            kept.push(one);
        }
        let counts = match counted(name, &folder, set) {
            Ok(counts) => counts,
            Err(error) => {
                // The folder must not hold what could be taken for the data set. What was there
                // is the user's, and stays.
                for one in kept.iter().filter(|one| one.source.is_some()) {
                    crate::run::files::remove_if_there(&one.path)?;
                }
                return Err(error.into());
            }
        };
        let before = sums.clone();
        sums.extend(
            kept.iter()
                .map(|one| (one.file.clone(), one.sha256.clone())),
        );
        if sums != before && !check::record(&folder, &sums)? {
            view.note(&format!(
                "{} was not written by lawn and stays as it is; the sums found are not kept",
                folder.join(catalogue::SUMS).display()
            ));
        }
        let got = Download {
            name: name.to_owned(),
            folder,
            files: kept,
            counts,
        };
        view.got(&got);
        Ok(got)
    }

    /// One file, in its place.
    fn file(
        &self,
        name: &str,
        set: &PublicSet,
        file: &PublicFile,
        recorded: Option<&String>,
        view: &mut dyn View,
    ) -> Result<KeptFile, Error> {
        let target = self.root.join(name).join(&file.name);
        if target.exists() {
            return there(&target, file, recorded);
        }
        let folder = target.parent().unwrap_or(&self.root);
        std::fs::create_dir_all(folder).map_err(Error::io("create", folder))?;
        let mut part = Part::hold(&target, view)?;
        // Another process may have got it while this one waited.
        if target.exists() {
            part.remove()?;
            return there(&target, file, recorded);
        }
        let mut tried: Vec<FetchError> = Vec::new();
        for (source, at) in self.places(name, set, file)? {
            match self.from(&mut part, &source, &at, file, view)? {
                Attempt::Whole(measured) => {
                    part.keep(&target)?;
                    return Ok(KeptFile::new(
                        &target,
                        file,
                        measured,
                        Some(source.place(&at)),
                        None,
                    ));
                }
                Attempt::Failed(error) => {
                    if matches!(error, FetchError::Mismatch(_) | FetchError::TooLong { .. }) {
                        part.clear()?;
                    }
                    tried.push(error);
                }
            }
        }
        if part.len()? == 0 {
            part.remove()?;
        }
        Err(match tried.len() {
            1 => tried.remove(0),
            _ => FetchError::NoSource {
                file: file.name.clone(),
                tried,
            },
        }
        .into())
    }

    /// Where a file may lie: sources, and its name at each.
    fn places(
        &self,
        name: &str,
        set: &PublicSet,
        file: &PublicFile,
    ) -> Result<Vec<(Source, String)>, FetchError> {
        let mut places = Vec::new();
        for mirror in &self.mirrors {
            places.push((mirror.clone(), format!("{name}/{}", file.name)));
            places.push((mirror.clone(), file.name.clone()));
        }
        for source in &set.sources {
            places.push((Source::parse(source)?, file.name.clone()));
        }
        Ok(places)
    }

    /// Fills `part` from one source, and measures that it is `file`.
    fn from(
        &self,
        part: &mut Part,
        source: &Source,
        at: &str,
        file: &PublicFile,
        view: &mut dyn View,
    ) -> Result<Attempt, Error> {
        loop {
            let had = part.len()?;
            if let Reply::No(error) = part.fill(source, at, file, &self.patience, view)? {
                return Ok(Attempt::Failed(error));
            }
            let measured = FileMeasure::of(part.path())?;
            let Some(difference) = measured.difference(file, None) else {
                return Ok(Attempt::Whole(measured));
            };
            if had == 0 {
                let Difference {
                    what,
                    expected,
                    found,
                } = difference;
                let error = FetchError::mismatch(source.place(at), what, &found, &expected);
                return Ok(Attempt::Failed(error));
            }
            // What was there may have been the beginning of another file.
            view.note(&format!(
                "{}: its {} is {}, not {}; got once more from its start",
                file.name, difference.what, difference.found, difference.expected
            ));
            part.clear()?;
        }
    }
}

/// What came of one source for a file.
enum Attempt {
    /// The file is whole.
    Whole(FileMeasure),
    /// Another source is tried.
    Failed(FetchError),
}

impl KeptFile {
    fn new(
        path: &Path,
        file: &PublicFile,
        measured: FileMeasure,
        source: Option<String>,
        recorded: Option<&String>,
    ) -> Self {
        let checked = match (&file.sha256, recorded, file.bytes, file.lines) {
            (Some(_), ..) => "as in the catalogue",
            (None, Some(_), ..) => "as in SHA256SUMS",
            (None, None, Some(_), _) => "none is published; the size is right",
            (None, None, None, Some(_)) => "none is published; the number of lines is right",
            (None, None, None, None) => "none is published",
        };
        Self {
            file: file.name.clone(),
            path: path.into(),
            bytes: measured.bytes,
            sha256: measured.sha256,
            source,
            checked,
        }
    }
}

/// The file at `target`, where that is `file`.
fn there(target: &Path, file: &PublicFile, recorded: Option<&String>) -> Result<KeptFile, Error> {
    let measured = FileMeasure::of(target)?;
    match measured.difference(file, recorded) {
        None => Ok(KeptFile::new(target, file, measured, None, recorded)),
        Some(Difference {
            what,
            expected,
            found,
        }) => Err(FetchError::different(target, what, &found, &expected).into()),
    }
}

/// What the reader of the data set counts in it, where that is what the catalogue says.
fn counted(name: &str, folder: &Path, set: &PublicSet) -> Result<Vec<(String, u64)>, FetchError> {
    let wrong = |fault| FetchError::OtherSet {
        name: name.to_owned(),
        fault: Box::new(fault),
    };
    let found = |found: String| Fault::new(Place::file(folder), found);
    let unread = |error: lawn_models::DataError| wrong(found(error.to_string()));
    let sets = lawn_models::describe_data(folder).map_err(unread)?;
    let mut counts: Vec<(String, u64)> = Vec::new();
    for described in sets {
        counts.extend(described.map_err(unread)?.counts);
    }
    for (what, expected) in &set.counts {
        let count = counts.iter().find(|(name, _)| name == what);
        let count = count.map_or(0, |(_, count)| *count);
        if count != *expected {
            let fault = found(format!("it has {count} {what}"));
            return Err(wrong(fault.allowed([expected])));
        }
    }
    Ok(counts)
}
