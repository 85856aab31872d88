//! What people should know of implicit feedback before anything is trained on it.

use std::path::Path;

use super::ncf::{NcfConfig, Read};
use crate::data::DataError;
use crate::data::ratings::{Case, EVALUATION_NEGATIVES, IdMap, Rows, TestSource, TrainCounts};
use crate::measure::{Candidates, Duplicates, RankingRules, Ties};
use crate::trial::TestPermit;

/// A line each.
///
/// # Errors
/// [`DataError`] where the test split cannot be read, and where each candidate is a hit.
pub(super) fn survey(
    config: &NcfConfig,
    read: Read,
    permit: &TestPermit,
) -> Result<Vec<String>, DataError> {
    let Read {
        source,
        train,
        split,
    } = read;
    let Rows { users, items } = &train.rows;
    let mut lines = Vec::new();
    for (what, ids) in [("user", users), ("item", items)] {
        let (occurring, range) = (ids.occurring() as u64, ids.range());
        if occurring == range {
            continue;
        }
        let becomes = if ids.is_kept() {
            "they are kept, and the others drawn as negatives; ids = \"remapped\" leaves those out"
        } else {
            "they are numbered anew, and the others left out"
        };
        lines.push(format!(
            "{occurring} {what}s occur, with ids up to {}: {becomes}",
            range - 1
        ));
    }
    let above = config.reading().above(&source);
    let left_out = |count: u64, what: String| (count > 0).then(|| format!("{count} {what}"));
    match &train.counts {
        TrainCounts::Generated => {}
        TrainCounts::Files { not_above } => {
            let what = format!("train ratings are not above {above}, and left out");
            lines.extend(left_out(*not_above, what));
        }
        TrainCounts::Raw(counts) => {
            let all = counts.lines;
            let core = config.raw.core;
            let [outside_users, outside_items, outside] = counts.outside_core;
            lines.extend(left_out(
                counts.not_above,
                format!("of {all} ratings are not above {above}, and left out"),
            ));
            lines.extend(left_out(
                counts.repeated,
                format!("of {all} ratings are of a pair that has a later one, and left out"),
            ));
            lines.extend(left_out(
                outside,
                format!(
                    "interactions are outside the {core}-core, with {outside_users} users and \
                     {outside_items} items, and left out"
                ),
            ));
            lines.extend(left_out(
                counts.single,
                "users have one interaction, which stays in train".to_owned(),
            ));
        }
    }
    let (items, path) = (items.len(), source.path());
    let rules = config.rules(split.known);
    let test = TestSource::new(source, config.reading(), &train);
    let held = test.read(permit, &rules.known)?;
    lines.extend(held.counts.clauses(config.protocol.policies()));
    for cases in [&held.cases, &split.validation, &split.probe] {
        require_misses(&rules, &path, users, cases)?;
    }
    let [fewest, most] = candidates(config, &held.cases, items);
    let usual = EVALUATION_NEGATIVES as usize + 1;
    if config.protocol.candidates == Candidates::File && [fewest, most] != [usual; 2] {
        lines.push(format!(
            "a held-out interaction has {} negatives, not the usual {EVALUATION_NEGATIVES}: hit \
             rates and gains cannot be compared with published ones",
            most - 1
        ));
    }
    lines.push(protocol(config, held.cases.len(), [fewest, most]));
    Ok(lines)
}

/// Makes sure that a case can be no hit, by the candidates that count for it.
///
/// # Errors
/// [`DataError::Unusable`] with the user of the fewest.
fn require_misses(
    rules: &RankingRules,
    path: &Path,
    users: &IdMap,
    cases: &[Case],
) -> Result<(), DataError> {
    let greatest = rules.protocol.cutoffs.iter().max();
    let greatest = greatest.map_or(0, |&k| k as usize);
    let fewest = cases
        .iter()
        .map(|case| (rules.candidates(case), case.user))
        .min();
    match fewest {
        Some((count, user)) if count <= greatest => {
            let user = users.id(user);
            let found = format!("{count} candidates for a held-out interaction of user {user}");
            let expected = format!(
                "more than {greatest}, the greatest of protocol.cutoffs: all would be hits"
            );
            Err(DataError::unusable(path, found, expected))
        }
        _ => Ok(()),
    }
}

/// Least and most candidates of a held-out interaction, itself among them.
fn candidates(config: &NcfConfig, cases: &[Case], items: usize) -> [usize; 2] {
    let counts = cases.iter().map(|case| match config.protocol.candidates {
        Candidates::All => items,
        _ => 1 + case.negatives.len(),
    });
    [counts.clone().min().unwrap_or(0), counts.max().unwrap_or(0)]
}

/// The protocol in a sentence.
fn protocol(config: &NcfConfig, cases: usize, [fewest, most]: [usize; 2]) -> String {
    let among = match (config.protocol.candidates, fewest == most) {
        (Candidates::All, _) => format!("all {most} items but those of its user in train"),
        (_, true) => format!("{} negatives", most - 1),
        (_, false) => format!("{} to {} negatives", fewest - 1, most - 1),
    };
    let duplicates = match config.protocol.duplicates {
        Duplicates::Kept => "duplicates ranked twice",
        Duplicates::Masked => "duplicates ranked once",
    };
    let ties = match config.ties {
        Ties::MidRank => "ties at the middle",
        Ties::Optimistic => "ties won",
        Ties::Pessimistic => "ties lost",
        Ties::ListOrder => "ties in the order of the file",
    };
    let metrics = config.protocol.names(config.ties).join(", ");
    format!(
        "each of {cases} test interactions is ranked among {among}, {duplicates}, {ties}: {metrics}"
    )
}
