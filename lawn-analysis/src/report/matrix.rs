//! The claims as a matrix, a claim a row and a task a column, for the page and for the summary.

use crate::analysis::{ClaimAcross, ClaimCell, Pooled, Support, Task};
use crate::stats::Estimate;
use crate::text::{count, number, p_number, resolved, signed};

/// What a cell says: a word, and the numbers or the reason behind it.
pub(super) struct MatrixCell {
    /// The verdict; none where nothing is decided about the claim there.
    pub(super) verdict: Option<Support>,
    pub(super) word: &'static str,
    pub(super) behind: String,
}

impl MatrixCell {
    /// What a task says of a claim.
    pub(super) fn of_task(cell: &ClaimCell) -> Self {
        let verdict = cell.claim.as_ref().map(|claim| claim.verdict);
        let Some(estimate) = cell.estimate() else {
            let why = cell.why_none.clone().unwrap_or_default();
            // A test that ranks diverged trials may decide without an estimate.
            let decided = verdict.filter(|verdict| *verdict != Support::NotDecided);
            return Self {
                verdict: decided,
                word: decided.map_or("cannot be said", Support::as_str),
                behind: why,
            };
        };
        let p = cell.claim.as_ref().and_then(|claim| claim.adjusted_p);
        let p = p.map_or(String::new(), |p| format!(", p {}", p_number(p)));
        let ranked = cell.claim.as_ref().filter(|claim| claim.worst_rank);
        let behind = match ranked {
            // The interval is of those that are left, the p of all seeds.
            Some(claim) => format!(
                "{} for the {} without divergence{p}, n {}, with diverged trials ranked worst",
                with_ends(estimate),
                count(estimate.n, "seed", "seeds"),
                claim.seeds
            ),
            None => format!("{}{p}, n {}", with_ends(estimate), estimate.n),
        };
        Self {
            verdict,
            word: verdict.map_or("cannot be said", Support::as_str),
            behind,
        }
    }

    /// What all tasks together say of it.
    pub(super) fn of_all(pooled: &Pooled) -> Self {
        let (word, behind) = match pooled {
            Pooled::Mean(found) => (
                "mean",
                format!(
                    "{} over {}, which differ by {} (standard deviation)",
                    with_ends(found.mean),
                    count(found.mean.n, "task", "tasks"),
                    number(found.deviation)
                ),
            ),
            Pooled::None(why) => ("no mean", why.clone()),
        };
        Self {
            verdict: None,
            word,
            behind,
        }
    }
}

/// The claim with the unit of its numbers, where that is no task's own.
pub(super) fn heading(across: &ClaimAcross) -> String {
    if across.kind.in_doublings() {
        format!("{} (doublings)", across.claim)
    } else {
        across.claim.clone()
    }
}

/// A task with its metric, in whose unit the other claims are.
pub(super) fn task_heading(task: &Task) -> String {
    format!("{} ({})", task.name, task.metric)
}

/// The matrix as a table in Markdown.
pub(super) fn markdown(across: &[ClaimAcross], tasks: &[String]) -> String {
    let mut heads: Vec<String> = vec!["claim".to_owned()];
    heads.extend(tasks.iter().cloned());
    let several = tasks.len() > 1;
    heads.extend(several.then(|| "all tasks".to_owned()));
    let line = |cells: Vec<String>| {
        let cells = cells.iter().map(|cell| cell.replace('|', "\\|"));
        format!("| {} |\n", cells.collect::<Vec<_>>().join(" | "))
    };
    let rule = vec![":--".to_owned(); heads.len()];
    let mut text = line(heads) + &line(rule);
    for one in across {
        let mut cells: Vec<MatrixCell> = one.cells.iter().map(MatrixCell::of_task).collect();
        cells.extend(several.then(|| MatrixCell::of_all(&one.pooled)));
        let said = cells
            .iter()
            .map(|cell| format!("**{}**: {}", cell.word, cell.behind));
        text += &line(std::iter::once(heading(one)).chain(said).collect());
    }
    text
}

fn with_ends(estimate: Estimate) -> String {
    match estimate.interval {
        Some(found) => {
            let [value, low, high] = resolved(estimate.value, found.low, found.high);
            format!("{value} [{low}, {high}]")
        }
        None => signed(estimate.value),
    }
}
