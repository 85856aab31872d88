//! `--only`: a part of a sweep, by the names of its arms and tasks.

use crate::config::Sweep;
use crate::error::{Error, Fault, Place};
use crate::plan::trials::Cell;

/// The arms and tasks that are asked for; a list that is empty asks for all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Only {
    arms: Vec<String>,
    tasks: Vec<String>,
}

/// What stands before the name of an arm, and of a task, where it is written as in a sweep file.
const KEYS: [&str; 2] = ["arms.", "tasks."];

impl Only {
    /// What `words` ask for of `sweep`: each is the name of an arm or a task, or its key.
    ///
    /// # Errors
    ///
    /// [`Error::Option`] where nothing has the name, or an arm and a task have it.
    pub fn new(words: &[String], sweep: &Sweep) -> Result<Self, Error> {
        let arms: Vec<&str> = sweep.arms.iter().map(|arm| arm.name.as_str()).collect();
        let tasks: Vec<&str> = sweep.tasks.iter().map(|task| task.name.as_str()).collect();
        let mut only = Self::default();
        for word in words {
            let [arm, task] = KEYS.map(|key| word.strip_prefix(key).unwrap_or(word));
            let is_arm = arms.contains(&arm) && !word.starts_with(KEYS[1]);
            let is_task = tasks.contains(&task) && !word.starts_with(KEYS[0]);
            let refused = |found: String| {
                let keys = |key: &'static str, names: &[&str]| -> Vec<String> {
                    names.iter().map(|name| format!("{key}{name}")).collect()
                };
                let allowed = [keys(KEYS[0], &arms), keys(KEYS[1], &tasks)].concat();
                let fault = Fault::new(Place::key("--only"), found);
                Error::Option(Box::new(fault.allowed(allowed)))
            };
            match (is_arm, is_task) {
                (true, false) => only.arms.push(arm.to_owned()),
                (false, true) => only.tasks.push(task.to_owned()),
                (true, true) => {
                    let found = format!("both an arm and a task are called `{word}`");
                    return Err(refused(found));
                }
                (false, false) => {
                    return Err(refused(format!("no arm or task is called `{word}`")));
                }
            }
        }
        Ok(only)
    }

    /// Whether the trials of `cell` are asked for.
    #[must_use]
    pub fn has(&self, cell: &Cell) -> bool {
        (self.arms.is_empty() || self.arms.contains(&cell.arm))
            && (self.tasks.is_empty() || self.tasks.contains(&cell.task))
    }

    /// Whether all trials are.
    #[must_use]
    pub fn is_all(&self) -> bool {
        self.arms.is_empty() && self.tasks.is_empty()
    }

    /// The words that ask for the same.
    pub fn words(&self) -> impl Iterator<Item = String> {
        let arms = self.arms.iter().map(|name| format!("{}{name}", KEYS[0]));
        let tasks = self.tasks.iter().map(|name| format!("{}{name}", KEYS[1]));
        arms.chain(tasks)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SWEEP: &str = r#"
name = "only"
batch_sizes = [64]
tasks.sgd = { kind = "ncf" }
tasks.ml = { kind = "ncf" }
budget.epochs = 2
arms.sgd = { rule = "sgd", learning_rate = 0.1 }
arms.adam = { rule = "adam", learning_rate = 0.1 }
confirmation.seeds = [1]
"#;

    fn only(words: &[&str]) -> Result<Only, String> {
        let sweep = crate::config::parse("only.toml", SWEEP);
        let sweep = sweep.unwrap_or_else(|error| panic!("{error}"));
        let words: Vec<String> = words.iter().map(|&word| word.to_owned()).collect();
        Only::new(&words, &sweep).map_err(|error| error.to_string())
    }

    #[test]
    fn names_of_one_kind_add_up_and_those_of_two_narrow() {
        let cell = |task: &str, arm: &str| Cell {
            task: task.into(),
            arm: arm.into(),
            batch_size: 64,
        };
        let all = [
            ("sgd", "sgd"),
            ("sgd", "adam"),
            ("ml", "sgd"),
            ("ml", "adam"),
        ];
        let has = |words: &[&str]| -> Vec<usize> {
            let only = only(words).unwrap_or_else(|error| panic!("{error}"));
            let cells = all.iter().enumerate();
            let found = cells.filter(|(_, (task, arm))| only.has(&cell(task, arm)));
            found.map(|(place, _)| place).collect()
        };
        assert_eq!(has(&[]), [0, 1, 2, 3]);
        assert_eq!(has(&["adam"]), [1, 3]);
        assert_eq!(has(&["adam", "ml"]), [3]);
        assert_eq!(has(&["arms.sgd", "arms.adam", "tasks.sgd"]), [0, 1]);
        let again: Vec<String> = only(&["ml", "adam"])
            .expect("both are there")
            .words()
            .collect();
        assert_eq!(again, ["arms.adam", "tasks.ml"]);
    }

    #[test]
    fn what_is_not_there_and_what_two_have_is_refused_with_all_keys() {
        for (word, found) in [
            ("sgd", "both an arm and a task are called `sgd`"),
            ("tasks.adam", "no arm or task is called `tasks.adam`"),
            ("lamb", "no arm or task is called `lamb`"),
        ] {
            let said = only(&[word]).expect_err("it is refused");
            let allowed = "allowed: arms.sgd, arms.adam, tasks.sgd, tasks.ml";
            assert!(said.contains(found) && said.contains(allowed), "{said}");
        }
    }
}
