//! The Jobs server of Ray, over HTTP.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::engine::failure;
use crate::error::EngineError;

/// A server that does not answer for so long is not reachable.
const PATIENCE: Duration = Duration::from_secs(30);

/// The same of the first request: an address that is wrong is told at once.
const FIRST_PATIENCE: Duration = Duration::from_secs(8);

/// The Jobs server.
#[derive(Debug)]
pub struct Client {
    address: String,
    agent: ureq::Agent,
}

/// What is asked of the server for one job.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Submission {
    /// Id that no other job has.
    pub submission_id: String,
    /// Line of shell.
    pub entrypoint: String,
    /// CPUs reserved for it.
    pub entrypoint_num_cpus: f64,
    /// GPUs reserved for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub entrypoint_num_gpus: Option<f64>,
    /// Bytes of memory reserved for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub entrypoint_memory: Option<u64>,
}

/// What the server says of a job.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Job {
    /// Where it is.
    pub status: JobStatus,
    /// What happened.
    #[serde(default)]
    pub message: Option<String>,
    /// Exit code of the entrypoint, negative for a signal; none where it never ended by itself.
    #[serde(default)]
    pub driver_exit_code: Option<i32>,
}

/// Where a job is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum JobStatus {
    /// Waits for resources.
    Pending,
    /// Runs.
    Running,
    /// Was stopped on request.
    Stopped,
    /// Ended with exit code 0.
    Succeeded,
    /// Ended otherwise.
    Failed,
}

impl JobStatus {
    /// Whether the job will run no more.
    #[must_use]
    pub fn is_over(self) -> bool {
        !matches!(self, Self::Pending | Self::Running)
    }
}

/// What came of a submission.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SubmitReply {
    /// The server has a new job.
    New,
    /// It had a job of this id before.
    There(Job),
}

impl Client {
    /// A client of the server at `address`, or at the one that the environment names.
    ///
    /// # Errors
    ///
    /// [`EngineError::NoAddress`].
    pub fn new(address: Option<&str>) -> Result<Self, EngineError> {
        let address = match address {
            Some(address) => address.to_owned(),
            None => from_environment()?,
        };
        let config = ureq::Agent::config_builder()
            .timeout_global(Some(PATIENCE))
            // The server's own words say more than the status.
            .http_status_as_error(false)
            .build();
        Ok(Self {
            address: address.trim_end_matches('/').to_owned(),
            agent: config.into(),
        })
    }

    /// Where the server is.
    #[must_use]
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Makes sure that a server answers at the address, and is none of another kind.
    ///
    /// # Errors
    ///
    /// [`EngineError::Unreachable`], [`EngineError::NotRay`].
    pub fn greet(&self) -> Result<(), EngineError> {
        let answer = self.ask_version(FIRST_PATIENCE)?;
        match answer.status {
            200 | 404 => answer.version().map(|_| ()),
            // It may not be ready yet, or stand behind one that asks who is there.
            _ => Ok(()),
        }
    }

    /// The version of Ray there.
    ///
    /// # Errors
    ///
    /// [`EngineError::Unreachable`], [`EngineError::Refused`], [`EngineError::NotRay`].
    pub fn version(&self) -> Result<String, EngineError> {
        self.ask_version(PATIENCE)?.version()
    }

    fn ask_version(&self, patience: Duration) -> Result<Answer, EngineError> {
        let address = format!("{}/api/version", self.address);
        let asked = self.agent.get(&address).config();
        let asked = asked.timeout_global(Some(patience)).build();
        Answer::of(format!("GET {address}"), asked.call())
    }

    /// Submits a job. The server refuses an id that it has seen before, and so no job
    /// is ever there twice.
    ///
    /// # Errors
    ///
    /// [`EngineError::Unreachable`], [`EngineError::Refused`], [`EngineError::Answer`].
    pub fn submit(&self, submission: &Submission) -> Result<SubmitReply, EngineError> {
        let answer = self.post("/api/jobs/", submission)?;
        if answer.status == 200 {
            return Ok(SubmitReply::New);
        }
        // Which status and words a duplicate gets has changed between versions of Ray; that
        // the job is there has not.
        match self.job(&submission.submission_id)? {
            Some(job) => Ok(SubmitReply::There(job)),
            None => Err(answer.refused()),
        }
    }

    /// The job `id`, if the server has it.
    ///
    /// # Errors
    ///
    /// [`EngineError::Unreachable`], [`EngineError::Refused`], [`EngineError::Answer`].
    pub fn job(&self, id: &str) -> Result<Option<Job>, EngineError> {
        let answer = self.get(&format!("/api/jobs/{id}"))?;
        if answer.status == 404 {
            return Ok(None);
        }
        answer.read().map(Some)
    }

    /// What the job `id` wrote.
    ///
    /// # Errors
    ///
    /// [`EngineError::Unreachable`], [`EngineError::Refused`], [`EngineError::Answer`].
    pub fn logs(&self, id: &str) -> Result<String, EngineError> {
        #[derive(Deserialize)]
        struct Logs {
            logs: Option<String>,
        }
        let answer = self.get(&format!("/api/jobs/{id}/logs"))?;
        let logs: Logs = answer.read()?;
        Ok(logs.logs.unwrap_or_default())
    }

    /// Asks the job `id` to stop: SIGTERM, and SIGKILL a little later.
    ///
    /// # Errors
    ///
    /// [`EngineError::Unreachable`], [`EngineError::Refused`].
    pub fn stop(&self, id: &str) -> Result<(), EngineError> {
        let answer = self.post(&format!("/api/jobs/{id}/stop"), &serde_json::json!({}))?;
        if answer.status == 200 {
            return Ok(());
        }
        Err(answer.refused())
    }

    fn get(&self, path: &str) -> Result<Answer, EngineError> {
        let request = format!("GET {}{path}", self.address);
        let response = self.agent.get(format!("{}{path}", self.address)).call();
        Answer::of(request, response)
    }

    fn post(&self, path: &str, body: &impl Serialize) -> Result<Answer, EngineError> {
        let request = format!("POST {}{path}", self.address);
        let response = self
            .agent
            .post(format!("{}{path}", self.address))
            .send_json(body);
        Answer::of(request, response)
    }
}

/// An answer of the server, and what it answers.
struct Answer {
    request: String,
    status: u16,
    body: String,
}

impl Answer {
    fn of(
        request: String,
        response: Result<ureq::http::Response<ureq::Body>, ureq::Error>,
    ) -> Result<Self, EngineError> {
        let read = response.and_then(|mut response| {
            let body = response.body_mut().read_to_string()?;
            Ok((response.status().as_u16(), body))
        });
        match read {
            Ok((status, body)) => Ok(Self {
                request,
                status,
                body,
            }),
            Err(error) => Err(EngineError::Unreachable {
                request,
                detail: error.to_string(),
            }),
        }
    }

    /// The version of Ray that it tells.
    fn version(self) -> Result<String, EngineError> {
        #[derive(Deserialize)]
        struct Version {
            ray_version: String,
        }
        if ![200, 404].contains(&self.status) {
            return Err(self.refused());
        }
        let version: Result<Version, _> = serde_json::from_str(&self.body);
        version
            .map(|version| version.ray_version)
            .map_err(|_| EngineError::NotRay {
                request: self.request,
                status: self.status,
            })
    }

    fn refused(self) -> EngineError {
        EngineError::Refused {
            request: self.request,
            status: self.status,
            body: failure::tail(self.body.trim()).to_owned(),
        }
    }

    fn read<T: serde::de::DeserializeOwned>(self) -> Result<T, EngineError> {
        if self.status != 200 {
            return Err(self.refused());
        }
        serde_json::from_str(&self.body).map_err(|error| EngineError::Answer {
            command: self.request,
            detail: error.to_string(),
        })
    }
}

/// The address that Ray's own command line would use, where it is one of the Jobs server.
fn from_environment() -> Result<String, EngineError> {
    let mut found = None;
    for name in ["RAY_API_SERVER_ADDRESS", "RAY_ADDRESS"] {
        if let Ok(address) = std::env::var(name) {
            if address.starts_with("http://") {
                return Ok(address);
            }
            found = Some(format!("{name} is `{address}`"));
        }
    }
    Err(EngineError::no_address(found))
}
