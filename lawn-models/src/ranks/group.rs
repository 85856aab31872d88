//! Sums and copies over ranks, by `cpp/rank_group.cpp`.

use std::cell::RefCell;
use std::ffi::c_void;
use std::path::Path;
use std::ptr;
use std::time::{Duration, Instant};

use tch::{Device, Kind, Tensor};

use super::error::RanksError;
use super::interface;
use super::introduction::{RankPlace, introduce, word_of_refusal};
use super::meeting;
use super::membership::RankMembership;
use super::store::{RankStore, millis, text};
use super::sys;
use super::watch::{End, Watch};
use super::{Patience, RankTimeouts};

/// How long one call waits before it is looked who is lost.
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// How long rank 0 keeps the store for ranks that are about to end.
const FAREWELL: Duration = Duration::from_secs(5);

/// Elements of one broadcast at most.
const AT_ONCE: i64 = 1 << 28;

/// A group of ranks that have met.
///
/// Every rank calls the same methods in the same order. Sums are taken in an order that depends
/// on the number of ranks alone, so that they repeat bit for bit, and all ranks get the same bits.
#[derive(Debug)]
pub struct RankGroup {
    membership: RankMembership,
    places: Vec<RankPlace>,
    group: *mut c_void,
    store: RankStore,
    watch: RefCell<Watch>,
    timeouts: RankTimeouts,
    /// How many words were told or heard.
    words: RefCell<u64>,
    /// Whether the group has come to an end that all know of.
    is_over: RefCell<bool>,
}

impl RankGroup {
    /// Meets the other ranks. `folder` is one that all of them share, `device` what this one
    /// computes on.
    ///
    /// # Errors
    /// [`RanksError`] where they do not find each other in time, [`RanksError::SharedDevice`], and
    /// [`RanksError::Environment`] where ranks of several machines are to connect by a network that this one
    /// does not have.
    pub fn meet(
        membership: RankMembership,
        folder: &Path,
        device: Device,
        timeouts: RankTimeouts,
    ) -> Result<Self, RanksError> {
        Self::meet_patiently(membership, folder, device, timeouts, &|_, _| true)
    }

    /// As [`meet`](Self::meet); `patience` is told several times a second what is waited for.
    ///
    /// # Errors
    /// As [`meet`](Self::meet), and [`RanksError::Meeting`] where `patience` is at its end.
    pub fn meet_patiently(
        membership: RankMembership,
        folder: &Path,
        device: Device,
        timeouts: RankTimeouts,
        patience: Patience<'_>,
    ) -> Result<Self, RanksError> {
        let (store, meeting) = meeting::meet(&membership, folder, timeouts.meeting, patience)?;
        let refused = |reason: String| RanksError::Meeting {
            rank: membership.rank,
            ranks: membership.ranks,
            place: format!("at {}", membership.address),
            reason,
        };
        let places = introduce(&membership, &store, device, timeouts.meeting, patience)?;
        let own = meeting.connect(None, timeouts.silence).map_err(refused)?;
        let (rank, ranks) = (membership.rank, membership.ranks);
        let watch = Watch::start(own, &membership, timeouts.silence);
        let is_local = membership.is_of_one_machine();
        let host = if is_local {
            membership.address.as_str()
        } else {
            ""
        };
        let interface = interface::asked();
        let [host, interface] = [host, interface.as_str()].map(text);
        let (host, interface) = (host.map_err(refused)?, interface.map_err(refused)?);
        let mut group = ptr::null_mut();
        // SAFETY: the store is open, both strings have an end and outlive the call; `group` is
        // written to where nothing went wrong. All ranks are there: who does not come to connect has
        // ended in between. Later Gloo gives up only after the watch has.
        unsafe {
            sys::answered(sys::lawn_rank_group_open(
                store.as_ptr(),
                rank as i32,
                ranks as i32,
                host.as_ptr(),
                interface.as_ptr(),
                millis(timeouts.silence),
                millis(2 * timeouts.sum),
                &raw mut group,
            ))
            // One that came later may have said what is wrong.
            .map_err(|reason| refused(word_of_refusal(&store).unwrap_or(reason)))?;
        }
        let found = Self {
            membership,
            places,
            group,
            store,
            watch: RefCell::new(watch),
            timeouts,
            words: RefCell::new(0),
            is_over: RefCell::new(false),
        };
        found.barrier()?;
        meeting::forget(&found.membership, folder);
        Ok(found)
    }

    /// Which rank this is.
    #[must_use]
    pub fn membership(&self) -> &RankMembership {
        &self.membership
    }

    /// Where each rank computes.
    #[must_use]
    pub fn places(&self) -> &[RankPlace] {
        &self.places
    }

    /// Tells the others a word, as rank 0 does.
    ///
    /// # Errors
    /// [`RanksError::Gone`].
    pub fn tell(&self, word: &str) -> Result<(), RanksError> {
        let told = self.store.set(&self.next_word(), word.as_bytes());
        told.map_err(|reason| self.watch.borrow().gone(reason))
    }

    /// Waits for the next word of rank 0.
    ///
    /// # Errors
    /// [`RanksError`] where a rank is lost before.
    pub fn hear(&self) -> Result<String, RanksError> {
        let key = self.next_word();
        loop {
            match self.store.get(&key, LOOK_EVERY) {
                Ok(Some(word)) => return Ok(String::from_utf8_lossy(&word).into_owned()),
                Ok(None) => {
                    if let Some(lost) = self.watch.borrow().lost() {
                        return Err(self.leave(lost));
                    }
                }
                Err(reason) => return Err(self.watch.borrow().gone(reason)),
            }
        }
    }

    fn next_word(&self) -> String {
        let mut words = self.words.borrow_mut();
        *words += 1;
        format!("word/{words}")
    }

    /// Ends the group in order: all ranks have come to the same end.
    ///
    /// # Errors
    /// [`RanksError`] where a rank does not come.
    pub fn finish(&self) -> Result<(), RanksError> {
        self.barrier()?;
        self.end(End::Over);
        if self.membership.rank == 0 {
            self.watch
                .borrow()
                .wait_for_end_of_others(&self.store, FAREWELL);
        }
        Ok(())
    }

    /// Says to the others that this rank cannot go on, and why. Nothing is said after an end.
    pub fn fail(&self, reason: &str) {
        self.end(End::Failed(reason));
        if self.membership.rank == 0 {
            // They hear it from the store, which this process keeps, or find by it who is gone.
            self.watch
                .borrow()
                .wait_for_end_of_others(&self.store, FAREWELL);
        }
    }

    fn end(&self, end: End<'_>) {
        if !self.is_over.replace(true) {
            self.watch.borrow_mut().end(&self.store, end);
        }
    }

    /// Takes leave after a rank was lost.
    fn leave(&self, lost: RanksError) -> RanksError {
        if !self.is_over.replace(true) {
            self.watch.borrow_mut().end(&self.store, End::Lost);
        }
        lost
    }

    /// Waits until all ranks have come here.
    ///
    /// # Errors
    /// [`RanksError`] where a rank is lost, as of all sums.
    pub fn barrier(&self) -> Result<(), RanksError> {
        self.sum(&Tensor::zeros([1], (Kind::Double, Device::Cpu)))
    }

    /// Puts the sum over the ranks in the place of a tensor of the CPU, which is contiguous.
    ///
    /// # Errors
    /// [`RanksError`] where a rank is lost, or does not come in time.
    pub fn sum(&self, tensor: &Tensor) -> Result<(), RanksError> {
        let mut work = ptr::null_mut();
        // SAFETY: group and tensor are there; the work keeps the tensor's memory.
        let begun = unsafe {
            sys::answered(sys::lawn_rank_sum(
                self.group,
                sys::pointer(tensor),
                &raw mut work,
            ))
        };
        self.finish_work(begun, work)
    }

    /// Puts a tensor of rank `from` in the place of those of all; as [`sum`](Self::sum).
    ///
    /// # Errors
    /// As [`sum`](Self::sum).
    pub fn broadcast(&self, tensor: &Tensor, from: u32) -> Result<(), RanksError> {
        let flat = tensor.flatten(0, -1);
        let count = flat.numel() as i64;
        let mut start = 0;
        while start < count {
            let part = flat.narrow(0, start, AT_ONCE.min(count - start));
            let mut work = ptr::null_mut();
            // SAFETY: as of `sum`; the part shares its memory with the tensor.
            let begun = unsafe {
                sys::answered(sys::lawn_rank_broadcast(
                    self.group,
                    sys::pointer(&part),
                    from as i32,
                    &raw mut work,
                ))
            };
            self.finish_work(begun, work)?;
            start += AT_ONCE;
        }
        Ok(())
    }

    /// Bytes of rank 0, on all ranks.
    ///
    /// # Errors
    /// As [`sum`](Self::sum).
    pub(crate) fn broadcast_bytes(&self, own: &[u8]) -> Result<Vec<u8>, RanksError> {
        let is_first = self.membership.rank == 0;
        let length = Tensor::from_slice(&[if is_first { own.len() as i64 } else { 0 }]);
        self.sum(&length)?;
        let length = length.int64_value(&[0]);
        let tensor = match is_first {
            true => Tensor::from_slice(own),
            false => Tensor::zeros([length], (Kind::Uint8, Device::Cpu)),
        };
        self.broadcast(&tensor, 0)?;
        let mut bytes = vec![0u8; length as usize];
        tensor.copy_data(&mut bytes, length as usize);
        Ok(bytes)
    }

    /// The rows of all ranks, in the order of the ranks: `[n, …]` here to `[Σ n, …]`, whatever
    /// number `n` of rows each rank has. On the CPU.
    ///
    /// # Errors
    /// As [`sum`](Self::sum).
    pub fn gather_rows(&self, own: &Tensor) -> Result<Tensor, RanksError> {
        let ranks = i64::from(self.membership.ranks);
        let counts = Tensor::zeros([ranks], (Kind::Int64, Device::Cpu));
        let rows = own.size()[0];
        let rank = i64::from(self.membership.rank);
        let _ = counts.get(rank).fill_(rows);
        self.sum(&counts)?;
        let counts: Vec<i64> = Vec::try_from(counts).expect("i64");
        let most = counts.iter().copied().max().unwrap_or(0);
        let mut shape = own.size();
        shape[0] = most;
        let padded = Tensor::zeros(&shape[..], (own.kind(), Device::Cpu));
        padded.narrow(0, 0, rows).copy_(own);
        shape[0] = most * ranks;
        let all = Tensor::zeros(&shape[..], (own.kind(), Device::Cpu));
        if most == 0 {
            return Ok(all);
        }
        let mut work = ptr::null_mut();
        // SAFETY: group and tensors are there; the work keeps their memory.
        let begun = unsafe {
            sys::answered(sys::lawn_rank_gather(
                self.group,
                sys::pointer(&padded),
                sys::pointer(&all),
                &raw mut work,
            ))
        };
        self.finish_work(begun, work)?;
        let parts = counts.iter().zip(0..);
        let parts: Vec<Tensor> = parts
            .map(|(&count, rank)| all.narrow(0, rank * most, count))
            .collect();
        Ok(Tensor::cat(&parts, 0))
    }

    /// The texts of all ranks, in the order of the ranks.
    ///
    /// # Errors
    /// As [`sum`](Self::sum).
    pub(crate) fn gather_texts(&self, own: &str) -> Result<Vec<String>, RanksError> {
        let length = Tensor::from_slice(&[own.len() as i64]);
        let lengths = Vec::<i64>::try_from(self.gather_rows(&length)?).expect("i64");
        let all = self.gather_rows(&Tensor::from_slice(own.as_bytes()))?;
        let bytes = Vec::<u8>::try_from(all).expect("u8");
        let mut rest = &bytes[..];
        let texts = lengths.into_iter().map(|length| {
            let (text, behind) = rest.split_at(length as usize);
            rest = behind;
            String::from_utf8_lossy(text).into_owned()
        });
        Ok(texts.collect())
    }

    /// Gives each rank its rows, and takes those that the others have for this one: they come in the
    /// order of the ranks, so many of each. `given` are the rows for each rank, in their order in
    /// `rows`. All on the CPU.
    ///
    /// # Errors
    /// As [`sum`](Self::sum).
    ///
    /// # Panics
    /// If there are not as many numbers of rows as ranks.
    pub fn exchange_rows(
        &self,
        rows: &Tensor,
        given: &[i64],
    ) -> Result<(Tensor, Vec<i64>), RanksError> {
        let one = vec![1; given.len()];
        let taken = self.exchange_known(&Tensor::from_slice(given), &one, &one)?;
        let taken: Vec<i64> = Vec::try_from(taken).expect("i64");
        Ok((self.exchange_known(rows, given, &taken)?, taken))
    }

    /// As [`exchange_rows`](Self::exchange_rows), where it is known how many rows come from each rank.
    ///
    /// # Errors
    /// As [`sum`](Self::sum).
    ///
    /// # Panics
    /// If there are not as many numbers of rows as ranks.
    pub fn exchange_known(
        &self,
        rows: &Tensor,
        given: &[i64],
        taken: &[i64],
    ) -> Result<Tensor, RanksError> {
        let ranks = self.membership.ranks as usize;
        assert!(
            given.len() == ranks && taken.len() == ranks,
            "a number of rows for each rank"
        );
        let mut shape = rows.size();
        shape[0] = taken.iter().sum();
        let filled = Tensor::zeros(&shape[..], (rows.kind(), Device::Cpu));
        let rows = rows.contiguous();
        let mut work = ptr::null_mut();
        // SAFETY: group and tensors are there, the work keeps their memory; both lists have as
        // many numbers as there are ranks, and are copied by the call.
        let begun = unsafe {
            sys::answered(sys::lawn_rank_exchange(
                self.group,
                sys::pointer(&rows),
                sys::pointer(&filled),
                given.as_ptr(),
                taken.as_ptr(),
                ranks as i64,
                &raw mut work,
            ))
        };
        self.finish_work(begun, work)?;
        Ok(filled)
    }

    fn finish_work(&self, begun: Result<(), String>, work: *mut c_void) -> Result<(), RanksError> {
        if let Err(reason) = begun {
            let gone = self.watch.borrow().gone(reason);
            return Err(self.leave(gone));
        }
        let waited = self.wait(|time| {
            let mut done = 0;
            // SAFETY: the work was begun and not forgotten yet.
            let answer = unsafe { sys::answered(sys::lawn_rank_wait(work, time, &raw mut done)) };
            answer.map(|()| done != 0)
        });
        // SAFETY: it is of this call, and nobody uses it afterwards.
        unsafe { sys::lawn_rank_forget(work, i32::from(waited.is_ok())) };
        waited
    }

    /// Waits for something that `look`, which is given milliseconds, says is done.
    pub(super) fn wait(
        &self,
        mut look: impl FnMut(i64) -> Result<bool, String>,
    ) -> Result<(), RanksError> {
        let (since, sum) = (Instant::now(), self.watch.borrow().count_sum());
        loop {
            match look(millis(LOOK_EVERY)) {
                Ok(true) => return Ok(()),
                Ok(false) => {}
                Err(reason) => {
                    let gone = self.watch.borrow().gone(reason);
                    return Err(self.leave(gone));
                }
            }
            let lost = self.watch.borrow().lost();
            if let Some(lost) = lost {
                return Err(self.leave(lost));
            }
            let seconds = since.elapsed();
            if seconds > self.timeouts.sum {
                let ranks = self.watch.borrow().late(sum);
                return Err(self.leave(RanksError::Late {
                    ranks,
                    rank: self.membership.rank,
                    sum,
                    seconds: seconds.as_secs(),
                }));
            }
        }
    }

    /// What went wrong on this rank, or with another that made it so.
    pub(super) fn failed(&self, reason: String) -> RanksError {
        let culprit = self.watch.borrow().culprit(&reason);
        match culprit {
            Some(lost) => self.leave(lost),
            None => RanksError::Failed {
                rank: self.membership.rank,
                reason,
            },
        }
    }

    pub(super) fn as_ptr(&self) -> *mut c_void {
        self.group
    }
}

impl Drop for RankGroup {
    fn drop(&mut self) {
        let ended_in_order = *self.is_over.borrow() && self.watch.borrow().lost().is_none();
        self.end(End::Failed("its process has ended"));
        if ended_in_order {
            // SAFETY: it is of `lawn_rank_group_open`, closed once; nothing is under way.
            unsafe { sys::lawn_rank_group_close(self.group) };
        }
        // Else Gloo may wait for a rank that will never answer: it ends with the process.
    }
}
