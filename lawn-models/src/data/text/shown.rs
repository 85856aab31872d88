//! How messages show a field.

/// Characters of a field that a message shows.
const SHOWN: usize = 80;

/// A field as a message shows it: bytes that are no ASCII by their numbers.
pub(in crate::data) fn shown(field: &[u8]) -> String {
    // Four bytes a character at most, and some more to see that there are more.
    let seen = &field[..field.len().min(8 * SHOWN)];
    let mut shown = match std::str::from_utf8(seen) {
        Ok(text) => text.to_owned(),
        // Cut within a character.
        Err(error) if error.error_len().is_none() && seen.len() < field.len() => {
            String::from_utf8_lossy(&seen[..error.valid_up_to()]).into_owned()
        }
        Err(_) => seen.escape_ascii().to_string(),
    };
    if shown.chars().count() > SHOWN {
        shown = shown.chars().take(SHOWN).collect();
        shown.push('…');
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_that_are_no_text_are_shown_by_number() {
        assert_eq!(shown(b"caf\xe9"), "caf\\xe9");
        assert_eq!(shown("café".as_bytes()), "café");
        let long = "é".repeat(10_000);
        assert_eq!(shown(long.as_bytes()), "é".repeat(80) + "…");
        assert_eq!(shown(&long.as_bytes()[1..]).chars().count(), 81);
    }
}
