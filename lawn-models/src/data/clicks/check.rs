//! A look at every line, without anything that is kept of it.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use super::encode::{BadLines, BlockReader, ClickEncoding, Layout, LineReader, Seen};
use super::files::ClickFiles;
use crate::data::error::DataError;
use crate::data::lines::CheckedLines;
use crate::data::text::{BLOCK, Blocks, Place};

/// Reads every line of the click set in a folder, if there is one, telling how many bytes of all
/// are done.
pub(crate) fn check(
    folder: &Path,
    progress: &(dyn Fn(u64, u64) + Sync),
) -> Option<Result<CheckedLines, DataError>> {
    match ClickFiles::in_folder(folder) {
        Ok(files) => files.map(|files| lines(&files, progress)),
        Err(error) => Some(Err(error)),
    }
}

fn lines(
    files: &ClickFiles,
    progress: &(dyn Fn(u64, u64) + Sync),
) -> Result<CheckedLines, DataError> {
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let encoding = ClickEncoding::default();
    let sizes = vec![encoding.hash_size; files.format.columns()];
    let seen = Seen::new(&sizes);
    let lines = LineReader::new(files.format, sizes, encoding.missing_integer);
    let reader = BlockReader::new(lines, BadLines::Exclude, threads);
    let mut total = 0;
    for path in &files.paths {
        total += std::fs::metadata(path)
            .map_err(DataError::read(path))?
            .len();
    }
    let read_bytes = Arc::new(AtomicU64::new(0));
    let [mut rows, mut clicks, mut bad] = [0; 3];
    let mut first = None;
    for path in &files.paths {
        // What is wrong with a header is wrong with the file.
        let layout = Layout::of(path, files.format)?;
        let read = Arc::clone(&read_bytes);
        let mut blocks = Blocks::at(path, Place::default(), BLOCK, read)?;
        while let Some(block) = blocks.next(None)? {
            let before = block.start.lines;
            let fault =
                |(line, fault): (u64, super::encode::LineFault)| fault.at(path, before + line);
            let read = reader
                .read(&block.text, before == 0, &layout, &seen)
                .map_err(fault)?;
            if first.is_none() {
                first = read.first.map(|bad| fault(bad).to_string());
            }
            rows += read.rows;
            clicks += read.clicks;
            bad += read.excluded;
            progress(read_bytes.load(Relaxed).min(total), total);
        }
    }
    let counts = [
        ("click files", files.paths.len() as u64),
        ("rows", rows),
        ("clicks", clicks),
    ];
    Ok(CheckedLines {
        counts: counts
            .map(|(what, count)| (what.to_owned(), count))
            .to_vec(),
        bad,
        first,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_is_counted_and_nothing_is_kept() {
        let folder = tempfile::tempdir().unwrap();
        assert!(check(folder.path(), &|_, _| ()).is_none());
        let row = |label: &str| format!("{label}{}\n", "\t".repeat(39));
        let text = row("1") + "bad\n" + &row("0") + &row("x") + &row("0");
        std::fs::write(folder.path().join("day_0"), text).unwrap();
        std::fs::write(folder.path().join("day_1"), row("1")).unwrap();
        let found = check(folder.path(), &|_, _| ()).unwrap().unwrap();
        let counts: Vec<u64> = found.counts.iter().map(|count| count.1).collect();
        assert_eq!((counts, found.bad), (vec![2, 4, 2], 2));
        let first = found.first.unwrap();
        assert!(
            first.contains("day_0:2: number of columns is \"1\""),
            "{first}"
        );
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 2);
    }
}
