//! What each rank of a trial has to do, in a plan.

use std::collections::{BTreeMap, BTreeSet};

use lawn_models::{Role, Treatment};

use super::outline::bytes;
use crate::plan::estimate::Measurement;
use crate::plan::{Cell, Plan};
use crate::report::render;

/// Samples, memory and bytes a rank, once a task and batch size; nothing for a sweep of one rank.
pub(super) fn describe(plan: &Plan, measured: &BTreeMap<Cell, Measurement>) -> String {
    let resources = &plan.sweep.resources;
    let ranks = u32::try_from(resources.ranks).unwrap_or(u32::MAX);
    if ranks == 1 {
        return String::new();
    }
    let mut largest: BTreeMap<(&str, u64), &Measurement> = BTreeMap::new();
    for (cell, found) in measured {
        let known = largest
            .entry((&cell.task, cell.batch_size))
            .or_insert(found);
        if found.peak_bytes > known.peak_bytes {
            *known = found;
        }
    }
    let shares = resources.shares_tables();
    let (mut notes, mut rows) = (String::new(), Vec::new());
    for ((task, batch_size), found) in largest {
        let config = plan.sweep.tasks.iter().find(|one| one.name == task);
        let unit = config.map_or(1, |one| one.config.statistics_batch());
        let (samples, idle) = lawn_models::largest_share(batch_size, unit, ranks);
        if idle > 0 {
            notes += &format!(
                "{task} at batch size {batch_size}: {idle} of {ranks} ranks have no samples, since \
                 {unit} stay together\n"
            );
        }
        let is_ctr = config.is_some_and(|one| one.config.kind() == "ctr");
        let tables = Tables::of(&found.treatments, ranks);
        let columns = config.and_then(|one| one.config.columns());
        let mut row = vec![
            task.to_owned(),
            batch_size.to_string(),
            samples.to_string(),
            bytes(found.peak_bytes),
        ];
        match (shares, is_ctr && tables.bytes > 0) {
            (true, true) => row.extend([
                bytes(found.weight_bytes() - tables.bytes),
                bytes(tables.bytes_a_rank),
                columns.map_or("-".into(), |columns| {
                    bytes(samples * columns * tables.bytes_a_look_up)
                }),
            ]),
            (true, false) => row.extend([bytes(found.weight_bytes()), "-".into(), "-".into()]),
            (false, _) => row.push(bytes(found.weight_bytes())),
        }
        rows.push(row);
    }
    let mut columns = vec![
        "task",
        "batch size",
        "samples a rank",
        "memory a rank, at most",
        "summed a step",
    ];
    if shares {
        columns.extend(["tables a rank", "exchanged a step, at most"]);
        notes += "tables a rank: its rows in f32; as much again for their gradients and for each moment of \
                  the rule\n";
    }
    format!(
        "\n{ranks} ranks a trial; times and memory above are those of one\n{}{notes}",
        render::table(&columns, &rows),
    )
}

/// The embedding tables of a net whose rows are dealt out.
struct Tables {
    /// Of all their rows, in f32.
    bytes: u64,
    /// Of the rows of the rank that has most.
    bytes_a_rank: u64,
    /// What a rank sends and gets for a value of a column that no other sample of it has: number and
    /// count of its row there, the row back, its gradient there; of each table that it is looked up in.
    bytes_a_look_up: u64,
}

impl Tables {
    fn of(treatments: &[Treatment], ranks: u32) -> Self {
        let (mut bytes, mut bytes_a_rank) = (0, 0);
        // Tables of one width are those of the columns, apart or joined.
        let mut widths = BTreeSet::new();
        for one in treatments {
            let [rows, width] = one.shape[..] else {
                continue;
            };
            let (rows, width) = (rows as u64, width as u64);
            if one.role == Role::Embedding && rows >= u64::from(ranks) {
                bytes += 4 * rows * width;
                bytes_a_rank += 4 * rows.div_ceil(ranks.into()) * width;
                widths.insert(width);
            }
        }
        Self {
            bytes,
            bytes_a_rank,
            bytes_a_look_up: widths.into_iter().map(|width| 2 * 8 + 2 * 4 * width).sum(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rank_has_its_rows_and_sends_numbers_rows_and_gradients() {
        let one = |shape: [i64; 2], role: &str| -> Treatment {
            serde_json::from_value(serde_json::json!({
                "parameter": "w", "role": role, "shape": shape, "constraint": "free", "units": 0,
                "free_units": 0, "decay": { "kind": "none" }, "learning_rate_scale": 1.0, "reason": "",
            }))
            .expect("a treatment")
        };
        let treatments = [
            one([1001, 8], "embedding"),
            one([3, 8], "embedding"),
            one([1001, 1], "embedding"),
            one([64, 32], "weight"),
        ];
        let tables = Tables::of(&treatments, 4);
        assert_eq!(tables.bytes, 4 * 1001 * 9);
        assert_eq!(tables.bytes_a_rank, 4 * 251 * 9);
        assert_eq!(tables.bytes_a_look_up, 16 + 64 + 16 + 8);
    }
}
