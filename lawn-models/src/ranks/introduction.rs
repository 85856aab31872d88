//! What ranks say of themselves as they meet.

use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use tch::Device;

use super::Patience;
use super::error::RanksError;
use super::membership::RankMembership;
use super::store::RankStore;

/// How long the store is asked at once.
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// Where a rank computes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RankPlace {
    /// The name of its machine.
    pub host: String,
    /// Its device: `cpu`, or the number of a GPU there and its model.
    pub device: String,
}

impl RankPlace {
    fn of_this_process(device: Device) -> Self {
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
    /// What tells its GPU from all others; nothing for a rank without one.
    gpu: String,
}

/// Says who this is, and waits until all have: where each computes. Refuses two ranks with one GPU.
pub(super) fn introduce(
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
    let key = |rank: u32| format!("here/{rank}");
    let introduction = Introduction {
        place: RankPlace::of_this_process(device),
        gpu,
    };
    let said = serde_json::to_vec(&introduction).expect("plain data has a JSON form");
    store.set(&key(membership.rank), &said).map_err(refused)?;
    let since = Instant::now();
    let (mut gpus, mut places) = (Vec::new(), Vec::new());
    for rank in 0..membership.ranks {
        let found = loop {
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
        gpus.push(found.gpu);
        places.push(found.place);
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
