//! A drawing as SVG.
//!
//! plotters draws in whole pixels, so the canvas is twenty times as fine as a point. It has no
//! dashes in SVG, so lines are cut before. It divides a requested font size by 1.24.

use plotters::prelude::{DrawingBackend, SVGBackend};
use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters::style::{
    Color, FontDesc, FontFamily, FontStyle, FontTransform, RGBColor, ShapeStyle, TextStyle,
};

use super::font;
use super::scene::{Anchor, Label, Scene, Shape};
use crate::text::visible;

/// Pixels of the canvas to a point.
const FINE: f64 = 20.0;
/// Why drawing does not fail.
const IN_MEMORY: &str = "a drawing is written into a string";

fn fine(x: f64) -> i32 {
    (x * FINE).round() as i32
}

impl Scene {
    /// The SVG without a typeface, for renderers that have one.
    pub(crate) fn to_svg(&self, title: &str, description: &str) -> String {
        let mut drawn = String::new();
        {
            let (width, height) = self.size();
            let size = (fine(width) as u32, fine(height) as u32);
            let mut backend = SVGBackend::with_string(&mut drawn, size);
            for shape in self.shapes() {
                draw(&mut backend, shape);
            }
            backend.present().expect(IN_MEMORY);
        }
        self.with_head(&drawn, title, description)
    }

    /// Replaces the root element of plotters by one in points, with words for readers who cannot
    /// see it.
    fn with_head(&self, drawn: &str, title: &str, description: &str) -> String {
        let body = drawn.split_once('>').map_or("", |(_, body)| body);
        let (width, height) = self.size();
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}pt\" height=\"{height}pt\" \
             viewBox=\"0 0 {} {}\" role=\"img\" stroke-linejoin=\"round\">\n\
             <title>{}</title>\n<desc>{}</desc>{body}",
            (width * FINE).round(),
            (height * FINE).round(),
            escape(title),
            escape(description),
        )
    }

    /// The SVG with its typeface embedded, which looks the same everywhere.
    pub(crate) fn to_standalone_svg(&self, title: &str, description: &str) -> String {
        let svg = self.to_svg(title, description);
        let style = format!("</desc>\n<style>{}</style>", font::css());
        svg.replacen("</desc>", &style, 1)
    }
}

fn draw(backend: &mut SVGBackend<'_>, shape: &Shape) {
    match shape {
        Shape::Line {
            points,
            colour,
            width,
        } => {
            let style = ShapeStyle {
                color: colour.to_rgba(),
                filled: false,
                stroke_width: fine(*width).max(1) as u32,
            };
            backend.draw_path(pixels(points), &style).expect(IN_MEMORY);
        }
        Shape::Fill {
            points,
            colour,
            opacity,
        } => {
            let style = filled(*colour, *opacity);
            backend
                .fill_polygon(pixels(points), &style)
                .expect(IN_MEMORY);
        }
        Shape::Circle {
            at,
            radius,
            colour,
            opacity,
        } => {
            let style = filled(*colour, *opacity);
            let centre = (fine(at.0), fine(at.1));
            backend
                .draw_circle(centre, fine(*radius) as u32, &style, true)
                .expect(IN_MEMORY);
        }
        Shape::Text(label) => draw_text(backend, label),
    }
}

fn pixels(points: &[(f64, f64)]) -> Vec<(i32, i32)> {
    points.iter().map(|(x, y)| (fine(*x), fine(*y))).collect()
}

fn filled(colour: RGBColor, opacity: f64) -> ShapeStyle {
    ShapeStyle {
        color: colour.mix(opacity),
        filled: true,
        stroke_width: 0,
    }
}

fn draw_text(backend: &mut SVGBackend<'_>, label: &Label) {
    let style = if label.bold {
        FontStyle::Bold
    } else {
        FontStyle::Normal
    };
    let size = label.size * FINE * 1.24;
    let font = FontDesc::new(FontFamily::Name(font::FAMILY), size, style);
    let transform = if label.upright {
        FontTransform::Rotate270
    } else {
        FontTransform::None
    };
    let h_pos = match label.anchor {
        Anchor::Start => HPos::Left,
        Anchor::Middle => HPos::Center,
        Anchor::End => HPos::Right,
    };
    let colour = label.colour;
    let style = TextStyle::from(font)
        .color(&colour)
        .transform(transform)
        .pos(Pos::new(h_pos, VPos::Top));
    // `Top` moves the text down by 0.76 em in every renderer. This moves the baseline back.
    let rise = 0.76 * label.size;
    let (x, y) = label.at;
    let (x, y) = if label.upright {
        (x - rise, y)
    } else {
        (x, y - rise)
    };
    backend
        .draw_text(&label.text, &style, (fine(x), fine(y)))
        .expect(IN_MEMORY);
}

/// Escapes a text for XML. A character that XML cannot hold is replaced by a visible one.
pub(crate) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            '\t' | '\n' | '\r' => escaped.push(c),
            _ => escaped.push(visible(c)),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn svg_has_words_and_no_markup_from_outside() {
        let mut scene = Scene::new(100.0, 50.0);
        scene.text(Label::small("<b>&", (10.0, 20.0), Anchor::Start).bold());
        let svg = scene.to_svg("a < b", "words");
        assert!(svg.contains("<title>a &lt; b</title>"), "{svg}");
        assert!(svg.contains("&lt;b&gt;&amp;"), "{svg}");
        assert!(svg.contains("viewBox=\"0 0 2000 1000\""), "{svg}");
        assert!(svg.contains("font-size=\"150\""), "{svg}");
        assert_eq!(escape("\u{1}a\n\u{ffff}"), "␁a\n\u{fffd}");
    }
}
