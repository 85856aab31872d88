//! The embedded typeface: its bytes, and how wide a text is in it.

use std::sync::OnceLock;

use ttf_parser::Face;

/// Family name, as written into every drawing.
pub(crate) const FAMILY: &str = "Open Sans";
/// The regular cut.
pub(crate) const REGULAR: &[u8] = include_bytes!("../../fonts/OpenSans-Regular.ttf");
/// The semibold cut.
pub(crate) const SEMIBOLD: &[u8] = include_bytes!("../../fonts/OpenSans-Semibold.ttf");

fn face(bold: bool) -> &'static Face<'static> {
    static FACES: OnceLock<[Face<'static>; 2]> = OnceLock::new();
    let faces = FACES.get_or_init(|| {
        [REGULAR, SEMIBOLD].map(|bytes| Face::parse(bytes, 0).expect("the embedded font is whole"))
    });
    &faces[usize::from(bold)]
}

/// Width of a text at a size, in the unit of the size, without kerning.
pub(crate) fn width(text: &str, size: f64, bold: bool) -> f64 {
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

/// Both cuts as rules of a style sheet.
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
    fn bold_text_is_wider() {
        assert!(width("Weight norm", 8.0, true) > width("Weight norm", 8.0, false));
    }
}
