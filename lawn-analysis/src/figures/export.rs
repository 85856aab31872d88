//! One SVG tree, three files: SVG, PNG, PDF.

use std::sync::{Arc, OnceLock};

use krilla::Document;
use krilla::geom::Size;
use krilla::page::PageSettings;
use krilla_svg::{SurfaceExt, SvgSettings};
use resvg::tiny_skia::{Pixmap, Transform};
use resvg::usvg::{Options, Tree, fontdb};

use super::font;
use crate::error::Error;

/// Pixels of a PNG to a point: 216 to the inch.
const PIXELS: f32 = 3.0;

fn fonts() -> Arc<fontdb::Database> {
    static FONTS: OnceLock<Arc<fontdb::Database>> = OnceLock::new();
    let fonts = FONTS.get_or_init(|| {
        // Only the embedded typeface: what is installed must not change a drawing.
        let mut fonts = fontdb::Database::new();
        fonts.load_font_data(font::REGULAR.to_vec());
        fonts.load_font_data(font::SEMIBOLD.to_vec());
        Arc::new(fonts)
    });
    Arc::clone(fonts)
}

/// The SVG, understood: what both other formats are drawn from.
pub(super) struct Drawing<'a> {
    name: &'a str,
    tree: Tree,
    points: (f64, f64),
}

impl<'a> Drawing<'a> {
    /// Parses the SVG of a drawing of a size in points.
    pub(super) fn parse(name: &'a str, svg: &str, points: (f64, f64)) -> Result<Self, Error> {
        let options = Options {
            font_family: font::FAMILY.to_owned(),
            fontdb: fonts(),
            ..Options::default()
        };
        let tree = Tree::from_str(svg, &options).map_err(|error| Error::Figure {
            name: name.to_owned(),
            why: error.to_string(),
        })?;
        Ok(Self { name, tree, points })
    }

    fn failed(&self, why: impl ToString) -> Error {
        Error::Figure {
            name: self.name.to_owned(),
            why: why.to_string(),
        }
    }

    /// The drawing as PNG on white.
    pub(super) fn png(&self) -> Result<Vec<u8>, Error> {
        let (width, height) = (self.points.0 as f32 * PIXELS, self.points.1 as f32 * PIXELS);
        let mut pixmap = Pixmap::new(width.ceil() as u32, height.ceil() as u32)
            .ok_or_else(|| self.failed("the drawing has no size"))?;
        pixmap.fill(resvg::tiny_skia::Color::WHITE);
        let size = self.tree.size();
        let scale = Transform::from_scale(width / size.width(), height / size.height());
        resvg::render(&self.tree, scale, &mut pixmap.as_mut());
        pixmap.encode_png().map_err(|error| self.failed(error))
    }

    /// The drawing as PDF, text as text; the same drawing gives the same bytes.
    pub(super) fn pdf(&self) -> Result<Vec<u8>, Error> {
        let (width, height) = (self.points.0 as f32, self.points.1 as f32);
        let no_size = || self.failed("the drawing has no size");
        let mut document = Document::new();
        let settings = PageSettings::from_wh(width, height).ok_or_else(no_size)?;
        let mut page = document.start_page_with(settings);
        let mut surface = page.surface();
        let size = Size::from_wh(width, height).ok_or_else(no_size)?;
        surface
            .draw_svg(&self.tree, size, SvgSettings::default())
            .ok_or_else(|| self.failed("the drawing could not be placed on a page"))?;
        surface.finish();
        page.finish();
        document
            .finish()
            .map_err(|error| self.failed(format!("{error:?}")))
    }
}
