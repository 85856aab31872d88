//! A figure: finished rows, how they are drawn, and what a caption says of them.

use std::collections::{BTreeMap, BTreeSet};

use super::export;
use super::font;
use super::palette::page_colours;
use super::scene::Scene;
use crate::error::Error;
use crate::naming;
use crate::tables::{self, Named, Row, Rows, Table};
use crate::width::Width;
use crate::word::Word;

/// Width of the drawing for a wide screen, in points.
pub(crate) const WIDE: f64 = 396.0;
/// Width of the drawing for a phone, in points.
pub(crate) const NARROW: f64 = 252.0;

/// Height of the text of a printed page, in points.
const PAGE: f64 = 9.0 * 72.0;
/// Approximate width of a character of a caption, and height of its lines, in points.
const CAPTION: (f64, f64) = (5.0, 12.0);

/// How a figure is drawn in a width in points.
type DrawFn = Box<dyn Fn(f64) -> Scene + Send + Sync>;

/// The texts of a figure.
pub(super) struct Words {
    pub(super) title: String,
    /// What it shows, with n and the kind of interval.
    pub(super) caption: String,
    /// A description for readers who cannot see the figure; the caption where there is none.
    pub(super) description: Option<String>,
}

/// A finished table and how it is drawn in any width, with its words.
pub(crate) struct Figure {
    /// Name of the figure, and of its files without the extension.
    pub(crate) name: String,
    pub(crate) title: String,
    /// What it shows, with n and the kind of interval.
    pub(crate) caption: String,
    /// A description for readers who cannot see the figure.
    pub(crate) description: String,
    /// Names that a narrow drawing may have to shorten.
    names: BTreeSet<String>,
    table: Table,
    draw: DrawFn,
}

impl Figure {
    /// Finished rows and how they are drawn.
    pub(super) fn new<R: Row + Named + Send + Sync + 'static>(
        rows: Rows<R>,
        words: Words,
        draw: impl Fn(&[R], f64) -> Scene + Send + Sync + 'static,
    ) -> Self {
        let table = rows.table();
        let names = rows.rows().iter().flat_map(Named::names);
        let Words {
            title,
            caption,
            description,
        } = words;
        Self {
            name: table.name.clone(),
            title,
            description: description.unwrap_or_else(|| caption.clone()),
            caption,
            names: names.map(str::to_owned).collect(),
            table,
            draw: Box::new(move |width| draw(rows.rows(), width)),
        }
    }

    /// The table that is drawn.
    pub(crate) fn table(&self) -> &Table {
        &self.table
    }

    /// The drawing in a width in points.
    pub(super) fn scene(&self, width: f64) -> Scene {
        (self.draw)(width)
    }

    /// The SVG for a page, in either width. The page provides its colours and typeface.
    pub(crate) fn page_svg(&self, narrow: bool) -> String {
        let scene = self.scene(if narrow { NARROW } else { WIDE });
        let mut svg = scene.to_svg(&self.title, &self.description);
        for (colour, name) in page_colours() {
            svg = svg.replace(&format!("\"{colour}\""), &format!("\"var({name})\""));
        }
        let class = if narrow { "narrow" } else { "wide" };
        svg.replacen("<svg ", &format!("<svg class=\"{class}\" "), 1)
    }

    /// The caption for drawings of some widths in points. It spells out every name they abbreviate.
    pub(crate) fn caption_in(&self, widths: &[f64]) -> String {
        let names = self.names.iter().chain([&self.title, &self.caption]);
        let names: BTreeSet<String> = names
            .flat_map(|name| {
                font::pieces(name)
                    .map(|piece| piece.trim_end_matches([' ', ',', ':', '.']).to_owned())
                    .collect::<Vec<_>>()
            })
            .collect();
        // A drawing writes names in the characters that the typeface has.
        let words: BTreeMap<String, &String> = names
            .iter()
            .map(|name| (font::drawn(name).into_owned(), name))
            .collect();
        let mut short = BTreeMap::new();
        let scenes = widths.iter().map(|width| self.scene(*width));
        let texts: BTreeSet<String> = scenes
            .flat_map(|scene| scene.texts().map(str::to_owned).collect::<Vec<_>>())
            .collect();
        for text in &texts {
            if let Some((start, end)) = text.split_once('…') {
                let is_it = |word: &&String| {
                    let longer = word.len() > start.len() + end.len();
                    longer && word.starts_with(start) && word.ends_with(end)
                };
                let found = words.keys().filter(is_it);
                let full: Vec<&str> = found.map(|word| words[word].as_str()).collect();
                short.insert(text.clone(), full.join(" or "));
            }
        }
        let coded = words.iter().filter(|(drawn, name)| {
            drawn != *name && texts.iter().any(|text| text.contains(drawn.as_str()))
        });
        short.extend(coded.map(|(drawn, name)| (drawn.clone(), (*name).clone())));
        if short.is_empty() {
            return self.caption.clone();
        }
        let listed: Vec<String> = short
            .iter()
            .map(|(short, full)| format!("{short} is {full}"))
            .collect();
        format!("{} Abbreviations: {}.", self.caption, listed.join("; "))
    }

    /// Whether the drawing and its caption are no taller than a page.
    pub(super) fn fits(&self, width: Width) -> bool {
        let signs = self.caption_in(&[width.points()]).chars().count() as f64;
        let lines = (signs * CAPTION.0 / width.points()).ceil() + 2.0;
        self.scene(width.points()).size().1 + lines * CAPTION.1 <= PAGE
    }

    /// Whether a page of any venue has room for it.
    pub(super) fn fits_everywhere(&self) -> bool {
        let mut widths = Width::ALL.iter();
        widths.all(|width| self.fits(self.fitting(*width)))
    }

    /// The width to draw in. Where the drawing would be taller than a page, it is the wider one of
    /// the same pages.
    pub(super) fn fitting(&self, width: Width) -> Width {
        match width.wider() {
            Some(wider) if !self.fits(width) => wider,
            _ => width,
        }
    }

    /// The drawing in a width as SVG, PNG and PDF, its table as CSV, and its caption as TeX and
    /// Markdown. They are bytes by extension; none is on the disk yet. A drawing that would be
    /// taller than a page in one column takes both columns, and its TeX says so.
    pub(crate) fn rendered(&self, width: Width) -> Result<RenderedFigure, Error> {
        let width = self.fitting(width);
        let scene = self.scene(width.points());
        let caption = self.caption_in(&[width.points()]);
        let svg = scene.to_svg(&self.title, &self.description);
        let drawing = export::Drawing::parse(&self.name, &svg, scene.size())?;
        let standalone = scene.to_standalone_svg(&self.title, &self.description);
        let markdown = format!("{}\n", tables::markdown(&caption));
        let tex = format!(
            "% Drawn in the width {width}, {} inches.\n{}",
            width.inches(),
            tables::latex_caption(&caption)
        );
        let files = vec![
            ("svg", standalone.into_bytes()),
            ("png", drawing.png()?),
            ("pdf", drawing.pdf()?),
            ("csv", self.table.to_csv().into_bytes()),
            ("md", markdown.into_bytes()),
            ("tex", tex.into_bytes()),
        ];
        Ok(RenderedFigure { width, files })
    }

    /// Changes the name of the figure and of its table.
    fn renamed(&mut self, name: String) {
        self.table.name.clone_from(&name);
        self.name = name;
    }
}

/// The files of a figure before they are written.
pub(crate) struct RenderedFigure {
    /// The width that it was drawn in.
    pub(crate) width: Width,
    /// Their bytes, by extension.
    pub(crate) files: Vec<(&'static str, Vec<u8>)>,
}

/// Gives every figure a name that no other one has.
pub(crate) fn set_apart(figures: &mut [Figure]) {
    let identities: Vec<_> = figures
        .iter()
        .map(|figure| figure.table.identity().clone())
        .collect();
    for (figure, name) in figures.iter_mut().zip(naming::apart(&identities)) {
        figure.renamed(name);
    }
}
