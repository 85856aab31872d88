//! Plain text for the terminal: tables, and trials in a few words.

use lawn_models::Stage;

pub(crate) use crate::count::count;
use crate::plan::Trial;

/// A trial in a few words, as `tune adam · batch 1000 · setting 2`.
pub(crate) fn trial(trial: &Trial, with_task: bool) -> String {
    let cell = &trial.cell;
    let task = match with_task {
        true => format!("{} · ", cell.task),
        false => String::new(),
    };
    let (stage, number) = match (trial.stage, trial.setting, trial.place) {
        (Stage::Confirm, ..) => ("confirm", format!("seed {}", trial.seed)),
        (Stage::Tune, Some(setting), _) => ("tune", format!("setting {setting}")),
        (Stage::Tune, None, place) => {
            let rank = place.unwrap_or_default() + 1;
            ("tune", format!("rung {} rank {rank}", trial.rung + 1))
        }
    };
    format!(
        "{stage} {task}{} · batch {} · {number}",
        cell.arm, cell.batch_size
    )
}

/// Shortens `name` to `width` characters at most. The middle is left out: the beginning is read
/// first, and the end tells trials apart.
pub(crate) fn shortened(name: &str, width: usize) -> String {
    let characters: Vec<char> = name.chars().collect();
    if characters.len() <= width {
        return name.to_owned();
    }
    let kept = width.saturating_sub(1);
    let head = characters[..kept / 3].iter();
    let tail = characters[characters.len() - (kept - kept / 3)..].iter();
    head.chain(['…'].iter().take(width)).chain(tail).collect()
}

/// Rows under a header, columns as wide as their widest cell; numbers to the right.
pub(crate) fn table(header: &[&str], rows: &[Vec<String>]) -> String {
    let widths: Vec<usize> = (0..header.len())
        .map(|column| {
            let cells = rows.iter().map(|row| row[column].chars().count());
            cells
                .chain([header[column].chars().count()])
                .max()
                .unwrap_or(0)
        })
        .collect();
    let numeric = |column: usize| {
        let mut cells = rows
            .iter()
            .map(|row| row[column].as_str())
            .filter(|cell| !["", "-"].contains(cell));
        cells.all(|cell| cell.starts_with(|c: char| c.is_ascii_digit()))
    };
    let line = |cells: &[String]| {
        let padded: Vec<String> = cells
            .iter()
            .zip(&widths)
            .enumerate()
            .map(|(column, (cell, &width))| {
                if numeric(column) {
                    format!("{cell:>width$}")
                } else {
                    format!("{cell:<width$}")
                }
            })
            .collect();
        padded.join("  ").trim_end().to_owned() + "\n"
    };
    let header: Vec<String> = header.iter().map(|&cell| cell.to_owned()).collect();
    std::iter::once(line(&header))
        .chain(rows.iter().map(|row| line(row)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::{shortened, table};

    #[test]
    fn a_name_loses_its_middle_and_no_more_than_it_must() {
        let name = "tune movielens · adam-lawn-row · batch 65536 · setting 12";
        let count = name.chars().count();
        assert_eq!(shortened(name, count), name);
        assert_eq!(
            shortened(name, 40),
            "tune movielen…· batch 65536 · setting 12"
        );
        for width in 0..count {
            let short = shortened(name, width);
            assert_eq!(short.chars().count(), width, "{short}");
            let (head, tail) = short.split_once('…').unwrap_or_default();
            assert!(name.starts_with(head) && name.ends_with(tail), "{short}");
        }
    }

    #[test]
    fn columns_align_and_numbers_lean_right() {
        let rows = vec![
            vec!["adam".to_owned(), "7".to_owned()],
            vec!["x".to_owned(), "1000".to_owned()],
        ];
        assert_eq!(
            table(&["arm", "trials"], &rows),
            "arm   trials\nadam       7\nx       1000\n"
        );
    }
}
