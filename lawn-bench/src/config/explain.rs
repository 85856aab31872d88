//! The resolved sweep as TOML that reads as the same sweep, each default marked.

use lawn_models::{ConstraintDefaults, OptimizerSettings};
use serde_json::{Map, Value, json};

use super::arms::Inherited;
use super::check::Explanation;
use super::one_of::{CONSTRAINT, LAWN};
use super::rate::{self, RATE_BATCH_SIZE};
use crate::config::sweep::{Arm, Domain, NamedTask, Sweep};

/// The mark of a value that the file does not give.
const DEFAULT: &str = "  # default";

pub(super) fn explain(explained: &Explanation) -> String {
    let Explanation {
        sweep,
        filled,
        given,
        inherited,
        ..
    } = explained;
    let mut page = Page::default();
    let root = filled.as_object().cloned().unwrap_or_default();
    let (tables, mut values): (Map<_, _>, Map<_, _>) =
        root.into_iter().partition(|(_, value)| value.is_object());
    values.insert(
        "reference_batch_size".into(),
        sweep.reference_batch_size.into(),
    );
    values.insert("contrasts".into(), json!(sweep.contrasts));
    page.values(&values, given);
    for task in &sweep.tasks {
        page.task(task, &given["tasks"][&task.name]);
    }
    for (arm, inherited) in sweep.arms.iter().zip(inherited) {
        page.arm(arm, &given["arms"][&arm.name], inherited);
    }
    for (name, table) in tables {
        page.table(&name, &resolved(&name, table, sweep), &given[&name]);
        if name == "resources" {
            for line in sweep.resources.promise() {
                page.text += &format!("# {line}\n");
            }
        }
    }
    page.text.trim_start().to_owned()
}

/// A table whose defaults depend on others, filled in.
fn resolved(name: &str, mut table: Value, sweep: &Sweep) -> Value {
    match name {
        "evaluation" => table["every"] = json!(sweep.evaluation.every),
        "diagnostics" => table["distance_from"] = json!(sweep.diagnostics.distance_from),
        "engines" => {
            let (slurm, ray) = (&sweep.engines.slurm, &sweep.engines.ray);
            table["slurm"]["attempts"] = slurm.attempts.into();
            table["slurm"]["signal_seconds"] = slurm.signal_seconds.into();
            table["ray"]["attempts"] = ray.attempts.into();
        }
        "tuning" => {
            table["settings"] = sweep.rungs[0].settings.into();
            let metrics = sweep
                .tasks
                .iter()
                .map(|task| (task.name.clone(), json!(task.metric)));
            table["metric"] = Value::Object(metrics.collect());
        }
        _ => {}
    }
    table
}

/// The text so far.
#[derive(Default)]
struct Page {
    text: String,
}

impl Page {
    fn heading(&mut self, path: &str) {
        self.text += &format!("\n[{path}]\n");
    }

    fn line(&mut self, key: &str, value: &Value, is_given: bool) {
        self.marked(key, value, if is_given { "" } else { DEFAULT });
    }

    fn marked(&mut self, key: &str, value: &Value, mark: &str) {
        let key = self::key(key);
        self.text += &match value {
            Value::Null => format!("# {key} is not set\n"),
            value => format!("{key} = {}{mark}\n", toml(value)),
        };
    }

    /// The values of a table that are no tables.
    fn values(&mut self, values: &Map<String, Value>, given: &Value) {
        for (key, value) in values.iter().filter(|(_, value)| !value.is_object()) {
            self.line(key, value, !given[key].is_null());
        }
    }

    /// A table and those in it.
    fn table(&mut self, path: &str, table: &Value, given: &Value) {
        let Some(entries) = table.as_object() else {
            return;
        };
        if entries.is_empty() || entries.values().any(|value| !value.is_object()) {
            self.heading(path);
            self.values(entries, given);
        }
        for (key, value) in entries.iter().filter(|(_, value)| value.is_object()) {
            let one = json!({});
            let below = given
                .get(key)
                .filter(|given| given.is_object())
                .unwrap_or(&one);
            self.table(&format!("{path}.{}", self::key(key)), value, below);
        }
    }

    fn task(&mut self, task: &NamedTask, given: &Value) {
        let path = format!("tasks.{}", key(&task.name));
        // The files of a run keep the words that they always had.
        let mut table = json!(task.config).as_object().cloned().unwrap_or_default();
        task.config.entry().rename(&mut table);
        let idle = task.config.idle();
        table.retain(|key, _| !given[key].is_null() || !idle.contains(&key.as_str()));
        self.table(&path, &Value::Object(table), given);
    }

    /// Writes the values that are left out as comments. A value that is written out counts as
    /// given, and would change the ids of the trials.
    fn left_out(&mut self, arm: &Arm) {
        for (key, value) in left_out(arm) {
            self.text += &format!("# {} = {}{DEFAULT}\n", self::key(&key), toml(&value));
        }
        if arm.settings[0].optimizer.clip_norm.is_none() && !arm.space.contains_key("clip_norm") {
            self.line("clip_norm", &Value::Null, false);
        }
    }

    /// What weight decay is not of, beside a rate of it.
    fn exempt(&mut self, key: &str, rate: &Value) {
        if key == "weight_decay" && *rate != json!(0.0) {
            self.text += "# of weights and embeddings: biases, scales and shifts have none\n";
        }
    }

    /// What a rule leaves of an embedding table, above its name.
    fn rows(&mut self, key: &str, arm: &Arm) {
        if key == "rule" && arm.settings[0].optimizer.rule.leaves_rows_alone() {
            let said = arm.settings[0].optimizer.on_tables();
            self.text += &format!("# embedding tables: {said}\n");
        }
    }

    /// Writes the fixed values of an arm, marks those that are of a preset or nobody's, and adds what
    /// it is tuned over, and what it does not have from elsewhere.
    fn arm(&mut self, arm: &Arm, own: &Value, inherited: &Inherited) {
        let path = format!("arms.{}", key(&arm.name));
        self.heading(&path);
        for one in &inherited.gave_way {
            self.text += &format!("# {} of {} gives way to {}\n", one.what, one.from, one.to);
        }
        // What a preset gives is written out, and reads as the same without its name.
        let of_preset = |key: &str| {
            let preset = inherited.origins.get(key).and_then(|layer| layer.preset());
            preset.map_or_else(String::new, |name| format!("  # of preset {name}"))
        };
        let is_given = |key: &str| !own[key].is_null() || inherited.origins.contains_key(key);
        let settings = &arm.settings[0].optimizer;
        let fixed = settings.applying();
        for (key, value) in (fixed.iter()).filter(|(name, _)| !arm.space.contains_key(*name)) {
            self.exempt(key, value);
            self.rows(key, arm);
            // LAWN by the name of a constraint.
            let is_named = key == LAWN && settings.lawn && is_given(CONSTRAINT);
            match is_given(key) || is_named {
                true => self.marked(key, value, &of_preset(key)),
                false => self.line(key, value, false),
            }
        }
        if let Some((size, meaning)) = rate::written(arm.rate_batch_size) {
            self.text += &format!("# {meaning}\n");
            self.marked(RATE_BATCH_SIZE, &size, &of_preset(RATE_BATCH_SIZE));
        }
        self.left_out(arm);
        let is_grid = |domain: &Domain| matches!(domain, Domain::Grid(_));
        for (name, grid) in [("grid", true), ("tune", false)] {
            let mut axes = arm
                .space
                .iter()
                .filter(|(_, axis)| is_grid(&axis.domain) == grid);
            let Some(first) = axes.next() else {
                continue;
            };
            self.heading(&format!("{path}.{name}"));
            for (key, axis) in std::iter::once(first).chain(axes) {
                let mut value = axis.domain.written();
                if !axis.at.is_empty() {
                    let at = axis.at.iter();
                    let at = at.map(|(size, over)| (size.to_string(), over.written()));
                    value["at"] = Value::Object(at.collect());
                }
                self.exempt(key, &value);
                self.marked(key, &value, &of_preset(key));
            }
        }
    }
}

/// The hyper-parameters that neither the arm nor the defaults of all arms give, with their
/// values.
fn left_out(arm: &Arm) -> Map<String, Value> {
    let first = &arm.settings[0].optimizer;
    let full = first.or(&OptimizerSettings::defaults(first.rule));
    let full = match first.norm_constraint() {
        Some(constraint) => full.under(&ConstraintDefaults::of(constraint)),
        None => full,
    };
    let given = json!(first);
    let mut all = full.applying();
    // What has no default does nothing.
    all.entry("weight_decay").or_insert(json!(0.0));
    all.retain(|name, _| given[name].is_null() && !arm.space.contains_key(name));
    all
}

/// A key, in quotes where it needs them.
fn key(name: &str) -> String {
    let bare = |c: char| c.is_ascii_alphanumeric() || "-_".contains(c);
    if !name.is_empty() && name.chars().all(bare) {
        name.to_owned()
    } else {
        json!(name).to_string()
    }
}

/// A value on one line. Texts of JSON are texts of TOML too.
fn toml(value: &Value) -> String {
    match value {
        Value::Array(items) => {
            let items: Vec<String> = items.iter().map(toml).collect();
            format!("[{}]", items.join(", "))
        }
        Value::Object(entries) => {
            let entries = entries.iter().filter(|(_, value)| !value.is_null());
            let entries: Vec<String> = entries
                .map(|(name, value)| format!("{} = {}", key(name), toml(value)))
                .collect();
            format!("{{ {} }}", entries.join(", "))
        }
        other => other.to_string(),
    }
}
