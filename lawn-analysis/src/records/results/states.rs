//! What other tools call an outcome: `COMPLETE`, `finished`, `FAIL`, `PRUNED`, `killed`.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use super::texts::{Place, Texts, listed_in};
use crate::error::Error;
use crate::records::words::Outcome;
use crate::text::count;
use crate::word::Word;

/// Words for each outcome, as [`plain`] writes them.
const WORDS: [(Outcome, &[&str]); 6] = [
    (
        Outcome::Ok,
        &[
            "complete",
            "completed",
            "done",
            "finished",
            "succeeded",
            "success",
            "successful",
            // Ray Tune's word for a trial that ran to its end.
            "terminated",
        ],
    ),
    (Outcome::Diverged, &["nan"]),
    (Outcome::OutOfMemory, &["oom"]),
    (Outcome::Timeout, &["timed-out", "time-out"]),
    (
        Outcome::Crashed,
        &[
            "crash",
            "error",
            "errored",
            "fail",
            "failed",
            "failure",
            "node-fail",
        ],
    ),
    (
        Outcome::Preempted,
        &[
            "aborted",
            "canceled",
            "cancelled",
            "interrupted",
            "killed",
            "preempting",
            "pruned",
            "stopped",
        ],
    ),
];

/// Words for a trial that has not ended.
const UNFINISHED: [&str; 8] = [
    "created",
    "paused",
    "pending",
    "queued",
    "running",
    "scheduled",
    "starting",
    "waiting",
];

/// The word for a trial that was stopped because it did badly.
const PRUNED: &str = "pruned";

/// Writes each outcome by the word of this project, and leaves out trials that have not ended. The
/// sentences say what was read as what, and how many were left out.
///
/// # Errors
/// [`Error::NoSuchOutcome`] for a word in `told` that no trial has; [`Error::NoneEnded`] where no
/// trial is left.
pub(super) fn settle(texts: &mut Texts, told: &[(String, Outcome)]) -> Result<Vec<String>, Error> {
    texts.words = texts.cells("outcome").map_or_else(
        || vec![String::new(); texts.places.len()],
        <[String]>::to_vec,
    );
    let Some(cells) = texts.cells("outcome") else {
        return match told.first() {
            Some((word, _)) => Err(unknown(&texts.files, word, &[])),
            None => Ok(Vec::new()),
        };
    };
    let mut words: Vec<String> = cells.to_vec();
    words.sort_unstable();
    words.dedup();
    if let Some((word, _)) = told.iter().find(|(word, _)| !words.contains(word)) {
        return Err(unknown(&texts.files, word, &words));
    }
    // By outcome, its foreign words with how often they stand there.
    let mut read: BTreeMap<Outcome, BTreeMap<String, usize>> = BTreeMap::new();
    let mut waiting: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    let mut settled = Vec::with_capacity(cells.len());
    for (row, cell) in cells.iter().enumerate() {
        let stated = told.iter().find(|(word, _)| word == cell);
        let outcome = stated.map(|(_, outcome)| *outcome).or_else(|| of(cell));
        if outcome.is_none() && UNFINISHED.contains(&plain(cell).as_str()) {
            waiting.entry(cell.clone()).or_default().push(row);
        }
        if let Some(outcome) = outcome.filter(|outcome| outcome.as_str() != cell) {
            let words = read.entry(outcome).or_default();
            *words.entry(cell.clone()).or_default() += 1;
        }
        settled.push(outcome.map_or_else(|| cell.clone(), |outcome| outcome.to_string()));
    }
    texts.set("outcome", settled);
    let mut said = Vec::new();
    if !read.is_empty() {
        let pairs = read.iter().flat_map(|(outcome, words)| {
            words.iter().map(move |(word, n)| {
                format!("{} `{word}` as {outcome}", count(*n, "trial", "trials"))
            })
        });
        let pairs: Vec<String> = pairs.collect();
        said.push(format!("Column outcome: {}.", pairs.join(", ")));
    }
    let is_pruned = |(word, outcome): (&String, Outcome)| {
        outcome == Outcome::Preempted && plain(word) == PRUNED
    };
    let mut foreign = read
        .iter()
        .flat_map(|(outcome, words)| words.keys().map(|word| (word, *outcome)));
    if foreign.any(is_pruned) {
        said.push(
            "A pruned trial was stopped since it did badly. Its seed has no pair, so that an arm \
             with more of them may look better than it is."
                .to_owned(),
        );
    }
    said.extend(waiting.iter().map(|(word, rows)| {
        let places: Vec<Place> = rows.iter().map(|row| texts.places[*row]).collect();
        format!(
            "{} not ended (outcome `{word}`, {}): left out.",
            count(rows.len(), "trial has", "trials have"),
            listed_in(&texts.files, &places)
        )
    }));
    let waiting: Vec<usize> = waiting.into_values().flatten().collect();
    texts.leave_out(&waiting);
    if texts.places.is_empty() {
        return Err(Error::NoneEnded {
            path: texts.files[0].clone(),
        });
    }
    Ok(said)
}

/// Leaves out the rows with these words in the column `outcome`, and says how many.
///
/// # Errors
/// As [`settle`].
pub(super) fn skip(texts: &mut Texts, skipped: &[String]) -> Result<Vec<String>, Error> {
    let cells = texts.cells("outcome").unwrap_or_default().to_vec();
    let mut said = Vec::new();
    let mut out = Vec::new();
    for word in skipped.iter().collect::<BTreeSet<_>>() {
        let rows: Vec<usize> = (0..cells.len())
            .filter(|row| cells[*row] == *word)
            .collect();
        if rows.is_empty() {
            let words: BTreeSet<&String> = cells.iter().collect();
            let words: Vec<String> = words.into_iter().cloned().collect();
            return Err(unknown(&texts.files, word, &words));
        }
        let places: Vec<Place> = rows.iter().map(|row| texts.places[*row]).collect();
        said.push(format!(
            "{} the outcome `{word}` ({}): left out, as asked.",
            count(rows.len(), "row has", "rows have"),
            listed_in(&texts.files, &places)
        ));
        out.extend(rows);
    }
    texts.leave_out(&out);
    match texts.places.is_empty() {
        true => Err(Error::NoneEnded {
            path: texts.files[0].clone(),
        }),
        false => Ok(said),
    }
}

fn unknown(files: &[PathBuf], word: &str, found: &[String]) -> Error {
    Error::NoSuchOutcome {
        path: files[0].clone(),
        word: word.to_owned(),
        found: found.join(", "),
    }
}

/// The outcome that a word denotes.
pub(super) fn of(word: &str) -> Option<Outcome> {
    let plain = plain(word);
    let synonyms = || {
        WORDS
            .iter()
            .find(|(_, words)| words.contains(&plain.as_str()))
    };
    Outcome::parse(&plain).or_else(|| synonyms().map(|(outcome, _)| *outcome))
}

/// Whether a word says how a trial ended, or that it has not: whether it ended well.
pub(super) fn ended_well(word: &str) -> Option<bool> {
    match of(word) {
        Some(outcome) => Some(outcome == Outcome::Ok),
        None => UNFINISHED.contains(&plain(word).as_str()).then_some(false),
    }
}

/// The words of a column that says how trials ended, some of which did not end well; none where it
/// says something else, as a column of numbers that are not there.
pub(super) fn states_in(texts: &[String]) -> Option<Vec<&str>> {
    let words: BTreeSet<&str> = texts.iter().map(|text| text.trim()).collect();
    let words = words.into_iter().filter(|word| !word.is_empty());
    let words: Vec<&str> = words.collect();
    let ends: Vec<bool> = words
        .iter()
        .map(|word| ended_well(word))
        .collect::<Option<_>>()?;
    let says = words.iter().any(|word| plain(word) != "nan");
    (says && ends.contains(&false)).then_some(words)
}

/// A word in lower case with hyphens, without the type before it: `TrialState.FAIL` is `fail`.
fn plain(word: &str) -> String {
    let word = word.rsplit('.').next().unwrap_or(word);
    let hyphen = |letter: char| if "_ ".contains(letter) { '-' } else { letter };
    word.chars().map(hyphen).collect::<String>().to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_other_tools_are_known_in_any_case() {
        for (word, outcome) in [
            ("ok", Some(Outcome::Ok)),
            ("COMPLETE", Some(Outcome::Ok)),
            ("TrialState.COMPLETE", Some(Outcome::Ok)),
            ("finished", Some(Outcome::Ok)),
            ("TERMINATED", Some(Outcome::Ok)),
            ("FAIL", Some(Outcome::Crashed)),
            ("crashed", Some(Outcome::Crashed)),
            ("NODE_FAIL", Some(Outcome::Crashed)),
            ("PRUNED", Some(Outcome::Preempted)),
            ("killed", Some(Outcome::Preempted)),
            ("OUT_OF_MEMORY", Some(Outcome::OutOfMemory)),
            ("Out of memory", Some(Outcome::OutOfMemory)),
            ("TIMEOUT", Some(Outcome::Timeout)),
            ("RUNNING", None),
            ("exploded", None),
            ("", None),
        ] {
            assert_eq!(of(word), outcome, "{word}");
        }
        let all = WORDS
            .iter()
            .flat_map(|(_, words)| *words)
            .chain(&UNFINISHED);
        let mut all: Vec<&str> = all.copied().collect();
        assert!(all.iter().all(|word| plain(word) == **word));
        let count = all.len();
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), count, "a word stands for two things");
    }
}
