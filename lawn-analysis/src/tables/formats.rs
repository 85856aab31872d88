//! A table as CSV and Markdown, and its columns for printing.

use std::borrow::Cow;

use super::field::Kind;
use super::table::Table;
use super::value::Value;
use crate::text::visible;

impl Table {
    /// The table as CSV (RFC 4180), with numbers in full precision.
    pub fn to_csv(&self) -> String {
        let mut writer = csv::Writer::from_writer(Vec::new());
        let mut write = |cells: Vec<Cow<'_, str>>| {
            let cells = cells.iter().map(|cell| cell.as_bytes());
            writer
                .write_record(cells)
                .expect("rows of one length are written to memory");
        };
        write(
            self.columns()
                .iter()
                .map(|column| column.name.into())
                .collect(),
        );
        for row in self.rows() {
            write(row.iter().map(exact).collect());
        }
        let bytes = writer.into_inner().expect("memory takes what is written");
        String::from_utf8(bytes).expect("cells are texts")
    }

    /// The table as Markdown, with numbers right-aligned and without detail columns.
    pub fn to_markdown(&self) -> String {
        let printed = self.printed();
        let titles: Vec<String> = printed
            .iter()
            .map(|column| markdown(&column.title))
            .collect();
        let marks: Vec<&str> = printed
            .iter()
            .map(|column| if column.numeric { "--:" } else { ":--" })
            .collect();
        let mut text = format!("| {} |\n| {} |\n", titles.join(" | "), marks.join(" | "));
        for row in self.rows() {
            let cells = printed.iter().map(|column| markdown(&column.cell(row)));
            let cells: Vec<String> = cells.collect();
            text.push_str(&format!("| {} |\n", cells.join(" | ")));
        }
        text
    }

    /// The columns for printing: detail columns are left out, and an estimate and the ends of its
    /// interval make one column.
    pub(crate) fn printed(&self) -> Vec<PrintedColumn> {
        let mut printed: Vec<PrintedColumn> = Vec::new();
        let mut columns = self.columns().iter().enumerate();
        while let Some((index, column)) = columns.next() {
            if !column.detail {
                printed.push(PrintedColumn {
                    title: title(column.name),
                    kind: column.kind,
                    numeric: self.numeric(index),
                    value: index,
                });
            }
            if column.kind == Kind::Estimate {
                // The ends of its interval are printed with it.
                columns.nth(1);
            }
        }
        printed
    }

    /// Whether a column holds only numbers.
    pub fn numeric(&self, column: usize) -> bool {
        let mut values = self.rows().iter().map(|row| &row[column]).peekable();
        values.peek().is_some() && values.all(|value| !matches!(value, Value::Text(_)))
    }
}

/// A column for printing.
pub(crate) struct PrintedColumn {
    pub(crate) title: String,
    pub(crate) kind: Kind,
    pub(crate) numeric: bool,
    /// Index of the column of the value.
    pub(crate) value: usize,
}

impl PrintedColumn {
    pub(crate) fn cell(&self, row: &[Value]) -> String {
        let value = row[self.value].shown();
        if self.kind != Kind::Estimate {
            return value;
        }
        match (&row[self.value + 1], &row[self.value + 2]) {
            (Value::Absent, Value::Absent) => value,
            (low, high) => format!("{value} [{}, {}]", low.shown(), high.shown()),
        }
    }
}

/// A text that Markdown shows as it is, without taking any of it for markup.
pub(crate) fn markdown(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\\' | '`' | '*' | '_' | '[' | ']' | '<' | '>' | '|' | '&' | '~' | '$' => {
                escaped.push('\\');
                escaped.push(c);
            }
            c if c.is_whitespace() => escaped.push(' '),
            _ => escaped.push(visible(c)),
        }
    }
    escaped
}

/// A column's name as people read it.
pub(crate) fn title(name: &str) -> String {
    name.replace('_', " ")
}

/// A cell in full precision.
fn exact(value: &Value) -> Cow<'_, str> {
    match value {
        Value::Absent => "".into(),
        Value::Integer(value) => value.to_string().into(),
        Value::Number(value) => value.to_string().into(),
        Value::Text(text) => text.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::{Estimate, Interval};
    use crate::tables::row::{Rows, row};

    row! {
        struct SmallRow {
            arm: String,
            n: Option<i64>,
            p: f64 as [p_value],
        }
    }

    row! {
        struct GainRow {
            arm: String,
            gain: Estimate as [gain, low, high],
            d_z: f64 = detail,
        }
    }

    fn table() -> Table {
        let row = |arm: &str, n, p| SmallRow {
            arm: arm.into(),
            n,
            p,
        };
        let rows = vec![row("a,\"b\"", Some(3), 0.1), row("c|d", None, -0.25)];
        Rows::new("small", "100 % of_it", rows).table()
    }

    #[test]
    fn csv_quotes_and_keeps_precision() {
        assert_eq!(
            table().to_csv(),
            "arm,n,p_value\n\"a,\"\"b\"\"\",3,0.1\nc|d,,-0.25\n"
        );
    }

    #[test]
    fn markdown_escapes_markup_and_aligns_numbers() {
        let text = table().to_markdown();
        assert!(
            text.starts_with("| arm | n | p value |\n| :-- | --: | --: |\n"),
            "{text}"
        );
        assert!(text.contains("| c\\|d | – | −0.2500 |"), "{text}");
        assert_eq!(
            markdown("_a_*b*`c`<d>&e\n[f]"),
            "\\_a\\_\\*b\\*\\`c\\`\\<d\\>\\&e \\[f\\]"
        );
    }

    #[test]
    fn an_estimate_is_printed_with_its_interval_and_detail_only_in_csv() {
        let row = |arm: &str, interval| GainRow {
            arm: arm.into(),
            gain: Estimate {
                value: 0.5,
                interval,
                n: 3,
                method: "",
            },
            d_z: 2.0,
        };
        let interval = Interval {
            low: 0.25,
            high: 0.75,
            level: 0.95,
            method: "",
        };
        let rows = vec![row("a", Some(interval)), row("b", None)];
        let table = Rows::new("small", "", rows).table();
        let text = table.to_latex();
        assert!(text.contains("arm & gain \\\\"), "{text}");
        assert!(text.contains("a & 0.5000 {[}0.2500, 0.7500]"), "{text}");
        assert!(text.contains("b & 0.5000 \\\\"), "{text}");
        assert!(table.to_markdown().contains("| b | 0.5000 |"));
        assert!(
            table
                .to_csv()
                .starts_with("arm,gain,low,high,d_z\na,0.5,0.25,0.75,2\n")
        );
    }

    #[test]
    #[should_panic(expected = "has no column n_value")]
    fn what_is_not_there_cannot_be_hidden() {
        let _ = table().hiding("n_value");
    }
}
