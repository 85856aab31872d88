//! A table as LaTeX that fits the page it is printed on, in one column or two.

use super::formats::{PrintedColumn, title};
use super::table::Table;
use super::value::Value;

/// The most lines of a part. One page has no room for more.
const LONGEST: usize = 36;
/// The number of parts after which a page break follows. TeX holds only so many waiting floats.
const PARTS_WAITING: usize = 10;
/// Width of a narrow text column in points, as in ICML.
const COLUMN: f64 = 234.0;
/// Texts with more characters than this break into lines, in a cell of this width in points.
const BREAKS: (usize, f64) = (44, 200.0);
/// Approximate width of a character in points, and the space around a column.
const CHARACTER: f64 = 5.0;
const AROUND: f64 = 12.0;

/// The layout that all parts of a table share.
struct Layout {
    /// The columns that become headings of sections, and the others.
    sections: Vec<PrintedColumn>,
    columns: Vec<PrintedColumn>,
    /// By column, the number of characters of the longest cell.
    widest: Vec<usize>,
}

impl Layout {
    fn new(table: &Table) -> Self {
        let mut sections = table.printed();
        let columns = sections.split_off(table.sections.min(sections.len() - 1));
        let widest = |column: &PrintedColumn| {
            let cells = table.rows().iter().map(|row| column.cell(row));
            let lengths = cells.map(|cell| cell.chars().count());
            lengths.fold(column.title.chars().count(), usize::max)
        };
        let widest = columns.iter().map(widest).collect();
        Self {
            sections,
            columns,
            widest,
        }
    }

    fn alignment(&self) -> String {
        let columns = self.columns.iter().zip(&self.widest);
        let marks = columns.map(|(column, widest)| match column.numeric {
            true => "r".to_owned(),
            false if *widest > BREAKS.0 => {
                format!(">{{\\raggedright\\arraybackslash}}p{{{}pt}}", BREAKS.1)
            }
            false => "l".to_owned(),
        });
        marks.collect()
    }

    /// Approximate width in points, in a typeface of ten points.
    fn width(&self) -> f64 {
        let column = |widest: &usize| match *widest > BREAKS.0 {
            true => BREAKS.1 + AROUND,
            false => CHARACTER * *widest as f64 + AROUND,
        };
        self.widest.iter().map(column).sum()
    }

    fn line(cells: impl Iterator<Item = String>) -> String {
        let cells: Vec<String> = cells.collect();
        format!("    {} \\\\\n", cells.join(" & "))
    }

    /// A row, and the number of lines that it takes.
    fn row(&self, row: &[Value]) -> (String, usize) {
        let mut most = 1;
        let line = Self::line(
            self.columns
                .iter()
                .zip(&self.widest)
                .map(|(column, widest)| {
                    let text = column.cell(row);
                    if column.numeric || *widest <= BREAKS.0 {
                        return latex(&text);
                    }
                    let room = (BREAKS.1 / CHARACTER) as usize;
                    most = most.max(text.chars().count().div_ceil(room));
                    latex(&text)
                }),
        );
        (line, most)
    }

    /// The heading of the section that a row belongs to.
    fn section(&self, row: &[Value]) -> String {
        let names: Vec<String> = self
            .sections
            .iter()
            .map(|column| column.cell(row))
            .collect();
        names.join(": ")
    }

    /// The lines of each part, with the headings of its sections.
    fn parts(&self, table: &Table) -> Vec<String> {
        let mut parts: Vec<String> = Vec::new();
        let mut used = LONGEST;
        let mut section = None;
        for row in table.rows() {
            let (line, lines) = self.row(row);
            let here = self.section(row);
            let heads = usize::from(!here.is_empty() && section.as_ref() != Some(&here));
            if used + lines + heads > LONGEST || parts.is_empty() {
                parts.push(String::new());
                (used, section) = (0, None);
            }
            let Some(part) = parts.last_mut() else {
                continue;
            };
            if !here.is_empty() && section.as_ref() != Some(&here) {
                let above = if part.is_empty() {
                    ""
                } else {
                    "    \\addlinespace\n"
                };
                part.push_str(&format!(
                    "{above}    \\multicolumn{{{}}}{{l}}{{\\emph{{{}}}}} \\\\\n",
                    self.columns.len(),
                    latex(&here)
                ));
                used += 1;
                section = Some(here);
            }
            part.push_str(&line);
            used += lines;
        }
        if parts.is_empty() {
            parts.push(String::new());
        }
        parts
    }
}

impl Table {
    /// The table as LaTeX with the rules of booktabs, its caption and its label, but without detail
    /// columns. It is made of floats that shrink to the width of the text, in as many parts as the
    /// pages need. A table that is too wide for one of two columns takes both. The columns of
    /// sections become headings.
    pub fn to_latex(&self) -> String {
        let layout = Layout::new(self);
        let float = if layout.width() > COLUMN {
            "table*"
        } else {
            "table"
        };
        let alignment = layout.alignment();
        let titles = Layout::line(layout.columns.iter().map(|column| latex(&column.title)));
        let parts = layout.parts(self);
        let mut text = "% Needs array, booktabs and graphicx.\n".to_owned();
        for (part, lines) in parts.iter().enumerate() {
            if part > 0 && part.is_multiple_of(PARTS_WAITING) {
                text.push_str("\\clearpage\n");
            }
            let caption = self.caption_of_part(part, parts.len());
            text.push_str(&format!(
                "\\begin{{{float}}}\n  \\centering\n  {caption}\n  \
                 \\resizebox{{\\ifdim\\width>\\linewidth\\linewidth\\else\\width\\fi}}{{!}}{{%\n  \
                 \\begin{{tabular}}{{{alignment}}}\n    \\toprule\n{titles}    \\midrule\n{lines}    \
                 \\bottomrule\n  \\end{{tabular}}}}\n\\end{{{float}}}\n"
            ));
        }
        text
    }

    /// Caption and label of a part. Only the first part says what the table shows.
    fn caption_of_part(&self, part: usize, parts: usize) -> String {
        let name = &self.name;
        let of = format!("part {} of {parts}", part + 1);
        if part > 0 {
            let title = latex(&title(&name.replace('-', " ")));
            return format!("\\caption{{Table~\\ref{{tab:{name}}}, {title}: {of}.}}");
        }
        let of = if parts > 1 {
            format!(" This is {of}.")
        } else {
            String::new()
        };
        let text = latex(&format!("{}{of}", self.caption));
        format!("\\caption{{{text}}}\\label{{tab:{name}}}")
    }
}

pub(crate) fn latex_caption(text: &str) -> String {
    format!("\\caption{{{}}}\n", latex(text))
}

/// A text that any LaTeX engine sets as it is.
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
            '|' => escaped.push_str("\\textbar{}"),
            '"' => escaped.push_str("''"),
            // At the beginning of a row, a bracket would be an argument of the line before.
            '[' => escaped.push_str("{[}"),
            '–' => escaped.push_str("--"),
            '—' => escaped.push_str("---"),
            '…' => escaped.push_str("\\ldots{}"),
            c if c.is_control() => escaped.push(' '),
            _ => match symbol(c) {
                Some(symbol) => escaped.push_str(&format!("$\\{symbol}$")),
                None if "<>".contains(c) => escaped.push_str(&format!("${c}$")),
                None if c == '−' => escaped.push_str("$-$"),
                None => escaped.push(c),
            },
        }
    }
    escaped
}

/// The command for a character that only math mode has.
fn symbol(c: char) -> Option<&'static str> {
    let name = match c {
        '±' => "pm",
        '×' => "times",
        '·' => "cdot",
        '≤' => "leq",
        '≥' => "geq",
        '≠' => "neq",
        '≈' => "approx",
        '∞' => "infty",
        '→' => "rightarrow",
        '√' => "surd",
        'α' => "alpha",
        'β' => "beta",
        'γ' => "gamma",
        'δ' => "delta",
        'ε' => "varepsilon",
        'η' => "eta",
        'λ' => "lambda",
        'µ' | 'μ' => "mu",
        'ρ' => "rho",
        'σ' => "sigma",
        'τ' => "tau",
        'Δ' => "Delta",
        _ => return None,
    };
    Some(name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tables::row::{Rows, row};

    row! {
        struct SmallRow {
            task: String,
            arm: String,
            n: i64,
            p: f64 as [p_value],
        }
    }

    row! {
        struct WordyRow {
            claim: String,
        }
    }

    fn rows(count: usize) -> Rows<SmallRow> {
        let row = |index| SmallRow {
            task: "a|b".into(),
            arm: format!("[{index}"),
            n: 3,
            p: -0.25,
        };
        Rows::new("small", "100 % of_it.", (0..count).map(row).collect())
    }

    fn table(count: usize) -> Table {
        rows(count).table()
    }

    #[test]
    fn latex_escapes_and_has_rules() {
        let text = table(1).to_latex();
        assert!(text.contains("100 \\% of\\_it."), "{text}");
        assert!(text.contains("{llrr}\n    \\toprule"), "{text}");
        assert!(
            text.contains("a\\textbar{}b & {[}0 & 3 & $-$0.2500 \\\\"),
            "{text}"
        );
        assert_eq!(
            latex("a|b\\<c>\n\"d\""),
            "a\\textbar{}b\\textbackslash{}$<$c$>$ ''d''"
        );
        assert_eq!(latex("[α ≤ 5 %]"), "{[}$\\alpha$ $\\leq$ 5 \\%]");
    }

    #[test]
    fn sections_are_headed_and_not_repeated_in_every_row() {
        let text = rows(2).with_sections(1).table().to_latex();
        assert!(text.contains("    arm & n & p value"), "{text}");
        assert_eq!(
            text.matches("\\multicolumn{3}{l}{\\emph{a\\textbar{}b}}")
                .count(),
            1,
            "{text}"
        );
        // Each part repeats the heading of its section.
        let text = rows(60).with_sections(1).table().to_latex();
        assert_eq!(text.matches("\\multicolumn").count(), 2, "{text}");
    }

    #[test]
    fn long_texts_break_and_count_as_several_lines() {
        let row = WordyRow {
            claim: "words and ".repeat(20),
        };
        let text = Rows::new("claims", "", vec![row; 10]).table().to_latex();
        assert!(text.contains("\\arraybackslash}p{200pt}}"), "{text}");
        assert_eq!(text.matches("\\begin{table}").count(), 2, "{text}");
    }

    #[test]
    fn long_tables_come_in_parts_and_lose_no_row() {
        let text = table(37).to_latex();
        assert_eq!(text.matches("\\begin{table}").count(), 2, "{text}");
        assert!(text.contains("This is part 1 of 2."), "{text}");
        assert!(
            text.contains("Table~\\ref{tab:small}, small: part 2 of 2."),
            "{text}"
        );
        assert_eq!(text.matches(" & 3 & ").count(), 37);
        assert!(!text.contains("\\clearpage"));
        assert_eq!(table(397).to_latex().matches("\\clearpage").count(), 1);
    }
}
