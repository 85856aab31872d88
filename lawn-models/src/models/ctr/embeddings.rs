//! Rows of tables, one table a categorical column.

use lawn_core::Layer;
use rand_chacha::ChaCha8Rng;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tch::nn::Path;
use tch::{Device, Kind, Tensor};

use super::CtrShape;
use crate::models::layers::{Distribution, behind};
use crate::models::model::LookUps;
use crate::models::table::{Rows, Table, TablePart};

/// How the tables of the columns lie.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Tables {
    /// One below the other in one tensor: one lookup for all columns. For a norm constraint by
    /// layer they are one layer.
    #[default]
    Joined,
    /// A tensor each.
    Separate,
    /// All columns look into one table, which has as many rows as the largest asks for.
    Shared,
}

impl Tables {
    /// Rows of all tensors of a net.
    pub(super) fn rows(self, columns: &[i64]) -> i64 {
        match self {
            Self::Joined | Self::Separate => columns.iter().sum(),
            Self::Shared => columns.iter().copied().max().unwrap_or(0),
        }
    }
}

/// Sizes of [`Embeddings`].
#[derive(Clone, Copy, Debug)]
pub struct EmbeddingsConfig {
    /// Features of a row.
    pub width: i64,
    /// How the tables lie.
    pub tables: Tables,
    /// What a table of so many rows begins with.
    pub initial: fn(rows: i64) -> Distribution,
}

/// Looks up one row a column.
///
/// ```text
/// y[n, c] = E_c[rows[n, c]]        E_c: [rows of column c, width] f32
/// ```
/// Rows `[N, C]` i64 to `[N, C, width]` f32.
///
/// ```
/// use lawn_models::models::CtrShape;
/// use lawn_models::models::ctr::{Embeddings, EmbeddingsConfig, Tables};
/// use lawn_models::models::layers::Distribution;
/// use rand::SeedableRng;
/// use tch::{Device, Tensor, nn};
///
/// let store = nn::VarStore::new(Device::Cpu);
/// let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(0);
/// let shape = CtrShape { dense: 0, columns: vec![3, 5], ..CtrShape::default() };
/// let config = EmbeddingsConfig {
///     width: 4,
///     tables: Tables::Joined,
///     initial: |rows| Distribution::Constant(rows as f64),
/// };
/// let embeddings = Embeddings::new(&(store.root() / "embedding"), &shape, &config, &mut rng);
/// let rows = Tensor::from_slice(&[2i64, 0]).view([1, 2]);
/// let found = embeddings.forward(&rows).sum_dim_intlist(2i64, false, None);
/// assert_eq!(found, Tensor::from_slice(&[12f32, 20.0]).view([1, 2]));
/// ```
///
/// # Panics
/// `forward`, if a row is not one of its column. On a device the error is the device's, and comes
/// when the look-up is carried out.
#[derive(Debug)]
pub struct Embeddings {
    tables: Vec<Table>,
    /// Rows of each column, `[C]` i64, where columns look into one tensor.
    sizes: Option<Tensor>,
    /// First row of each column, `[C]` i64, where the tables are joined.
    offsets: Option<Tensor>,
    width: i64,
}

/// Rows that are drawn at a time: a table of gigabytes is never there twice.
const CHUNK: i64 = 1 << 14;

impl Embeddings {
    /// Makes the tables under `path`: `weight`, or `0.weight`, `1.weight`, … where they are
    /// separate.
    pub fn new(
        path: &Path,
        shape: &CtrShape,
        config: &EmbeddingsConfig,
        rng: &mut ChaCha8Rng,
    ) -> Self {
        let columns = &shape.columns;
        let mut make = |path: &Path, columns: &[i64]| {
            let rows = columns.iter().sum();
            let own = draw(path, columns, config, shape.part.of_table(rows), rng);
            Table::new(path.path("weight"), own, rows, shape.part)
        };
        let of_columns = |each: &[i64]| Tensor::from_slice(each).to_device(path.device());
        let sizes = (config.tables != Tables::Separate).then(|| of_columns(columns));
        let mut offsets = None;
        let tables = match config.tables {
            Tables::Joined => {
                let starts = columns.iter().scan(0, |next, rows| {
                    let start = *next;
                    *next += rows;
                    Some(start)
                });
                let starts: Vec<i64> = starts.collect();
                offsets = Some(of_columns(&starts));
                vec![make(path, columns)]
            }
            Tables::Shared => vec![make(path, &[config.tables.rows(columns)])],
            Tables::Separate => {
                let numbered = columns.iter().enumerate();
                let each = numbered.map(|(place, rows)| make(&(path / place), &[*rows]));
                each.collect()
            }
        };
        Self {
            tables,
            sizes,
            offsets,
            width: config.width,
        }
    }

    /// `[N, C]` i64 to `[N, C, width]`.
    pub fn forward(&self, rows: &Tensor) -> Tensor {
        self.forward_behind(None, rows)
    }

    /// `[N, width]`, if there is one, and behind it what [`forward`](Self::forward) gives:
    /// `[N, 1 + C, width]`.
    pub(super) fn forward_behind(&self, first: Option<&Tensor>, rows: &Tensor) -> Tensor {
        if let [table] = &self.tables[..] {
            return table.forward(&self.in_one_table(table, rows), first);
        }
        let columns = self.tables.iter().zip(0..);
        let each = columns.map(|(table, column)| table.forward(&rows.narrow(1, column, 1), None));
        behind(first, &Tensor::cat(&each.collect::<Vec<_>>(), 1))
    }

    /// Which rows of which table it looks up: as [`Model::look_ups`](crate::models::Model::look_ups).
    pub fn look_ups(&self, rows: &Tensor) -> Vec<LookUps> {
        let of = |table: &Table, rows: Tensor| LookUps {
            table: table.name().to_owned(),
            rows,
        };
        if let [table] = &self.tables[..] {
            return vec![of(table, self.moved(rows))];
        }
        let tables = self.tables.iter().zip(0..);
        let each = tables.map(|(table, column)| of(table, rows.narrow(1, column, 1)));
        each.collect()
    }

    /// The tables of these, in their order.
    pub fn tables(&self) -> Vec<&Table> {
        self.tables.iter().collect()
    }

    /// Row numbers of the columns as those of the one table.
    fn moved(&self, rows: &Tensor) -> Tensor {
        match &self.offsets {
            Some(offsets) => rows + offsets,
            None => rows.shallow_clone(),
        }
    }

    /// The same, each checked to be of its column: the one table has a row for a number that is
    /// too large for its column.
    fn in_one_table(&self, table: &Table, rows: &Tensor) -> Tensor {
        let found = self.moved(rows);
        let Some(sizes) = &self.sizes else {
            return found;
        };
        if rows.device() != Device::Cpu {
            // Nothing waits for the device: the look-up meets a row that is in no table.
            let missing = rows.lt(0).logical_or(&rows.ge_tensor(sizes));
            return found.masked_fill(&missing, table.rows());
        }
        if rows.numel() > 0 {
            let [least, most] = [rows.amin(0i64, false), rows.amax(0i64, false)];
            let each = [&least, &most, sizes].map(|one| Vec::<i64>::try_from(one).expect("i64"));
            for (column, &size) in each[2].iter().enumerate() {
                for row in [each[0][column], each[1][column]] {
                    assert!(
                        (0..size).contains(&row),
                        "row {row} of column {column}, which has {size} rows"
                    );
                }
            }
        }
        found
    }

    /// Features of a row.
    pub fn width(&self) -> i64 {
        self.width
    }

    /// Its description.
    pub fn layer(&self) -> Layer {
        Layer::homogeneous(self.tables.iter().map(Table::name))
    }
}

/// Makes one tensor of the tables of some columns, or of a part of them. All rows are drawn in
/// either case: what a row begins with does not hang on who has it.
fn draw(
    path: &Path,
    columns: &[i64],
    config: &EmbeddingsConfig,
    part: TablePart,
    rng: &mut ChaCha8Rng,
) -> Tensor {
    let shape = [part.rows_of(columns.iter().sum()), config.width];
    let table = path.zeros("weight", &shape);
    if part.is_few() {
        return table;
    }
    let mut start = 0;
    for &rows in columns {
        let initial = (config.initial)(rows);
        let end = start + rows;
        while start < end {
            let count = CHUNK.min(end - start);
            let values = initial.draw(&[count, config.width], rng);
            let Rows {
                first,
                every,
                places,
            } = part.within(start, count);
            let here = places.end - places.start;
            if here > 0 {
                let own = values.slice(0, first, count, every);
                tch::no_grad(|| table.narrow(0, places.start, here).copy_(&own));
            }
            start += count;
        }
    }
    debug_assert_eq!(table.kind(), Kind::Float);
    table
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;
    use tch::nn::VarStore;

    /// Of columns with 3 and 5 rows.
    fn look_up(tables: Tables, rows: [i64; 2]) -> Vec<i64> {
        let store = VarStore::new(Device::Cpu);
        let shape = CtrShape {
            dense: 0,
            columns: vec![3, 5],
            ..CtrShape::default()
        };
        let config = EmbeddingsConfig {
            width: 4,
            tables,
            initial: |_| Distribution::ZERO,
        };
        let mut rng = ChaCha8Rng::seed_from_u64(0);
        let embeddings = Embeddings::new(&store.root(), &shape, &config, &mut rng);
        let rows = Tensor::from_slice(&rows).view([1, 2]);
        embeddings.forward(&rows).size()
    }

    #[test]
    fn a_row_of_another_column_is_refused() {
        for tables in [Tables::Joined, Tables::Separate, Tables::Shared] {
            assert_eq!(look_up(tables, [2, 4]), [1, 2, 4], "{tables:?}");
            for rows in [[3, 0], [0, 5], [2, -1]] {
                let found = std::panic::catch_unwind(|| look_up(tables, rows));
                assert!(found.is_err(), "{tables:?} {rows:?}");
            }
        }
    }

    #[test]
    #[should_panic(expected = "row 3 of column 0, which has 3 rows")]
    fn the_column_of_a_row_that_is_not_there_is_named() {
        look_up(Tables::Joined, [3, 0]);
    }
}
