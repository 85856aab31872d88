//! Pieces of the page: escaped, accessible, without anything from the network.

use crate::analysis::{Task, Verdict};
use crate::figures::{Figure, NARROW, WIDE, escape, font_css};
use crate::tables::{Table, Value, title};
use crate::text::{batch, better, number, on_test};

/// A table of more rows would make the page slow to open: its files hold it.
pub(super) const MOST_ROWS: usize = 1_000;
/// A longer CSV is linked beside the page, and not carried in it.
const MOST_CARRIED: usize = 200_000;
/// Texts longer than this may break across lines in a table.
const LONG: usize = 28;

/// A whole page of these sections.
pub(super) fn page(heading: &str, sections: &[Section]) -> String {
    let css = include_str!("page.css");
    let script = include_str!("page.js");
    let shown = || sections.iter().filter(|section| !section.body.is_empty());
    let links: String = shown()
        .map(|section| {
            format!(
                "<li><a href=\"#{}\">{}</a></li>",
                section.id, section.heading
            )
        })
        .collect();
    let body: String = shown()
        .map(|section| {
            format!(
                "<section id=\"{0}\" aria-labelledby=\"{0}-h\"><h2 id=\"{0}-h\">{1}</h2>\n{2}\
                 </section>\n",
                section.id, section.heading, section.body
            )
        })
        .collect();
    let heading = escape(heading);
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; \
         style-src 'unsafe-inline'; script-src 'unsafe-inline'; font-src data:; img-src data:\">\n\
         <link rel=\"icon\" href=\"data:,\">\n\
         <title>{heading}</title>\n<style>{}{css}</style>\n</head>\n<body>\n<header>\n\
         <h1>{heading}</h1>\n<nav aria-label=\"Sections\"><ul>{links}</ul></nav>\n</header>\n\
         <main>\n{body}</main>\n<script>{script}</script>\n</body>\n</html>\n",
        font_css(),
    )
}

/// A part of the page; one without a body is left out.
pub(super) struct Section {
    pub(super) id: &'static str,
    pub(super) heading: &'static str,
    pub(super) body: String,
}

/// A paragraph.
pub(super) fn paragraph(text: &str) -> String {
    format!("<p>{}</p>\n", escape(text))
}

/// A list of lines; nothing where there are none.
pub(super) fn list(lines: &[String]) -> String {
    if lines.is_empty() {
        return String::new();
    }
    let items: String = lines
        .iter()
        .map(|line| format!("<li>{}</li>", escape(line)))
        .collect();
    format!("<ul>{items}</ul>\n")
}

/// Links to places on the page, in a paragraph.
pub(super) fn links(links: &[(&str, &str)]) -> String {
    if links.is_empty() {
        return String::new();
    }
    let link = |(to, text): &(&str, &str)| format!("<a href=\"{to}\">{text}</a>");
    let links: Vec<String> = links.iter().map(link).collect();
    format!("<p class=\"no-print\">{}</p>\n", links.join(" · "))
}

/// A verdict, in a word, with its sentence: an item of [`answers`].
pub(super) fn answer(verdict: Verdict, word: &str, sentence: &str) -> String {
    format!(
        "<li><span class=\"verdict {verdict}\">{word}</span> <span>{}</span></li>\n",
        escape(sentence)
    )
}

/// Verdicts below each other.
pub(super) fn answers(items: &str) -> String {
    format!("<ul class=\"answers\">\n{items}</ul>\n")
}

/// Names with their values.
pub(super) fn definitions(pairs: &[(String, String)]) -> String {
    if pairs.is_empty() {
        return String::new();
    }
    let items: String = pairs
        .iter()
        .map(|(name, value)| format!("<dt>{}</dt><dd>{}</dd>", escape(name), escape(value)))
        .collect();
    format!("<dl>{items}</dl>\n")
}

/// A figure with its caption and its data: the table that it draws, as a file and to be read here.
pub(super) fn figure(figure: &Figure) -> String {
    let title = escape(&figure.title);
    let (table, link) = (figure.table(), download(figure.table(), "figures"));
    // The script makes the table from the link when it is opened, so that the page stays light.
    let numbers = if link.contains("href=\"data:") && table.rows().len() <= MOST_ROWS {
        let rows = crate::text::count(table.rows().len(), "row", "rows");
        format!(
            "<details class=\"numbers no-print\"><summary>The numbers of this figure, {rows}</summary>\n\
             <div class=\"scroll\" role=\"region\" aria-label=\"{title}, numbers\" tabindex=\"0\"></div>\
             </details>\n"
        )
    } else {
        String::new()
    };
    let name = escape(&figure.name);
    format!(
        "<h3 id=\"figure-{name}\">{title}</h3>\n<figure>\n{}{}<figcaption>{} {link}</figcaption>\n{numbers}</figure>\n",
        figure.page_svg(false),
        figure.page_svg(true),
        escape(&figure.caption_in(&[NARROW, WIDE])),
    )
}

/// A link that saves the table as CSV, from the page itself; a long one from the folder beside it.
fn download(table: &Table, folder: &str) -> String {
    let name = escape(&table.name);
    let csv = table.to_csv();
    if csv.len() > MOST_CARRIED {
        return format!(
            "<a class=\"no-print\" download=\"{name}.csv\" href=\"{folder}/{name}.csv\">\
             {folder}/{name}.csv</a>"
        );
    }
    let mut data = String::with_capacity(csv.len() + csv.len() / 4);
    for byte in csv.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.,".contains(&byte) {
            data.push(char::from(byte));
        } else {
            data.push_str(&format!("%{byte:02X}"));
        }
    }
    format!(
        "<a class=\"no-print\" download=\"{name}.csv\" href=\"data:text/csv;charset=utf-8,{data}\">\
         {name}.csv</a>"
    )
}

/// A table that sorts by any column, in a region that scrolls by itself: without the columns of
/// detail, an estimate and its interval in one cell, and the verdict first, so that no width hides it.
pub(super) fn table(table: &Table) -> String {
    table_of(table, &table.name)
}

/// The same of a table that is a part of another one, whose files are linked.
pub(super) fn table_of(table: &Table, whole: &str) -> String {
    let mut columns = table.printed();
    if let Some(verdict) = columns.iter().position(|column| column.title == VERDICT) {
        columns[..=verdict].rotate_right(1);
    }
    let shown: Vec<Shown> = columns
        .into_iter()
        .map(|column| Shown {
            title: column.title.clone(),
            numeric: column.numeric,
            value: column.value,
            content: Box::new(move |row| {
                let text = column.cell(row);
                // A line may break between an estimate and its interval, and nowhere else in it.
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

/// A table with all of its columns, of which cells are written by a function of column and text,
/// which has to escape the text.
pub(super) fn table_with(table: &Table, content: impl Fn(usize, &str) -> String) -> String {
    let content = &content;
    let columns = table.columns.iter().enumerate();
    let shown: Vec<Shown> = columns
        .map(|(column, name)| Shown {
            title: title(name),
            numeric: table.numeric(column),
            value: column,
            content: Box::new(move |row| content(column, &row[column].shown())),
        })
        .collect();
    drawn(table, &shown, &table.name)
}

/// The title of the column that stands first.
const VERDICT: &str = "verdict";

/// The escaped content of a cell, from its row.
type Content<'a> = Box<dyn Fn(&[Value]) -> String + 'a>;

/// A column as the page shows it.
struct Shown<'a> {
    title: String,
    numeric: bool,
    /// The column that it sorts by.
    value: usize,
    content: Content<'a>,
}

fn drawn(table: &Table, columns: &[Shown<'_>], whole: &str) -> String {
    if table.rows().len() > MOST_ROWS {
        let rows = crate::text::count(table.rows().len(), "row", "rows");
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
                if column.title == VERDICT {
                    return verdict(&row[column.value].shown());
                }
                cell(&row[column.value], column.numeric, &content)
            });
            format!("<tr>{}</tr>\n", cells.collect::<String>())
        })
        .collect();
    let caption = escape(&table.caption);
    // The section around it may have the same name: landmarks are told apart by theirs.
    let label = escape(&format!("{}, table", title(&table.name.replace('-', " "))));
    format!(
        "<div class=\"scroll\" role=\"region\" aria-label=\"{label}\" tabindex=\"0\">\n\
         <table class=\"sortable{}\" id=\"table-{}\"><caption><span>{caption}</span></caption>\n\
         <thead><tr>{headings}</tr></thead>\n<tbody>\n{rows}</tbody></table>\n</div>\n{}",
        if columns.iter().any(|column| column.title == VERDICT) {
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

/// The table of [`crate::tables::means`], task by task: arms below each other, batch sizes side by
/// side.
pub(super) fn means(table: &Table, tasks: &[Task]) -> String {
    let [task, metric, arm, size] =
        ["task", "metric", "arm", "batch_size"].map(|name| table.column(name));
    let mut text = String::new();
    let same = |a: &Vec<Value>, b: &Vec<Value>| a[task] == b[task];
    for rows in table.rows().chunk_by(same) {
        let mut sizes: Vec<i64> = rows
            .iter()
            .filter_map(|row| integer_in(&row[size]))
            .collect();
        sizes.sort_unstable();
        sizes.dedup();
        let headings: String = sizes
            .iter()
            .map(|size| format!("<th scope=\"col\" class=\"number\">{}</th>", batch(*size)))
            .collect();
        let of_arm = |a: &Vec<Value>, b: &Vec<Value>| a[arm] == b[arm];
        let lines: String = rows
            .chunk_by(of_arm)
            .map(|cells| {
                let cell = |at: &i64| {
                    let mut found = cells.iter();
                    let found = found.find(|row| integer_in(&row[size]) == Some(*at));
                    found.map_or("<td class=\"number\">–</td>".to_owned(), |row| {
                        mean_cell(table, row)
                    })
                };
                let name = escape(&cells[0][arm].shown());
                let cells: String = sizes.iter().map(cell).collect();
                format!("<tr><th scope=\"row\">{name}</th>{cells}</tr>\n")
            })
            .collect();
        let name = rows[0][task].shown();
        let of = tasks.iter().find(|task| task.name == name);
        let better = of.map_or("", |task| better(task.higher_is_better));
        let of = [name, on_test(&rows[0][metric].shown())].map(|name| escape(&name));
        text.push_str(&format!(
            "<div class=\"scroll\" role=\"region\" aria-label=\"Means of {0}\" tabindex=\"0\">\n\
             <table class=\"means\"><caption><span>{0}: mean {1} ({better}) of the trials that ended well, \
             its t interval, and how many there are.</span></caption>\n<thead><tr><th \
             scope=\"col\">arm</th>{headings}</tr></thead>\n<tbody>\n{lines}</tbody></table>\n</div>\n",
            of[0], of[1],
        ));
    }
    text + &format!("<p>{}</p>\n", download(table, "tables"))
}

fn integer_in(value: &Value) -> Option<i64> {
    match value {
        Value::Integer(value) => Some(*value),
        _ => None,
    }
}

/// A mean, below it its interval, below that how many trials ended how.
fn mean_cell(table: &Table, row: &[Value]) -> String {
    let at = |name: &str| &row[table.column(name)];
    let count = |name: &str| integer_in(at(name)).unwrap_or(0);
    let mut below = Vec::new();
    if let (Some(low), Some(high)) = (at("low").as_number(), at("high").as_number()) {
        below.push(format!("[{}, {}]", number(low), number(high)));
    }
    let mut ended = format!("n {}", count("n"));
    for what in ["diverged", "failed"] {
        if count(what) > 0 {
            ended.push_str(&format!(", {} {what}", count(what)));
        }
    }
    below.push(ended);
    let below: String = below
        .iter()
        .map(|line| format!("<br><span class=\"small\">{line}</span>"))
        .collect();
    format!("<td class=\"number\">{}{below}</td>", at("mean").shown())
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
        // The exact number is what sorts; the shown one is rounded.
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
