/// What a row of a click set has: numbers, and a category in each of some columns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ClickShape {
    /// Numbers a row.
    pub(crate) dense: usize,
    /// Ids that each column of categories can have: a row of an embedding table each.
    pub(crate) columns: Vec<u32>,
}

impl ClickShape {
    /// 32-bit words of a row: label, numbers, ids.
    pub(crate) fn words(&self) -> usize {
        1 + self.dense + self.columns.len()
    }

    /// Bytes of a row.
    pub(crate) fn bytes(&self) -> usize {
        WORD * self.words()
    }
}

/// Bytes of a word.
pub(crate) const WORD: usize = size_of::<u32>();
