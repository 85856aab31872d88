//! A table as CSV, Markdown and LaTeX.

use super::{Table, Value};

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

    /// The table as Markdown, numbers right-aligned.
    pub fn to_markdown(&self) -> String {
        let titles: Vec<String> = self.columns.iter().map(|name| title(name)).collect();
        let marks: Vec<&str> = (0..titles.len())
            .map(|c| if self.numeric(c) { "--:" } else { ":--" })
            .collect();
        let mut text = format!("| {} |\n| {} |\n", titles.join(" | "), marks.join(" | "));
        for row in self.rows() {
            let cells: Vec<String> = row
                .iter()
                .map(|value| value.shown().replace('|', "\\|"))
                .collect();
            text.push_str(&format!("| {} |\n", cells.join(" | ")));
        }
        text
    }

    /// The table as LaTeX with the rules of booktabs, caption and label included.
    pub fn to_latex(&self) -> String {
        let alignment: String = (0..self.columns.len())
            .map(|c| if self.numeric(c) { 'r' } else { 'l' })
            .collect();
        let line = |cells: Vec<String>| format!("    {} \\\\\n", cells.join(" & "));
        let mut text = format!(
            "\\begin{{table}}\n  \\centering\n  \\caption{{{}}}\n  \\label{{tab:{}}}\n  \
             \\begin{{tabular}}{{{alignment}}}\n    \\toprule\n",
            latex(&self.caption),
            self.name
        );
        text.push_str(&line(
            self.columns
                .iter()
                .map(|name| latex(&title(name)))
                .collect(),
        ));
        text.push_str("    \\midrule\n");
        for row in self.rows() {
            text.push_str(&line(
                row.iter().map(|value| latex(&value.shown())).collect(),
            ));
        }
        text.push_str("    \\bottomrule\n  \\end{tabular}\n\\end{table}\n");
        text
    }

    /// Whether a column holds numbers and nothing else.
    pub fn numeric(&self, column: usize) -> bool {
        let mut values = self.rows().iter().map(|row| &row[column]).peekable();
        values.peek().is_some() && values.all(|value| !matches!(value, Value::Text(_)))
    }
}

/// A caption as TeX.
pub(crate) fn latex_caption(text: &str) -> String {
    format!("\\caption{{{}}}\n", latex(text))
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

fn latex(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' | '%' | '$' | '#' | '_' | '{' | '}' => {
                escaped.push('\\');
                escaped.push(c);
            }
            '\\' => escaped.push_str("\\textbackslash{}"),
            '~' => escaped.push_str("\\textasciitilde{}"),
            '^' => escaped.push_str("\\textasciicircum{}"),
            '<' => escaped.push_str("$<$"),
            '>' => escaped.push_str("$>$"),
            '−' => escaped.push_str("$-$"),
            '±' => escaped.push_str("$\\pm$"),
            '–' => escaped.push_str("--"),
            '×' => escaped.push_str("$\\times$"),
            _ => escaped.push(c),
        }
    }
    escaped
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
    fn markdown_escapes_bars_and_aligns_numbers() {
        let text = table().to_markdown();
        assert!(
            text.starts_with("| arm | n | p value |\n| :-- | --: | --: |\n"),
            "{text}"
        );
        assert!(text.contains("| c\\|d | – | −0.2500 |"), "{text}");
    }

    #[test]
    fn latex_escapes_and_has_rules() {
        let text = table().to_latex();
        assert!(text.contains("100 \\% of\\_it"), "{text}");
        assert!(text.contains("{lrr}\n    \\toprule"), "{text}");
        assert!(text.contains("$-$0.2500"), "{text}");
    }
}
