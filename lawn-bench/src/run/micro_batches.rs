//! How many samples at once memory was found to hold, so that later trials begin with so many.
//!
//! ```text
//! micro-batches.json   { "schema": 1, "found": [ { "task": "images", "batch_size": 8192,
//!                        "device": "NVIDIA H100 80GB HBM3", "samples": 1024 } ], "checksum": "91ab…" }
//! ```
//!
//! What a task needs is a matter of its data, its model and the batch, and what there is one of the
//! device. Optimizers differ by their state: the least that was found holds for all. Where a trial lacked
//! only what other processes had of the device, nothing was found.

use std::fs::File;

use lawn_models::{Device, Notice};
use serde::{Deserialize, Serialize};

use super::provenance::Machine;
use super::run_dir::RunDir;
use super::{document, files};
use crate::Error;

/// Schema of `micro-batches.json`.
const SCHEMA: u32 = 1;

#[derive(Debug, Default, Serialize, Deserialize)]
struct Content {
    found: Vec<Found>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Found {
    #[serde(flatten)]
    of: Fit,
    /// Samples in memory at once.
    samples: u64,
}

/// What a number of samples was found for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Fit {
    /// Name of the task.
    pub(crate) task: String,
    /// Samples of one optimizer step.
    pub(crate) batch_size: u64,
    /// The machine, or the models of its accelerators.
    pub(crate) device: String,
}

impl Fit {
    /// Of a task and a batch size, on a device of this machine.
    pub(crate) fn here(task: &str, batch_size: u64, device: Device) -> Self {
        let Machine {
            host, accelerators, ..
        } = Machine::this_one(None);
        let device = match device.is_cuda() && !accelerators.is_empty() {
            true => accelerators.join(", "),
            false => format!("{device:?} of {host}"),
        };
        Self {
            task: task.to_owned(),
            batch_size,
            device,
        }
    }

    /// The samples that were found for it. A file that cannot be read says nothing: the number is
    /// found again.
    pub(crate) fn found(&self, run: &RunDir) -> Option<u64> {
        let found = read(run).found;
        found
            .into_iter()
            .find_map(|one| (one.of == *self).then_some(one.samples))
    }

    /// Takes note of what a trial came through.
    ///
    /// # Errors
    ///
    /// As [`document::write`], and [`Error::Io`] where the file cannot be locked.
    pub(crate) fn learn(self, run: &RunDir, notices: &[Notice]) -> Result<(), Error> {
        let reduced = notices.iter().rev().find_map(|notice| match notice {
            Notice::MicroBatchReduced {
                to, others: None, ..
            } => Some(*to),
            _ => None,
        });
        let Some(samples) = reduced else {
            return Ok(());
        };
        // Trials end at the same time, and none may lose what another has found.
        let lock = run.micro_batches_lock();
        let held = files::open_own(&lock, File::options().write(true).create(true))?;
        held.lock().map_err(Error::io("lock", &lock))?;
        let mut content = read(run);
        match content.found.iter_mut().find(|one| one.of == self) {
            Some(one) if one.samples <= samples => return Ok(()),
            Some(one) => one.samples = samples,
            None => content.found.push(Found { of: self, samples }),
        }
        document::write(&run.micro_batches(), SCHEMA, &content)
    }
}

fn read(run: &RunDir) -> Content {
    document::read(&run.micro_batches(), 1..=SCHEMA).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reduced(to: u64) -> Notice {
        Notice::MicroBatchReduced {
            from: 2 * to,
            to,
            reason: "2.00 GiB were asked for".into(),
            others: None,
        }
    }

    #[test]
    fn the_least_that_was_found_is_remembered_for_its_cell_alone() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let run = RunDir::new(folder.path());
        let fit = |task, batch_size| Fit::here(task, batch_size, Device::Cpu);
        let learn = |notices: &[Notice]| {
            fit("a", 64).learn(&run, notices).expect("there is room");
            fit("a", 64).found(&run)
        };
        assert_eq!(learn(&[]), None);
        // What a neighbour had is no matter of the task.
        let for_others = |to| match reduced(to) {
            Notice::MicroBatchReduced {
                from, to, reason, ..
            } => Notice::MicroBatchReduced {
                from,
                to,
                reason,
                others: Some(40 << 30),
            },
            other => other,
        };
        assert_eq!(learn(&[for_others(16)]), None);
        assert!(!run.micro_batches().exists());
        assert_eq!(learn(&[reduced(32), reduced(16)]), Some(16));
        assert_eq!(learn(&[reduced(32)]), Some(16));
        assert_eq!(learn(&[reduced(8), for_others(4)]), Some(8));
        assert_eq!(fit("b", 64).found(&run), None);
        assert_eq!(fit("a", 128).found(&run), None);
        let other = Fit {
            device: "another".into(),
            ..fit("a", 64)
        };
        assert_eq!(other.found(&run), None);
        // What is damaged is found again.
        std::fs::write(run.micro_batches(), "{").expect("there is room");
        assert_eq!(fit("a", 64).found(&run), None);
        assert_eq!(learn(&[reduced(4)]), Some(4));
    }
}
