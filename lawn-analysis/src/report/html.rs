//! Pieces of the page: escaped, accessible, without anything from the network.

use crate::figures::{Figure, NARROW, WIDE, escape, font_css};
use crate::tables::{Table, Value, title};

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
    format!(
        "<h3>{title}</h3>\n<figure>\n{}{}<figcaption>{} {link}</figcaption>\n{numbers}</figure>\n",
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

/// A table that sorts by any column, in a region that scrolls by itself.
pub(super) fn table(table: &Table) -> String {
    table_with(table, |_, text| escape(text))
}

/// The same, with cells written by a function of column and text, which has to escape the text.
pub(super) fn table_with(table: &Table, content: impl Fn(usize, &str) -> String) -> String {
    if table.rows().len() > MOST_ROWS {
        let rows = crate::text::count(table.rows().len(), "row", "rows");
        let caption = escape(&table.caption);
        let link = download(table, "tables");
        return format!("<p>{caption} {rows}, too many for a page: {link}.</p>\n");
    }
    let numeric: Vec<bool> = (0..table.columns.len()).map(|c| table.numeric(c)).collect();
    let class = |numeric: bool| if numeric { " class=\"number\"" } else { "" };
    let headings: String = table
        .columns
        .iter()
        .zip(&numeric)
        .map(|(name, numeric)| {
            let name = escape(&title(name));
            let class = class(*numeric);
            format!("<th scope=\"col\"{class}><button type=\"button\">{name}</button></th>")
        })
        .collect();
    let rows: String = table
        .rows()
        .iter()
        .map(|row| {
            let cells: String = row
                .iter()
                .zip(&numeric)
                .enumerate()
                .map(|(column, (value, numeric))| {
                    cell(value, *numeric, &content(column, &value.shown()))
                })
                .collect();
            format!("<tr>{cells}</tr>\n")
        })
        .collect();
    let caption = escape(&table.caption);
    // The section around it may have the same name: landmarks are told apart by theirs.
    let label = escape(&format!("{}, table", title(&table.name.replace('-', " "))));
    format!(
        "<div class=\"scroll\" role=\"region\" aria-label=\"{label}\" tabindex=\"0\">\n\
         <table class=\"sortable\" id=\"table-{}\"><caption><span>{caption}</span></caption>\n\
         <thead><tr>{headings}</tr></thead>\n<tbody>\n{rows}</tbody></table>\n</div>\n<p>{}</p>\n",
        escape(&table.name),
        download(table, "tables"),
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
