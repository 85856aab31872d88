use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tch::Tensor;

use super::*;

/// Numbers: sample `i` of epoch `e` is `1000 e + i`.
#[derive(Default)]
struct Numbers {
    together: u64,
    /// The sample that cannot be read, and the one that panics.
    broken: Option<u64>,
    panics: Option<u64>,
    /// Batches that were made, and the greatest number of samples in one.
    made: AtomicU64,
    greatest: AtomicU64,
}

impl Dataset for Numbers {
    fn len(&self) -> u64 {
        100
    }

    fn batch(&self, samples: Range<u64>, epoch: u64) -> Result<Batch, DataError> {
        self.made.fetch_add(1, Ordering::SeqCst);
        let count = samples.end - samples.start;
        self.greatest.fetch_max(count, Ordering::SeqCst);
        if self.broken.is_some_and(|one| samples.contains(&one)) {
            return Err(DataError::Image {
                path: PathBuf::from("train/class001/000042.jpg"),
                reason: "it is cut off".to_owned(),
            });
        }
        if self.panics.is_some_and(|one| samples.contains(&one)) {
            resume_unwind(Box::new("the decoder broke"));
        }
        let numbers: Vec<i64> = samples.map(|one| (1000 * epoch + one) as i64).collect();
        Ok(Batch {
            inputs: vec![Tensor::from_slice(&numbers)],
            targets: Tensor::from_slice(&numbers),
        })
    }

    fn together(&self) -> u64 {
        self.together
    }
}

/// Batches of 30 of three epochs of 100.
fn requests() -> impl Iterator<Item = Request> + Send {
    (1..=3).flat_map(|epoch| {
        (0..100).step_by(30).map(move |start| Request {
            epoch,
            samples: start..(start + 30).min(100),
        })
    })
}

fn start(numbers: Numbers) -> (Arc<Numbers>, Loader) {
    start_with(numbers, requests())
}

fn start_with(
    numbers: Numbers,
    requests: impl Iterator<Item = Request> + Send + 'static,
) -> (Arc<Numbers>, Loader) {
    let numbers = Arc::new(numbers);
    let dataset: Arc<dyn Dataset> = numbers.clone();
    let loader = Loader::start(dataset, Device::Cpu, requests);
    (numbers, loader)
}

/// The second half of each, as a rank asks for.
fn halves() -> impl Iterator<Item = Request> + Send {
    requests().map(|Request { epoch, samples }| Request {
        epoch,
        samples: (samples.start + samples.end) / 2..samples.end,
    })
}

/// What a rank asks for lies apart, and is brought to the device together all the same.
#[test]
fn ranges_that_lie_apart_are_one_block() {
    for (together, blocks) in [(1, 12), (30, 6), (100, 3)] {
        let (_, mut loader) = start_with(
            Numbers {
                together,
                ..Numbers::default()
            },
            halves(),
        );
        let mut kept: Vec<Batch> = Vec::new();
        for expected in halves() {
            let (request, batch) = loader.next_batch().unwrap().expect("all are answered");
            assert_eq!(request, expected);
            let wanted: Vec<i64> = expected
                .samples
                .map(|one| (1000 * expected.epoch + one) as i64)
                .collect();
            assert_eq!(Vec::<i64>::try_from(&batch.inputs[0]).unwrap(), wanted);
            assert_eq!(Vec::<i64>::try_from(&batch.targets).unwrap(), wanted);
            kept.push(batch);
        }
        assert!(loader.next_batch().unwrap().is_none());
        // Batches of one block lie one behind the other in memory.
        let begins = |pair: &[Batch]| {
            let [one, next] = [&pair[0].targets, &pair[1].targets];
            let end = one.data_ptr() as usize + 8 * one.numel();
            end != next.data_ptr() as usize
        };
        let found = 1 + kept.windows(2).filter(|pair| begins(pair)).count();
        assert_eq!(found, blocks, "{together}");
    }
}

#[test]
fn batches_come_as_asked_for_however_they_are_moved() {
    for together in [0, 1, 60, 90, 100_000] {
        let (numbers, mut loader) = start(Numbers {
            together,
            ..Numbers::default()
        });
        for expected in requests() {
            let (request, batch) = loader.next_batch().unwrap().expect("all are answered");
            assert_eq!(request, expected);
            let wanted: Vec<i64> = expected
                .samples
                .map(|one| (1000 * expected.epoch + one) as i64)
                .collect();
            assert_eq!(Vec::<i64>::try_from(&batch.inputs[0]).unwrap(), wanted);
            assert_eq!(Vec::<i64>::try_from(&batch.targets).unwrap(), wanted);
        }
        assert!(loader.next_batch().unwrap().is_none());
        assert!(loader.next_batch().unwrap().is_none());
        let greatest = numbers.greatest.load(Ordering::SeqCst);
        assert!(greatest <= together.max(30), "{greatest} of {together}");
    }
}

/// With one batch in use there is one ready and one in the making, and no more, however
/// long training takes.
#[test]
fn no_more_is_made_than_can_be_used_soon() {
    let (numbers, mut loader) = start(Numbers::default());
    for used in 1..=6 {
        loader.next_batch().unwrap().expect("there are twelve");
        let bound = used + 1 + READY as u64;
        // Long enough for a loader without a bound to make them all.
        std::thread::sleep(Duration::from_millis(30));
        assert_eq!(numbers.made.load(Ordering::SeqCst), bound);
    }
    drop(loader);
    let made = numbers.made.load(Ordering::SeqCst);
    assert!(made <= 6 + 2 + READY as u64, "{made}");
}

#[test]
fn an_error_comes_in_its_place_and_names_the_file() {
    let (_, mut loader) = start(Numbers {
        broken: Some(42),
        ..Numbers::default()
    });
    assert!(loader.next_batch().unwrap().is_some());
    let error = loader.next_batch().unwrap_err().to_string();
    assert!(error.contains("train/class001/000042.jpg"), "{error}");
    assert!(loader.next_batch().unwrap().is_none());
}

#[test]
fn a_panic_of_the_thread_reaches_who_asks() {
    let (_, mut loader) = start(Numbers {
        panics: Some(99),
        ..Numbers::default()
    });
    for _ in 0..3 {
        assert!(loader.next_batch().unwrap().is_some());
    }
    let panic = catch_unwind(AssertUnwindSafe(|| loader.next_batch())).unwrap_err();
    assert_eq!(panic.downcast_ref(), Some(&"the decoder broke"));
}

#[test]
fn a_loader_that_is_dropped_ends_its_thread() {
    let (numbers, mut loader) = start(Numbers::default());
    assert!(loader.next_batch().unwrap().is_some());
    drop(loader);
    assert_eq!(Arc::strong_count(&numbers), 1);
}
