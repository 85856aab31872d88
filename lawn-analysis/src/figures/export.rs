//! One SVG tree makes three files: SVG, PNG and PDF.

use std::sync::{Arc, OnceLock};

use krilla::Document;
use krilla::geom::Size;
use krilla::page::PageSettings;
use krilla_svg::{SurfaceExt, SvgSettings};
use resvg::tiny_skia::{Pixmap, Transform};
use resvg::usvg::{Options, Tree, fontdb};

use super::font;
use crate::error::Error;

/// Pixels of a PNG for each point: 216 to the inch.
const PIXELS: f32 = 3.0;

fn fonts() -> Arc<fontdb::Database> {
    static FONTS: OnceLock<Arc<fontdb::Database>> = OnceLock::new();
    let fonts = FONTS.get_or_init(|| {
        // Only the embedded typeface is loaded. Installed ones must not change a drawing.
        let mut fonts = fontdb::Database::new();
        fonts.load_font_data(font::REGULAR.to_vec());
        fonts.load_font_data(font::SEMIBOLD.to_vec());
        Arc::new(fonts)
    });
    Arc::clone(fonts)
}

/// The parsed SVG, from which both other formats are drawn.
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

    /// The drawing as PDF, with text as text in the embedded typeface. Equal drawings give equal
    /// bytes.
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

#[cfg(test)]
mod tests {
    use resvg::usvg::roxmltree::Document as Xml;

    use super::*;
    use crate::figures::palette::INK;
    use crate::figures::scene::{Anchor, Label, Scene};

    fn scene() -> Scene {
        let mut scene = Scene::new(120.0, 40.0);
        scene.text(Label::small("adam_lawn & 5 %", (5.0, 20.0), Anchor::Start));
        scene.text(Label::normal("bold", (80.0, 20.0), Anchor::Start).bold());
        scene.line(&[(5.0, 30.0), (100.0, 30.0)], INK, 1.0, &[4.0, 2.0]);
        scene
    }

    #[test]
    fn pdf_text_is_text_in_the_embedded_typeface_and_bytes_are_stable() {
        let pdf = || {
            let svg = scene().to_svg("a title", "words");
            Drawing::parse("drawing", &svg, scene().size())
                .and_then(|drawing| drawing.pdf())
                .unwrap()
        };
        let bytes = pdf();
        assert_eq!(bytes, pdf());
        let holds = |needle: &str| {
            let mut places = bytes.windows(needle.len());
            places.any(|place| place == needle.as_bytes())
        };
        // The file has a font program and the map from its glyphs back to characters, and no date.
        for needle in [
            "%PDF-1.7",
            "OpenSans",
            "OpenSans-Semibold",
            "/FontFile",
            "/ToUnicode",
        ] {
            assert!(holds(needle), "{needle}");
        }
        assert!(!holds("/CreationDate"));
    }

    #[test]
    fn svg_is_well_formed_and_says_what_it_shows() {
        let svg = scene().to_standalone_svg("a < b", "words & more");
        let xml = Xml::parse(&svg).unwrap();
        let root = xml.root_element();
        let text_of = |name: &str| {
            let mut nodes = root.descendants();
            let found = nodes.find(|node| node.tag_name().name() == name);
            found
                .and_then(|node| node.text())
                .unwrap_or_default()
                .trim()
        };
        assert_eq!(root.attribute("role"), Some("img"));
        assert_eq!(text_of("title"), "a < b");
        assert_eq!(text_of("desc"), "words & more");
        assert!(text_of("style").contains("@font-face"));
        assert_eq!(text_of("text"), "adam_lawn & 5 %");
        let first = root.children().find(|node| node.is_element()).unwrap();
        assert_eq!(first.tag_name().name(), "title");
    }

    #[test]
    fn png_has_the_pixels_of_its_size() {
        let svg = scene().to_svg("", "");
        let drawing = Drawing::parse("drawing", &svg, scene().size()).unwrap();
        let pixels = Pixmap::decode_png(&drawing.png().unwrap()).unwrap();
        assert_eq!((pixels.width(), pixels.height()), (360, 120));
    }
}
