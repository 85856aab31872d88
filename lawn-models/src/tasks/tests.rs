use serde_json::{Value, json};

use super::*;
use crate::data::images::GeneratedImages;
use crate::data::ratings::GeneratedRatings;
use crate::trial::{Amount, OptimizerSettings, RuleName};

fn trial(kind: &str, table: Value) -> TrialConfig {
    let task = TaskConfig::from_table(kind, table).unwrap();
    let optimizer = OptimizerSettings::new(RuleName::Adam, 0.5);
    TrialConfig::new(task, optimizer, 10, Amount::Epochs(2))
}

#[test]
fn a_trial_survives_json_and_unknown_keys_do_not() {
    let trial = trial("image", json!({ "depth": 8 }));
    let text = serde_json::to_string(&trial).unwrap();
    assert_eq!(serde_json::from_str::<TrialConfig>(&text).unwrap(), trial);
    let misspelled = text.replace("\"depth\"", "\"depht\"");
    let error = serde_json::from_str::<TrialConfig>(&misspelled).unwrap_err();
    assert!(error.to_string().contains("depht"), "{error}");
}

/// The id of a trial is a hash of this text, and its checkpoint is known by it: another
/// text would make every trial of before another one.
#[test]
fn the_text_that_a_trial_is_known_by_stays() {
    let optimizer = concat!(
        r#""optimizer":{"rule":"adam","learning_rate":0.5,"lawn":false,"#,
        r#""project_gradient":true,"project_update":true,"warmup":0.0,"decay":"constant"},"#,
        r#""batch_size":10,"budget":{"epochs":2},"seed":0,"stage":"tune","#,
        r#""evaluation":{"every":{"epochs":1},"test_curve":false},"#,
        r#""diagnostics":{"units":false,"distance_from":null}}"#,
    );
    for (kind, then, expected) in [
        (
            "ncf",
            "synthetic",
            concat!(
                r#"{"task":{"kind":"ncf","data":"synthetic","model":"neumf","factors":8,"#,
                r#""layers":[64,32,16,8],"negatives":4,"ties":"mid-rank","validation":"random","#,
                r#""split_seed":0,"synthetic":{"users":2000,"items":1000,"interactions":30,"#,
                r#""factors":6,"skew":0.6,"strength":2.0,"seed":0}},"#,
            ),
        ),
        (
            "image",
            "procedural",
            concat!(
                r#"{"task":{"kind":"image","data":"procedural","depth":20,"width":16,"#,
                r#""statistics_batch":128,"augment":true,"validation_fraction":0.1,"#,
                r#""split_seed":0,"procedural":{"classes":8,"side":16,"train":2000,"#,
                r#""test":1000,"noise":0.25,"seed":0}},"#,
            ),
        ),
    ] {
        let expected = format!("{expected}{optimizer}");
        for table in [
            json!({}),
            json!({ "data": "generated" }),
            json!({ "data": "generated", "generated": {} }),
            json!({ "data": then, then: {} }),
            json!({ then: {} }),
        ] {
            let trial = trial(kind, table);
            assert_eq!(trial.task.data(), "generated");
            assert_eq!(serde_json::to_string(&trial).unwrap(), expected);
            let read: TrialConfig = serde_json::from_str(&expected).unwrap();
            assert_eq!(read, trial);
        }
        let named = trial(kind, json!({ "data": "mine" }));
        let text = serde_json::to_string(&named).unwrap();
        assert!(text.contains(r#""data":"mine""#), "{text}");
    }
}

/// `kind` in JSON comes from the name of a variant, everywhere else from the kind itself.
#[test]
fn each_kind_has_one_name() {
    assert_eq!(KINDS.len(), TaskConfig::KINDS.len());
    for (kind, &name) in KINDS.iter().zip(TaskConfig::KINDS) {
        assert_eq!(kind.name, name);
        let task = TaskConfig::from_table(name, json!({})).unwrap();
        assert_eq!(task.kind(), name);
        assert_eq!(serde_json::to_value(&task).unwrap()["kind"], name);
        task.validate().unwrap();
        assert_eq!(task.metrics(), kind.metrics);
        assert_eq!(kind.metrics.all[0], kind.metrics.primary);
        let made: MakeData = serde_json::from_value(json!({ "kind": name })).unwrap();
        assert_eq!(serde_json::to_value(&made).unwrap()["kind"], name);
        assert!(!kind.about.is_empty());
        let schema = (kind.schema)(&mut schemars::SchemaGenerator::default());
        let described = &schema.get("properties").unwrap()["data"]["description"];
        assert!(described.as_str().unwrap().contains("generated"));
        for (then, now) in kind.renamed {
            let task = |word: &str| TaskConfig::from_table(name, json!({ word: {} })).unwrap();
            assert_eq!(task(then), task(now));
        }
    }
}

#[test]
fn a_plan_records_the_generator_sizes_it_ran_with() {
    let of = |kind, table| TaskConfig::from_table(kind, table).unwrap();
    let TaskConfig::Ncf(ncf) = of("ncf", json!({})) else {
        panic!("an ncf table makes an ncf task");
    };
    assert_eq!(ncf.generated, Some(GeneratedRatings::default()));
    let TaskConfig::Image(image) = of("image", json!({})) else {
        panic!("an image table makes an image task");
    };
    assert_eq!(image.generated, Some(GeneratedImages::default()));
    let named = of("ncf", json!({ "data": "ml-1m" }));
    assert!(named.needs_data_root());
    named.validate().unwrap();
    let error = TaskConfig::from_table("text", json!({})).unwrap_err();
    assert!(error.to_string().contains("ncf"), "{error}");
}

#[test]
fn task_sizes_are_checked() {
    let rows = [
        ("ncf", json!({ "layers": [63, 8] }), "layers"),
        ("ncf", json!({ "factors": 16_777_217 }), "factors"),
        ("ncf", json!({ "negatives": 0 }), "negatives"),
        ("ncf", json!({ "data": "x", "generated": {} }), "generated"),
        (
            "ncf",
            json!({ "synthetic": { "items": 100 } }),
            "generated.items",
        ),
        ("image", json!({ "depth": 18 }), "depth"),
        (
            "image",
            json!({ "model": "resnet50", "depth": 56 }),
            "depth",
        ),
        (
            "image",
            json!({ "model": "vit_b_16", "shortcut": "b" }),
            "shortcut",
        ),
        (
            "image",
            json!({ "model": "vgg16", "statistics_batch": 64 }),
            "statistics_batch",
        ),
        (
            "image",
            json!({ "model": "resnet18", "dropout": 0.1 }),
            "dropout",
        ),
        (
            "image",
            json!({ "model": "vgg16_bn", "zero_gamma": true }),
            "zero_gamma",
        ),
        (
            "image",
            json!({ "model": "vit_s_16", "drop_path": 1.0 }),
            "drop_path",
        ),
        ("image", json!({ "init": "zeros" }), "init"),
        (
            "image",
            json!({ "statistics_batch": 1 }),
            "statistics_batch",
        ),
        (
            "image",
            json!({ "generated": { "train": 3 } }),
            "generated.train",
        ),
        (
            "image",
            json!({ "data": "x", "procedural": {} }),
            "generated",
        ),
    ];
    for (kind, table, setting) in rows {
        let task = TaskConfig::from_table(kind, table).unwrap();
        assert_eq!(task.validate().unwrap_err().setting(), setting);
    }
}

#[test]
fn words_of_before_are_told_and_replaced() {
    for (kind, then) in [("ncf", "synthetic"), ("image", "procedural")] {
        let entry = KINDS.iter().find(|entry| entry.name == kind).unwrap();
        let rename = |mut table: Value| {
            let found = entry.rename(table.as_object_mut().unwrap());
            (table, found)
        };
        let (table, found) = rename(json!({ "data": then, then: { "seed": 1 }, "depth": 8 }));
        let now = json!({ "data": "generated", "generated": { "seed": 1 }, "depth": 8 });
        assert_eq!(
            (&table, found.as_slice()),
            (&now, &[(then, "generated")][..])
        );
        assert_eq!(rename(now.clone()), (now, Vec::new()));
        let mine = json!({ "data": "mine" });
        assert_eq!(rename(mine.clone()), (mine, Vec::new()));
        let task = TaskConfig::from_table(kind, json!({})).unwrap();
        assert_eq!(task.entry().name, kind);
    }
}

#[test]
fn an_image_task_names_its_net_and_one_name_is_the_net_of_before() {
    let of = |table| TaskConfig::from_table("image", table).unwrap();
    let text = |task: &TaskConfig| serde_json::to_string(task).unwrap();
    let unnamed = of(json!({ "depth": 32 }));
    assert_eq!(of(json!({ "depth": 32, "model": "resnet_cifar" })), unnamed);
    let named = of(json!({ "model": "resnet50", "init": "timm", "zero_gamma": false }));
    assert_ne!(text(&named), text(&of(json!({ "model": "resnet50" }))));
    assert!(
        text(&named).contains(r#""model":"resnet50""#),
        "{}",
        text(&named)
    );
    named.validate().unwrap();
    let from = of(json!({ "init": "zeros", "init_from": "resnet20.safetensors" }));
    from.validate().unwrap();
    assert!(from.needs_data_root() && from.is_generated());
    let error = TaskConfig::from_table("image", json!({ "model": "resnet51" })).unwrap_err();
    assert!(error.to_string().contains("resnet50"), "{error}");
}

/// Nets that cannot see pictures of a size say so, rather than fail in libtorch.
#[test]
fn pictures_that_are_too_small_or_not_square_for_a_net_are_refused() {
    for (model, side, expected) in [
        ("vgg11_bn", 16, "32 or more a side"),
        ("vit_s_16", 24, "a multiple of 16"),
        ("vit_s_16", 8, "16 or more a side"),
    ] {
        let table = json!({ "model": model, "generated": { "side": side, "train": 40 } });
        let task = TaskConfig::from_table("image", table).unwrap();
        let assembled = task.assemble(Surroundings {
            device: tch::Device::Cpu,
            data_root: None,
            seed: 0,
            part: crate::models::TablePart::default(),
        });
        let error = assembled.err().expect("it is refused").to_string();
        assert!(error.contains(expected) && error.contains(model), "{error}");
    }
}
