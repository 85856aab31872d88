//! The page of a run and its section of what runs now, made when they are asked for.

use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use lawn_analysis::Report;
use lawn_analysis::report::{Live, LivePage};

use super::server::{Answer, Site};
use crate::Error;
use crate::plan::Plan;
use crate::process::streams;
use crate::report::live::{self, Times};
use crate::report::merge;
use crate::report::status::Status;
use crate::run::run_dir::RunDir;
use crate::sweep;

/// The files of a run are looked at no more often than this.
const LEAST_AGE: Duration = Duration::from_millis(700);
/// As [`LEAST_AGE`] where a look asks a Slurm for its queue, which serves others too.
const QUEUE_AGE: Duration = Duration::from_secs(15);
/// For one second that a look takes, so many pass without one.
const REST: u32 = 5;

const HTML: &str = "text/html; charset=utf-8";
const CSV: &str = "text/csv; charset=utf-8";

/// The pages of one run.
pub(super) struct Pages {
    run: RunDir,
    plan: Plan,
    looked: Mutex<Option<Looked>>,
    page: Mutex<Option<Made>>,
    times: Mutex<Times>,
}

/// What was seen of the run.
#[derive(Clone)]
struct Looked {
    live: Live,
    is_over: bool,
    /// When it is out of date.
    until: Instant,
}

/// A page that was made.
struct Made {
    /// How many trials were over.
    of: usize,
    page: LivePage,
    until: Instant,
}

impl Pages {
    /// The pages of a run that has a plan.
    pub(super) fn new(run: &RunDir) -> Result<Self, Error> {
        let pages = Self {
            run: run.clone(),
            plan: Plan::read(run)?,
            looked: Mutex::new(None),
            page: Mutex::new(None),
            times: Mutex::default(),
        };
        pages.look()?;
        Ok(pages)
    }

    /// Whether every trial is over and nobody works on the run.
    pub(super) fn is_over(&self) -> bool {
        self.look().is_ok_and(|looked| looked.is_over)
    }

    /// What there is to see now. Whoever asks at the same time waits for one look.
    fn look(&self) -> Result<Looked, Error> {
        let mut kept = locked(&self.looked);
        if let Some(looked) = kept.as_ref().filter(|looked| Instant::now() < looked.until) {
            return Ok(looked.clone());
        }
        let began = Instant::now();
        let status = Status::read(&self.run)?;
        let live = live::of(&self.run, &self.plan, &status, &locked(&self.times));
        let least = match status.slurm {
            Some(_) => QUEUE_AGE,
            None => LEAST_AGE,
        };
        let looked = Looked {
            live,
            is_over: status.is_over(),
            until: Instant::now() + began.elapsed() * REST + least,
        };
        *kept = Some(looked.clone());
        Ok(looked)
    }

    /// The page, made again where trials have ended since the last one.
    fn page(&self) -> Result<LivePage, Error> {
        let mut kept = locked(&self.page);
        let live = self.look()?.live;
        let of = live.over[0];
        let is_fresh = |made: &&Made| made.of == of || Instant::now() < made.until;
        if let Some(made) = kept.as_ref().filter(is_fresh) {
            return Ok(made.page.clone());
        }
        let began = Instant::now();
        let merged = merge::gather(&self.run, &self.plan)?;
        *locked(&self.times) = Times::of(&merged.records);
        let request = sweep::request(&self.run, &self.plan, None, &merged)?;
        let page = Report::new(&merged.records, &request)?.live_page(&live);
        *kept = Some(Made {
            of,
            page: page.clone(),
            until: Instant::now() + began.elapsed() * REST,
        });
        Ok(page)
    }

    fn try_at(&self, path: &str) -> Result<Option<Answer>, Error> {
        let answer = |kind, body: &str| {
            Some(Answer {
                kind,
                body: Arc::from(body),
            })
        };
        Ok(match path {
            "/" => answer(HTML, &self.page()?.html),
            "/now" => answer(HTML, &self.look()?.live.html()),
            _ => {
                let tables = self.page()?.tables;
                let table = tables.get(path.trim_start_matches('/'));
                table.and_then(|table| answer(CSV, table))
            }
        })
    }
}

impl Site for Pages {
    fn at(&self, path: &str) -> Result<Option<Answer>, String> {
        self.try_at(path).map_err(|error| {
            streams::say(&format!("{path}: {error}"));
            error.to_string()
        })
    }
}

/// What a lock guards, whatever happened to whoever held it: it is replaced as a whole.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner)
}
