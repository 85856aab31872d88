//! Every key of a sweep file on one page, with its values, its default and what it says.
//!
//! All of it is the [schema](super::schema) and the defaults of the rules: a key is here once it
//! can be read, and its default is the one that is taken.

use lawn_models::{ConstraintDefaults, ConstraintName, OptimizerSettings, RuleName};
use serde_json::{Map, Value, json};

use super::schema::schema;

/// Tables of an arm with an entry a hyper-parameter, which are not written out.
const SPACES: [&str; 2] = ["grid", "tune"];

/// The table of an arm.
const ARMS: &str = "[arms.NAME]";

/// The page, as Markdown.
#[must_use]
pub fn reference() -> String {
    let schema = schema();
    let mut page = Page::default();
    page.text += "# Keys of a sweep file\n\nWritten by `lawn config reference`, from the types that \
                  a sweep file is read into. `lawn config explain FILE` shows the values that hold \
                  for one file. A default of — means that the key does nothing unless it is \
                  given, or that its default follows from others, as its text says. *By rule* and *by \
                  constraint* it is that of the tables at the end. **Required** keys have none.\n";
    page.table("Top level", "", &schema);
    for (name, table) in entries(&schema) {
        let path = format!("[{name}]");
        match name {
            "tasks" => {
                for kind in list(&table["additionalProperties"]["oneOf"]) {
                    let word = kind["properties"]["kind"]["const"].as_str();
                    let word = word.unwrap_or_default();
                    page.table("[tasks.NAME]", &format!("kind = \"{word}\""), kind);
                }
            }
            "arms" => page.table(ARMS, "", &table["additionalProperties"]),
            // It has the keys of an arm.
            "defaults" => page.defaults(&table["description"]),
            _ if is_table(table) => page.table(&path, "", table),
            _ => {}
        }
    }
    page.rules();
    page.constraints();
    page.text
}

#[derive(Default)]
struct Page {
    text: String,
}

impl Page {
    /// A table, and below it the tables that it has.
    fn table(&mut self, path: &str, which: &str, table: &Value) {
        let which = match which {
            "" => String::new(),
            which => format!(", {}", code(which)),
        };
        self.text += &format!("\n## {}{which}\n", heading(path));
        if let Some(about) = table["description"]
            .as_str()
            .filter(|_| path != "Top level")
        {
            self.text += &format!("\n{}\n", cell(about));
        }
        self.text += "\n| key | value | default | says |\n|---|---|---|---|\n";
        let required = list(&table["required"]);
        for (key, of) in entries(table) {
            let default = match required.iter().any(|name| *name == key) {
                true => "**required**".to_owned(),
                false => default(of)
                    .or_else(|| of_optimizers(key).filter(|_| path == ARMS))
                    .unwrap_or_else(|| "—".to_owned()),
            };
            let (value, about) = (value(of), says(of));
            self.text += &format!("| {} | {value} | {default} | {about} |\n", code(key));
        }
        for (key, of) in entries(table) {
            let inner = match path {
                "Top level" => continue,
                path => format!("{}.{key}]", path.trim_end_matches(']')),
            };
            if SPACES.contains(&key) || of["deprecated"] == true {
                continue;
            }
            if is_table(of) {
                self.table(&inner, which.trim_start_matches(", ").trim_matches('`'), of);
            }
            let mut keys = Map::new();
            for form in forms(of) {
                match word_of(form) {
                    Some(word) => self.table(&inner, &word, form),
                    None => {
                        let own = form["properties"].as_object().cloned();
                        keys.extend(own.into_iter().flatten());
                    }
                }
            }
            // Of tables that have one key each, all keys.
            if !keys.is_empty() && !is_table(of) {
                let one = json!({ "description": "One of these.", "properties": keys });
                self.table(
                    &inner,
                    which.trim_start_matches(", ").trim_matches('`'),
                    &one,
                );
            }
        }
    }

    fn defaults(&mut self, about: &Value) {
        let about = about.as_str().unwrap_or_default();
        self.text += &format!(
            "\n## {}\n\n{} It has the keys of an arm; what an arm gives itself holds for it.\n",
            code("[defaults]"),
            cell(about)
        );
    }

    /// What a rule takes where an arm leaves a hyper-parameter out.
    fn rules(&mut self) {
        self.text += "\n## Defaults by rule\n\nWhat holds where an arm leaves the hyper-parameter \
                      out; `scope` and `granularity` are those of LAWN.\n\n| rule | defaults |\n|---|---|\n";
        for &rule in RuleName::ALL {
            let (name, values) = of_rule(rule);
            self.default_values(
                &name,
                values.iter().map(|(key, value)| (key.as_str(), value)),
            );
        }
    }

    /// What another constraint than LAWN takes where an arm leaves a key out.
    fn constraints(&mut self) {
        self.text += "\n## Defaults by constraint\n\nOn any rule; those of LAWN stand at the rules.\n\n\
                      | constraint | defaults |\n|---|---|\n";
        for &constraint in ConstraintName::ALL {
            let values = ConstraintDefaults::of(constraint).values();
            self.default_values(
                constraint.as_str(),
                values.iter().map(|(key, value)| (key.as_str(), value)),
            );
        }
    }

    fn default_values<'a>(&mut self, of: &str, values: impl Iterator<Item = (&'a str, &'a Value)>) {
        let values = values.filter(|(_, value)| !value.is_null());
        let values: Vec<String> = values
            .map(|(key, value)| code(&format!("{key} = {value}")))
            .collect();
        self.text += &format!("| {} | {} |\n", code(of), values.join(", "));
    }
}

/// The name of a rule, and what it takes where an arm leaves a hyper-parameter out.
fn of_rule(rule: RuleName) -> (String, Map<String, Value>) {
    let mut values = match json!(OptimizerSettings::defaults(rule)) {
        Value::Object(values) => values,
        _ => Map::new(),
    };
    let name = values.remove("rule").unwrap_or_default();
    // A rate that stands for none.
    values.remove("learning_rate");
    (name.as_str().unwrap_or_default().to_owned(), values)
}

/// What rules and constraints take for a key of an arm, where they take one value; else which of them says
/// it.
fn of_optimizers(key: &str) -> Option<String> {
    let rules = RuleName::ALL.iter().map(|&rule| of_rule(rule).1);
    let of_rules: Vec<Value> = rules.filter_map(|mut values| values.remove(key)).collect();
    let constraints = ConstraintName::ALL.iter();
    let of_constraints =
        constraints.filter_map(|&one| ConstraintDefaults::of(one).values().remove(key));
    let of_constraints: Vec<Value> = of_constraints.collect();
    let known = || of_rules.iter().chain(&of_constraints);
    let first = known().find(|value| !value.is_null())?;
    let is_one = known().all(|value| value.is_null() || value == first);
    Some(match (is_one, of_constraints.is_empty()) {
        (true, _) => code(&first.to_string()),
        (false, true) => "[by rule](#defaults-by-rule)".to_owned(),
        (false, false) => "[by constraint](#defaults-by-constraint)".to_owned(),
    })
}

fn heading(path: &str) -> String {
    match path {
        "Top level" => path.to_owned(),
        path => code(path),
    }
}

fn entries(table: &Value) -> impl Iterator<Item = (&str, &Value)> {
    let properties = table["properties"].as_object().into_iter().flatten();
    properties.map(|(key, of)| (key.as_str(), of))
}

/// The tables that a value may be, those within other choices too.
fn forms(of: &Value) -> Vec<&Value> {
    let choices = list(&of["oneOf"]).iter().chain(list(&of["anyOf"]));
    choices
        .flat_map(|form| match is_table(form) {
            true => vec![form],
            false => forms(form),
        })
        .collect()
}

/// The word that tells a table from the others, with its key.
fn word_of(form: &Value) -> Option<String> {
    entries(form).find_map(|(key, of)| Some(format!("{key} = \"{}\"", of["const"].as_str()?)))
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn is_table(of: &Value) -> bool {
    of["properties"].is_object()
}

/// Text of one cell of a table.
fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace('\n', " ")
}

fn code(text: &str) -> String {
    format!("`{}`", text.replace('|', "\\|"))
}

fn default(of: &Value) -> Option<String> {
    match &of["default"] {
        Value::Null => None,
        Value::Object(values) => {
            let values = values.iter();
            let values: Vec<String> = values
                .map(|(key, value)| format!("{key} = {value}"))
                .collect();
            Some(code(&format!("{{ {} }}", values.join(", "))))
        }
        value => Some(code(&value.to_string())),
    }
}

/// What a key says, and what each of its words does.
fn says(of: &Value) -> String {
    let mut said = cell(of["description"].as_str().unwrap_or_default());
    let words = list(&of["oneOf"]).iter().filter_map(|word| {
        let name = word["const"].as_str()?;
        let about = word["description"]
            .as_str()
            .filter(|about| !about.is_empty())?;
        let about = about.trim_end_matches('.');
        Some(format!(
            "{}: {}",
            code(&json!(name).to_string()),
            cell(about)
        ))
    });
    let words: Vec<String> = words.collect();
    if !words.is_empty() {
        said += &format!(" {}.", words.join("; "));
    }
    said.trim().to_owned()
}

/// What a key takes.
fn value(of: &Value) -> String {
    if let Some(word) = of.get("const") {
        return code(&word.to_string());
    }
    let words = list(&of["enum"]);
    if !words.is_empty() {
        return words
            .iter()
            .map(|word| code(&word.to_string()))
            .collect::<Vec<_>>()
            .join(", ");
    }
    for key in ["oneOf", "anyOf"] {
        let forms = list(&of[key]);
        // The units of an amount are forms without a type.
        if !forms.is_empty() && !is_table(of) {
            let mut said: Vec<String> = forms.iter().map(value).collect();
            said.dedup();
            let between = match forms.iter().all(|form| form.get("const").is_some()) {
                true => ", ",
                false => " or ",
            };
            return said.join(between);
        }
    }
    match of["type"].as_str() {
        Some("boolean") => "`true`, `false`".to_owned(),
        Some("string") => "text".to_owned(),
        Some("integer") => format!("whole number{}", bounds(of)),
        Some("number") => format!("number{}", bounds(of)),
        Some("array") => match &of["items"] {
            Value::Object(_) if is_table(&of["items"]) => {
                let keys: Vec<String> = entries(&of["items"]).map(|(key, _)| code(key)).collect();
                format!("list of tables with {}", keys.join(", "))
            }
            Value::Null => "list".to_owned(),
            items => format!("list of: {}", value(items)),
        },
        Some("object") if is_table(of) => "table".to_owned(),
        Some("object") => match &of["additionalProperties"] {
            Value::Object(_) if !of["additionalProperties"]["type"].is_string() => {
                "table by name".to_owned()
            }
            Value::Object(_) if is_table(&of["additionalProperties"]) => "table by name".to_owned(),
            Value::Object(_) => format!("by name: {}", value(&of["additionalProperties"])),
            _ => "table".to_owned(),
        },
        _ => "any".to_owned(),
    }
}

/// Where a number may be; nothing where that is anywhere.
fn bounds(of: &Value) -> String {
    let number = |key: &str| of[key].as_f64().map(|_| of[key].to_string());
    let least = number("minimum").map(|least| format!("from {least}"));
    let above = number("exclusiveMinimum").map(|least| format!("above {least}"));
    // A bound that only a machine has says nothing.
    let is_large = |key: &str| of[key].as_f64().is_some_and(|bound| bound > 1e15);
    let most = number("maximum").filter(|_| !is_large("maximum"));
    let most = most.map(|most| format!("up to {most}"));
    let below = number("exclusiveMaximum").filter(|_| !is_large("exclusiveMaximum"));
    let below = below.map(|most| format!("below {most}"));
    let parts: Vec<String> = [least, above, most, below].into_iter().flatten().collect();
    match parts.is_empty() {
        true => String::new(),
        false => format!(" {}", parts.join(" ")),
    }
}
