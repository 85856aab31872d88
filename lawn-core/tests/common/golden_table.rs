//! The tables of `goldens/README.md`, as the tests print them and hold them to what they measure.

use std::collections::BTreeMap;
use std::path::Path;

/// A line of a table: a case, and how far it is from its public implementation.
pub(crate) struct Row {
    /// Case, source, version.
    start: String,
    /// In f64 and in f32.
    errors: [f64; 2],
}

/// What rounding alone comes to: below it no order of magnitude is told from another.
const ROUNDING: [f64; 2] = [1e-16, 1e-8];

/// By how much a table may differ from what is measured, either way: machines round differently.
const FACTOR: f64 = 10.0;

impl Row {
    /// `peer` may be several, of which the versions are given one after the other.
    pub(crate) fn new(
        case: &str,
        peer: &str,
        versions: &BTreeMap<String, String>,
        errors: [f64; 2],
    ) -> Self {
        let version = |one: &str| {
            let package = one.trim().split('.').next().unwrap();
            versions[package].clone()
        };
        let all: Vec<String> = peer.split(',').map(version).collect();
        Self {
            start: format!("| {case} | `{peer}` | {} |", all.join(", ")),
            errors,
        }
    }
}

/// Prints a table, and answers what its section of the document says otherwise: a line that is not
/// there, or is no longer, or an error of another size.
pub(crate) fn differences(section: &str, rows: &[Row]) -> Vec<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("goldens/README.md");
    let document = std::fs::read_to_string(path).unwrap();
    println!("## {section}\n\n| case | source | version | f64 | f32 |\n|---|---|---|---:|---:|");
    for Row { start, errors } in rows {
        println!("{start} {:.1e} | {:.1e} |", errors[0], errors[1]);
    }
    compare(&document, section, rows)
}

fn compare(document: &str, section: &str, rows: &[Row]) -> Vec<String> {
    let heading = format!("## {section}");
    let after = document.lines().skip_while(|line| *line != heading).skip(1);
    let own = after.take_while(|line| !line.starts_with("## "));
    // Without the head and the rule below it.
    let lines: Vec<&str> = own.filter(|line| line.starts_with('|')).skip(2).collect();
    let mut found = Vec::new();
    for line in &lines {
        let is_known = |row: &&Row| line.starts_with(&row.start);
        let Some(row) = rows.iter().find(is_known) else {
            found.push(format!("`{line}` is of no case in this form"));
            continue;
        };
        let cells = line[row.start.len()..].split('|').map(str::trim);
        let said: Vec<f64> = cells.filter_map(|cell| cell.parse().ok()).collect();
        let pairs = said.iter().zip(row.errors).zip(ROUNDING);
        let is_near = |((said, found), rounding): ((&f64, f64), f64)| {
            let (said, found) = (said.max(rounding), found.max(rounding));
            said / found < FACTOR && found / said < FACTOR
        };
        if said.len() != 2 || !pairs.clone().all(is_near) {
            let [double, single] = row.errors;
            found.push(format!("`{line}`: measured {double:.1e} and {single:.1e}"));
        }
    }
    for Row { start, .. } in rows {
        let count = lines.iter().filter(|line| line.starts_with(start)).count();
        if count != 1 {
            found.push(format!("`{start}` is in {count} lines of `{heading}`"));
        }
    }
    found
}

#[test]
fn a_table_that_says_otherwise_is_found() {
    let versions = BTreeMap::from([("torch".to_owned(), "2".to_owned())]);
    let row = |case: &str, errors| Row::new(case, "torch.SGD", &versions, errors);
    let rows = [row("one", [2e-16, 1e-7]), row("two", [0.0, 3e-8])];
    let table = |lines: &str| {
        format!(
            "# Title\n\n## Other\n\n| case |\n|---|\n| x |\n\n## Mine\n\n| case |\n|---|\n{lines}"
        )
    };
    let good =
        "| one | `torch.SGD` | 2 | 1.0e-16 | 9.0e-8 |\n| two | `torch.SGD` | 2 | 4e-17 | 2e-8 |\n";
    assert_eq!(compare(&table(good), "Mine", &rows), [""; 0]);
    for (lines, part) in [
        (good.replace("9.0e-8", "9.0e-6"), "measured"),
        (good.replace("1.0e-16", "1.0e-14"), "measured"),
        (good.replace("| 9.0e-8 ", ""), "measured"),
        (good.replace("| 2 | 4e", "| 3 | 4e"), "of no case"),
        (
            format!("{good}| three | `torch.SGD` | 2 | 0 | 0 |\n"),
            "of no case",
        ),
        (good.repeat(2), "in 2 lines"),
        (good.lines().next().unwrap().to_owned(), "in 0 lines"),
    ] {
        let found = compare(&table(&lines), "Mine", &rows);
        assert!(
            found.iter().any(|one| one.contains(part)),
            "{part}: {found:?}"
        );
    }
}
