//! The means on the page.

use super::download::download;
use crate::analysis::Task;
use crate::figures::escape;
use crate::tables::{MeanRow, Rows};
use crate::text::{batch, better, number, on_test};

/// The rows of [`crate::tables::means`], task by task, with a row per arm and a column per batch
/// size. No rows make no text.
pub(crate) fn means(means: &Rows<MeanRow>, tasks: &[Task]) -> String {
    let mut text = String::new();
    for rows in means.rows().chunk_by(|a, b| a.task == b.task) {
        let mut sizes: Vec<i64> = rows.iter().map(|row| row.batch_size).collect();
        sizes.sort_unstable();
        sizes.dedup();
        let headings: String = sizes
            .iter()
            .map(|size| format!("<th scope=\"col\" class=\"number\">{}</th>", batch(*size)))
            .collect();
        let lines: String = rows
            .chunk_by(|a, b| a.arm == b.arm)
            .map(|cells| {
                let cell = |at: &i64| {
                    let mut found = cells.iter();
                    let found = found.find(|row| row.batch_size == *at);
                    found.map_or("<td class=\"number\">–</td>".to_owned(), mean_cell)
                };
                let name = escape(&cells[0].arm);
                let cells: String = sizes.iter().map(cell).collect();
                format!("<tr><th scope=\"row\">{name}</th>{cells}</tr>\n")
            })
            .collect();
        let first = &rows[0];
        let of = tasks.iter().find(|task| task.name == first.task);
        let better = of.map_or("", |task| better(task.higher_is_better));
        let of = [&first.task, &on_test(&first.metric)].map(|name| escape(name));
        text.push_str(&format!(
            "<div class=\"scroll whole\" role=\"region\" aria-label=\"Means of {0}\" tabindex=\"0\">\n\
             <table class=\"means\"><caption><span>{0}: mean {1} ({better}) over the trials that ended \
             well, with its t interval and the number of trials.</span></caption>\n<thead><tr><th \
             scope=\"col\">arm</th>{headings}</tr></thead>\n<tbody>\n{lines}</tbody></table>\n</div>\n",
            of[0], of[1],
        ));
    }
    if means.is_empty() {
        return text;
    }
    text + &format!("<p>{}</p>\n", download(&means.table(), "tables"))
}

/// A mean; below it its interval; below that how many trials ended how.
fn mean_cell(row: &MeanRow) -> String {
    let mut below = Vec::new();
    if let Some(ends) = row.mean.and_then(|mean| mean.interval) {
        below.push(format!("[{}, {}]", number(ends.low), number(ends.high)));
    }
    let mut ended = format!("n {}", row.n);
    for (count, what) in [(row.diverged, "diverged"), (row.failed, "failed")] {
        if count > 0 {
            ended.push_str(&format!(", {count} {what}"));
        }
    }
    below.push(ended);
    let below: String = below
        .iter()
        .map(|line| format!("<br><span class=\"small\">{line}</span>"))
        .collect();
    let mean = row.mean.map_or("–".to_owned(), |mean| number(mean.value));
    format!("<td class=\"number\">{mean}{below}</td>")
}
