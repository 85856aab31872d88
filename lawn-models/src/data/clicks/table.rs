//! Rows of a click set in memory, made in the process or mapped from files.

use std::fmt;
use std::path::{Path, PathBuf};

use memmap2::Mmap;
use tch::Tensor;

use super::shape::{ClickShape, WORD};
use crate::data::dataset::Batch;
use crate::data::error::DataError;
use crate::data::parts;

/// Rows below which one thread gathers them all.
const ROWS_A_THREAD: usize = 4_096;

/// All rows of a click set, in the order of its files.
///
/// ```text
/// row    label f32 (0 or 1), numbers f32 × D, ids u32 × C        little-endian
/// ```
pub(crate) struct Table {
    shape: ClickShape,
    parts: Vec<Part>,
    /// The first row of each part, and behind them the number of all rows.
    starts: Vec<u64>,
}

/// Rows that lie together.
pub(super) struct Part {
    pub(super) path: PathBuf,
    pub(super) bytes: Bytes,
    /// Bytes before the first row.
    pub(super) offset: usize,
}

pub(super) enum Bytes {
    Made(Vec<u8>),
    Mapped(Mmap),
}

/// One row.
#[derive(Clone, Copy)]
pub(crate) struct Row<'a> {
    words: &'a [[u8; WORD]],
    dense: usize,
}

impl<'a> Row<'a> {
    /// The row of these bytes, of which so many words are numbers.
    pub(super) fn of(bytes: &'a [u8], dense: usize) -> Self {
        Self {
            words: bytes.as_chunks().0,
            dense,
        }
    }

    /// 1 for a click, 0 for none.
    pub(crate) fn label(&self) -> f32 {
        f32::from_le_bytes(self.words[0])
    }

    /// Whether it was clicked.
    pub(crate) fn is_click(&self) -> bool {
        self.label() > 0.5
    }

    /// Its numbers.
    pub(crate) fn dense(&self) -> impl Iterator<Item = f32> {
        let words = self.words[1..=self.dense].iter();
        words.map(|word| f32::from_le_bytes(*word))
    }

    /// Its id in each column.
    pub(crate) fn ids(&self) -> impl Iterator<Item = u32> {
        let words = self.words[1 + self.dense..].iter();
        words.map(|word| u32::from_le_bytes(*word))
    }
}

impl Table {
    /// Joins parts, each of which has whole rows behind its offset.
    pub(super) fn new(shape: ClickShape, parts: Vec<Part>) -> Self {
        let mut starts = vec![0];
        for part in &parts {
            let rows = (part.bytes.all().len() - part.offset) / shape.bytes();
            starts.push(starts[starts.len() - 1] + rows as u64);
        }
        Self {
            shape,
            parts,
            starts,
        }
    }

    pub(crate) fn shape(&self) -> &ClickShape {
        &self.shape
    }

    /// Number of rows.
    pub(crate) fn len(&self) -> u64 {
        self.starts[self.parts.len()]
    }

    /// The row with this number.
    ///
    /// # Panics
    /// If there is none.
    pub(crate) fn row(&self, number: u64) -> Row<'_> {
        let (part, place) = self.place(number);
        let size = self.shape.bytes();
        let bytes = &part.bytes.all()[part.offset + place * size..][..size];
        Row::of(bytes, self.shape.dense)
    }

    fn place(&self, number: u64) -> (&Part, usize) {
        let part = self.starts.partition_point(|&start| start <= number) - 1;
        (&self.parts[part], (number - self.starts[part]) as usize)
    }

    /// Rows as tensors: numbers `[N, D]` f32, ids `[N, C]` i64, labels `[N]` f32.
    ///
    /// # Errors
    /// [`DataError::Unusable`] naming the file with an id that its column cannot have.
    pub(crate) fn batch(&self, numbers: &[u64]) -> Result<Batch, DataError> {
        let (dense, columns) = (self.shape.dense, self.shape.columns.len());
        let mut labels = vec![0f32; numbers.len()];
        let mut values = vec![0f32; numbers.len() * dense];
        let mut ids = vec![0i64; numbers.len() * columns];
        let threads =
            (numbers.len() / ROWS_A_THREAD).clamp(1, tch::get_num_threads().max(1) as usize);
        let size = parts::size(numbers.len(), threads);
        // A format without numbers has pieces of none.
        let mut values_left = &mut values[..];
        let mut ids_left = &mut ids[..];
        let mut pieces = Vec::with_capacity(threads);
        for (numbers, labels) in numbers.chunks(size).zip(labels.chunks_mut(size)) {
            let (own_values, rest) = values_left.split_at_mut(numbers.len() * dense);
            values_left = rest;
            let (own_ids, rest) = ids_left.split_at_mut(numbers.len() * columns);
            ids_left = rest;
            pieces.push((numbers, labels, own_values, own_ids));
        }
        let gathered = parts::each(pieces, |(numbers, labels, values, ids)| {
            for (place, &number) in numbers.iter().enumerate() {
                let row = self.row(number);
                labels[place] = row.label();
                let values = &mut values[place * dense..][..dense];
                values
                    .iter_mut()
                    .zip(row.dense())
                    .for_each(|(to, from)| *to = from);
                let ids = &mut ids[place * columns..][..columns];
                for ((to, id), &size) in ids.iter_mut().zip(row.ids()).zip(&self.shape.columns) {
                    if id >= size {
                        return Err(self.damaged(number, id, size));
                    }
                    *to = i64::from(id);
                }
            }
            Ok(())
        });
        gathered.into_iter().collect::<Result<(), _>>()?;
        let shape = |width: usize| [numbers.len() as i64, width as i64];
        Ok(Batch {
            inputs: vec![
                Tensor::from_slice(&values).view(shape(dense)),
                Tensor::from_slice(&ids).view(shape(columns)),
            ],
            targets: Tensor::from_slice(&labels),
        })
    }

    fn damaged(&self, number: u64, id: u32, size: u32) -> DataError {
        let (part, place) = self.place(number);
        let found = format!("id {id} in its row {place}");
        DataError::unusable(
            &part.path,
            found,
            format!("ids below {size} in that column"),
        )
    }
}

impl Bytes {
    fn all(&self) -> &[u8] {
        match self {
            Self::Made(bytes) => bytes,
            Self::Mapped(bytes) => bytes,
        }
    }
}

impl Part {
    /// Rows made in the process, under the name that errors have for them.
    pub(super) fn made(name: &str, bytes: Vec<u8>) -> Self {
        Self {
            path: Path::new(name).to_owned(),
            bytes: Bytes::Made(bytes),
            offset: 0,
        }
    }
}

impl fmt::Debug for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Table")
            .field("shape", &self.shape)
            .field("rows", &self.len())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(label: f32, dense: f32, ids: [u32; 2]) -> Vec<u8> {
        let numbers = [label, dense].map(f32::to_le_bytes).concat();
        [numbers, ids.map(u32::to_le_bytes).concat()].concat()
    }

    fn table() -> Table {
        let shape = ClickShape {
            dense: 1,
            columns: vec![10, 20],
        };
        let parts = [
            vec![row(0.0, 0.5, [1, 2]), row(1.0, 1.5, [3, 4])],
            vec![row(1.0, 2.5, [9, 19])],
            vec![row(0.0, 3.5, [0, 20])],
        ];
        let parts = parts.map(|rows| Part::made("made", rows.concat()));
        Table::new(shape, parts.into_iter().collect())
    }

    #[test]
    fn rows_of_all_parts_are_gathered_in_the_order_asked_for() {
        let table = table();
        assert_eq!(table.len(), 4);
        let batch = table.batch(&[2, 0, 1]).unwrap();
        assert_eq!(
            batch.inputs[0],
            Tensor::from_slice(&[2.5f32, 0.5, 1.5]).view([3, 1])
        );
        assert_eq!(
            batch.inputs[1],
            Tensor::from_slice(&[9i64, 19, 1, 2, 3, 4]).view([3, 2])
        );
        assert_eq!(batch.targets, Tensor::from_slice(&[1f32, 0.0, 1.0]));
    }

    #[test]
    fn an_id_that_its_column_cannot_have_names_the_file() {
        let error = table().batch(&[0, 3]).unwrap_err().to_string();
        assert_eq!(
            error,
            "made: found id 20 in its row 0, expected ids below 20 in that column"
        );
    }
}
