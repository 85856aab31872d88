//! Which CUDA device each worker's trials see.

use lawn_models::CudaProbe;

use crate::config::DeviceChoice;

/// Names of the CUDA devices that trials may use, as `CUDA_VISIBLE_DEVICES` takes them. There
/// are none where trials train on the CPU, or where there is one device at most.
pub(super) fn visible(choice: DeviceChoice) -> Vec<String> {
    if choice == DeviceChoice::Cpu {
        return Vec::new();
    }
    let count = match lawn_models::probe().cuda {
        CudaProbe::Available { devices } => usize::try_from(devices).unwrap_or(0),
        _ => 0,
    };
    named(std::env::var("CUDA_VISIBLE_DEVICES").ok().as_deref(), count)
}

/// The first `count` of the names in `given`, or numbers where nothing is given.
fn named(given: Option<&str>, count: usize) -> Vec<String> {
    match given {
        Some(names) => names
            .split(',')
            .map(|name| name.trim().to_owned())
            .take(count)
            .collect(),
        None => (0..count).map(|number| number.to_string()).collect(),
    }
}

/// The devices of `worker`, one for each rank: workers take turns over the devices.
pub(super) fn of_worker(devices: &[String], worker: usize, ranks: usize) -> Option<String> {
    if devices.is_empty() {
        return None;
    }
    let own = places(devices.len(), worker, ranks).into_iter();
    let own: Vec<&str> = own.map(|place| devices[place].as_str()).collect();
    Some(own.join(","))
}

/// The places of the devices of `worker` among so many, one for each rank; none where there are none.
pub(super) fn places(devices: usize, worker: usize, ranks: usize) -> Vec<usize> {
    let turns = worker * ranks..(worker + 1) * ranks;
    turns.filter_map(|turn| turn.checked_rem(devices)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn workers_take_turns_over_the_devices_that_are_visible() {
        let devices = named(Some("GPU-a, GPU-b"), 2);
        let turns: Vec<_> = (0..5)
            .map(|worker| of_worker(&devices, worker, 1))
            .collect();
        let [a, b] = ["GPU-a", "GPU-b"].map(|name| Some(name.to_owned()));
        assert_eq!(turns, [a.clone(), b.clone(), a.clone(), b, a]);
        let four = named(None, 4);
        let two_ranks = [0, 1, 2].map(|worker| of_worker(&four, worker, 2));
        assert_eq!(
            two_ranks,
            ["0,1", "2,3", "0,1"].map(|names| Some(names.to_owned()))
        );
        assert_eq!(places(4, 1, 2), [2, 3]);
        assert_eq!(places(1, 5, 1), [0]);
        assert_eq!(places(0, 5, 1), [0; 0]);
        assert_eq!(named(None, 3), ["0", "1", "2"]);
        assert_eq!(of_worker(&[], 1, 1), None);
    }
}
