//! The page of a run and its section of what runs now, made when they are asked for.

use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant, SystemTime};

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
    plan: Mutex<Planned>,
    looked: Mutex<Option<Looked>>,
    page: Mutex<Option<Made>>,
    times: Mutex<Times>,
}

/// The plan of the run, which may be extended while the page is looked at.
struct Planned {
    plan: Arc<Plan>,
    /// When its file was written, and its length.
    stamp: Option<(SystemTime, u64)>,
}

impl Planned {
    fn read(run: &RunDir) -> Result<Self, Error> {
        // Before the plan: where another one comes between the two, it is read once more.
        let stamp = Self::stamp(run);
        let plan = Arc::new(Plan::read(run)?);
        Ok(Self { plan, stamp })
    }

    fn stamp(run: &RunDir) -> Option<(SystemTime, u64)> {
        let file = std::fs::metadata(run.plan()).ok()?;
        Some((file.modified().ok()?, file.len()))
    }
}

/// What was seen of the run.
#[derive(Clone)]
struct Looked {
    live: Live,
    rest: Option<Rest>,
    /// When it is out of date.
    until: Instant,
}

/// How a run is that nobody works on.
#[derive(Debug, Clone)]
pub(super) struct Rest {
    /// Whether every trial is over.
    pub(super) is_over: bool,
    /// What is said of it.
    pub(super) said: String,
}

/// How a run is.
#[derive(Debug, Clone)]
pub(super) enum Sight {
    /// Somebody works on it, or nobody can tell.
    AtWork,
    /// Nobody does.
    AtRest(Rest),
    /// It is not there any more.
    Gone,
}

/// A page that was made.
struct Made {
    /// How many trials were over, and how many the plan had.
    of: [usize; 2],
    page: LivePage,
    until: Instant,
}

impl Pages {
    /// The pages of a run that has a plan.
    pub(super) fn new(run: &RunDir) -> Result<Self, Error> {
        let pages = Self {
            run: run.clone(),
            plan: Mutex::new(Planned::read(run)?),
            looked: Mutex::new(None),
            page: Mutex::new(None),
            times: Mutex::default(),
        };
        pages.look()?;
        Ok(pages)
    }

    /// The plan as it is now.
    fn plan(&self) -> Result<Arc<Plan>, Error> {
        let mut known = locked(&self.plan);
        if Planned::stamp(&self.run) != known.stamp {
            *known = Planned::read(&self.run)?;
        }
        Ok(Arc::clone(&known.plan))
    }

    /// How the run is. What else is wrong with it is said to whoever asks for the page.
    pub(super) fn sight(&self) -> Sight {
        match self.look() {
            Ok(looked) => looked.rest.map_or(Sight::AtWork, Sight::AtRest),
            Err(_) if matches!(self.run.plan().try_exists(), Ok(false)) => Sight::Gone,
            Err(_) => Sight::AtWork,
        }
    }

    /// What there is to see now. Whoever asks at the same time waits for one look.
    fn look(&self) -> Result<Looked, Error> {
        let mut kept = locked(&self.looked);
        if let Some(looked) = kept.as_ref().filter(|looked| Instant::now() < looked.until) {
            return Ok(looked.clone());
        }
        let began = Instant::now();
        let status = Status::read(&self.run)?;
        let plan = self.plan()?;
        let live = live::of(&self.run, &plan, &status, &locked(&self.times));
        let least = match status.slurm {
            Some(_) => QUEUE_AGE,
            None => LEAST_AGE,
        };
        let looked = Looked {
            live,
            rest: status.at_rest().map(|said| Rest {
                is_over: status.is_over(),
                said,
            }),
            until: Instant::now() + began.elapsed() * REST + least,
        };
        *kept = Some(looked.clone());
        Ok(looked)
    }

    /// The page, made again where trials have ended, or have been added, since the last one.
    fn page(&self) -> Result<LivePage, Error> {
        let mut kept = locked(&self.page);
        let live = self.look()?.live;
        let of = live.over;
        let is_fresh = |made: &&Made| made.of == of || Instant::now() < made.until;
        if let Some(made) = kept.as_ref().filter(is_fresh) {
            return Ok(made.page.clone());
        }
        let began = Instant::now();
        let plan = self.plan()?;
        let merged = merge::gather(&self.run, &plan)?;
        *locked(&self.times) = Times::of(&merged.records);
        let request = sweep::request(&self.run, &plan, None, &merged)?;
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
