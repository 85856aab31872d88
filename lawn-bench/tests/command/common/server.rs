//! A small HTTP server for files, which can be told to misbehave.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use sha2::{Digest, Sha256};

/// A file of so many lines of 10 bytes, no two alike.
pub(crate) fn lines(count: usize) -> Vec<u8> {
    (0..count)
        .flat_map(|line| format!("{line:09}\n").into_bytes())
        .collect()
}

/// The SHA-256 in hexadecimal.
pub(crate) fn digest(bytes: &[u8]) -> String {
    Sha256::digest(bytes)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

/// What a client asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Request {
    /// The path, with its slash.
    pub(crate) path: String,
    /// The first byte of the range asked for.
    pub(crate) from: Option<usize>,
}

/// What it is answered.
#[derive(Debug, Clone, Default)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: Vec<u8>,
    /// Bytes of the body after which the connection is cut.
    pub(crate) cut: Option<usize>,
    /// Whether the size of the body stays unsaid.
    pub(crate) unsized_: bool,
    /// Pauses for this long before each KiB.
    pub(crate) slow: Option<std::time::Duration>,
}

impl Answer {
    pub(crate) fn status(status: u16) -> Self {
        Self {
            status,
            ..Self::default()
        }
    }

    /// The file `body`, from the byte asked for on, as a good server does.
    pub(crate) fn file(body: &[u8], request: &Request) -> Self {
        let total = body.len();
        match request.from {
            None => Self {
                body: body.to_vec(),
                ..Self::status(200)
            },
            Some(from) if from >= total => Self {
                headers: vec![("Content-Range", format!("bytes */{total}"))],
                ..Self::status(416)
            },
            Some(from) => Self {
                headers: vec![(
                    "Content-Range",
                    format!("bytes {from}-{}/{total}", total - 1),
                )],
                body: body[from..].to_vec(),
                ..Self::status(206)
            },
        }
    }
}

pub(crate) struct Server {
    port: u16,
    requests: Arc<Mutex<Vec<Request>>>,
}

impl Server {
    /// A server on this machine that answers what `answer` says; the number is that of the
    /// request, from 0. It lives as long as the test.
    pub(crate) fn new(answer: impl Fn(&Request, usize) -> Answer + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port is free");
        let port = listener.local_addr().expect("it has one").port();
        let requests = Arc::new(Mutex::new(Vec::new()));
        let (seen, answer) = (requests.clone(), Arc::new(answer));
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (seen, answer) = (seen.clone(), answer.clone());
                std::thread::spawn(move || {
                    let Some(request) = read(&stream) else {
                        return;
                    };
                    let number = {
                        let mut seen = seen.lock().expect("no test panics here");
                        seen.push(request.clone());
                        seen.len() - 1
                    };
                    // A client that was killed reads no more.
                    let _ = write(&stream, &answer(&request, number));
                });
            }
        });
        Self { port, requests }
    }

    /// A server that has the file `body` at every path.
    pub(crate) fn of(body: Vec<u8>) -> Self {
        Self::new(move |request, _| Answer::file(&body, request))
    }

    pub(crate) fn address(&self) -> String {
        format!("http://127.0.0.1:{}/data", self.port)
    }

    /// What was asked for so far.
    pub(crate) fn requests(&self) -> Vec<Request> {
        self.requests.lock().expect("no test panics here").clone()
    }
}

fn read(stream: &TcpStream) -> Option<Request> {
    let mut lines = BufReader::new(stream).lines();
    let first = lines.next()?.ok()?;
    let path = first.split(' ').nth(1)?.to_owned();
    let mut from = None;
    for line in lines {
        let line = line.ok()?;
        if line.is_empty() {
            break;
        }
        if let Some(range) = line.to_ascii_lowercase().strip_prefix("range: bytes=") {
            from = range.trim_end_matches('-').parse().ok();
        }
    }
    Some(Request { path, from })
}

fn write(mut stream: &TcpStream, answer: &Answer) -> std::io::Result<()> {
    let mut head = format!("HTTP/1.1 {} said\r\nConnection: close\r\n", answer.status);
    if !answer.unsized_ {
        head += &format!("Content-Length: {}\r\n", answer.body.len());
    }
    for (name, value) in &answer.headers {
        head += &format!("{name}: {value}\r\n");
    }
    stream.write_all(format!("{head}\r\n").as_bytes())?;
    let end = answer
        .cut
        .unwrap_or(answer.body.len())
        .min(answer.body.len());
    match answer.slow {
        None => stream.write_all(&answer.body[..end])?,
        Some(pause) => {
            for piece in answer.body[..end].chunks(1024) {
                std::thread::sleep(pause);
                stream.write_all(piece)?;
                stream.flush()?;
            }
        }
    }
    stream.flush()
}
