//! The data sets that can be got, and what is known of their files.

use std::collections::BTreeMap;
use std::path::{Component, Path};

use serde::Deserialize;

use super::source::Source;
use crate::error::{Error, Fault, FetchError, Place};

/// The file in a data set's folder that holds the SHA-256 of each of its files, as
/// `sha256sum --check` reads it.
pub(super) const SUMS: &str = "SHA256SUMS";

/// Data sets by name.
#[derive(Debug, Clone)]
pub struct Catalogue {
    sets: BTreeMap<String, PublicSet>,
}

/// A data set that its publisher lets everybody have.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PublicSet {
    /// What it is, in one line.
    pub about: String,
    /// The terms under which it may be used, in one line.
    #[serde(default)]
    pub terms: String,
    /// Where its files lie, in the order in which the places are tried.
    #[serde(default)]
    pub sources: Vec<String>,
    /// What its reader counts in it, by name.
    #[serde(default)]
    pub counts: BTreeMap<String, u64>,
    /// Its files. The one that readers look for first comes last: once it is there, the set is
    /// whole.
    pub files: Vec<PublicFile>,
}

/// A file of a data set.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PublicFile {
    /// Its path in the data set's folder, and below each source.
    pub name: String,
    /// Its size, where that is known.
    pub bytes: Option<u64>,
    /// Its lines, where that is known.
    pub lines: Option<u64>,
    /// Its SHA-256 in hexadecimal, where that is known.
    pub sha256: Option<String>,
    /// Whether it is a `.tar.gz` whose files are put beside it, without the folders that they
    /// are in.
    #[serde(default)]
    pub unpack: bool,
}

impl Catalogue {
    /// The data sets known to this `lawn`.
    #[must_use]
    pub fn built_in() -> Self {
        Self::parse(
            "the built-in catalogue".as_ref(),
            include_str!("catalogue.toml"),
        )
        .expect("a test reads the built-in catalogue")
    }

    /// Adds the data sets of the catalogue at `path`; of two with one name, its own counts.
    ///
    /// # Errors
    ///
    /// [`Error::Io`], [`FetchError::Catalogue`].
    pub fn add(&mut self, path: &Path) -> Result<(), Error> {
        let text = std::fs::read_to_string(path).map_err(Error::io("read", path))?;
        self.sets.extend(Self::parse(path, &text)?.sets);
        Ok(())
    }

    fn parse(origin: &Path, text: &str) -> Result<Self, FetchError> {
        let wrong = |fault| FetchError::Catalogue(Box::new(fault));
        let sets: BTreeMap<String, PublicSet> = toml::from_str(text).map_err(|error| {
            let said = error.to_string();
            wrong(Fault::new(Place::file(origin), said.trim_end()))
        })?;
        for (name, set) in &sets {
            set.fault(name, origin)
                .map_or(Ok(()), |fault| Err(wrong(fault)))?;
        }
        Ok(Self { sets })
    }

    /// The data set called `name`.
    ///
    /// # Errors
    ///
    /// [`FetchError::Unknown`] with the names there are.
    pub fn set(&self, name: &str) -> Result<&PublicSet, FetchError> {
        let set = self.sets.get(name);
        set.ok_or_else(|| FetchError::unknown(name, self.names()))
    }

    /// Its names, in order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.sets.keys().map(String::as_str)
    }

    /// A line a data set: its name, and what it is.
    #[must_use]
    pub fn describe(&self) -> String {
        let width = self.names().map(str::len).max().unwrap_or(0);
        let line = |(name, set): (&String, &PublicSet)| format!("  {name:width$}  {}\n", set.about);
        self.sets.iter().map(line).collect()
    }
}

impl PublicSet {
    /// What is wrong with the set `name` of the catalogue `origin`, if anything is.
    fn fault(&self, name: &str, origin: &Path) -> Option<Fault> {
        let place = || Place::file(origin).of(format!("[{name}]"));
        let fault = |found: String| Some(Fault::new(place(), found));
        if !is_plain(name) || name.contains('/') {
            let allowed = "letters, digits, '.', '-' and '_'";
            return fault("is no name of a folder".into()).map(|fault| fault.allowed([allowed]));
        }
        if self.files.is_empty() {
            return fault("has no files".into());
        }
        let mut sources = self.sources.iter();
        if let Some(error) = sources.find_map(|source| Source::parse(source).err()) {
            return fault(error.to_string());
        }
        self.files.iter().find_map(|file| {
            let name = &file.name;
            let end = name.rsplit('/').next().unwrap_or_default();
            let (found, allowed) = if !is_plain(name) {
                let allowed = "paths below its folder, of letters, digits, '.', '-', '_' and '/'";
                (format!("has a file \"{name}\""), allowed.to_owned())
            } else if end == SUMS || end.ends_with(".part") {
                let allowed = format!("names but {SUMS} and those that end with .part");
                (format!("has a file \"{name}\""), allowed)
            } else {
                let is_digest = |text: &&String| {
                    text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
                };
                let found = file.sha256.as_ref().filter(|text| !is_digest(text))?;
                let found = format!("has the sha256 \"{found}\" for {name}");
                (found, "64 hexadecimal digits".to_owned())
            };
            fault(found).map(|fault| fault.allowed([allowed]))
        })
    }
}

/// Whether a path stays below the folder that it is joined to, and means the same in an address.
fn is_plain(path: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-/".contains(&byte);
    !path.is_empty()
        && path.bytes().all(plain)
        && Path::new(path)
            .components()
            .all(|part| matches!(part, Component::Normal(_)))
        && !path.ends_with('/')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_built_in_catalogue_is_sound_and_its_counts_go_with_its_lines() {
        let catalogue = Catalogue::built_in();
        assert_eq!(
            catalogue.names().collect::<Vec<_>>(),
            ["cifar-10", "cifar-100", "ml-1m", "pinterest-20"]
        );
        for (name, set) in &catalogue.sets {
            if name.starts_with("cifar") {
                assert!(
                    set.files
                        .iter()
                        .all(|file| file.unpack && file.sha256.is_some())
                );
                continue;
            }
            assert!(
                set.sources
                    .iter()
                    .all(|source| source.starts_with("https://"))
            );
            let lines = |end: &str| {
                let file = set.files.iter().find(|file| file.name.ends_with(end));
                file.and_then(|file| file.lines)
            };
            let count = |what: &str| set.counts.get(what).copied();
            assert!(count("users").is_some(), "{name}");
            assert_eq!(lines("train.rating"), count("train interactions"), "{name}");
            assert_eq!(lines("test.rating"), count("test interactions"), "{name}");
            assert_eq!(lines("test.negative"), count("users"), "{name}");
            let last = &set.files[set.files.len() - 1].name;
            assert!(last.ends_with("train.rating"), "{last}");
        }
    }

    #[test]
    fn a_wrong_catalogue_is_told_where_it_is_wrong_and_what_is_allowed() {
        let file = "[[x.files]]\nname = \"a\"\n";
        let set = |more: &str| format!("[x]\nabout = \"y\"\n{more}\n{file}");
        for (text, said) in [
            (set("colour = 1"), "unknown field `colour`"),
            (set("sources = [\"ftp://a\"]"), "http:// or https://"),
            (
                "[\"../x\"]\nabout = \"y\"\nfiles = []".into(),
                "letters, digits",
            ),
            ("[x]\nabout = \"y\"\nfiles = []".into(), "has no files"),
            ("[x]\nabout = \"y\"\n".into(), "missing field `files`"),
            (
                set("").replace("\"a\"", "\"../a\""),
                "paths below its folder",
            ),
            (
                set("").replace("\"a\"", "\"/etc/a\""),
                "paths below its folder",
            ),
            (
                set("").replace("\"a\"", "\"a b\""),
                "paths below its folder",
            ),
            (set("") + "sha256 = \"12\"", "64 hexadecimal digits"),
        ] {
            let error = Catalogue::parse("c.toml".as_ref(), &text)
                .expect_err(&text)
                .to_string();
            assert!(error.contains("c.toml: "), "{error}");
            assert!(error.contains(said), "{said:?} is not in: {error}");
        }
    }
}
