//! The claims on the page, a claim a row and a task a column.

use super::download::download;
use crate::analysis::{ClaimAcross, Support, Task};
use crate::figures::escape;
use crate::report::matrix::{MatrixCell, heading, task_heading};
use crate::tables::{ClaimByTaskRow, Rows};

/// The matrix, with links to its numbers. No claims make no text.
pub(crate) fn claims(
    across: &[ClaimAcross],
    tasks: &[Task],
    rows: &Rows<ClaimByTaskRow>,
) -> String {
    if across.is_empty() {
        return String::new();
    }
    let several = tasks.len() > 1;
    let mut headings: Vec<String> = tasks.iter().map(task_heading).collect();
    if several {
        headings.push("all tasks".to_owned());
    }
    let headings: String = headings
        .iter()
        .map(|name| format!("<th scope=\"col\">{}</th>", escape(name)))
        .collect();
    let lines: String = across
        .iter()
        .map(|one| {
            let mut cells: Vec<MatrixCell> = one.cells.iter().map(MatrixCell::of_task).collect();
            if several {
                cells.push(MatrixCell::of_all(&one.pooled));
            }
            let cells: String = cells.iter().map(cell).collect();
            let name = escape(&heading(one));
            format!("<tr><th scope=\"row\">{name}</th>{cells}</tr>\n")
        })
        .collect();
    let table = rows.table();
    format!(
        "<div class=\"scroll whole\" role=\"region\" aria-label=\"Claims by task\" tabindex=\"0\">\n\
         <table class=\"means matrix\"><caption><span>{}</span></caption>\n<thead><tr><th \
         scope=\"col\">claim</th>{headings}</tr></thead>\n<tbody>\n{lines}</tbody></table>\n</div>\n\
         <p>{}</p>\n",
        escape(&table.caption),
        download(&table, "tables")
    )
}

fn cell(cell: &MatrixCell) -> String {
    let class = match cell.verdict {
        Some(Support::BorneOut) => "verdict better",
        Some(Support::OppositeBorneOut) => "verdict worse",
        Some(Support::NotDecided) => "verdict inconclusive",
        None => "muted",
    };
    format!(
        "<td><span class=\"{class}\">{}</span><br><span class=\"small\">{}</span></td>",
        cell.word,
        escape(&cell.behind)
    )
}
