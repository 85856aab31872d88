//! What the parts of a file come to, one behind the other.

use super::interactions::{Line, Lines};
use super::texts::Texts;

/// What a part of a file has.
#[derive(Default)]
pub(super) struct Parsed {
    pub(super) lines: Lines,
    /// Of users and items, the texts that their ids are the numbers of.
    pub(super) texts: [Texts; 2],
}

/// What all parts up to now have.
#[derive(Default)]
pub(super) struct Gathered {
    pub(super) lines: Lines,
    texts: [Texts; 2],
}

impl Gathered {
    /// Adds the part that follows, which is behind `before` lines. `are_texts` says of users and of items
    /// whether their ids are texts.
    pub(super) fn add(&mut self, part: Parsed, are_texts: [bool; 2], before: usize) {
        let [users, items] = part.texts;
        let numbers = [self.texts[0].add(users), self.texts[1].add(items)];
        let id = |column: usize, id: u64| match are_texts[column] {
            true => numbers[column][id as usize],
            false => id,
        };
        self.lines.not_above += part.lines.not_above;
        self.lines
            .lines
            .extend(part.lines.lines.into_iter().map(|line| Line {
                user: id(0, line.user),
                item: id(1, line.item),
                number: before + line.number,
                ..line
            }));
    }
}
