//! A drawing as a list of shapes in points, and its SVG.
//!
//! plotters draws in whole pixels, so the canvas is twenty times as fine as a point. Its SVG has
//! no dashes, so lines are cut here; it writes a font size as the requested one over 1.24.

use plotters::prelude::{DrawingBackend, SVGBackend};
use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters::style::{
    Color, FontDesc, FontFamily, FontStyle, FontTransform, RGBColor, ShapeStyle, TextStyle,
};

use super::font;
use super::palette::Marker;

/// Pixels of the canvas to a point.
const FINE: f64 = 20.0;
/// Why drawing does not fail.
const IN_MEMORY: &str = "a drawing is written into a string";

/// A position in points, from the top left.
pub(crate) type Point = (f64, f64);

/// Where a text stands relative to its position.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Anchor {
    Start,
    Middle,
    End,
}

#[derive(Clone, Debug)]
enum Shape {
    Line {
        points: Vec<Point>,
        colour: RGBColor,
        width: f64,
    },
    Fill {
        points: Vec<Point>,
        colour: RGBColor,
        opacity: f64,
    },
    Circle {
        at: Point,
        radius: f64,
        colour: RGBColor,
        opacity: f64,
    },
    Text(Label),
}

/// A text in its place.
#[derive(Clone, Debug)]
pub(crate) struct Label {
    pub(crate) text: String,
    /// Of the baseline.
    pub(crate) at: Point,
    pub(crate) size: f64,
    pub(crate) anchor: Anchor,
    pub(crate) bold: bool,
    /// Whether it reads from bottom to top.
    pub(crate) upright: bool,
    pub(crate) colour: RGBColor,
}

/// A drawing of a given size in points.
#[derive(Clone, Debug)]
pub(crate) struct Scene {
    width: f64,
    height: f64,
    shapes: Vec<Shape>,
}

impl Scene {
    pub(crate) fn new(width: f64, height: f64) -> Self {
        Self {
            width,
            height,
            shapes: Vec::new(),
        }
    }

    pub(crate) fn size(&self) -> (f64, f64) {
        (self.width, self.height)
    }

    /// A line through the points, cut into dashes where there are any.
    pub(crate) fn line(&mut self, points: &[Point], colour: RGBColor, width: f64, dash: &[f64]) {
        for piece in dashes(points, dash) {
            self.shapes.push(Shape::Line {
                points: piece,
                colour,
                width,
            });
        }
    }

    pub(crate) fn fill(&mut self, points: &[Point], colour: RGBColor, opacity: f64) {
        self.shapes.push(Shape::Fill {
            points: points.to_vec(),
            colour,
            opacity,
        });
    }

    pub(crate) fn text(&mut self, label: Label) {
        self.shapes.push(Shape::Text(label));
    }

    /// A marker of a radius; shapes are scaled so that all look equally large.
    pub(crate) fn marker(
        &mut self,
        at: Point,
        marker: Marker,
        radius: f64,
        colour: RGBColor,
        opacity: f64,
    ) {
        let (sides, turn, scale) = match marker {
            Marker::Circle => {
                self.shapes.push(Shape::Circle {
                    at,
                    radius,
                    colour,
                    opacity,
                });
                return;
            }
            Marker::Square => (4, 0.125, 1.25),
            Marker::Triangle => (3, -0.25, 1.45),
            Marker::Diamond => (4, 0.0, 1.35),
            Marker::TriangleDown => (3, 0.25, 1.45),
        };
        let corner = |side: usize| {
            let angle = std::f64::consts::TAU * (side as f64 / sides as f64 + turn);
            (
                at.0 + scale * radius * angle.cos(),
                at.1 + scale * radius * angle.sin(),
            )
        };
        let points: Vec<Point> = (0..sides).map(corner).collect();
        self.fill(&points, colour, opacity);
    }

    /// The SVG, without a typeface: for renderers that are given one.
    pub(crate) fn to_svg(&self, title: &str, description: &str) -> String {
        let mut drawn = String::new();
        let fine = |x: f64| (x * FINE).round() as i32;
        let pixels = |points: &[Point]| -> Vec<(i32, i32)> {
            points.iter().map(|(x, y)| (fine(*x), fine(*y))).collect()
        };
        {
            let size = (fine(self.width) as u32, fine(self.height) as u32);
            let mut backend = SVGBackend::with_string(&mut drawn, size);
            for shape in &self.shapes {
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
                        let style = ShapeStyle {
                            color: colour.mix(*opacity),
                            filled: true,
                            stroke_width: 0,
                        };
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
                        let style = ShapeStyle {
                            color: colour.mix(*opacity),
                            filled: true,
                            stroke_width: 0,
                        };
                        let centre = (fine(at.0), fine(at.1));
                        let radius = fine(*radius) as u32;
                        backend
                            .draw_circle(centre, radius, &style, true)
                            .expect(IN_MEMORY);
                    }
                    Shape::Text(label) => draw_text(&mut backend, label),
                }
            }
            backend.present().expect(IN_MEMORY);
        }
        self.with_head(&drawn, title, description)
    }

    /// Replaces plotters' root element by one in points, with words for who cannot see it.
    fn with_head(&self, drawn: &str, title: &str, description: &str) -> String {
        let body = drawn.split_once('>').map_or("", |(_, body)| body);
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{}pt\" height=\"{}pt\" \
             viewBox=\"0 0 {} {}\" role=\"img\" stroke-linejoin=\"round\">\n\
             <title>{}</title>\n<desc>{}</desc>{body}",
            self.width,
            self.height,
            (self.width * FINE).round(),
            (self.height * FINE).round(),
            escape(title),
            escape(description),
        )
    }

    /// The SVG with its typeface embedded: a file that looks the same everywhere.
    pub(crate) fn to_standalone_svg(&self, title: &str, description: &str) -> String {
        let svg = self.to_svg(title, description);
        svg.replacen(
            "<desc>",
            &format!("<style>{}</style>\n<desc>", font::css()),
            1,
        )
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
    // `Top` moves the text down by 0.76 em, which renderers agree on; the baseline is moved back.
    let rise = 0.76 * label.size;
    let (x, y) = label.at;
    let (x, y) = if label.upright {
        (x - rise, y)
    } else {
        (x, y - rise)
    };
    let at = ((x * FINE).round() as i32, (y * FINE).round() as i32);
    backend.draw_text(&label.text, &style, at).expect(IN_MEMORY);
}

/// Escapes a text for XML.
pub(crate) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            _ => escaped.push(c),
        }
    }
    escaped
}

/// Cuts a line into the dashes of a pattern of dashes and gaps.
fn dashes(points: &[Point], pattern: &[f64]) -> Vec<Vec<Point>> {
    if pattern.is_empty() || points.len() < 2 {
        return vec![points.to_vec()];
    }
    let mut pieces = Vec::new();
    let mut piece = vec![points[0]];
    let (mut place, mut left) = (0, pattern[0]);
    for pair in points.windows(2) {
        let (mut from, to) = (pair[0], pair[1]);
        loop {
            let length = (to.0 - from.0).hypot(to.1 - from.1);
            if length <= left {
                left -= length;
                piece.push(to);
                break;
            }
            let part = left / length;
            from = (
                from.0 + part * (to.0 - from.0),
                from.1 + part * (to.1 - from.1),
            );
            piece.push(from);
            if place % 2 == 0 {
                pieces.push(std::mem::take(&mut piece));
            }
            piece = vec![from];
            place = (place + 1) % pattern.len();
            left = pattern[place];
        }
    }
    if place % 2 == 0 && piece.len() > 1 {
        pieces.push(piece);
    }
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dashes_cover_what_the_pattern_says() {
        let pieces = dashes(&[(0.0, 0.0), (10.0, 0.0), (10.0, 2.0)], &[4.0, 2.0]);
        let ends: Vec<(Point, Point)> = pieces
            .iter()
            .map(|piece| (piece[0], piece[piece.len() - 1]))
            .collect();
        assert_eq!(ends, [((0.0, 0.0), (4.0, 0.0)), ((6.0, 0.0), (10.0, 0.0))]);
    }

    #[test]
    fn svg_has_words_and_no_markup_from_outside() {
        let mut scene = Scene::new(100.0, 50.0);
        scene.text(Label {
            text: "<b>&".into(),
            at: (10.0, 20.0),
            size: 8.0,
            anchor: Anchor::Start,
            bold: true,
            upright: false,
            colour: super::super::palette::INK,
        });
        let svg = scene.to_svg("a < b", "words");
        assert!(svg.contains("<title>a &lt; b</title>"), "{svg}");
        assert!(svg.contains("&lt;b&gt;&amp;"), "{svg}");
        assert!(svg.contains("viewBox=\"0 0 2000 1000\""), "{svg}");
        assert!(svg.contains("font-size=\"160\""), "{svg}");
    }
}
