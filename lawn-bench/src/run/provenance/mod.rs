//! What a run was made with: one entry each time the sweep was launched.

mod machine;
mod source;

pub use machine::Machine;
pub use source::{BUILD, Source};

use std::ffi::OsString;
use std::fs::File;

use lawn_models::{CudaCompiler, CudaProbe, Determinism};
use serde::{Deserialize, Serialize};

use crate::Error;
use crate::config::Resources;
use crate::count::count;
use crate::process::shell;
use crate::run::run_dir::RunDir;
use crate::run::{document, files};

/// Schema of `provenance.json`. 2 added source, machine, workers and threads.
pub const SCHEMA: u32 = 2;

/// The content of `provenance.json`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Provenance {
    /// One entry a launch, the first made the plan.
    pub launches: Vec<Launch>,
}

/// What this command was built from, as one word: its version and a hash of its source.
#[must_use]
pub fn build() -> String {
    format!(
        "{}-{}",
        env!("CARGO_PKG_VERSION"),
        Source::of_this_command().digest()
    )
}

/// Makes sure that this command is the one that the launcher is, where a launcher says so: all
/// trials of a launch are trained by what `provenance.json` says of it.
///
/// # Errors
///
/// [`Error::OtherBuild`].
pub fn require_build() -> Result<(), Error> {
    let here = build();
    match std::env::var(BUILD) {
        Ok(launcher) if launcher != here => Err(Error::other_build(&here, &launcher)),
        _ => Ok(()),
    }
}

/// What one launch of the sweep ran with.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Launch {
    /// Version of this command.
    pub lawn: String,
    /// What it was built from.
    #[serde(default)]
    pub source: Source,
    /// Version of libtorch.
    pub libtorch: String,
    /// What decodes images.
    #[serde(default)]
    pub image_decoder: String,
    /// How libtorch's switches about the same operation done twice stand in the launcher. A trial
    /// sets its own, see `promise`.
    #[serde(default)]
    pub determinism: Option<Determinism>,
    /// What is promised of a trial that is trained twice, and what is not.
    #[serde(default)]
    pub promise: Vec<String>,
    /// What compiles the optimizer's kernels, or why nothing does, where there is CUDA. Each trial's
    /// outcome says what took its steps.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cuda_compiler: Option<String>,
    /// Operating system and architecture.
    pub system: String,
    /// Logical processors that this process may use.
    pub processors: usize,
    /// Where it ran.
    #[serde(default)]
    pub machine: Machine,
    /// Trials at the same time.
    #[serde(default)]
    pub workers: usize,
    /// Threads of one trial.
    #[serde(default)]
    pub threads: usize,
    /// The command line.
    pub command: Vec<String>,
    /// Seconds since 1970-01-01 00:00 UTC.
    pub unix_seconds: u64,
}

impl Launch {
    fn now(workers: usize, resources: &Resources) -> Self {
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        let probe = lawn_models::probe();
        Self {
            lawn: env!("CARGO_PKG_VERSION").into(),
            source: Source::of_this_command(),
            libtorch: probe.libtorch,
            image_decoder: lawn_models::image_decoder().into(),
            determinism: Some(probe.determinism),
            system: format!("{} {}", std::env::consts::OS, std::env::consts::ARCH),
            processors: std::thread::available_parallelism().map_or(1, usize::from),
            cuda_compiler: compiler(&probe.cuda, lawn_models::cuda_compiler),
            machine: Machine::this_one(Some(probe.cuda)),
            workers,
            threads: resources.threads,
            promise: resources.promise(),
            command: std::env::args_os()
                .map(|word| word.to_string_lossy().into_owned())
                .collect(),
            unix_seconds: since.map_or(0, |since| since.as_secs()),
        }
    }

    /// For people: processor, accelerators, and how both are used.
    fn hardware(&self) -> String {
        let mut parts = vec![format!("{} processors", self.processors)];
        let named = [self.machine.processor.clone()];
        parts.extend(named.into_iter().filter(|name| !name.is_empty()));
        parts.extend(self.machine.accelerators.iter().cloned());
        parts.extend(
            self.machine
                .driver
                .as_ref()
                .map(|driver| format!("driver {driver}")),
        );
        parts.join(", ")
    }
}

/// What is said of the compiler of kernels: nothing where there is no CUDA to compile for.
fn compiler(
    cuda: &CudaProbe,
    ask: impl FnOnce() -> Result<CudaCompiler, String>,
) -> Option<String> {
    let is_there = matches!(cuda, CudaProbe::Available { .. });
    is_there.then(|| match ask() {
        Ok(compiler) => format!("NVRTC {}", compiler.version),
        Err(reason) => format!("none: {reason}"),
    })
}

/// Adds this launch to the run's provenance, with `workers` trials at a time, each with these
/// resources.
///
/// # Errors
///
/// As [`document::read`] and [`document::write`].
pub fn record(run: &RunDir, workers: usize, resources: &Resources) -> Result<(), Error> {
    // Several launchers may start on one run, and none may lose another's entry.
    let lock = run.provenance_lock();
    let held = files::open_own(&lock, File::options().write(true).create(true))?;
    held.lock().map_err(Error::io("lock", &lock))?;
    let mut provenance = read(run)?;
    let launch = Launch::now(workers, resources);
    if let Some(name) = &launch.source.uncommitted {
        let path = run.root().join(name);
        if !path.exists() {
            files::write(&path, Source::diff().as_bytes())?;
        }
    }
    provenance.launches.push(launch);
    document::write(&run.provenance(), SCHEMA, &provenance)
}

fn read(run: &RunDir) -> Result<Provenance, Error> {
    let path = run.provenance();
    if path.exists() {
        document::read(&path, 1..=SCHEMA)
    } else {
        Ok(Provenance::default())
    }
}

/// The command that goes on with a run, with the data root that the last launch had.
#[must_use]
pub fn goes_on(run: &RunDir) -> String {
    let mut words: Vec<OsString> = vec!["lawn".into(), "sweep".into()];
    words.push(shell::operand(run.root()).into());
    if let Some(root) = data_root(run) {
        words.extend(["--data-root".into(), root.into()]);
    }
    shell::line(words)
}

/// The data root that the last launch was given on its command line, where that is still there.
#[must_use]
pub fn data_root(run: &RunDir) -> Option<std::path::PathBuf> {
    let provenance = read(run).ok()?;
    let words = &provenance.launches.last()?.command;
    let option = "--data-root";
    let given =
        words
            .iter()
            .enumerate()
            .find_map(|(place, word)| match word.strip_prefix(option)? {
                "" => words.get(place + 1).cloned(),
                rest => rest.strip_prefix('=').map(str::to_owned),
            });
    given
        .map(std::path::PathBuf::from)
        .filter(|root| root.is_dir())
}

/// The provenance as name and value, for the report.
///
/// # Errors
///
/// As [`document::read`].
pub fn lines(run: &RunDir) -> Result<Vec<(String, String)>, Error> {
    let provenance = read(run)?;
    let Some(first) = provenance.launches.first() else {
        return Ok(Vec::new());
    };
    let mut lines = vec![
        ("lawn", first.lawn.clone()),
        ("source", first.source.describe()),
        ("libtorch", first.libtorch.clone()),
        ("system", first.system.clone()),
        ("hardware", first.hardware()),
        (
            "used as",
            format!(
                "{} of {}",
                count(first.workers, "worker"),
                count(first.threads, "thread")
            ),
        ),
        ("command", first.command.join(" ")),
        ("launches", provenance.launches.len().to_string()),
    ];
    if let Some(compiler) = &first.cuda_compiler {
        lines.push(("CUDA kernels by", compiler.clone()));
    }
    if !first.promise.is_empty() {
        lines.push(("the same twice", first.promise.join("; ")));
    }
    if let Some(lockfile) = &first.source.lockfile {
        lines.insert(2, ("lockfile", lockfile[..16].to_owned()));
    }
    // Bits may differ between builds and machines; a mixture must be seen.
    for (what, count) in [
        (
            "sources",
            distinct(&provenance, |launch| launch.source.describe()),
        ),
        (
            "machines",
            distinct(&provenance, |launch| launch.machine.host.clone()),
        ),
    ] {
        if count > 1 {
            lines.push((what, format!("{count} different ones, see provenance.json")));
        }
    }
    Ok(lines
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value))
        .collect())
}

/// How many different values the launches have.
fn distinct(provenance: &Provenance, value: impl Fn(&Launch) -> String) -> usize {
    let values = provenance.launches.iter().map(value);
    values.collect::<std::collections::BTreeSet<_>>().len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run() -> (tempfile::TempDir, RunDir) {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let run = RunDir::new(folder.path());
        (folder, run)
    }

    fn resources(threads: usize) -> Resources {
        let text = format!(
            "name = \"one\"\nbatch_sizes = [64]\n[tasks.t]\nkind = \"ncf\"\nmodel = \"gmf\"\n\
             data = \"generated\"\n[budget]\nepochs = 1\n[arms.sgd]\nrule = \"sgd\"\n\
             learning_rate = 0.1\n[confirmation]\nseeds = [1]\n[resources]\nthreads = {threads}\n"
        );
        let sweep = crate::config::parse("one.toml", &text);
        sweep.unwrap_or_else(|error| panic!("{error}")).resources
    }

    #[test]
    fn each_launch_is_an_entry() {
        let (_kept, run) = run();
        record(&run, 2, &resources(1)).expect("it can be written");
        record(&run, 1, &resources(2)).expect("it can be written");
        let launches = read(&run).expect("it can be read").launches;
        assert_eq!(launches.len(), 2);
        assert!(launches[0].determinism.is_some());
        assert_eq!((launches[1].workers, launches[1].threads), (1, 2));
        assert_eq!(launches[1].promise, resources(2).promise());
        let lines = lines(&run).expect("it can be read");
        let promise = lines.iter().find(|(name, _)| name == "the same twice");
        assert!(
            promise.is_some_and(|(_, said)| said.contains("one thread")),
            "{lines:?}"
        );
        let hash = launches[0].source.lockfile.as_ref();
        assert_eq!(hash.map(String::len), Some(64), "{hash:?}");
        let file = launches[0].source.uncommitted.as_ref();
        assert!(
            file.is_none_or(|file| run.root().join(file).exists()),
            "{file:?}"
        );
    }

    #[test]
    fn the_compiler_of_kernels_is_asked_where_there_is_cuda_and_is_in_the_lines() {
        let found = || {
            Ok(CudaCompiler {
                version: "13.0".into(),
                capabilities: vec![90],
            })
        };
        let there = CudaProbe::Available { devices: 1 };
        assert_eq!(compiler(&there, found).as_deref(), Some("NVRTC 13.0"));
        let absent = compiler(&there, || Err("no libnvrtc".into()));
        assert_eq!(absent.as_deref(), Some("none: no libnvrtc"));
        let none = compiler(&CudaProbe::Unavailable, || panic!("nobody asks"));
        assert_eq!(none, None);

        let (_kept, run) = run();
        let launch = Launch {
            cuda_compiler: absent,
            ..Launch::now(1, &resources(1))
        };
        let provenance = Provenance {
            launches: vec![launch],
        };
        document::write(&run.provenance(), SCHEMA, &provenance).expect("it can be written");
        let line = ("CUDA kernels by".into(), "none: no libnvrtc".into());
        assert!(lines(&run).expect("it can be read").contains(&line));
    }

    #[test]
    fn the_first_schema_is_still_read() {
        let (_kept, run) = run();
        let launch = serde_json::json!({
            "lawn": "0.1.0", "libtorch": "2.11.0", "system": "linux x86_64", "processors": 2,
            "command": ["lawn", "sweep", "x.toml"], "unix_seconds": 1,
        });
        let old = serde_json::json!({ "launches": [launch] });
        document::write(&run.provenance(), 1, &old).expect("it can be written");
        let lines = lines(&run).expect("it can be read");
        assert!(
            lines.contains(&("lawn".into(), "0.1.0".into())),
            "{lines:?}"
        );
        let source = lines.iter().find(|(name, _)| name == "source");
        assert!(
            source.is_some_and(|(_, value)| value.starts_with("unknown")),
            "{lines:?}"
        );
    }
}
