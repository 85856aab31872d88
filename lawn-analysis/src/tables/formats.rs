//! A table as CSV and Markdown, and its columns as they are printed.

use super::{Table, Value};
use crate::text::visible;

impl Table {
    /// The table as CSV (RFC 4180), numbers in full precision.
    pub fn to_csv(&self) -> String {
        let mut text = self.columns.join(",");
        text.push('\n');
        for row in self.rows() {
            let cells: Vec<String> = row.iter().map(csv_cell).collect();
            text.push_str(&cells.join(","));
            text.push('\n');
        }
        text
    }

    /// The table as Markdown, numbers right-aligned, without the columns of detail.
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

    /// The columns as they are printed: those of detail left out, and an estimate with the ends of
    /// its interval in one.
    pub(crate) fn printed(&self) -> Vec<Printed> {
        let mut printed: Vec<Printed> = Vec::new();
        let mut column = 0;
        while column < self.columns.len() {
            let name = self.columns[column];
            let interval = ends_of_interval(&self.columns[column + 1..]);
            if !self.detail.contains(&name) {
                printed.push(Printed {
                    title: title(name),
                    numeric: self.numeric(column),
                    value: column,
                    interval,
                });
            }
            column += if interval { 3 } else { 1 };
        }
        printed
    }

    /// Whether a column holds numbers and nothing else.
    pub fn numeric(&self, column: usize) -> bool {
        let mut values = self.rows().iter().map(|row| &row[column]).peekable();
        values.peek().is_some() && values.all(|value| !matches!(value, Value::Text(_)))
    }
}

/// A column as it is printed.
pub(crate) struct Printed {
    pub(crate) title: String,
    pub(crate) numeric: bool,
    /// Index of the column of the value.
    pub(crate) value: usize,
    /// Whether the two columns after it are the ends of its interval.
    interval: bool,
}

impl Printed {
    pub(crate) fn cell(&self, row: &[Value]) -> String {
        let value = row[self.value].shown();
        if !self.interval {
            return value;
        }
        match (&row[self.value + 1], &row[self.value + 2]) {
            (Value::Absent, Value::Absent) => value,
            (low, high) => format!("{value} [{}, {}]", low.shown(), high.shown()),
        }
    }
}

/// Whether these columns begin with the ends of an interval.
fn ends_of_interval(columns: &[&str]) -> bool {
    let ends = |index: usize, end: &str| {
        columns
            .get(index)
            .is_some_and(|name| *name == end || name.ends_with(&format!("_{end}")))
    };
    ends(0, "low") && ends(1, "high")
}

/// A text as Markdown shows it: no sign of it is taken for markup.
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

fn csv_cell(value: &Value) -> String {
    match value {
        Value::Absent => String::new(),
        Value::Integer(value) => value.to_string(),
        Value::Number(value) => value.to_string(),
        Value::Text(text) if text.contains([',', '"', '\n', '\r']) => {
            format!("\"{}\"", text.replace('"', "\"\""))
        }
        Value::Text(text) => text.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> Table {
        let mut table = Table::new("small", "100 % of_it", &["arm", "n", "p_value"]);
        table.push(vec!["a,\"b\"".into(), 3_i64.into(), 0.1.into()]);
        table.push(vec!["c|d".into(), Value::Absent, Value::Number(-0.25)]);
        table
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
        let columns = ["arm", "gain", "low", "high", "d_z"];
        let mut table = Table::new("small", "", &columns).with_detail(&["d_z"]);
        let low = || Value::Number(0.25);
        table.push(vec!["a".into(), 0.5.into(), low(), 0.75.into(), 2.0.into()]);
        table.push(vec![
            "b".into(),
            0.5.into(),
            Value::Absent,
            Value::Absent,
            2.0.into(),
        ]);
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
}
