//! The file that grows during a download, `NAME.part`. One process writes it at a time, and the
//! next one continues it.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{ErrorKind, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::catalogue::PublicFile;
use super::room::{self, Room};
use super::source::{Failure, FileStream, Source};
use super::view::View;
use crate::Error;
use crate::data::fetch::patience::Patience;
use crate::error::FetchError;
use crate::run::files;

pub(super) struct Part {
    path: PathBuf,
    file: File,
}

/// What came of what a source sent.
enum Delivery {
    /// All of it is in the part.
    Whole,
    /// It ended too soon.
    Broken(Failure),
    /// It is more than the file may have.
    TooMuch { what: &'static str, most: u64 },
}

/// What came of asking a source.
pub(super) enum Reply {
    /// All that it has is in the part.
    Whole,
    /// It has another file, or none.
    No(FetchError),
}

impl Part {
    /// The part of the file `target`, once no other process has it.
    pub(super) fn hold(target: &Path, view: &mut dyn View) -> Result<Self, Error> {
        let mut path = target.as_os_str().to_owned();
        path.push(".part");
        let path = PathBuf::from(path);
        let open = || {
            let mut options = OpenOptions::new();
            options.read(true).write(true).create(true).truncate(false);
            files::open_own(&path, &mut options)
        };
        let mut said = false;
        loop {
            let file = open()?;
            match file.try_lock() {
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => {
                    if !std::mem::replace(&mut said, true) {
                        view.note(&format!(
                            "{} is being got by another process; waiting for it",
                            target.display()
                        ));
                    }
                    file.lock().map_err(Error::io("lock", &path))?;
                }
                // A file system without locks: two processes would write the same bytes.
                Err(TryLockError::Error(error)) if error.kind() == ErrorKind::Unsupported => {}
                Err(TryLockError::Error(error)) => return Err(Error::io("lock", &path)(error)),
            }
            // It may have got its final name, or have been removed, while this one waited.
            if is_at(&file, &path)? {
                return Ok(Self { path, file });
            }
        }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn len(&self) -> Result<u64, Error> {
        let about = self
            .file
            .metadata()
            .map_err(Error::io("read", &self.path))?;
        Ok(about.len())
    }

    /// Forgets what is in it.
    pub(super) fn clear(&self) -> Result<(), Error> {
        self.file.set_len(0).map_err(Error::io("write", &self.path))
    }

    /// Removes it; no other process has it.
    pub(super) fn remove(self) -> Result<(), Error> {
        files::remove_if_there(&self.path)
    }

    /// Gives it the name `target`.
    pub(super) fn keep(self, target: &Path) -> Result<(), Error> {
        self.file
            .sync_all()
            .map_err(Error::io("write", &self.path))?;
        std::fs::rename(&self.path, target).map_err(Error::io("rename", &self.path))?;
        files::flush(target.parent().unwrap_or_else(|| Path::new(".")))
    }

    /// Fills it up from `source`, which is asked again where it failed in a way that passes.
    pub(super) fn fill(
        &mut self,
        source: &Source,
        name: &str,
        file: &PublicFile,
        patience: &Patience,
        view: &mut dyn View,
    ) -> Result<Reply, Error> {
        let mut failures = 0;
        loop {
            let before = self.len()?;
            let failure = match source.open(name, before, patience) {
                Ok(sent) => {
                    let sizes = file.bytes.zip(sent.total);
                    if let Some((expected, found)) = sizes.filter(|(a, b)| a != b) {
                        let [found, expected] = [found, expected].map(|size| size.to_string());
                        let (place, what) = (source.place(name), "size in bytes");
                        let error = FetchError::mismatch(place, what, &found, &expected);
                        return Ok(Reply::No(error));
                    }
                    view.began(&file.name, &source.place(name), sent.from, sent.total);
                    match self.receive(sent, file, view)? {
                        Delivery::Whole => return Ok(Reply::Whole),
                        Delivery::Broken(failure) => failure,
                        Delivery::TooMuch { what, most } => {
                            let is_known = file.bytes.or(file.lines).is_some();
                            return Ok(Reply::No(FetchError::TooLong {
                                file: file.name.clone(),
                                source_name: source.place(name),
                                what,
                                most,
                                advice: match is_known {
                                    true => "",
                                    false => {
                                        "; where it is so large, its `bytes` belong into the catalogue"
                                    }
                                },
                            }));
                        }
                    }
                }
                Err(failure) => failure,
            };
            // A source that sends something each time is slow, not broken.
            failures = match self.len()? > before {
                true => 1,
                false => failures + 1,
            };
            if !failure.passes || failures >= patience.tries {
                return Ok(Reply::No(FetchError::NotThere {
                    file: file.name.clone(),
                    source_name: source.place(name),
                    reason: failure.reason,
                }));
            }
            let pause = patience.pause(failures, failure.wait);
            view.note(&format!(
                "{} {}; asked again in {} s",
                source.place(name),
                failure.reason,
                pause.as_secs_f64()
            ));
            std::thread::sleep(pause);
        }
    }

    /// Writes what is sent, as far as it may come and there is room for it.
    fn receive(
        &mut self,
        mut sent: FileStream,
        file: &PublicFile,
        view: &mut dyn View,
    ) -> Result<Delivery, Error> {
        let here = || Error::io("write", &self.path);
        self.file.set_len(sent.from).map_err(here())?;
        self.file.seek(SeekFrom::Start(sent.from)).map_err(here())?;
        let mut at = sent.from;
        let most = sent.total.unwrap_or(u64::MAX).min(room::most(file));
        // What was there before is counted when all is here.
        let lines_left = file.lines.filter(|_| sent.from == 0);
        let mut lines = 0;
        let coming = sent.total.map(|total| total.saturating_sub(at));
        if coming.is_some_and(|coming| at.saturating_add(coming) > room::most(file)) {
            let most = room::most(file);
            return Ok(Delivery::TooMuch {
                what: "bytes",
                most,
            });
        }
        let mut room = Room::new(&self.file, coming).map_err(here())?;
        let mut buffer = vec![0; 1 << 16];
        loop {
            let count = match sent.body.read(&mut buffer) {
                Ok(0) => break,
                Ok(count) => count,
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => {
                    let reason = format!("broke off after {at} bytes: {error}");
                    return Ok(Delivery::Broken(Failure::passing(reason)));
                }
            };
            at += count as u64;
            if at > most {
                return Ok(Delivery::TooMuch {
                    what: "bytes",
                    most,
                });
            }
            lines += buffer[..count]
                .iter()
                .filter(|&&byte| byte == b'\n')
                .count() as u64;
            if let Some(most) = lines_left.filter(|&most| lines > most) {
                return Ok(Delivery::TooMuch {
                    what: "lines",
                    most,
                });
            }
            room.take(count as u64).map_err(here())?;
            (&self.file).write_all(&buffer[..count]).map_err(here())?;
            view.moved(at);
        }
        Ok(match sent.total.filter(|&total| at < total) {
            None => Delivery::Whole,
            Some(total) => {
                let reason = format!("ended after {at} of {total} bytes");
                Delivery::Broken(Failure::passing(reason))
            }
        })
    }
}

/// Whether the file called `path` is `file`.
fn is_at(file: &File, path: &Path) -> Result<bool, Error> {
    let held = file.metadata().map_err(Error::io("read", path))?;
    match std::fs::metadata(path) {
        Ok(named) => Ok((named.dev(), named.ino()) == (held.dev(), held.ino())),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
        Err(error) => Err(Error::io("read", path)(error)),
    }
}

impl Patience {
    /// The time until the next try, after `failures` in a row.
    fn pause(&self, failures: u32, asked: Option<Duration>) -> Duration {
        let doubled = self.first_pause * 2_u32.saturating_pow(failures - 1);
        asked.unwrap_or(doubled).min(self.longest_pause)
    }
}
