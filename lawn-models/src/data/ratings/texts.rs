//! Ids that are texts, as the numbers by which all else knows them.

use std::collections::HashMap;

/// Texts, numbered from 0 in the order in which they first come.
#[derive(Debug, Default)]
pub(super) struct Texts {
    numbers: HashMap<Box<[u8]>, u64>,
    /// By number.
    all: Vec<Box<[u8]>>,
}

impl Texts {
    /// The number of a text, the next one where it is new.
    pub(super) fn number(&mut self, text: &[u8]) -> u64 {
        if let Some(&number) = self.numbers.get(text) {
            return number;
        }
        let number = self.all.len() as u64;
        self.numbers.insert(text.into(), number);
        self.all.push(text.into());
        number
    }

    /// Adds those of what follows, and gives by their number there the number here.
    pub(super) fn add(&mut self, behind: Self) -> Vec<u64> {
        let all = behind.all.iter();
        all.map(|text| self.number(text)).collect()
    }
}
