//! Bars: one for the sweep, one a worker, and under them the best so far.

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::tally::Tally;
use super::view::{FinishedTrial, View, describe, left, rounded};
use crate::count::count;
use crate::duration::humantime;
use crate::report::render::shortened;
use crate::trial::Event;

/// Parts that progress is counted in.
const PARTS: u64 = 1000;

/// Workers that have a bar of their own; more would push the rest off the screen.
const SHOWN_WORKERS: usize = 12;

/// Arms, of all tasks, whose best is shown.
const SHOWN_ARMS: usize = 8;

/// Columns of a worker's line beside the name: spaces, a bar of 8, percent, speed and time left.
const BESIDE_NAME: usize = 40;

/// A name is not made shorter, however narrow the terminal.
const SHORTEST_NAME: usize = 12;

/// Gives the columns of the terminal, now.
type Width = Box<dyn Fn() -> usize>;

pub(super) struct Bars {
    all: MultiProgress,
    sweep: ProgressBar,
    workers: Vec<ProgressBar>,
    best: ProgressBar,
    width: Width,
    /// Characters of the longest name of a trial.
    longest: usize,
    /// Columns of names when they were drawn last.
    drawn: usize,
}

impl Bars {
    pub(super) fn new(tally: &Tally<'_>, target: ProgressDrawTarget, width: Width) -> Self {
        let all = MultiProgress::with_draw_target(target);
        let sweep = all.add(ProgressBar::new(PARTS));
        sweep.set_style(style("{prefix} [{wide_bar}] {percent:>3}%  {msg}"));
        let workers = (0..tally.running.len().min(SHOWN_WORKERS))
            .map(|_| {
                let bar = all.add(ProgressBar::new(PARTS));
                bar.set_style(style("  {prefix} [{wide_bar}] {percent:>3}%  {msg:20!}"));
                bar
            })
            .collect();
        let best = all.add(ProgressBar::new(0));
        best.set_style(style("{msg}"));
        let names = (0..tally.plan.trials.len()).map(|index| describe(tally.plan, index));
        let longest = names.map(|name| name.chars().count()).max().unwrap_or(0);
        let bars = Self {
            drawn: name_width(width(), longest),
            all,
            sweep,
            workers,
            best,
            width,
            longest,
        };
        bars.draw_sweep(tally);
        for worker in 0..bars.workers.len() {
            bars.draw_worker(tally, worker);
        }
        bars.draw_best(tally);
        bars
    }

    fn draw_sweep(&self, tally: &Tally<'_>) {
        let failed = match tally.failed {
            0 => String::new(),
            failed => format!(", {failed} failed"),
        };
        let [over, all] = tally.counted();
        let prefix = format!("{over} of {}{failed}", count(all, "trial"));
        let elapsed = humantime(tally.elapsed());
        let left = left(tally.time_left());
        self.sweep.set_prefix(prefix);
        self.sweep.set_position(parts(tally.fraction()));
        self.sweep.set_message(if left.is_empty() {
            elapsed
        } else {
            format!("{elapsed}, {left}")
        });
    }

    /// Draws what `worker` does; all workers where the terminal is wider or narrower now.
    fn draw(&mut self, tally: &Tally<'_>, worker: usize) {
        let names = name_width((self.width)(), self.longest);
        if std::mem::replace(&mut self.drawn, names) == names {
            return self.draw_worker(tally, worker);
        }
        for worker in 0..self.workers.len() {
            self.draw_worker(tally, worker);
        }
    }

    fn draw_worker(&self, tally: &Tally<'_>, worker: usize) {
        let Some(bar) = self.workers.get(worker) else {
            return;
        };
        let Some(running) = &tally.running[worker] else {
            bar.set_position(0);
            bar.set_message("");
            bar.set_prefix(format!("{:1$}", "idle", self.drawn));
            // It may stay so for long, and what comes too soon after another is not drawn.
            return bar.force_draw();
        };
        let name = shortened(&describe(tally.plan, running.index), self.drawn);
        bar.set_prefix(format!("{name:0$}", self.drawn));
        bar.set_position(parts(running.fraction()));
        let speed = tally.steps_per_second(worker);
        let left = tally.trial_left(worker).map(humantime);
        bar.set_message(match (speed, left) {
            (Some(speed), Some(left)) => format!("{}/s, {left}", rounded(speed)),
            _ => String::new(),
        });
    }

    /// A line an arm: the best validation metric at each batch size.
    fn draw_best(&self, tally: &Tally<'_>) {
        let mut lines: Vec<String> = Vec::new();
        let mut arm = None;
        for (cell, value) in &tally.best {
            if arm.replace((&cell.task, &cell.arm)) != Some((&cell.task, &cell.arm)) {
                let task = match tally.plan.sweep.tasks.len() {
                    1 => String::new(),
                    _ => format!("{} · ", cell.task),
                };
                lines.push(format!("  best {task}{}", cell.arm));
            }
            if let Some(line) = lines.last_mut() {
                *line += &format!("  {}: {value:.4}", cell.batch_size);
            }
        }
        let hidden = lines.len().saturating_sub(SHOWN_ARMS);
        lines.truncate(SHOWN_ARMS);
        if hidden > 0 {
            lines.push(format!("  and {hidden} more, which lawn status lists"));
        }
        self.best.set_message(lines.join("\n"));
    }
}

impl View for Bars {
    fn say(&mut self, line: &str) {
        // A closed terminal has nobody to tell.
        let _ = self.all.println(line);
    }

    fn began(&mut self, tally: &Tally<'_>, worker: usize) {
        self.draw(tally, worker);
        self.draw_sweep(tally);
    }

    fn event(&mut self, tally: &Tally<'_>, worker: usize, _event: &Event) {
        self.draw(tally, worker);
        self.draw_sweep(tally);
    }

    fn stopped(&mut self, tally: &Tally<'_>, worker: usize, index: usize) {
        self.draw(tally, worker);
        self.say(&format!("stopped  {}", describe(tally.plan, index)));
    }

    fn ended(&mut self, tally: &Tally<'_>, ended: &FinishedTrial<'_>) {
        if ended.failed() {
            self.say(&format!(
                "{}  {}: {}",
                ended.outcome.outcome,
                describe(tally.plan, ended.index),
                ended.reason()
            ));
        }
        if let Some(worker) = ended.worker {
            self.draw(tally, worker);
        }
        self.draw_best(tally);
        self.draw_sweep(tally);
    }

    fn finish(&mut self) {
        let _ = self.all.clear();
    }
}

/// Columns of the names of trials: those of the longest, where the terminal has so many.
fn name_width(terminal: usize, longest: usize) -> usize {
    let most = terminal.saturating_sub(BESIDE_NAME);
    longest.min(most.max(SHORTEST_NAME))
}

fn parts(fraction: f64) -> u64 {
    (fraction * PARTS as f64) as u64
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template)
        .expect("the templates are constants")
        .progress_chars("=> ")
}
