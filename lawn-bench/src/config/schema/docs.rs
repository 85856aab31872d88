//! What a key means, in the words of the documentation of the field that it is read into.

use std::collections::HashMap;
use std::sync::OnceLock;

/// The modules whose types a sweep file is read into.
const SOURCES: [&str; 3] = [
    include_str!("../raw.rs"),
    include_str!("../engines.rs"),
    include_str!("../sweep.rs"),
];

/// The first paragraph of the documentation of `field` of the struct `of`; that of the
/// checked struct, where the raw one has none.
pub(super) fn of(of: &str, field: &str) -> Option<String> {
    static FIELDS: OnceLock<HashMap<(&str, &str), String>> = OnceLock::new();
    let fields = FIELDS.get_or_init(|| {
        let sources = SOURCES.into_iter().chain(lawn_models::CONFIG_SOURCES);
        sources.flat_map(documented).collect()
    });
    let checked = of.strip_prefix("Raw").unwrap_or(of);
    let found = [of, checked]
        .into_iter()
        .find_map(|of| fields.get(&(of, field)));
    found.cloned()
}

/// Every field of a struct in `source` that has documentation.
fn documented(source: &'static str) -> Vec<((&'static str, &'static str), String)> {
    let (mut of, mut said, mut found) = ("", String::new(), Vec::new());
    let mut is_open = true;
    for line in source.lines() {
        let line = line.trim();
        if let Some(text) = line.strip_prefix("///") {
            // A paragraph, its lines joined.
            is_open &= !text.trim().is_empty();
            if is_open {
                let space = if said.is_empty() { "" } else { " " };
                said += &format!("{space}{}", text.trim());
            }
            continue;
        }
        if line.starts_with('#') {
            continue;
        }
        if let Some((_, name)) = line.split_once("struct ") {
            of = name
                .split(|c: char| !c.is_alphanumeric())
                .next()
                .unwrap_or(name);
        } else if let Some((name, _)) = line.split_once(": ")
            && !said.is_empty()
        {
            let name = name.rsplit(' ').next().unwrap_or(name);
            let name = name.strip_prefix('_').unwrap_or(name);
            found.push(((of, name), said.replace('`', "")));
        }
        (said, is_open) = (String::new(), true);
    }
    found
}
