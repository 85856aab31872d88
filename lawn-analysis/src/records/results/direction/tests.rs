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
fn of_a_name_that_is_in_no_list_nothing_is_known() {
    for metric in [
        "accuracy",
        "top1",
        "test_acc",
        "HR@10",
        "rocAUC",
        "testaccuracy",
        "F1",
        "R2",
        "mAP",
        "bleu",
        "reward",
        "map50",
        "score_f1",
    ] {
        assert!(more_is_better(metric), "{metric}");
        assert!(!less_may_be_better(metric), "{metric}");
    }
    for metric in ["quux", "m", "drift", "l", "ratio", "lossless_ratio", "@10"] {
        assert!(
            !more_is_better(metric) && !less_may_be_better(metric),
            "{metric}"
        );
    }
    let both = [&SHARES[..], &MORE_IS_BETTER[..]].concat();
    let both = both
        .iter()
        .find(|word| is_less_better(&[(**word).to_owned()]));
    assert_eq!(both, None, "a word says two things");
}

#[test]
fn shares_may_be_in_percent() {
    for metric in [
        "accuracy",
        "HR@10",
        "top-1 error",
        "wer",
        "metric",
        "value",
        "quux",
    ] {
        assert!(may_be_percent(metric), "{metric}");
    }
    for metric in [
        "loss",
        "mean_squared_error",
        "rmse",
        "reward",
        "perplexity",
        "psnr",
    ] {
        assert!(!may_be_percent(metric), "{metric}");
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
        "bce",
        "val_BCE",
        "huber",
        "CRPS",
        "l2",
        "test/L1",
        "generalization gap",
        "smooth_l1",
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
