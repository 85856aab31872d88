//! Downloads into a data root of a set of one file.

use std::path::{Path, PathBuf};
use std::time::Duration;

use lawn_bench::Error;
use lawn_bench::data::fetch::{
    Catalogue, Download, Fetch, FetchError, KeptFile, Patience, PublicSet, Source, View,
};

use super::server::Server;

/// A file of 50,000 bytes and 5,000 lines.
pub(crate) fn body() -> Vec<u8> {
    super::server::lines(5000)
}

/// Notes what people are told.
#[derive(Default)]
pub(crate) struct Said(pub(crate) Vec<String>);

impl View for Said {
    fn asked(&mut self, _name: &str, _set: &PublicSet) {}
    fn note(&mut self, line: &str) {
        self.0.push(line.to_owned());
    }
    fn began(&mut self, _file: &str, _place: &str, _from: u64, _total: Option<u64>) {}
    fn moved(&mut self, _at: u64) {}
    fn kept(&mut self, _kept: &KeptFile) {}
    fn got(&mut self, _got: &Download) {}
}

/// A data root, and a catalogue with the set `small` of one file, `a.txt`.
pub(crate) struct Place {
    pub(crate) folder: tempfile::TempDir,
    /// What the catalogue says of the file beside its name.
    pub(crate) known: String,
}

impl Place {
    pub(crate) fn new(known: &str) -> Self {
        Self {
            folder: tempfile::tempdir().expect("a temporary folder"),
            known: known.to_owned(),
        }
    }

    /// One whose catalogue knows the SHA-256 of [`body`].
    pub(crate) fn exact() -> Self {
        Self::new(&format!("sha256 = \"{}\"", super::server::digest(&body())))
    }

    pub(crate) fn target(&self) -> PathBuf {
        self.folder.path().join("small/a.txt")
    }

    pub(crate) fn part(&self) -> PathBuf {
        self.folder.path().join("small/a.txt.part")
    }

    pub(crate) fn leave(&self, path: &Path, bytes: &[u8]) {
        std::fs::create_dir_all(path.parent().expect("it has one")).expect("there is room");
        std::fs::write(path, bytes).expect("there is room");
    }

    /// Gets the set from `sources`, with `mirrors` before them.
    pub(crate) fn get(
        &self,
        mirrors: &[String],
        sources: &[String],
    ) -> (Result<Download, Error>, Vec<String>) {
        let path = self.folder.path().join("catalogue.toml");
        let text = format!(
            "[small]\nabout = \"a small set\"\nsources = {sources:?}\n[[small.files]]\nname = \"a.txt\"\n{}\n",
            self.known
        );
        std::fs::write(&path, text).expect("there is room");
        let mut catalogue = Catalogue::built_in();
        catalogue.add(&path).expect("it is right");
        let fetch = Fetch {
            root: self.folder.path().into(),
            mirrors: mirrors
                .iter()
                .map(|text| Source::parse(text).expect("it is one"))
                .collect(),
            patience: Patience {
                tries: 3,
                first_pause: Duration::from_millis(1),
                longest_pause: Duration::from_millis(20),
                connect: Duration::from_secs(5),
                silence: Duration::from_millis(400),
            },
        };
        let mut said = Said::default();
        let set = catalogue.set("small").expect("it was added");
        (fetch.get("small", set, &mut said), said.0)
    }

    /// Gets it from one server, and expects that.
    pub(crate) fn gets(&self, server: &Server) -> Vec<String> {
        let (got, said) = self.get(&[], &[server.address()]);
        let got = got.unwrap_or_else(|error| panic!("{error}\n{said:?}"));
        assert_eq!(std::fs::read(self.target()).expect("it was got"), body());
        assert!(!self.part().exists());
        assert_eq!(got.files[0].sha256, super::server::digest(&body()));
        said
    }

    /// Expects that it is not got, and nothing is there that could be taken for it.
    pub(crate) fn refuses(&self, sources: &[String]) -> FetchError {
        let (got, _) = self.get(&[], sources);
        assert!(!self.target().exists());
        match got {
            Err(Error::Fetch(error)) => *error,
            other => panic!("{other:?}"),
        }
    }
}
