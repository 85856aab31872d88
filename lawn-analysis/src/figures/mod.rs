//! Figures. They never compute: each draws a finished table, and ships it as CSV.

mod axis;
mod export;
mod font;
mod metric_by_batch;
mod norms;
mod palette;
mod panel;
mod scene;

use std::path::Path;

pub(crate) use font::css as font_css;
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
    /// Test metric against batch size, from [`crate::tables::metric_by_batch`].
    pub(crate) fn metric_by_batch(task: &str, metric: &str, level: f64, table: Table) -> Self {
        let column = table.column("n");
        let counts: Vec<i64> = table
            .rows()
            .iter()
            .filter_map(|row| row[column].as_number())
            .map(|n| n as i64)
            .collect();
        let seeds = range(&counts);
        Self {
            name: table.name.clone(),
            title: format!("{task}: test {metric} by batch size"),
            caption: format!(
                "Test {metric} of {task} against batch size. Small markers are single seeds, large \
                 ones their means (n = {seeds} seeds); bars are {} t intervals of the mean, cut \
                 with an arrowhead where they leave the panel.",
                crate::text::percent(level)
            ),
            description: described(&table, metric),
            wide: metric_by_batch::draw(&table, metric, WIDE),
            narrow: metric_by_batch::draw(&table, metric, NARROW),
            table,
        }
    }

    /// Logit and weight norm against epoch, from [`crate::tables::curves`].
    pub(crate) fn norms(task: &str, table: Table) -> Self {
        let column = table.column("n");
        let counts: Vec<i64> = table
            .rows()
            .iter()
            .filter_map(|row| row[column].as_number())
            .map(|n| n as i64)
            .collect();
        let caption = format!(
            "Mean magnitude of the logits (top) and global weight norm (bottom) of {task} by \
             epoch. Lines are means over seeds (n = {}), bands their range; the dotted line marks \
             the end of the last epoch in the free phase.",
            range(&counts)
        );
        Self {
            name: table.name.clone(),
            title: format!("{task}: logits and weight norm by epoch"),
            description: caption.clone(),
            caption,
            wide: norms::draw(&table, WIDE),
            narrow: norms::draw(&table, NARROW),
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

/// A count, or the smallest and largest where they differ.
fn range(counts: &[i64]) -> String {
    match (counts.iter().min(), counts.iter().max()) {
        (Some(low), Some(high)) if low == high => low.to_string(),
        (Some(low), Some(high)) => format!("{low} to {high}"),
        _ => "0".to_owned(),
    }
}

/// The means in words.
fn described(table: &Table, metric: &str) -> String {
    let [arm, batch, kind, value] = ["arm", "batch_size", "kind", "value"].map(|c| table.column(c));
    let means = table.rows().iter().filter(|row| row[kind] == "mean".into());
    let parts: Vec<String> = means
        .map(|row| {
            format!(
                "{} at {}: {}",
                row[arm].shown(),
                row[batch].shown(),
                row[value].shown()
            )
        })
        .collect();
    format!(
        "Mean test {metric} by arm and batch size. {}.",
        parts.join("; ")
    )
}
