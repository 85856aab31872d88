//! Brings the batches of a data set to a device while those before them are trained on.

use std::iter::Peekable;
use std::ops::Range;
use std::panic::resume_unwind;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread::JoinHandle;

use tch::Device;

use super::dataset::{Batch, Dataset};
use super::error::DataError;

/// Blocks that lie ready. One more is in use and one is being made.
const READY: usize = 1;

/// Samples that are asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// The epoch, from 1.
    pub epoch: u64,
    /// Their numbers in it.
    pub samples: Range<u64>,
}

/// Gives batches in the order in which they are asked for.
///
/// A thread of its own reads and decodes them and brings them to the device. However much
/// there is to come, it holds three blocks at most: one in use, one ready, one in the
/// making. A block is one batch, or as many small ones as are best moved together
/// ([`Dataset::together`]). What the data set does, an error or a panic, reaches whoever
/// asks for the batch.
///
/// ```
/// use std::ops::Range;
/// use std::sync::Arc;
///
/// use lawn_models::{Batch, DataError, Dataset, Device, Loader, Request};
/// use tch::Tensor;
///
/// /// Sample `i` is the number `i`.
/// struct Numbers;
///
/// impl Dataset for Numbers {
///     fn len(&self) -> u64 {
///         100
///     }
///     fn batch(&self, samples: Range<u64>, _epoch: u64) -> Result<Batch, DataError> {
///         let numbers: Vec<i64> = samples.map(|i| i as i64).collect();
///         let numbers = Tensor::from_slice(&numbers);
///         Ok(Batch { inputs: vec![numbers.shallow_clone()], targets: numbers })
///     }
/// }
///
/// let requests = [0..60, 60..100].map(|samples| Request { epoch: 1, samples });
/// let mut loader = Loader::start(Arc::new(Numbers), Device::Cpu, requests.into_iter());
/// let mut sizes = Vec::new();
/// while let Some((_, batch)) = loader.next_batch()? {
///     sizes.push(batch.targets.size()[0]);
/// }
/// assert_eq!(sizes, [60, 40]);
/// # Ok::<(), DataError>(())
/// ```
#[derive(Debug)]
pub struct Loader {
    /// None once it is closed.
    blocks: Option<Receiver<Result<Block, DataError>>>,
    thread: Option<JoinHandle<()>>,
    /// The block in use, and how many of its requests have been given.
    current: Option<(Block, usize)>,
}

/// Requests of one epoch, and their samples, one after the other.
#[derive(Debug)]
struct Block {
    requests: Vec<Request>,
    /// Where the samples of each begin, and those of the next.
    starts: Vec<u64>,
    batch: Batch,
}

impl Block {
    /// What is asked for is made range by range, and brought to the device at once.
    fn make(dataset: &dyn Dataset, device: Device, asked: Vec<Request>) -> Result<Self, DataError> {
        let epoch = asked[0].epoch;
        let follow = |one: &Request, next: &Request| one.samples.end == next.samples.start;
        let ranges = asked.chunk_by(follow);
        let ranges: Vec<Range<u64>> = ranges
            .map(|run| run[0].samples.start..run[run.len() - 1].samples.end)
            .collect();
        let batch = match &ranges[..] {
            [range] => dataset.batch_on(range.clone(), epoch, device)?,
            ranges => {
                let parts = ranges
                    .iter()
                    .map(|range| dataset.batch(range.clone(), epoch));
                Batch::cat(&parts.collect::<Result<Vec<_>, _>>()?).to_device(device)
            }
        };
        let mut starts = vec![0];
        for request in &asked {
            starts.push(starts[starts.len() - 1] + request.samples.end - request.samples.start);
        }
        Ok(Self {
            requests: asked,
            starts,
            batch,
        })
    }
}

impl Loader {
    /// Begins to load what is asked for.
    pub fn start(
        dataset: Arc<dyn Dataset>,
        device: Device,
        requests: impl Iterator<Item = Request> + Send + 'static,
    ) -> Self {
        let (sender, blocks) = sync_channel(READY);
        let thread = std::thread::spawn(move || {
            let mut requests = requests.peekable();
            while let Some(asked) = block(&mut requests, dataset.together()) {
                let block = Block::make(&*dataset, device, asked);
                let failed = block.is_err();
                // Nobody listens once the loader is closed.
                if sender.send(block).is_err() || failed {
                    return;
                }
            }
        });
        Self {
            blocks: Some(blocks),
            thread: Some(thread),
            current: None,
        }
    }

    /// The next batch on the device, and the request that it answers; none where all were
    /// answered.
    ///
    /// # Errors
    /// [`DataError`] of the data set. There is nothing more after it.
    ///
    /// # Panics
    /// If the data set did.
    pub fn next_batch(&mut self) -> Result<Option<(Request, Batch)>, DataError> {
        let is_used_up = |(block, given): &mut (Block, usize)| *given == block.requests.len();
        // The old block goes first: its memory may be needed for the next.
        self.current.take_if(is_used_up);
        if self.current.is_none() {
            let Some(blocks) = &self.blocks else {
                return Ok(None);
            };
            match blocks.recv() {
                Ok(block) => self.current = Some((block?, 0)),
                Err(_) => {
                    self.blocks = None;
                    if let Some(Err(panic)) = self.thread.take().map(JoinHandle::join) {
                        resume_unwind(panic);
                    }
                    return Ok(None);
                }
            }
        }
        Ok(self.current.as_mut().map(|(block, given)| {
            let request = block.requests[*given].clone();
            let (start, end) = (block.starts[*given], block.starts[*given + 1]);
            *given += 1;
            (request, block.batch.narrow(start, end - start))
        }))
    }
}

/// The thread is waited for, so that its memory on the device is free when this is gone.
impl Drop for Loader {
    fn drop(&mut self) {
        self.blocks = None;
        if let Some(thread) = self.thread.take() {
            // A panic that nobody asked about says nothing that would be of use.
            let _ = thread.join();
        }
    }
}

/// The next requests of an epoch: one at least, and as many as have `together` samples in all. Between
/// them there may be what nobody here asks for: the shares of other ranks.
fn block(
    requests: &mut Peekable<impl Iterator<Item = Request>>,
    together: u64,
) -> Option<Vec<Request>> {
    let first = requests.next()?;
    let count = |one: &Request| one.samples.end - one.samples.start;
    let (epoch, mut samples) = (first.epoch, count(&first));
    let mut block = vec![first];
    while let Some(next) =
        requests.next_if(|next| next.epoch == epoch && samples + count(next) <= together)
    {
        samples += count(&next);
        block.push(next);
    }
    Some(block)
}

#[cfg(test)]
mod tests;
