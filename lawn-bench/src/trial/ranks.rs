//! The processes of one trial: those that a launcher started, or that this one starts itself.

use std::cell::{Cell, RefCell};
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use lawn_models::{Device, MEETING, RankGroup, RankMembership, RankTimeouts, Ranks, RanksError};
use rustix::process::{Pid, Signal};

use super::{LAUNCHER, STOP_WITH_STDIN};
use crate::Error;
use crate::config::{Resources, Sharding};
use crate::process::spawn::this_command;
use crate::process::streams;
use crate::run::ending::RankRecord;
use crate::run::run_dir::RunDir;
use crate::run::trial_dir::TrialDir;

/// Names in the environment of a rank the process that is rank 0 and has started it.
pub(super) const FIRST_RANK: &str = "LAWN_FIRST_RANK";

/// The option that says how many ranks there are to be.
pub(super) const OPTION: &str = "--ranks";

/// How long a rank may take to end after the trial has.
const FAREWELL: Duration = Duration::from_secs(2);

/// How long a rank waits for others before it says so.
const SAY_AFTER: Duration = Duration::from_secs(10);

/// What this process is in the trial.
pub(super) struct Company {
    pub(super) ranks: Ranks,
    /// Ranks that this process has started.
    _started: Started,
}

/// What one process needs to start the others.
pub(super) struct Start<'a> {
    pub(super) run: &'a RunDir,
    pub(super) index: usize,
    pub(super) data_root: &'a Option<PathBuf>,
    /// How many ranks this process starts, itself among them, where nobody has.
    pub(super) ranks: usize,
    /// What says so.
    pub(super) told_by: &'static str,
    pub(super) resources: &'a Resources,
}

impl Company {
    /// Meets the other ranks of the trial in `dir`, where torchrun or srun has started several;
    /// where the sweep asks for several and nobody has, this process starts them on its machine.
    ///
    /// # Errors
    ///
    /// [`Error::Trial`] where they do not meet, with [`RanksError::Gone`] where a signal has ended one
    /// of them; [`Error::Spawn`].
    pub(super) fn meet(
        start: &Start<'_>,
        dir: &TrialDir,
        stop: &AtomicBool,
    ) -> Result<Self, Error> {
        let asked = u32::try_from(start.ranks).unwrap_or(u32::MAX);
        let mut started = Started(Vec::new());
        let ended = Cell::new(None);
        let membership = match RankMembership::of_this_process()? {
            Some(membership) => {
                start.note_others(&membership);
                membership
            }
            None if asked > 1 => {
                lawn_models::require_memory_of_ranks(start.ranks, None)?;
                let membership = RankMembership::first_of(asked);
                for rank in 1..asked {
                    started.0.push(start.rank(rank, &membership)?);
                }
                membership
            }
            None => {
                if std::env::var_os(LAUNCHER).is_none() {
                    start.note_alone();
                }
                return Ok(Self {
                    ranks: Ranks::alone(),
                    _started: started,
                });
            }
        };
        note_interface(&membership);
        let device = device(start.resources, &membership);
        std::fs::create_dir_all(dir.root()).map_err(Error::io("create", dir.root()))?;
        let timeouts = RankTimeouts::default();
        let (rank, said) = (membership.rank, Cell::new(false));
        let children = RefCell::new(&mut started);
        let patience = |what: &str, waited: Duration| {
            if waited > SAY_AFTER && !said.replace(true) {
                let longest = timeouts.meeting.as_secs();
                streams::say(&format!(
                    "rank {rank} waits for {what}, for {longest} s at most"
                ));
            }
            let found = children.borrow_mut().ended();
            let goes_on = found.is_none() && !stop.load(Ordering::Relaxed);
            ended.set(found);
            goes_on
        };
        let group = RankGroup::meet_patiently(membership, dir.root(), device, timeouts, &patience);
        let group = group.map_err(|error| {
            let ended = ended.get().or_else(|| started.ended());
            ended.map_or(error, |(rank, status)| gone(rank, asked, status))
        })?;
        let ranks = Ranks::of(group);
        Ok(Self {
            ranks: match start.resources.sharding {
                Sharding::Rows => ranks.sharing_tables(),
                Sharding::None => ranks,
            },
            _started: started,
        })
    }

    /// Where this rank trains.
    pub(super) fn device(&self, resources: &Resources) -> Device {
        match self.ranks.group() {
            Some(group) => device(resources, group.membership()),
            None => resources.device.here(),
        }
    }

    /// What is recorded of the ranks.
    pub(super) fn record(&self, device: Device) -> Option<RankRecord> {
        let group = self.ranks.group()?;
        let RankMembership {
            ranks, local_ranks, ..
        } = *group.membership();
        Some(RankRecord::of(ranks, local_ranks, device).at(group.places()))
    }
}

/// Why there is no meeting with a rank that this process has started and that has ended.
fn gone(rank: u32, ranks: u32, status: ExitStatus) -> RanksError {
    match status.signal() {
        Some(_) => RanksError::Gone {
            ranks: vec![rank],
            reason: format!("{status} ended it before it had met the others"),
        },
        // It has said why itself.
        None => RanksError::Meeting {
            rank: 0,
            ranks,
            place: "on this machine".to_owned(),
            reason: format!("rank {rank} has ended with {status}"),
        },
    }
}

/// Says where a network is asked for that this machine does not have, and ranks of one machine need none.
fn note_interface(membership: &RankMembership) {
    if membership.rank == 0
        && membership.is_of_one_machine()
        && let Err(error) = lawn_models::require_interface_of_ranks()
    {
        streams::say(&format!(
            "{error}; all ranks are on this machine, and meet on its loopback whatever that says"
        ));
    }
}

/// The device of a rank: on CUDA that of its number on the machine, where it sees several.
fn device(resources: &Resources, membership: &RankMembership) -> Device {
    match resources.device.here() {
        Device::Cuda(_) => match lawn_models::probe().cuda {
            lawn_models::CudaProbe::Available { devices } if devices > 1 => {
                Device::Cuda(membership.local_rank as usize)
            }
            _ => Device::Cuda(0),
        },
        device => device,
    }
}

impl Start<'_> {
    /// Says where other ranks were started than are asked for.
    fn note_others(&self, started: &RankMembership) {
        let Self { ranks, told_by, .. } = *self;
        let RankMembership {
            rank, ranks: count, ..
        } = *started;
        let is_asked = told_by == OPTION || ranks > 1;
        if rank == 0 && is_asked && u32::try_from(ranks) != Ok(count) {
            streams::say(&format!(
                "{count} ranks were started by torchrun or srun, and these train the trial: \
                 {told_by} says {ranks}, and is not heeded"
            ));
        }
    }

    /// Says where Slurm or mpirun has several processes and this one is the only rank.
    fn note_alone(&self) {
        if let Some((name, count)) = RankMembership::processes_of_mpi() {
            streams::say(&format!(
                "{name} is {count}, and mpirun's variables are not heeded: this process trains the trial \
                 alone; a rank is one by RANK, WORLD_SIZE and LOCAL_RANK, as torchrun sets them"
            ));
        }
        if let Some(tasks) = RankMembership::tasks_without_step() {
            streams::say(&format!(
                "Slurm has given this job {tasks} tasks, and this process is in no step of srun: it \
                 trains the trial alone; `srun` before the command starts a rank a task"
            ));
        }
    }

    /// Starts a rank as torchrun would, which ends when this process does.
    fn rank(
        &self,
        rank: u32,
        first: &RankMembership,
    ) -> Result<(Child, Option<ChildStdin>), Error> {
        let mut command: Command = this_command().map_err(|source| Error::Spawn { source })?;
        command
            .arg("trial")
            .arg(self.run.root())
            .arg("--index")
            .arg(self.index.to_string());
        if let Some(root) = self.data_root {
            command.arg("--data-root").arg(root);
        }
        command
            .env("RANK", rank.to_string())
            .env("LOCAL_RANK", rank.to_string())
            .env("WORLD_SIZE", first.ranks.to_string())
            .env("LOCAL_WORLD_SIZE", first.ranks.to_string())
            .env("MASTER_ADDR", &first.address)
            .env_remove("MASTER_PORT")
            .env_remove("TORCHELASTIC_USE_AGENT_STORE")
            .env(MEETING, &first.start)
            .env(FIRST_RANK, std::process::id().to_string())
            .env(STOP_WITH_STDIN, "1")
            .stdin(Stdio::piped())
            .stdout(Stdio::null());
        let mut child = command.spawn().map_err(|source| Error::Spawn { source })?;
        let stdin = child.stdin.take();
        Ok((child, stdin))
    }
}

/// Ranks that this process has started, and what they take its end from.
struct Started(Vec<(Child, Option<ChildStdin>)>);

impl Started {
    /// The first that has ended, and how.
    fn ended(&mut self) -> Option<(u32, ExitStatus)> {
        let ended = |(child, _): &mut (Child, _)| child.try_wait().ok().flatten();
        (1..)
            .zip(&mut self.0)
            .find_map(|(rank, one)| Some((rank, ended(one)?)))
    }
}

impl Drop for Started {
    /// By now each is over or about to be, or hangs.
    fn drop(&mut self) {
        let since = Instant::now();
        for (child, _) in &mut self.0 {
            while let Ok(None) = child.try_wait()
                && since.elapsed() < FAREWELL
            {
                std::thread::sleep(Duration::from_millis(5));
            }
            if let Ok(None) = child.try_wait()
                && let Some(id) = Pid::from_raw(child.id().cast_signed())
            {
                // One that was stopped ends by this alone.
                let _ = rustix::process::kill_process(id, Signal::KILL);
            }
            let _ = child.wait();
        }
    }
}
