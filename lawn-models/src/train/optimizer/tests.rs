use lawn_core::{
    AdamConfig, Adaptation, BiasCorrection, CprBound, GradientAveraging, HyperballConfig,
    LambConfig, LarsConfig, RuleConfig, SgdConfig,
};

use super::*;
use crate::trial::{Amount, LambForm};

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
