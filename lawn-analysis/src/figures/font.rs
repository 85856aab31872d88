//! The embedded typeface: its bytes, its sizes, and the room that a text takes in it.

use std::borrow::Cow;
use std::sync::OnceLock;

use ttf_parser::Face;

use crate::text::shortened;

/// Family name, as written into every drawing.
pub(crate) const FAMILY: &str = "Open Sans";
/// The regular cut.
pub(crate) const REGULAR: &[u8] = include_bytes!("../../fonts/OpenSans-Regular.ttf");
/// The semibold cut.
pub(crate) const SEMIBOLD: &[u8] = include_bytes!("../../fonts/OpenSans-Semibold.ttf");

/// Size of tick labels and legends in points.
pub(crate) const SMALL: f64 = 7.5;
/// Size of axis labels and panel titles in points.
pub(crate) const NORMAL: f64 = 8.5;

/// Distance between the lines of a text.
pub(crate) fn leading(size: f64) -> f64 {
    1.22 * size
}

fn face(bold: bool) -> &'static Face<'static> {
    static FACES: OnceLock<[Face<'static>; 2]> = OnceLock::new();
    let faces = FACES.get_or_init(|| {
        [REGULAR, SEMIBOLD].map(|bytes| Face::parse(bytes, 0).expect("the embedded font is whole"))
    });
    &faces[usize::from(bold)]
}

/// A text in the characters that the typeface has. Any other character is written as its code, such
/// as `#6570`, so that different names look different.
pub(crate) fn drawn(text: &str) -> Cow<'_, str> {
    let has = |c: char| {
        [false, true]
            .iter()
            .all(|bold| face(*bold).glyph_index(c).is_some())
    };
    if text.chars().all(has) {
        return Cow::Borrowed(text);
    }
    let mut drawn = String::with_capacity(2 * text.len());
    for c in text.chars() {
        if has(c) {
            drawn.push(c);
        } else {
            drawn.push_str(&format!("#{:04X}", u32::from(c)));
        }
    }
    Cow::Owned(drawn)
}

/// Width of a text as it is drawn at a size, in the unit of the size, without kerning.
pub(crate) fn width(text: &str, size: f64, bold: bool) -> f64 {
    let text = drawn(text);
    let face = face(bold);
    let advance = |c: char| {
        let glyph = face.glyph_index(c).unwrap_or_default();
        f64::from(
            face.glyph_hor_advance(glyph)
                .unwrap_or(face.units_per_em() / 2),
        )
    };
    text.chars().map(advance).sum::<f64>() * size / f64::from(face.units_per_em())
}

/// How far the ink of a text reaches above and below its baseline.
#[cfg(test)]
pub(crate) fn ink(text: &str, size: f64, bold: bool) -> (f64, f64) {
    let face = face(bold);
    let boxes = text
        .chars()
        .filter_map(|c| face.glyph_bounding_box(face.glyph_index(c)?));
    let (above, below) = boxes.fold((0, 0), |(above, below), glyph| {
        (above.max(glyph.y_max), below.min(glyph.y_min))
    });
    let scale = size / f64::from(face.units_per_em());
    (f64::from(above) * scale, -f64::from(below) * scale)
}

/// Width of the widest of some texts in the regular cut.
pub(crate) fn widest<'a>(texts: impl IntoIterator<Item = &'a str>, size: f64) -> f64 {
    let widths = texts.into_iter().map(|text| width(text, size, false));
    widths.fold(0.0, f64::max)
}

/// The characters after which a text may break.
const JOINS: [char; 6] = [' ', '-', '_', '/', ',', ':'];

/// The parts of a text that never break.
pub(crate) fn pieces(text: &str) -> impl Iterator<Item = &str> {
    text.split_inclusive(JOINS)
}

/// Breaks a text into lines of a width, after spaces and the characters that join words. A piece
/// that is too wide gets a line of its own, with its middle left out. An empty text has no line.
pub(crate) fn wrap(text: &str, size: f64, bold: bool, room: f64) -> Vec<String> {
    let text = drawn(text);
    let fits = |line: &str| width(line.trim_end(), size, bold) <= room;
    let mut lines = vec![String::new()];
    for piece in pieces(&text) {
        let current = lines.last().map_or("", String::as_str);
        let joined = format!("{current}{piece}");
        if fits(&joined) {
            lines.pop();
            lines.push(joined);
            continue;
        }
        if !current.is_empty() {
            lines.push(String::new());
        }
        if fits(piece) {
            lines.pop();
            lines.push(piece.to_owned());
            continue;
        }
        let signs = piece.trim_end().chars().count();
        let shorter = (2..signs)
            .rev()
            .map(|most| shortened(piece.trim_end(), most));
        let short = shorter.into_iter().find(|short| fits(short));
        lines.pop();
        lines.extend([short.unwrap_or_else(|| "…".to_owned()), String::new()]);
    }
    let trimmed = lines.iter().map(|line| line.trim().to_owned());
    trimmed.filter(|line| !line.is_empty()).collect()
}

/// Both cuts as `@font-face` rules of a style sheet.
pub(crate) fn css() -> &'static str {
    static CSS: OnceLock<String> = OnceLock::new();
    CSS.get_or_init(|| {
        use base64::Engine as _;
        let rule = |bytes: &[u8], weight: &str| {
            let data = base64::engine::general_purpose::STANDARD.encode(bytes);
            format!(
                "@font-face{{font-family:\"{FAMILY}\";font-weight:{weight};\
                 src:url(data:font/ttf;base64,{data})}}"
            )
        };
        format!("{}{}", rule(REGULAR, "400"), rule(SEMIBOLD, "600 700"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_sign_that_labels_use_has_a_glyph() {
        for bold in [false, true] {
            for c in "0123456789−+×²±≤≥–—…·≈αβδ%@|√ΔüÄß".chars() {
                assert!(face(bold).glyph_index(c).is_some(), "{c}");
            }
        }
    }

    #[test]
    fn what_has_no_glyph_is_written_as_its_code() {
        assert_eq!(drawn("глиф Łódź Ω"), "глиф Łódź Ω");
        assert_eq!(drawn("数据-a"), "#6570#636E-a");
        assert_eq!(drawn("a\u{1b}\n"), "a#001B#000A");
        assert_eq!(width("数", 8.0, false), width("#6570", 8.0, false));
        assert_eq!(wrap("数据", SMALL, false, 100.0), ["#6570#636E"]);
    }

    #[test]
    fn bold_text_is_wider() {
        assert!(width("Weight norm", 8.0, true) > width("Weight norm", 8.0, false));
    }

    #[test]
    fn lines_break_where_words_join_and_lose_nothing() {
        let room = width("adam-lawn-", SMALL, false) + 0.1;
        let lines = wrap("adam-lawn-row free", SMALL, false, room);
        assert_eq!(lines, ["adam-lawn-", "row free"]);
        assert!(wrap("", SMALL, false, 30.0).is_empty());
    }

    #[test]
    fn a_word_that_is_too_wide_loses_its_middle_and_stands_alone() {
        let lines = wrap("an unbreakableunbreakable-b", SMALL, false, 30.0);
        assert_eq!(lines.len(), 3, "{lines:?}");
        assert_eq!((lines[0].as_str(), lines[2].as_str()), ("an", "b"));
        assert!(lines[1].starts_with("unb") && lines[1].ends_with('-') && lines[1].contains('…'));
        assert!(widest(lines.iter().map(String::as_str), SMALL) <= 30.0);
        assert!(wrap("", SMALL, false, 30.0).is_empty());
    }
}
