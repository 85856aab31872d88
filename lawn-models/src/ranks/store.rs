//! Words that ranks leave for each other, by `cpp/rank_store.cpp`.

use std::ffi::{CString, c_void};
use std::net::TcpListener;
use std::os::fd::IntoRawFd;
use std::ptr;
use std::time::Duration;

use super::sys;

/// A connection to the store of a group of ranks.
#[derive(Debug)]
pub(super) struct RankStore(*mut c_void);

// SAFETY: c10d's TCPStore takes a lock of its own for each call.
unsafe impl Send for RankStore {}
// SAFETY: as above.
unsafe impl Sync for RankStore {}

impl RankStore {
    /// Connects to the store at an address, and keeps it where `listener` is given, which
    /// listens there. All keys begin with `prefix`.
    ///
    /// # Errors
    /// What c10d says.
    pub(super) fn open(
        (host, port): (&str, u16),
        listener: Option<TcpListener>,
        prefix: &str,
        timeout: Duration,
    ) -> Result<Self, String> {
        let host = text(host)?;
        let prefix = text(prefix)?;
        let socket = listener.map_or(-1, IntoRawFd::into_raw_fd);
        let mut opened = ptr::null_mut();
        // SAFETY: both strings have an end and outlive the call; the socket is open, and belongs
        // to the store from here on; `opened` is written to where nothing went wrong.
        unsafe {
            sys::answered(sys::lawn_rank_store_open(
                host.as_ptr(),
                port,
                socket,
                prefix.as_ptr(),
                millis(timeout),
                &raw mut opened,
            ))?;
        }
        Ok(Self(opened))
    }

    /// Leaves a word.
    ///
    /// # Errors
    /// What c10d says, for instance that the store is gone.
    pub(super) fn set(&self, key: &str, value: &[u8]) -> Result<(), String> {
        let key = text(key)?;
        // SAFETY: the store is open until `drop`; key and value outlive the call, which reads as
        // many bytes as there are.
        unsafe {
            sys::answered(sys::lawn_rank_store_set(
                self.0,
                key.as_ptr(),
                value.as_ptr().cast(),
                value.len() as i64,
            ))
        }
    }

    /// Counts one more under a key, and gives the count: who is given 1 is the first.
    ///
    /// # Errors
    /// As [`set`](Self::set).
    pub(super) fn count(&self, key: &str) -> Result<i64, String> {
        let key = text(key)?;
        let mut count = 0;
        // SAFETY: the store is open until `drop`; the key outlives the call, and what is written to is
        // our own variable.
        unsafe {
            sys::answered(sys::lawn_rank_store_add(
                self.0,
                key.as_ptr(),
                1,
                &raw mut count,
            ))?;
        }
        Ok(count)
    }

    /// The word that was left under a key, which is waited for so long.
    ///
    /// # Errors
    /// As [`set`](Self::set).
    pub(super) fn get(&self, key: &str, timeout: Duration) -> Result<Option<Vec<u8>>, String> {
        let key = text(key)?;
        let (mut value, mut length) = (ptr::null_mut(), 0i64);
        // SAFETY: the store is open until `drop`; what is written to are our own variables.
        unsafe {
            sys::answered(sys::lawn_rank_store_get(
                self.0,
                key.as_ptr(),
                millis(timeout),
                &raw mut value,
                &raw mut length,
            ))?;
        }
        if value.is_null() {
            return Ok(None);
        }
        // SAFETY: it is the call's, for its caller to free, and has so many bytes.
        Ok(Some(unsafe { sys::taken(value, length) }))
    }

    pub(super) fn as_ptr(&self) -> *mut c_void {
        self.0
    }
}

impl Drop for RankStore {
    fn drop(&mut self) {
        // SAFETY: it is of `lawn_rank_store_open`, and closed once.
        unsafe { sys::lawn_rank_store_close(self.0) };
    }
}

pub(super) fn text(text: &str) -> Result<CString, String> {
    CString::new(text).map_err(|_| format!("{text:?} has a null character"))
}

pub(super) fn millis(time: Duration) -> i64 {
    i64::try_from(time.as_millis()).unwrap_or(i64::MAX)
}
