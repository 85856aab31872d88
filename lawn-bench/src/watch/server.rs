//! A server of a few pages over HTTP, on the loopback interface: it reads, answers and closes.
//!
//! Every connection has a thread and a deadline, so that a slow client holds up nobody. One that says
//! nothing is none that is answered: there may be many of these, and the oldest makes room. No path is one
//! of the file system.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use super::head::{self, Refusal, Request};
use super::silent::Silent;

/// Connections that are answered at a time.
const MOST: usize = 16;
/// Time that a connection has to say what it asks for.
const SILENCE: Duration = Duration::from_secs(5);
/// Time that an answer has to be taken.
const PATIENCE: Duration = Duration::from_secs(10);
/// How often it is asked whether to go on.
const EVERY: Duration = Duration::from_millis(20);

/// What is at a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Answer {
    pub(super) kind: &'static str,
    pub(super) body: Arc<str>,
}

/// What a server serves.
pub(super) trait Site: Sync {
    /// What is at a path; none where nothing is.
    ///
    /// # Errors
    ///
    /// In words, why that cannot be made.
    fn at(&self, path: &str) -> Result<Option<Answer>, String>;
}

/// A socket that listens.
pub(super) struct Server {
    listener: TcpListener,
    address: SocketAddr,
}

impl Server {
    pub(super) fn bind(port: u16) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port))?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        Ok(Self { listener, address })
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Answers until `ended`.
    pub(super) fn serve(&self, site: &dyn Site, mut ended: impl FnMut() -> bool) {
        let (busy, silent) = (AtomicUsize::new(0), Silent::default());
        thread::scope(|scope| {
            while !ended() {
                // Without room it waits among those that the system holds.
                let accepted = silent.has_room().then(|| self.listener.accept());
                let Some(Ok((stream, _))) = accepted else {
                    thread::sleep(EVERY);
                    continue;
                };
                let (busy, silent) = (&busy, &silent);
                // Where the system has no more open files, it is closed.
                let Ok(place) = silent.enter(&stream) else {
                    continue;
                };
                scope.spawn(move || {
                    let request = hear(&stream);
                    silent.leave(place);
                    // Whoever went away misses nothing.
                    let _ = request.and_then(|request| talk(stream, request, site, busy));
                });
            }
            silent.close();
        });
    }
}

/// Reads one request.
fn hear(stream: &TcpStream) -> io::Result<Result<Request, Refusal>> {
    stream.set_nonblocking(false)?;
    Ok(head::read(stream, Instant::now() + SILENCE))
}

/// Answers a request, unless too many others are answered. What is refused costs nothing.
fn talk(
    stream: TcpStream,
    request: Result<Request, Refusal>,
    site: &dyn Site,
    busy: &AtomicUsize,
) -> io::Result<()> {
    let deadline = Instant::now() + PATIENCE;
    let request = match request {
        Ok(request) => request,
        Err(refusal) => return refuse(stream, &refusal, deadline),
    };
    let others = busy.fetch_add(1, Ordering::Relaxed);
    let answered = match others < MOST {
        true => answer(stream, &request, site, deadline),
        false => refuse(stream, &Refusal::Busy, Instant::now() + EVERY),
    };
    busy.fetch_sub(1, Ordering::Relaxed);
    answered
}

/// Answers a request with what is at its path.
fn answer(
    mut stream: TcpStream,
    request: &Request,
    site: &dyn Site,
    deadline: Instant,
) -> io::Result<()> {
    match site.at(&request.path) {
        Ok(Some(answer)) => {
            let head = head_of("200 OK", answer.kind, answer.body.len(), "");
            write(&mut stream, head.as_bytes(), deadline)?;
            if !request.head_only {
                write(&mut stream, answer.body.as_bytes(), deadline)?;
            }
            Ok(())
        }
        Ok(None) => refuse(stream, &Refusal::NotFound, deadline),
        Err(reason) => refuse(stream, &Refusal::Failed(reason), deadline),
    }
}

fn refuse(mut stream: TcpStream, refusal: &Refusal, deadline: Instant) -> io::Result<()> {
    let status = refusal.status();
    let more = match refusal {
        Refusal::Method => "Allow: GET, HEAD\r\n",
        _ => "",
    };
    let body = format!("{status}\n{}\n", refusal.reason());
    let text = head_of(status, "text/plain; charset=utf-8", body.len(), more) + &body;
    write(&mut stream, text.as_bytes(), deadline)?;
    // Where something is left unread, the system would take back what was written.
    stream.shutdown(Shutdown::Write)?;
    stream.set_read_timeout(Some(EVERY))?;
    let mut rest = [0; 16 << 10];
    while Instant::now() < deadline && stream.read(&mut rest)? > 0 {}
    Ok(())
}

/// The head of an answer. Nothing is kept, and no other page may hold it or read it.
fn head_of(status: &str, kind: &str, length: usize, more: &str) -> String {
    format!(
        "HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\n{more}\
         Connection: close\r\nCache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\n\
         X-Frame-Options: DENY\r\nReferrer-Policy: no-referrer\r\n\
         Cross-Origin-Resource-Policy: same-origin\r\n\r\n"
    )
}

/// Writes all bytes by the deadline.
fn write(stream: &mut TcpStream, mut bytes: &[u8], deadline: Instant) -> io::Result<()> {
    while !bytes.is_empty() {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(io::ErrorKind::TimedOut.into());
        }
        stream.set_write_timeout(Some(left))?;
        match stream.write(bytes) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(count) => bytes = &bytes[count..],
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicBool;

    use super::*;

    struct Fixed;

    impl Site for Fixed {
        fn at(&self, path: &str) -> Result<Option<Answer>, String> {
            let body = match path {
                "/" => "page".into(),
                "/large" => "x".repeat(40 << 20).into(),
                "/broken" => return Err("plan.json is damaged".to_owned()),
                _ => return Ok(None),
            };
            Ok(Some(Answer {
                kind: "text/html",
                body,
            }))
        }
    }

    /// What is answered to a text; the connection ends then.
    fn asked(address: SocketAddr, text: &str) -> String {
        let mut stream = TcpStream::connect(address).unwrap();
        stream.write_all(text.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }

    /// Runs `check` against a server.
    fn served(check: impl FnOnce(SocketAddr)) {
        let server = Server::bind(0).unwrap();
        let ended = AtomicBool::new(false);
        thread::scope(|scope| {
            scope.spawn(|| server.serve(&Fixed, || ended.load(Ordering::Relaxed)));
            check(server.address());
            ended.store(true, Ordering::Relaxed);
        });
    }

    fn get(address: SocketAddr, path: &str) -> String {
        format!("GET {path} HTTP/1.1\r\nHost: {address}\r\n\r\n")
    }

    #[test]
    fn a_path_is_answered_and_nothing_else_is() {
        served(|address| {
            assert!(address.ip().is_loopback());
            let answer = asked(address, &get(address, "/"));
            assert!(answer.starts_with("HTTP/1.1 200 OK\r\n") && answer.ends_with("\r\n\r\npage"));
            let head = asked(address, &get(address, "/").replace("GET", "HEAD"));
            assert!(
                head.contains("Content-Length: 4\r\n") && head.ends_with("\r\n\r\n"),
                "{head}"
            );
            for path in ["/x", "/../Cargo.toml", "/%2e%2e/etc/passwd", "//etc/passwd"] {
                let answer = asked(address, &get(address, path));
                assert!(answer.starts_with("HTTP/1.1 404 "), "{path}: {answer}");
            }
            let answer = asked(address, &get(address, "/").replace("GET", "DELETE"));
            assert!(answer.starts_with("HTTP/1.1 405 ") && answer.contains("Allow: GET, HEAD\r\n"));
            let long =
                get(address, "/").replace("Host", &format!("X: {}\r\nHost", "x".repeat(50_000)));
            assert!(asked(address, &long).starts_with("HTTP/1.1 431 "));
            let other = get(address, "/").replace("127.0.0.1", "rebound.example");
            let answer = asked(address, &other);
            assert!(
                answer.starts_with("HTTP/1.1 421 ") && answer.contains("localhost"),
                "{answer}"
            );
            let answer = asked(address, &get(address, "/broken"));
            assert!(answer.starts_with("HTTP/1.1 500 "), "{answer}");
            assert!(answer.ends_with("plan.json is damaged\n"), "{answer}");
        });
    }

    #[test]
    fn clients_that_dawdle_hold_up_nobody() {
        served(|address| {
            // Some say nothing, some say half, one does not read what it asked for.
            let mut idle: Vec<TcpStream> = (0..6)
                .map(|_| TcpStream::connect(address).unwrap())
                .collect();
            for stream in &mut idle[..3] {
                stream.write_all(b"GET / HT").unwrap();
            }
            let large = get(address, "/large");
            idle[5].write_all(large.as_bytes()).unwrap();
            let began = Instant::now();
            assert!(asked(address, &get(address, "/")).ends_with("page"));
            assert!(began.elapsed() < PATIENCE / 2, "{:?}", began.elapsed());
            // More than are answered at a time are told so.
            let more: Vec<TcpStream> = (0..MOST)
                .map(|_| {
                    let mut stream = TcpStream::connect(address).unwrap();
                    stream.write_all(large.as_bytes()).unwrap();
                    let mut first = [0; 12];
                    stream.read_exact(&mut first).unwrap();
                    stream
                })
                .collect();
            let answer = asked(address, &get(address, "/"));
            assert!(answer.starts_with("HTTP/1.1 503 "), "{answer}");
            drop((idle, more));
        });
    }

    #[test]
    fn many_that_say_nothing_starve_nobody() {
        served(|address| {
            // More than there is room for, and again while the page is asked for.
            let connect = || TcpStream::connect(address).unwrap();
            let mut idle: Vec<TcpStream> = (0..200).map(|_| connect()).collect();
            let began = Instant::now();
            for _ in 0..4 {
                assert!(asked(address, &get(address, "/")).ends_with("page"));
                idle.extend((0..50).map(|_| connect()));
            }
            assert!(began.elapsed() < SILENCE, "{:?}", began.elapsed());
            // The oldest of them made room; what came last is still heard.
            let mut last = idle.pop().unwrap();
            last.write_all(get(address, "/").as_bytes()).unwrap();
            let mut answer = String::new();
            last.read_to_string(&mut answer).unwrap();
            assert!(answer.ends_with("page"), "{answer}");
            // Whoever says nothing is left in the end.
            let mut silent = idle.pop().unwrap();
            silent.set_read_timeout(Some(2 * SILENCE)).unwrap();
            let mut answer = String::new();
            silent.read_to_string(&mut answer).unwrap();
            assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
        });
    }
}
