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
            "clip_norm",
            OptimizerSettings {
                clip_norm: Some(-1.0),
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
        task: TaskConfig::Ncf(NcfConfig::default()),
        optimizer: adam_lawn(),
        batch_size: 10,
        budget: Amount::Epochs(2),
        seed: 0,
        stage: Stage::Tune,
        micro_batch_size: None,
        stop_after: None,
        evaluation: Evaluation::default(),
        diagnostics: Diagnostics::default(),
    };
    trial.validate().unwrap();
    for budget in [Amount::Epochs(1), Amount::Steps(10), Amount::Samples(10)] {
        trial.budget = budget;
        assert_eq!(trial.validate().unwrap_err().setting(), "free_epochs");
        trial.optimizer.free_fraction = Some(0.5);
        trial.optimizer.free_epochs = None;
        trial.validate().unwrap();
        trial.optimizer = adam_lawn();
    }
}

#[test]
fn a_trial_survives_json_and_unknown_keys_do_not() {
    let trial = TrialConfig {
        task: TaskConfig::from_table("image", serde_json::json!({ "depth": 8 })).unwrap(),
        optimizer: adam_lawn(),
        batch_size: 10,
        budget: Amount::Epochs(2),
        seed: 0,
        stage: Stage::Confirm,
        stop_after: None,
        micro_batch_size: Some(5),
        evaluation: Evaluation::default(),
        diagnostics: Diagnostics::default(),
    };
    let text = serde_json::to_string(&trial).unwrap();
    assert_eq!(serde_json::from_str::<TrialConfig>(&text).unwrap(), trial);
    let misspelled = text.replace("\"depth\"", "\"depht\"");
    let error = serde_json::from_str::<TrialConfig>(&misspelled).unwrap_err();
    assert!(error.to_string().contains("depht"), "{error}");
}

#[test]
fn a_plan_records_the_generator_sizes_it_ran_with() {
    let empty = || serde_json::json!({});
    let TaskConfig::Ncf(ncf) = TaskConfig::from_table("ncf", empty()).unwrap() else {
        panic!("an ncf table makes an ncf task");
    };
    assert_eq!(ncf.synthetic, Some(SyntheticConfig::default()));
    let named = TaskConfig::from_table("ncf", serde_json::json!({ "data": "ml-1m" })).unwrap();
    assert!(named.needs_data_root());
    named.validate().unwrap();
    let error = TaskConfig::from_table("text", empty()).unwrap_err();
    assert!(error.to_string().contains("ncf"), "{error}");
}

#[test]
fn task_sizes_are_checked() {
    let rows = [
        ("ncf", serde_json::json!({ "layers": [63, 8] }), "layers"),
        ("ncf", serde_json::json!({ "negatives": 0 }), "negatives"),
        (
            "ncf",
            serde_json::json!({ "data": "x", "synthetic": {} }),
            "synthetic",
        ),
        (
            "ncf",
            serde_json::json!({ "synthetic": { "items": 100 } }),
            "synthetic.items",
        ),
        ("image", serde_json::json!({ "depth": 18 }), "depth"),
        (
            "image",
            serde_json::json!({ "statistics_batch": 1 }),
            "statistics_batch",
        ),
        (
            "image",
            serde_json::json!({ "procedural": { "train": 3 } }),
            "procedural.train",
        ),
    ];
    for (kind, table, setting) in rows {
        let task = TaskConfig::from_table(kind, table).unwrap();
        assert_eq!(task.validate().unwrap_err().setting(), setting);
    }
}
