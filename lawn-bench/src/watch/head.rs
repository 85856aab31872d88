//! The head of a request, and what of it is refused.

use std::io::Read;
use std::net::TcpStream;
use std::time::{Duration, Instant};

/// The longest head that is read.
const LONGEST: usize = 8 << 10;
/// The most fields of a head.
const MOST_FIELDS: usize = 64;

/// A request without a body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Request {
    /// Whether the body of the answer is left out.
    pub(super) head_only: bool,
    /// The path without what follows a question mark.
    pub(super) path: String,
}

/// Why a request is not answered, as the status of HTTP.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Refusal {
    /// It is no request that this server understands.
    Bad,
    /// There is nothing at its path.
    NotFound,
    /// Its method could change something.
    Method,
    /// It took too long to arrive.
    Late,
    /// It names another host: a page elsewhere may have been told that its name is this machine's.
    Host,
    /// Its head is longer than [`LONGEST`], or has more than [`MOST_FIELDS`].
    Long,
    /// Too many others are answered now.
    Busy,
    /// What is at its path cannot be made, for this reason.
    Failed(String),
}

impl Refusal {
    /// The code and its phrase.
    pub(super) fn status(&self) -> &'static str {
        match self {
            Self::Bad => "400 Bad Request",
            Self::NotFound => "404 Not Found",
            Self::Method => "405 Method Not Allowed",
            Self::Late => "408 Request Timeout",
            Self::Host => "421 Misdirected Request",
            Self::Long => "431 Request Header Fields Too Large",
            Self::Busy => "503 Service Unavailable",
            Self::Failed(_) => "500 Internal Server Error",
        }
    }

    /// What a person who sees it can do.
    pub(super) fn reason(&self) -> &str {
        match self {
            Self::Host => {
                "The page is for this machine alone: open it as http://localhost:PORT/ or \
                 http://127.0.0.1:PORT/, through a tunnel too."
            }
            Self::Busy => "Too many pages are open at the same time.",
            Self::NotFound => "The page of the run is at /.",
            Self::Failed(reason) => reason,
            Self::Bad | Self::Method | Self::Late | Self::Long => "",
        }
    }
}

/// Reads the head of a request that has to be there by `deadline`.
pub(super) fn read(mut stream: &TcpStream, deadline: Instant) -> Result<Request, Refusal> {
    let mut bytes = Vec::new();
    loop {
        if let Some(request) = parsed(&bytes)? {
            return Ok(request);
        }
        let left = deadline.saturating_duration_since(Instant::now());
        // No time at all would mean to wait for ever.
        let left = left.max(Duration::from_millis(1));
        let mut part = [0; 1024];
        let read = stream
            .set_read_timeout(Some(left))
            .and_then(|()| stream.read(&mut part));
        match read {
            Ok(0) => return Err(Refusal::Bad),
            Ok(count) => bytes.extend_from_slice(&part[..count]),
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(_) => return Err(Refusal::Late),
        }
        if Instant::now() > deadline {
            return Err(Refusal::Late);
        }
    }
}

/// The request, once its head is whole.
fn parsed(bytes: &[u8]) -> Result<Option<Request>, Refusal> {
    let mut fields = [httparse::EMPTY_HEADER; MOST_FIELDS];
    let mut head = httparse::Request::new(&mut fields);
    match head.parse(bytes) {
        Ok(httparse::Status::Complete(_)) => {}
        Ok(httparse::Status::Partial) if bytes.len() < LONGEST => return Ok(None),
        Ok(httparse::Status::Partial) | Err(httparse::Error::TooManyHeaders) => {
            return Err(Refusal::Long);
        }
        Err(_) => return Err(Refusal::Bad),
    }
    let hosts: Vec<&[u8]> = head
        .headers
        .iter()
        .filter(|field| field.name.eq_ignore_ascii_case("host"))
        .map(|field| field.value)
        .collect();
    match hosts[..] {
        [host] if is_ours(host) => {}
        [_] => return Err(Refusal::Host),
        _ => return Err(Refusal::Bad),
    }
    let head_only = match head.method {
        Some("GET") => false,
        Some("HEAD") => true,
        _ => return Err(Refusal::Method),
    };
    let target = head.path.unwrap_or_default();
    if !target.starts_with('/') {
        return Err(Refusal::Bad);
    }
    let path = target.split(['?', '#']).next().unwrap_or_default();
    Ok(Some(Request {
        head_only,
        path: path.to_owned(),
    }))
}

/// Whether a host is this machine by a name that no name server gives. Its port may be another one:
/// that of a tunnel's other end.
fn is_ours(host: &[u8]) -> bool {
    let host = std::str::from_utf8(host).unwrap_or_default();
    let (name, port) = host.rsplit_once(':').unwrap_or((host, ""));
    let ours = ["127.0.0.1", "localhost"];
    let is_port = port.bytes().all(|byte| byte.is_ascii_digit());
    is_port && ours.iter().any(|own| own.eq_ignore_ascii_case(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Result<Option<Request>, Refusal> {
        parsed(text.as_bytes())
    }

    fn get(path: &str) -> String {
        format!("GET {path} HTTP/1.1\r\nHost: localhost:8000\r\n\r\n")
    }

    #[test]
    fn a_request_is_its_method_and_path() {
        let request = |head_only, path: &str| {
            let path = path.to_owned();
            Ok(Some(Request { head_only, path }))
        };
        assert_eq!(of(&get("/now?x=1")), request(false, "/now"));
        assert_eq!(of(&get("/").replace("GET", "HEAD")), request(true, "/"));
        assert_eq!(of("GET / HTTP/1.1\r\nHost: local"), Ok(None));
        let loud = get("/").replace("Host: localhost", "HOST:  LOCALHOST");
        assert_eq!(of(&loud), request(false, "/"));
        for ours in ["127.0.0.1:8000", "localhost", "localhost:9000"] {
            let other = get("/").replace("localhost:8000", ours);
            assert_eq!(of(&other), request(false, "/"), "{ours}");
        }
    }

    #[test]
    fn what_is_not_for_this_machine_or_could_change_something_is_refused() {
        for (text, refusal) in [
            (get("/").replace("localhost", "evil.example"), Refusal::Host),
            (get("/").replace(":8000", ":x"), Refusal::Host),
            (get("/").replace("localhost:8000", "::1"), Refusal::Host),
            (
                get("/").replace("localhost", "localhost.evil.example"),
                Refusal::Host,
            ),
            (get("/").replace("Host", "Hots"), Refusal::Bad),
            (
                get("/").replace("\r\n\r\n", "\r\nHost: localhost:8000\r\n\r\n"),
                Refusal::Bad,
            ),
            (get("/").replace("GET", "POST"), Refusal::Method),
            (get("/").replace("GET", "PUT"), Refusal::Method),
            (get("http://localhost:8000/"), Refusal::Bad),
            ("\u{16}\u{3}\u{1}".to_owned(), Refusal::Bad),
            (
                format!("GET / HTTP/1.1\r\nX: {}", "x".repeat(LONGEST)),
                Refusal::Long,
            ),
            (
                format!("GET / HTTP/1.1\r\n{}", "X: y\r\n".repeat(100)),
                Refusal::Long,
            ),
        ] {
            assert_eq!(of(&text), Err(refusal), "{text:.80}");
        }
    }
}
