//! Rows in parts, where one drawing would hold too many.

use crate::tables::{OfArm, Row, Rows};

/// The most arms that one drawing tells apart at a glance.
const MOST_ARMS: usize = 10;

/// Rows in parts of equally many arms. No part has more arms than can be told apart.
pub(super) fn by_arms<R: Row + OfArm + Clone>(rows: Rows<R>) -> Vec<Rows<R>> {
    in_parts(rows, R::arm, MOST_ARMS)
}

/// Rows in parts of equally many different names, in their order. No part has more than `most`
/// names; no rows make no part.
pub(super) fn in_parts<R: Row + Clone>(
    rows: Rows<R>,
    name: impl Fn(&R) -> &str,
    most: usize,
) -> Vec<Rows<R>> {
    let mut names: Vec<&str> = Vec::new();
    for row in rows.rows() {
        let name = name(row);
        if !names.contains(&name) {
            names.push(name);
        }
    }
    let parts = names.len().div_ceil(most);
    if parts < 2 {
        return if rows.is_empty() {
            Vec::new()
        } else {
            vec![rows]
        };
    }
    let chunks = names.chunks(names.len().div_ceil(parts));
    chunks
        .enumerate()
        .map(|(part, names)| {
            let identity = rows.identity().with(&format!("part {}", part + 1));
            let some = rows.with_rows(|row| names.contains(&name(row)));
            some.identified(identity)
        })
        .collect()
}

/// What a title says of a part.
pub(super) fn of_part<R: Row>(rows: &Rows<R>) -> String {
    let part = rows.identity().part();
    part.map_or(String::new(), |part| format!(", {part}"))
}

/// What a caption says of a part.
pub(super) fn part_in_words<R: Row>(rows: &Rows<R>) -> &'static str {
    match rows.identity().part() {
        Some(_) => {
            " A figure shows ten arms at most. The others are in parts of their own, on their own \
             axes."
        }
        None => "",
    }
}
