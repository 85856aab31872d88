//! Which rank a process is, from what torchrun or srun has put into its environment.

use super::error::RanksError;

/// Names what ranks of one start have in common where no port is given, in the environment; they
/// find each other by a file of this name.
pub const MEETING: &str = "LAWN_MEETING";

/// The variables that say that a process is one of several, torchrun's and srun's. Whoever starts a
/// process that is not takes them out of its environment.
pub const RANK_VARIABLES: [&str; 3] = ["RANK", "WORLD_SIZE", "SLURM_STEP_NUM_TASKS"];

/// Which rank of how many a process is, and where it meets the others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RankMembership {
    /// Its number, from 0.
    pub rank: u32,
    /// How many there are.
    pub ranks: u32,
    /// Its number among those of its machine.
    pub local_rank: u32,
    /// How many there are on its machine.
    pub local_ranks: u32,
    /// The name or address at which rank 0 keeps the store.
    pub address: String,
    /// Its port. Without one rank 0 takes any that is free, and a file says which.
    pub port: Option<u16>,
    /// Whether torchrun's agent keeps the store.
    pub agent_store: bool,
    /// What tells one start of a trial from another.
    pub start: String,
}

impl RankMembership {
    /// That of this process: none where nothing says that it is one of several.
    ///
    /// torchrun's `RANK`, `WORLD_SIZE`, `LOCAL_RANK`, `LOCAL_WORLD_SIZE`, `MASTER_ADDR` and
    /// `MASTER_PORT` come before srun's `SLURM_PROCID`, `SLURM_STEP_NUM_TASKS` and `SLURM_LOCALID`,
    /// which every step of a job has.
    ///
    /// # Errors
    /// [`RanksError::Environment`].
    pub fn of_this_process() -> Result<Option<Self>, RanksError> {
        Self::read(|name| std::env::var(name).ok())
    }

    fn read(variable: impl Fn(&str) -> Option<String>) -> Result<Option<Self>, RanksError> {
        let number = |name: &str, least: u32| -> Result<Option<u32>, RanksError> {
            let Some(found) = variable(name) else {
                return Ok(None);
            };
            match found.parse() {
                Ok(number) if number >= least => Ok(Some(number)),
                _ => Err(RanksError::Environment {
                    variable: name.to_owned(),
                    found: match found.is_empty() {
                        true => "empty".to_owned(),
                        false => found,
                    },
                    allowed: format!("a whole number of at least {least}"),
                }),
            }
        };
        let needed = |name: &str, of: &str, least: u32| {
            number(name, least)?.ok_or_else(|| RanksError::Environment {
                variable: name.to_owned(),
                found: "absent".to_owned(),
                allowed: format!("a number beside {of}"),
            })
        };
        let membership = if let Some(ranks) = number("WORLD_SIZE", 1)? {
            if ranks == 1 && number("RANK", 0)?.unwrap_or(0) == 0 {
                return Ok(None);
            }
            let agent = variable("TORCHELASTIC_USE_AGENT_STORE");
            let port = number("MASTER_PORT", 1)?;
            let port = port.map(u16::try_from).transpose();
            let attempt = variable("TORCHELASTIC_RESTART_COUNT").unwrap_or_default();
            Self {
                rank: needed("RANK", "WORLD_SIZE", 0)?,
                ranks,
                local_rank: needed(
                    "LOCAL_RANK",
                    "WORLD_SIZE, that of the process on its machine: 0 where it is the only one",
                    0,
                )?,
                local_ranks: number("LOCAL_WORLD_SIZE", 1)?.unwrap_or(ranks),
                address: variable("MASTER_ADDR").unwrap_or_else(|| LOOPBACK.to_owned()),
                port: port.map_err(|_| RanksError::Environment {
                    variable: "MASTER_PORT".to_owned(),
                    found: variable("MASTER_PORT").unwrap_or_default(),
                    allowed: "a port, up to 65535".to_owned(),
                })?,
                agent_store: agent.is_some_and(|agent| agent == "True"),
                start: match variable(MEETING) {
                    Some(meeting) => meeting,
                    None => format!("attempt_{attempt}"),
                },
            }
        } else if let (Some(ranks), Some(step)) = (
            number("SLURM_STEP_NUM_TASKS", 1)?,
            variable("SLURM_STEP_ID"),
        ) {
            let job = variable("SLURM_JOB_ID").unwrap_or_default();
            let restart = variable("SLURM_RESTART_COUNT").unwrap_or_else(|| "0".to_owned());
            let nodes = variable("SLURM_STEP_NODELIST").unwrap_or_default();
            let machines = number("SLURM_STEP_NUM_NODES", 1)?.unwrap_or(1);
            Self {
                rank: needed("SLURM_PROCID", "SLURM_STEP_NUM_TASKS", 0)?,
                ranks,
                local_rank: needed("SLURM_LOCALID", "SLURM_STEP_NUM_TASKS", 0)?,
                local_ranks: ranks.div_ceil(machines),
                address: match machines {
                    1 => LOOPBACK.to_owned(),
                    _ => variable("MASTER_ADDR").unwrap_or_else(|| first_of(&nodes)),
                },
                port: None,
                agent_store: false,
                start: format!("slurm-{job}.{step}.{restart}"),
            }
        } else if variable("RANK").is_some() {
            return Err(RanksError::Environment {
                variable: "WORLD_SIZE".to_owned(),
                found: "absent".to_owned(),
                allowed: "the number of ranks, as RANK is there".to_owned(),
            });
        } else {
            return Ok(None);
        };
        if membership.rank >= membership.ranks {
            return Err(RanksError::Environment {
                variable: "the rank".to_owned(),
                found: membership.rank.to_string(),
                allowed: format!("a number below that of the ranks, {}", membership.ranks),
            });
        }
        Ok((membership.ranks > 1).then_some(membership))
    }

    /// How many tasks Slurm has given the job of this process, where that is none of a step of them and
    /// so is no rank: several, or nothing.
    #[must_use]
    pub fn tasks_without_step() -> Option<u32> {
        Self::tasks(|name| std::env::var(name).ok())
    }

    /// How many processes mpirun has started this one among, and the variable that says so, where
    /// nothing that is heeded makes it a rank: several, or nothing.
    #[must_use]
    pub fn processes_of_mpi() -> Option<(&'static str, u32)> {
        Self::of_mpi(|name| std::env::var(name).ok())
    }

    fn of_mpi(variable: impl Fn(&str) -> Option<String>) -> Option<(&'static str, u32)> {
        if RANK_VARIABLES.iter().any(|name| variable(name).is_some()) {
            return None;
        }
        let mut sizes = ["OMPI_COMM_WORLD_SIZE", "PMI_SIZE"].into_iter();
        let (name, count) = sizes.find_map(|name| Some((name, variable(name)?.parse().ok()?)))?;
        (count > 1).then_some((name, count))
    }

    fn tasks(variable: impl Fn(&str) -> Option<String>) -> Option<u32> {
        let is_told = variable("WORLD_SIZE").is_some();
        let is_step =
            variable("SLURM_STEP_NUM_TASKS").is_some() && variable("SLURM_STEP_ID").is_some();
        if is_told || is_step {
            return None;
        }
        let mut tasks = ["SLURM_STEP_NUM_TASKS", "SLURM_NTASKS"].into_iter();
        let tasks = tasks.find_map(|name| variable(name)?.parse().ok())?;
        (tasks > 1).then_some(tasks)
    }

    /// Rank 0 of so many on this machine, which nobody else has started.
    #[must_use]
    pub fn first_of(ranks: u32) -> Self {
        Self {
            rank: 0,
            ranks,
            local_rank: 0,
            local_ranks: ranks,
            address: LOOPBACK.to_owned(),
            port: None,
            agent_store: false,
            start: secret(),
        }
    }

    /// Whether this process keeps the store of the ranks.
    pub(super) fn keeps_store(&self) -> bool {
        self.rank == 0 && !self.agent_store
    }

    /// Whether all ranks are on this machine.
    #[must_use]
    pub fn is_of_one_machine(&self) -> bool {
        self.address == LOOPBACK || self.address == "localhost" || self.address == "::1"
    }
}

const LOOPBACK: &str = "127.0.0.1";

/// What nobody can guess.
pub(super) fn secret() -> String {
    use std::hash::{BuildHasher, Hasher, RandomState};
    // Each state has keys of its own from the system's source of random numbers.
    let number = || RandomState::new().build_hasher().finish();
    format!("{:016x}{:016x}", number(), number())
}

/// The first machine of a list as Slurm writes it: `n1`, `n1,n2`, `n[01-04,7],m`.
fn first_of(nodes: &str) -> String {
    let Some((prefix, rest)) = nodes.split_once('[') else {
        return nodes.split(',').next().unwrap_or_default().to_owned();
    };
    if let Some((first, _)) = prefix.split_once(',') {
        return first.to_owned();
    }
    let end = rest.find(['-', ',', ']']).unwrap_or(rest.len());
    let suffix = rest.split_once(']').map_or("", |(_, behind)| behind);
    let suffix = suffix.split(',').next().unwrap_or_default();
    format!("{prefix}{}{suffix}", &rest[..end])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(variables: &[(&str, &str)]) -> Result<Option<RankMembership>, RanksError> {
        RankMembership::read(|name| {
            let found = variables.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn torchruns_variables_say_which_rank_it_is() {
        let found = read(&[
            ("RANK", "3"),
            ("WORLD_SIZE", "4"),
            ("LOCAL_RANK", "1"),
            ("LOCAL_WORLD_SIZE", "2"),
            ("MASTER_ADDR", "node7"),
            ("MASTER_PORT", "29500"),
            ("TORCHELASTIC_USE_AGENT_STORE", "True"),
            ("TORCHELASTIC_RESTART_COUNT", "2"),
            ("SLURM_PROCID", "0"),
        ]);
        let found = found.unwrap().unwrap();
        assert_eq!((found.rank, found.ranks), (3, 4));
        assert_eq!((found.local_rank, found.local_ranks), (1, 2));
        assert_eq!((found.address.as_str(), found.port), ("node7", Some(29500)));
        assert!(found.agent_store && !found.is_of_one_machine());
        assert_eq!(found.start, "attempt_2");
    }

    #[test]
    fn sruns_variables_do_as_well() {
        let of = |nodes: &str, machines: &str| {
            read(&[
                ("SLURM_PROCID", "1"),
                ("SLURM_STEP_NUM_TASKS", "2"),
                ("SLURM_LOCALID", "0"),
                ("SLURM_JOB_ID", "71"),
                ("SLURM_STEP_ID", "0"),
                ("SLURM_STEP_NODELIST", nodes),
                ("SLURM_STEP_NUM_NODES", machines),
            ])
            .unwrap()
            .unwrap()
        };
        let found = of("gpu[07-09,12]", "2");
        assert_eq!((found.rank, found.ranks, found.local_ranks), (1, 2, 1));
        assert_eq!((found.address.as_str(), found.port), ("gpu07", None));
        assert_eq!(found.start, "slurm-71.0.0");
        assert!(of("gpu7", "1").is_of_one_machine());
    }

    #[test]
    fn a_process_that_nobody_says_anything_of_is_alone() {
        assert_eq!(read(&[]).unwrap(), None);
        // A batch job that is no step of srun.
        assert_eq!(
            read(&[("SLURM_PROCID", "0"), ("SLURM_NTASKS", "2")]).unwrap(),
            None
        );
        let one = [("RANK", "0"), ("WORLD_SIZE", "1"), ("LOCAL_RANK", "0")];
        assert_eq!(read(&one).unwrap(), None);
        // As Kubernetes' training operator says it.
        assert_eq!(read(&one[..2]).unwrap(), None);
    }

    #[test]
    fn processes_of_mpirun_are_counted_where_nothing_makes_them_ranks() {
        let of_mpi = |variables: &[(&str, &str)]| {
            RankMembership::of_mpi(|name| {
                let found = variables.iter().find(|(known, _)| *known == name);
                found.map(|(_, value)| (*value).to_owned())
            })
        };
        let open_mpi = ("OMPI_COMM_WORLD_SIZE", "2");
        assert_eq!(
            of_mpi(&[open_mpi]),
            Some(open_mpi).map(|(name, _)| (name, 2))
        );
        assert_eq!(of_mpi(&[("PMI_SIZE", "3")]), Some(("PMI_SIZE", 3)));
        assert_eq!(of_mpi(&[("PMI_SIZE", "1")]), None);
        assert_eq!(of_mpi(&[open_mpi, ("WORLD_SIZE", "2")]), None);
    }

    #[test]
    fn tasks_that_are_no_step_are_counted() {
        let tasks = |variables: &[(&str, &str)]| {
            RankMembership::tasks(|name| {
                let found = variables.iter().find(|(known, _)| *known == name);
                found.map(|(_, value)| (*value).to_owned())
            })
        };
        assert_eq!(tasks(&[]), None);
        assert_eq!(tasks(&[("SLURM_NTASKS", "1")]), None);
        assert_eq!(
            tasks(&[("SLURM_NTASKS", "2"), ("SLURM_PROCID", "0")]),
            Some(2)
        );
        let half = [("SLURM_STEP_NUM_TASKS", "3"), ("SLURM_NTASKS", "2")];
        assert_eq!(tasks(&half), Some(3));
        let step = [("SLURM_STEP_NUM_TASKS", "3"), ("SLURM_STEP_ID", "0")];
        assert_eq!(tasks(&step), None);
        let torchrun = [("WORLD_SIZE", "2"), ("SLURM_NTASKS", "2")];
        assert_eq!(tasks(&torchrun), None);
    }

    #[test]
    fn what_is_no_rank_is_refused_by_the_name_of_its_variable() {
        let refused = |variables: &[(&str, &str)], words: &[&str]| {
            let said = read(variables).unwrap_err().to_string();
            for word in words {
                assert!(said.contains(word), "{word:?} is not in: {said}");
            }
        };
        refused(&[("WORLD_SIZE", "0")], &["WORLD_SIZE is 0", "at least 1"]);
        refused(&[("WORLD_SIZE", "2")], &["RANK is absent"]);
        refused(&[("WORLD_SIZE", "")], &["WORLD_SIZE is empty"]);
        let second = [("WORLD_SIZE", "1"), ("RANK", "1"), ("LOCAL_RANK", "0")];
        refused(&second, &["below that of the ranks, 1"]);
        let no_machine = [("WORLD_SIZE", "2"), ("RANK", "1")];
        refused(
            &no_machine,
            &["LOCAL_RANK is absent", "0 where it is the only one"],
        );
        refused(
            &[("RANK", "1")],
            &["WORLD_SIZE is absent", "as RANK is there"],
        );
        let beyond = [("WORLD_SIZE", "2"), ("RANK", "2"), ("LOCAL_RANK", "0")];
        refused(&beyond, &["the rank is 2", "below that of the ranks, 2"]);
    }

    #[test]
    fn the_first_machine_of_a_list_is_found() {
        for (nodes, first) in [
            ("n1", "n1"),
            ("n1,n2", "n1"),
            ("n[01-04,7],m", "n01"),
            ("n[3]", "n3"),
            ("a,n[1-2]", "a"),
            ("n[1,4]-ib,m", "n1-ib"),
        ] {
            assert_eq!(first_of(nodes), first, "{nodes}");
        }
    }
}
