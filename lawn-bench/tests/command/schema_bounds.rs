//! The schema refuses each value that `lawn` refuses by its range, and no other.

use std::collections::BTreeSet;

use crate::common::faults::file;
use crate::common::validator;
use serde_json::{Map, Value, json};

/// A sweep of a kind of task that is right, and that most values can be added to.
fn right(kind: &str) -> Value {
    json!({
        "name": "bounds",
        "batch_sizes": [64, 256],
        "tasks": { "one": { "kind": kind } },
        "budget": { "epochs": 6 },
        "arms": { "sgd": { "rule": "sgd", "learning_rate": 0.1 } },
        "confirmation": { "seeds": [1, 2] },
    })
}

/// What else has to be there for some of the keys. The first with which a value is right is
/// taken.
fn variants() -> Vec<Value> {
    let arm = |more: Value| json!({ "arms": { "sgd": more } });
    let task = |more: Value| json!({ "tasks": { "one": more } });
    let lawn = json!({ "lawn": true, "free_fraction": 0.5 });
    vec![
        json!({}),
        arm(json!({ "rule": "adam" })),
        arm(json!({ "rule": "lars" })),
        arm(json!({ "rule": "adagrad" })),
        arm(json!({ "rule": "adafactor" })),
        arm(json!({ "rule": "lamb" })),
        arm(json!({ "lawn": true })),
        arm(lawn),
        arm(json!({ "decay": "linear" })),
        arm(json!({ "decay": "polynomial" })),
        arm(json!({ "decay": "multi-step", "milestones": [0.5] })),
        arm(json!({ "momentum": 0.5 })),
        task(json!({ "data": "mine" })),
        task(json!({ "split": "random" })),
        task(json!({ "data": "mine", "split": "last-day" })),
        task(json!({ "pretrained": { "gmf": "a", "mlp": "b" } })),
        task(json!({ "protocol": { "candidates": "all" } })),
        task(json!({ "model": "vgg16" })),
        task(json!({ "model": "vit_s_16" })),
        task(json!({ "model": "vit_s_16_algoperf" })),
        json!({ "tuning": { "rungs": { "eta": 3, "first": 0.5 }, "settings": 9 },
            "arms": { "sgd": { "tune": { "weight_decay": { "min": 0.1, "max": 0.2, "scale": "log" } } } } }),
    ]
}

/// Lays `over` over `below`, table by table.
fn lay(below: &mut Value, over: &Value) {
    match (below, over) {
        (Value::Object(below), Value::Object(over)) => {
            for (key, value) in over {
                lay(below.entry(key).or_insert(Value::Null), value);
            }
        }
        (below, over) => *below = over.clone(),
    }
}

/// `value` below the keys of `path`.
fn at(path: &[String], value: &Value) -> Value {
    path.iter().rev().fold(value.clone(), |value, key| {
        Value::Object(Map::from_iter([(key.clone(), value)]))
    })
}

fn is_right(sweep: &Value) -> Result<(), String> {
    let text = toml::to_string(sweep).expect("it has a form in TOML");
    let read = file(text, &[]).sweep();
    read.map(drop).map_err(|error| error.to_string())
}

/// A value of the schema: the keys that lead to it, and what the schema says of it. Of keys of
/// which a table has one, each stands in a table of its own.
#[derive(Clone)]
struct Leaf {
    path: Vec<String>,
    schema: Value,
    /// Keys that cannot stand beside it.
    others: Vec<String>,
}

/// The leaves below `schema`, those of the first form where there are several.
fn leaves(schema: &Value, path: &[String], found: &mut Vec<Leaf>) {
    let alternatives: Vec<&str> = schema["oneOf"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|one| one["required"].as_array()?.first()?.as_str())
        .collect();
    for (name, property) in schema["properties"].as_object().into_iter().flatten() {
        let path = [path, std::slice::from_ref(name)].concat();
        if property["deprecated"] == true {
            continue;
        }
        if property["properties"].is_object() {
            leaves(property, &path, found);
            continue;
        }
        let others = alternatives
            .iter()
            .filter(|other| alternatives.contains(&name.as_str()) && *other != name);
        found.push(Leaf {
            path,
            schema: property.clone(),
            others: others.map(|other| (*other).to_owned()).collect(),
        });
    }
}

/// The leaves of a sweep with one task of a kind and one arm.
fn all_leaves(schema: &Value, kind: &str) -> Vec<Leaf> {
    let mut found = Vec::new();
    let mut root = schema.clone();
    let properties = root["properties"].as_object_mut().expect("a table");
    let tasks = properties.remove("tasks").expect("there are tasks");
    let arms = properties.remove("arms").expect("there are arms");
    properties.remove("defaults");
    leaves(&root, &[], &mut found);
    let mut tasks = tasks["additionalProperties"]["oneOf"]
        .as_array()
        .expect("kinds")
        .iter();
    let task = tasks.find(|task| task["properties"]["kind"]["const"] == kind);
    let words = |path: &str| -> Vec<String> { path.split('.').map(str::to_owned).collect() };
    leaves(task.expect("it is listed"), &words("tasks.one"), &mut found);
    let mut arm = arms["additionalProperties"].clone();
    let properties = arm["properties"].as_object_mut().expect("a table");
    // They are made of the same values: `ranges_and_lists` looks at them.
    properties.remove("grid");
    properties.remove("tune");
    leaves(&arm, &words("arms.sgd"), &mut found);
    found
}

/// Values of which one is right for each key, and values beyond what most allow.
fn values(schema: &Value) -> (Vec<Value>, Vec<Value>) {
    let is = |name: &str| {
        let mut forms = vec![schema];
        forms.extend(schema["anyOf"].as_array().into_iter().flatten());
        forms
            .iter()
            .any(|form| form["type"] == name && form["enum"].is_null())
    };
    let (mut good, mut bad) = (Vec::new(), Vec::new());
    let numbers = |good: &mut Vec<Value>, bad: &mut Vec<Value>| {
        good.extend([1, 2, 3, 8, 20, 64, 250, 2000].map(Value::from));
        let most = i64::MAX;
        bad.extend([-1, 0, 1, 7, 1025, 70_000, 1 << 25, 1 << 33, most].map(Value::from));
    };
    if is("integer") {
        numbers(&mut good, &mut bad);
    }
    if is("number") {
        good.push(0.5.into());
        numbers(&mut good, &mut bad);
        bad.extend([-0.5, 0.999, 1.001, 1e300].map(Value::from));
    }
    if is("string") {
        good.extend(["30", "1", "x", "http://x:1", "-x"].map(Value::from));
        let long = "x".repeat(65);
        let texts = [
            "",
            " ",
            "a/b",
            ".x",
            "a b",
            "1h",
            "1:2:3:4",
            "x\ny",
            long.as_str(),
        ];
        bad.extend(texts.map(Value::from));
    }
    if is("array") {
        let (some, none) = values(&schema["items"]);
        good.extend(some.iter().map(|one| json!([one])));
        good.push(json!([8, 4]));
        bad.push(json!([]));
        bad.extend(none.iter().map(|one| json!([one])));
        bad.extend(
            none.iter()
                .flat_map(|one| [json!([one, 4]), json!([8, one])]),
        );
        bad.extend(some.iter().map(|one| json!([one, one])));
    }
    if schema["additionalProperties"].is_object() {
        let (some, none) = values(&schema["additionalProperties"]);
        good.extend(some.iter().map(|one| json!({ "top-1": one })));
        good.extend(some.iter().map(|one| json!({ "hr@10": one })));
        let named = |names: &str| {
            none.iter()
                .map(|one| json!({ names: one }))
                .collect::<Vec<_>>()
        };
        bad.extend(named("top-1"));
        bad.extend(named("hr@10"));
    }
    (good, bad)
}

/// What no schema knows, as it depends on other values: what `lawn` says then.
const OF_OTHERS: [&str; 12] = [
    "is not among batch_sizes",
    "no task measures",
    "below the budget of",
    "with 8 classes",
    "leaves 99 negatives",
    "`size` to four times that",
    "6n + 2",
    "an even first width",
    "candidates is a hit",
    "is the tuning seed",
    "settings are too few for these rungs",
    "tuning.settings asks for",
];

/// The same of a range.
const OF_RANGES: [&str; 2] = ["above the warmup of", "below the budget of"];

#[test]
fn each_value_that_is_refused_by_its_range_is_refused_by_the_schema_and_no_other() {
    let schema = lawn_bench::config::schema();
    let (mut faults, mut unreached) = (String::new(), Vec::new());
    let mut excused = BTreeSet::new();
    let (mut reached, mut refusals) = (0, 0);
    for kind in lawn_models::KINDS {
        let base = right(kind.name);
        is_right(&base).unwrap_or_else(|error| panic!("{}: {error}", kind.name));
        for leaf in all_leaves(&schema, kind.name) {
            let (good, bad) = values(&leaf.schema);
            if good.is_empty() {
                continue;
            }
            let with = |variant: &Value, value: &Value| {
                let mut sweep = base.clone();
                lay(&mut sweep, variant);
                let (_, table) = leaf.path.split_last().expect("it has a key");
                let table = table
                    .iter()
                    .try_fold(&mut sweep, |table, key| table.get_mut(key));
                if let Some(Value::Object(table)) = table {
                    table.retain(|key, _| !leaf.others.contains(key));
                }
                lay(&mut sweep, &at(&leaf.path, value));
                sweep
            };
            let name = leaf.path.join(".");
            let variants = variants();
            let mut right = variants.iter().filter(|variant| {
                good.iter().any(|value| {
                    let sweep = with(variant, value);
                    is_right(&sweep).is_ok() && validator::fits(&schema, &sweep)
                })
            });
            let Some(variant) = right.next() else {
                unreached.push(name);
                continue;
            };
            reached += 1;
            for value in good.iter().chain(&bad) {
                let sweep = with(variant, value);
                let fits = validator::fits(&schema, &sweep);
                match is_right(&sweep) {
                    Ok(()) if !fits => faults += &format!("{name} = {value} is right\n"),
                    Err(said) if fits => {
                        match OF_OTHERS.iter().find(|words| said.contains(*words)) {
                            Some(words) => drop(excused.insert(*words)),
                            None => faults += &format!("{name} = {value} fits, but: {said}\n"),
                        }
                    }
                    Ok(()) => {}
                    Err(_) => refusals += 1,
                }
            }
        }
    }
    assert!(faults.is_empty(), "{faults}");
    let idle: Vec<&str> = OF_OTHERS
        .into_iter()
        .filter(|words| !excused.contains(words))
        .collect();
    assert!(idle.is_empty(), "excuses that excuse nothing: {idle:?}");
    // Names of arms and metrics, for one, are known to no list of values.
    assert!(
        reached > 150,
        "{reached}; no right value was found for {unreached:?}"
    );
    assert!(refusals > 500, "{refusals}");
}

#[test]
fn ranges_and_lists_are_bound_as_the_values_that_they_are_made_of() {
    let schema = lawn_bench::config::schema();
    let arm = &schema["properties"]["arms"]["additionalProperties"]["properties"];
    let (mut faults, mut seen) = (String::new(), 0);
    let mut excused: BTreeSet<&str> = BTreeSet::new();
    for (name, of) in arm.as_object().expect("a table") {
        if of["type"] != "number" {
            continue;
        }
        for variant in variants() {
            let mut base = right("ncf");
            lay(&mut base, &variant);
            let arm = base["arms"]["sgd"].as_object_mut().expect("a table");
            arm.remove(name);
            arm.remove("tune");
            base["tuning"] = json!({ "settings": 3 });
            let range = |min: f64, max: f64| {
                let mut sweep = base.clone();
                let ends = json!({ "min": min, "max": max, "scale": "linear" });
                sweep["arms"]["sgd"]["tune"] = json!({ name: ends });
                sweep
            };
            let list = |one: f64| {
                let mut sweep = base.clone();
                sweep["tuning"] = json!({});
                sweep["arms"]["sgd"]["grid"] = json!({ name: [0.25, one] });
                sweep
            };
            if is_right(&range(0.25, 0.5)).is_err() {
                continue;
            }
            seen += 1;
            let ranges = [-1.0, 0.0].map(|min| range(min, 0.5));
            let ranges = ranges
                .into_iter()
                .chain([1.0, 1.5, 7.0].map(|max| range(0.25, max)));
            for sweep in ranges.chain([-1.0, 0.0, 0.5, 1.0, 1.5].map(list)) {
                let (fits, read) = (validator::fits(&schema, &sweep), is_right(&sweep));
                let said = read.clone().err().unwrap_or_default();
                let excuse = OF_RANGES.iter().find(|words| said.contains(*words));
                excused.extend(excuse);
                if fits != read.is_ok() && excuse.is_none() {
                    faults += &format!("{}: {said:?}\n", sweep["arms"]);
                }
            }
            break;
        }
    }
    assert!(faults.is_empty(), "{faults}");
    assert!(seen >= 15, "{seen}");
    assert_eq!(
        excused.len(),
        OF_RANGES.len(),
        "some excuse nothing: {excused:?}"
    );
}

#[test]
fn names_are_bound() {
    let schema = lawn_bench::config::schema();
    for name in [
        "",
        ".x",
        "a/b",
        "a b",
        "ü",
        &"x".repeat(65),
        "x",
        "-x",
        "a.b_c-1",
        &"x".repeat(64),
    ] {
        let named = |key: &str| {
            let mut sweep = right("ncf");
            let table = sweep[key].as_object_mut().expect("a table");
            let one = std::mem::take(table)
                .into_iter()
                .next()
                .expect("there is one")
                .1;
            table.insert(name.to_owned(), one);
            sweep
        };
        for sweep in [named("tasks"), named("arms")] {
            assert_eq!(
                validator::fits(&schema, &sweep),
                is_right(&sweep).is_ok(),
                "{name:?}"
            );
        }
    }
}
