use std::path::PathBuf;

use thiserror::Error;

/// Ranks that cannot meet, or that have lost one of them.
#[derive(Clone, Debug, Error)]
#[non_exhaustive]
pub enum RanksError {
    /// A variable of the environment is not what a launcher of ranks sets.
    #[error("{variable} is {found}, expected {allowed}")]
    Environment {
        /// Its name.
        variable: String,
        /// Its value.
        found: String,
        /// What it may be.
        allowed: String,
    },
    /// Ranks were told different numbers of ranks.
    #[error(
        "rank {rank} was told that there are {ranks} ranks, and rank {other} that there are {told}: \
         WORLD_SIZE must be the same for all"
    )]
    OtherCount {
        /// This rank.
        rank: u32,
        /// How many it was told of.
        ranks: u32,
        /// Another rank.
        other: u32,
        /// How many that was told of.
        told: u32,
    },
    /// Two processes are the same rank.
    #[error(
        "rank {rank} is there twice: process {process} on {host} has come as rank {rank} after another \
         had; each process of a trial needs a RANK of its own, and each trial a MASTER_PORT"
    )]
    Twice {
        /// The number that both have.
        rank: u32,
        /// The process that came later.
        process: u32,
        /// The name of its machine.
        host: String,
    },
    /// A rank would train another trial than rank 0.
    #[error("rank {rank} trains another trial: {differences}")]
    OtherTrial {
        /// Which.
        rank: u32,
        /// What differs, and what of rank 0's it differs from.
        differences: String,
    },
    /// Ranks of one machine would have to share a GPU.
    #[error("{ranks} ranks need a GPU each, and this process sees {devices}")]
    TooFewDevices {
        /// Ranks of one trial on the machine.
        ranks: usize,
        /// GPUs that are visible.
        devices: usize,
    },
    /// The machine has not the memory that so many ranks take.
    #[error(
        "{ranks} ranks need {:.1} GiB{}, and {:.1} GiB are available {bound}",
        gibibytes(*each * *ranks as u64),
        of_each(*each, *measured),
        gibibytes(*available)
    )]
    TooLittleMemory {
        /// Ranks of one trial on the machine.
        ranks: usize,
        /// Bytes of each.
        each: u64,
        /// Whether that is what a trial was measured to take, and not what its libraries do.
        measured: bool,
        /// Bytes that there are.
        available: u64,
        /// What bounds them.
        bound: &'static str,
    },
    /// Two ranks have the same GPU.
    #[error("rank {rank} has the GPU {gpu}, as rank {other} has: each rank needs one of its own")]
    SharedDevice {
        /// One of them.
        rank: u32,
        /// The other.
        other: u32,
        /// What tells the GPU from all others.
        gpu: String,
    },
    /// The ranks did not find each other.
    #[error("rank {rank} of {ranks} could not meet the others {place}: {reason}")]
    Meeting {
        /// This rank.
        rank: u32,
        /// How many there are.
        ranks: u32,
        /// Where they meet.
        place: String,
        /// What went wrong.
        reason: String,
    },
    /// The file by which ranks find each other cannot be written or read.
    #[error("{path}, by which the ranks find each other: {reason}")]
    MeetingFile {
        /// The file.
        path: PathBuf,
        /// What went wrong.
        reason: String,
    },
    /// A rank gives no sign of life.
    #[error(
        "{} has given no sign of life for {seconds} s: it hangs, or its machine is gone",
        names(ranks)
    )]
    Silent {
        /// Which.
        ranks: Vec<u32>,
        /// For how long.
        seconds: u64,
    },
    /// A rank lives and does not come to a sum.
    #[error(
        "{} lives and has not come to sum {sum}, for which rank {rank} has waited {seconds} s",
        names(ranks)
    )]
    Late {
        /// Which.
        ranks: Vec<u32>,
        /// This rank.
        rank: u32,
        /// The number of the sum.
        sum: u64,
        /// For how long.
        seconds: u64,
    },
    /// A rank has ended before the trial.
    #[error("{} is gone: {reason}", names(ranks))]
    Gone {
        /// Which; none where it was not found out.
        ranks: Vec<u32>,
        /// What was said of it.
        reason: String,
    },
    /// torchrun's agent, which keeps the store of the ranks, answers no more.
    #[error("torchrun's agent, which keeps the store of the ranks, is gone: {reason}")]
    AgentGone {
        /// What was said of it.
        reason: String,
    },
    /// A rank has said why it cannot go on.
    #[error("rank {rank} cannot go on: {reason}")]
    Failed {
        /// Which.
        rank: u32,
        /// What it has said.
        reason: String,
    },
    /// Ranks that should hold the same numbers do not.
    #[error(
        "after step {step} {what} of {who} differs from that of rank 0, and all should be the same: the ranks do not compute alike"
    )]
    Apart {
        /// The step.
        step: u64,
        /// What differs.
        what: &'static str,
        /// Which.
        who: String,
    },
}

impl RanksError {
    /// Whether it says that this rank is gone, or hangs, or does not come.
    #[must_use]
    pub fn loses(&self, rank: u32) -> bool {
        match self {
            Self::Silent { ranks, .. } | Self::Gone { ranks, .. } | Self::Late { ranks, .. } => {
                ranks.contains(&rank)
            }
            _ => false,
        }
    }
}

fn of_each(bytes: u64, measured: bool) -> String {
    let mebibytes = bytes >> 20;
    match measured {
        true => format!(", about {mebibytes} MiB each"),
        false => format!(" at least, {mebibytes} MiB each before they have a net or data"),
    }
}

fn gibibytes(bytes: u64) -> f64 {
    bytes as f64 / f64::from(1 << 30)
}

/// `rank 2`, `rank 1 and rank 2`, `rank 1, rank 2 and rank 3`.
pub(crate) fn names(ranks: &[u32]) -> String {
    let each: Vec<String> = ranks.iter().map(|rank| format!("rank {rank}")).collect();
    match &each[..] {
        [] => "a rank".to_owned(),
        [one] => one.clone(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranks_are_named_as_in_a_sentence() {
        assert_eq!(names(&[]), "a rank");
        assert_eq!(names(&[2]), "rank 2");
        assert_eq!(names(&[0, 2]), "rank 0 and rank 2");
        assert_eq!(names(&[0, 1, 3]), "rank 0, rank 1 and rank 3");
    }
}
