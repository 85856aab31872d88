//! What ranks say of themselves as they meet.

use std::time::{Duration, Instant};

use tch::Device;

use super::Patience;
use super::error::RanksError;
use super::membership::RankMembership;
use super::store::RankStore;

/// How long the store is asked at once.
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// Says who this is, and waits until all have; refuses two ranks with one GPU.
pub(super) fn introduce(
    membership: &RankMembership,
    store: &RankStore,
    device: Device,
    timeout: Duration,
    patience: Patience<'_>,
) -> Result<(), RanksError> {
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
    let own = key(membership.rank);
    store.set(&own, gpu.as_bytes()).map_err(refused)?;
    let since = Instant::now();
    let mut gpus: Vec<String> = Vec::new();
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
        gpus.push(String::from_utf8_lossy(&found).into_owned());
    }
    require_one_each(&gpus)
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
