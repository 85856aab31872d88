//! What `lawn config schema` and `lawn config explain` say of a sweep file is what is read.

use crate::common::faults::{FAULTS, RIGHT, file};
use crate::common::validator;
use serde_json::Value;

#[test]
fn a_sweep_explained_is_the_same_sweep_with_its_defaults_marked() {
    let studies = std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/studies"))
        .expect("there are studies")
        .chain(
            std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/command/sweeps"))
                .expect("there are sweeps"),
        )
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|end| end == "toml"));
    let texts = studies.map(|path| std::fs::read_to_string(path).expect("it is text"));
    let mut count = 0;
    for text in texts.chain([RIGHT.to_owned()]) {
        let file = file(text, &["tuning.seed=77"]);
        let sweep = file.sweep().unwrap_or_else(|error| panic!("{error}"));
        let explained = file.explain().expect("it is a sweep");
        let again = lawn_bench::config::parse("explained.toml", &explained);
        let again = again.unwrap_or_else(|error| panic!("{error}\n{explained}"));
        assert_eq!(again, sweep, "{explained}");
        assert!(
            explained.contains("seed = 77\n"),
            "what is set is no default:\n{explained}"
        );
        assert!(explained.contains("  # default"), "{explained}");
        count += 1;
    }
    assert!(count >= 8, "{count}");
}

#[test]
fn the_schema_takes_what_is_right_and_refuses_what_is_wrong() {
    let schema = lawn_bench::config::schema();
    let json = |text: &str| -> serde_json::Value {
        let table: toml::Table = text.parse().expect("it is TOML");
        serde_json::to_value(table).expect("it has a JSON form")
    };
    for folder in ["studies", "tests/command/sweeps"] {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
        for entry in std::fs::read_dir(folder)
            .expect("there are sweeps")
            .flatten()
        {
            if entry.path().extension().is_some_and(|end| end == "toml") {
                let text = std::fs::read_to_string(entry.path()).expect("it is text");
                let name = entry.path().display().to_string();
                assert!(validator::fits(&schema, &json(&text)), "{name}");
            }
        }
    }
    assert!(validator::fits(&schema, &json(RIGHT)));
    // Every fault of a single key or word is one of the schema, too.
    let shape = |said: &[&str]| {
        said.iter().any(|said| {
            said.starts_with("unknown")
                || said.contains("did you mean")
                || said.contains("expected")
                || said.starts_with("missing")
        })
    };
    let by_name = ["\"ndgc@10\"", "treatment = \"adam-laun\""];
    let mut refused = 0;
    for (from, to, _, said) in FAULTS.iter().filter(|(_, _, _, said)| shape(said)) {
        // Names of arms and metrics are known to no schema.
        if by_name.iter().any(|name| to.contains(name)) {
            continue;
        }
        let text = RIGHT.replacen(from, to, 1);
        assert!(
            !validator::fits(&schema, &json(&text)),
            "{to:?} is not refused ({said:?})"
        );
        refused += 1;
    }
    assert!(refused > 25, "{refused}");
}

/// The places of properties without a description.
fn undescribed(schema: &Value, place: &str, found: &mut Vec<String>) {
    let properties = schema["properties"].as_object();
    for (name, property) in properties.into_iter().flatten() {
        let place = format!("{place}.{name}");
        // Ranges and choices say what they are by their shape.
        if ["min", "max", "scale", "choice", "at"].contains(&name.as_str()) {
            continue;
        }
        if property["description"].as_str().is_none_or(str::is_empty) {
            found.push(place.clone());
        }
        undescribed(property, &place, found);
    }
    for within in ["items", "additionalProperties"] {
        if let Some(schema) = schema.get(within).filter(|schema| schema.is_object()) {
            undescribed(schema, place, found);
        }
    }
    for within in ["oneOf", "anyOf"] {
        let all = schema[within].as_array();
        all.into_iter()
            .flatten()
            .for_each(|schema| undescribed(schema, place, found));
    }
}

#[test]
fn the_schema_describes_every_key_and_knows_defaults_and_bounds() {
    let schema = lawn_bench::config::schema();
    let mut found = Vec::new();
    undescribed(&schema, "", &mut found);
    assert!(found.is_empty(), "without a description: {found:#?}");
    let resources = &schema["properties"]["resources"]["properties"];
    assert_eq!(resources["grace_seconds"]["default"], 30.0);
    assert_eq!(resources["workers"]["minimum"], 1);
    assert_eq!(resources["device"]["default"], "cpu");
    let arm = &schema["properties"]["arms"]["additionalProperties"]["properties"];
    let said = arm["warmup"]["description"].as_str().unwrap_or_default();
    assert!(said.starts_with("Part of all steps"), "{said}");
    // A word says what it means, and a task has its defaults, in the words of today.
    let ncf = &schema["properties"]["tasks"]["additionalProperties"]["oneOf"][0]["properties"];
    assert_eq!(ncf["model"]["oneOf"][0]["const"], "gmf");
    let said = ncf["model"]["oneOf"][0]["description"].as_str();
    assert!(said.is_some_and(|said| said.contains("matrix factorization")));
    assert_eq!(ncf["data"]["default"], "generated");
    assert_eq!(ncf["factors"]["default"], 8);
    // TOML has no null, and no program is told how wide a number is.
    let text = schema.to_string();
    for word in ["null", "\"format\"", "$ref"] {
        assert!(!text.contains(word), "{word}");
    }
}

#[test]
fn the_reference_page_is_what_the_command_prints_and_names_every_key() {
    let page = lawn_bench::config::reference();
    let kept = include_str!("../../REFERENCE.md");
    assert!(
        page == kept,
        "`lawn config reference > lawn-bench/REFERENCE.md` writes it anew"
    );
    let mut all = Vec::new();
    keys(&lawn_bench::config::schema(), &mut all);
    assert!(all.len() > 150, "{}", all.len());
    for key in all {
        assert!(
            page.contains(&format!("\n| `{key}` |")),
            "`{key}` has no row"
        );
    }
}

/// The keys of a table and of those in it; a hyper-parameter's ranges have its key.
fn keys(of: &Value, found: &mut Vec<String>) {
    for (key, inner) in of["properties"].as_object().into_iter().flatten() {
        found.push(key.clone());
        if !["grid", "tune"].contains(&key.as_str()) && inner["deprecated"] != true {
            keys(inner, found);
        }
    }
    let forms = ["oneOf", "anyOf"].map(|forms| of[forms].as_array().into_iter().flatten());
    let forms = forms.into_iter().flatten();
    for form in forms.chain([&of["additionalProperties"]]) {
        if form.is_object() {
            keys(form, found);
        }
    }
}

#[test]
fn a_default_in_the_text_of_a_key_is_the_one_beside_it() {
    let page = lawn_bench::config::reference();
    let mut compared = 0;
    for line in page.lines().filter(|line| line.starts_with("| `")) {
        let parts: Vec<&str> = line.splitn(4, " | ").collect();
        let [key, _, default, says] = parts[..] else {
            continue;
        };
        for ending in [
            " if left out",
            " where nothing is said",
            " where nothing is given",
        ] {
            let before = says.find(ending).map(|at| &says[..at]);
            let said = before.and_then(|text| text.rsplit_once("; "));
            let Some(said) = said.and_then(|(_, said)| said.parse::<f64>().ok()) else {
                continue;
            };
            compared += 1;
            let default = default.trim_matches('`').parse::<f64>();
            assert_eq!(default, Ok(said), "{key}: {says}");
        }
    }
    assert!(compared >= 10, "{compared}");
    // Defaults of which no type of the file knows.
    for row in [
        "| `attempts` | whole number from 1 | `3` |",
        "| `signal_seconds` | whole number from 0 up to 65535 | `60` |",
        "| `every` | table | `{ epochs = 1 }` |",
        "| `label_smoothing` | number from 0 below 1 | `0.0` |",
        "| `beta1` | number from 0 below 1 | `0.9` |",
        "| `epsilon` | number from 0 | [by rule](#defaults-by-rule) |",
    ] {
        assert!(page.contains(row), "{row}");
    }
}
