//! What people should know of implicit feedback before anything is trained on it.

use std::path::{Path, PathBuf};

use super::left_by::{of_kind, that_left};
use super::ncf_config::NcfConfig;
use super::ncf_data::Read;
use super::ncf_model::Pretrained;
use crate::data::DataError;
use crate::data::by_number::by_number;
use crate::data::ratings::{Case, EVALUATION_NEGATIVES, HeldOut, Rows, Source, TrainCounts};
use crate::measure::{Candidates, Duplicates, Ties};

/// A line each.
///
/// # Errors
/// [`DataError`] where test is ranked among another number of negatives than validation, and where
/// weights that the net begins with are not there.
pub(super) fn survey(
    config: &NcfConfig,
    read: &Read,
    held: &HeldOut,
    data_root: Option<&Path>,
) -> Result<Vec<String>, DataError> {
    let Read {
        source,
        train,
        split,
        ..
    } = read;
    let Rows { users, items } = &train.rows;
    let mut lines = Vec::new();
    for (what, ids) in [("user", users), ("item", items)] {
        let (occurring, range) = (ids.occurring() as u64, ids.range());
        if occurring == range {
            continue;
        }
        let becomes = match (ids.is_kept(), what) {
            (false, _) => "they are numbered anew from 0; ids that do not occur have no row",
            (true, "item") => {
                "they are kept, and ids that do not occur are drawn as negatives; ids = \
                 \"remapped\" leaves those out"
            }
            (true, _) => "they are kept, and ids that do not occur have a row that is not trained",
        };
        lines.push(format!(
            "{}, with ids up to {}: {becomes}",
            by_number(occurring, &format!("{what}[ occurs|s occur]")),
            range - 1
        ));
    }
    let above = config.reading().above(source);
    let left_out = |count: u64, what: String| (count > 0).then(|| by_number(count, &what));
    match &train.counts {
        TrainCounts::Generated => {}
        TrainCounts::Files {
            not_above,
            repeated,
        } => {
            let what = format!("train rating[ is|s are] not above {above}, and left out");
            lines.extend(left_out(*not_above, what));
            let what = "train rating[ is|s are] of a pair that has a later one, and left out";
            lines.extend(left_out(*repeated, what.to_owned()));
        }
        TrainCounts::Raw(counts, taken) => {
            lines.insert(0, taken.sentence());
            let all = counts.lines;
            let core = config.raw.core;
            let [outside_users, outside_items, outside] = counts.outside_core;
            lines.extend(left_out(
                counts.not_above,
                format!("of {all} ratings [is|are] not above {above}, and left out"),
            ));
            lines.extend(left_out(
                counts.repeated,
                format!("of {all} ratings [is|are] of a pair that has a later one, and left out"),
            ));
            lines.extend(left_out(
                outside,
                format!(
                    "interaction[ is|s are] outside the {core}-core, with {} and {}, and left out",
                    by_number(outside_users, "user[|s]"),
                    by_number(outside_items, "item[|s]")
                ),
            ));
            lines.extend(left_out(
                counts.single,
                "of the users [has|have] a single interaction, which stays in train".to_owned(),
            ));
            lines.extend(counts.times.lines());
            if taken.has_times() {
                lines.extend(tied(counts.tied, "the test"));
            }
        }
    }
    let has_times = match &train.counts {
        TrainCounts::Raw(_, taken) => taken.has_times(),
        TrainCounts::Files { .. } => true,
        TrainCounts::Generated => false,
    };
    if has_times {
        lines.extend(tied(split.tied, "validation"));
    }
    for path in source.endless()? {
        let name = path.file_name().unwrap_or_default().display();
        lines.push(format!(
            "{name} has no end of line behind its last, which a file that is cut short lacks too"
        ));
    }
    for ignored in source.ignored() {
        let (ignored, train) = (ignored.display(), source.path());
        let train = train.file_name().unwrap_or_default().display();
        lines.push(format!("{ignored} is not read: {train} lies beside it"));
    }
    let trained = split.train.items_met();
    let untrained = |case: &&Case| !trained[case.item as usize];
    let what = format!(
        "of {} validation interactions [is of an item|are of items] without a train interaction: measured",
        split.validation.len()
    );
    let count = split.validation.iter().filter(untrained).count();
    lines.extend(left_out(count as u64, what));
    let items = items.len();
    let is_of_file = source.has_negatives() && config.protocol.candidates == Candidates::File;
    lines.extend(held.counts.clauses(config.protocol.policies(), above));
    let [fewest, most] = candidates(config, &held.cases, items);
    if is_of_file {
        require_one_number(config, source, most - 1)?;
    }
    let usual = EVALUATION_NEGATIVES as usize + 1;
    if config.protocol.candidates == Candidates::File && [fewest, most] != [usual; 2] {
        let found = match fewest == most {
            true => by_number(most as u64 - 1, "negative[|s]"),
            false => format!("{} to {} negatives", fewest - 1, most - 1),
        };
        lines.push(format!(
            "a held-out interaction has {found}, not the usual {EVALUATION_NEGATIVES}: hit rates and \
             gains cannot be compared with published ones"
        ));
    }
    lines.extend(begun(config, data_root)?);
    lines.push(protocol(
        config,
        held.cases.len(),
        [fewest, most],
        is_of_file,
    ));
    Ok(lines)
}

/// Of so many users the order of the file says which interaction is the latest.
fn tied(users: u64, held_out_for: &str) -> Option<String> {
    (users > 0).then(|| {
        let what = format!(
            "of the users [has|have] several interactions at the time of the one that is held out for \
             {held_out_for} as the latest: the last in the file counts as later"
        );
        by_number(users, &what)
    })
}

/// Makes sure that validation is ranked among as many as test, `found`: one name is one metric.
fn require_one_number(config: &NcfConfig, source: &Source, found: usize) -> Result<(), DataError> {
    let drawn = config.protocol.sampled as usize;
    if found == drawn {
        return Ok(());
    }
    let expected = format!(
        "as many for both, so that one name is one metric: protocol.sampled = {found} with cutoffs up \
         to it"
    );
    let found =
        format!("{found} negatives of a test interaction, and {drawn} of one of validation");
    Err(DataError::unusable(
        &source.path_of_negatives(),
        found,
        expected,
    ))
}

/// What is known of how the weights that the net begins with were trained.
///
/// # Errors
/// [`DataError::Unusable`] for a file that is not there.
fn begun(config: &NcfConfig, data_root: Option<&Path>) -> Result<Vec<String>, DataError> {
    let root = data_root.unwrap_or(Path::new(""));
    let parts = config.pretrained.iter().flat_map(|parts| {
        let Pretrained { gmf, mlp, .. } = parts;
        [("pretrained.gmf", gmf), ("pretrained.mlp", mlp)]
    });
    let whole = config.init_from.iter().map(|path| ("init_from", path));
    let files: Vec<(&str, &PathBuf)> = whole.chain(parts).collect();
    for (key, path) in &files {
        let path = root.join(path);
        if !path.is_file() {
            let expected = format!("the weights that {key} names, as safetensors");
            return Err(DataError::unusable(&path, "no file", expected));
        }
    }
    let note = |(key, path): (&str, &PathBuf)| {
        let path = root.join(path);
        let what = match that_left(&path).map(|table| of_kind::<NcfConfig>(table, "ncf")) {
            Some(Some(then)) if then.holds_out_as(config) => return None,
            Some(_) => "was trained with other items held out",
            None => "does not say what was held out when it was trained",
        };
        Some(format!(
            "{key} {what}: where `data`, `rating_above`, `raw`, `validation` or \
             `split_seed` were others, it has seen items that are ranked here"
        ))
    };
    Ok(files.into_iter().filter_map(note).collect())
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
fn protocol(
    config: &NcfConfig,
    cases: usize,
    [fewest, most]: [usize; 2],
    is_of_file: bool,
) -> String {
    let negatives = match is_of_file {
        true => "negative[|s] of its line",
        false => "negative[ that is|s that are] drawn",
    };
    let among = match (config.protocol.candidates, fewest == most) {
        (Candidates::All, _) => format!("all {most} items but those of its user in train"),
        (_, true) => by_number(most as u64 - 1, negatives),
        (_, false) => format!(
            "{} to {}",
            fewest - 1,
            by_number(most as u64 - 1, negatives)
        ),
    };
    let duplicates = match (config.protocol.candidates, config.protocol.duplicates()) {
        (Candidates::All, _) => "",
        (_, Duplicates::Kept) => "duplicates ranked twice, ",
        (_, Duplicates::Masked) => "duplicates ranked once, ",
    };
    let ties = match config.ties() {
        Ties::MidRank => "ties at the middle",
        Ties::Optimistic => "ties won",
        Ties::Pessimistic => "ties lost",
        Ties::ListOrder => "ties in the order of the file",
    };
    let metrics = config.protocol.names(config.ties()).join(", ");
    format!(
        "each of {cases} test interactions is ranked among {among}, {duplicates}{ties}: {metrics}"
    )
}
