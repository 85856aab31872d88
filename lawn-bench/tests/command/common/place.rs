//! Data sets in files, and trials that read them.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use super::{lawn, said};
use lawn_bench::plan::Plan;
use lawn_bench::run::run_dir::RunDir;
use lawn_bench::{config, data};

/// A folder with two data sets, and runs of them.
pub(crate) struct Place {
    pub(crate) folder: tempfile::TempDir,
}

impl Place {
    /// Both data sets, under `data`.
    pub(crate) fn new() -> Self {
        let place = Self {
            folder: tempfile::tempdir().expect("a temporary folder"),
        };
        let sizes: [(&str, &str, &[&str]); 2] = [
            (
                "ncf",
                "feedback",
                &["users=60", "items=220", "interactions=10"],
            ),
            (
                "image",
                "pictures",
                &["classes=2", "side=8", "train=40", "test=8"],
            ),
        ];
        for (kind, name, sizes) in sizes {
            let mut command = lawn();
            command.args(["data", "make", kind, "--out"]);
            command.arg(place.data().join(name));
            command.args(sizes.iter().flat_map(|size| ["--set", size]));
            let output = command.output().expect("lawn starts");
            assert!(output.status.success(), "{}", said(&output));
        }
        place
    }

    pub(crate) fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// A run of a sweep file that is planned and not begun.
    pub(crate) fn plan_of(&self, name: &str, text: &str) -> RunDir {
        let sweep = config::parse("files.toml", text).unwrap_or_else(|error| panic!("{error}"));
        let checksums = data::checksums(&sweep.tasks, &self.data()).expect("they are there");
        let run = RunDir::new(self.folder.path().join(name));
        std::fs::create_dir(run.root()).expect("a folder");
        let plan = Plan::new(sweep, checksums);
        plan.write(&run, Path::new("files.toml"), text)
            .expect("it can be written");
        run
    }

    /// Runs the trial at `index`, by way of `tracer` where one is given; with nothing in the
    /// user's cache.
    pub(crate) fn trial(&self, run: &RunDir, index: usize, tracer: &[&str]) -> Output {
        let mut words = tracer.to_vec();
        words.push(env!("CARGO_BIN_EXE_lawn"));
        let mut command = Command::new(words[0]);
        command
            .args(&words[1..])
            .arg("trial")
            .arg(run.root())
            .args(["--index", &index.to_string(), "--data-root"])
            .arg(self.data())
            .env(
                "XDG_CACHE_HOME",
                tempfile::tempdir_in(self.folder.path())
                    .expect("a folder")
                    .path(),
            )
            .env("OMP_NUM_THREADS", "1");
        command.output().expect("it starts")
    }

    /// The weights that the confirmation at index 0 of the run leaves.
    pub(crate) fn weights(&self, run: &RunDir) -> PathBuf {
        let output = self.trial(run, 0, &[]);
        assert!(output.status.success(), "{}", said(&output));
        let trials = std::fs::read_dir(run.root().join("trials")).expect("one was trained");
        let folder = trials.flatten().next().expect("it has a folder").path();
        folder.join("model.safetensors")
    }

    /// Adds a byte to a file of a data set.
    pub(crate) fn change(&self, file: &str) {
        let path = self.data().join(file);
        let mut bytes = std::fs::read(&path).unwrap_or_else(|error| panic!("{file}: {error}"));
        bytes.push(b'\n');
        std::fs::write(&path, bytes).expect("it is ours");
    }
}

/// Makes sure that the command ended with 2, and said so.
pub(crate) fn refuses(output: &Output, words: &str) {
    assert_eq!(output.status.code(), Some(2), "{}", said(output));
    assert!(said(output).contains(words), "{}", said(output));
}

/// Whether no trial of the run was begun.
pub(crate) fn is_untouched(run: &RunDir) -> bool {
    !run.root().join("trials").exists()
}
