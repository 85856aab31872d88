//! From the text of files to what their cache lacks.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use super::super::encode::{BlockReader, Layout, LineReader};
use super::super::files::ClickFiles;
use super::convert::{Begin, Conversion, Cut, has_text};
use super::identity::Identity;
use super::part::{PartFiles, Record};
use super::seal::{Stamp, Trust};
use crate::data::error::DataError;

/// Told how many bytes of all are done.
pub(crate) type CacheProgress<'a> = &'a (dyn Fn(u64, u64) + Sync);

/// Makes what a cache lacks.
pub(super) struct Maker<'a> {
    folder: &'a Path,
    files: &'a ClickFiles,
    cut: Cut,
    trust: Trust,
    reader: BlockReader,
}

impl<'a> Maker<'a> {
    pub(super) fn new(
        identity: &Identity,
        folder: &'a Path,
        files: &'a ClickFiles,
        cut: Cut,
        trust: Trust,
    ) -> Self {
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        let sizes = identity.hash_sizes.clone();
        let lines = LineReader::new(identity.format, sizes, identity.missing_integer);
        Self {
            folder,
            files,
            cut,
            trust,
            reader: BlockReader::new(lines, identity.bad_lines, threads),
        }
    }

    /// Makes it, and gives the parts of each file.
    ///
    /// # Errors
    /// [`DataError`] with file and line where a text cannot be read, [`DataError::Write`].
    pub(super) fn make(&self, progress: CacheProgress<'_>) -> Result<Vec<Vec<Record>>, DataError> {
        let sizes = self.files.paths.iter().map(|path| {
            let about = std::fs::metadata(path).map_err(DataError::read(path))?;
            Ok(about.len())
        });
        let sizes = sizes.collect::<Result<Vec<u64>, DataError>>()?;
        let total = sizes.iter().sum();
        let mut before = 0;
        let mut files = Vec::new();
        for (number, source) in self.files.paths.iter().enumerate() {
            let read = Arc::new(AtomicU64::new(0));
            let told = || progress(before + read.load(Relaxed).min(sizes[number]), total);
            files.push(self.file(number, source, &read, &told)?);
            before += sizes[number];
            progress(before, total);
        }
        Ok(files)
    }

    fn file(
        &self,
        number: usize,
        source: &Path,
        read: &Arc<AtomicU64>,
        progress: &dyn Fn(),
    ) -> Result<Vec<Record>, DataError> {
        let mut records = self.kept(number, source)?;
        let mut begin = Begin::default();
        if let Some(last) = records.last() {
            begin = Begin {
                part: records.len(),
                place: last.behind(),
            };
        }
        if records.last().is_none_or(|last| !last.is_last) {
            let conversion = Conversion {
                reader: &self.reader,
                folder: self.folder,
                source,
                file: number,
                cut: self.cut,
                layout: Layout::of(source, self.files.format)?,
                read: Arc::clone(read),
            };
            records.extend(conversion.run(begin, progress)?);
        }
        if records.is_empty() {
            let expected = "one row a line";
            return Err(DataError::unusable(source, "no line", expected));
        }
        // What is left of a file that was longer once.
        let mut rest = records.len();
        while PartFiles::new(self.folder, number, rest).remove()? {
            rest += 1;
        }
        Ok(records)
    }

    /// The parts of a file that are there as they were written and say what it says.
    fn kept(&self, number: usize, source: &Path) -> Result<Vec<Record>, DataError> {
        let stamp = Stamp::of(source)?;
        let mut kept: Vec<Record> = Vec::new();
        while kept.last().is_none_or(|record| !record.is_last) {
            let part = PartFiles::new(self.folder, number, kept.len());
            let place = kept.last().map_or(0, |record| record.end);
            let Some(mut record) = part.record(self.reader.shape())? else {
                break;
            };
            if record.start != place {
                break;
            }
            let is_noted = part.is_as_noted(&record);
            if (!is_noted || self.trust == Trust::Checksums) && !part.holds(&record)? {
                break;
            }
            let is_same = record.stamp == stamp;
            if !is_same && !has_text(source, &record, self.cut.block, Arc::default())? {
                break;
            }
            if !is_noted || !is_same {
                part.note(&mut record)?;
                record.stamp = stamp;
                part.finish(&record)?;
            }
            kept.push(record);
        }
        Ok(kept)
    }
}
