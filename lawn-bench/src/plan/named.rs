//! A trial by what people call it: its index, its id, or the beginning of its id.

use crate::plan::trials::Plan;
use crate::process::{shell, streams};
use crate::run::run_dir::RunDir;

/// Hexadecimal digits of a trial's id.
const ID_DIGITS: usize = 16;

/// Digits of which one may think that an id begins so.
pub(crate) const LEAST_DIGITS: usize = 3;

/// Trials told one by one where several are meant; the rest is counted.
const SHOWN: usize = 8;

/// The index of the trial of `run` that `name` means: an index where it is a number of the
/// plan's, else an id or its beginning.
///
/// # Errors
///
/// In words, where no trial or several are called so.
pub(crate) fn trial_named(plan: &Plan, name: &str, run: &RunDir) -> Result<usize, String> {
    let count = plan.trials.len();
    let begins = |index: &usize| plan.trials[*index].id.starts_with(name);
    // The beginning of an id may be all digits. A number that is an index is meant as one, and so
    // is one of few digits that is none.
    let is_number = name.len() < ID_DIGITS && name.bytes().all(|byte| byte.is_ascii_digit());
    let is_short = is_number && name.len() < LEAST_DIGITS;
    let found: Vec<usize> = (0..count)
        .filter(|index| begins(index) && !is_short)
        .collect();
    let index = name.parse().ok();
    let index = index.filter(|&index: &usize| is_number && index < count);
    match (index, &found[..]) {
        (Some(index), []) => Ok(index),
        (Some(index), [other, ..]) => {
            if *other != index {
                let id = &plan.trials[*other].id;
                streams::say(&format!(
                    "`{name}` is taken for an index; more digits of {id} ask for the trial whose \
                     id begins so"
                ));
            }
            Ok(index)
        }
        (None, [index]) => Ok(*index),
        (None, []) => Err(unknown(name, count, run)),
        (None, several) => {
            let shown = several.iter().take(SHOWN);
            let shown: Vec<String> = shown
                .map(|&index| format!("{} (index {index})", plan.trials[index].id))
                .collect();
            let more = several.len().saturating_sub(SHOWN);
            let more = match more {
                0 => String::new(),
                more => format!(" and {more} more"),
            };
            Err(format!(
                "{} trials have an id that begins with {name}: {}{more}",
                several.len(),
                shown.join(", ")
            ))
        }
    }
}

fn unknown(name: &str, count: usize, run: &RunDir) -> String {
    let last = count.saturating_sub(1);
    let trials = shell::lawn("trials", run.root());
    format!("no trial is `{name}`; an index is 0 to {last}, `{trials}` lists them")
}
