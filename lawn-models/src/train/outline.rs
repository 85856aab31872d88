//! What the optimizer does to each parameter of a net whose tables need not be there.

use lawn_core::{Granularity, Optimizer, Treatment};

use super::optimizer;

use crate::models::TablePart;
use crate::tasks::{TableRows, TrialConfig};
use crate::trial::{Length, OptimizerSettings, RuleName};

/// Which rows of its tables a net has that nothing is computed with: a few, unless their number decides
/// whether a trial can be set up.
pub(super) fn tables<'c>(trials: impl IntoIterator<Item = &'c TrialConfig>) -> TablePart {
    let needs_rows =
        |config: &TrialConfig| is_cut(config) || !config.task.weights_files().is_empty();
    few_unless(trials.into_iter().any(needs_rows))
}

/// The same of a net that begins without weights of a file.
pub(super) fn tables_without_weights(config: &TrialConfig) -> TablePart {
    few_unless(is_cut(config))
}

/// Whether units are parts of a parameter's rows.
fn is_cut(config: &TrialConfig) -> bool {
    matches!(config.optimizer.granularity, Some(Granularity::Head(_)))
}

fn few_unless(needs_rows: bool) -> TablePart {
    match needs_rows {
        true => TablePart::default(),
        false => TablePart::few(),
    }
}

/// What the optimizer does to each parameter: as if the tables had all their rows, of which `rows` has the
/// number where a net has a few.
pub(super) fn treatments(
    rows: &TableRows,
    optimizer: &Optimizer,
    (settings, length): (&OptimizerSettings, Length),
) -> Vec<Treatment> {
    let config = optimizer::optimizer(settings, length);
    let of_all = (config.lawn.map(|one| one.granularity))
        .or(config.hyperball.map(|one| one.granularity))
        .or(config.cpr.map(|one| one.granularity))
        .or(config.rotational.map(|one| one.granularity))
        .unwrap_or_default();
    let whole = |one: &Treatment| {
        let mut one = one.clone();
        if let Some(&rows) = rows.get(&one.parameter) {
            one.shape[0] = rows;
            if one.units > 0 {
                one.units = one.granularity.unwrap_or(of_all).units(&one.shape);
            }
        }
        one
    };
    optimizer.treatments().iter().map(whole).collect()
}

/// Bytes that the parameters take, and what the rule remembers of each of their elements: a trial has
/// more, this it cannot do without.
pub(super) fn least_bytes(treatments: &[Treatment], settings: &OptimizerSettings) -> u64 {
    let remembered = match settings.rule {
        RuleName::Amsgrad => 3,
        RuleName::Adam
        | RuleName::Adamw
        | RuleName::LazyAdam
        | RuleName::Nadamw
        | RuleName::Adamp
        | RuleName::Lamb
        | RuleName::ScheduleFree => 2,
        RuleName::Adagrad | RuleName::Lars | RuleName::Lion | RuleName::Sgdp | RuleName::Muon => 1,
        // Numbers of rows and columns; or only with a momentum, which may be 0.
        RuleName::Sgd | RuleName::RowwiseAdagrad | RuleName::Adafactor => 0,
    };
    let elements = |one: &Treatment| {
        one.shape
            .iter()
            .map(|&size| size.unsigned_abs())
            .product::<u64>()
    };
    let all = treatments.iter().map(elements).sum::<u64>();
    all.saturating_mul(4 * (1 + remembered))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::tasks::TaskConfig;
    use crate::train::run::untrained;
    use crate::train::set_up;
    use crate::trial::Amount;

    /// What is done to each parameter hangs on its shape, never on what is in it.
    #[test]
    fn a_few_rows_of_tables_tell_what_is_done_to_all() {
        let clicks = |model: serde_json::Value| json!({ "model": model, "generated": { "rows": 400, "columns": 4 } });
        let ratings = |model: &str| json!({ "model": model, "generated": { "users": 40, "items": 220, "interactions": 10 } });
        for (kind, table) in [
            ("ncf", ratings("mf")),
            ("ncf", ratings("neumf")),
            (
                "ctr",
                clicks(json!({ "name": "deepfm", "tables": "separate", "layers": [8] })),
            ),
            (
                "ctr",
                clicks(json!({ "name": "dcn_v2", "width": 4, "layers": [8] })),
            ),
            ("ctr", clicks(json!({ "name": "dlrm_small" }))),
            ("ctr", clicks(json!({ "name": "logistic" }))),
        ] {
            let task = TaskConfig::from_table(kind, table.clone()).unwrap();
            for optimizer in [
                json!({ "rule": "adam", "learning_rate": 0.1 }),
                json!({ "rule": "adam", "learning_rate": 0.1, "lawn": true, "free_fraction": 0.5,
                    "scope": "all-weights", "granularity": "row" }),
                json!({ "rule": "sgd", "learning_rate": 0.1, "constraint": "rotational",
                    "weight_decay": 0.1, "scope": "all-weights" }),
                json!({ "rule": "rowwise_adagrad", "learning_rate": 0.1 }),
            ] {
                let settings: OptimizerSettings = serde_json::from_value(optimizer).unwrap();
                let config = TrialConfig::new(task.clone(), settings, 16, Amount::Epochs(1));
                let found = [TablePart::default(), tables([&config])].map(|part| {
                    let task = set_up::task(&config, &untrained(None), part).unwrap();
                    let (length, optimizer) = set_up::optimizer(&task, &config).unwrap();
                    let settings = (&config.optimizer, length);
                    (
                        task.rows.len(),
                        treatments(&task.rows, &optimizer, settings),
                    )
                });
                let [(none, whole), (some, few)] = found;
                assert!(none == 0 && some > 0, "{table}");
                assert_eq!(few, whole, "{table}");
                let elements = |all: &[Treatment]| least_bytes(all, &config.optimizer);
                assert_eq!(elements(&few), elements(&whole));
            }
        }
    }
}
