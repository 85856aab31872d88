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
                epsilon: Some(0.0),
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
