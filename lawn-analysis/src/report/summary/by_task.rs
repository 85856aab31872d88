//! The claims of the summary, with what each task says of each.

use super::screen::{COLUMNS, begun, item};
use crate::analysis::{ClaimAcross, Task};
use crate::report::matrix::{MatrixCell, heading, task_heading};
use crate::text::{shortened, wrapped};

/// Spaces before what a task says.
const INDENT: &str = "  ";

/// Each claim with what every task says of it. Of one task, whose claims are sentences already, only
/// what cannot be said.
pub(super) fn by_task(across: &[ClaimAcross], tasks: &[Task]) -> Vec<String> {
    match tasks {
        [] => Vec::new(),
        [_] => not_said(across),
        _ => matrix(across, tasks),
    }
}

fn not_said(across: &[ClaimAcross]) -> Vec<String> {
    let without = across.iter().filter_map(|one| {
        let [cell] = &one.cells[..] else { return None };
        let is_known = cell.claim.is_some();
        let why = cell.why_none.as_ref().filter(|_| !is_known)?;
        Some(item(&format!("{}: {why}.", one.claim)))
    });
    let items: Vec<String> = without.flatten().collect();
    if items.is_empty() {
        return items;
    }
    let mut lines = vec![
        String::new(),
        "**What cannot be said here**:".to_owned(),
        String::new(),
    ];
    lines.extend(items);
    lines
}

fn matrix(across: &[ClaimAcross], tasks: &[Task]) -> Vec<String> {
    if across.is_empty() {
        return Vec::new();
    }
    let mut lines = vec![String::new()];
    let what = "**Claims by task** (positive supports the claim; adjusted over the claims of a task, \
                over no tasks; `tables/claims-by-task.csv`):";
    lines.extend(begun(what, ["", ""]));
    lines.extend([String::new(), "```text".to_owned()]);
    let mut names: Vec<String> = tasks.iter().map(task_heading).collect();
    names.push("all tasks".to_owned());
    let widest = names.iter().map(|name| name.chars().count()).max();
    let width = widest.unwrap_or(0).min(COLUMNS / 3);
    for one in across {
        lines.extend(begun(&heading(one), ["", INDENT]));
        let mut cells: Vec<MatrixCell> = one.cells.iter().map(MatrixCell::of_task).collect();
        cells.push(MatrixCell::of_all(&one.pooled));
        for (name, cell) in names.iter().zip(cells) {
            let begin = format!(
                "{INDENT}{:<width$}  {:<18}  ",
                shortened(name, width),
                cell.word
            );
            let room = COLUMNS.saturating_sub(begin.chars().count());
            // What does not fit stands below, where the numbers stand.
            let below = " ".repeat(begin.chars().count());
            let behind = wrapped(&cell.behind, room).into_iter().enumerate();
            lines.extend(behind.map(|(index, line)| {
                let begin = if index == 0 { &begin } else { &below };
                format!("{begin}{line}")
            }));
        }
    }
    lines.push("```".to_owned());
    lines
}
