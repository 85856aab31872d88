//! What a look at every file of a split found.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::repeats::{Digits, Repeat, Repeats, digits};
use super::verdict::Verdict;
use crate::data::error::DataError;
use crate::data::images::bad_file::BadFile;
use crate::data::images::folder::{Ignored, Listing, escaped};

/// Classes that a note names.
const NAMED: usize = 5;

/// An image of another size than the first of its split.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct OtherSize {
    /// The file.
    pub path: PathBuf,
    /// Its height and width.
    pub size: [usize; 2],
    /// Those of the first image.
    pub first: [usize; 2],
}

/// What a look at every file of a split found.
#[derive(Clone, Debug, Serialize)]
pub struct Scan {
    /// The folder of the split.
    pub folder: PathBuf,
    /// Names of the classes, in order.
    pub classes: Vec<String>,
    /// Files that are images, by format.
    pub formats: BTreeMap<&'static str, u64>,
    /// Least and most rows.
    pub heights: [usize; 2],
    /// Least and most pixels a row.
    pub widths: [usize; 2],
    /// The first image that has another size than the first of all.
    pub other_size: Option<OtherSize>,
    /// Files that are no images.
    pub bad: Vec<BadFile>,
    /// What was passed over.
    pub ignored: Ignored,
    /// What people should know of it besides, a clause each.
    pub notes: Vec<String>,
    /// Files with the bytes of another of the same class.
    pub repeated: Repeats,
    /// Files with the bytes of another that has another class.
    pub contradicting: Repeats,
    /// Files of the folder that a pack was made of, which are not in it as they cannot be read.
    pub left_out: Vec<PathBuf>,
    /// BLAKE3 over the names and contents of all files, in hexadecimal.
    pub digest: String,
    /// Files of a pack's test split that are files of its train split too.
    #[serde(skip)]
    pub(super) in_train: Option<Repeats>,
    /// Whether nothing is known of which files are there twice.
    #[serde(skip)]
    pub(super) lacks_repeats: bool,
    /// By content.
    #[serde(skip)]
    pub(super) content: Vec<(Digits, u32)>,
    /// Places of the bad files in the listing, in order.
    #[serde(skip)]
    bad_places: Vec<usize>,
    #[serde(skip)]
    listing: Listing,
}

impl Repeats {
    /// Files of `other` that are files of `one` too; none where a pack does not say it.
    pub fn between(one: &Scan, other: &Scan) -> Option<Self> {
        if one.lacks_repeats || other.lacks_repeats {
            return None;
        }
        if let Some(known) = &other.in_train {
            return Some(known.clone());
        }
        let mut repeats = Self::default();
        for (digits, index) in &other.content {
            let place = one.content.partition_point(|(known, _)| known < digits);
            if let Some((_, first)) = one.content.get(place).filter(|(known, _)| known == digits) {
                repeats.files.push(Repeat {
                    file: other.path(*index),
                    of: one.path(*first),
                    other_class: other.class(*index) != one.class(*first),
                });
            }
        }
        Some(repeats)
    }
}

impl Scan {
    /// What is known of a pack of these files, which were looked into when it was made.
    pub(super) fn of_pack(
        listing: Listing,
        sizes: impl Iterator<Item = [usize; 2]>,
        digest: String,
    ) -> Self {
        let mut collector = Collector::new(&listing);
        sizes
            .enumerate()
            .for_each(|(index, size)| collector.measure(index, size));
        let images = listing.len() as u64;
        let mut scan = collector.finish();
        scan.formats.insert("packed", images);
        scan.digest = digest;
        scan.lacks_repeats = true;
        scan
    }

    /// Number of images.
    pub fn images(&self) -> u64 {
        (self.listing.len() - self.bad.len()) as u64
    }

    /// Number of files, good and bad.
    pub fn files(&self) -> u64 {
        self.listing.len() as u64
    }

    /// Whether a class has two images, those that cannot be read not counted.
    pub(super) fn has_two(&self) -> bool {
        let sound = self.listing.without(&self.bad_places);
        // Files of a class follow each other.
        sound.labels.windows(2).any(|pair| pair[0] == pair[1])
    }

    /// The images: the listing that was looked at without its bad files.
    ///
    /// # Errors
    /// [`DataError::Unusable`] where a class has nothing else.
    pub(crate) fn sound(&self) -> Result<Listing, DataError> {
        self.require_all_classes()?;
        Ok(self.listing.without(&self.bad_places))
    }

    /// Which classes have a single image, which is trained on; none where all have more.
    pub(crate) fn lone_classes(&self) -> Option<String> {
        let counts = self.counts();
        let lone: Vec<&str> = counts
            .iter()
            .filter(|(_, count)| *count == 1)
            .map(|(class, _)| class.as_str())
            .collect();
        let (first, rest) = lone.split_at_checked(NAMED).unwrap_or((&lone, &[]));
        let more = match rest.len() {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        (!lone.is_empty()).then(|| {
            format!(
                "{} of {} classes {} a single train image, so none for validation: {}{more}",
                lone.len(),
                counts.len(),
                if lone.len() == 1 { "has" } else { "have" },
                first.join(", ")
            )
        })
    }

    /// Images of each class that can be read, in the order of the classes.
    fn counts(&self) -> Vec<(String, u64)> {
        let sound = self.listing.without(&self.bad_places);
        let mut counts: Vec<(String, u64)> = sound
            .classes
            .iter()
            .map(|class| (class.clone(), 0))
            .collect();
        for &label in &sound.labels {
            counts[label as usize].1 += 1;
        }
        counts
    }

    /// Refuses classes of nothing but bad files.
    ///
    /// # Errors
    /// [`DataError::Unusable`], and several of them as one.
    pub(super) fn require_all_classes(&self) -> Result<(), DataError> {
        if self.bad_places.is_empty() {
            return Ok(());
        }
        let without = self.counts().into_iter().filter(|(_, count)| *count == 0);
        let fault = |(class, _): (String, u64)| {
            let expected = "one or more that can be read";
            DataError::unusable(&self.folder.join(class), "bad files only", expected)
        };
        DataError::none_of(without.map(fault).collect())
    }

    /// The name of the class of a file.
    fn class(&self, index: u32) -> &str {
        &self.classes[self.listing.labels[index as usize] as usize]
    }

    pub(super) fn path(&self, index: u32) -> PathBuf {
        self.listing.path(index as usize)
    }
}

/// Takes verdicts in the order of a listing.
pub(super) struct Collector<'a> {
    listing: &'a Listing,
    formats: BTreeMap<&'static str, u64>,
    sizes: [[usize; 2]; 2],
    first: Option<[usize; 2]>,
    other_size: Option<OtherSize>,
    bad: Vec<BadFile>,
    bad_places: Vec<usize>,
    content: Vec<(Digits, u32)>,
    hasher: blake3::Hasher,
}

impl<'a> Collector<'a> {
    pub(super) fn new(listing: &'a Listing) -> Self {
        Self {
            listing,
            formats: BTreeMap::new(),
            sizes: [[usize::MAX, 0]; 2],
            first: None,
            other_size: None,
            bad: Vec::new(),
            bad_places: Vec::new(),
            content: Vec::with_capacity(listing.len()),
            hasher: blake3::Hasher::new(),
        }
    }

    pub(super) fn add(&mut self, index: usize, verdict: Verdict) {
        let split = self.listing.folder().file_name().map(Path::new);
        let name = split
            .unwrap_or(Path::new(""))
            .join(self.listing.stored_name(index));
        self.hasher.update(name.as_os_str().as_encoded_bytes());
        self.hasher.update(&[0]);
        let hash = match verdict {
            Verdict::Image(seen) => {
                *self.formats.entry(seen.format.name()).or_default() += 1;
                self.measure(index, seen.size);
                self.content.push((digits(&seen.hash), index as u32));
                seen.hash
            }
            Verdict::Bad { hash, reason } => {
                let path = escaped(self.listing.path(index).as_os_str()).into();
                self.bad.push(BadFile { path, reason });
                self.bad_places.push(index);
                hash
            }
        };
        self.hasher.update(hash.to_hex().as_bytes());
    }

    /// Takes the size of an image.
    fn measure(&mut self, index: usize, size: [usize; 2]) {
        for (range, side) in self.sizes.iter_mut().zip(size) {
            *range = [range[0].min(side), range[1].max(side)];
        }
        let first = *self.first.get_or_insert(size);
        if self.other_size.is_none() && size != first {
            let path = self.listing.path(index);
            self.other_size = Some(OtherSize { path, size, first });
        }
    }

    pub(super) fn finish(mut self) -> Scan {
        self.content.sort_unstable();
        let label = |index: u32| self.listing.labels[index as usize];
        let path = |index: u32| self.listing.path(index as usize);
        let [repeated, contradicting] = Repeats::within(&self.content, label, path);
        let [heights, widths] = self
            .sizes
            .map(|range| if range[1] == 0 { [0, 0] } else { range });
        Scan {
            folder: self.listing.folder().to_owned(),
            classes: self.listing.classes.clone(),
            formats: self.formats,
            heights,
            widths,
            other_size: self.other_size,
            bad: self.bad,
            ignored: self.listing.ignored.clone(),
            notes: Vec::new(),
            repeated,
            contradicting,
            left_out: Vec::new(),
            in_train: None,
            lacks_repeats: false,
            digest: self.hasher.finalize().to_hex().to_string(),
            content: self.content,
            bad_places: self.bad_places,
            listing: self.listing.clone(),
        }
    }
}
