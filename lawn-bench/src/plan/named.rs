//! A trial by what people call it: its index, its id, or the beginning of its id.

use crate::plan::trials::Plan;
use crate::process::shell;
use crate::run::run_dir::RunDir;

/// Hexadecimal digits of a trial's id.
const ID_DIGITS: usize = 16;

/// The index of the trial of `run` that `name` means: an index where it is a number of the
/// plan's, else an id or its beginning.
///
/// # Errors
///
/// In words, where no trial or several are called so.
pub(crate) fn trial_named(plan: &Plan, name: &str, run: &RunDir) -> Result<usize, String> {
    let count = plan.trials.len();
    // The beginning of an id may be all digits. A short number is therefore an index, and an id
    // of digits must be given whole.
    if name.len() < ID_DIGITS && name.bytes().all(|byte| byte.is_ascii_digit()) {
        let index = name.parse().ok().filter(|&index: &usize| index < count);
        return index.ok_or_else(|| unknown(name, count, run));
    }
    let mut found = (0..count).filter(|&index| plan.trials[index].id.starts_with(name));
    match (found.next(), found.count()) {
        (Some(index), 0) => Ok(index),
        (Some(_), more) => Err(format!(
            "{} trials have an id that begins with {name}",
            more + 1
        )),
        (None, _) => Err(unknown(name, count, run)),
    }
}

fn unknown(name: &str, count: usize, run: &RunDir) -> String {
    let last = count.saturating_sub(1);
    let trials = shell::lawn("trials", run.root());
    format!("no trial is `{name}`; an index is 0 to {last}, `{trials}` lists them")
}
