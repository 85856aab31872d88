use super::*;

fn adam() -> OptimizerSettings {
    OptimizerSettings::new(RuleName::Adam, 1e-3)
}

fn adam_lawn() -> OptimizerSettings {
    OptimizerSettings {
        lawn: true,
        free_epochs: Some(1.5),
        ..adam()
    }
}

/// Each row breaks one rule and names the setting that the error must blame.
#[test]
fn each_bad_setting_is_blamed_by_name() {
    let rows: Vec<(&str, OptimizerSettings)> = vec![
        ("learning_rate", OptimizerSettings::new(RuleName::Sgd, 0.0)),
        (
            "update_threshold",
            OptimizerSettings {
                update_threshold: Some(0.5),
                ..OptimizerSettings::new(RuleName::Adafactor, 1e-2)
            },
        ),
        (
            "beta2_power",
            OptimizerSettings {
                beta2_power: Some(-0.8),
                ..OptimizerSettings::new(RuleName::Adafactor, 1e-2)
            },
        ),
        (
            "beta2_power",
            OptimizerSettings {
                beta2_power: Some(0.8),
                ..adam()
            },
        ),
        (
            "form",
            OptimizerSettings {
                form: Some(LambForm::Apex),
                ..OptimizerSettings::new(RuleName::Lars, 1.0)
            },
        ),
        (
            "trust_max",
            OptimizerSettings {
                trust_max: Some(0.0),
                ..OptimizerSettings::new(RuleName::Lamb, 1.0)
            },
        ),
        (
            "bias_correction",
            OptimizerSettings {
                bias_correction: Some(false),
                ..adam()
            },
        ),
        (
            "iteration",
            OptimizerSettings {
                iteration: Some(lawn_core::MuonIteration::Bf16),
                ..adam()
            },
        ),
        (
            "epsilon",
            OptimizerSettings {
                epsilon: Some(-1e-8),
                ..OptimizerSettings::new(RuleName::Lars, 1.0)
            },
        ),
        (
            "end_learning_rate",
            OptimizerSettings {
                decay: LrShape::Linear,
                end_learning_rate: Some(2e-3),
                ..adam()
            },
        ),
        (
            "end_learning_rate",
            OptimizerSettings {
                decay: LrShape::Linear,
                end_factor: Some(0.1),
                end_learning_rate: Some(1e-4),
                ..adam()
            },
        ),
        (
            "end_learning_rate",
            OptimizerSettings {
                end_learning_rate: Some(1e-4),
                ..adam()
            },
        ),
        (
            "free_steps",
            OptimizerSettings {
                free_steps: Some(5),
                ..adam_lawn()
            },
        ),
        (
            "free_steps",
            OptimizerSettings {
                free_steps: Some(5),
                ..adam()
            },
        ),
        (
            "by_learning_rate",
            OptimizerSettings {
                by_learning_rate: Some(true),
                ..adam_lawn()
            },
        ),
        (
            "rotation_memory",
            OptimizerSettings {
                constraint: Some(ConstraintName::Rotational),
                weight_decay: Some(0.1),
                rotation_memory: Some(1.0),
                ..adam()
            },
        ),
        (
            "rotation_epsilon",
            OptimizerSettings {
                constraint: Some(ConstraintName::Hyperball),
                rotation_epsilon: Some(1e-8),
                ..adam()
            },
        ),
        (
            "learning_rate",
            OptimizerSettings::new(RuleName::Sgd, f64::NAN),
        ),
        (
            "beta2",
            OptimizerSettings {
                beta2: Some(1.0),
                ..adam()
            },
        ),
        (
            "epsilon",
            OptimizerSettings {
                epsilon: Some(-1e-12),
                ..adam()
            },
        ),
        (
            "warmup",
            OptimizerSettings {
                warmup: 1.0,
                ..adam()
            },
        ),
        (
            "end_factor",
            OptimizerSettings {
                decay: LrShape::Cosine,
                end_factor: Some(1.5),
                ..adam()
            },
        ),
        (
            "end_factor",
            OptimizerSettings {
                end_factor: Some(0.5),
                ..adam()
            },
        ),
        (
            "decay_power",
            OptimizerSettings {
                decay: LrShape::Linear,
                decay_power: Some(2.0),
                ..adam()
            },
        ),
        (
            "decay_until",
            OptimizerSettings {
                warmup: 0.5,
                decay: LrShape::Linear,
                decay_until: Some(0.5),
                ..adam()
            },
        ),
        (
            "milestones",
            OptimizerSettings {
                decay: LrShape::MultiStep,
                ..adam()
            },
        ),
        (
            "milestones",
            OptimizerSettings {
                decay: LrShape::MultiStep,
                milestones: Some(vec![0.6, 0.3]),
                ..adam()
            },
        ),
        (
            "clip_norm",
            OptimizerSettings {
                clip_norm: Some(-1.0),
                ..adam()
            },
        ),
        (
            "cow_clip.zeta",
            OptimizerSettings {
                cow_clip: Some(lawn_core::CowClipConfig {
                    ratio: 1.0,
                    zeta: 0.0,
                }),
                ..adam()
            },
        ),
        (
            "embedding_learning_rate",
            OptimizerSettings {
                embedding_learning_rate: Some(0.0),
                ..adam()
            },
        ),
        (
            "embedding_weight_decay",
            OptimizerSettings {
                embedding_weight_decay: Some(-1e-5),
                ..adam()
            },
        ),
        (
            "momentum",
            OptimizerSettings {
                momentum: Some(0.9),
                ..adam()
            },
        ),
        (
            "beta1",
            OptimizerSettings {
                beta1: Some(0.9),
                ..OptimizerSettings::new(RuleName::Sgd, 0.1)
            },
        ),
        (
            "momentum",
            OptimizerSettings {
                nesterov: Some(true),
                ..OptimizerSettings::new(RuleName::Sgd, 0.1)
            },
        ),
        (
            "free_epochs",
            OptimizerSettings {
                free_epochs: Some(1.0),
                ..adam()
            },
        ),
        (
            "freeze_when.train_loss",
            OptimizerSettings {
                freeze_when: Some(FreezeCondition::TrainLoss(0.0)),
                ..adam_lawn()
            },
        ),
        (
            "freeze_when",
            OptimizerSettings {
                freeze_when: Some(FreezeCondition::Plateau(3)),
                ..adam()
            },
        ),
        (
            "lawn",
            OptimizerSettings {
                constraint: Some(ConstraintName::Hyperball),
                ..adam_lawn()
            },
        ),
        (
            "project_update",
            OptimizerSettings {
                constraint: Some(ConstraintName::Hyperball),
                project_update: false,
                ..adam()
            },
        ),
        (
            "free_fraction",
            OptimizerSettings {
                constraint: Some(ConstraintName::Hyperball),
                free_fraction: Some(0.5),
                ..adam()
            },
        ),
        (
            "bound_square",
            OptimizerSettings {
                constraint: Some(ConstraintName::Cpr),
                bound_factor: Some(1.0),
                bound_square: Some(1.0),
                ..adam()
            },
        ),
        (
            "weight_decay",
            OptimizerSettings {
                constraint: Some(ConstraintName::Rotational),
                ..adam()
            },
        ),
        (
            "centred",
            OptimizerSettings {
                centred: Some(true),
                ..adam_lawn()
            },
        ),
        (
            "delta",
            OptimizerSettings {
                delta: Some(0.1),
                ..adam()
            },
        ),
        (
            "iterations",
            OptimizerSettings {
                iterations: Some(0),
                ..OptimizerSettings::new(RuleName::Muon, 0.1)
            },
        ),
        (
            "ema_decay",
            OptimizerSettings {
                ema_decay: Some(0.9),
                ..OptimizerSettings::new(RuleName::ScheduleFree, 0.1)
            },
        ),
        (
            "beta1",
            OptimizerSettings {
                one_minus_beta1: Some(1.0),
                ..OptimizerSettings::new(RuleName::ScheduleFree, 0.1)
            },
        ),
        (
            "project_update",
            OptimizerSettings {
                project_update: false,
                ..adam()
            },
        ),
        (
            "free_epochs",
            OptimizerSettings {
                free_epochs: None,
                ..adam_lawn()
            },
        ),
        (
            "free_epochs",
            OptimizerSettings {
                free_epochs: Some(-1.0),
                ..adam_lawn()
            },
        ),
        (
            "weight_decay",
            OptimizerSettings {
                weight_decay: Some(0.1),
                ..adam_lawn()
            },
        ),
        (
            "scope",
            OptimizerSettings {
                scope: Some(ScopeSetting::Patterns(vec![])),
                ..adam_lawn()
            },
        ),
    ];
    for (setting, settings) in rows {
        let error = settings.validate().expect_err(setting);
        assert_eq!(error.setting(), setting, "{error}");
    }
    adam().validate().unwrap();
    adam_lawn().validate().unwrap();
}

#[test]
fn an_error_says_what_is_allowed() {
    let settings = OptimizerSettings {
        momentum: Some(0.9),
        ..adam()
    };
    assert_eq!(
        settings.validate().unwrap_err().to_string(),
        "`momentum` does not apply to rule = \"adam\"; it has beta1, beta2, epsilon, weight_decay"
    );
}

#[test]
fn free_epochs_must_leave_something_to_constrain() {
    let mut trial = TrialConfig {
        task: (),
        optimizer: adam_lawn(),
        batch_size: 10,
        budget: Amount::Epochs(2),
        seed: 0,
        stage: Stage::Tune,
        precision: Precision::F32,
        micro_batch_size: None,
        stop_after: None,
        evaluation: Evaluation::default(),
        diagnostics: Diagnostics::default(),
    };
    trial.validate_training().unwrap();
    for budget in [Amount::Epochs(1), Amount::Steps(10), Amount::Samples(10)] {
        trial.budget = budget;
        assert_eq!(
            trial.validate_training().unwrap_err().setting(),
            "free_epochs"
        );
        trial.optimizer.free_fraction = Some(0.5);
        trial.optimizer.free_epochs = None;
        trial.validate_training().unwrap();
        trial.optimizer = adam_lawn();
    }
}

/// LAWN by the name of a constraint is the same setting, and so has the same id.
#[test]
fn lawn_is_a_constraint_by_its_name() {
    let read = |more: &str| -> OptimizerSettings {
        let text =
            format!(r#"{{"rule": "adam", "learning_rate": 0.1, "free_fraction": 0.5, {more}}}"#);
        serde_json::from_str(&text).unwrap()
    };
    let named = read(r#""constraint": "lawn""#);
    assert_eq!(named, read(r#""lawn": true"#));
    assert_eq!(named, read(r#""lawn": true, "constraint": "lawn""#));
    assert!(named.validate().is_ok());
    let written = serde_json::to_string(&named).unwrap();
    assert!(!written.contains("constraint"), "{written}");
    assert_eq!(named.constraint, None);
    // Other constraints stay what they are.
    let other = read(r#""constraint": "cpr""#);
    assert_eq!(other.constraint, Some(ConstraintName::Cpr));
    let unknown = serde_json::from_str::<OptimizerSettings>(
        r#"{"rule": "adam", "learning_rate": 0.1, "constraint": "law"}"#,
    );
    assert!(unknown.unwrap_err().to_string().contains("lawn"));
}

#[test]
fn a_free_phase_in_steps_goes_with_a_budget_in_steps() {
    let settings = OptimizerSettings {
        free_epochs: None,
        free_steps: Some(30),
        ..adam_lawn()
    };
    settings.validate().unwrap();
    settings.validate_free_phase(Amount::Steps(31)).unwrap();
    for budget in [Amount::Steps(30), Amount::Epochs(4), Amount::Samples(900)] {
        let said = settings
            .validate_free_phase(budget)
            .unwrap_err()
            .to_string();
        assert!(said.contains("free_steps"), "{said}");
    }
    let phase = settings.free_phase().unwrap();
    assert_eq!(phase, FreePhase::Steps(30));
    assert_eq!(phase.steps(Amount::Steps(100).length(50, 10)), 30);
    // One step at least is constrained.
    assert_eq!(phase.steps(Amount::Steps(20).length(50, 10)), 19);
}
