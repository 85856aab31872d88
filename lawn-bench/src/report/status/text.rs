//! The status for people.

use std::fmt::Write;
use std::time::Duration;

use lawn_models::Stage;

use super::content::{CellStatus, Count, Failure, RunningTrial, Status};
use super::leaderboard::Leaderboard;
use crate::duration::{humantime, utc};
use crate::process::shell;
use crate::report::render;

/// Settings of a leaderboard that are shown; the rest is counted.
const SHOWN_SETTINGS: usize = 10;

/// As many where there is one leaderboard a batch size.
const SHOWN_OF_SEVERAL: usize = 5;

/// Failures told one by one; the rest is counted.
const SHOWN_FAILURES: usize = 20;

impl Status {
    /// The status as tables.
    #[must_use]
    pub fn render(&self) -> String {
        let mut text = format!("{}: {}\n", self.sweep, self.headline());
        for launcher in &self.launchers {
            let _ = writeln!(text, "launcher: {launcher}");
        }
        if let Some(slurm) = &self.slurm {
            text.push_str(&slurm.render());
        }
        if !self.now.is_empty() {
            let rows: Vec<Vec<String>> = self.now.iter().map(running_row).collect();
            let header = ["running", "step", "steps/s", "left", "process", "host"];
            let _ = write!(text, "\n{}", render::table(&header, &rows));
        }
        let rows: Vec<Vec<String>> = self.cells.iter().map(cell_row).collect();
        let header = [
            "task",
            "arm",
            "batch size",
            "tuned",
            "frozen",
            "confirmed",
            "best validation",
            "outcomes",
        ];
        let _ = write!(text, "\n{}", render::table(&header, &rows));
        for boards in self.leaderboards.chunk_by(|a, b| a.task == b.task) {
            self.boards(boards, &mut text);
        }
        for extension in &self.extensions {
            let _ = writeln!(
                text,
                "\n{}: {}",
                utc(extension.unix_seconds),
                extension.describe()
            );
            if extension.retired > 0 {
                let trials = shell::lawn("trials", &self.run);
                let _ = writeln!(text, "  `{trials} --retired` lists those kept apart");
            }
        }
        if !self.damaged.is_empty() {
            let again = shell::lawn("sweep", &self.run);
            let _ = writeln!(text, "\ndamaged, trained again by `{again}`:");
            for damage in &self.damaged {
                let _ = writeln!(text, "  {damage}");
            }
        }
        if !self.failures.is_empty() {
            text.push_str("\nfailed:\n");
            for failure in self.failures.iter().take(SHOWN_FAILURES) {
                text.push_str(&failure_line(failure));
            }
            let hidden = self.failures.len().saturating_sub(SHOWN_FAILURES);
            if hidden > 0 {
                let all = shell::lawn("status", &self.run);
                let _ = writeln!(text, "  and {hidden} more in `{all} --json`");
            }
        }
        text
    }

    /// The best settings of a task, a table a batch size, and its floors among them: alone where no
    /// setting is measured.
    fn boards(&self, boards: &[Leaderboard], text: &mut String) {
        let measured: Vec<&Leaderboard> =
            boards.iter().filter(|board| board.settings() > 0).collect();
        let shown = match measured.len() {
            0 | 1 => SHOWN_SETTINGS,
            _ => SHOWN_OF_SEVERAL,
        };
        let header = ["place", "arm", "setting", "validation", "test"];
        let floors = boards.first().filter(|board| !board.entries.is_empty());
        if let Some(board) = floors.filter(|_| measured.is_empty()) {
            let (task, by) = (&board.task, by(board));
            let _ = writeln!(text, "\nfloors of {task} by {by}:");
            *text += &render::table(&header, &board.rows(shown));
        }
        for &board in &measured {
            let (task, size, by) = (&board.task, board.batch_size, by(board));
            let _ = writeln!(text, "\nleaderboard of {task} at batch {size} by {by}:");
            *text += &render::table(&header, &board.rows(shown));
            let hidden = board.settings().saturating_sub(shown);
            if hidden > 0 {
                let all = shell::lawn("status", &self.run);
                let more = match measured.len() {
                    1 => format!("{all} --json"),
                    _ => format!("{all} --batch {size}"),
                };
                let _ = writeln!(
                    text,
                    "and {} more in `{more}`",
                    render::count(hidden, "setting")
                );
            }
        }
    }

    /// The same with what is of these batch sizes alone.
    #[must_use]
    pub fn at(mut self, batch_sizes: &[u64]) -> Self {
        let is_asked = |size: u64| batch_sizes.contains(&size);
        self.cells.retain(|cell| is_asked(cell.cell.batch_size));
        self.now
            .retain(|trial| is_asked(trial.which.cell.batch_size));
        self.failures
            .retain(|failure| is_asked(failure.which.cell.batch_size));
        self.leaderboards.retain(|board| is_asked(board.batch_size));
        self
    }

    /// What the run does now, in a word or two.
    pub(crate) fn state(&self) -> &'static str {
        match (self.running || !self.now.is_empty(), self.stage) {
            (true, Some(Stage::Tune)) => "tuning",
            (true, Some(Stage::Confirm)) => "confirming",
            (true, None) => "reporting",
            (false, None) => "finished",
            (false, Some(_)) if self.is_queued() => "in Slurm's queue",
            (false, Some(_)) => "not running",
        }
    }

    fn headline(&self) -> String {
        let state = self.state();
        let counts: Vec<String> = self
            .outcomes
            .iter()
            .map(|(word, count)| format!("{count} {word}"))
            .collect();
        let counts = match counts.is_empty() {
            true => String::new(),
            false => format!(" ({})", counts.join(", ")),
        };
        format!(
            "{state}, {} of {} over{counts}",
            self.finished,
            render::count(self.trials, "trial")
        )
    }
}

/// The metric of a leaderboard, and its direction where that is not the usual one.
fn by(board: &Leaderboard) -> String {
    let better = match board.higher_is_better {
        true => "",
        false => ", lower is better",
    };
    format!("{}{better}", board.metric)
}

fn running_row(trial: &RunningTrial) -> Vec<String> {
    let unknown = || "-".to_owned();
    let pulse = trial.pulse.as_ref();
    let speed = pulse.and_then(|pulse| pulse.steps_per_second);
    let left = pulse
        .zip(speed)
        .map(|(pulse, speed)| pulse.steps.saturating_sub(pulse.step) as f64 / speed)
        .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    vec![
        trial.which.described.clone(),
        pulse.map_or_else(unknown, |pulse| format!("{}/{}", pulse.step, pulse.steps)),
        speed.map_or_else(unknown, |speed| format!("{speed:.1}")),
        left.map_or_else(unknown, humantime),
        trial.pid.to_string(),
        trial.host.clone(),
    ]
}

fn cell_row(status: &CellStatus) -> Vec<String> {
    let outcomes: Vec<String> = status
        .outcomes
        .iter()
        .map(|(word, count)| format!("{count} {word}"))
        .collect();
    let unknown = || "-".to_owned();
    vec![
        status.cell.task.clone(),
        status.cell.arm.clone(),
        status.cell.batch_size.to_string(),
        count(status.tuned),
        status
            .frozen
            .map_or_else(unknown, |setting| setting.to_string()),
        count(status.confirmed),
        status
            .best_validation
            .map_or_else(unknown, |best| format!("{best:.4}")),
        outcomes.join(", "),
    ]
}

/// `2/3`, those that ended `ok` of all; how many failed beside it.
fn count(count: Count) -> String {
    let ok = count.done - count.failed;
    match count.failed {
        0 => format!("{ok}/{}", count.all),
        failed => format!("{ok}/{}, {failed} failed", count.all),
    }
}

fn failure_line(failure: &Failure) -> String {
    format!(
        "  {} {}  {}  {}\n    {}\n    {}\n",
        failure.which.index,
        failure.which.trial,
        failure.outcome,
        failure.which.described,
        failure.reason,
        failure.log.display()
    )
}
