//! From flat settings to an optimizer.

use lawn_core::{
    Group, OptimizerConfig, Parameters, Plateau, PlateauConfig, Role, Schedule, WeightDecay,
};

use super::constraints::{cpr, hyperball, lawn, rotational};
use super::error::TrialError;
use super::rules::{FACTOR, POWER, rule};
use crate::trial::{ConstraintName, Length, LrShape, OptimizerSettings, RuleName, SettingsError};

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

fn of_rule(rule: RuleName, rate: f64) -> WeightDecay {
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
        factor: settings.decay_factor.unwrap_or(FACTOR),
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
    let fall = after_warm_up(settings.decay_until.map_or(length.steps, at));
    let end =
        (settings.end_learning_rate).unwrap_or_else(|| peak * settings.end_factor.unwrap_or(0.0));
    let main = match settings.decay {
        // What falls on a plateau is a factor beside the schedule.
        LrShape::Constant | LrShape::Plateau => Schedule::constant(peak),
        LrShape::Linear => Schedule::linear(peak, end, fall),
        LrShape::Cosine => Schedule::cosine(peak, end, fall),
        LrShape::Polynomial => {
            Schedule::polynomial(peak, end, fall, settings.decay_power.unwrap_or(POWER))
        }
        LrShape::MultiStep => {
            let mut steps: Vec<u64> = Vec::new();
            for &part in settings.milestones.iter().flatten() {
                // In a trial so short that two fall on one step, one comes after the other.
                let after_last = steps.last().map_or(1, |last| last + 1);
                steps.push(after_warm_up(at(part)).max(after_last));
            }
            Schedule::multi_step(peak, steps, settings.decay_factor.unwrap_or(FACTOR))
        }
        LrShape::WarmRestarts => {
            // Whole waves must not end before the steps do: the last of these would be the first of
            // another wave, at the peak.
            let part = settings.restart_after.unwrap_or(1.0);
            let first = (part * length.steps as f64 - ROUNDING).ceil().max(1.0) as u64;
            let growth = u64::from(settings.restart_growth.unwrap_or(1));
            Schedule::warm_restarts(peak, end, first, growth)
        }
    };
    if warm == 0 { main } else { main.warm_up(warm) }
}

#[cfg(test)]
mod tests {
    use lawn_core::{
        AdamConfig, Adaptation, BiasCorrection, CprBound, GradientAveraging, Granularity,
        HyperballConfig, LambConfig, LarsConfig, RuleConfig, SgdConfig,
    };

    use super::*;
    use crate::trial::{Amount, LambForm, ScopeName, ScopeSetting};

    const LENGTH: Length = Length {
        steps_per_epoch: 5,
        steps: 20,
        epoch_samples: 50,
        samples: 200,
    };

    #[test]
    fn warm_up_and_decay_share_the_budget() {
        let settings = OptimizerSettings {
            warmup: 0.1,
            decay: LrShape::Linear,
            ..OptimizerSettings::new(RuleName::Adam, 1.0)
        };
        let schedule = schedule(&settings, LENGTH);
        let rates: Vec<f64> = (0..20).map(|step| schedule.lr_at(step)).collect();
        assert_eq!(rates[..3], [0.5, 1.0, 1.0]);
        assert!((rates[19] - 1.0 / 18.0).abs() < 1e-12);
        assert!(rates.iter().all(|&rate| rate > 0.0));
    }

    /// He et al. 2016, section 4.2: divided by 10 at 32k and 48k of 64k steps.
    #[test]
    fn waves_begin_after_the_warm_up() {
        let settings = OptimizerSettings {
            decay: LrShape::WarmRestarts,
            warmup: 0.1,
            restart_after: Some(0.2),
            restart_growth: Some(2),
            end_factor: Some(0.1),
            ..OptimizerSettings::new(RuleName::Sgd, 1.0)
        };
        settings.validate().unwrap();
        let schedule = schedule(&settings, LENGTH);
        // Waves of 4 and of 8 steps.
        for (step, rate) in [
            (1, 1.0),
            (2, 1.0),
            (4, 0.55),
            (6, 1.0),
            (10, 0.55),
            (14, 1.0),
        ] {
            let found = schedule.lr_at(step);
            assert!((found - rate).abs() < 1e-12, "{step}: {found}");
        }
        let without = OptimizerSettings {
            restart_after: None,
            ..settings
        };
        assert!(without.validate().is_err());
    }

    #[test]
    fn milestones_are_parts_of_all_steps() {
        let settings = OptimizerSettings {
            decay: LrShape::MultiStep,
            milestones: Some(vec![0.5, 0.75]),
            ..OptimizerSettings::new(RuleName::Sgd, 1.0)
        };
        settings.validate().unwrap();
        let schedule = schedule(&settings, LENGTH);
        let rates: Vec<f64> = (0..20).map(|step| schedule.lr_at(step)).collect();
        assert!(rates[..10].iter().all(|&rate| rate == 1.0));
        assert!(rates[10..15].iter().all(|&rate| (rate - 0.1).abs() < 1e-15));
        assert!(rates[15..].iter().all(|&rate| (rate - 0.01).abs() < 1e-15));

        // After warm-up they are where they were.
        let warm = OptimizerSettings {
            warmup: 0.2,
            ..settings.clone()
        };
        let schedule = self::schedule(&warm, LENGTH);
        let rates: Vec<f64> = (9..=10).map(|step| schedule.lr_at(step)).collect();
        assert_eq!(rates, [1.0, 0.1]);

        // A trial of two steps is a trial still.
        let short = Length { steps: 2, ..LENGTH };
        self::schedule(&settings, short).validate().unwrap();
    }

    /// The shape of LARS in MLPerf's reference, and AlgoPerf's decay over part of the steps.
    #[test]
    fn a_falling_shape_has_power_end_and_place() {
        let settings = OptimizerSettings {
            decay: LrShape::Polynomial,
            end_factor: Some(0.01),
            decay_until: Some(0.5),
            ..OptimizerSettings::new(RuleName::Lars, 2.0)
        };
        settings.validate().unwrap();
        let schedule = schedule(&settings, LENGTH);
        let expected = |x: f64| 0.02 + 1.98 * (1.0 - x).powi(2);
        for (step, x) in [(0, 0.0), (5, 0.5), (9, 0.9), (10, 1.0), (19, 1.0)] {
            assert!((schedule.lr_at(step) - expected(x)).abs() < 1e-15, "{step}");
        }
    }

    #[test]
    fn free_epochs_become_steps_and_leave_one_constrained() {
        let free = |epochs| {
            let settings = OptimizerSettings {
                lawn: true,
                free_epochs: Some(epochs),
                ..OptimizerSettings::new(RuleName::Adam, 1.0)
            };
            optimizer(&settings, LENGTH).lawn.unwrap().free_steps
        };
        assert_eq!(
            [free(0.0), free(0.5), free(2.0), free(3.99)],
            [0, 3, 10, 19]
        );
    }

    #[test]
    fn a_fraction_is_of_all_steps() {
        for (budget, free) in [
            (Amount::Epochs(4), 5),
            (Amount::Steps(14), 4),
            (Amount::Samples(57), 2),
        ] {
            let settings = OptimizerSettings {
                lawn: true,
                free_fraction: Some(0.25),
                ..OptimizerSettings::new(RuleName::Adam, 1.0)
            };
            let config = optimizer(&settings, budget.length(50, 10));
            assert_eq!(config.lawn.unwrap().free_steps, free, "{budget}");
        }
    }

    #[test]
    fn weight_decay_is_coupled_or_decoupled_by_rule() {
        let with = |rule| {
            let settings = OptimizerSettings {
                weight_decay: Some(0.1),
                ..OptimizerSettings::new(rule, 1.0)
            };
            optimizer(&settings, LENGTH).decay
        };
        assert_eq!(with(RuleName::Adam), WeightDecay::L2 { rate: 0.1 });
        assert_eq!(with(RuleName::Lars), WeightDecay::L2 { rate: 0.1 });
        assert_eq!(with(RuleName::Adamw), WeightDecay::Decoupled { rate: 0.1 });
        assert_eq!(with(RuleName::Lamb), WeightDecay::Decoupled { rate: 0.1 });
    }

    #[test]
    fn rates_of_one_layer_do_not_fall() {
        let vs = tch::nn::VarStore::new(tch::Device::Cpu);
        let _ = (vs.root() / "first").zeros("weight", &[2, 2]);
        let refused = |decay| {
            let parameters = Parameters::from_var_store(&vs).unwrap();
            by_depth(decay, None, Vec::new(), &parameters)
        };
        let error = refused(0.5).unwrap_err().to_string();
        assert!(
            error.contains("layer_decay") && error.contains("one layer"),
            "{error}"
        );
        assert!(refused(1.0).is_ok());
        let _ = (vs.root() / "second").zeros("weight", &[2, 2]);
        assert!(refused(0.5).is_ok());
    }

    /// What is in the place of `learning_rate` is not multiplied by what multiplies that.
    #[test]
    fn tables_with_a_rate_of_their_own_have_it_at_any_depth() {
        let vs = tch::nn::VarStore::new(tch::Device::Cpu);
        let _ = (vs.root() / "first").zeros("embedding", &[4, 2]);
        let _ = (vs.root() / "second").zeros("weight", &[2, 2]);
        let _ = (vs.root() / "third").zeros("weight", &[2, 2]);
        let mut parameters = Parameters::from_var_store(&vs).unwrap();
        let table = "first.embedding";
        parameters.set_role(table, Role::Embedding).unwrap();
        let scales = |rate, weight_decay| {
            let settings = OptimizerSettings {
                embedding_learning_rate: rate,
                embedding_weight_decay: weight_decay,
                layer_decay: Some(0.5),
                ..OptimizerSettings::new(RuleName::Adam, 0.1)
            };
            let groups = groups(&settings, &parameters).unwrap();
            let scales: Vec<f64> = groups.iter().map(|one| one.learning_rate_scale).collect();
            assert_eq!(scales.len(), 3, "{groups:?}");
            scales
        };
        let close = |found: Vec<f64>, expected: [f64; 3]| {
            let mut pairs = found.iter().zip(expected);
            assert!(pairs.all(|(a, b)| (a - b).abs() < 1e-12), "{found:?}");
        };
        close(scales(None, None), [0.25, 0.5, 1.0]);
        close(scales(None, Some(1e-5)), [0.25, 0.5, 1.0]);
        close(scales(Some(0.1), None), [1.0, 0.5, 1.0]);
        close(scales(Some(0.02), Some(1e-5)), [0.2, 0.5, 1.0]);
    }

    /// However the parts of so many steps are rounded.
    #[test]
    fn whole_waves_end_with_the_steps() {
        for steps in 100..500 {
            for (growth, parts) in [(1, 3.0), (2, 3.0), (2, 7.0)] {
                let settings = OptimizerSettings {
                    warmup: 0.1,
                    decay: LrShape::WarmRestarts,
                    restart_after: Some(0.9 / parts),
                    restart_growth: Some(growth),
                    ..OptimizerSettings::new(RuleName::Adam, 1.0)
                };
                let length = Amount::Steps(steps).length(50, 10);
                let last = settings.learning_rate_at(steps - 1, length);
                assert!(last < 0.3, "{steps} {growth} {parts}: {last}");
            }
        }
    }

    #[test]
    fn some_parameters_have_units_of_their_own() {
        let parameter = |name: &str| lawn_core::Parameter {
            name: name.into(),
            role: Role::Weight,
            tensor: tch::Tensor::ones([4, 3], (tch::Kind::Float, tch::Device::Cpu))
                .set_requires_grad(true),
        };
        let units = |settings: &OptimizerSettings| -> Vec<i64> {
            let parameters = ["a.attention", "b.attention", "head"].map(parameter);
            let parameters = Parameters::new(parameters.into()).unwrap();
            let config = OptimizerConfig {
                groups: groups(settings, &parameters).unwrap(),
                ..optimizer(settings, LENGTH)
            };
            let optimizer = config.build(parameters).unwrap();
            optimizer.treatments().iter().map(|one| one.units).collect()
        };
        let all = OptimizerSettings {
            lawn: true,
            free_fraction: Some(0.5),
            scope: Some(ScopeSetting::Named(ScopeName::AllWeights)),
            granularity: Some(Granularity::Head(2)),
            ..OptimizerSettings::new(RuleName::Adam, 0.1)
        };
        let some = OptimizerSettings {
            granularity_on: Some(vec!["*.attention".into()]),
            ..all.clone()
        };
        let by_depth = OptimizerSettings {
            layer_decay: Some(0.5),
            ..some.clone()
        };
        assert_eq!(units(&all), [2, 2, 2]);
        for settings in [&some, &by_depth] {
            settings.validate().unwrap();
            assert_eq!(units(settings), [2, 2, 1]);
        }
        let of_nothing = OptimizerSettings {
            granularity: None,
            ..some
        };
        let said = of_nothing.validate().unwrap_err().to_string();
        assert!(said.contains("granularity"), "{said}");
    }

    #[test]
    fn defaults_written_out_make_the_same_optimizer() {
        // Choices among conventions: none of them is a number to be tuned.
        let without_default = [
            "weight_decay",
            "adam_on",
            "adaptation",
            "form",
            "bias_correction",
            "gradient_averaging",
            "trust_max",
            "iteration",
        ];
        for &rule in RuleName::ALL {
            let bare = OptimizerSettings::new(rule, 0.1);
            let lawn = OptimizerSettings {
                lawn: true,
                free_fraction: Some(0.5),
                ..bare.clone()
            };
            for settings in [bare, lawn] {
                let full = settings.or(&OptimizerSettings::defaults(rule));
                full.validate().expect("defaults are allowed");
                let all = serde_json::to_value(&full).unwrap();
                for name in rule
                    .settings()
                    .iter()
                    .filter(|name| !without_default.contains(name))
                {
                    assert!(!all[name].is_null(), "{name} of {rule:?}");
                }
                assert_eq!(full.scope.is_some(), settings.lawn);
                assert_eq!(optimizer(&full, LENGTH), optimizer(&settings, LENGTH));
            }
        }
    }

    #[test]
    fn constraints_have_their_own_settings() {
        let settings = |constraint| OptimizerSettings {
            constraint: Some(constraint),
            ..OptimizerSettings::new(RuleName::Adam, 1.0)
        };
        let hyperball = settings(ConstraintName::Hyperball);
        hyperball.validate().unwrap();
        let found = optimizer(&hyperball, LENGTH);
        assert_eq!(found.hyperball, Some(HyperballConfig::default()));
        assert_eq!((found.lawn, found.cpr), (None, None));

        let cpr = settings(ConstraintName::Cpr);
        let warm = OptimizerSettings {
            free_fraction: Some(0.25),
            multiplier_rate: Some(0.5),
            ..cpr.clone()
        };
        let uniform = OptimizerSettings {
            bound_square: Some(3.0),
            ..cpr.clone()
        };
        assert!(cpr.validate().is_err(), "it has no bound");
        warm.validate().unwrap();
        uniform.validate().unwrap();
        let found = optimizer(&warm, LENGTH).cpr.unwrap();
        assert_eq!((found.bound, found.rate), (CprBound::WarmStart(5), 0.5));
        let found = optimizer(&uniform, LENGTH).cpr.unwrap();
        assert_eq!(found.bound, CprBound::Uniform(3.0));

        let rotational = OptimizerSettings {
            weight_decay: Some(0.1),
            centred: Some(false),
            ..settings(ConstraintName::Rotational)
        };
        rotational.validate().unwrap();
        let found = optimizer(&rotational, LENGTH);
        assert_eq!(found.decay, WeightDecay::None);
        let found = found.rotational.unwrap();
        assert_eq!((found.decay, found.centred), (0.1, false));
    }

    #[test]
    fn what_constraints_remember_by_is_set() {
        let settings = |constraint| OptimizerSettings {
            constraint: Some(constraint),
            weight_decay: Some(0.1).filter(|_| constraint == ConstraintName::Rotational),
            ..OptimizerSettings::new(RuleName::Adam, 1.0)
        };
        let cpr = OptimizerSettings {
            bound_factor: Some(1.0),
            by_learning_rate: Some(true),
            ..settings(ConstraintName::Cpr)
        };
        cpr.validate().unwrap();
        assert!(optimizer(&cpr, LENGTH).cpr.unwrap().by_learning_rate);
        let rotational = OptimizerSettings {
            rotation_memory: Some(0.99),
            rotation_epsilon: Some(1e-6),
            ..settings(ConstraintName::Rotational)
        };
        rotational.validate().unwrap();
        let found = optimizer(&rotational, LENGTH).rotational.unwrap();
        assert_eq!((found.memory, found.epsilon), (0.99, 1e-6));
    }

    #[test]
    fn a_form_of_lamb_is_that_of_the_implementation() {
        let lamb = |form| OptimizerSettings {
            form,
            ..OptimizerSettings::new(RuleName::Lamb, 1.0)
        };
        let rule = |settings: &OptimizerSettings| {
            settings.validate().unwrap();
            optimizer(settings, LENGTH).rule
        };
        for (form, expected) in [
            (None, LambConfig::paper()),
            (Some(LambForm::Paper), LambConfig::paper()),
            (Some(LambForm::Apex), LambConfig::apex()),
            (Some(LambForm::Nvlamb), LambConfig::nvlamb()),
            (Some(LambForm::Timm), LambConfig::timm()),
        ] {
            assert_eq!(rule(&lamb(form)), RuleConfig::Lamb(expected), "{form:?}");
        }
        // Convention by convention, on any form.
        let own = OptimizerSettings {
            bias_correction: Some(false),
            gradient_averaging: Some(false),
            trust_max: Some(1.0),
            adaptation: Some(Adaptation::Always),
            beta1: Some(0.5),
            ..lamb(Some(LambForm::Apex))
        };
        let expected = LambConfig {
            beta1: 0.5,
            bias_correction: BiasCorrection::Omitted,
            gradient_averaging: GradientAveraging::Summed,
            trust_max: Some(1.0),
            ..LambConfig::paper()
        };
        assert_eq!(rule(&own), RuleConfig::Lamb(expected));
    }

    /// The end of MLPerf's LARS is a rate, whatever the peak is.
    #[test]
    fn the_end_of_a_shape_may_be_a_rate() {
        for peak in [2.0, 10.0] {
            for decay in [LrShape::Linear, LrShape::Cosine, LrShape::Polynomial] {
                let settings = OptimizerSettings {
                    decay,
                    end_learning_rate: Some(1e-4),
                    decay_until: Some(0.5),
                    ..OptimizerSettings::new(RuleName::Lars, peak)
                };
                settings.validate().unwrap();
                let full = settings.or(&OptimizerSettings::defaults(RuleName::Lars));
                full.validate().unwrap();
                for settings in [settings, full] {
                    let schedule = schedule(&settings, LENGTH);
                    assert!((schedule.lr_at(0) - peak).abs() < 1e-12);
                    assert!((schedule.lr_at(10) - 1e-4).abs() < 1e-15, "{decay:?}");
                }
            }
        }
    }

    #[test]
    fn a_decay_is_given_by_what_it_lacks_to_1() {
        let settings = OptimizerSettings {
            one_minus_beta1: Some(0.25),
            ..OptimizerSettings::new(RuleName::Nadamw, 1.0)
        };
        settings.validate().unwrap();
        for settings in [
            settings.clone(),
            settings.or(&OptimizerSettings::defaults(RuleName::Nadamw)),
        ] {
            settings.validate().unwrap();
            let RuleConfig::Nadamw(found) = optimizer(&settings, LENGTH).rule else {
                panic!("another rule")
            };
            assert_eq!((found.beta1, found.beta2), (0.75, 0.999));
        }
        let both = OptimizerSettings {
            beta1: Some(0.9),
            ..settings.clone()
        };
        assert!(both.validate().is_err());
        let other = OptimizerSettings {
            rule: RuleName::Sgd,
            ..settings
        };
        assert!(other.validate().is_err());
    }

    #[test]
    fn settings_left_out_keep_the_rules_defaults() {
        let found = |rule| optimizer(&OptimizerSettings::new(rule, 1.0), LENGTH).rule;
        assert_eq!(found(RuleName::Sgd), RuleConfig::Sgd(SgdConfig::default()));
        assert_eq!(
            found(RuleName::Adam),
            RuleConfig::Adam(AdamConfig::default())
        );
        assert_eq!(
            found(RuleName::Lamb),
            RuleConfig::Lamb(LambConfig::default())
        );
        assert_eq!(
            found(RuleName::Lars),
            RuleConfig::Lars(LarsConfig::default())
        );
    }
}
