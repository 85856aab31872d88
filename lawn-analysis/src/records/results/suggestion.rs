//! Which column of a file most likely holds a column of results, for errors to propose.

/// Other names of the columns that results must have, and of the outcome.
const NAMES: [(&str, &[&str]); 6] = [
    ("task", &["dataset", "data", "problem", "benchmark", "task"]),
    (
        "arm",
        &["optimizer", "optim", "opt", "algorithm", "method", "arm"],
    ),
    (
        "batch_size",
        &["batch_size", "batchsize", "batch", "bs", "batch_size_total"],
    ),
    ("seed", &["seed", "random_state"]),
    (
        "test_metric",
        &[
            "value",
            "values_0",
            "acc",
            "accuracy",
            "top1",
            "auc",
            "f1",
            "score",
            "metric",
            "objective",
            "bleu",
            "hr",
            "ndcg",
            "loss",
        ],
    ),
    ("outcome", &["state", "status", "outcome"]),
];

/// Words of a metric that is not the test metric.
const OTHER_SPLITS: [&str; 6] = ["train", "training", "val", "valid", "validation", "dev"];

/// Words for one number of a metric's course, as wandb names them: `acc.max`.
pub(super) const OF_A_COURSE: [&str; 6] = ["last", "max", "min", "mean", "best", "final"];

/// The column that most likely holds the column of results `ours`: the first of those whose names
/// end in the longest known name.
pub(super) fn of<'a>(ours: &str, names: &'a [String]) -> Option<&'a str> {
    let (_, known) = NAMES.iter().find(|(name, _)| *name == ours)?;
    let fitting = |name: &'a String| {
        let mut words = words(name);
        if words
            .last()
            .is_some_and(|word| OF_A_COURSE.contains(&word.as_str()))
        {
            words.pop();
        }
        if ours == "test_metric" && words.iter().any(|w| OTHER_SPLITS.contains(&w.as_str())) {
            return None;
        }
        let longest = known.iter().filter(|known| {
            let known: Vec<&str> = known.split('_').collect();
            let tail = words.len().saturating_sub(known.len());
            words[tail..].iter().map(String::as_str).eq(known)
        });
        let length = longest.map(|known| known.len()).max()?;
        Some((length, name.as_str()))
    };
    let mut best: Option<(usize, &str)> = None;
    for (length, name) in names.iter().filter_map(fitting) {
        if best.is_none_or(|(before, _)| length > before) {
            best = Some((length, name));
        }
    }
    best.map(|(_, name)| name)
}

/// The words of a name such as `user_attrs_seed` or `test/topOne`, in lower case.
fn words(name: &str) -> Vec<String> {
    let words = name.split(|letter: char| !letter.is_alphanumeric());
    let words = words.filter(|word| !word.is_empty());
    words.map(str::to_lowercase).collect()
}

#[cfg(test)]
mod tests {
    use super::of;

    #[test]
    fn the_columns_of_other_tools_are_proposed() {
        let optuna = [
            "number",
            "value",
            "datetime_start",
            "duration",
            "params_batch_size",
            "params_optimizer",
            "user_attrs_seed",
            "state",
        ];
        let wandb = [
            "Name",
            "State",
            "Sweep",
            "dataset",
            "optimizer",
            "batch_size",
            "seed",
            "train/acc",
            "test/acc",
        ];
        let json = [
            "config.optimizer",
            "config.data",
            "config.bs",
            "summary.test/accuracy",
        ];
        let found = |names: &[&str], ours: &str| {
            let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
            of(ours, &names).map(str::to_owned)
        };
        for (names, ours, theirs) in [
            (&optuna[..], "arm", Some("params_optimizer")),
            (&optuna, "batch_size", Some("params_batch_size")),
            (&optuna, "seed", Some("user_attrs_seed")),
            (&optuna, "test_metric", Some("value")),
            (&optuna, "outcome", Some("state")),
            (&optuna, "task", None),
            (&wandb, "task", Some("dataset")),
            (&wandb, "arm", Some("optimizer")),
            (&wandb, "test_metric", Some("test/acc")),
            (&wandb, "outcome", Some("State")),
            (&json, "arm", Some("config.optimizer")),
            (&json, "batch_size", Some("config.bs")),
            (&json, "test_metric", Some("summary.test/accuracy")),
            (&json, "trial_id", None),
            (&["summary.acc.max"], "test_metric", Some("summary.acc.max")),
            (&["best"], "test_metric", None),
            // Optuna's, of several objectives.
            (
                &["number", "values_0", "values_1"],
                "test_metric",
                Some("values_0"),
            ),
        ] {
            assert_eq!(found(names, ours).as_deref(), theirs, "{ours} in {names:?}");
        }
    }
}
