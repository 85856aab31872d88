//! What each rank of a trial has to do, in a plan.

use std::collections::{BTreeMap, BTreeSet};

use lawn_models::{Role, RuleName, Treatment};

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
    let mut largest: BTreeMap<(&str, u64), (u64, &Measurement)> = BTreeMap::new();
    for (cell, found) in measured {
        let memory = memory_a_rank(plan, cell, measured);
        let known = largest
            .entry((&cell.task, cell.batch_size))
            .or_insert((memory, found));
        if memory > known.0 {
            *known = (memory, found);
        }
    }
    let shares = resources.shares_tables();
    let (mut notes, mut rows) = (String::new(), Vec::new());
    for ((task, batch_size), (memory, found)) in largest {
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
            bytes(memory),
        ];
        match (shares, is_ctr && tables.bytes > 0) {
            (true, true) => row.extend([
                bytes(summed_bytes(found, Some(&tables))),
                bytes(tables.bytes_a_rank),
                columns.map_or("-".into(), |columns| {
                    bytes(samples * columns * tables.bytes_a_look_up)
                }),
            ]),
            (true, false) => row.extend([bytes(summed_bytes(found, None)), "-".into(), "-".into()]),
            (false, _) => row.push(bytes(summed_bytes(found, None))),
        }
        rows.push(row);
    }
    let mut columns = vec![
        "task",
        "batch size",
        "samples a rank",
        "memory a rank, about",
        "summed a step",
    ];
    notes += "memory a rank: what one rank was measured to hold, without the activations of the samples \
              that others have, as far as two batch sizes tell them";
    notes += match shares {
        true => ", and without the rows of tables that others have, their gradients and moments",
        false => "",
    };
    notes += match ranks {
        2 => {
            "; the gradients that are summed are in it twice more, its own and those of the other\n"
        }
        _ => "; the gradients that are summed are in it once more\n",
    };
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

/// Bytes that a rank of a cell's trials holds, from what was measured of one that is alone:
///
/// ```text
/// peak − (tables − own rows) · (2 + moments) − activations · (1 − own samples / batch size)
///      + summed · (1, or 2 of two ranks)
/// ```
/// Two are weights and gradient. Activations are what the peak grows by from one batch size to
/// another, so that what the data take is no part of them; none are known where there is one size. What
/// is summed is copied from the gradients as they come about; two ranks swap theirs, and each holds
/// those of the other as well.
pub(super) fn memory_a_rank(
    plan: &Plan,
    cell: &Cell,
    measured: &BTreeMap<Cell, Measurement>,
) -> u64 {
    let found = &measured[cell];
    let resources = &plan.sweep.resources;
    let ranks = u32::try_from(resources.ranks).unwrap_or(u32::MAX);
    if ranks == 1 {
        return found.peak_bytes;
    }
    let config = plan.sweep.tasks.iter().find(|one| one.name == cell.task);
    let unit = config.map_or(1, |one| one.config.statistics_batch());
    let (samples, _) = lawn_models::largest_share(cell.batch_size, unit, ranks);
    let of_others = 1.0 - samples as f64 / cell.batch_size as f64;
    let is_ctr = config.is_some_and(|one| one.config.kind() == "ctr");
    let mut elsewhere = (activations(cell, measured) * of_others) as u64;
    let dealt_out = resources.shares_tables() && is_ctr;
    let tables = dealt_out.then(|| Tables::of(&found.treatments, ranks));
    if let Some(tables) = &tables {
        let arm = plan.sweep.arms.iter().find(|arm| arm.name == cell.arm);
        let moments = arm.and_then(|arm| Some(moments(arm.settings.first()?.optimizer.rule)));
        elsewhere += (tables.bytes - tables.bytes_a_rank) * (2 + moments.unwrap_or(0));
    }
    // However wrong the two points: together the ranks hold what one holds.
    let least = found.peak_bytes / u64::from(ranks);
    let held = found.peak_bytes.saturating_sub(elsewhere).max(least);
    let copies = match ranks {
        2 => 2,
        _ => 1,
    };
    held + copies * summed_bytes(found, tables.as_ref())
}

/// Bytes of the gradients that are summed over the ranks in a step: of all parameters but of the tables
/// that are dealt out.
fn summed_bytes(found: &Measurement, dealt_out: Option<&Tables>) -> u64 {
    found.weight_bytes() - dealt_out.map_or(0, |tables| tables.bytes)
}

/// Bytes of the activations of a batch, from the peaks of the batch sizes that lie farthest apart.
fn activations(cell: &Cell, measured: &BTreeMap<Cell, Measurement>) -> f64 {
    let alike = |other: &&Cell| other.task == cell.task && other.arm == cell.arm;
    let sizes = measured.keys().filter(alike);
    let (Some(least), Some(most)) = (
        sizes.clone().min_by_key(|one| one.batch_size),
        sizes.max_by_key(|one| one.batch_size),
    ) else {
        return 0.0;
    };
    let [low, high] = [least, most].map(|one| measured[one].peak_bytes as f64);
    if least.batch_size == most.batch_size || low == 0.0 {
        return 0.0;
    }
    let slope = (high - low) / (most.batch_size - least.batch_size) as f64;
    slope.max(0.0) * cell.batch_size as f64
}

/// Moments of the size of a table that a rule keeps at least.
fn moments(rule: RuleName) -> u64 {
    match rule {
        RuleName::Sgd | RuleName::RowwiseAdagrad => 0,
        RuleName::Adagrad | RuleName::Lars | RuleName::Lion | RuleName::Sgdp => 1,
        _ => 2,
    }
}

/// What the ranks of one trial lack of memory, were they all on this machine.
pub(crate) fn shortage(plan: &Plan, measured: &BTreeMap<Cell, Measurement>) -> Option<String> {
    let resources = &plan.sweep.resources;
    if resources.device.here().is_cuda() {
        return None;
    }
    let cells = measured.keys();
    let most = cells
        .map(|cell| memory_a_rank(plan, cell, measured))
        .max()?;
    let refused = lawn_models::require_memory_of_ranks(resources.ranks, Some(most));
    let error = refused.err()?;
    Some(format!("on this machine a trial would not fit: {error}"))
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
    fn a_rank_holds_neither_rows_nor_activations_of_others() {
        let plan = |resources: &str| {
            let text = format!(
                "name = \"w\"\nbatch_sizes = [64, 128]\ntasks.one = {{ kind = \"ctr\" }}\n\
                 budget.epochs = 2\narms.adam = {{ rule = \"adam\", learning_rate = 0.1 }}\n\
                 confirmation.seeds = [1]\n[resources]\n{resources}"
            );
            let sweep = crate::config::parse("w.toml", &text);
            Plan::new(
                sweep.unwrap_or_else(|error| panic!("{error}")),
                BTreeMap::new(),
            )
        };
        let measured = |peak: u64| -> Measurement {
            serde_json::from_value(serde_json::json!({
                "epoch_samples": 1000, "step_seconds": 0.1, "evaluation_seconds": 0.1,
                "start_seconds": 0.1, "peak_bytes": peak << 20,
                "treatments": [{
                    "parameter": "w", "role": "embedding", "shape": [1 << 20, 16],
                    "constraint": "free", "units": 0, "free_units": 0,
                    "decay": { "kind": "none" }, "learning_rate_scale": 1.0, "reason": "",
                }],
            }))
            .expect("a measurement")
        };
        let of = |resources: &str, peaks: &[u64]| {
            let plan = plan(resources);
            let mut cells = plan.cells();
            cells.sort_by_key(|cell| cell.batch_size);
            let of_cell = |(cell, peak): (&Cell, &u64)| (cell.clone(), measured(*peak));
            let all: BTreeMap<Cell, Measurement> = cells.iter().zip(peaks).map(of_cell).collect();
            let cell = &cells[peaks.len() - 1];
            (
                memory_a_rank(&plan, cell, &all) >> 20,
                shortage(&plan, &all),
            )
        };
        // A table is 64 MiB; at 128 samples 200 MiB are activations.
        assert_eq!(of("", &[900, 1000]), (1000, None));
        assert_eq!(of("ranks = 4", &[1000]), (1000 + 64, None));
        assert_eq!(of("ranks = 4", &[900, 1000]), (1000 - 150 + 64, None));
        // Two hold each other's gradients, too.
        assert_eq!(of("ranks = 2", &[900, 1000]).0, 1000 - 100 + 2 * 64);
        // No rank sums the gradients of rows, and the table is all that there is.
        let rows = |ranks: u32| format!("ranks = {ranks}\nsharding = \"rows\"");
        assert_eq!(of(&rows(4), &[900, 1000]).0, 1000 - 150 - 48 * 4);
        assert_eq!(of(&rows(2), &[900, 1000]).0, 1000 - 100 - 32 * 4);
        let short = of("ranks = 4", &[1 << 30]).1.expect("no machine has it");
        for words in [
            "on this machine",
            "4 ranks need",
            "about 1073741888 MiB each",
        ] {
            assert!(short.contains(words), "{words:?} is not in: {short}");
        }
    }

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
