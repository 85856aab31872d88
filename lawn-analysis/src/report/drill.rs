//! The curves of all trials, packed into the page, which draws a trial's curves when asked.
//!
//! ```text
//! base64 of zlib of:  length of the header (u32, little endian), header (JSON), one byte a point
//! header   {"tasks": [[name, metric]…], "arms": […], "outcomes": […], "epochs": [[…]…],
//!           "trials": [[id, task, arm, batch size, stage, setting, seed, outcome, test, train,
//!                       epochs, low, high, low, high, low, high]…]}
//! point    level of 0 to 254 from the least to the most of its curve, 255 where there is none,
//!          less the point before it
//! ```
//!
//! The header names tasks, arms, outcomes and epochs by their index in the lists. A stage of 0 is
//! tuning. The points follow trial by trial: training loss, validation metric, mean magnitude of
//! the logits. A drawing 62 pixels high cannot show more levels.

use base64::Engine;
use serde_json::{Value, json};

use super::html::{self, MOST_ROWS};
use crate::analysis::{CurvePoint, Task};
use crate::figures::escape;
use crate::records::{Stage, TrialRow};
use crate::tables::{ConfirmationRow, Rows};

/// The most points of a curve that a small drawing shows.
const MOST_POINTS: usize = 60;
/// The most points that a page carries, over all curves.
const MOST_CARRIED: usize = 3_000_000;
/// The quantities drawn of a trial.
const SERIES: [fn(&CurvePoint) -> Option<f64>; 3] = [
    |point| Some(point.train_loss),
    |point| point.validation_metric,
    |point| Some(point.logit_mean_abs),
];
/// The level that means "no value".
const GAP: u8 = u8::MAX;

/// The table of confirmation trials, and a form that chooses any trial and shows its curves. While
/// there are few confirmation trials, each has a button in the table as well.
pub(super) fn trials(confirmations: &Rows<ConfirmationRow>, tasks: &[Task]) -> String {
    let packed = PackedTrials::new(tasks);
    let table = confirmations.table();
    if packed.header.epochs.is_empty() {
        return html::table(&table);
    }
    let few = table.rows().len() <= MOST_ROWS;
    let hint = if few { ", here or in the table" } else { "" };
    // The first column is the id of the trial.
    let shown = html::table_headed(&table, |trial_id| {
        let id = escape(trial_id);
        if few && packed.has_curve(trial_id) {
            format!(
                "<button type=\"button\" class=\"trial\" data-trial=\"{id}\" \
                 aria-expanded=\"false\">{id}</button>"
            )
        } else {
            id
        }
    });
    let choice = |name: &str| {
        let label = name[..1].to_uppercase() + &name[1..];
        format!("<label>{label} <select name=\"{name}\"></select></label>\n")
    };
    let choices: String = ["task", "arm", "batch size", "trial"].map(choice).concat();
    format!(
        "<form id=\"chooser\" class=\"no-print\" hidden>\n<p>Choose a trial to see its curves{hint}. \
         They are shown at up to {} evaluations.</p>\n{choices}\
         <button type=\"submit\">Show its curves</button>\n</form>\n\
         <div id=\"chosen\" class=\"no-print\" aria-live=\"polite\"></div>\n{shown}\
         <script type=\"application/octet-stream\" id=\"curves\">{}</script>\n",
        packed.points,
        packed.text(),
    )
}

/// The lists that the header names by place.
#[derive(Default)]
struct Header {
    arms: Vec<String>,
    outcomes: Vec<String>,
    epochs: Vec<Vec<f64>>,
    trials: Vec<Value>,
    with_curve: std::collections::HashSet<String>,
}

/// Everything that the page needs to show any trial.
struct PackedTrials {
    header: Header,
    tasks: Vec<[String; 2]>,
    levels: Vec<u8>,
    /// The most points of a curve.
    points: usize,
}

impl PackedTrials {
    fn new(tasks: &[Task]) -> Self {
        let trials = tasks
            .iter()
            .map(|task| task.trials().count())
            .sum::<usize>();
        let each = MOST_CARRIED / (SERIES.len() * trials.max(1));
        let mut packed = Self {
            header: Header::default(),
            tasks: Vec::new(),
            levels: Vec::new(),
            points: each.clamp(2, MOST_POINTS),
        };
        for task in tasks {
            packed.tasks.push([task.name.clone(), task.metric.clone()]);
            for trial in task.trials() {
                packed.push(task, trial);
            }
        }
        packed
    }

    fn has_curve(&self, trial_id: &str) -> bool {
        self.header.with_curve.contains(trial_id)
    }

    fn push(&mut self, task: &Task, trial: &TrialRow) {
        let curve = thinned(task.curve(trial), self.points);
        let header = &mut self.header;
        let mut row = vec![
            json!(trial.trial_id),
            json!(self.tasks.len() - 1),
            json!(place(&mut header.arms, trial.arm.clone())),
            json!(trial.batch_size),
            json!(u8::from(trial.stage == Stage::Confirm)),
            json!(trial.setting),
            json!(trial.seed),
            json!(place(&mut header.outcomes, trial.outcome.to_string())),
            rounded(trial.test_metric),
            rounded(trial.train_metric),
        ];
        if !curve.is_empty() {
            let epochs = curve.iter().map(|point| point.epoch).collect();
            row.push(json!(place(&mut header.epochs, epochs)));
            header.with_curve.insert(trial.trial_id.clone());
            for value in SERIES {
                let values: Vec<Option<f64>> = curve.iter().map(|point| value(point)).collect();
                row.extend(levels(&values, &mut self.levels));
            }
        }
        header.trials.push(Value::Array(row));
    }

    fn text(&self) -> String {
        let header = json!({
            "tasks": self.tasks,
            "arms": self.header.arms,
            "outcomes": self.header.outcomes,
            "epochs": self.header.epochs,
            "trials": self.header.trials,
        })
        .to_string();
        let length = u32::try_from(header.len())
            .unwrap_or(u32::MAX)
            .to_le_bytes();
        let bytes = [&length, header.as_bytes(), &self.levels].concat();
        let deflated = miniz_oxide::deflate::compress_to_vec_zlib(&bytes, 6);
        base64::engine::general_purpose::STANDARD.encode(deflated)
    }
}

/// The index of a value in a list. A new value is appended. The search starts at the end.
fn place<T: PartialEq>(list: &mut Vec<T>, value: T) -> usize {
    list.iter()
        .rposition(|known| *known == value)
        .unwrap_or_else(|| {
            list.push(value);
            list.len() - 1
        })
}

/// Appends the points of a curve as levels, each less the one before. Returns the smallest and the
/// largest value.
fn levels(values: &[Option<f64>], levels: &mut Vec<u8>) -> [Value; 2] {
    let finite = |value: &Option<f64>| value.filter(|value| value.is_finite());
    let seen = || values.iter().filter_map(finite);
    let (low, high) = (seen().reduce(f64::min), seen().reduce(f64::max));
    let mut before = 0_u8;
    for value in values {
        let level = match (finite(value), low, high) {
            (Some(value), Some(low), Some(high)) if high > low => {
                (f64::from(GAP - 1) * (value - low) / (high - low)).round() as u8
            }
            (Some(_), ..) => 0,
            (None, ..) => GAP,
        };
        levels.push(level.wrapping_sub(before));
        before = level;
    }
    [rounded(low), rounded(high)]
}

/// At most `most` points of a curve: its two ends, and evenly spaced ones between.
fn thinned(curve: &[CurvePoint], most: usize) -> Vec<&CurvePoint> {
    if curve.len() <= most {
        return curve.iter().collect();
    }
    let last = curve.len() - 1;
    (0..most).map(|i| &curve[i * last / (most - 1)]).collect()
}

/// A value in five digits, more than a drawing can show. A value that is not finite is absent.
fn rounded(value: Option<f64>) -> Value {
    match value.filter(|value| value.is_finite()) {
        Some(value) => format!("{value:.4e}")
            .parse::<f64>()
            .map_or(Value::Null, Value::from),
        None => Value::Null,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simulate::Simulation;

    fn tasks(simulation: &Simulation) -> Vec<Task> {
        crate::analysis::tasks(&simulation.records()).unwrap()
    }

    /// Header and points, unpacked as the page does it.
    fn unpacked(text: &str) -> (Value, Vec<u8>) {
        let deflated = base64::engine::general_purpose::STANDARD
            .decode(text)
            .unwrap();
        let bytes = miniz_oxide::inflate::decompress_to_vec_zlib(&deflated).unwrap();
        let (length, rest) = bytes.split_at(4);
        let length = u32::from_le_bytes(length.try_into().unwrap()) as usize;
        let header = serde_json::from_slice(&rest[..length]).unwrap();
        (header, rest[length..].to_vec())
    }

    #[test]
    fn every_trial_is_carried_with_its_curves() {
        let tasks = tasks(&Simulation::default());
        let packed = PackedTrials::new(&tasks);
        let (header, levels) = unpacked(&packed.text());
        let trials = header["trials"].as_array().unwrap();
        // Two arms, four batch sizes, six settings and five seeds.
        assert_eq!(trials.len(), 2 * 4 * (6 + 5));
        let confirmed: Vec<&Value> = trials.iter().filter(|row| row[4] == 1).collect();
        assert_eq!(levels.len(), confirmed.len() * SERIES.len() * 20);
        let first = confirmed[0];
        let trial = tasks[0].confirmations("base", 1024).next().unwrap();
        assert_eq!(first[0], json!(trial.trial_id));
        let curve = tasks[0].curve(trial);
        let (low, high) = (first[11].as_f64().unwrap(), first[12].as_f64().unwrap());
        let mut level = 0_u8;
        for (point, step) in curve.iter().zip(&levels) {
            level = level.wrapping_add(*step);
            let shown = low + (high - low) * f64::from(level) / 254.0;
            let error = (shown - point.train_loss).abs();
            assert!(error <= (high - low) / 254.0 + 1e-4, "{shown} {point:?}");
        }
    }

    #[test]
    fn of_many_trials_each_can_be_chosen_and_the_page_stays_light() {
        let tasks = tasks(&Simulation {
            seeds: 150,
            epochs: 80,
            ..Simulation::default()
        });
        let table = crate::tables::confirmations(&tasks);
        assert!(table.rows().len() > MOST_ROWS);
        let text = trials(&table, &tasks);
        assert!(text.contains("id=\"chooser\"") && !text.contains("class=\"trial\""));
        assert!(text.contains("up to 60 evaluations"));
        // 1,200 curves of three series of 60 points, and 48 trials without.
        let (header, levels) = unpacked(&PackedTrials::new(&tasks).text());
        assert_eq!(header["trials"].as_array().map(Vec::len), Some(1248));
        assert_eq!(levels.len(), 1200 * 3 * 60);
        assert!(text.len() < levels.len() * 3 / 2, "{} bytes", text.len());
    }

    #[test]
    fn what_is_not_there_is_a_gap_and_equal_values_are_a_line() {
        let mut found = Vec::new();
        let ends = levels(&[Some(2.0), None, Some(1.0), Some(f64::NAN)], &mut found);
        assert_eq!(ends, [json!(1.0), json!(2.0)]);
        assert_eq!(found, [254, 1, 1, 255]);
        found.clear();
        assert_eq!(
            levels(&[Some(0.5), Some(0.5)], &mut found),
            [json!(0.5), json!(0.5)]
        );
        assert_eq!(found, [0, 0]);
        assert_eq!(levels(&[None], &mut found), [Value::Null, Value::Null]);
    }
}
