//! From flat settings to an optimizer.

use lawn_core::{
    Group, OptimizerConfig, Parameters, Plateau, PlateauConfig, Role, Schedule, WeightDecay,
};

use super::constraints::{cpr, hyperball, lawn, rotational};
use super::error::TrialError;
use super::rules::rule;
use crate::trial::{
    ConstraintName, DECAY_FACTOR, DECAY_POWER, DECAY_UNTIL, END_FACTOR, Length, LrShape,
    OptimizerSettings, RESTART_GROWTH, RuleName, SettingsError,
};

/// The optimizer that the settings describe for a trial of this length.
pub(super) fn optimizer(settings: &OptimizerSettings, length: Length) -> OptimizerConfig {
    let constrained = |name| settings.constraint == Some(name);
    OptimizerConfig {
        decay: decay(settings),
        lawn: settings.lawn.then(|| lawn(settings, length)),
        hyperball: constrained(ConstraintName::Hyperball).then(|| hyperball(settings)),
        cpr: constrained(ConstraintName::Cpr).then(|| cpr(settings, length)),
        rotational: constrained(ConstraintName::Rotational).then(|| rotational(settings)),
        clip_norm: settings.clip_norm,
        cow_clip: settings.cow_clip,
        ..OptimizerConfig::new(rule(settings), schedule(settings, length))
    }
}

fn decay(settings: &OptimizerSettings) -> WeightDecay {
    // Under `rotational` it only gives the angle of a step.
    let rotational = settings.constraint == Some(ConstraintName::Rotational);
    let rate = settings.weight_decay.filter(|_| !rotational);
    rate.map_or(WeightDecay::None, |rate| of_rule(settings.rule, rate))
}

pub(super) fn of_rule(rule: RuleName, rate: f64) -> WeightDecay {
    match rule.decouples_decay() {
        true => WeightDecay::Decoupled { rate },
        false => WeightDecay::L2 { rate },
    }
}

/// What some parameters have of their own: embedding tables, matrices that are left to Adam, units
/// of another kind, and all where rates fall with the depth.
///
/// # Errors
/// As [`tables`] and [`by_depth`].
pub(super) fn groups(
    settings: &OptimizerSettings,
    parameters: &Parameters,
) -> Result<Vec<Group>, TrialError> {
    let groups = tables(settings, parameters)?;
    Ok(match settings.layer_decay {
        Some(decay) => by_depth(decay, settings.embedding_learning_rate, groups, parameters)?,
        None => groups,
    })
}

/// What the embedding tables among `parameters` have of their own, a group each.
///
/// # Errors
/// [`SettingsError::NotApplicable`] for a setting of tables where there is none.
fn tables(
    settings: &OptimizerSettings,
    parameters: &Parameters,
) -> Result<Vec<Group>, SettingsError> {
    let all = parameters.iter();
    let tables = all.filter(|one| one.role == Role::Embedding && one.tensor.dim() == 2);
    let widths: Vec<(&str, i64)> = tables
        .map(|one| (one.name.as_str(), one.tensor.size()[1]))
        .collect();
    let (rate, decay) = (
        settings.embedding_learning_rate,
        settings.embedding_weight_decay,
    );
    let is_any = !widths.is_empty();
    let is_clipped = widths.iter().any(|(_, width)| *width != 1);
    for (setting, applies) in [
        ("embedding_learning_rate", rate.is_none() || is_any),
        ("embedding_weight_decay", decay.is_none() || is_any),
        ("cow_clip", settings.cow_clip.is_none() || is_clipped),
    ] {
        if !applies {
            return Err(SettingsError::NotApplicable {
                setting: setting.to_owned(),
                context: match is_any {
                    false => "a net without embedding tables".to_owned(),
                    true => "a net whose embedding tables have one column".to_owned(),
                },
                allowed: "leave it out".to_owned(),
            });
        }
    }
    let of_adam = settings.adam_on.iter().flatten();
    let of_adam = of_adam.map(|pattern| Group {
        matrix: Some(false),
        ..Group::new(pattern.as_str())
    });
    let of_units = settings.granularity_on.iter().flatten();
    let of_units = of_units.map(|pattern| Group {
        granularity: settings.granularity,
        ..Group::new(pattern.as_str())
    });
    let others = of_adam.chain(of_units);
    if rate.is_none() && decay.is_none() {
        return Ok(others.collect());
    }
    let group = |(name, _): &(&str, i64)| Group {
        learning_rate_scale: rate.map_or(1.0, |rate| rate / settings.learning_rate),
        decay: decay.map(|rate| of_rule(settings.rule, rate)),
        ..Group::new(*name)
    };
    Ok(widths.iter().map(group).chain(others).collect())
}

/// What lowers the rate where the train loss stops falling, if anything does.
///
/// # Errors
/// As [`Plateau::new`].
pub(super) fn plateau(settings: &OptimizerSettings) -> Result<Option<Plateau>, lawn_core::Error> {
    if settings.decay != LrShape::Plateau {
        return Ok(None);
    }
    let base = PlateauConfig::default();
    let config = PlateauConfig {
        factor: settings.decay_factor.unwrap_or(DECAY_FACTOR),
        patience: settings.plateau_patience.map_or(base.patience, u64::from),
        threshold: settings.plateau_threshold.unwrap_or(base.threshold),
        cooldown: settings.plateau_cooldown.map_or(base.cooldown, u64::from),
        least: (settings.end_learning_rate)
            .map(|end| end / settings.learning_rate)
            .or(settings.end_factor)
            .unwrap_or(base.least),
        higher_is_better: false,
    };
    Plateau::new(config).map(Some)
}

/// `groups`, with the rates of the layers by their depth, a group each parameter. Tables that have
/// a rate of their own keep it at any depth.
///
/// # Errors
/// As [`Parameters::groups_by_depth`] and [`Group::of`]; [`SettingsError::NotApplicable`] where no layer
/// comes before another.
fn by_depth(
    decay: f64,
    rate_of_tables: Option<f64>,
    groups: Vec<Group>,
    parameters: &Parameters,
) -> Result<Vec<Group>, TrialError> {
    let mut all = parameters.groups_by_depth(decay)?;
    if decay < 1.0 && all.iter().all(|one| one.learning_rate_scale == 1.0) {
        return Err(TrialError::from(SettingsError::NotApplicable {
            setting: "layer_decay".to_owned(),
            context: "a net of one layer".to_owned(),
            allowed: "leave it out".to_owned(),
        }));
    }
    let mut used = Vec::new();
    for one in &mut all {
        if let Some(group) = Group::of(&one.pattern, &groups)? {
            used.push(group.pattern.clone());
            // Those of matrices that are left to Adam, and those of units, give no rate.
            let is_of_table = group.matrix.is_none() && group.granularity.is_none();
            let has_own_rate = rate_of_tables.is_some() && is_of_table;
            let by_depth = match has_own_rate {
                true => 1.0,
                false => one.learning_rate_scale,
            };
            *one = Group {
                pattern: one.pattern.clone(),
                learning_rate_scale: by_depth * group.learning_rate_scale,
                ..group.clone()
            };
        }
    }
    // One for nothing is refused when the optimizer is built.
    let others = groups
        .into_iter()
        .filter(|group| !used.contains(&group.pattern));
    all.extend(others);
    Ok(all)
}

/// Steps that a product of a part and all steps may be too large by.
const ROUNDING: f64 = 1e-6;

impl OptimizerSettings {
    /// The learning rate of a step of a trial of this length, counted from 0, before what a plateau
    /// makes of it.
    #[must_use]
    pub fn learning_rate_at(&self, step: u64, length: Length) -> f64 {
        schedule(self, length).lr_at(step)
    }
}

fn schedule(settings: &OptimizerSettings, length: Length) -> Schedule {
    let peak = settings.learning_rate;
    let at = |part: f64| (part * length.steps as f64).round() as u64;
    let warm = at(settings.warmup);
    // A schedule after warm-up counts from its own 0.
    let after_warm_up = |step: u64| step.saturating_sub(warm).max(1);
    let fall = after_warm_up(at(settings.decay_until.unwrap_or(DECAY_UNTIL)));
    let end = (settings.end_learning_rate)
        .unwrap_or_else(|| peak * settings.end_factor.unwrap_or(END_FACTOR));
    let main = match settings.decay {
        // What falls on a plateau is a factor beside the schedule.
        LrShape::Constant | LrShape::Plateau => Schedule::constant(peak),
        LrShape::Linear => Schedule::linear(peak, end, fall),
        LrShape::Cosine => Schedule::cosine(peak, end, fall),
        LrShape::Polynomial => {
            Schedule::polynomial(peak, end, fall, settings.decay_power.unwrap_or(DECAY_POWER))
        }
        LrShape::MultiStep => {
            let mut steps: Vec<u64> = Vec::new();
            for &part in settings.milestones.iter().flatten() {
                // In a trial so short that two fall on one step, one comes after the other.
                let after_last = steps.last().map_or(1, |last| last + 1);
                steps.push(after_warm_up(at(part)).max(after_last));
            }
            Schedule::multi_step(peak, steps, settings.decay_factor.unwrap_or(DECAY_FACTOR))
        }
        LrShape::WarmRestarts => {
            // Whole waves must not end before the steps do: the last of these would be the first of
            // another wave, at the peak.
            let part = settings.restart_after.unwrap_or(1.0);
            let first = (part * length.steps as f64 - ROUNDING).ceil().max(1.0) as u64;
            let growth = u64::from(settings.restart_growth.unwrap_or(RESTART_GROWTH));
            Schedule::warm_restarts(peak, end, first, growth)
        }
    };
    if warm == 0 { main } else { main.warm_up(warm) }
}

#[cfg(test)]
mod tests;
