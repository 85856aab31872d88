//! Rows in parts, where one drawing would hold too many.

use std::sync::Arc;

use super::split::split;
use super::words::listed;
use crate::request::Contrast;
use crate::tables::{OfArm, Row, Rows};

/// The most arms that one drawing tells apart at a glance.
const MOST_ARMS: usize = 10;

/// The rows of one drawing, and those of the figure that it is all or a part of.
pub(super) struct Part<R> {
    pub(super) rows: Rows<R>,
    /// The rows of all parts: what the axes of each hold.
    pub(super) whole: Arc<[R]>,
    /// What a caption says of it.
    pub(super) said: String,
}

impl<R: Row + Clone> Part<R> {
    /// Rows that one drawing holds.
    pub(super) fn all(rows: Rows<R>) -> Self {
        Self {
            whole: rows.rows().into(),
            said: String::new(),
            rows,
        }
    }

    /// What a title says of it.
    pub(super) fn title(&self) -> String {
        let part = self.rows.identity().part();
        part.map_or(String::new(), |part| format!(", {part}"))
    }
}

/// Rows in parts that have no more arms than can be told apart, each treatment beside its baselines.
pub(super) fn by_arms<R: Row + OfArm + Clone>(
    rows: Rows<R>,
    contrasts: &[Contrast],
) -> Vec<Part<R>> {
    in_parts(rows, R::arm, contrasts, MOST_ARMS)
}

/// Rows in parts by their names, as [`split`] has them. No part has more than `most` names, and no
/// rows make no part.
pub(super) fn in_parts<R: Row + Clone>(
    rows: Rows<R>,
    name: impl Fn(&R) -> &str,
    contrasts: &[Contrast],
    most: usize,
) -> Vec<Part<R>> {
    let mut names: Vec<&str> = Vec::new();
    for row in rows.rows() {
        let name = name(row);
        if !names.contains(&name) {
            names.push(name);
        }
    }
    let parts = split(&names, contrasts, most);
    if let [_] = &parts[..] {
        return vec![Part::all(rows)];
    }
    let whole: Arc<[R]> = rows.rows().into();
    let part = |(index, places): (usize, &Vec<usize>)| {
        let own: Vec<&str> = places.iter().map(|&place| names[place]).collect();
        let some = rows.with_rows(|row| own.contains(&name(row)));
        let identity = rows.identity().with(&format!("part {}", index + 1));
        Part {
            rows: some.identified(identity),
            whole: whole.clone(),
            said: said(index, &parts, &names),
        }
    };
    parts.iter().enumerate().map(part).collect()
}

/// What a caption says of one of several parts.
fn said(index: usize, parts: &[Vec<usize>], names: &[&str]) -> String {
    let named = |places: &[usize]| {
        let own: Vec<String> = places
            .iter()
            .map(|&place| names[place].to_owned())
            .collect();
        listed(&own)
    };
    let is_elsewhere = |place: &usize| parts.iter().filter(|part| part.contains(place)).count() > 1;
    let own = &parts[index];
    let repeated: Vec<usize> = own.iter().copied().filter(is_elsewhere).collect();
    let [stands, it] = match repeated[..] {
        [_] => ["stands", "it"],
        _ => ["stand", "them"],
    };
    let again = match repeated.is_empty() {
        true => String::new(),
        false => format!(
            " {} {stands} in other parts, too, beside what is compared with {it}.",
            named(&repeated)
        ),
    };
    format!(
        " Part {} of {}, on common axes.{again}",
        index + 1,
        parts.len()
    )
}

#[cfg(test)]
mod tests {
    use super::said;

    #[test]
    fn a_caption_names_what_its_part_shows_and_what_other_parts_show_too() {
        let names = ["adam", "adam-lawn", "adam-cpr", "sgd"];
        let parts = [vec![0, 1], vec![0, 2], vec![3]];
        assert_eq!(
            said(1, &parts, &names),
            " Part 2 of 3, on common axes. adam stands in other parts, too, beside \
             what is compared with it."
        );
        assert_eq!(said(2, &parts, &names), " Part 3 of 3, on common axes.");
    }
}
