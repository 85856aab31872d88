//! `pack.json`: what a pack is, and the checksums of its files.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::data::error::DataError;
use crate::data::images::decode;
use crate::data::images::reading::Part;

/// The file that makes a folder a pack.
pub(crate) const MANIFEST: &str = "pack.json";

/// Goes up when an older reader would misread a pack. The second added what was found of the folder.
const SCHEMA: u32 = 2;

/// How the images of a pack are stored.
#[derive(Serialize, Deserialize, Clone, Copy, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "kebab-case", tag = "as")]
pub enum Encoding {
    /// The bytes of each file.
    #[default]
    AsIs,
    /// JPEG, with the shorter side of larger images resized to this many pixels: the images are
    /// others.
    Jpeg {
        /// Length of the shorter side, at most.
        shorter_side: u32,
        /// Quality, 1 to 100.
        quality: u8,
    },
    /// Red, green and blue of each pixel: the same images, nothing to decode, and about six
    /// times the room.
    Raw,
}

/// What a pack is.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
pub(crate) struct Manifest {
    pub(crate) schema: u32,
    pub(crate) classes: Vec<String>,
    pub(crate) encoding: Encoding,
    /// Whether images were turned as their EXIF tags say.
    pub(crate) exif_orientation: bool,
    /// What decoded them, where they are not as they were.
    pub(crate) decoder: String,
    pub(crate) splits: BTreeMap<String, SplitFiles>,
    /// The checksum of all of the above; packs that were made before this was written have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) checksum: Option<String>,
}

/// The files of a split.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct SplitFiles {
    pub(crate) images: u64,
    /// Files of the folder that could not be read and are not in the pack.
    pub(crate) left_out: Vec<String>,
    /// The checksum of the folder that it was made of, files that were left out included.
    pub(crate) folder_digest: String,
    pub(crate) index: PackFile,
    pub(crate) shards: Vec<PackFile>,
    /// What was found of the folder beside its images; packs of schema 1 have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) found: Option<PackFile>,
}

/// One file.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct PackFile {
    pub(crate) name: String,
    pub(crate) bytes: u64,
    pub(crate) blake3: String,
}

impl Manifest {
    pub(crate) fn new(classes: Vec<String>, encoding: Encoding, exif_orientation: bool) -> Self {
        Self {
            schema: SCHEMA,
            classes,
            encoding,
            exif_orientation,
            decoder: decode::image_decoder().to_owned(),
            splits: BTreeMap::new(),
            checksum: None,
        }
    }

    /// What the pack lacks of its folder, and what is other than there.
    pub(crate) fn survey(&self) -> Vec<String> {
        let mut lines = Vec::new();
        for (split, files) in &self.splits {
            if let [first, ..] = &files.left_out[..] {
                let lacking = files.left_out.len() as u64;
                lines.push(format!(
                    "{split} was packed without {lacking} of {} files, which cannot be read; the first is \
                     {first}",
                    files.images + lacking
                ));
            }
        }
        if let Encoding::Jpeg {
            shorter_side,
            quality,
        } = self.encoding
        {
            lines.push(format!(
                "its images were encoded anew as they were packed: shorter side of {shorter_side} \
                 pixels at most, quality {quality}"
            ));
        }
        lines
    }

    /// Reads that of the pack in `folder`.
    pub(crate) fn read(folder: &Path) -> Result<Self, DataError> {
        let path = folder.join(MANIFEST);
        let text = std::fs::read_to_string(&path).map_err(DataError::read(&path))?;
        let wrong = |error: serde_json::Error| {
            let expected = format!("the JSON of a pack of schema 1 to {SCHEMA}");
            DataError::unusable(&path, error.to_string(), expected)
        };
        #[derive(Deserialize)]
        struct Schema {
            schema: u32,
        }
        let Schema { schema } = serde_json::from_str(&text).map_err(wrong)?;
        if !(1..=SCHEMA).contains(&schema) {
            let found = format!("a pack of schema {schema}");
            let expected = format!("schema 1 to {SCHEMA}");
            return Err(DataError::unusable(&path, found, expected));
        }
        let manifest: Self = serde_json::from_str(&text).map_err(wrong)?;
        manifest.check(&path)?;
        Ok(manifest)
    }

    /// Makes sure that it is what was written, and names files of its own folder alone.
    fn check(&self, path: &Path) -> Result<(), DataError> {
        if let Some(checksum) = &self.checksum {
            let found = self.computed_checksum();
            if found != *checksum {
                let expected = format!("{checksum}, as it says itself: it was changed by hand");
                return Err(DataError::unusable(
                    path,
                    format!("content of BLAKE3 {found}"),
                    expected,
                ));
            }
        }
        for file in self.files() {
            if Path::new(&file.name).file_name() != Some(file.name.as_ref()) {
                let found = format!("a file of the name \"{}\"", file.name);
                let expected = "names of files beside it, without / and ..";
                return Err(DataError::unusable(path, found, expected));
            }
        }
        Ok(())
    }

    /// The files of all splits.
    pub(crate) fn files(&self) -> impl Iterator<Item = &PackFile> {
        self.splits.values().flat_map(SplitFiles::all_files)
    }

    /// Of what it says and not of how that is written: spaces and line breaks change nothing.
    fn computed_checksum(&self) -> String {
        let content = Self {
            checksum: None,
            ..self.clone()
        };
        let text = serde_json::to_vec(&content).unwrap_or_default();
        blake3::hash(&text).to_hex().to_string()
    }

    /// Writes it, with its checksum.
    pub(crate) fn write(&self, folder: &Path) -> Result<(), DataError> {
        let path = folder.join(MANIFEST);
        let whole = Self {
            checksum: Some(self.computed_checksum()),
            ..self.clone()
        };
        let text = serde_json::to_string_pretty(&whole).unwrap_or_default() + "\n";
        std::fs::write(&path, text).map_err(DataError::write(&path))
    }

    pub(crate) fn split(&self, folder: &Path, part: Part) -> Result<&SplitFiles, DataError> {
        self.splits.get(part.name()).ok_or_else(|| {
            let found = format!("no split \"{}\"", part.name());
            DataError::unusable(&folder.join(MANIFEST), found, "train and test")
        })
    }
}

impl SplitFiles {
    /// All of its files.
    pub(crate) fn all_files(&self) -> impl Iterator<Item = &PackFile> {
        self.files().chain(&self.found)
    }

    /// The files of its images, the index first.
    pub(crate) fn files(&self) -> impl Iterator<Item = &PackFile> {
        std::iter::once(&self.index).chain(&self.shards)
    }

    /// What tells it from any other: the checksums of the files of its images.
    pub(crate) fn digest(&self) -> String {
        let mut hasher = blake3::Hasher::new();
        for file in self.files() {
            hasher.update(file.blake3.as_bytes());
        }
        hasher.finalize().to_hex().to_string()
    }
}

impl PackFile {
    pub(crate) fn path(&self, folder: &Path) -> PathBuf {
        folder.join(&self.name)
    }

    /// The file, where it has its size.
    pub(crate) fn open(&self, folder: &Path) -> Result<File, DataError> {
        let path = self.path(folder);
        let file = File::open(&path).map_err(DataError::read(&path))?;
        let found = file.metadata().map_err(DataError::read(&path))?.len();
        if found == self.bytes {
            return Ok(file);
        }
        let expected = format!("{} bytes, as {MANIFEST} says", self.bytes);
        Err(DataError::unusable(
            &path,
            format!("{found} bytes"),
            expected,
        ))
    }

    /// Makes sure that the file is what was written.
    pub(crate) fn verify(&self, found: &blake3::Hash, folder: &Path) -> Result<(), DataError> {
        let found = found.to_hex();
        if found.as_str() == self.blake3 {
            return Ok(());
        }
        let expected = format!("{}, as {MANIFEST} says", self.blake3);
        Err(DataError::unusable(
            &self.path(folder),
            format!("content of BLAKE3 {found}"),
            expected,
        ))
    }
}
