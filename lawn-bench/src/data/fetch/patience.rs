//! How patient a download is.

use std::time::Duration;

/// How long a source is waited for, and how often it is asked.
#[derive(Debug, Clone)]
pub struct Patience {
    /// Times that a source is asked in a row without sending anything.
    pub tries: u32,
    /// The pause after the first of them; each later one is twice as long.
    pub first_pause: Duration,
    /// A pause is no longer than this, whatever the source asks for.
    pub longest_pause: Duration,
    /// Time for a connection to be made.
    pub connect: Duration,
    /// Time without a byte after which a connection counts as broken.
    pub silence: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            tries: 5,
            first_pause: Duration::from_secs(1),
            longest_pause: Duration::from_secs(60),
            connect: Duration::from_secs(20),
            silence: Duration::from_secs(60),
        }
    }
}
