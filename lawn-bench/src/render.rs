//! Plain tables for the terminal.

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
    use super::table;

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
