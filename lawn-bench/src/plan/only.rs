//! `--only`: a part of a sweep, by the names of its arms and tasks.

use crate::config::Sweep;
use crate::error::{Error, Fault, Place};
use crate::plan::trials::Cell;

/// The arms and tasks that are asked for; a list that is empty asks for all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Only {
    arms: Vec<String>,
    tasks: Vec<String>,
    batch_sizes: Vec<u64>,
}

/// What stands before the name of an arm, of a task, and before a batch size, where it is written
/// as in a sweep file.
const KEYS: [&str; 3] = ["arms.", "tasks.", "batch_sizes."];

impl Only {
    /// What `words` ask for of `sweep`: each is the name of an arm or a task, or a batch size, or
    /// its key.
    ///
    /// # Errors
    ///
    /// [`Error::Option`] where nothing has the name, or two things have it.
    pub fn new(words: &[String], sweep: &Sweep) -> Result<Self, Error> {
        let arms: Vec<&str> = sweep.arms.iter().map(|arm| arm.name.as_str()).collect();
        let tasks: Vec<&str> = sweep.tasks.iter().map(|task| task.name.as_str()).collect();
        let sizes: Vec<String> = sweep.batch_sizes.iter().map(u64::to_string).collect();
        let sizes: Vec<&str> = sizes.iter().map(String::as_str).collect();
        let kinds = [&arms, &tasks, &sizes];
        let mut only = Self::default();
        for word in words {
            let refused = |found: String| {
                let keys = KEYS.iter().zip(kinds);
                let allowed = keys
                    .flat_map(|(key, names)| names.iter().map(move |name| format!("{key}{name}")));
                let fault = Fault::new(Place::key("--only"), found);
                Error::Option(Box::new(fault.allowed(allowed.collect::<Vec<String>>())))
            };
            // A word without a key may be of any kind.
            let meant: Vec<(usize, &str)> = (0..KEYS.len())
                .filter_map(|kind| {
                    let is_of_another = KEYS
                        .iter()
                        .any(|key| *key != KEYS[kind] && word.starts_with(key));
                    let name = word.strip_prefix(KEYS[kind]).unwrap_or(word);
                    (!is_of_another && kinds[kind].contains(&name)).then_some((kind, name))
                })
                .collect();
            match meant[..] {
                [(0, name)] => only.arms.push(name.to_owned()),
                [(1, name)] => only.tasks.push(name.to_owned()),
                [(_, size)] => only.batch_sizes.extend(size.parse::<u64>()),
                [] => {
                    let found = format!("no arm, task or batch size is called `{word}`");
                    return Err(refused(found));
                }
                [(one, _), (other, _), ..] => {
                    const KINDS: [&str; 3] = ["an arm", "a task", "a batch size"];
                    let (one, other) = (KINDS[one], KINDS[other]);
                    let found = format!("both {one} and {other} are called `{word}`");
                    return Err(refused(found));
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
            && (self.batch_sizes.is_empty() || self.batch_sizes.contains(&cell.batch_size))
    }

    /// Whether all trials are.
    #[must_use]
    pub fn is_all(&self) -> bool {
        self.arms.is_empty() && self.tasks.is_empty() && self.batch_sizes.is_empty()
    }

    /// The words that ask for the same.
    pub fn words(&self) -> impl Iterator<Item = String> {
        let arms = self.arms.iter().map(|name| format!("{}{name}", KEYS[0]));
        let tasks = self.tasks.iter().map(|name| format!("{}{name}", KEYS[1]));
        let sizes = self.batch_sizes.iter();
        let sizes = sizes.map(|size| format!("{}{size}", KEYS[2]));
        arms.chain(tasks).chain(sizes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SWEEP: &str = r#"
name = "only"
batch_sizes = [64, 128]
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
        let cell = |task: &str, arm: &str, batch_size| Cell {
            task: task.into(),
            arm: arm.into(),
            batch_size,
        };
        let all = [
            ("sgd", "sgd", 64),
            ("sgd", "adam", 64),
            ("ml", "sgd", 128),
            ("ml", "adam", 64),
        ];
        let has = |words: &[&str]| -> Vec<usize> {
            let only = only(words).unwrap_or_else(|error| panic!("{error}"));
            let cells = all.iter().enumerate();
            let found = cells.filter(|(_, (task, arm, size))| only.has(&cell(task, arm, *size)));
            found.map(|(place, _)| place).collect()
        };
        assert_eq!(has(&[]), [0, 1, 2, 3]);
        assert_eq!(has(&["adam"]), [1, 3]);
        assert_eq!(has(&["adam", "ml"]), [3]);
        assert_eq!(has(&["arms.sgd", "arms.adam", "tasks.sgd"]), [0, 1]);
        assert_eq!(has(&["128"]), [2]);
        assert_eq!(has(&["adam", "batch_sizes.64"]), [1, 3]);
        let again: Vec<String> = only(&["64", "ml", "adam"])
            .expect("both are there")
            .words()
            .collect();
        assert_eq!(again, ["arms.adam", "tasks.ml", "batch_sizes.64"]);
    }

    #[test]
    fn what_is_not_there_and_what_two_have_is_refused_with_all_keys() {
        for (word, found) in [
            ("sgd", "both an arm and a task are called `sgd`"),
            (
                "tasks.adam",
                "no arm, task or batch size is called `tasks.adam`",
            ),
            ("arms.64", "no arm, task or batch size is called `arms.64`"),
            ("lamb", "no arm, task or batch size is called `lamb`"),
        ] {
            let said = only(&[word]).expect_err("it is refused");
            let allowed = "allowed: arms.sgd, arms.adam, tasks.sgd, tasks.ml, batch_sizes.64, \
                           batch_sizes.128";
            assert!(said.contains(found) && said.contains(allowed), "{said}");
        }
    }
}
