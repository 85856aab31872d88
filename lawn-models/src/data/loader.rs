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

/// Requests that follow each other, and their samples.
#[derive(Debug)]
struct Block {
    requests: Vec<Request>,
    batch: Batch,
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
                let samples = asked[0].samples.start..asked[asked.len() - 1].samples.end;
                let batch = dataset.batch_on(samples, asked[0].epoch, device);
                let block = batch.map(|batch| Block {
                    requests: asked,
                    batch,
                });
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
            let start = request.samples.start - block.requests[0].samples.start;
            let count = request.samples.end - request.samples.start;
            *given += 1;
            (request, block.batch.narrow(start, count))
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

/// The next requests that follow each other within an epoch: one at least, and as many as
/// have `together` samples in all.
fn block(
    requests: &mut Peekable<impl Iterator<Item = Request>>,
    together: u64,
) -> Option<Vec<Request>> {
    let first = requests.next()?;
    let (epoch, start) = (first.epoch, first.samples.start);
    let mut end = first.samples.end;
    let mut block = vec![first];
    while let Some(next) = requests.next_if(|next| {
        next.epoch == epoch && next.samples.start == end && next.samples.end - start <= together
    }) {
        end = next.samples.end;
        block.push(next);
    }
    Some(block)
}

#[cfg(test)]
mod tests;
