//! Rows of tables, one table a categorical column.

use lawn_core::Layer;
use rand_chacha::ChaCha8Rng;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tch::nn::Path;
use tch::{Kind, Tensor};

use super::CtrShape;
use crate::models::layers::Distribution;

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
/// let shape = CtrShape { dense: 0, columns: vec![3, 5] };
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
/// `forward`, if a row is not in its table.
#[derive(Debug)]
pub struct Embeddings {
    names: Vec<String>,
    tables: Vec<Tensor>,
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
        let mut names = Vec::new();
        let mut make = |path: &Path, columns: &[i64]| {
            names.push(path.path("weight"));
            draw(path, columns, config, rng)
        };
        let mut offsets = None;
        let tables = match config.tables {
            Tables::Joined => {
                let starts = columns.iter().scan(0, |next, rows| {
                    let start = *next;
                    *next += rows;
                    Some(start)
                });
                let starts: Vec<i64> = starts.collect();
                offsets = Some(Tensor::from_slice(&starts).to_device(path.device()));
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
            names,
            tables,
            offsets,
            width: config.width,
        }
    }

    /// `[N, C]` i64 to `[N, C, width]`.
    pub fn forward(&self, rows: &Tensor) -> Tensor {
        let (samples, columns) = rows.size2().expect("row numbers are [N, C]");
        if let [table] = &self.tables[..] {
            let rows = match &self.offsets {
                Some(offsets) => rows + offsets,
                None => rows.shallow_clone(),
            };
            let found = look_up(table, &rows.reshape([-1]));
            return found.view([samples, columns, self.width]);
        }
        let each = self.tables.iter().zip(rows.unbind(1));
        let found: Vec<Tensor> = each.map(|(table, rows)| look_up(table, &rows)).collect();
        Tensor::stack(&found, 1)
    }

    /// Features of a row.
    pub fn width(&self) -> i64 {
        self.width
    }

    /// Its description.
    pub fn layer(&self) -> Layer {
        Layer::homogeneous(&self.names)
    }
}

/// Rows of a table, `[n]` i64 to `[n, width]`.
// `index_select` rather than `embedding`: the backward pass of the latter takes longer on the
// CPU. That of the former is slow for rows of one element, which a vector has not.
fn look_up(table: &Tensor, rows: &Tensor) -> Tensor {
    if table.size()[1] == 1 {
        return table.view(-1).index_select(0, rows).view([-1, 1]);
    }
    table.index_select(0, rows)
}

/// Makes one tensor of the tables of some columns.
fn draw(path: &Path, columns: &[i64], config: &EmbeddingsConfig, rng: &mut ChaCha8Rng) -> Tensor {
    let shape = [columns.iter().sum(), config.width];
    let table = path.zeros("weight", &shape);
    let mut start = 0;
    for &rows in columns {
        let initial = (config.initial)(rows);
        let end = start + rows;
        while start < end {
            let count = CHUNK.min(end - start);
            let values = initial.draw(&[count, config.width], rng);
            tch::no_grad(|| table.narrow(0, start, count).copy_(&values));
            start += count;
        }
    }
    debug_assert_eq!(table.kind(), Kind::Float);
    table
}
