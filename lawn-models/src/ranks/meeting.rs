//! How ranks find the store: by the port they were given, or by a file that rank 0 writes.

use std::fs;
use std::io::{ErrorKind, Write};
use std::net::{TcpListener, TcpStream, ToSocketAddrs};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::{Duration, Instant};

use super::Patience;
use super::error::RanksError;
use super::introduction::take_number;
use super::membership::{RankMembership, secret};
use super::store::RankStore;

/// Time between two looks for the file.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// Time between two tries to reach the store or two looks for its answer, and for one of the tries.
const REACH_EVERY: Duration = Duration::from_millis(100);
const ONE_TRY: Duration = Duration::from_secs(2);

/// Where the ranks of one start meet.
#[derive(Debug, Clone)]
pub(super) struct Meeting {
    host: String,
    port: u16,
    /// What the keys begin with, so that two starts of a trial never take each other's words. It keeps
    /// nobody out: the store lists its keys to whoever reaches its port.
    prefix: String,
}

/// The store at which the ranks meet, and where it is for those who connect once more. `folder`
/// is one that all of them share.
///
/// # Errors
/// [`RanksError::Meeting`], [`RanksError::MeetingFile`].
pub(super) fn meet(
    membership: &RankMembership,
    folder: &Path,
    timeout: Duration,
    patience: Patience<'_>,
) -> Result<(RankStore, Meeting), RanksError> {
    let refused = |place: String, reason: String| RanksError::Meeting {
        rank: membership.rank,
        ranks: membership.ranks,
        place,
        reason,
    };
    let host = &membership.address;
    let listener = match membership.keeps_store() {
        true => match listen(host, membership.port.unwrap_or(0)) {
            Ok(listener) => Some(listener),
            Err(error) => {
                if error.kind() == ErrorKind::AddrInUse {
                    tell_other_first(membership)?;
                }
                let port = membership
                    .port
                    .map_or(String::new(), |port| format!("port {port}: "));
                return Err(refused(format!("at {host}"), format!("{port}{error}")));
            }
        },
        false => None,
    };
    let meeting = match (membership.port, &listener) {
        (Some(port), _) => Meeting {
            host: host.clone(),
            port,
            prefix: prefix(membership),
        },
        (None, Some(listener)) => {
            let meeting = Meeting {
                host: host.clone(),
                port: listener.local_addr().map_or(0, |address| address.port()),
                prefix: secret(),
            };
            meeting.write(&file(folder, &membership.start))?;
            meeting
        }
        (None, None) => Meeting::find(&file(folder, &membership.start), timeout, patience)?,
    };
    if listener.is_none() {
        let at = |reason| refused(format!("at {host}:{}", meeting.port), reason);
        meeting.reach(timeout, patience).map_err(at)?;
    }
    let store = meeting.connect_patiently(listener, timeout, patience);
    let store = store.map_err(|reason| refused(format!("at {host}:{}", meeting.port), reason))?;
    Ok((store, meeting))
}

/// Takes the file away, once all ranks have found it.
pub(super) fn forget(membership: &RankMembership, folder: &Path) {
    if membership.rank == 0 && membership.port.is_none() {
        // That it stays is no harm: it is of this start alone.
        let _ = fs::remove_file(file(folder, &membership.start));
    }
}

/// What the keys of ranks that were given a port begin with.
fn prefix(membership: &RankMembership) -> String {
    format!("lawn/{}", membership.start)
}

/// Listens on the address that a name stands for, and on no other.
fn listen(host: &str, port: u16) -> std::io::Result<TcpListener> {
    let addresses: Vec<_> = (host, port).to_socket_addrs()?.collect();
    TcpListener::bind(&addresses[..])
}

/// Where another process listens in the place of this rank 0, it may be rank 0 as well, and wait for
/// ranks that are not to come: both then say that there are two.
fn tell_other_first(membership: &RankMembership) -> Result<(), RanksError> {
    let other = Meeting {
        host: membership.address.clone(),
        port: membership.port.unwrap_or(0),
        prefix: prefix(membership),
    };
    match other.connect_patiently(None, ONE_TRY, &|_, _| true) {
        Ok(store) => take_number(membership.rank, &store),
        Err(_) => Ok(()),
    }
}

/// What c10d says, without the calls it came through.
fn first_line(reason: &str) -> String {
    reason.lines().next().unwrap_or_default().to_owned()
}

fn file(folder: &Path, start: &str) -> PathBuf {
    folder.join(format!("ranks.{start}"))
}

impl Meeting {
    /// A connection to the store.
    pub(super) fn connect(
        &self,
        listener: Option<TcpListener>,
        timeout: Duration,
    ) -> Result<RankStore, String> {
        RankStore::open((&self.host, self.port), listener, &self.prefix, timeout)
    }

    /// As [`connect`](Self::connect), where what listens there may be anything: c10d waits for the first
    /// answer without an end, and so does a thread that is left behind here.
    fn connect_patiently(
        &self,
        listener: Option<TcpListener>,
        timeout: Duration,
        patience: Patience<'_>,
    ) -> Result<RankStore, String> {
        let Self { host, port, .. } = self;
        let (answer, answered) = mpsc::channel();
        let meeting = self.clone();
        std::thread::spawn(move || {
            // Nobody hears it once the wait is over.
            let _ = answer.send(meeting.connect(listener, timeout));
        });
        let since = Instant::now();
        loop {
            match answered.recv_timeout(REACH_EVERY) {
                Ok(connected) => return connected.map_err(|reason| first_line(&reason)),
                Err(RecvTimeoutError::Disconnected) => return Err("c10d gave up".to_owned()),
                Err(RecvTimeoutError::Timeout) => {}
            }
            let waited = since.elapsed();
            if waited > timeout {
                let seconds = timeout.as_secs();
                return Err(format!(
                    "something listens there that does not answer as rank 0's store within {seconds} s: \
                     is MASTER_PORT another program's?"
                ));
            }
            if !patience(
                &format!("an answer of rank 0's store at {host}:{port}"),
                waited,
            ) {
                return Err("stopped while it waited for rank 0's store".to_owned());
            }
        }
    }

    /// Waits until somebody listens there. c10d would say a page of what it has tried.
    fn reach(&self, timeout: Duration, patience: Patience<'_>) -> Result<(), String> {
        let Self { host, port, .. } = self;
        let since = Instant::now();
        loop {
            let addresses = (host.as_str(), *port).to_socket_addrs();
            let reason = match addresses.map(Iterator::collect::<Vec<_>>) {
                Ok(addresses) => {
                    let try_one = |one| TcpStream::connect_timeout(one, ONE_TRY);
                    match addresses.iter().map(try_one).find_map(Result::ok) {
                        Some(_) => return Ok(()),
                        None => "nobody listens there".to_owned(),
                    }
                }
                Err(error) => error.to_string(),
            };
            let waited = since.elapsed();
            if waited > timeout {
                let seconds = timeout.as_secs();
                return Err(format!("rank 0 has not come within {seconds} s: {reason}"));
            }
            if !patience(&format!("rank 0 at {host}:{port}"), waited) {
                return Err("stopped while it waited for rank 0".to_owned());
            }
            std::thread::sleep(REACH_EVERY);
        }
    }

    fn write(&self, path: &Path) -> Result<(), RanksError> {
        let failed = |error: std::io::Error| RanksError::MeetingFile {
            path: path.to_owned(),
            reason: error.to_string(),
        };
        let new = path.with_extension(format!("new-{}", std::process::id()));
        let mut options = fs::File::options();
        let opened = options.write(true).create(true).truncate(true).mode(0o600);
        let mut file = opened.open(&new).map_err(failed)?;
        let line = format!("{} {} {}\n", self.host, self.port, self.prefix);
        file.write_all(line.as_bytes()).map_err(failed)?;
        fs::rename(&new, path).map_err(failed)
    }

    fn find(path: &Path, timeout: Duration, patience: Patience<'_>) -> Result<Self, RanksError> {
        let since = Instant::now();
        let failed = |reason: String| RanksError::MeetingFile {
            path: path.to_owned(),
            reason,
        };
        loop {
            match fs::read_to_string(path) {
                Ok(line) => {
                    let mut words = line.split_whitespace();
                    let mut word = || words.next().map(str::to_owned);
                    let found = (word(), word().and_then(|port| port.parse().ok()), word());
                    let (Some(host), Some(port), Some(prefix)) = found else {
                        return Err(failed("its content is not rank 0's".to_owned()));
                    };
                    return Ok(Self { host, port, prefix });
                }
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                    return Err(failed(error.to_string()));
                }
                Err(_) if since.elapsed() > timeout => {
                    let seconds = timeout.as_secs();
                    return Err(failed(format!("rank 0 has not written it for {seconds} s")));
                }
                Err(_)
                    if !patience(
                        &format!("rank 0 to write {}", path.display()),
                        since.elapsed(),
                    ) =>
                {
                    return Err(failed("stopped while it waited for rank 0".to_owned()));
                }
                Err(_) => std::thread::sleep(LOOK_EVERY),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn the_file_of_a_meeting_is_the_users_alone_and_no_two_have_one_secret() {
        let folder = tempfile::tempdir().unwrap();
        let path = file(folder.path(), "one");
        let meeting = Meeting {
            host: "127.0.0.1".into(),
            port: 4711,
            prefix: secret(),
        };
        meeting.write(&path).unwrap();
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let found = Meeting::find(&path, Duration::ZERO, &|_, _| true).unwrap();
        assert_eq!((found.port, &found.prefix), (4711, &meeting.prefix));
        assert_ne!(secret(), secret());
        let absent = Meeting::find(
            &file(folder.path(), "two"),
            Duration::from_millis(50),
            &|_, _| true,
        );
        assert!(
            absent
                .unwrap_err()
                .to_string()
                .contains("has not written it")
        );
    }

    #[test]
    fn a_rank_that_reaches_nobody_says_whom_it_waited_for() {
        // A port that was free a moment ago.
        let port = listen("127.0.0.1", 0).unwrap().local_addr().unwrap().port();
        let meeting = Meeting {
            host: "127.0.0.1".into(),
            port,
            prefix: String::new(),
        };
        let said = meeting
            .reach(Duration::from_millis(150), &|_, _| true)
            .unwrap_err();
        assert!(
            said.contains("rank 0 has not come within 0 s: nobody listens"),
            "{said}"
        );
        let asked = std::cell::RefCell::new(String::new());
        let stopped = meeting.reach(Duration::from_secs(60), &|what, _| {
            asked.replace(what.to_owned());
            false
        });
        assert!(stopped.unwrap_err().starts_with("stopped while it waited"));
        assert_eq!(*asked.borrow(), format!("rank 0 at 127.0.0.1:{port}"));
        let listener = listen("127.0.0.1", port).unwrap();
        meeting.reach(Duration::ZERO, &|_, _| false).unwrap();
        drop(listener);
    }

    #[test]
    fn who_listens_and_is_no_store_is_waited_for_as_long_as_is_said() {
        // Connections are taken by the system, and nobody ever answers.
        let silent = listen("127.0.0.1", 0).unwrap();
        let port = silent.local_addr().unwrap().port();
        let meeting = Meeting {
            host: "127.0.0.1".into(),
            port,
            prefix: String::new(),
        };
        let said = |timeout, goes_on: bool| {
            let connected = meeting.connect_patiently(None, timeout, &|_, _| goes_on);
            connected.unwrap_err()
        };
        let late = said(Duration::from_millis(150), true);
        assert!(late.contains("does not answer as rank 0's store"), "{late}");
        let stopped = said(Duration::from_secs(60), false);
        assert!(stopped.starts_with("stopped while it waited"), "{stopped}");
    }

    #[test]
    fn the_store_listens_on_its_address_alone() {
        let listener = listen("127.0.0.1", 0).unwrap();
        assert!(listener.local_addr().unwrap().ip().is_loopback());
    }
}
