//! Signs of life: a thread of each rank gives them, and looks for those of the others.

use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::error::RanksError;
use super::membership::RankMembership;
use super::store::RankStore;

/// Time between two signs.
const BEAT_EVERY: Duration = Duration::from_millis(500);

/// A rank that gives no sign for so long after a connection broke is the one that is gone.
const GONE_AFTER: Duration = Duration::from_millis(2500);

/// What a rank says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Sign {
    /// It computes: how often it has said so, and how many sums it has come to.
    Alive { beat: u64, sums: u64 },
    /// The trial is over for it.
    Over,
    /// It cannot go on, for a reason of its own.
    Failed(String),
    /// It has lost another.
    Lost,
}

impl Sign {
    fn to_text(&self) -> String {
        match self {
            Self::Alive { beat, sums } => format!("alive {beat} {sums}"),
            Self::Over => "over".to_owned(),
            Self::Failed(reason) => format!("failed {reason}"),
            Self::Lost => "lost".to_owned(),
        }
    }

    fn of_text(text: &str) -> Option<Self> {
        let (word, rest) = text.split_once(' ').unwrap_or((text, ""));
        Some(match word {
            "alive" => {
                let (beat, sums) = rest.split_once(' ')?;
                Self::Alive {
                    beat: beat.parse().ok()?,
                    sums: sums.parse().ok()?,
                }
            }
            "over" => Self::Over,
            "failed" => Self::Failed(rest.to_owned()),
            "lost" => Self::Lost,
            _ => return None,
        })
    }
}

fn key(rank: u32) -> String {
    format!("sign/{rank}")
}

/// What is known of another rank.
#[derive(Debug)]
struct Peer {
    rank: u32,
    sign: Option<Sign>,
    changed: Instant,
}

/// What a rank knows of itself and of the others.
#[derive(Debug)]
struct Shared {
    rank: u32,
    sums: AtomicU64,
    /// Whether the thread has no more to do.
    ended: AtomicBool,
    /// Whether it shall say no more that this rank is alive.
    said_last: AtomicBool,
    peers: Mutex<Vec<Peer>>,
    /// When the thread last came round.
    round: Mutex<Instant>,
    lost: Mutex<Option<RanksError>>,
    silence: Duration,
    /// Whether torchrun's agent keeps the store, and not rank 0.
    agent_store: bool,
}

/// The watch of a rank over the others.
#[derive(Debug)]
pub(super) struct Watch {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

impl Watch {
    /// Begins to give signs through a connection of its own.
    pub(super) fn start(store: RankStore, membership: &RankMembership, silence: Duration) -> Self {
        let &RankMembership { rank, ranks, .. } = membership;
        let now = Instant::now();
        let peer = |rank| Peer {
            rank,
            sign: None,
            changed: now,
        };
        let others = (0..ranks).filter(|other| *other != rank);
        let shared = Arc::new(Shared {
            rank,
            sums: AtomicU64::new(0),
            ended: AtomicBool::new(false),
            said_last: AtomicBool::new(false),
            peers: Mutex::new(others.map(peer).collect()),
            round: Mutex::new(now),
            lost: Mutex::new(None),
            silence,
            agent_store: membership.agent_store,
        });
        let of_thread = shared.clone();
        let thread = std::thread::spawn(move || of_thread.run(&store));
        Self {
            shared,
            thread: Some(thread),
        }
    }

    /// Counts one more sum that this rank has come to, and gives its number.
    pub(super) fn count_sum(&self) -> u64 {
        self.shared.sums.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// Whether a rank has been lost: which, and how.
    pub(super) fn lost(&self) -> Option<RanksError> {
        if let Some(lost) = lock(&self.shared.lost).clone() {
            return Some(lost);
        }
        let quiet = lock(&self.shared.round).elapsed();
        // The thread waits for an answer of the store, which does not come.
        (quiet > self.shared.silence + 2 * BEAT_EVERY).then(|| {
            let seconds = quiet.as_secs();
            match self.shared.agent_store {
                true => RanksError::AgentGone {
                    reason: format!("it has not answered for {seconds} s"),
                },
                false => RanksError::Silent {
                    ranks: vec![0],
                    seconds,
                },
            }
        })
    }

    /// Who has not come to a sum, by their last signs.
    pub(super) fn late(&self, sum: u64) -> Vec<u32> {
        let peers = lock(&self.shared.peers);
        let is_late = |peer: &&Peer| match peer.sign {
            Some(Sign::Alive { sums, .. }) => sums < sum,
            _ => true,
        };
        peers.iter().filter(is_late).map(|peer| peer.rank).collect()
    }

    /// Finds out who is gone, after a connection broke.
    pub(super) fn gone(&self, reason: String) -> RanksError {
        self.culprit(&reason).unwrap_or_else(|| RanksError::Gone {
            ranks: Vec::new(),
            reason,
        })
    }

    /// Which other rank something went wrong for, if one is found: one that says so, or that gives
    /// no sign any more.
    pub(super) fn culprit(&self, reason: &str) -> Option<RanksError> {
        let since = Instant::now();
        loop {
            std::thread::sleep(Duration::from_millis(50));
            if let Some(lost) = self.lost() {
                return Some(lost);
            }
            let waited = since.elapsed();
            let peers = lock(&self.shared.peers);
            let is_quiet = |peer: &&Peer| {
                matches!(peer.sign, Some(Sign::Alive { .. }) | None)
                    && peer.changed.elapsed() > GONE_AFTER
            };
            let quiet: Vec<u32> = peers
                .iter()
                .filter(is_quiet)
                .map(|peer| peer.rank)
                .collect();
            if !quiet.is_empty() {
                return Some(RanksError::Gone {
                    ranks: quiet,
                    reason: reason.to_owned(),
                });
            }
            if waited > 2 * GONE_AFTER {
                return None;
            }
        }
    }

    /// Says the last of this rank, and ends the watch.
    pub(super) fn end(&mut self, store: &RankStore, end: End<'_>) {
        self.shared.said_last.store(true, Ordering::Relaxed);
        let sign = match end {
            End::Over => Sign::Over,
            End::Failed(reason) => Sign::Failed(reason.lines().next().unwrap_or("").to_owned()),
            End::Lost => Sign::Lost,
        };
        let is_stuck = self.lost().is_some();
        if !is_stuck {
            let sign = sign.to_text();
            // Where the store is gone, those who would hear of it are too.
            let _ = store.set(&key(self.shared.rank), sign.as_bytes());
        }
        self.shared.ended.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take()
            && !is_stuck
        {
            thread.thread().unpark();
            let _ = thread.join();
        }
    }

    /// Waits until all others are over, or so long.
    pub(super) fn wait_for_end_of_others(&self, store: &RankStore, longest: Duration) {
        let since = Instant::now();
        let others: Vec<u32> = lock(&self.shared.peers)
            .iter()
            .map(|one| one.rank)
            .collect();
        for other in others {
            let is_over = || {
                let found = store.get(&key(other), Duration::ZERO).ok().flatten();
                let text = found.map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
                let sign = text.and_then(|text| Sign::of_text(&text));
                !matches!(sign, Some(Sign::Alive { .. }) | None)
            };
            while !is_over() && since.elapsed() < longest {
                std::thread::sleep(Duration::from_millis(5));
            }
        }
    }
}

/// How a watch ends.
pub(super) enum End<'a> {
    /// The trial is over for all.
    Over,
    /// This rank cannot go on.
    Failed(&'a str),
    /// Another was lost.
    Lost,
}

impl Shared {
    fn run(&self, store: &RankStore) {
        let mut beat = 0;
        while !self.ended.load(Ordering::Relaxed) {
            if let Err(reason) = self.round(store, beat) {
                if !self.said_last.load(Ordering::Relaxed) {
                    self.lose(match self.agent_store {
                        true => RanksError::AgentGone { reason },
                        false => RanksError::Gone {
                            ranks: vec![0],
                            reason,
                        },
                    });
                }
                return;
            }
            beat += 1;
            *lock(&self.round) = Instant::now();
            std::thread::park_timeout(BEAT_EVERY);
        }
    }

    fn round(&self, store: &RankStore, beat: u64) -> Result<(), String> {
        if !self.said_last.load(Ordering::Relaxed) {
            let sums = self.sums.load(Ordering::Relaxed);
            let sign = Sign::Alive { beat, sums }.to_text();
            store.set(&key(self.rank), sign.as_bytes())?;
        }
        let ranks: Vec<u32> = lock(&self.peers).iter().map(|peer| peer.rank).collect();
        for (at, rank) in ranks.into_iter().enumerate() {
            let found = store.get(&key(rank), Duration::ZERO)?;
            let text = found.map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
            let sign = text.and_then(|text| Sign::of_text(&text));
            let mut peers = lock(&self.peers);
            let peer = &mut peers[at];
            if sign != peer.sign {
                peer.sign = sign;
                peer.changed = Instant::now();
            }
            let quiet = peer.changed.elapsed();
            let lost = match &peer.sign {
                Some(Sign::Failed(reason)) => RanksError::Failed {
                    rank,
                    reason: reason.clone(),
                },
                Some(Sign::Alive { .. }) | None if quiet > self.silence => RanksError::Silent {
                    ranks: vec![rank],
                    seconds: quiet.as_secs(),
                },
                _ => continue,
            };
            drop(peers);
            self.lose(lost);
        }
        Ok(())
    }

    fn lose(&self, error: RanksError) {
        lock(&self.lost).get_or_insert(error);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    // What is behind these locks is whole whatever panicked.
    mutex
        .lock()
        .unwrap_or_else(|poisoned| poisoned.into_inner())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signs_are_read_as_they_were_said() {
        for sign in [
            Sign::Alive {
                beat: 7,
                sums: 1234,
            },
            Sign::Over,
            Sign::Failed("no memory: 3 GiB".into()),
            Sign::Lost,
        ] {
            assert_eq!(Sign::of_text(&sign.to_text()), Some(sign));
        }
        assert_eq!(Sign::of_text("something else"), None);
    }

    /// What goes wrong in a call of this rank is another's where that one says so, and else its own.
    #[test]
    fn the_rank_that_something_went_wrong_for_is_found() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let open = |listener| {
            let time = Duration::from_secs(10);
            RankStore::open(("127.0.0.1", port), listener, "one", time).unwrap()
        };
        let store = open(Some(listener));
        let silence = Duration::from_secs(60);
        let first = RankMembership::first_of(2);
        let other = RankMembership {
            rank: 1,
            ..first.clone()
        };
        let first = Watch::start(open(None), &first, silence);
        let mut second = Watch::start(open(None), &other, silence);
        assert!(first.culprit("no room").is_none(), "both are there");
        second.end(&store, End::Failed("out of memory: 3 GiB\nmore"));
        let found = first
            .culprit("connection closed")
            .map(|one| one.to_string());
        let said = "rank 1 cannot go on: out of memory: 3 GiB";
        assert_eq!(found.as_deref(), Some(said));
    }
}
