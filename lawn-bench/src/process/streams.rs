//! Standard output and standard error of the `lawn` command.
//!
//! What cannot be written there is an error that the command ends with, see [`lost`]. A reader
//! that went away, as `head` does, is none: nobody misses what is no longer read.

use std::io::{self, ErrorKind, Write};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::Error;

/// The first write that failed, its stream with what the system said.
static LOST: Mutex<Option<(Stream, io::Error)>> = Mutex::new(None);

/// Whether all that was written to standard output arrived.
static IS_READ: AtomicBool = AtomicBool::new(true);

/// One of the two, as a writer that never fails: what is lost is told by [`lost`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stream {
    /// What was asked for.
    Output,
    /// What is said beside it.
    Error,
}

impl Stream {
    fn name(self) -> &'static str {
        match self {
            Self::Output => "standard output",
            Self::Error => "standard error",
        }
    }

    fn try_write(self, bytes: &[u8]) -> io::Result<()> {
        match self {
            Self::Output => {
                let mut out = io::stdout().lock();
                out.write_all(bytes).and_then(|()| out.flush())
            }
            Self::Error => io::stderr().lock().write_all(bytes),
        }
    }

    /// Remembers that a write failed.
    pub(crate) fn fail(self, error: io::Error) {
        if self == Self::Output {
            IS_READ.store(false, Ordering::Relaxed);
        }
        if error.kind() == ErrorKind::BrokenPipe {
            return;
        }
        if let Ok(mut lost) = LOST.lock() {
            lost.get_or_insert((self, error));
        }
    }
}

impl Write for Stream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if let Err(error) = self.try_write(bytes) {
            self.fail(error);
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Writes `text` to standard output.
pub(crate) fn print(text: &str) {
    let _ = Stream::Output.write_all(text.as_bytes());
}

/// Writes `line` and a line feed to standard error.
pub(crate) fn say(line: &str) {
    let _ = Stream::Error.write_all(format!("{line}\n").as_bytes());
}

/// Whether standard output is still read, and takes what is written.
pub(crate) fn is_read() -> bool {
    IS_READ.load(Ordering::Relaxed)
}

/// The first write that failed, if one did.
pub(crate) fn lost() -> Option<Error> {
    let (stream, source) = LOST.lock().ok()?.take()?;
    Some(Error::Io {
        action: "write to",
        path: stream.name().into(),
        source,
    })
}
