//! CIFAR-10 and CIFAR-100 in the binary format of their publisher.
//!
//! ```text
//! cifar-10    data_batch_1.bin … data_batch_5.bin, test_batch.bin, batches.meta.txt
//! cifar-100   train.bin, test.bin, fine_label_names.txt
//! record      1 label byte (cifar-100: the coarse one, then the fine one that is learned),
//!             then 32 × 32 bytes red, as many green, as many blue
//! ```
//! The files lie in the data set's folder, or in the folder that the publisher's archive has.
//!
//! Source: Krizhevsky 2009, *Learning Multiple Layers of Features from Tiny Images*;
//! <https://www.cs.toronto.edu/~kriz/cifar.html>.

#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use super::folder::{other_entries, quoted};
use super::image::CHANNELS;
use super::raw::RawImages;
use super::reading::Part;
use crate::data::counted::counted;
use crate::data::error::DataError;

const SIDE: usize = 32;
const AREA: usize = SIDE * SIDE;

/// The two data sets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Cifar {
    folder: PathBuf,
    format: &'static Format,
}

/// How one of them is stored.
#[derive(Debug, PartialEq, Eq)]
struct Format {
    name: &'static str,
    /// The folder in the publisher's archive.
    folder: &'static str,
    train: &'static [&'static str],
    test: &'static [&'static str],
    names: &'static str,
    classes: usize,
    /// Label bytes before an image, of which the last is learned.
    labels: usize,
    /// Records of each file, as the publisher has them.
    records: [u64; 2],
}

const FORMATS: [Format; 2] = [
    Format {
        name: "CIFAR-10",
        folder: "cifar-10-batches-bin",
        train: &[
            "data_batch_1.bin",
            "data_batch_2.bin",
            "data_batch_3.bin",
            "data_batch_4.bin",
            "data_batch_5.bin",
        ],
        test: &["test_batch.bin"],
        names: "batches.meta.txt",
        classes: 10,
        labels: 1,
        records: [10_000, 10_000],
    },
    Format {
        name: "CIFAR-100",
        folder: "cifar-100-binary",
        train: &["train.bin"],
        test: &["test.bin"],
        names: "fine_label_names.txt",
        classes: 100,
        labels: 2,
        records: [50_000, 10_000],
    },
];

impl Format {
    /// All files.
    fn files(&self) -> impl Iterator<Item = &'static str> {
        let images = self.train.iter().chain(self.test);
        images.copied().chain([self.names])
    }

    /// Bytes of an image with its labels.
    fn record(&self) -> usize {
        self.labels + CHANNELS * AREA
    }

    /// Where its files are in `folder`, in part or all.
    fn place(&self, folder: &Path) -> Option<PathBuf> {
        let places = [folder.to_owned(), folder.join(self.folder)];
        places.into_iter().find(|place| {
            let has_records = |name: &str| {
                let bytes = std::fs::metadata(place.join(name)).map_or(0, |about| about.len());
                bytes > 0 && bytes.is_multiple_of(self.record() as u64)
            };
            // Files called `train.bin` and `test.bin` may be anything.
            let mut images = self.train.iter().chain(self.test);
            place.join(self.names).is_file()
                || match self.train {
                    [_] => images.all(|name| has_records(name)),
                    _ => images.any(|name| place.join(name).is_file()),
                }
        })
    }
}

impl Cifar {
    /// The data set in `folder`, where one of the two is there.
    ///
    /// # Errors
    /// [`DataError::Unusable`] where both are, or files are missing.
    pub(crate) fn in_folder(folder: &Path) -> Option<Result<Self, DataError>> {
        let place = |format: &'static Format| {
            let folder = format.place(folder)?;
            Some(Self { folder, format })
        };
        let mut found = FORMATS.iter().filter_map(place);
        let first = found.next()?;
        Some(match found.next() {
            None => first.whole(),
            Some(second) => {
                let found = format!("{} and {}", first.format.name, second.format.name);
                let expected = "one of them, each in a folder of its own";
                Err(DataError::unusable(folder, found, expected))
            }
        })
    }

    /// The same, where all of its files are there.
    fn whole(self) -> Result<Self, DataError> {
        let is_missing = |name: &&str| !self.folder.join(name).is_file();
        let missing: Vec<&str> = self.format.files().filter(is_missing).collect();
        if missing.is_empty() {
            return Ok(self);
        }
        let found = format!("no {}", missing.join(", "));
        let all: Vec<&str> = self.format.files().collect();
        let expected = format!(
            "all files of {} as it is published: {}",
            self.format.name,
            all.join(", ")
        );
        Err(DataError::unusable(&self.folder, found, expected))
    }

    /// The files of a split, that of the names of the classes last.
    pub(crate) fn files(&self, part: Part) -> Vec<PathBuf> {
        let images = match part {
            Part::Train => self.format.train,
            Part::Test => self.format.test,
        };
        let names = images.iter().chain([&self.format.names]);
        names.map(|name| self.folder.join(name)).collect()
    }

    /// Reads a split into memory, 3 kB an image.
    ///
    /// # Errors
    /// [`DataError`] naming each file that is cut, or has a label that is none, and the byte.
    pub(crate) fn read(&self, part: Part) -> Result<RawImages, DataError> {
        let mut images = RawImages {
            height: SIDE,
            width: SIDE,
            classes: self.classes()?,
            labels: Vec::new(),
            bytes: Vec::new(),
        };
        let files = self.files(part);
        let read = files[..files.len() - 1]
            .iter()
            .map(|path| self.read_file(path, &mut images));
        DataError::none_of(read.filter_map(Result::err).collect())?;
        Ok(images)
    }

    /// Adds the images of a file.
    fn read_file(&self, path: &Path, images: &mut RawImages) -> Result<(), DataError> {
        let record = self.format.record();
        let bytes = std::fs::read(path).map_err(DataError::read(path))?;
        if bytes.is_empty() || bytes.len() % record != 0 {
            let found = format!("{} bytes", bytes.len());
            let expected = format!("records of {record} bytes, all of them whole");
            return Err(DataError::unusable(path, found, expected));
        }
        for (number, record_bytes) in bytes.chunks_exact(record).enumerate() {
            let label = record_bytes[self.format.labels - 1];
            if usize::from(label) >= images.classes.len() {
                let at = number * record + self.format.labels - 1;
                let found = format!("the label {label} at byte {at}");
                let expected = format!("0 to {}", images.classes.len() - 1);
                return Err(DataError::unusable(path, found, expected));
            }
            images.labels.push(u32::from(label));
            let planes = &record_bytes[self.format.labels..];
            images.bytes.extend(
                (0..AREA).flat_map(|place| [0, 1, 2].map(|channel| planes[channel * AREA + place])),
            );
        }
        Ok(())
    }

    /// Images of a split, by the sizes of its files.
    ///
    /// # Errors
    /// [`DataError::Read`].
    pub(crate) fn count(&self, part: Part) -> Result<u64, DataError> {
        let record = self.format.record() as u64;
        let files = self.files(part);
        let sizes = files[..files.len() - 1].iter().map(|path| {
            let about = std::fs::metadata(path).map_err(DataError::read(path))?;
            Ok(about.len() / record)
        });
        sizes.sum()
    }

    /// What people should know of it before anything is trained, a line each.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    pub(crate) fn survey(&self) -> Result<Vec<String>, DataError> {
        let record = self.format.record() as u64;
        let mut lines = Vec::new();
        for (part, records) in [Part::Train, Part::Test]
            .into_iter()
            .zip(self.format.records)
        {
            let files = self.files(part);
            for path in &files[..files.len() - 1] {
                let about = std::fs::metadata(path).map_err(DataError::read(path))?;
                let found = about.len() / record;
                if found != records {
                    let name = path.file_name().unwrap_or_default().display();
                    let hint = match found < records {
                        true => ": a file that is cut short has fewer",
                        false => "",
                    };
                    let found = counted(found, "record", "records");
                    lines.push(format!(
                        "{name} has {found}, and {records} as it is published{hint}"
                    ));
                }
            }
        }
        let own = [Part::Train, Part::Test]
            .map(|part| self.files(part))
            .concat();
        let is_own = |name: &OsStr| own.iter().any(|path| path.file_name() == Some(name));
        let is_like = |name: &OsString| name.as_encoded_bytes().ends_with(b".bin");
        let others = other_entries(&self.folder, is_own)?;
        let others: Vec<String> = others
            .iter()
            .filter(|name| is_like(name) || self.folder.join(name).is_dir())
            .map(|name| name.display().to_string())
            .collect();
        if !others.is_empty() {
            lines.push(format!("not read: {}", others.join(", ")));
        }
        let (train, test) = match (self.read(Part::Train), self.read(Part::Test)) {
            (Ok(train), Ok(test)) => (train, test),
            (train, test) => {
                let faults = [train.err(), test.err()].into_iter().flatten().collect();
                return DataError::none_of(faults).map(|()| lines);
            }
        };
        let faults = [(Part::Train, &train), (Part::Test, &test)]
            .into_iter()
            .filter_map(|(part, images)| self.lacking(part, images));
        DataError::none_of(faults.collect())?;
        lines.extend(repeats(&train, &test));
        Ok(lines)
    }

    /// What is wrong with a split that lacks a class: as of folders, accuracy would be of the others
    /// alone.
    fn lacking(&self, part: Part, images: &RawImages) -> Option<DataError> {
        let mut occurs = vec![false; images.classes.len()];
        for &label in &images.labels {
            occurs[label as usize] = true;
        }
        let classes = images.classes.iter().zip(occurs);
        let lacking: Vec<String> = classes
            .filter(|(_, occurs)| !occurs)
            .map(|(class, _)| class.clone())
            .collect();
        if lacking.is_empty() {
            return None;
        }
        let found = format!("no {} image of the class {}", part.name(), quoted(&lacking));
        let expected = "an image or more of each class, in train and in test";
        Some(DataError::unusable(&self.folder, found, expected))
    }

    /// Names of the classes, in the order of their labels.
    ///
    /// # Errors
    /// [`DataError`] where there are not as many as there are labels.
    pub(crate) fn classes(&self) -> Result<Vec<String>, DataError> {
        let path = self.folder.join(self.format.names);
        let text = std::fs::read_to_string(&path).map_err(DataError::read(&path))?;
        let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
        let classes: Vec<String> = lines.map(str::to_owned).collect();
        if classes.len() == self.format.classes {
            return Ok(classes);
        }
        let found = format!("{} names of classes", classes.len());
        Err(DataError::unusable(
            &path,
            found,
            self.format.classes.to_string(),
        ))
    }
}

/// Images that are there more than once, counted.
fn repeats(train: &RawImages, test: &RawImages) -> Vec<String> {
    let hashes = |images: &RawImages| -> Vec<blake3::Hash> {
        let all = 0..images.labels.len();
        all.map(|index| blake3::hash(images.of(index))).collect()
    };
    let mut met = HashMap::new();
    let [mut twice, mut contradicting] = [0u64; 2];
    for (hash, label) in hashes(train).into_iter().zip(&train.labels) {
        match *met.entry(hash).or_insert(*label) == *label {
            true => twice += 1,
            false => contradicting += 1,
        }
    }
    // Each is met first by itself.
    twice -= met.len() as u64;
    let in_both = hashes(test);
    let in_both = in_both
        .iter()
        .filter(|hash| met.contains_key(*hash))
        .count();
    let images = |count, split: &str, one: &str, many: &str| {
        counted(
            count,
            &format!("{split} image {one}"),
            &format!("{split} images {many}"),
        )
    };
    let class = "of the same class";
    [
        (
            twice,
            images(
                twice,
                "train",
                &format!("is another {class}"),
                &format!("are others {class}"),
            ),
        ),
        (
            contradicting,
            images(
                contradicting,
                "train",
                "is another that has another class",
                "are others that have another class",
            ),
        ),
        (
            in_both as u64,
            images(
                in_both as u64,
                "test",
                "is a train image too",
                "are train images too",
            ) + ", which makes the test easier",
        ),
    ]
    .into_iter()
    .filter(|(count, _)| *count > 0)
    .map(|(_, line)| line)
    .collect()
}
