//! Generated rows with their clicks.

use super::super::table::{Part, Table};
use super::draws::Draws;
use super::sizes::GeneratedClicks;
use super::teacher::{Teacher, probability};
use crate::data::dataset::GENERATED;
use crate::data::error::DataError;
use crate::random::{Purpose, stream, unit};

/// All rows.
///
/// # Errors
/// As [`Teacher::new`].
pub(in crate::data::clicks) fn table(sizes: &GeneratedClicks) -> Result<Table, DataError> {
    let shape = sizes.shape();
    let mut bytes = Vec::with_capacity(sizes.rows as usize * shape.bytes());
    each_row(sizes, |row| {
        bytes.extend_from_slice(row);
        Ok(())
    })?;
    Ok(Table::new(shape, vec![Part::made(GENERATED, bytes)]))
}

/// Gives the bytes of each row to `take`, in the form that a table has them.
///
/// # Errors
/// Those of `take`, and as [`Teacher::new`].
pub(in crate::data::clicks) fn each_row(
    sizes: &GeneratedClicks,
    mut take: impl FnMut(&[u8]) -> Result<(), DataError>,
) -> Result<(), DataError> {
    let teacher = Teacher::new(sizes)?;
    let mut draws = Draws::new(sizes);
    let mut labels = stream(sizes.seed, Purpose::Generation, 2);
    let mut row = Vec::new();
    for _ in 0..sizes.rows {
        let (dense, ids) = draws.features();
        let logit = teacher.score(dense.iter().copied(), ids.iter().copied());
        let label = f32::from(unit(&mut labels) < probability(logit));
        row.clear();
        row.extend(label.to_le_bytes());
        row.extend(dense.into_iter().flat_map(f32::to_le_bytes));
        row.extend(ids.into_iter().flat_map(u32::to_le_bytes));
        take(&row)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sizes() -> GeneratedClicks {
        GeneratedClicks {
            rows: 40_000,
            ..GeneratedClicks::default()
        }
    }

    #[test]
    fn clicks_come_at_the_rate_and_categories_by_their_rank() {
        let table = table(&sizes()).unwrap();
        let mut clicks = 0.0;
        let mut first = vec![0u32; 64];
        for number in 0..table.len() {
            let row = table.row(number);
            clicks += f64::from(row.label());
            first[row.ids().next().unwrap() as usize] += 1;
        }
        let rate = clicks / table.len() as f64;
        assert!((rate - 0.25).abs() < 0.01, "{rate}");
        let ratio = f64::from(first[0]) / f64::from(first[9]);
        assert!((8.0..12.5).contains(&ratio), "{ratio}");
    }

    #[test]
    fn the_seed_decides_the_rows() {
        let bytes = |seed| {
            let sizes = GeneratedClicks {
                rows: 200,
                seed,
                ..GeneratedClicks::default()
            };
            let table = table(&sizes).unwrap();
            let words = (0..200).flat_map(|number| {
                let row = table.row(number);
                let ids: Vec<u32> = row.ids().collect();
                ids
            });
            words.collect::<Vec<u32>>()
        };
        assert_eq!(bytes(1), bytes(1));
        assert_ne!(bytes(1), bytes(2));
    }
}
