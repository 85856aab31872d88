//! What a plan should make one think twice about, said before anything runs.

use std::collections::BTreeMap;

use lawn_analysis::stats::Feasibility;
use lawn_models::{Amount, FreePhase, OptimizerSettings};

use crate::config::{DeviceChoice, EngineName, Engines, Sweep};
use crate::plan::choices::Frozen;
use crate::plan::estimate::Measurement;
use crate::plan::trials::{Cell, Plan};
use crate::plan::{
    arms_advice, contrast_advice, extreme_advice, fine_advice, late_advice, same_arms,
};

/// Warnings about `plan`, given by task the samples of an epoch, what was measured, and how an
/// earlier run was tuned.
#[must_use]
pub fn warnings(
    plan: &Plan,
    epochs: &BTreeMap<String, u64>,
    measured: &BTreeMap<Cell, Measurement>,
    earlier: Option<&Frozen>,
) -> Vec<String> {
    let mut warnings = of_the_plan(plan, epochs, measured);
    // An engine without settings may not be used, and gets no warning.
    let asked = [
        (
            EngineName::Slurm,
            plan.sweep.engines.slurm != Default::default(),
        ),
        (
            EngineName::Ray,
            plan.sweep.engines.ray != Default::default(),
        ),
    ];
    for (engine, _) in asked.into_iter().filter(|(_, is_asked)| *is_asked) {
        let said = devices(&plan.sweep, &plan.sweep.engines, engine);
        warnings.extend(
            said.iter()
                .map(|one| one.trim_start_matches("warning: ").to_owned()),
        );
    }
    warnings.extend(
        earlier
            .into_iter()
            .flat_map(|frozen| at_border(plan, frozen)),
    );
    warnings
}

/// Those of [`warnings`] that a sweep says of a plan as it is made. It knows which engine is used, and
/// has measured nothing.
#[must_use]
pub fn before_a_sweep(plan: &Plan, epochs: &BTreeMap<String, u64>) -> Vec<String> {
    of_the_plan(plan, epochs, &BTreeMap::new())
}

/// Warnings that depend on no machine and no earlier run.
fn of_the_plan(
    plan: &Plan,
    epochs: &BTreeMap<String, u64>,
    measured: &BTreeMap<Cell, Measurement>,
) -> Vec<String> {
    let mut warnings = Vec::new();
    warnings.extend(too_few_seeds(&plan.sweep));
    warnings.extend(compared_with_nothing(&plan.sweep));
    warnings.extend(contrast_advice::more_than_a_constraint(&plan.sweep));
    warnings.extend(free_within_warm_up(plan, measured));
    warnings.extend(same_arms::same(&plan.sweep, epochs));
    warnings.extend(arms_advice::untuned(&plan.sweep));
    warnings.extend(arms_advice::doubtful(&plan.sweep));
    warnings.extend(arms_advice::without_average(&plan.sweep));
    warnings.extend(arms_advice::at_other_batch_sizes(&plan.sweep));
    warnings.extend(extreme_advice::beyond_sense(&plan.sweep, epochs));
    warnings.extend(fine_advice::too_fine(&plan.sweep, epochs));
    warnings.extend(late_advice::too_late(&plan.sweep, epochs));
    warnings.extend(arms_advice::tiny_shares(&plan.sweep, measured));
    warnings.extend(larger_than_the_data(plan, epochs));
    warnings.extend(rungs_that_coincide(&plan.sweep));
    warnings
}

/// Where what is asked of other machines and what trials run on do not go together.
#[must_use]
pub fn devices(sweep: &Sweep, settings: &Engines, engine: EngineName) -> Vec<String> {
    let (name, gpus) = match engine {
        EngineName::Local => return Vec::new(),
        EngineName::Slurm => {
            let gpus = settings.slurm.gpus.clone();
            let options = settings.slurm.options.iter();
            let asks = |option: &&String| option.contains("gpu") || option.contains("gres");
            ("slurm", gpus.or(options.clone().find(asks).cloned()))
        }
        EngineName::Ray => {
            let gpus = settings.ray.gpus.filter(|&gpus| gpus > 0.0);
            ("ray", gpus.map(|gpus| gpus.to_string()))
        }
    };
    match (sweep.resources.device, gpus) {
        (DeviceChoice::Cpu, Some(gpus)) => vec![format!(
            "warning: engines.{name} asks for GPUs (`{gpus}`), and resources.device = \"cpu\" \
             uses none of them; set resources.device to \"cuda\" or \"auto\", or ask for none"
        )],
        (DeviceChoice::Cuda, None) => vec![format!(
            "warning: resources.device = \"cuda\", and engines.{name} asks for no GPU; set \
             engines.{name}.gpus unless every machine there has one"
        )],
        _ => Vec::new(),
    }
}

/// A family is one question about one task, over all contrasts and batch sizes.
fn too_few_seeds(sweep: &Sweep) -> Option<String> {
    let family = sweep.contrasts.len() * sweep.batch_sizes.len();
    let feasibility = Feasibility::new(sweep.confirmation_seeds.len(), family, sweep.alpha);
    (family > 0 && !feasibility.feasible()).then(|| feasibility.to_string())
}

/// Arms that are trained, and of which the report will say nothing beside another.
fn compared_with_nothing(sweep: &Sweep) -> Option<String> {
    let is_alone = |name: &String| {
        let mut contrasts = sweep.contrasts.iter();
        !contrasts.any(|one| one.baseline == *name || one.treatment == *name)
    };
    let names = sweep.arms.iter().map(|arm| &arm.name);
    let alone: Vec<&str> = names
        .filter(|name| is_alone(name))
        .map(String::as_str)
        .collect();
    (sweep.arms.len() > 1 && !alone.is_empty()).then(|| {
        format!(
            "no contrast has {}: they are compared with nothing, and get no verdict; `contrasts` \
             lists the pairs of arms that are compared",
            alone.join(", ")
        )
    })
}

/// LAWN fixes norms that the warm-up has hardly moved.
fn free_within_warm_up(plan: &Plan, measured: &BTreeMap<Cell, Measurement>) -> Vec<String> {
    let sweep = &plan.sweep;
    let mut warnings = Vec::new();
    for arm in &sweep.arms {
        let within = |optimizer: &OptimizerSettings| {
            let epochs =
                match sweep.budget {
                    Amount::Epochs(epochs) => Some(epochs as f64),
                    other => measured.iter().find(|(cell, _)| cell.arm == arm.name).map(
                        |(cell, found)| other.length(found.epoch_samples, cell.batch_size).epochs(),
                    ),
                };
            let part = match optimizer.free_phase()? {
                FreePhase::Epochs(free) => free / epochs?,
                FreePhase::Fraction(part) => part,
                FreePhase::Steps(free) => match sweep.budget {
                    Amount::Steps(steps) => free as f64 / steps as f64,
                    _ => return None,
                },
            };
            (optimizer.warmup > 0.0 && part <= optimizer.warmup).then_some((part, optimizer.warmup))
        };
        let settings = arm.settings.iter();
        let found: Vec<(f64, f64)> = settings
            .filter_map(|setting| within(&setting.optimizer))
            .collect();
        if let Some((part, warmup)) = found.first() {
            warnings.push(format!(
                "arm `{}`: {} of {} settings end their free phase within the warm-up \
                 (after {part:.3} of the steps, warm-up {warmup}): norms are fixed before \
                 the learning rate has come to its peak",
                arm.name,
                found.len(),
                arm.settings.len()
            ));
        }
    }
    warnings
}

/// Batches that hold more than an epoch of a task, a line each; `epochs` are by task the samples
/// of one.
#[must_use]
pub fn larger_than_the_data(plan: &Plan, epochs: &BTreeMap<String, u64>) -> Vec<String> {
    let of_task = |(task, &samples): (&String, &u64)| {
        let batches = plan.sweep.batch_sizes.iter();
        let larger = batches.filter(move |&&batch| batch > samples);
        let said: Vec<String> = larger
            .map(|batch| {
                format!(
                    "batch {batch} is larger than the {samples} samples of an epoch of task \
                     `{task}`: every step is an epoch, on a batch of {samples}, and larger \
                     batches are all the same"
                )
            })
            .collect();
        said
    };
    epochs.iter().flat_map(of_task).collect()
}

/// Rungs end at evaluations. Where evaluations are far apart, two rungs may end at the same one.
fn rungs_that_coincide(sweep: &Sweep) -> Option<String> {
    if sweep.budget.unit() != sweep.evaluation.every.unit() {
        return None;
    }
    let (all, every) = (sweep.budget.count(), sweep.evaluation.every.count());
    let end = |part: f64| (part * all as f64 / every as f64).ceil() as u64 * every;
    let pair = sweep
        .rungs
        .windows(2)
        .find(|pair| end(pair[0].part) >= end(pair[1].part))?;
    Some(format!(
        "the rungs of {:.3} and {:.3} of the budget both end at the evaluation after {} {}: \
         evaluate more often, or give fewer rungs",
        pair[0].part,
        pair[1].part,
        end(pair[0].part),
        sweep.budget.unit()
    ))
}

/// Where an earlier run chose a setting at the border of what it was tuned over.
fn at_border(plan: &Plan, frozen: &Frozen) -> Vec<String> {
    let known = |cell: &Cell| {
        let sweep = &plan.sweep;
        sweep.arms.iter().any(|arm| arm.name == cell.arm)
            && sweep.tasks.iter().any(|task| task.name == cell.task)
    };
    let cells = frozen.cells.iter();
    cells
        .filter(|frozen| !frozen.at_border.is_empty() && known(&frozen.cell))
        .map(|frozen| {
            let values: Vec<String> = frozen
                .at_border
                .iter()
                .map(|name| match frozen.tuned.get(name) {
                    Some(value) => format!("{name} = {value}"),
                    None => name.clone(),
                })
                .collect();
            format!(
                "an earlier run chose {} at the border of what it was tuned over: {}",
                values.join(", "),
                frozen.cell
            )
        })
        .collect()
}
