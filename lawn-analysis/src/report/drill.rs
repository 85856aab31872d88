//! Each trial's curves, drawn by the page when they are asked for.

use serde_json::{Map, Value, json};

use crate::analysis::{CurvePoint, Task};
use crate::figures::escape;
use crate::tables::Table;

/// Points of a curve that a small drawing can show.
const MOST_POINTS: usize = 60;

/// The confirmation trials, each with a button that shows its curves.
pub(super) fn trials(table: &Table, tasks: &[Task]) -> String {
    if table.rows().len() > super::html::MOST_ROWS {
        let note = "The curves of so many trials would make the page slow to open: \
                    records/epochs.parquet holds them.";
        return super::html::table(table) + &super::html::paragraph(note);
    }
    let curves = curves(tasks);
    let shown = super::html::table_with(table, |column, text| {
        if table.columns[column] == "trial_id" && curves.contains_key(text) {
            let id = escape(text);
            format!(
                "<button type=\"button\" class=\"trial\" data-trial=\"{id}\" \
                 aria-expanded=\"false\">{id}</button>"
            )
        } else {
            escape(text)
        }
    });
    if curves.is_empty() {
        return shown;
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
                    let curve = thinned(task.curve(trial));
                    if curve.is_empty() {
                        continue;
                    }
                    let column = |pick: &dyn Fn(&CurvePoint) -> Option<f64>| {
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

/// At most [`MOST_POINTS`] points of a curve, its ends among them, evenly between.
fn thinned(curve: &[CurvePoint]) -> Vec<&CurvePoint> {
    if curve.len() <= MOST_POINTS {
        return curve.iter().collect();
    }
    let last = curve.len() - 1;
    (0..MOST_POINTS)
        .map(|i| &curve[i * last / (MOST_POINTS - 1)])
        .collect()
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
