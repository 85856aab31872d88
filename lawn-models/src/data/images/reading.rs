//! How a source of images is read, and which part of it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What becomes of files that cannot be read as images.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Copy, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub enum BadFiles {
    /// All of them are named, and nothing is trained.
    #[default]
    Fail,
    /// They are counted and left out.
    Exclude,
}

/// How a source is read.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Reading {
    pub(crate) bad_files: BadFiles,
    /// Whether images are turned as their EXIF tags say.
    pub(crate) exif: bool,
    /// Bytes that a split may take in memory.
    pub(crate) room: u64,
    /// Threads that decode.
    pub(crate) threads: usize,
}

/// The splits of a source that are files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    Train,
    Test,
}

impl Part {
    /// Its name, in messages and in a pack.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Train => "train",
            Self::Test => "test",
        }
    }
}
