//! Which direction of a metric is better, where the file does not say so.

use std::path::Path;

use super::texts::{Texts, default_of};
use crate::error::Error;
use crate::records::rows::TrialRow;

/// Which direction of a metric is better.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Direction {
    /// Name of the metric; none for all metrics that have no direction of their own.
    pub metric: Option<String>,
    /// Whether more of it is better.
    pub higher_is_better: bool,
}

/// Words in the names of metrics of which less is better, or which may be of that kind.
const LESS_IS_BETTER: [&str; 73] = [
    "ade",
    "bits",
    "bpb",
    "bpc",
    "bpd",
    "brier",
    "ce",
    "cer",
    "cost",
    "crossentropy",
    "deviance",
    "distance",
    "divergence",
    "ece",
    "eer",
    "duration",
    "entropy",
    "energy",
    "epe",
    "err",
    "error",
    "errors",
    "fad",
    "failure",
    "failures",
    "false",
    "far",
    "fde",
    "fdr",
    "fid",
    "fnr",
    "forgetting",
    "fpr",
    "frr",
    "fvd",
    "hausdorff",
    "hinge",
    "incorrect",
    "kid",
    "kl",
    "latency",
    "loss",
    "losses",
    "lpips",
    "mae",
    "mape",
    "mpjpe",
    "mse",
    "msle",
    "nll",
    "nmse",
    "nrmse",
    "perplexity",
    "pp",
    "ppl",
    "penalty",
    "regret",
    "residual",
    "risk",
    "runtime",
    "seconds",
    "time",
    "rmse",
    "rmsle",
    "smape",
    "ter",
    "violation",
    "violations",
    "wer",
    "wrong",
    "xe",
    "xent",
    "mistakes",
];

/// Ends of compound words that have the same meaning.
const ENDS: [&str; 5] = ["loss", "error", "errors", "entropy", "perplexity"];

/// The beginning of words such as `misclassified`.
const BEGINNING: &str = "misclass";

/// Those of [`LESS_IS_BETTER`] that, in the name of a file, are about its numbers: others, such as
/// `time` or `cost`, are about what was done.
const LESS_BY_FILE: [&str; 13] = [
    "brier",
    "cer",
    "crossentropy",
    "err",
    "losses",
    "mae",
    "mape",
    "mse",
    "nll",
    "ppl",
    "rmse",
    "wer",
    "xent",
];

/// Words that say of a number only that it is one, as Optuna (`value`), TensorBoard (`Value`) and
/// others name what they were told to optimize.
const NO_DIRECTION: [&str; 14] = [
    "criterion",
    "figure",
    "goal",
    "number",
    "objective",
    "objectives",
    "output",
    "quantity",
    "result",
    "results",
    "score",
    "scores",
    "value",
    "values",
];

/// Words that say which of the numbers of a name is meant, and not what it measures.
const WHICH: [&str; 17] = [
    "avg",
    "average",
    "best",
    "cv",
    "eval",
    "final",
    "last",
    "max",
    "mean",
    "median",
    "min",
    "split",
    "std",
    "summary",
    "test",
    "val",
    "validation",
];

/// Gives each trial the direction of its metric, where its file is not one of `directed`; `called` is
/// what all of them are called. Says where a direction is taken that nothing states.
///
/// # Errors
/// [`Error::NoDirection`] for a metric whose name is that of a loss or an error or says nothing, and
/// whose direction nothing states; for one without a name, where a file or all of them are called so.
pub(super) fn settle(
    trials: &mut [TrialRow],
    texts: &Texts,
    directed: &[bool],
    (said, called): (&[Direction], Option<&str>),
) -> Result<Option<String>, Error> {
    let unnamed = default_of("metric");
    let mut taken = false;
    let of = |metric: &str| {
        let exact = said
            .iter()
            .find(|said| said.metric.as_deref() == Some(metric));
        exact.or_else(|| said.iter().find(|said| said.metric.is_none()))
    };
    for (trial, place) in trials.iter_mut().zip(&texts.places) {
        if directed[place.file] {
            continue;
        }
        let path = &texts.files[place.file];
        match of(&trial.metric) {
            Some(direction) => trial.higher_is_better = direction.higher_is_better,
            None if less_may_be_better(&trial.metric)
                || trial.metric == unnamed
                    && (is_called_a_loss(&name_of(path))
                        || called.is_some_and(is_called_a_loss)) =>
            {
                return Err(Error::NoDirection {
                    path: path.clone(),
                    metric: trial.metric.clone(),
                });
            }
            None => taken |= trial.metric == unnamed,
        }
    }
    Ok(taken.then(|| {
        format!(
            "Nothing names the metric, nor says whether more or less of it is better: more is taken \
             for better. A column `higher_is_better`, or `--better lower`, says otherwise; a column \
             `{unnamed}` names it."
        )
    }))
}

/// The name of a file without the folders that it is in, and without its ending.
fn name_of(path: &Path) -> String {
    let name = path.file_stem().unwrap_or_default();
    name.to_string_lossy().into_owned()
}

/// Whether the name of a file or a title says that its numbers are losses or errors.
fn is_called_a_loss(name: &str) -> bool {
    let ends = |word: &String| ENDS.iter().any(|end| word.ends_with(end));
    let mut words = words(name).into_iter();
    words.any(|word| LESS_BY_FILE.contains(&word.as_str()) || ends(&word))
}

/// Whether the name has a word that suggests that less is better, or none that says what the number
/// measures.
fn less_may_be_better(metric: &str) -> bool {
    let words = words(metric);
    let says_less = |word: &String| {
        LESS_IS_BETTER.contains(&word.as_str())
            || ENDS.iter().any(|end| word.ends_with(end))
            || word.starts_with(BEGINNING)
    };
    let named = |word: &&String| !word.is_empty() && !WHICH.contains(&word.as_str());
    let mut others = words.iter().filter(named);
    let says_nothing =
        !words.concat().is_empty() && others.all(|word| NO_DIRECTION.contains(&word.as_str()));
    says_nothing || words.iter().any(says_less)
}

/// The words of a name such as `val/topOne_err2`, in lower case.
fn words(name: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut before = ' ';
    for letter in name.chars() {
        let begins = letter.is_uppercase() && before.is_lowercase();
        if (begins || !letter.is_alphabetic()) && words.last().is_some_and(|word| !word.is_empty())
        {
            words.push(String::new());
        }
        if letter.is_alphabetic()
            && let Some(word) = words.last_mut()
        {
            word.extend(letter.to_lowercase());
        }
        before = letter;
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_may_be_called_a_loss() {
        for name in [
            "val-loss",
            "testNLL",
            "Validation loss",
            "top1_error",
            "RMSE",
        ] {
            assert!(is_called_a_loss(name), "{name}");
        }
        for name in [
            "results",
            "time-2026",
            "costs",
            "lossless",
            "scores",
            "far",
            "",
        ] {
            assert!(!is_called_a_loss(name), "{name}");
        }
    }

    #[test]
    fn losses_are_known_by_their_names() {
        for metric in [
            "test_loss",
            "loss",
            "valLoss",
            "testloss",
            "test/perplexity",
            "RMSE",
            "top1_err",
            "top-5 error",
            "log_loss",
            "testNLL",
            "fid50k",
            "WER (%)",
            "cross_entropy",
            "mae",
            "bits_per_byte",
            "eval.ppl",
            "logloss",
            "neg_mean_squared_error",
            "misclassified",
            "misclassification_rate",
            "false_positive_rate",
            "num_wrong",
            "seconds",
            "log_losses_0",
            // Nothing says what they measure.
            "value",
            "Value",
            "values_1",
            "objective",
            "score",
            "mean_test_score",
            "final result",
            "max",
        ] {
            assert!(less_may_be_better(metric), "{metric}");
        }
        for metric in [
            "accuracy",
            "hr@10",
            "auc",
            "mAP",
            "ndcg",
            "f1",
            "per_class_accuracy",
            "bleu",
            "f1_score",
            "score_accuracy",
            "R2",
            "value_accuracy",
            "metric",
            "@10",
            "lossless_ratio",
            "iou",
            "precision",
            "success",
        ] {
            assert!(!less_may_be_better(metric), "{metric}");
        }
    }
}
