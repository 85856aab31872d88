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

/// What stands between the contrasts of a cell in Markdown.
const BELOW: &str = "<br>";

/// The matrix as a table in Markdown, a claim a row: a cell has a line for each contrast that its
/// study registered.
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
    for rows in across.chunk_by(|one, next| one.kind == next.kind) {
        let of_task = |task: usize| {
            let asked = rows.iter().filter(|row| row.cells[task].is_asked);
            let said = asked.map(|row| named(row, &MatrixCell::of_task(&row.cells[task])));
            said.collect::<Vec<_>>().join(BELOW)
        };
        let mut cells: Vec<String> = (0..tasks.len()).map(of_task).collect();
        cells.extend(several.then(|| pooled(rows)));
        let kind = rows[0].kind;
        let unit = if kind.in_doublings() {
            " (doublings)"
        } else {
            ""
        };
        text += &line(
            std::iter::once(kind.in_words().to_owned() + unit)
                .chain(cells)
                .collect(),
        );
    }
    text
}

/// What a cell says, with the contrast that it says it of.
fn named(row: &ClaimAcross, cell: &MatrixCell) -> String {
    let said = format!("**{}**: {}", cell.word, cell.behind);
    match &row.contrast {
        None => said,
        Some(contrast) => format!("{} over {}: {said}", contrast.treatment, contrast.baseline),
    }
}

/// The means of those contrasts that have one, or why none has.
fn pooled(rows: &[ClaimAcross]) -> String {
    let is_mean = |row: &&ClaimAcross| matches!(row.pooled, Pooled::Mean(_));
    let with = rows.iter().filter(is_mean);
    let means: Vec<String> = with
        .map(|row| named(row, &MatrixCell::of_all(&row.pooled)))
        .collect();
    if !means.is_empty() {
        return means.join(BELOW);
    }
    match rows {
        [row] => {
            let MatrixCell { word, behind, .. } = MatrixCell::of_all(&row.pooled);
            format!("**{word}**: {behind}")
        }
        _ => "**no mean**: no contrast has a number in three tasks".to_owned(),
    }
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
