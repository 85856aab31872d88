//! Where files come from: an address of the web, or a folder.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::PathBuf;
use std::time::Duration;

use ureq::http::{Response, StatusCode, header};
use ureq::{Agent, Body};

use crate::data::fetch::patience::Patience;
use crate::error::FetchError;

/// A place that holds files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// Addresses that begin so.
    Web(String),
    /// A folder.
    Folder(PathBuf),
}

/// What a source sends of a file.
pub(super) struct FileStream {
    /// The byte that it begins with.
    pub(super) from: u64,
    /// The bytes of the whole file, where the source says.
    pub(super) total: Option<u64>,
    /// The bytes, from that one on.
    pub(super) body: Box<dyn Read>,
}

/// Why a source sends nothing.
pub(super) struct Failure {
    /// What happened, as what the source did.
    pub(super) reason: String,
    /// Whether it may well go at another time.
    pub(super) passes: bool,
    /// How long it asks to be left alone.
    pub(super) wait: Option<Duration>,
}

impl Failure {
    pub(super) fn lasting(reason: impl Into<String>) -> Self {
        Self {
            reason: reason.into(),
            passes: false,
            wait: None,
        }
    }

    pub(super) fn passing(reason: impl Into<String>) -> Self {
        Self {
            passes: true,
            ..Self::lasting(reason)
        }
    }
}

impl Source {
    /// The source that a text names.
    ///
    /// # Errors
    ///
    /// [`FetchError::Source`] for an address that is neither http nor https.
    pub fn parse(text: &str) -> Result<Self, FetchError> {
        let wrong = |found| FetchError::source(text, found);
        match text.split_once("://") {
            Some(("http" | "https", rest)) if !rest.is_empty() => {
                Ok(Self::Web(text.trim_end_matches('/').to_owned()))
            }
            Some(_) => Err(wrong("an address of another kind")),
            None if text.is_empty() => Err(wrong("empty")),
            None => Ok(Self::Folder(text.into())),
        }
    }

    /// Where it has the file `name`, for people.
    pub(super) fn place(&self, name: &str) -> String {
        match self {
            Self::Web(prefix) => format!("{prefix}/{name}"),
            Self::Folder(folder) => folder.join(name).display().to_string(),
        }
    }

    /// Begins to send the file `name`, from the byte `from` on where it can do that, from the
    /// first one where it cannot.
    pub(super) fn open(
        &self,
        name: &str,
        from: u64,
        patience: &Patience,
    ) -> Result<FileStream, Failure> {
        match self {
            Self::Web(_) => {
                let address = self.place(name);
                let sent = request(&address, from, patience)?;
                match sent {
                    Some(sent) => Ok(sent),
                    // The part that was asked for is not there: all of it, then.
                    None => request(&address, 0, patience)?
                        .ok_or_else(|| Failure::lasting("refuses to send the file from its start")),
                }
            }
            Self::Folder(folder) => read(folder.join(name), from).map_err(|error| {
                Failure::lasting(match error.kind() {
                    std::io::ErrorKind::NotFound => "does not exist".to_owned(),
                    _ => format!("cannot be read: {error}"),
                })
            }),
        }
    }
}

fn read(path: PathBuf, from: u64) -> std::io::Result<FileStream> {
    let mut file = File::open(path)?;
    let total = file.metadata()?.len();
    let from = if from <= total { from } else { 0 };
    file.seek(SeekFrom::Start(from))?;
    Ok(FileStream {
        from,
        total: Some(total),
        body: Box::new(file),
    })
}

/// Asks a server for a file from the byte `from` on. None where it has no such part.
fn request(address: &str, from: u64, patience: &Patience) -> Result<Option<FileStream>, Failure> {
    let agent: Agent = Agent::config_builder()
        .http_status_as_error(false)
        .https_only(address.starts_with("https://"))
        .timeout_resolve(Some(patience.connect))
        .timeout_connect(Some(patience.connect))
        .timeout_per_read(Some(patience.silence))
        .timeout_recv_response(Some(patience.silence))
        .user_agent(concat!("lawn/", env!("CARGO_PKG_VERSION")))
        // A compressed body has other bytes than the file, so that ranges of it would be of no
        // use.
        .accept_encoding("identity")
        .build()
        .into();
    let mut request = agent.get(address);
    if from > 0 {
        request = request.header(header::RANGE, format!("bytes={from}-"));
    }
    let response = request.call().map_err(failure)?;
    let status = response.status();
    match status {
        StatusCode::OK => {
            let total = number(&response, header::CONTENT_LENGTH);
            Ok(Some(sent(response, 0, total)))
        }
        StatusCode::PARTIAL_CONTENT => Ok(match content_range(&response) {
            Some((Some(first), total)) if first == from => Some(sent(response, from, total)),
            _ => None,
        }),
        StatusCode::RANGE_NOT_SATISFIABLE if from > 0 => Ok(match content_range(&response) {
            // It has no more than what is here already.
            Some((_, Some(total))) if total == from => Some(FileStream {
                from,
                total: Some(total),
                body: Box::new(std::io::empty()),
            }),
            _ => None,
        }),
        status => Err(Failure {
            passes: status.is_server_error() || [408, 425, 429].contains(&status.as_u16()),
            wait: number(&response, header::RETRY_AFTER).map(Duration::from_secs),
            ..Failure::lasting(format!("answers {status}"))
        }),
    }
}

fn sent(response: Response<Body>, from: u64, total: Option<u64>) -> FileStream {
    FileStream {
        from,
        total,
        body: Box::new(response.into_body().into_reader()),
    }
}

fn number(response: &Response<Body>, name: header::HeaderName) -> Option<u64> {
    let value = response.headers().get(name)?;
    value.to_str().ok()?.trim().parse().ok()
}

/// The first byte and the size of the whole in `bytes 5-9/10`; one that is `*` is none.
fn content_range(response: &Response<Body>) -> Option<(Option<u64>, Option<u64>)> {
    let value = response.headers().get(header::CONTENT_RANGE)?;
    let (range, total) = value
        .to_str()
        .ok()?
        .strip_prefix("bytes ")?
        .split_once('/')?;
    let first = range.split('-').next()?;
    Some((first.trim().parse().ok(), total.trim().parse().ok()))
}

fn failure(error: ureq::Error) -> Failure {
    use std::io::ErrorKind::{ConnectionRefused, InvalidData, InvalidInput};
    match error {
        ureq::Error::Io(error) => {
            let said = error.to_string();
            // An error of TLS about a certificate arrives as invalid data.
            let lasts = [ConnectionRefused, InvalidData, InvalidInput].contains(&error.kind())
                || is_unknown_host(&said);
            Failure {
                passes: !lasts,
                ..Failure::lasting(format!("cannot be reached: {said}"))
            }
        }
        ureq::Error::Timeout(_) | ureq::Error::ConnectionFailed | ureq::Error::Protocol(_) => {
            Failure::passing(format!("does not answer: {error}"))
        }
        error => Failure::lasting(format!("cannot be used: {error}")),
    }
}

/// Whether a name has no address; the standard library says so in words alone.
fn is_unknown_host(said: &str) -> bool {
    said.contains("failed to lookup address") && !said.contains("Temporary failure")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_is_an_address_or_a_folder() {
        let parse = |text: &str| Source::parse(text).map_err(|error| error.to_string());
        assert_eq!(
            parse("https://a.example/b/"),
            Ok(Source::Web("https://a.example/b".into()))
        );
        assert_eq!(parse("../x"), Ok(Source::Folder("../x".into())));
        for text in ["ftp://a.example", "file:///x", "", "https://"] {
            let error = parse(text).expect_err(text);
            assert!(error.contains("http:// or https://, a folder"), "{error}");
        }
    }
}
