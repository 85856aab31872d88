//! How often each row of a table was looked up.

use tch::{Device, Tensor};

/// What was told of the rows of a table for the gradient of the next step.
#[derive(Debug, Default)]
pub(crate) struct RowCounts {
    /// Kept from step to step where it is of the host, so that a step costs as much as its ids.
    counts: Option<Counts>,
    is_told: bool,
}

/// How often each row of a table was looked up.
#[derive(Debug)]
pub(crate) enum Counts {
    /// Of a table on the host.
    Host {
        /// By row.
        counts: Vec<u32>,
        /// The rows that were looked up, each once.
        rows: Vec<i64>,
    },
    /// Of a table on a device: by row, i64.
    Device(Tensor),
}

impl RowCounts {
    /// The counts, if any were told.
    pub(crate) fn told(&self) -> Option<&Counts> {
        self.counts.as_ref().filter(|_| self.is_told)
    }

    /// Adds ids of the host, of a table with so many rows, each of which is one of them.
    pub(super) fn add(&mut self, ids: &[i64], table_rows: i64) {
        let Counts::Host { counts, rows } = self.counts.get_or_insert_with(|| Counts::Host {
            counts: vec![0; table_rows as usize],
            rows: Vec::new(),
        }) else {
            unreachable!("a table stays where it is")
        };
        for &id in ids {
            let count = &mut counts[id as usize];
            if *count == 0 {
                rows.push(id);
            }
            *count = count.saturating_add(1);
        }
        self.is_told = true;
    }

    /// Adds counts of a device, by row.
    pub(super) fn add_device(&mut self, mut counts: Tensor) {
        if let Some(Counts::Device(known)) = &self.counts {
            counts += known;
        }
        self.counts = Some(Counts::Device(counts));
        self.is_told = true;
    }

    /// Begins anew.
    pub(crate) fn forget(&mut self) {
        self.is_told = false;
        match &mut self.counts {
            Some(Counts::Host { counts, rows }) => {
                rows.drain(..).for_each(|row| counts[row as usize] = 0);
            }
            Some(Counts::Device(_)) | None => self.counts = None,
        }
    }
}

impl Counts {
    /// The rows that were looked up, `[n]`, i64, each once and in order.
    pub(crate) fn rows(&self) -> Tensor {
        match self {
            Self::Host { counts, rows } if rows.len() > counts.len() / ROWS_SORTED => {
                let looked_up = counts.iter().zip(0..).filter(|(count, _)| **count > 0);
                let rows: Vec<i64> = looked_up.map(|(_, row)| row).collect();
                Tensor::from_slice(&rows)
            }
            Self::Host { rows, .. } => {
                let mut rows = rows.clone();
                rows.sort_unstable();
                Tensor::from_slice(&rows)
            }
            Self::Device(counts) => counts.nonzero().squeeze_dim(1),
        }
    }

    /// Whether so few rows of the table were looked up that it is worth it to take them apart.
    pub(crate) fn are_few(&self) -> bool {
        match self {
            Self::Host { counts, rows } => rows.len() < counts.len() / 4,
            Self::Device(_) => false,
        }
    }

    /// The counts of these rows, or of all, i64.
    pub(crate) fn of(&self, rows: Option<&Tensor>) -> Tensor {
        match (self, rows) {
            (Self::Host { counts, .. }, None) => {
                let counts: Vec<i64> = counts.iter().map(|&count| count.into()).collect();
                Tensor::from_slice(&counts)
            }
            (Self::Host { counts, .. }, Some(rows)) => {
                let rows = numbers(rows);
                let counts: Vec<i64> = rows
                    .iter()
                    .map(|&row| counts[row as usize].into())
                    .collect();
                Tensor::from_slice(&counts)
            }
            (Self::Device(counts), None) => counts.shallow_clone(),
            (Self::Device(counts), Some(rows)) => counts.index_select(0, rows),
        }
    }
}

/// Rows are sorted if there are fewer than one in so many, and looked for in the table if there
/// are more: a pass over 32-bit counts costs less than to sort as many rows.
const ROWS_SORTED: usize = 32;

/// Row numbers on the host.
pub(super) fn numbers(ids: &Tensor) -> Vec<i64> {
    let flat = ids.flatten(0, -1).to_device(Device::Cpu).contiguous();
    let mut numbers = vec![0i64; flat.numel()];
    flat.copy_data(&mut numbers, flat.numel());
    numbers
}
