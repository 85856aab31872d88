//! What ranks say of themselves as they meet.

use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use tch::Device;

use super::Patience;
use super::error::RanksError;
use super::interface::require_interface;
use super::membership::RankMembership;
use super::store::RankStore;

/// How long the store is asked at once.
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// How long the store is kept where the ranks do not go together, for others to hear it from there.
const FAREWELL: Duration = Duration::from_secs(1);

/// The key of why the ranks do not go together.
const REFUSAL: &str = "refusal";

/// Where a rank computes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RankPlace {
    /// The name of its machine.
    pub host: String,
    /// Its device: `cpu`, or the number of a GPU there and its model.
    pub device: String,
}

impl RankPlace {
    pub(super) fn of_this_process(device: Device) -> Self {
        let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
        let device = match device {
            Device::Cuda(index) => {
                let driver = crate::device::cuda_driver().ok();
                let card = driver.as_ref().and_then(|driver| driver.cards.get(index));
                let model = card.map_or("", |card| &card.name);
                format!("cuda:{index} {model}").trim_end().to_owned()
            }
            _ => "cpu".to_owned(),
        };
        Self {
            host: host.trim().to_owned(),
            device,
        }
    }
}

/// What a rank says of itself.
#[derive(Serialize, Deserialize)]
struct Introduction {
    place: RankPlace,
    /// How many ranks it was told that there are.
    ranks: u32,
    /// What tells its GPU from all others; nothing for a rank without one.
    gpu: String,
}

/// Says who this is, and waits until all have: where each computes. Refuses two ranks with one GPU, two
/// processes that are one rank, ranks that were told of another number of them, and one that is to
/// connect by a network which its machine does not have.
pub(super) fn introduce(
    membership: &RankMembership,
    store: &RankStore,
    device: Device,
    timeout: Duration,
    patience: Patience<'_>,
) -> Result<Vec<RankPlace>, RanksError> {
    let met = hear_of_all(membership, store, device, timeout, patience);
    if let Err(error) = &met {
        let is_own = matches!(
            error,
            RanksError::OtherCount { .. } | RanksError::Environment { .. }
        );
        if is_own {
            refuse(store, error);
        }
        if membership.keeps_store() {
            std::thread::sleep(FAREWELL);
        }
    }
    met
}

/// Says to all that are still meeting why they do not go together.
fn refuse(store: &RankStore, error: &RanksError) {
    // Where the store is gone, those who would hear of it are too.
    let _ = store.set(REFUSAL, error.to_string().as_bytes());
}

/// What [`refuse`] has said, if it has.
pub(super) fn word_of_refusal(store: &RankStore) -> Option<String> {
    let word = store.get(REFUSAL, Duration::ZERO).ok()??;
    Some(String::from_utf8_lossy(&word).into_owned())
}

/// Takes the number of this rank for this process, at whatever store: refuses it where another process
/// has it.
pub(super) fn take_number(rank: u32, store: &RankStore) -> Result<(), RanksError> {
    match store.count(&format!("number/{rank}")) {
        Ok(1) => Ok(()),
        Ok(_) => {
            let error = RanksError::Twice {
                rank,
                process: std::process::id(),
                host: RankPlace::of_this_process(Device::Cpu).host,
            };
            refuse(store, &error);
            Err(error)
        }
        // What follows says it.
        Err(_) => Ok(()),
    }
}

fn hear_of_all(
    membership: &RankMembership,
    store: &RankStore,
    device: Device,
    timeout: Duration,
    patience: Patience<'_>,
) -> Result<Vec<RankPlace>, RanksError> {
    let refused = |reason: String| RanksError::Meeting {
        rank: membership.rank,
        ranks: membership.ranks,
        place: format!("at {}", membership.address),
        reason,
    };
    // The number of a GPU counts those that are visible, which may be others for another process.
    let gpu = match device {
        Device::Cuda(index) => crate::device::cuda_device_id(index).unwrap_or_default(),
        _ => String::new(),
    };
    take_number(membership.rank, store)?;
    if !membership.is_of_one_machine() {
        require_interface()?;
    }
    let key = |rank: u32| format!("here/{rank}");
    let introduction = Introduction {
        place: RankPlace::of_this_process(device),
        ranks: membership.ranks,
        gpu,
    };
    let said = serde_json::to_vec(&introduction).expect("plain data has a JSON form");
    store.set(&key(membership.rank), &said).map_err(refused)?;
    let since = Instant::now();
    let (mut gpus, mut places) = (Vec::new(), Vec::new());
    for rank in 0..membership.ranks {
        let found = loop {
            if let Some(reason) = word_of_refusal(store) {
                return Err(refused(reason));
            }
            if let Some(found) = store.get(&key(rank), LOOK_EVERY).map_err(refused)? {
                break found;
            }
            let waited = since.elapsed();
            if waited > timeout {
                let seconds = timeout.as_secs();
                let reason = format!("rank {rank} has not come within {seconds} s");
                return Err(refused(reason));
            }
            if !patience(&format!("rank {rank} of {}", membership.ranks), waited) {
                return Err(refused(format!("stopped while it waited for rank {rank}")));
            }
        };
        let found: Introduction = serde_json::from_slice(&found)
            .map_err(|error| refused(format!("rank {rank} is of another build: {error}")))?;
        if found.ranks != membership.ranks {
            return Err(RanksError::OtherCount {
                rank: membership.rank,
                ranks: membership.ranks,
                other: rank,
                told: found.ranks,
            });
        }
        gpus.push(found.gpu);
        places.push(found.place);
    }
    // One that has come since may have found more.
    if let Some(reason) = word_of_refusal(store) {
        return Err(refused(reason));
    }
    require_one_each(&gpus)?;
    Ok(places)
}

/// Refuses two ranks with one GPU, given what tells that of each rank from all others, or nothing
/// for a rank without one.
fn require_one_each(gpus: &[String]) -> Result<(), RanksError> {
    for (rank, gpu) in gpus.iter().enumerate() {
        let earlier = gpus[..rank].iter().position(|other| other == gpu);
        if let Some(other) = earlier.filter(|_| !gpu.is_empty()) {
            return Err(RanksError::SharedDevice {
                rank: rank as u32,
                other: other as u32,
                gpu: gpu.clone(),
            });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A store, and a connection to it a rank.
    fn stores(count: usize) -> Vec<RankStore> {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let time = Duration::from_secs(10);
        let first = RankStore::open(("127.0.0.1", port), Some(listener), "one", time).unwrap();
        let others = (1..count).map(|_| RankStore::open(("127.0.0.1", port), None, "one", time));
        std::iter::once(first)
            .chain(others.map(Result::unwrap))
            .collect()
    }

    /// What each of these ranks, as (number, of how many), says of its meeting with the others.
    fn met(ranks: &[(u32, u32)]) -> Vec<String> {
        let meet = |(&(rank, ranks), store): (&(u32, u32), RankStore)| {
            let membership = RankMembership {
                rank,
                ..RankMembership::first_of(ranks)
            };
            std::thread::spawn(move || {
                let time = Duration::from_secs(20);
                let met = introduce(&membership, &store, Device::Cpu, time, &|_, _| true);
                let said = met.map(|places| places.len().to_string());
                (said.unwrap_or_else(|error| error.to_string()), store)
            })
        };
        let threads: Vec<_> = ranks.iter().zip(stores(ranks.len())).map(meet).collect();
        // The store is there until all are through.
        let ends: Vec<_> = threads.into_iter().map(|one| one.join().unwrap()).collect();
        ends.into_iter().map(|(said, _)| said).collect()
    }

    #[test]
    fn ranks_that_were_told_of_other_numbers_of_them_say_so() {
        let since = Instant::now();
        assert_eq!(met(&[(0, 2), (1, 2)]), ["2", "2"]);
        for said in met(&[(0, 2), (1, 3)]) {
            let of_first = "rank 0 was told that there are 2 ranks, and rank 1 that there are 3";
            let of_second = "rank 1 was told that there are 3 ranks, and rank 0 that there are 2";
            let is_named = said.contains(of_first) || said.contains(of_second);
            assert!(
                is_named && said.contains("WORLD_SIZE must be the same"),
                "{said}"
            );
        }
        assert!(since.elapsed() < Duration::from_secs(10));
    }

    #[test]
    fn two_processes_that_are_one_rank_end_all_that_wait() {
        let since = Instant::now();
        for said in met(&[(0, 3), (1, 3), (1, 3)]) {
            let words = format!("rank 1 is there twice: process {}", std::process::id());
            assert!(said.contains(&words), "{said}");
        }
        assert!(since.elapsed() < Duration::from_secs(10));
    }

    #[test]
    fn two_ranks_with_one_gpu_are_refused_by_name() {
        let of = |gpus: &[&str]| {
            let gpus: Vec<String> = gpus.iter().map(|gpu| (*gpu).to_owned()).collect();
            require_one_each(&gpus)
        };
        of(&["", "", ""]).unwrap();
        of(&["a1", "b2", ""]).unwrap();
        let said = of(&["a1", "b2", "", "b2"]).unwrap_err().to_string();
        assert!(
            said.contains("rank 3 has the GPU b2, as rank 1 has"),
            "{said}"
        );
    }
}
