//! A figure on the page.

use super::download::download;
use super::table::MOST_ROWS;
use crate::figures::{Figure, NARROW, WIDE, escape};
use crate::text::count;

/// A figure with its caption, a link to the table that it draws, and that table to be read here.
pub(crate) fn figure(figure: &Figure) -> String {
    let title = escape(&figure.title);
    let (table, link) = (figure.table(), download(figure.table(), "figures"));
    // The script makes the table from the link when it is opened, so that the page stays small.
    let numbers = if link.contains("href=\"data:") && table.rows().len() <= MOST_ROWS {
        let rows = count(table.rows().len(), "row", "rows");
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
