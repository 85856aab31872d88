//! What people should know of files of clicks before anything is trained on them.

use super::cache::ClickCounts;
use super::encode::ClickEncoding;
use super::split::ClickSplit;
use crate::data::by_number::by_number;

/// A line each: how many rows and clicks there are, what counts as 0, and what is likely to be a
/// fault.
pub(super) fn lines(
    counts: &ClickCounts,
    encoding: &ClickEncoding,
    split: ClickSplit,
    passed_over: &[String],
) -> Vec<String> {
    let ClickCounts { rows, clicks, .. } = counts;
    let rate = *clicks as f64 / (*rows).max(1) as f64;
    let (had, clicked) = (
        by_number(*rows, "row[ has|s have]"),
        by_number(*clicks, "click[|s]"),
    );
    let mut lines = vec![format!("{had} {clicked}, a click rate of {rate:.4}")];
    let dense = counts.format.dense() as u64;
    if dense > 0 {
        let missing = encoding.missing_integer;
        lines.push(format!(
            "of {} integers {} are below 0 and count as 0; {} are absent and count as {}, by \
             encoding.missing_integer = {missing}",
            rows * dense,
            counts.facts.below_zero,
            counts.facts.absent,
            missing.max(0)
        ));
    }
    if let Some(first) = &counts.first_excluded {
        let count = by_number(
            counts.excluded,
            "line[ cannot be read and is|s cannot be read and are]",
        );
        lines.push(format!("{count} left out; the first: {first}"));
    }
    let back = counts.facts.hours.map_or(0, |hours| hours.back);
    if back > 0 && split != ClickSplit::Random {
        lines.push(by_number(
            back,
            "row[ has an hour before that of the row ahead of it|s have an hour before that of the row \
             ahead of them]: rows are not in the order of time, and this split is none by time",
        ));
    }
    for file in &counts.endless {
        lines.push(format!(
            "{file} has no end of line behind its last row, which a file that is cut short lacks too"
        ));
    }
    lines.extend(shared(&counts.sizes, &counts.ids));
    lines.extend(constant(counts));
    if !passed_over.is_empty() {
        let names = passed_over.join(", ");
        lines.push(format!(
            "not read: {names}; test rows are those that the split takes of rows with labels"
        ));
    }
    let room = &counts.room;
    let mut line = format!(
        "its converted rows take {} bytes in {}",
        room.bytes,
        room.folder.display()
    );
    if room.others > 0 {
        line.push_str(&format!(
            "; {} {} bytes beside it, and can be removed",
            by_number(
                room.others,
                "of [another encoding takes|other encodings take]"
            ),
            room.others_bytes
        ));
    }
    lines.push(line);
    lines
}

/// Of columns of these sizes, with so many ids that occur, those in which categories share them.
fn shared(sizes: &[u32], ids: &[u64]) -> Vec<String> {
    let columns = sizes.len();
    let single = sizes.iter().filter(|&&size| size == 1).count();
    let full = sizes.iter().zip(ids);
    let full = full.filter(|&(&size, &ids)| size > 1 && 2 * ids > u64::from(size));
    let mut lines = Vec::new();
    if single > 0 {
        lines.push(format!(
            "in {single} of {columns} columns all categories share one id; a greater \
             encoding.hash_size tells them apart"
        ));
    }
    let full = full.count();
    if full > 0 {
        lines.push(format!(
            "in {full} of {columns} columns more than half of the ids occur, so that many \
             categories share one; a greater encoding.hash_size tells them apart"
        ));
    }
    lines
}

/// Columns that are named.
const NAMED: usize = 8;

/// The columns of categories that have one value in all rows, which no net can learn of.
fn constant(counts: &ClickCounts) -> Option<String> {
    let names = counts.format.column_names();
    let columns = counts.sizes.iter().zip(&counts.ids).zip(&names);
    let constant = columns.filter(|&((&size, &ids), _)| size > 1 && ids == 1);
    let constant: Vec<&str> = constant.map(|(_, name)| name.as_str()).collect();
    if constant.is_empty() || counts.rows < 2 {
        return None;
    }
    let named = constant[..constant.len().min(NAMED)].join(", ");
    let more = match constant.len().saturating_sub(NAMED) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    Some(format!(
        "{} of {} columns of categories: {named}{more}",
        by_number(
            constant.len() as u64,
            "column[ has|s have] a single id in all rows,"
        ),
        names.len()
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Where most categories share an id, most is to be said.
    #[test]
    fn shared_ids_are_told_of_columns_of_any_size() {
        for size in [2, 20, 40, 200, 1_000] {
            let lines = shared(&[size; 22], &[u64::from(size); 22]);
            assert!(
                lines.len() == 1 && lines[0].starts_with("in 22 of 22"),
                "{lines:?}"
            );
        }
        let lines = shared(&[1, 1, 100], &[1, 1, 50]);
        assert!(
            lines.len() == 1 && lines[0].starts_with("in 2 of 3"),
            "{lines:?}"
        );
        assert!(shared(&[100, 1_000], &[50, 3]).is_empty());
    }
}
