use std::cell::RefCell;

use tch::Tensor;

use super::layers::Lookup;

/// Which rows of its embedding tables a process has: all, or those that one of several has where
/// rows are dealt out round robin.
///
/// ```text
/// row g is that of process g mod of, and stands there at place ⌊g / of⌋
/// ```
/// A table with fewer rows than there are processes is whole with each of them. Or a [few](Self::few)
/// rows, where nothing is computed.
///
/// ```
/// use lawn_models::models::TablePart;
///
/// let second = TablePart::new(1, 3);
/// assert_eq!(second.rows_of(8), 3); // 1, 4 and 7
/// assert_eq!(second.rows_of(2), 2);
/// assert_eq!(TablePart::default().rows_of(8), 8);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TablePart {
    process: i64,
    of: i64,
    most: i64,
}

impl Default for TablePart {
    /// All rows.
    fn default() -> Self {
        Self {
            process: 0,
            of: 1,
            most: i64::MAX,
        }
    }
}

/// Rows of a table that stand for all: enough that it is a matrix.
const FEW: i64 = 3;

impl TablePart {
    /// The rows of one process of several.
    ///
    /// # Panics
    /// If there are not as many processes.
    pub fn new(process: u32, of: u32) -> Self {
        assert!(process < of, "process {process} of {of}");
        Self {
            process: i64::from(process),
            of: i64::from(of),
            ..Self::default()
        }
    }

    /// The first rows of each table, up to 3, with any values: for a net of which one wants to know what
    /// its parameters are, and that has no room for them. It has no forward pass.
    #[must_use]
    pub fn few() -> Self {
        Self {
            most: FEW,
            ..Self::default()
        }
    }

    /// The same of tables that are not shared among processes.
    pub(crate) fn whole_or_few(self) -> Self {
        Self {
            most: self.most,
            ..Self::default()
        }
    }

    /// Whether it is of a net that nothing is computed with.
    pub(crate) fn is_few(self) -> bool {
        self.most < i64::MAX
    }

    /// What it is of a table with so many rows.
    #[must_use]
    pub fn of_table(self, rows: i64) -> Self {
        match rows < self.of {
            true => Self {
                most: self.most,
                ..Self::default()
            },
            false => self,
        }
    }

    /// How many rows of a table it has.
    pub fn rows_of(self, rows: i64) -> i64 {
        let Self { process, of, most } = self.of_table(rows);
        ((rows - process + of - 1) / of).min(most)
    }

    /// Whether it is the whole.
    pub fn is_whole(self) -> bool {
        self.of == 1
    }

    /// How many processes share the tables.
    pub(crate) fn processes(self) -> i64 {
        self.of
    }

    /// Where in `count` rows from `start` on its first one is, and from which to which place the
    /// rows stand that these are.
    pub(crate) fn within(self, start: i64, count: i64) -> Rows {
        let before = |row: i64| (row - self.process + self.of - 1).max(0) / self.of;
        let [from, to] = [start, start + count].map(before);
        Rows {
            first: from * self.of + self.process - start,
            every: self.of,
            places: from..to,
        }
    }
}

/// Rows among others, and where they stand with the process that has them.
pub(crate) struct Rows {
    pub(crate) first: i64,
    pub(crate) every: i64,
    pub(crate) places: std::ops::Range<i64>,
}

/// An embedding table, or the rows of it that this process has.
///
/// Where it has some only, whoever trains brings the others before each forward pass, by
/// [`bring`](Self::bring), and takes the gradients of what was brought afterwards.
#[derive(Debug)]
pub struct Table {
    name: String,
    own: Tensor,
    rows: i64,
    part: TablePart,
    lookup: Lookup,
    brought: RefCell<Option<Brought>>,
}

/// Rows that were brought for one forward pass.
#[derive(Debug)]
struct Brought {
    values: Tensor,
    places: Tensor,
    lookup: Lookup,
}

impl Table {
    /// Of a variable with the rows of `part` of a table of so many.
    ///
    /// # Panics
    /// If it does not have as many.
    pub fn new(name: String, own: Tensor, rows: i64, part: TablePart) -> Self {
        assert_eq!(own.size()[0], part.rows_of(rows), "rows of {name}");
        Self {
            name,
            own,
            rows,
            part: part.of_table(rows),
            lookup: Lookup::new(),
            brought: RefCell::new(None),
        }
    }

    /// Name of its parameter.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The rows that this process has, `[n, width]`.
    pub fn own(&self) -> &Tensor {
        &self.own
    }

    /// Rows of the whole.
    pub fn rows(&self) -> i64 {
        self.rows
    }

    /// Whether other processes have rows of it.
    pub fn is_parted(&self) -> bool {
        !self.part.is_whole()
    }

    /// Rows by their numbers, `[N, C]` i64 to `[N, C, width]`, behind `first` `[N, width]` if there is
    /// one. Where the table is parted these are those that were brought last: `rows` are as
    /// many as were asked for then.
    ///
    /// # Panics
    /// If a row is not in the table; if none were brought.
    pub fn forward(&self, rows: &Tensor, first: Option<&Tensor>) -> Tensor {
        if !self.is_parted() {
            return self.lookup.forward(&self.own, rows, first);
        }
        let brought = self.brought.borrow();
        let brought = brought.as_ref();
        let Brought {
            values,
            places,
            lookup,
        } = brought.unwrap_or_else(|| panic!("no rows of {} were brought", self.name));
        let places = places.view(&rows.size()[..]);
        lookup.forward(values, &places, first)
    }

    /// Takes the rows that the next forward pass looks up: `values` `[n, width]`, and for each
    /// row number of the pass, in its order, where among them its row is, i64.
    pub fn bring(&self, values: &Tensor, places: &Tensor) {
        *self.brought.borrow_mut() = Some(Brought {
            values: values.shallow_clone(),
            places: places.shallow_clone(),
            lookup: Lookup::new(),
        });
    }

    /// Rows of its own by their places, `[n]` i64 to `[n, width]`; the gradient of the whole is
    /// added up row by row, in the order of the places.
    ///
    /// # Panics
    /// If a place is not one of its own.
    pub fn lend(&self, places: &Tensor) -> Tensor {
        let found = self.lookup.forward(&self.own, &places.unsqueeze(1), None);
        found.squeeze_dim(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_is_of_one_process() {
        for (rows, of) in [(8, 3), (3, 3), (7, 2), (100, 4)] {
            let parts: Vec<TablePart> =
                (0..of).map(|process| TablePart::new(process, of)).collect();
            let counts: i64 = parts.iter().map(|part| part.rows_of(rows)).sum();
            assert_eq!(counts, rows);
            let mut seen = vec![0; rows as usize];
            for (process, part) in parts.iter().enumerate() {
                let mut next = 0;
                // In pieces, as tables are drawn.
                for start in (0..rows).step_by(3) {
                    let count = 3.min(rows - start);
                    let Rows {
                        first,
                        every,
                        places,
                    } = part.within(start, count);
                    assert_eq!(places.start, next);
                    next = places.end;
                    for place in places.clone() {
                        let row = start + first + (place - places.start) * every;
                        assert_eq!(row, place * i64::from(of) + process as i64);
                        seen[row as usize] += 1;
                    }
                }
                assert_eq!(next, part.rows_of(rows));
            }
            assert!(seen.iter().all(|&times| times == 1), "{rows} {of} {seen:?}");
        }
    }
}
