//! Which direction of a metric is better, where the file does not say so.

use std::collections::BTreeSet;
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
const LESS_IS_BETTER: [&str; 116] = [
    "ade",
    "aic",
    "bce",
    "bic",
    "bits",
    "bpb",
    "bpc",
    "bpd",
    "brier",
    "ce",
    "cer",
    "chamfer",
    "cost",
    "crossentropy",
    "crps",
    "delay",
    "deviance",
    "disparity",
    "distance",
    "divergence",
    "dssim",
    "duration",
    "ece",
    "eer",
    "emd",
    "energy",
    "entropy",
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
    "gap",
    "gaps",
    "hausdorff",
    "hinge",
    "hter",
    "huber",
    "inaccuracy",
    "incorrect",
    "infidelity",
    "jsd",
    "kid",
    "kl",
    "kld",
    "l1",
    "l2",
    "lag",
    "latency",
    "linf",
    "logloss",
    "loss",
    "losses",
    "lpips",
    "mae",
    "mape",
    "mase",
    "mcd",
    "misses",
    "mistakes",
    "mmd",
    "mpjpe",
    "mre",
    "mse",
    "msle",
    "mspe",
    "nelbo",
    "niqe",
    "nll",
    "nme",
    "nmse",
    "nrmse",
    "overhead",
    "penalty",
    "perplexity",
    "pinball",
    "pp",
    "ppl",
    "rae",
    "regret",
    "residual",
    "risk",
    "rmsd",
    "rmse",
    "rmsle",
    "rse",
    "rss",
    "runtime",
    "seconds",
    "sinkhorn",
    "smape",
    "sse",
    "suboptimality",
    "ter",
    "time",
    "unfairness",
    "violation",
    "violations",
    "wape",
    "wasserstein",
    "wer",
    "wrong",
    "xe",
    "xent",
];

/// Those of [`LESS_IS_BETTER`] that may be a share of all cases, and so be written in percent.
const SHARES_OF_FAULTS: [&str; 20] = [
    "cer",
    "ece",
    "eer",
    "err",
    "error",
    "errors",
    "failure",
    "failures",
    "false",
    "far",
    "fdr",
    "fnr",
    "fpr",
    "frr",
    "hter",
    "incorrect",
    "mistakes",
    "ter",
    "wer",
    "wrong",
];

/// Words beside them that say that it is no share.
const NO_SHARE: [&str; 9] = [
    "abs", "absolute", "log", "mae", "mse", "rmse", "rms", "sq", "squared",
];

/// Words in the names of metrics of which more is better and that are shares of one, or written
/// as such.
const SHARES: [&str; 56] = [
    "acc",
    "accuracies",
    "accuracy",
    "ap",
    "ari",
    "auc",
    "auprc",
    "auroc",
    "bleu",
    "chrf",
    "correct",
    "coverage",
    "dice",
    "em",
    "exact",
    "f1",
    "f2",
    "fscore",
    "gauc",
    "hit",
    "hits",
    "hitrate",
    "hr",
    "iou",
    "jaccard",
    "jaccards",
    "kappa",
    "map",
    "match",
    "matches",
    "mcc",
    "meteor",
    "miou",
    "mrr",
    "ndcg",
    "nmi",
    "npv",
    "pass",
    "ppv",
    "precision",
    "purity",
    "r2",
    "recall",
    "roc",
    "rouge",
    "sensitivity",
    "solved",
    "specificity",
    "success",
    "tnr",
    "top",
    "tpr",
    "win",
    "winrate",
    "wins",
    "yield",
];

/// Other words of that kind, whose numbers may be anything.
const MORE_IS_BETTER: [&str; 25] = [
    "bertscore",
    "cider",
    "correlation",
    "elbo",
    "elo",
    "gain",
    "kendall",
    "lift",
    "likelihood",
    "pearson",
    "pesq",
    "profit",
    "psnr",
    "return",
    "returns",
    "revenue",
    "reward",
    "rewards",
    "silhouette",
    "snr",
    "spearman",
    "spice",
    "ssim",
    "stoi",
    "throughput",
];

/// Ends of compound words of that kind.
const MORE_ENDS: [&str; 4] = ["accuracy", "auc", "recall", "precision"];

/// Ends of compound words that have the same meaning.
const ENDS: [&str; 5] = ["loss", "error", "errors", "entropy", "perplexity"];

/// The beginning of words such as `misclassified`.
const BEGINNING: &str = "misclass";

/// Those of [`LESS_IS_BETTER`] that, in the name of a file, are about its numbers: others, such as
/// `time` or `cost`, are about what was done.
const LESS_BY_FILE: [&str; 17] = [
    "bce",
    "brier",
    "cer",
    "crossentropy",
    "crps",
    "err",
    "huber",
    "kld",
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
) -> Result<Vec<String>, Error> {
    let unnamed = default_of("metric");
    let mut taken = BTreeSet::new();
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
            None if more_is_better(&trial.metric) => {}
            None => drop(taken.insert(trial.metric.clone())),
        }
    }
    let mut notes = Vec::new();
    if taken.remove(unnamed) {
        notes.push(format!(
            "Nothing names the metric, nor says whether more or less of it is better: more is taken \
             for better. A column `higher_is_better`, or `--better lower`, says otherwise; a column \
             `{unnamed}` names it."
        ));
    }
    notes.extend(taken.iter().map(|metric| {
        format!(
            "The name of metric `{metric}` does not say whether more or less of it is better: more is \
             taken for better. `--better {metric}=lower` says otherwise, `--better {metric}=higher` \
             that it is so."
        )
    }));
    Ok(notes)
}

/// Whether the numbers of a metric of this name may be shares of one, which are also written in
/// percent. Of one that says nothing they may.
pub(super) fn may_be_percent(metric: &str) -> bool {
    let words = words(metric);
    let has = |known: &[&str]| words.iter().any(|word| known.contains(&word.as_str()));
    match is_less_better(&words) {
        true => has(&SHARES_OF_FAULTS) && !has(&NO_SHARE),
        false => !has(&MORE_IS_BETTER),
    }
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
    let named = |word: &&String| !word.is_empty() && !WHICH.contains(&word.as_str());
    let mut others = words.iter().filter(named);
    let says_nothing =
        !words.concat().is_empty() && others.all(|word| NO_DIRECTION.contains(&word.as_str()));
    says_nothing || is_less_better(&words)
}

/// Whether a word suggests that less is better.
fn is_less_better(words: &[String]) -> bool {
    words.iter().any(|word| {
        LESS_IS_BETTER.contains(&word.as_str())
            || ENDS.iter().any(|end| word.ends_with(end))
            || word.starts_with(BEGINNING)
    })
}

/// Whether the name has a word of a metric of which more is better.
fn more_is_better(metric: &str) -> bool {
    words(metric).iter().any(|word| {
        [&SHARES[..], &MORE_IS_BETTER[..]]
            .concat()
            .contains(&word.as_str())
            || MORE_ENDS.iter().any(|end| word.ends_with(end))
    })
}

/// Words of one letter that a digit belongs to: `l2`, `f1`, `r2`.
const LETTERS: [&str; 3] = ["f", "l", "r"];

/// The words of a name such as `val/topOne_err2`, in lower case and without digits, those of
/// [`LETTERS`] aside.
fn words(name: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut before = ' ';
    for letter in name.chars() {
        let begins = letter.is_uppercase() && before.is_lowercase();
        let last = words.last().map_or("", String::as_str);
        if letter.is_ascii_digit() && before.is_alphabetic() && LETTERS.contains(&last) {
            words
                .last_mut()
                .into_iter()
                .for_each(|word| word.push(letter));
            words.push(String::new());
        } else if (begins || !letter.is_alphabetic()) && !last.is_empty() {
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
mod tests;
