//! Connections that have not said yet what they ask for. A browser opens some in advance.

use std::collections::VecDeque;
use std::io;
use std::net::{Shutdown, TcpStream};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How many may be there. Each has a thread, which waits, and two open files.
const MOST: usize = 256;
/// Time for a request that was sent at once to be read, on a machine that has other work.
const FRESH: Duration = Duration::from_millis(250);

/// The connections, the oldest first.
#[derive(Debug, Default)]
pub(super) struct Silent {
    open: Mutex<Open>,
}

#[derive(Debug, Default)]
struct Open {
    connections: VecDeque<(Place, Instant, TcpStream)>,
    next: Place,
}

/// The number of a connection.
pub(super) type Place = u64;

impl Silent {
    fn open(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether one more has room. Where all places are taken the oldest is closed, unless it is that
    /// fresh that what it said may not have been read yet.
    pub(super) fn has_room(&self) -> bool {
        let connections = &mut self.open().connections;
        if connections.len() < MOST {
            return true;
        }
        let oldest = connections.front();
        if oldest.is_some_and(|(_, since, _)| since.elapsed() < FRESH) {
            return false;
        }
        if let Some((.., stream)) = connections.pop_front() {
            // Who waits for it reads its end.
            let _ = stream.shutdown(Shutdown::Both);
        }
        true
    }

    /// Takes a connection in.
    ///
    /// # Errors
    ///
    /// Where the system has no more open files.
    pub(super) fn enter(&self, stream: &TcpStream) -> io::Result<Place> {
        let stream = stream.try_clone()?;
        let mut open = self.open();
        let place = open.next;
        open.next += 1;
        open.connections.push_back((place, Instant::now(), stream));
        Ok(place)
    }

    /// Lets go of a connection that has said something, or ended.
    pub(super) fn leave(&self, place: Place) {
        self.open()
            .connections
            .retain(|(other, ..)| *other != place);
    }

    /// Closes all.
    pub(super) fn close(&self) {
        for (.., stream) in self.open().connections.drain(..) {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }
}
