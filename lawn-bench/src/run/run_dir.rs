//! Where each file of a run is.
//!
//! ```text
//! runs/<sweep>/
//!   sweep.toml  plan.json  trials.jsonl  provenance.json  promoted-<rung>.json  frozen.json
//!   floors.json
//!   earlier/<n>/  what the plan and its choices were before its n-th extension
//!   micro-batches.json  how many samples at once memory was found to hold
//!   graphs/  who tries graphs of CUDA, and whether anybody is to
//!   launchers/<launcher>/  launcher.json  lease-1
//!   trials/<trial id>/  see `trial_dir`
//!   tensorboard/<task>/<arm>/batch-<B>/<stage>-setting-<S>-seed-<N>/events.out.tfevents.*
//!   records/*.parquet
//!   report/
//! ```

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use crate::Error;
use crate::process::shell;
use crate::run::files;
use crate::run::trial_dir::TrialDir;

/// Name of the folder that holds those of the trials.
const TRIALS: &str = "trials";

/// The folder of one run.
#[derive(Debug, Clone)]
pub struct RunDir {
    root: PathBuf,
}

impl RunDir {
    /// The run in `root`, which need not exist yet.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// The folder itself.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Makes sure that a plan can be put here without taking the place of anything. The folder is
    /// new or empty, or a launcher that began with the same sweep file, `text`, ended in it
    /// before it wrote the plan.
    ///
    /// # Errors
    ///
    /// [`Error::NotOurs`] with what is there, [`Error::Io`].
    pub(crate) fn require_free(&self, text: &str) -> Result<(), Error> {
        let entries = match std::fs::read_dir(&self.root) {
            Ok(entries) => entries,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(Error::io("read", &self.root)(error)),
        };
        let is_same = |path: &Path| std::fs::read(path).is_ok_and(|bytes| bytes == text.as_bytes());
        for entry in entries {
            let path = entry.map_err(Error::io("read", &self.root))?.path();
            let is_ours = path == self.exclusive()
                || path == self.launchers()
                || path == self.provenance_lock()
                || path == self.sweep_toml() && is_same(&path)
                // Written between the two.
                || path == self.planned_trials() && is_same(&self.sweep_toml())
                || files::name(&path).starts_with(".tmp");
            if !is_ours && self.has_trained() {
                return Err(self.without_plan());
            }
            if !is_ours {
                return Err(Error::not_ours(&self.root, &files::name(&path), "run"));
            }
        }
        Ok(())
    }

    /// Whether trials of a run have begun here.
    fn has_trained(&self) -> bool {
        let is_planned = self.planned_trials().exists() || self.earlier(1).root.exists();
        is_planned && self.root.join(TRIALS).exists()
    }

    /// The error of a folder without a plan: it is no run, or has lost its plan.
    pub(crate) fn without_plan(&self) -> Error {
        if self.has_trained() {
            return Error::plan_gone(&self.root, TRIALS, None);
        }
        if !self.planned_trials().exists() {
            return Error::no_run(&self.root);
        }
        // Planning was cut off, or undone, and nothing has begun: the same text plans it again.
        let [file, out] = [&self.sweep_toml(), &self.root].map(|path| shell::operand(path));
        let words = ["lawn".as_ref(), "sweep".as_ref(), file.as_os_str()];
        let words = words
            .into_iter()
            .chain([OsStr::new("--out"), out.as_os_str()]);
        let again = file.exists().then(|| shell::line(words));
        Error::plan_gone(&self.root, "trials.jsonl", again.as_deref())
    }

    /// The sweep as the user wrote it.
    #[must_use]
    pub fn sweep_toml(&self) -> PathBuf {
        self.root.join("sweep.toml")
    }

    /// The plan, see [`crate::plan`].
    #[must_use]
    pub fn plan(&self) -> PathBuf {
        self.root.join("plan.json")
    }

    /// The trials of the plan, a line each, see [`crate::plan`].
    #[must_use]
    pub fn planned_trials(&self) -> PathBuf {
        self.root.join("trials.jsonl")
    }

    /// The same of a plan that was extended so often.
    #[must_use]
    pub fn extended_trials(&self, extensions: usize) -> PathBuf {
        match extensions {
            0 => self.planned_trials(),
            count => self.root.join(format!("trials-{}.jsonl", count + 1)),
        }
    }

    /// The plan and its choices as they were before the extension with this number, from 1.
    #[must_use]
    pub fn earlier(&self, number: usize) -> Self {
        Self::new(self.root.join("earlier").join(number.to_string()))
    }

    /// What the run was made with, see [`crate::run::provenance`].
    #[must_use]
    pub fn provenance(&self) -> PathBuf {
        self.root.join("provenance.json")
    }

    /// The settings that go on to a rung, see [`crate::plan::choices`].
    #[must_use]
    pub fn promoted(&self, rung: usize) -> PathBuf {
        self.root.join(format!("promoted-{rung}.json"))
    }

    /// The settings chosen for confirmation, see [`crate::plan::choices`].
    #[must_use]
    pub fn frozen(&self) -> PathBuf {
        self.root.join("frozen.json")
    }

    /// What the tasks give without a network, see [`crate::run::floors`].
    #[must_use]
    pub fn floors(&self) -> PathBuf {
        self.root.join("floors.json")
    }

    /// Event files of all trials, see [`crate::trial::tensorboard`].
    #[must_use]
    pub fn tensorboard(&self) -> PathBuf {
        self.root.join("tensorboard")
    }

    /// The merged records.
    #[must_use]
    pub fn records(&self) -> PathBuf {
        self.root.join("records")
    }

    /// The report.
    #[must_use]
    pub fn report(&self) -> PathBuf {
        self.root.join("report")
    }

    /// The files of the trial `id`.
    #[must_use]
    pub fn trial(&self, id: &str) -> TrialDir {
        TrialDir::new(self.root.join(TRIALS).join(id))
    }

    /// What engines that reach other machines keep, see [`crate::engine`].
    #[must_use]
    pub fn engine(&self) -> PathBuf {
        self.root.join("engine")
    }

    /// The launchers that are at work, see [`crate::run::launchers`].
    #[must_use]
    pub fn launchers(&self) -> PathBuf {
        self.root.join("launchers")
    }

    /// Where a launcher takes the lease of the run as a whole: to begin it, to choose, and
    /// to merge and report, which one does at a time.
    #[must_use]
    pub fn exclusive(&self) -> PathBuf {
        self.root.join(".exclusive")
    }

    /// How many samples at once memory was found to hold, see [`crate::run`].
    #[must_use]
    pub fn micro_batches(&self) -> PathBuf {
        self.root.join("micro-batches.json")
    }

    /// Who tries graphs of CUDA, see [`crate::run`].
    #[must_use]
    pub fn graphs(&self) -> PathBuf {
        self.root.join("graphs")
    }

    /// What a trial locks while it adds to how many samples memory holds.
    #[must_use]
    pub fn micro_batches_lock(&self) -> PathBuf {
        self.root.join(".micro-batches.lock")
    }

    /// What a launcher locks while it adds itself to the provenance.
    #[must_use]
    pub fn provenance_lock(&self) -> PathBuf {
        self.root.join(".provenance.lock")
    }
}
