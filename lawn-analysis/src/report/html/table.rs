//! A table on the page.

use super::download::download;
use crate::figures::escape;
use crate::tables::{Kind, Table, Value, title};
use crate::text::count;

/// The most rows of a table on the page. More would make it slow to open, so the files hold them.
pub(crate) const MOST_ROWS: usize = 1_000;
/// Longer texts than this may break across lines in a table.
const LONG: usize = 28;

/// A table that sorts by any column, in a region that scrolls by itself. It has no detail columns,
/// and an estimate and its interval share a cell. The verdict comes first, so that no width hides
/// it.
pub(crate) fn table(table: &Table) -> String {
    table_of(table, &table.name)
}

/// The same for a table that is a part of another one, whose files are linked.
pub(crate) fn table_of(table: &Table, whole: &str) -> String {
    let mut columns = table.printed();
    if let Some(verdict) = columns
        .iter()
        .position(|column| column.kind == Kind::Verdict)
    {
        columns[..=verdict].rotate_right(1);
    }
    let shown: Vec<ShownColumn> = columns
        .into_iter()
        .map(|column| ShownColumn {
            title: column.title.clone(),
            kind: column.kind,
            numeric: column.numeric,
            value: column.value,
            content: Box::new(move |row| {
                let text = column.cell(row);
                // A line may break between an estimate and its interval, and nowhere else in the
                // cell.
                match text.split_once(" [") {
                    Some((value, ends)) if column.numeric => {
                        format!(
                            "{} <span class=\"ends\">[{}</span>",
                            escape(value),
                            escape(ends)
                        )
                    }
                    _ => escape(&text),
                }
            }),
        })
        .collect();
    drawn(table, &shown, whole)
}

/// A table with all of its columns. A function writes the cells of the first one from their text,
/// and must escape them.
pub(crate) fn table_headed(table: &Table, first: impl Fn(&str) -> String) -> String {
    let first = &first;
    let columns = table.columns().iter().enumerate();
    let shown: Vec<ShownColumn> = columns
        .map(|(index, column)| ShownColumn {
            title: title(column.name),
            kind: column.kind,
            numeric: table.numeric(index),
            value: index,
            content: Box::new(move |row| {
                let text = row[index].shown();
                if index == 0 {
                    first(&text)
                } else {
                    escape(&text)
                }
            }),
        })
        .collect();
    drawn(table, &shown, &table.name)
}

/// Writes the escaped content of a cell from its row.
type Content<'a> = Box<dyn Fn(&[Value]) -> String + 'a>;

/// A column as the page shows it.
struct ShownColumn<'a> {
    title: String,
    kind: Kind,
    numeric: bool,
    /// The column of values that it sorts by.
    value: usize,
    content: Content<'a>,
}

fn drawn(table: &Table, columns: &[ShownColumn<'_>], whole: &str) -> String {
    if table.rows().len() > MOST_ROWS {
        let rows = count(table.rows().len(), "row", "rows");
        let caption = escape(&table.caption);
        let link = download(table, "tables");
        return format!("<p>{caption} {rows}, too many for a page: {link}.</p>\n");
    }
    let headings: String = columns
        .iter()
        .map(|column| {
            let name = escape(&column.title);
            let class = if column.numeric {
                " class=\"number\""
            } else {
                ""
            };
            format!("<th scope=\"col\"{class}><button type=\"button\">{name}</button></th>")
        })
        .collect();
    let rows: String = table
        .rows()
        .iter()
        .map(|row| {
            let cells = columns.iter().map(|column| {
                let content = (column.content)(row);
                if column.kind == Kind::Verdict {
                    return verdict(&row[column.value].shown());
                }
                cell(&row[column.value], column.numeric, &content)
            });
            format!("<tr>{}</tr>\n", cells.collect::<String>())
        })
        .collect();
    let caption = escape(&table.caption);
    // The section around it may have the same name, and landmarks are told apart by their names.
    let label = escape(&format!("{}, table", title(&table.name.replace('-', " "))));
    format!(
        "<div class=\"scroll\" role=\"region\" aria-label=\"{label}\" tabindex=\"0\">\n\
         <table class=\"sortable{}\" id=\"table-{}\"><caption><span>{caption}</span></caption>\n\
         <thead><tr>{headings}</tr></thead>\n<tbody>\n{rows}</tbody></table>\n</div>\n{}",
        if columns.iter().any(|column| column.kind == Kind::Verdict) {
            " decided"
        } else {
            ""
        },
        escape(&table.name),
        if whole == table.name {
            format!("<p>{}</p>\n", download(table, "tables"))
        } else {
            String::new()
        },
    )
}

/// A cell that holds a verdict, in its colour.
fn verdict(word: &str) -> String {
    let class = match word {
        "borne out" => "better",
        "opposite borne out" => "worse",
        "not decided" => "inconclusive",
        other => other,
    };
    format!(
        "<td><span class=\"verdict {class}\">{}</span></td>",
        escape(word)
    )
}

/// A cell with its escaped content.
fn cell(value: &Value, numeric: bool, shown: &str) -> String {
    match (value, numeric) {
        // The table sorts by the exact number. The shown one is rounded.
        (_, true) => {
            let exact = value
                .as_number()
                .map_or(String::new(), |number| number.to_string());
            format!("<td class=\"number\" data-value=\"{exact}\">{shown}</td>")
        }
        (Value::Absent, false) => format!("<td data-value=\"\">{shown}</td>"),
        (Value::Text(text), false) if text.chars().count() > LONG => {
            format!("<td class=\"long\">{shown}</td>")
        }
        _ => format!("<td>{shown}</td>"),
    }
}
