//! What can go wrong between the harness and the machines that carry its trials.

use std::io;
use std::path::PathBuf;

use super::fault::{Fault, Place};

/// An error of an engine; each names the command or address at fault and what it answered.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EngineError {
    /// A command of the batch system is not there.
    #[error("cannot start `{command}`: {source}; is {system} installed here, and on PATH?")]
    Missing {
        /// The command with its arguments.
        command: String,
        /// What the command belongs to.
        system: &'static str,
        /// The system's answer.
        source: io::Error,
    },
    /// A command of Slurm is there, and does not know where its Slurm is.
    #[error(
        "Slurm is installed here but not configured: `{command}` found no configuration{}; \
         SLURM_CONF must name the site's slurm.conf, where that is not /etc/slurm/slurm.conf",
        named.as_ref().map(|named| format!(" in SLURM_CONF={named}")).unwrap_or_default()
    )]
    Unconfigured {
        /// The command with its arguments.
        command: String,
        /// What SLURM_CONF says.
        named: Option<String>,
    },
    /// A command of the batch system failed.
    #[error("`{command}` ended with {ending}: {stderr}")]
    Command {
        /// The command with its arguments.
        command: String,
        /// Its exit code or signal.
        ending: String,
        /// What it wrote to standard error.
        stderr: String,
    },
    /// A command or server answered something else than it should.
    #[error("cannot read what `{command}` answered: {detail}")]
    Answer {
        /// The command, or the request.
        command: String,
        /// What is wrong with the answer.
        detail: String,
    },
    /// A server could not be reached.
    #[error("cannot reach the Ray Jobs server: {request}: {detail}")]
    Unreachable {
        /// Method and address.
        request: String,
        /// What happened.
        detail: String,
    },
    /// Another server than that of Ray answers at the address.
    #[error(
        "no Ray Jobs server is at this address, though a web server is: it answered {status} to {request}, and \
         not with the version of a Ray; Ray's is at port 8265 of the head node where nothing else was asked for"
    )]
    NotRay {
        /// Method and address.
        request: String,
        /// Status of HTTP.
        status: u16,
    },
    /// A server refused a request.
    #[error("the Ray Jobs server answered {status} to {request}: {body}")]
    Refused {
        /// Method and address.
        request: String,
        /// Status of HTTP.
        status: u16,
        /// The answer, shortened.
        body: String,
    },
    /// Nothing says where the server is.
    #[error("{0}")]
    NoAddress(Box<Fault>),
    /// The file of this command is gone, and jobs need one.
    #[error("jobs would run this command by its path, where it is no more: {}; start the command that is there now", path.display())]
    Replaced {
        /// What the system says of it.
        path: PathBuf,
    },
    /// A path that goes into a script is not text.
    #[error("{0}")]
    NotText(Box<Fault>),
}

impl EngineError {
    /// Nothing says where the Ray Jobs server is; `found` is what the environment says instead.
    pub(crate) fn no_address(found: Option<String>) -> Self {
        let found = found.unwrap_or_else(|| "nothing says where it is".to_owned());
        let fault = Fault::new(Place::key("address of the Ray Jobs server"), found);
        let advice = "set engines.ray.address in the sweep, or RAY_ADDRESS";
        Self::NoAddress(Box::new(fault.allowed(["http://HOST:PORT"]).advice(advice)))
    }

    /// A path that goes into a script is not text.
    pub(crate) fn not_text(path: PathBuf) -> Self {
        let found = "the path is not UTF-8, and cannot go into a job";
        let fault = Fault::new(Place::file(path), found);
        Self::NotText(Box::new(fault.allowed(["names in UTF-8"])))
    }
}
