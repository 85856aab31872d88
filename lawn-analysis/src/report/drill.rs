//! Each trial's curves, drawn by the page when they are asked for.

use serde_json::{Map, Value, json};

use crate::analysis::Task;
use crate::figures::escape;
use crate::tables::Table;

/// Curves of more trials would make the page slow to open; their records hold them.
const MOST_TRIALS: usize = 400;

/// The confirmation trials, each with a button that shows its curves.
pub(super) fn trials(table: &Table, tasks: &[Task]) -> String {
    let curves = curves(tasks);
    let with_buttons = curves.len() <= MOST_TRIALS;
    let shown = super::html::table_with(table, |column, text| {
        if table.columns[column] == "trial_id" && with_buttons && curves.contains_key(text) {
            let id = escape(text);
            format!(
                "<button type=\"button\" class=\"trial\" data-trial=\"{id}\" \
                 aria-expanded=\"false\">{id}</button>"
            )
        } else {
            escape(text)
        }
    });
    if !with_buttons {
        let note = format!(
            "Curves are left out of the page for more than {MOST_TRIALS} trials; epochs.parquet has \
             them."
        );
        return super::html::paragraph(&note) + &shown;
    }
    // `<` is the one character by which a text could end its script element.
    let data = Value::Object(curves).to_string().replace('<', "\\u003c");
    format!(
        "<p>Choose a trial to see its curves.</p>\n{shown}\
         <script type=\"application/json\" id=\"curves\">{data}</script>\n"
    )
}

fn curves(tasks: &[Task]) -> Map<String, Value> {
    let mut all = Map::new();
    for task in tasks {
        for arm in &task.arms {
            for batch_size in &task.batch_sizes {
                for trial in task.confirmations(arm, *batch_size) {
                    let curve = task.curve(trial);
                    if curve.is_empty() {
                        continue;
                    }
                    let column = |pick: &dyn Fn(&crate::analysis::CurvePoint) -> Option<f64>| {
                        let values: Vec<Value> =
                            curve.iter().map(|point| rounded(pick(point))).collect();
                        Value::Array(values)
                    };
                    let epochs: Vec<f64> = curve.iter().map(|point| point.epoch).collect();
                    all.insert(
                        trial.trial_id.clone(),
                        json!({
                            "epoch": epochs,
                            "training loss": column(&|point| Some(point.train_loss)),
                            format!("validation {}", task.metric):
                                column(&|point| point.validation_metric),
                            "mean |logit|": column(&|point| Some(point.logit_mean_abs)),
                        }),
                    );
                }
            }
        }
    }
    all
}

/// Five digits are more than a line can show; what is not finite is a gap in it.
fn rounded(value: Option<f64>) -> Value {
    match value.filter(|value| value.is_finite()) {
        Some(value) => format!("{value:.4e}")
            .parse::<f64>()
            .map_or(Value::Null, Value::from),
        None => Value::Null,
    }
}
