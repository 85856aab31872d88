//! Pieces of the page: escaped, accessible, and with nothing from the network.

use crate::analysis::Verdict;
use crate::figures::{escape, font_css};

/// A whole page of these sections. One that is `live` asks its server for news; another asks for
/// nothing.
pub(crate) fn page(heading: &str, sections: &[Section], live: bool) -> String {
    let css = include_str!("../page.css");
    let script = include_str!("../page.js");
    let (connect, live) = match live {
        true => ("; connect-src 'self'", include_str!("../live.js")),
        false => ("", ""),
    };
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
         style-src 'unsafe-inline'; script-src 'unsafe-inline'; font-src data:; img-src data:{connect}\">\n\
         <link rel=\"icon\" href=\"data:,\">\n\
         <title>{heading}</title>\n<style>{}{css}</style>\n</head>\n<body>\n<header>\n\
         <h1>{heading}</h1>\n<nav aria-label=\"Sections\"><ul>{links}</ul></nav>\n</header>\n\
         <main>\n{body}</main>\n<script>{script}{live}</script>\n</body>\n</html>\n",
        font_css(),
    )
}

/// A part of the page. It is left out where its body is empty.
pub(crate) struct Section {
    pub(crate) id: &'static str,
    pub(crate) heading: &'static str,
    pub(crate) body: String,
}

pub(crate) fn paragraph(text: &str) -> String {
    format!("<p>{}</p>\n", escape(text))
}

/// A list of lines; nothing where there are none.
pub(crate) fn list(lines: &[String]) -> String {
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
pub(crate) fn links(links: &[(&str, &str)]) -> String {
    if links.is_empty() {
        return String::new();
    }
    let link = |(to, text): &(&str, &str)| format!("<a href=\"{to}\">{text}</a>");
    let links: Vec<String> = links.iter().map(link).collect();
    format!("<p class=\"no-print\">{}</p>\n", links.join(" · "))
}

/// A verdict with its sentence, as an item of [`answers`].
pub(crate) fn answer(verdict: Verdict, word: &str, sentence: &str) -> String {
    format!(
        "<li><span class=\"verdict {verdict}\">{word}</span> <span>{}</span></li>\n",
        escape(sentence)
    )
}

/// Verdicts below each other.
pub(crate) fn answers(items: &str) -> String {
    format!("<ul class=\"answers\">\n{items}</ul>\n")
}

/// A list of names with their values.
pub(crate) fn definitions(pairs: &[(String, String)]) -> String {
    if pairs.is_empty() {
        return String::new();
    }
    let items: String = pairs
        .iter()
        .map(|(name, value)| format!("<dt>{}</dt><dd>{}</dd>", escape(name), escape(value)))
        .collect();
    format!("<dl>{items}</dl>\n")
}
