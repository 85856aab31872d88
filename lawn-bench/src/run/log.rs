//! `log.jsonl`: what a trial measured on its way, a line each.
//!
//! ```text
//! {"schema":2,"checksum":"0f3c…"}
//! {"record":{"epoch":1.0,"step":40,…},"checksum":"91ab…"}
//! {"notice":{"notice":"micro-batch-reduced","from":512,…},"checksum":"77d0…"}
//! ```
//!
//! Each line ends with the checksum of what stands before it. Version 1 has no
//! first line and no checksums: its lines are the bare records.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};

use lawn_models::{EvaluationRecord, Notice};
use serde::{Deserialize, Serialize};

use crate::Error;
use crate::run::document::Seal;
use crate::run::files;

/// Schema of `log.jsonl`.
const SCHEMA: u32 = 2;

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Line {
    Schema(u32),
    Record(Box<EvaluationRecord>),
    Notice(Notice),
}

/// What a log holds.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Content {
    /// What the trial measured, in order.
    pub records: Vec<EvaluationRecord>,
    /// What it came through, in order.
    pub notices: Vec<Notice>,
}

/// A log that is written to.
pub(crate) struct Log {
    path: PathBuf,
    file: File,
}

impl Log {
    /// Opens the log for what comes after `resumed_step`. The last record up to there is of
    /// `recorded_step`, which is 0 where there is none.
    ///
    /// A process that was killed may have logged more than its checkpoint holds, and its last
    /// line in part. Those steps are trained and logged again. Notices stay.
    ///
    /// # Errors
    ///
    /// As [`read`], and [`Error::Damaged`] where the record of `recorded_step` is not there.
    pub(crate) fn reopen(
        path: &Path,
        resumed_step: u64,
        recorded_step: u64,
    ) -> Result<Self, Error> {
        let mut content = match path.exists() {
            true => read(path)?,
            false => Content::default(),
        };
        content.records.retain(|record| record.step <= resumed_step);
        if content.records.last().map_or(0, |record| record.step) != recorded_step {
            let found = format!("it does not end with the record of step {recorded_step}");
            return Err(Error::damaged(path, found));
        }
        let mut text = line(&Line::Schema(SCHEMA));
        for notice in content.notices {
            text.extend(line(&Line::Notice(notice)));
        }
        for record in content.records {
            text.extend(line(&Line::Record(Box::new(record))));
        }
        files::write(path, &text)?;
        Ok(Self {
            path: path.to_owned(),
            file: files::open_own(path, File::options().append(true))?,
        })
    }

    /// Adds a record, and has it on the disk.
    pub(crate) fn record(&mut self, record: &EvaluationRecord) -> Result<(), Error> {
        self.append(&Line::Record(Box::new(record.clone())))
    }

    /// Adds a notice, and has it on the disk.
    pub(crate) fn notice(&mut self, notice: &Notice) -> Result<(), Error> {
        self.append(&Line::Notice(notice.clone()))
    }

    fn append(&mut self, what: &Line) -> Result<(), Error> {
        self.file
            .write_all(&line(what))
            .and_then(|()| self.file.sync_data())
            .map_err(Error::io("write", &self.path))
    }
}

fn line(line: &Line) -> Vec<u8> {
    let mut bytes = serde_json::to_vec(line).expect("plain data has a JSON form");
    Seal::LINE.put(&mut bytes);
    bytes.push(b'\n');
    bytes
}

/// What a log holds. A last line without its end is what a kill leaves, and is left out.
///
/// # Errors
///
/// [`Error::Damaged`] with the line's number where a whole line is not what was written,
/// [`Error::Newer`], [`Error::Io`].
pub fn read(path: &Path) -> Result<Content, Error> {
    let bytes = std::fs::read(path).map_err(Error::io("read", path))?;
    let whole = bytes
        .iter()
        .rposition(|&byte| byte == b'\n')
        .map_or(0, |end| end + 1);
    let mut content = Content::default();
    let mut bare = false;
    for (index, line) in bytes[..whole]
        .split_inclusive(|&byte| byte == b'\n')
        .enumerate()
    {
        let damaged = |found: String| Error::damaged_line(path, index + 1, found);
        let line = &line[..line.len() - 1];
        let sealed = Seal::LINE.check(line).map_err(damaged)?;
        bare |= index == 0 && sealed.is_none();
        if bare {
            let record = serde_json::from_slice(line);
            content
                .records
                .push(record.map_err(|error| damaged(error.to_string()))?);
            continue;
        }
        let line = sealed.ok_or_else(|| damaged("it has no checksum".into()))?;
        match serde_json::from_slice(&line).map_err(|error| damaged(error.to_string()))? {
            Line::Schema(found) if found > SCHEMA => {
                return Err(Error::newer(path, found, SCHEMA));
            }
            Line::Schema(_) => {}
            Line::Record(record) => content.records.push(*record),
            Line::Notice(notice) => content.notices.push(notice),
        }
    }
    Ok(content)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(step: u64) -> EvaluationRecord {
        serde_json::from_value(json(step)).expect("this is a record")
    }

    fn json(step: u64) -> serde_json::Value {
        serde_json::json!({
            "epoch": step as f64 / 2.0, "step": step, "samples": 0, "phase": "free",
            "learning_rate": 0.0, "train_loss": 0.1, "measurements": [], "logit_mean_abs": 0.0,
            "logit_max_abs": 0.0, "gradient_norm": 0.0, "weight_norm": 0.0, "units": [],
            "samples_per_second": 0.0,
            "seconds": { "train": 0.0, "data": 0.0, "evaluate": 0.0, "checkpoint": 0.0 },
        })
    }

    /// A log of whole records and, as after a kill, the beginning of another.
    fn log(records: u64) -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("log.jsonl");
        let mut log = Log::reopen(&path, 0, 0).expect("it can be made");
        for step in 1..=records {
            log.record(&record(step)).expect("it can be written");
        }
        log.file
            .write_all(b"{\"record\":{\"epoch\": 9, \"st")
            .expect("it can be written");
        (folder, path)
    }

    fn steps(path: &Path) -> Vec<u64> {
        let records = read(path).expect("the log is readable").records;
        records.iter().map(|record| record.step).collect()
    }

    #[test]
    fn a_line_cut_by_a_kill_is_left_out() {
        let (_kept, path) = log(3);
        assert_eq!(steps(&path), [1, 2, 3]);
    }

    #[test]
    fn steps_after_the_checkpoint_are_logged_again() {
        let (_kept, path) = log(3);
        let mut log = Log::reopen(&path, 2, 2).expect("it can be opened");
        log.record(&record(3)).expect("it can be written");
        assert_eq!(steps(&path), [1, 2, 3]);
        Log::reopen(&path, 0, 0).expect("it can be opened");
        assert_eq!(steps(&path), [0; 0]);
    }

    #[test]
    fn a_log_without_what_the_checkpoint_counts_on_is_damaged() {
        let (_kept, path) = log(3);
        for (resumed, recorded) in [(5, 4), (2, 1), (2, 0)] {
            let refused = Log::reopen(&path, resumed, recorded);
            assert!(matches!(refused, Err(Error::Damaged(_))), "{recorded}");
        }
        assert_eq!(steps(&path), [1, 2, 3]);
    }

    #[test]
    fn notices_stay_when_training_begins_again() {
        let (_kept, path) = log(0);
        let notice = Notice::MicroBatchReduced {
            from: 8,
            to: 4,
            reason: "out of memory".into(),
            others: None,
        };
        let mut log = Log::reopen(&path, 0, 0).expect("it can be opened");
        log.notice(&notice).expect("it can be written");
        log.record(&record(1)).expect("it can be written");
        Log::reopen(&path, 0, 0).expect("it can be opened");
        let content = read(&path).expect("the log is readable");
        assert_eq!((content.notices, content.records), (vec![notice], vec![]));
    }

    #[test]
    fn a_bare_log_of_version_1_is_read() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("log.jsonl");
        let mut old = json(7);
        old["epoch"] = 3.into();
        std::fs::write(&path, format!("{old}\n{old}\n")).expect("it can be written");
        let records = read(&path).expect("the log is readable").records;
        assert_eq!((records.len(), records[0].epoch), (2, 3.0));
    }

    #[test]
    fn every_flipped_bit_is_found() {
        let (_kept, path) = log(2);
        let sound = std::fs::read(&path).expect("it is there");
        let whole = read(&path).expect("the log is readable").records;
        let last = sound.iter().rposition(|&byte| byte == b'\n');
        let last = last.expect("it has lines");
        for at in 0..sound.len() {
            let mut bytes = sound.clone();
            bytes[at] ^= 1 << (at % 8);
            std::fs::write(&path, &bytes).expect("it can be written");
            match read(&path) {
                Err(Error::Damaged(fault)) => assert!(fault.place.line.is_some()),
                // Without its line end, the last line is as after a kill.
                Ok(found) => {
                    assert!(at >= last && whole.starts_with(&found.records), "byte {at}");
                }
                Err(other) => panic!("{other}"),
            }
        }
    }

    #[test]
    fn a_newer_log_is_refused() {
        let (_kept, path) = log(0);
        std::fs::write(&path, line(&Line::Schema(SCHEMA + 1))).expect("it can be written");
        let newer = read(&path).expect_err("it is newer");
        assert!(matches!(newer, Error::Newer(_)), "{newer}");
        assert!(newer.to_string().contains("has schema 3"), "{newer}");
    }
}
