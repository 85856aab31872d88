//! Event files that TensorBoard reads, written while a trial trains.
//!
//! An event file is a row of records, each framed by its length and checksums
//! (TensorFlow's *TFRecord*), each an `Event` message:
//!
//! ```text
//! record  = length u64, masked(crc32c(length)) u32, bytes, masked(crc32c(bytes)) u32
//! masked(c) = (c rotated right by 15) + 0xa282ead8       little-endian throughout
//! Event   { 1: wall_time double, 2: step int64, 3: file_version string, 5: Summary, 7: SessionLog }
//! Summary { 1: repeated Value { 1: tag string, 2: simple_value float } }
//! SessionLog { 1: status enum (1 is start) }
//! ```
//!
//! Each process of a trial writes a file of its own, which opens with the step
//! that it goes on from: a reader then drops what an earlier process wrote after
//! that step, work that was lost and is done again. A record that a kill cut off
//! ends its file for a reader.
//!
//! Numbers and layout as in `event.proto`, `summary.proto` and `record_writer.cc`
//! of TensorFlow.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use lawn_models::{EvaluationRecord, Measurement, Split, Stage};

use super::hparams::{self, HyperParameters};
use super::message::Message;
use crate::Error;
use crate::plan::Trial;

/// What the first record of a file says of its format.
const FILE_VERSION: &str = "brain.Event:2";

/// An event file under way.
#[derive(Debug)]
pub struct EventFile {
    path: PathBuf,
    file: File,
}

impl EventFile {
    /// A new file in `folder`, for steps after `step`.
    ///
    /// # Errors
    ///
    /// [`Error::Io`].
    pub fn create(folder: &Path, step: u64) -> Result<Self, Error> {
        std::fs::create_dir_all(folder).map_err(Error::io("create", folder))?;
        let now = wall_time();
        // Readers take files in the order of their names.
        let path = folder.join(format!(
            "events.out.tfevents.{:010}.{:06}.{}",
            now as u64,
            (now.fract() * 1e6) as u32,
            std::process::id()
        ));
        let file = File::create_new(&path).map_err(Error::io("create", &path))?;
        let mut events = Self { path, file };
        let mut first = Message::event(now, 0);
        first.bytes(3, FILE_VERSION.as_bytes());
        let mut started = Message::default();
        started.varint(1, 1);
        let mut start = Message::event(now, step + 1);
        start.bytes(7, started.as_bytes());
        events.write(&[first, start])?;
        Ok(events)
    }

    /// Adds the values of `scalars` at `step`, each under its tag.
    ///
    /// # Errors
    ///
    /// [`Error::Io`].
    pub fn scalars(&mut self, step: u64, scalars: &[(String, f64)]) -> Result<(), Error> {
        let mut summary = Message::default();
        for (tag, value) in scalars {
            let mut one = Message::default();
            one.bytes(1, tag.as_bytes());
            one.float(2, *value as f32);
            summary.bytes(1, one.as_bytes());
        }
        let mut event = Message::event(wall_time(), step);
        event.bytes(5, summary.as_bytes());
        self.write(&[event])
    }

    /// Says what the trial is given, for the table of hyper-parameters.
    ///
    /// # Errors
    ///
    /// [`Error::Io`].
    pub fn hyper_parameters(&mut self, step: u64, given: &HyperParameters) -> Result<(), Error> {
        self.entry(step, &given.started(wall_time()))
    }

    /// Says how the trial ended after `step`, and its `final` metrics.
    ///
    /// # Errors
    ///
    /// [`Error::Io`].
    pub fn ended(&mut self, step: u64, is_ok: bool, measured: &[Measurement]) -> Result<(), Error> {
        let named = measured.iter();
        let named = named.map(|one| (format!("final/{}", tag(one)), one.value));
        self.scalars(step, &named.collect::<Vec<_>>())?;
        self.entry(step, &hparams::ended(is_ok, wall_time()))
    }

    fn entry(&mut self, step: u64, entry: &Message) -> Result<(), Error> {
        let (mut summary, mut event) = (Message::default(), Message::event(wall_time(), step));
        summary.message(1, entry);
        event.message(5, &summary);
        self.write(&[event])
    }

    fn write(&mut self, events: &[Message]) -> Result<(), Error> {
        let records: Vec<u8> = events
            .iter()
            .flat_map(|event| record(event.as_bytes()))
            .collect();
        self.file
            .write_all(&records)
            .map_err(Error::io("write", &self.path))
    }
}

/// The folder of a trial's event files in `root`. Its path is the name of the
/// run in TensorBoard, where a hash would tell nothing.
#[must_use]
pub fn folder(root: &Path, trial: &Trial, setting: usize) -> PathBuf {
    let stage = match trial.stage {
        Stage::Tune => "tune",
        Stage::Confirm => "confirm",
    };
    root.join(&trial.cell.task)
        .join(&trial.cell.arm)
        .join(format!("batch-{}", trial.cell.batch_size))
        .join(format!("{stage}-setting-{setting}-seed-{}", trial.seed))
}

/// What TensorBoard shows of `record`: tags that begin alike are shown together.
#[must_use]
pub fn scalars(record: &EvaluationRecord) -> Vec<(String, f64)> {
    let mut scalars: Vec<(String, f64)> = [
        ("loss/train", record.train_loss),
        ("learning_rate", record.learning_rate),
        ("logit/mean_abs", record.logit_mean_abs),
        ("logit/max_abs", record.logit_max_abs),
        ("norm/gradient", record.gradient_norm),
        ("norm/weight", record.weight_norm),
        ("samples_per_second", record.samples_per_second),
    ]
    .map(|(tag, value)| (tag.to_owned(), value))
    .into();
    scalars.extend(record.measurements.iter().map(|one| (tag(one), one.value)));
    let norms = record.units.iter();
    scalars.extend(norms.map(|unit| (format!("weight_norm/{}", unit.parameter), unit.weight_norm)));
    scalars
}

/// `hr@10/validation`.
pub(crate) fn tag(measured: &Measurement) -> String {
    let split = match measured.split {
        Split::Train => "train",
        Split::Validation => "validation",
        Split::Test => "test",
    };
    format!("{}/{split}", measured.metric)
}

/// Seconds since 1970-01-01 00:00 UTC.
fn wall_time() -> f64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0.0, |since| since.as_secs_f64())
}

fn record(bytes: &[u8]) -> Vec<u8> {
    let length = (bytes.len() as u64).to_le_bytes();
    let mut record = length.to_vec();
    record.extend(masked(crc32c::crc32c(&length)).to_le_bytes());
    record.extend(bytes);
    record.extend(masked(crc32c::crc32c(bytes)).to_le_bytes());
    record
}

/// A checksum of data that holds checksums is worth little: so they are masked.
fn masked(crc: u32) -> u32 {
    crc.rotate_right(15).wrapping_add(0xa282_ead8)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The checksum of nine digits is CRC32C's published check value.
    #[test]
    fn records_are_framed_by_masked_checksums() {
        assert_eq!(crc32c::crc32c(b"123456789"), 0xe306_9283);
        let framed = record(b"123456789");
        assert_eq!(framed.len(), 8 + 4 + 9 + 4);
        let end = u32::from_le_bytes(framed[21..].try_into().expect("four bytes"));
        assert_eq!(end.wrapping_sub(0xa282_ead8).rotate_left(15), 0xe306_9283);
    }

    #[test]
    fn each_process_writes_a_file_of_its_own() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        for step in [0, 4] {
            EventFile::create(folder.path(), step).expect("it can be made");
        }
        let files = std::fs::read_dir(folder.path()).expect("it can be read");
        assert_eq!(files.count(), 2);
    }
}
