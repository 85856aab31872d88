//! `--max-failures`: a sweep of which too many trials fail is stopped before all of them have.

use std::str::FromStr;

use lawn_analysis::records::Outcome;

use crate::Error;
use crate::engine::Watcher;
use crate::plan::Plan;
use crate::process::stop::Stop;
use crate::run::ending::Ending;
use crate::run::run_dir::RunDir;
use crate::trial::Event;

/// Trials of a plan that may fail. One that diverged is no failure here: that is what a rate
/// too high gives, and tuning looks for it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Limit {
    /// So many.
    Count(usize),
    /// A share of the plan in percent, 0 to 100, rounded down.
    Percent(f64),
}

impl Limit {
    /// As a number, of a plan of `trials`.
    #[must_use]
    pub fn of(self, trials: usize) -> usize {
        match self {
            Self::Count(count) => count,
            Self::Percent(percent) => (percent * trials as f64 / 100.0).floor() as usize,
        }
    }
}

impl FromStr for Limit {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const ALLOWED: &str =
            "must be a whole number of 0 or more, or a share from 0% to 100%, as 20%";
        match text.strip_suffix('%') {
            None => text.parse().map(Self::Count).map_err(|_| ALLOWED),
            Some(percent) => match percent.trim().parse::<f64>() {
                Ok(percent) if (0.0..=100.0).contains(&percent) => Ok(Self::Percent(percent)),
                _ => Err(ALLOWED),
            },
        }
    }
}

impl std::fmt::Display for Limit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Count(count) => count.fmt(f),
            Self::Percent(percent) => write!(f, "{percent}%"),
        }
    }
}

/// Passes on what happens to the trials of an engine, and requests a stop once too many failed.
pub(crate) struct Failures<'a> {
    run: &'a RunDir,
    plan: &'a Plan,
    stop: &'a Stop,
    watcher: &'a mut dyn Watcher,
    allowed: Option<usize>,
    failed: usize,
    last: Option<(usize, Ending)>,
}

impl<'a> Failures<'a> {
    /// Begins with those trials that `endings` says have failed.
    pub(crate) fn new(
        (run, plan): (&'a RunDir, &'a Plan),
        stop: &'a Stop,
        limit: Option<Limit>,
        endings: &[Option<Ending>],
        watcher: &'a mut dyn Watcher,
    ) -> Self {
        let mut failures = Self {
            run,
            plan,
            stop,
            watcher,
            allowed: limit.map(|limit| limit.of(plan.trials.len())),
            failed: 0,
            last: None,
        };
        for (index, ending) in endings.iter().enumerate() {
            if let Some(ending) = ending {
                failures.count(index, ending);
            }
        }
        failures
    }

    fn count(&mut self, index: usize, ending: &Ending) {
        if is_failure(ending.outcome) {
            self.failed += 1;
            self.last = Some((index, ending.clone()));
        }
    }

    /// The error that ends the sweep, once too many trials failed.
    pub(crate) fn check(&self) -> Result<(), Error> {
        match (self.allowed, &self.last) {
            (Some(allowed), Some((index, ending))) if self.failed > allowed => {
                let detail = ending.detail.as_deref().unwrap_or_default();
                Err(Error::TooManyFailed {
                    dir: self.run.root().into(),
                    failed: self.failed,
                    trials: self.plan.trials.len(),
                    allowed,
                    id: self.plan.trials[*index].id.clone(),
                    outcome: ending.outcome,
                    reason: detail.lines().next().unwrap_or_default().to_owned(),
                })
            }
            _ => Ok(()),
        }
    }
}

/// Whether a trial ended otherwise than by what it trains.
fn is_failure(outcome: Outcome) -> bool {
    use Outcome::{Crashed, OutOfMemory, Timeout};
    matches!(outcome, Crashed | OutOfMemory | Timeout)
}

impl Watcher for Failures<'_> {
    fn began(&mut self, worker: usize, index: usize) {
        self.watcher.began(worker, index);
    }

    fn event(&mut self, worker: usize, index: usize, event: &Event) {
        self.watcher.event(worker, index, event);
    }

    fn stopped(&mut self, worker: usize, index: usize) {
        self.watcher.stopped(worker, index);
    }

    fn ended(&mut self, worker: Option<usize>, index: usize, outcome: &Ending) {
        self.watcher.ended(worker, index, outcome);
        self.count(index, outcome);
        if self.check().is_err() {
            self.stop.request();
        }
    }

    fn note(&mut self, line: &str) {
        self.watcher.note(line);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_is_a_count_or_a_share_of_the_plan() {
        let of = |text: &str| text.parse::<Limit>().map(|limit| limit.of(100));
        assert_eq!(of("0"), Ok(0));
        assert_eq!(of("7"), Ok(7));
        assert_eq!(of("20%"), Ok(20));
        assert_eq!(of("29%"), Ok(29));
        assert_eq!(of("0.5%"), Ok(0));
        for wrong in ["", "-1", "1.5", "101%", "%", "NaN%", "0.2x"] {
            let said = of(wrong).expect_err(wrong);
            assert!(said.contains("20%"), "{said}");
        }
        for text in ["3", "12.5%"] {
            let limit: Limit = text.parse().expect("it is one");
            assert_eq!(limit.to_string(), text);
        }
    }
}
