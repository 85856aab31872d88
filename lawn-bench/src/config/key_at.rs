//! Which key of a task or an arm stands at a place of a sweep file.

use std::ops::Range;

use toml::de::{DeTable, DeValue};

/// Tables within an arm whose keys have tables of their own.
const SPACES: [&str; 2] = ["tune", "grid"];

/// The key of a task or an arm at `place`, as `--unset` takes it: of a range all of it. None for what is
/// no key of one.
pub(super) fn key_at(root: &DeTable<'_>, place: &Range<usize>) -> Option<String> {
    let mut path = path_to(root, place)?;
    let is_in_space = path.get(2).is_some_and(|key| SPACES.contains(key));
    match path.first() {
        Some(&"arms") if is_in_space => path.truncate(4),
        Some(&("tasks" | "arms")) => {}
        _ => return None,
    }
    let least = if is_in_space { 4 } else { 3 };
    let keys = path.iter().map(|&key| toml_edit::Key::new(key).to_string());
    (path.len() >= least).then(|| keys.collect::<Vec<_>>().join("."))
}

/// The keys that lead to what is written at `place`.
fn path_to<'t>(table: &'t DeTable<'_>, place: &Range<usize>) -> Option<Vec<&'t str>> {
    let holds = |span: Range<usize>| span.start <= place.start && place.end <= span.end;
    table.iter().find_map(|(key, value)| {
        let name: &str = key.get_ref();
        if holds(key.span()) {
            return Some(vec![name]);
        }
        match value.get_ref() {
            DeValue::Table(below) => path_to(below, place).map(|mut path| {
                path.insert(0, name);
                path
            }),
            _ => holds(value.span()).then(|| vec![name]),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_is_that_of_the_task_or_arm_whatever_it_holds() {
        let text = "[tasks.a]\nlayers = [8, 4]\npretrained = { gmf = \"g\" }\n\
                    [arms.\"b c\".tune]\nbeta1 = { min = 15, max = 47 }\n[budget]\nepochs = 3\n";
        let root = DeTable::parse(text).unwrap();
        let at = |what: &str| {
            let start = text.find(what).unwrap();
            key_at(root.get_ref(), &(start..start + what.len()))
        };
        assert_eq!(at("[8, 4]").as_deref(), Some("tasks.a.layers"));
        assert_eq!(at("pretrained").as_deref(), Some("tasks.a.pretrained"));
        assert_eq!(at("\"g\"").as_deref(), Some("tasks.a.pretrained.gmf"));
        for what in ["15", "47", "beta1"] {
            assert_eq!(
                at(what).as_deref(),
                Some("arms.\"b c\".tune.beta1"),
                "{what}"
            );
        }
        for none in ["a", "tune", "3"] {
            assert_eq!(at(none), None, "{none}");
        }
    }
}
