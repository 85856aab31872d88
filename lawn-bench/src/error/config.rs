//! An error that names file, line, column, what was found and what is allowed.

use std::ops::Range;
use std::path::Path;

/// A sweep file that cannot be used, and where and why.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{rendered}")]
pub struct ConfigError {
    /// The file, as the user named it, or `--set`.
    pub origin: String,
    /// One-based line of the fault; 0 where the file could not be read.
    pub line: usize,
    /// One-based column of the fault, in characters.
    pub column: usize,
    /// What is wrong, in one line.
    pub message: String,
    /// What would be right, where that is known.
    pub help: Option<String>,
    pub(crate) rendered: String,
    /// Its place, in bytes of all texts of its source. It is boxed, since every result holds an
    /// error.
    pub(crate) span: Box<Range<usize>>,
}

impl ConfigError {
    pub(crate) fn read(path: &Path, error: &std::io::Error) -> Self {
        let origin = path.display().to_string();
        let message = format!("cannot read {origin}: {error}");
        // What some verbs take and others do not.
        let within = path.join("sweep.toml");
        let help = within.is_file().then(|| {
            let file = within.display();
            format!("{origin} is the directory of a run; its sweep file is {file}")
        });
        let helped = help.as_ref().map(|help| format!("\nhelp: {help}"));
        Self {
            rendered: format!("error: {message}{}", helped.unwrap_or_default()),
            origin,
            line: 0,
            column: 0,
            message,
            help,
            span: Box::default(),
        }
    }
}
