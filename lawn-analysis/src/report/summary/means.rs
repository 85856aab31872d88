//! The means of the summary.

use super::screen::{COLUMNS, begun};
use crate::analysis::Task;
use crate::tables::MeanRow;
use crate::text::{batch, better, number, on_test, shortened};

/// The means of the test metric, with a row per arm and a column per batch size. They take as many
/// blocks as the columns need.
pub(super) fn means(tasks: &[Task], means: &[MeanRow]) -> Vec<String> {
    let mut lines = Vec::new();
    for one in tasks {
        let rows = || means.iter().filter(|row| row.task == one.name);
        let Some(most) = rows().map(|row| row.n).max() else {
            continue;
        };
        // A cell shows its number of trials only where that differs from all others.
        let cell = |name: &str, at: i64| {
            let is_it = |row: &&MeanRow| row.arm == name && row.batch_size == at;
            rows().find(is_it).map_or(String::new(), |row| {
                let value = row.mean.map_or("–".to_owned(), |mean| number(mean.value));
                match row.n {
                    n if n == most => value,
                    n => format!("{value} (n {n})"),
                }
            })
        };
        let text = format!(
            "**Mean {}** ({}) on {} (n {most}), by batch size:",
            on_test(&one.metric),
            better(one.higher_is_better),
            one.name
        );
        lines.push(String::new());
        lines.extend(begun(&text, ["", ""]));
        lines.extend([String::new(), "```text".to_owned()]);
        let widest = one.arms.iter().map(|name| name.chars().count()).max();
        let for_names = widest.unwrap_or(0).min(COLUMNS / 3);
        let columns: Vec<Vec<String>> = one
            .batch_sizes
            .iter()
            .map(|at| {
                let cells = one.arms.iter().map(|name| cell(name, *at));
                std::iter::once(batch(*at)).chain(cells).collect()
            })
            .collect();
        let wide = |column: &Vec<String>| column.iter().map(|cell| cell.chars().count()).max();
        let mut next = 0;
        while next < columns.len() {
            let mut used = for_names;
            let first = next;
            while next < columns.len() {
                let needed = 2 + wide(&columns[next]).unwrap_or(0);
                if next > first && used + needed > COLUMNS {
                    break;
                }
                used += needed;
                next += 1;
            }
            for line in 0..=one.arms.len() {
                let name = line
                    .checked_sub(1)
                    .map_or("", |index| one.arms[index].as_str());
                let mut text = format!("{:<for_names$}", shortened(name, for_names));
                for column in &columns[first..next] {
                    let room = wide(column).unwrap_or(0);
                    text.push_str(&format!("  {:>room$}", column[line]));
                }
                lines.push(text);
            }
        }
        lines.push("```".to_owned());
    }
    lines
}
