//! Figures. They never compute: each draws a finished table, and ships it as CSV.

mod axis;
mod by_batch;
mod curves;
mod export;
mod font;
mod forest;
mod gallery;
mod paired;
mod palette;
mod panel;
mod profile;
mod ranks;
mod scatter;
mod scene;
mod slopes;
mod target;
mod tuning_map;

use std::path::Path;

pub(crate) use font::css as font_css;
pub(crate) use gallery::{of_all_tasks, of_task};
pub(crate) use palette::page_colours;
use scene::Scene;
pub(crate) use scene::escape;

use crate::error::Error;
use crate::records::write_atomically;
use crate::report::FigureFiles;
use crate::tables::Table;

/// Width of a drawing in points: the text width of NeurIPS and ICLR, 5.5 inches.
const WIDE: f64 = 396.0;
/// Width of the form for a narrow column or a phone.
const NARROW: f64 = 252.0;

/// A drawing in two widths, with its words and its table.
pub(crate) struct Figure {
    /// Name, and of its files without the extension.
    pub(crate) name: String,
    /// Title.
    pub(crate) title: String,
    /// What it shows, with n and the kind of interval.
    pub(crate) caption: String,
    /// What a reader who cannot see it should know.
    pub(crate) description: String,
    table: Table,
    wide: Scene,
    narrow: Scene,
}

impl Figure {
    /// Draws a finished table in both widths.
    fn new(
        table: Table,
        title: String,
        caption: String,
        description: String,
        draw: impl Fn(&Table, f64) -> Scene,
    ) -> Self {
        Self {
            name: table.name.clone(),
            title,
            caption,
            description,
            wide: draw(&table, WIDE),
            narrow: draw(&table, NARROW),
            table,
        }
    }

    /// The table that is drawn.
    pub(crate) fn table(&self) -> &Table {
        &self.table
    }

    /// The SVG for a page, in either width: colours are the page's, the typeface is the page's.
    pub(crate) fn page_svg(&self, narrow: bool) -> String {
        let scene = if narrow { &self.narrow } else { &self.wide };
        let mut svg = scene.to_svg(&self.title, &self.description);
        for (colour, name) in page_colours() {
            svg = svg.replace(&format!("\"{colour}\""), &format!("\"var({name})\""));
        }
        let class = if narrow { "narrow" } else { "wide" };
        svg.replacen("<svg ", &format!("<svg class=\"{class}\" "), 1)
    }

    /// Writes the drawing as SVG, PNG and PDF, its table as CSV, its caption as TeX and Markdown.
    pub(crate) fn write(&self, dir: &Path) -> Result<FigureFiles, Error> {
        let file = |extension: &str| dir.join(format!("{}.{extension}", self.name));
        let files = FigureFiles {
            name: self.name.clone(),
            svg: file("svg"),
            png: file("png"),
            pdf: file("pdf"),
            csv: file("csv"),
        };
        let svg = self.wide.to_svg(&self.title, &self.description);
        let drawing = export::Drawing::parse(&self.name, &svg, self.wide.size())?;
        let standalone = self.wide.to_standalone_svg(&self.title, &self.description);
        write_atomically(&files.svg, standalone.as_bytes())?;
        write_atomically(&files.png, &drawing.png()?)?;
        write_atomically(&files.pdf, &drawing.pdf()?)?;
        write_atomically(&files.csv, self.table.to_csv().as_bytes())?;
        write_atomically(&file("md"), format!("{}\n", self.caption).as_bytes())?;
        write_atomically(
            &file("tex"),
            crate::tables::latex_caption(&self.caption).as_bytes(),
        )?;
        Ok(files)
    }
}
