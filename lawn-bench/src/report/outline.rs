//! A plan in words and tables.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt::Write;

use lawn_models::{Length, Role, Stage, Treatment, TreatmentTable};

use crate::config::DeviceChoice;
use crate::plan::estimate::{Basis, LOADED, Measurement};
use crate::plan::{Cell, Plan, arms_advice};
use crate::report::of_ranks;
use crate::report::render::{self, count};

/// Samples of an epoch, by task, where the data tell.
pub(crate) type Epochs = BTreeMap<String, u64>;

/// Steps and samples of a trial of `cell`, which follow from the data and the batch size.
pub(crate) fn length(plan: &Plan, cell: &Cell, epochs: &Epochs) -> Option<Length> {
    let &samples = epochs.get(&cell.task)?;
    Some(plan.sweep.budget.length(samples, cell.batch_size))
}

/// The plan for people: cell by cell what is trained and what it takes, which
/// parameters are constrained, and what to think about.
pub(crate) fn describe(
    plan: &Plan,
    epochs: &Epochs,
    measured: &BTreeMap<Cell, Measurement>,
    warnings: &[String],
) -> String {
    let mut text = heading(plan);
    let mut counts: HashMap<&Cell, [usize; 2]> = HashMap::new();
    for trial in &plan.trials {
        let [tune, confirm] = counts.entry(&trial.cell).or_default();
        match trial.stage {
            Stage::Tune => *tune += 1,
            Stage::Confirm => *confirm += 1,
        }
    }
    let mut all_seconds = 0.0;
    let rows: Vec<Vec<String>> = plan
        .cells()
        .iter()
        .map(|cell| {
            let [tune, confirm] = counts.get(cell).copied().unwrap_or_default();
            let found = measured.get(cell);
            let mut row = vec![
                cell.task.clone(),
                cell.arm.clone(),
                cell.batch_size.to_string(),
                tune.to_string(),
                confirm.to_string(),
            ];
            let length = length(plan, cell, epochs);
            let seconds = found.and_then(|found| cell_seconds(plan, cell, found));
            all_seconds += seconds.map_or(0.0, |(_, all)| all);
            let or_dash = |value: Option<String>| value.unwrap_or_else(|| "-".into());
            row.extend([
                or_dash(length.map(|length| length.steps.to_string())),
                or_dash(length.map(|length| length.samples.to_string())),
                or_dash(seconds.and_then(|_| Some(bytes(found?.peak_bytes)))),
                or_dash(seconds.map(|(one, _)| {
                    let mark = found.map_or("", |found| mark(&found.basis));
                    format!("{}{mark}", duration(one))
                })),
                or_dash(seconds.map(|(_, all)| duration(all))),
            ]);
            row
        })
        .collect();
    text += "\n";
    text += &render::table(
        &[
            "task",
            "arm",
            "batch size",
            "tuning",
            "confirm",
            "steps",
            "samples",
            "memory",
            "a trial",
            "all",
        ],
        &rows,
    );
    if !measured.is_empty() {
        text += "\n";
        match measured.values().any(|found| found.step_seconds.is_some()) {
            true => text += &total(plan, measured, all_seconds),
            false => text += &parameters(plan, measured),
        }
        text += &beside_others(measured);
        text += &bases(measured);
        text += &kept(plan, measured);
        text += &of_ranks::describe(plan, measured);
        text += &constrained(plan, measured);
        text += &of_tables(plan, measured);
        text += &beside_kernels(plan, measured);
    }
    for warning in warnings {
        let _ = write!(text, "\nwarning: {warning}\n");
    }
    text
}

fn heading(plan: &Plan) -> String {
    let sweep = &plan.sweep;
    let mut text = format!(
        "{}: {} of {}\n",
        sweep.name,
        count(plan.trials.len(), "trial"),
        sweep.budget
    );
    let untuned = arms_advice::untuned_arms(sweep).join(", ");
    let but = match untuned.is_empty() {
        true => String::new(),
        false => format!(", but for {untuned} with one,"),
    };
    let _ = writeln!(
        text,
        "{} × {} × {}, each tuned over {}{but} and confirmed with {}",
        count(sweep.tasks.len(), "task"),
        count(sweep.arms.len(), "arm"),
        count(sweep.batch_sizes.len(), "batch size"),
        count(sweep.rungs[0].settings, "setting"),
        count(sweep.confirmation_seeds.len(), "seed")
    );
    if sweep.rungs.len() > 1 {
        let rungs: Vec<String> = sweep
            .rungs
            .iter()
            .map(|rung| format!("{} for {:.3}", rung.settings, rung.part))
            .collect();
        let _ = writeln!(text, "rungs: {} of the budget", rungs.join(", "));
    }
    text
}

/// What stands behind a time that was not measured.
fn mark(basis: &Basis) -> &'static str {
    match basis {
        Basis::Measured => "",
        Basis::OtherBatchSizes => "~",
        Basis::OtherArm(_) | Basis::SmallBatchSizes(_) => "~~",
    }
}

/// What the marks say.
fn bases(measured: &BTreeMap<Cell, Measurement>) -> String {
    let mut text = String::new();
    let is = |basis: &Basis| measured.values().any(|found| found.basis == *basis);
    if is(&Basis::OtherBatchSizes) {
        text += "~ is derived from steps of the same rule and constraint in other batch sizes\n";
    }
    let small = measured.values().filter_map(|found| match found.basis {
        Basis::SmallBatchSizes(size) => Some(size),
        _ => None,
    });
    if let Some(size) = small.max() {
        let _ = writeln!(
            text,
            "~~ is guessed: a plan had time for batches of up to {size}, where most of a step is not \
             for its samples"
        );
    }
    let mut guessed: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for (cell, found) in measured {
        if let Basis::OtherArm(arm) = &found.basis {
            guessed.entry(arm).or_default().insert(&cell.arm);
        }
    }
    for (from, arms) in guessed {
        let arms: Vec<&str> = arms.into_iter().collect();
        let _ = writeln!(
            text,
            "~~ is guessed: the time was up before {} took a step, and theirs are taken from {from}",
            arms.join(", ")
        );
    }
    text
}

/// The memory of the parameters, where nothing else could be measured.
fn parameters(plan: &Plan, measured: &BTreeMap<Cell, Measurement>) -> String {
    let tasks = plan.sweep.tasks.iter();
    let lines = tasks.filter_map(|task| {
        let mut cells = measured.iter().filter(|(cell, _)| cell.task == task.name);
        let size = cells.find_map(|(_, found)| Some(found.weight_bytes()).filter(|&size| size > 0))?;
        Some(format!(
            "parameters of {}: {} numbers, {} in f32, and as much again for their gradients and for \
             each moment of the rule\n",
            task.name,
            size / 4,
            bytes(size)
        ))
    });
    lines.collect()
}

/// Seconds of one whole trial of a cell, and of all of them, where those of a step are known.
pub(crate) fn cell_seconds(plan: &Plan, cell: &Cell, found: &Measurement) -> Option<(f64, f64)> {
    let sweep = &plan.sweep;
    let amounts = [sweep.budget, sweep.evaluation.every];
    let seconds = |part, stage| found.trial_seconds(amounts, cell.batch_size, part, stage);
    let rungs = sweep.rungs.iter().filter(|_| sweep.tunes(&cell.arm));
    let tuning: Option<f64> = rungs
        .map(|rung| Some(rung.settings as f64 * seconds(rung.part, Stage::Tune)?))
        .sum();
    let one = seconds(1.0, Stage::Confirm)?;
    Some((one, tuning? + sweep.confirmation_seeds.len() as f64 * one))
}

fn total(plan: &Plan, measured: &BTreeMap<Cell, Measurement>, seconds: f64) -> String {
    let workers = plan.sweep.resources.workers;
    let memory = |cell| of_ranks::memory_a_rank(plan, cell, measured);
    let most = measured.keys().map(memory).max();
    let ranks = plan.sweep.resources.ranks;
    let of_one = match ranks {
        1 => String::new(),
        _ => format!(", were each trial trained on one rank; {ranks} were not measured"),
    };
    format!(
        "about {} with {workers} at a time, if they do not slow each other{of_one}; \
         up to {} of memory at a time\n",
        duration(seconds / workers as f64),
        bytes(most.unwrap_or(0) * (workers * ranks) as u64)
    )
}

/// What other processes took of the machine while it was measured, where that was much.
fn beside_others(measured: &BTreeMap<Cell, Measurement>) -> String {
    let waited = measured
        .values()
        .map(|found| found.waited)
        .fold(0.0, f64::max);
    if waited < LOADED {
        return String::new();
    }
    let longer = match waited < MOST_WAITED {
        true => format!("about {:.1} times as long", 1.0 / (1.0 - waited)),
        false => format!("more than {:.0} times as long", 1.0 / (1.0 - MOST_WAITED)),
    };
    format!(
        "other processes had the cores: measured steps waited for {:.0} % of their time. The times \
         here are those of a quiet machine; beside that load it takes {longer}\n",
        100.0 * waited
    )
}

/// Beyond this part of its time that a step waited, how much longer it takes is not told in numbers.
const MOST_WAITED: f64 = 0.9;

/// Files of weights that a confirmation leaves: the last and the best.
const WEIGHT_FILES: u64 = 2;

/// The room that the weights of confirmations take, where they are kept.
fn kept(plan: &Plan, measured: &BTreeMap<Cell, Measurement>) -> String {
    if !plan.sweep.resources.keep_weights {
        return String::new();
    }
    let seeds = plan.sweep.confirmation_seeds.len() as u64;
    let sizes = measured.values().map(Measurement::weight_bytes);
    format!(
        "confirmations leave about {} of weights; resources.keep_weights = false keeps none\n",
        bytes(sizes.sum::<u64>() * WEIGHT_FILES * seeds)
    )
}

/// What LAWN does to each parameter, once a task and arm.
fn constrained(plan: &Plan, measured: &BTreeMap<Cell, Measurement>) -> String {
    let mut text = String::new();
    let reference = plan.sweep.reference_batch_size;
    for (cell, found) in measured {
        let constrains = found.treatments.iter().any(|treatment| treatment.units > 0);
        if constrains && cell.batch_size == reference {
            let _ = write!(
                text,
                "\n{} · {}\n{}",
                cell.task,
                cell.arm,
                TreatmentTable(&found.treatments)
            );
        }
    }
    text
}

/// What each arm does to the embedding tables of each task that has some.
fn of_tables(plan: &Plan, measured: &BTreeMap<Cell, Measurement>) -> String {
    let reference = plan.sweep.reference_batch_size;
    let mut rows = Vec::new();
    for (cell, found) in measured {
        let is_table = |one: &Treatment| one.role == Role::Embedding && one.shape.len() == 2;
        let arm = plan.sweep.arms.iter().find(|arm| arm.name == cell.arm);
        let Some(arm) = arm.filter(|_| cell.batch_size == reference) else {
            continue;
        };
        if found.treatments.iter().any(is_table) {
            let said = arm.settings[0].optimizer.on_tables();
            rows.push(vec![cell.task.clone(), cell.arm.clone(), said]);
        }
    }
    match rows.is_empty() {
        true => String::new(),
        false => format!(
            "\n{}",
            render::table(&["task", "arm", "embedding tables"], &rows)
        ),
    }
}

/// What the kernels of CUDA leave to libtorch's operations, once a task and arm.
fn beside_kernels(plan: &Plan, measured: &BTreeMap<Cell, Measurement>) -> String {
    if plan.sweep.resources.device == DeviceChoice::Cpu {
        return String::new();
    }
    let reference = plan.sweep.reference_batch_size;
    let mut text = String::new();
    for (cell, found) in measured {
        let names = &found.without_cuda_kernels;
        if names.is_empty() || cell.batch_size != reference {
            continue;
        }
        let which = match names.len() == found.treatments.len() {
            true => "all parameters".to_owned(),
            false => names.join(", "),
        };
        let _ = writeln!(
            text,
            "{} · {}: on CUDA libtorch's operations take the steps of {which}, one by one",
            cell.task, cell.arm
        );
    }
    match text.is_empty() {
        true => text,
        false => format!("\n{text}"),
    }
}

/// As `1h 05m`, `12m 30s` or `4.2s`.
fn duration(seconds: f64) -> String {
    let whole = seconds.round() as u64;
    match whole {
        0..60 => format!("{seconds:.1}s"),
        60..3600 => format!("{}m {:02}s", whole / 60, whole % 60),
        _ => format!("{}h {:02}m", whole / 3600, whole % 3600 / 60),
    }
}

pub(crate) fn bytes(count: u64) -> String {
    let kibibytes = count as f64 / 1024.0;
    match kibibytes {
        0.0..1024.0 => format!("{kibibytes:.0} KiB"),
        1024.0..1048576.0 => format!("{:.0} MiB", kibibytes / 1024.0),
        _ => format!("{:.1} GiB", kibibytes / 1048576.0),
    }
}

#[cfg(test)]
mod tests;
