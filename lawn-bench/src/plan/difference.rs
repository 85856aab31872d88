//! In what two plans differ, by the keys of their sweep files.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;

use crate::config::{Domain, RateBatchSize, Scaling, Sweep};

/// Differences told one by one; of the rest the keys.
const SHOWN: usize = 8;

/// What the sweep keeps under another name than its file has.
const NAMES: [(&str, &str); 8] = [
    ("tuning_seed", "tuning.seed"),
    ("rungs", "tuning.rungs"),
    ("learning_rate_scaling", "tuning.learning_rate_scaling"),
    ("confirmation_seeds", "confirmation.seeds"),
    ("alpha", "report.alpha"),
    ("margins", "report.margins"),
    ("width", "report.width"),
    ("resources.threads", "resources.threads"),
];

/// What changes no result and no verdict.
const FREE: [&str; 4] = ["name", "width", "engines", "resources"];

/// A key whose value differs between two sweeps.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Change {
    /// The key of a sweep file.
    pub key: String,
    /// Its value in the first; none where it is not set.
    pub first: Option<Value>,
    /// Its value in the second.
    pub second: Option<Value>,
}

impl Change {
    fn values(&self) -> [String; 2] {
        let shown = |value: &Option<Value>| {
            let shown = value.as_ref().map(Value::to_string);
            shown.unwrap_or_else(|| "not set".to_owned())
        };
        [shown(&self.first), shown(&self.second)]
    }

    /// Whether both are lists of the same values in another order.
    #[must_use]
    pub fn is_of_order(&self) -> bool {
        let sorted = |value: &Option<Value>| {
            let list = value.as_ref()?.as_array()?;
            let mut list: Vec<String> = list.iter().map(Value::to_string).collect();
            list.sort();
            Some(list)
        };
        self.first != self.second
            && sorted(&self.first).is_some_and(|first| sorted(&self.second) == Some(first))
    }

    /// Both values side by side.
    #[must_use]
    pub fn beside(&self) -> String {
        format!("{}: {}", self.key, self.values().join(" | "))
    }
}

/// The first value as what is there, and the second as what is made now.
impl std::fmt::Display for Change {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let [first, second] = self.values();
        write!(f, "{}: {first} there, {second} now", self.key)
    }
}

/// The keys that decide a trial or a verdict in which two sweeps differ.
#[must_use]
pub fn changes(first: &Sweep, second: &Sweep) -> Vec<Change> {
    let (old, new) = (keys(first), keys(second));
    let all = old
        .keys()
        .chain(new.keys().filter(|key| !old.contains_key(*key)));
    let differing = all.filter(|key| old.get(*key) != new.get(*key));
    differing
        .map(|key| Change {
            key: key.clone(),
            first: old.get(key).cloned(),
            second: new.get(key).cloned(),
        })
        .collect()
}

/// A line a key in which the sweep that is `there` differs from the one made `now`, both
/// values beside it.
pub(super) fn differences(there: &Sweep, now: &Sweep) -> Vec<String> {
    let mut lines = orders(there, now);
    let changes = changes(there, now).into_iter();
    lines.extend(changes.map(|change| (change.key.clone(), change.to_string())));
    shown(lines)
}

/// What is said of the first keys; the others are named.
pub(super) fn shown(lines: Vec<(String, String)>) -> Vec<String> {
    let (first, others) = lines.split_at(lines.len().min(SHOWN));
    let mut shown: Vec<String> = first.iter().map(|(_, line)| line.clone()).collect();
    if !others.is_empty() {
        let keys: Vec<&str> = others.iter().map(|(key, _)| key.as_str()).collect();
        shown.push(format!("and {} more: {}", others.len(), keys.join(", ")));
    }
    shown
}

/// Arms and tasks that stand in another order: so do their trials.
fn orders(there: &Sweep, now: &Sweep) -> Vec<(String, String)> {
    let arms =
        |sweep: &Sweep| -> Vec<String> { sweep.arms.iter().map(|arm| arm.name.clone()).collect() };
    let tasks = |sweep: &Sweep| -> Vec<String> {
        sweep.tasks.iter().map(|task| task.name.clone()).collect()
    };
    let pairs = [
        ("tasks", tasks(there), tasks(now)),
        ("arms", arms(there), arms(now)),
    ];
    let sorted = |names: &[String]| {
        let mut names = names.to_vec();
        names.sort();
        names
    };
    pairs
        .into_iter()
        .filter(|(_, old, new)| old != new && sorted(old) == sorted(new))
        .map(|(what, old, new)| {
            let key = format!("order of {what}");
            let line = format!("{key}: {} there, {} now", old.join(", "), new.join(", "));
            (key, line)
        })
        .collect()
}

/// Every value that decides a trial or a verdict, by its key in a sweep file.
fn keys(sweep: &Sweep) -> BTreeMap<String, Value> {
    let mut found = BTreeMap::new();
    let Ok(Value::Object(mut whole)) = serde_json::to_value(sweep) else {
        return found;
    };
    for name in FREE {
        whole.remove(name);
    }
    whole.insert("resources.threads".into(), sweep.resources.threads.into());
    for (name, value) in whole {
        let renamed = NAMES.iter().find(|(own, _)| *own == name);
        let name = renamed.map_or(name.as_str(), |(_, file)| file);
        match name {
            "arms" => arms(sweep, &mut found),
            // Without rounds a file has the number of settings alone.
            "tuning.rungs" if sweep.rungs.len() == 1 => {
                found.insert("tuning.settings".into(), sweep.rungs[0].settings.into());
            }
            "tasks" => {
                for task in &sweep.tasks {
                    let key = format!("tasks.{}", task.name);
                    let mut config = serde_json::to_value(&task.config).unwrap_or_default();
                    // The files of a run keep the words that they always had.
                    if let Some(table) = config.as_object_mut() {
                        task.config.entry().rename(table);
                    }
                    flatten(&key, &config, &mut found);
                    let metric = format!("tuning.metric of task {}", task.name);
                    found.insert(metric, task.metric.as_str().into());
                }
            }
            name => flatten(name, &value, &mut found),
        }
    }
    found
}

/// What an arm fixes, and what it is tuned over: its settings follow from both.
fn arms(sweep: &Sweep, found: &mut BTreeMap<String, Value>) {
    for arm in &sweep.arms {
        let key = format!("arms.{}", arm.name);
        if let Some(first) = arm.settings.first() {
            let fixed = serde_json::to_value(&first.optimizer).unwrap_or_default();
            let fixed = fixed.as_object().into_iter().flatten();
            for (name, value) in fixed.filter(|(name, _)| !arm.space.contains_key(*name)) {
                flatten(&format!("{key}.{name}"), value, found);
            }
        }
        for (name, axis) in &arm.space {
            let table = match axis.domain {
                Domain::Grid(_) => "grid",
                Domain::Choice(_) | Domain::Range { .. } => "tune",
            };
            let key = format!("{key}.{table}.{name}");
            for (size, domain) in &axis.at {
                found.insert(format!("{key}.at.{size}"), domain.written());
            }
            found.insert(key, axis.domain.written());
        }
        let own = match arm.rate_batch_size {
            // Nothing follows a batch size.
            _ if sweep.learning_rate_scaling == Scaling::None => None,
            RateBatchSize::Reference => None,
            RateBatchSize::Of(size) => Some(size.into()),
            RateBatchSize::Any => Some("any".into()),
        };
        found.extend(own.map(|own| (format!("{key}.rate_batch_size"), own)));
        found.insert(format!("{key}: settings"), arm.settings.len().into());
    }
}

fn flatten(key: &str, value: &Value, found: &mut BTreeMap<String, Value>) {
    match value {
        Value::Object(fields) if !fields.is_empty() => {
            for (name, value) in fields {
                flatten(&format!("{key}.{name}"), value, found);
            }
        }
        // What is not set has no value.
        Value::Null => {}
        value => drop(found.insert(key.to_owned(), value.clone())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_is_named_and_the_first_with_their_values() {
        let lines = |count: usize| -> Vec<(String, String)> {
            let line = |n: usize| (format!("key-{n}"), format!("key-{n}: 1 there, 2 now"));
            (0..count).map(line).collect()
        };
        let few = shown(lines(SHOWN));
        assert_eq!(few.len(), SHOWN);
        let many = shown(lines(SHOWN + 2));
        assert_eq!(many[..SHOWN], few);
        assert_eq!(many[SHOWN..], ["and 2 more: key-8, key-9"]);
    }
}
