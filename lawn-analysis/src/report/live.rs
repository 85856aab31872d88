//! What a page says of a sweep that still runs, above what its records say.

use crate::figures::escape;
use crate::text::{batch, capital, count, integer, number};

/// A trial that runs.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RunningTrial {
    /// What it is, in a few words.
    pub name: String,
    /// Steps taken.
    pub step: u64,
    /// Steps of the whole trial; 0 where nothing is known yet.
    pub steps: u64,
    /// Steps a second, once some are taken.
    pub steps_per_second: Option<f64>,
    /// What is left of it, in words.
    pub left: Option<String>,
    /// The training loss of each evaluation so far.
    pub losses: Vec<f64>,
}

/// How far one arm is at one batch size of a task.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LiveCell {
    /// The task.
    pub task: String,
    /// The arm.
    pub arm: String,
    /// Samples per optimizer step.
    pub batch_size: i64,
    /// Tuning trials that ended well, and all.
    pub tuned: [usize; 2],
    /// Confirmation trials that ended well, and all.
    pub confirmed: [usize; 2],
    /// Trials that did not end `ok`, by the word of their outcome.
    pub failed: Vec<(String, usize)>,
    /// The best validation metric of the tuning trials so far.
    pub best: Option<f64>,
    /// Where nothing is tuned, the mean of the validation metric over the confirmation trials that
    /// ended well so far, and their number.
    pub mean: Option<(f64, usize)>,
}

impl LiveCell {
    /// What arms are compared by.
    fn value(&self) -> Option<f64> {
        self.best.or(self.mean.map(|(mean, _)| mean))
    }
}

/// A sweep that still runs.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Live {
    /// What it does now, in a word or two.
    pub state: String,
    /// Trials that are over, and all.
    pub over: [usize; 2],
    /// Trials by the word of their outcome.
    pub outcomes: Vec<(String, usize)>,
    /// What is left of it, in words.
    pub left: Option<String>,
    /// Trials that run.
    pub running: Vec<RunningTrial>,
    /// Every arm at every batch size, in the order of the plan.
    pub cells: Vec<LiveCell>,
    /// By task, its metric, and whether more of it is better.
    pub metrics: Vec<(String, String, bool)>,
    /// By task, what a predictor without a network gives of that metric, with its name.
    pub floors: Vec<(String, String, f64)>,
    /// Whether nothing is left to be awaited.
    pub is_final: bool,
}

impl Live {
    /// The section of the page, which the page asks for again and again.
    pub fn html(&self) -> String {
        let [over, all] = self.over;
        let mut text = format!(
            "<div id=\"live\" data-over=\"{over}\" data-final=\"{}\">\n<p role=\"status\">\
             <strong>{}</strong>, {over} of {}{}{}</p>\n\
             <progress max=\"{}\" value=\"{over}\" aria-label=\"Trials over\"></progress>\n",
            self.is_final,
            escape(&capital(&self.state)),
            count(all, "trial over", "trials over"),
            listed(&self.outcomes),
            self.left
                .as_ref()
                .map_or(String::new(), |left| format!(", {} left", escape(left))),
            all.max(1),
        );
        text += &self.running_rows();
        for cells in self.cells.chunk_by(|a, b| a.task == b.task) {
            text += &self.best(cells);
        }
        text + "</div>\n"
    }

    fn running_rows(&self) -> String {
        if self.running.is_empty() {
            return String::new();
        }
        let rows: String = self.running.iter().map(running_row).collect();
        format!(
            "<div class=\"scroll\" role=\"region\" aria-label=\"Trials that run\" tabindex=\"0\">\n\
             <table class=\"running\"><caption><span>Trials that run.</span></caption>\n<thead><tr>\
             <th scope=\"col\">trial</th><th scope=\"col\" class=\"number\">step</th>\
             <th scope=\"col\" class=\"number\">steps/s</th><th scope=\"col\" class=\"number\">left\
             </th><th scope=\"col\">training loss</th></tr></thead>\n<tbody>\n{rows}</tbody></table>\
             \n</div>\n"
        )
    }

    /// The best so far of one task: a row per arm, a column per batch size.
    fn best(&self, cells: &[LiveCell]) -> String {
        let mut sizes: Vec<i64> = cells.iter().map(|cell| cell.batch_size).collect();
        sizes.sort_unstable();
        sizes.dedup();
        let mut arms: Vec<&str> = Vec::new();
        for cell in cells {
            if !arms.contains(&cell.arm.as_str()) {
                arms.push(&cell.arm);
            }
        }
        let task = &cells[0].task;
        let of = self.metrics.iter().find(|(name, ..)| name == task);
        let (metric, more) = of.map_or(("metric", true), |(_, metric, more)| (metric, *more));
        let leads = |cell: &LiveCell| {
            let rivals = cells.iter().filter(|one| one.batch_size == cell.batch_size);
            let rivals: Vec<f64> = rivals.filter_map(LiveCell::value).collect();
            cell.value().is_some_and(|best| {
                let beats = |other: &f64| if more { best >= *other } else { best <= *other };
                rivals.len() > 1 && rivals.iter().all(beats)
            })
        };
        let headings: String = sizes
            .iter()
            .map(|size| format!("<th scope=\"col\" class=\"number\">{}</th>", batch(*size)))
            .collect();
        let rows: String = arms
            .iter()
            .map(|arm| {
                let row: String = sizes
                    .iter()
                    .map(|size| {
                        let mut found = cells.iter();
                        let found = found.find(|cell| cell.arm == *arm && cell.batch_size == *size);
                        found.map_or("<td class=\"number\">–</td>".to_owned(), |cell| {
                            best_cell(cell, leads(cell))
                        })
                    })
                    .collect();
                format!("<tr><th scope=\"row\">{}</th>{row}</tr>\n", escape(arm))
            })
            .collect();
        let better = crate::text::better(more);
        let floors = self.floors.iter().filter(|(of, ..)| of == task);
        let floors: Vec<String> = floors
            .map(|(_, name, value)| format!("{} {}", escape(name), number(*value)))
            .collect();
        let floors = match floors.is_empty() {
            true => String::new(),
            false => format!(
                "<p class=\"small\">Without a network: {}.</p>\n",
                floors.join(", ")
            ),
        };
        let (task, metric) = (escape(task), escape(metric));
        let what = match cells.iter().any(|cell| cell.tuned[1] > 0) {
            true => {
                format!("best validation {metric} so far ({better}) of the settings tried")
            }
            false => format!(
                "mean validation {metric} so far ({better}) of the trials that ended well, with their \
                 number: nothing is tuned"
            ),
        };
        format!(
            "<div class=\"scroll whole\" role=\"region\" aria-label=\"Best so far on {task}\" \
             tabindex=\"0\">\n<table class=\"means\"><caption><span>{task}: {what}, by arm and \
             batch size. A diamond marks the best arm of a batch size.</span></caption>\n<thead><tr><th scope=\"col\">arm\
             </th>{headings}</tr></thead>\n<tbody>\n{rows}</tbody></table>\n</div>\n{floors}"
        )
    }
}

/// Counts of words in brackets; nothing where there are none.
fn listed(counts: &[(String, usize)]) -> String {
    if counts.is_empty() {
        return String::new();
    }
    let words = counts
        .iter()
        .map(|(word, count)| format!("{count} {}", escape(word)));
    format!(" ({})", words.collect::<Vec<_>>().join(", "))
}

fn running_row(trial: &RunningTrial) -> String {
    let unknown = || "–".to_owned();
    let steps = match trial.steps {
        0 => unknown(),
        steps => format!(
            "{} of {}",
            integer(i64::try_from(trial.step).unwrap_or(i64::MAX)),
            integer(i64::try_from(steps).unwrap_or(i64::MAX))
        ),
    };
    format!(
        "<tr><th scope=\"row\">{}</th><td class=\"number\">{steps}</td>\
         <td class=\"number\">{}</td><td class=\"number\">{}</td><td>{}</td></tr>\n",
        escape(&trial.name),
        trial
            .steps_per_second
            .map_or_else(unknown, |rate| format!("{rate:.1}")),
        trial.left.as_deref().map_or_else(unknown, escape),
        curve(&trial.losses),
    )
}

fn best_cell(cell: &LiveCell, leads: bool) -> String {
    let mut below = Vec::new();
    let mean = cell.mean.filter(|_| cell.best.is_none());
    below.extend(mean.map(|(_, n)| format!("n {n}")));
    for ([over, all], what) in [(cell.tuned, "tuned"), (cell.confirmed, "confirmed")] {
        if all > 0 {
            below.push(format!("{over}/{all} {what}"));
        }
    }
    let failed = cell.failed.iter();
    below.extend(failed.map(|(word, count)| format!("{count} {}", escape(word))));
    let below: String = below
        .iter()
        .map(|line| format!("<br><span class=\"small\">{line}</span>"))
        .collect();
    let best = cell.value().map_or("–".to_owned(), number);
    let best = match leads {
        true => format!("<strong class=\"leads\">{best}</strong>"),
        false => best,
    };
    format!("<td class=\"number\">{best}{below}</td>")
}

/// Size of a curve in its row.
const CURVE: [f64; 2] = [120.0, 28.0];

/// A line through values that are finite, with the last of them beside it.
fn curve(values: &[f64]) -> String {
    let finite: Vec<f64> = values
        .iter()
        .copied()
        .filter(|value| value.is_finite())
        .collect();
    let Some(last) = finite.last() else {
        return "–".to_owned();
    };
    let [width, height] = CURVE;
    let low = finite.iter().copied().fold(f64::INFINITY, f64::min);
    let high = finite.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let range = if high > low { high - low } else { 1.0 };
    let between = (finite.len() - 1).max(1) as f64;
    let points: Vec<String> = finite
        .iter()
        .enumerate()
        .map(|(at, value)| {
            let x = 2.0 + (width - 4.0) * at as f64 / between;
            let y = 2.0 + (height - 4.0) * (high - value) / range;
            format!("{x:.1},{y:.1}")
        })
        .collect();
    format!(
        "<span class=\"curve\"><svg viewBox=\"0 0 {width} {height}\" aria-hidden=\"true\">\
         <polyline points=\"{}\"/></svg> {}</span>",
        points.join(" "),
        number(*last)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cell(arm: &str, batch_size: i64, best: Option<f64>) -> LiveCell {
        LiveCell {
            task: "t".into(),
            arm: arm.into(),
            batch_size,
            best,
            tuned: [1, 2],
            ..LiveCell::default()
        }
    }

    #[test]
    fn the_best_arm_of_a_batch_size_is_marked_in_the_direction_of_the_metric() {
        let live = |more| Live {
            over: [3, 8],
            cells: vec![
                cell("a", 64, Some(0.5)),
                cell("b", 64, Some(0.625)),
                cell("a", 256, Some(0.25)),
                cell("b", 256, None),
            ],
            metrics: vec![("t".into(), "auc".into(), more)],
            floors: vec![("t".into(), "random".into(), 0.5)],
            ..Live::default()
        };
        let marked = |html: &str| {
            let parts = html.split("class=\"leads\">").skip(1);
            let values = parts.map(|part| part.split('<').next().unwrap().to_owned());
            values.collect::<Vec<_>>()
        };
        // One arm alone is best of nothing.
        assert_eq!(marked(&live(true).html()), [number(0.625)]);
        assert_eq!(marked(&live(false).html()), [number(0.5)]);
        let html = live(true).html();
        assert!(html.contains("data-over=\"3\""));
        assert!(html.contains("Without a network: random 0.5"), "{html}");
    }

    #[test]
    fn where_nothing_is_tuned_the_mean_of_the_seeds_stands_and_is_called_so() {
        let untuned = |arm: &str, mean| LiveCell {
            tuned: [0, 0],
            confirmed: [2, 6],
            mean,
            ..cell(arm, 64, None)
        };
        let live = |cells| Live {
            cells,
            metrics: vec![("t".into(), "auc".into(), true)],
            ..Live::default()
        };
        let html = live(vec![
            untuned("a", Some((0.5, 2))),
            untuned("b", Some((0.625, 1))),
            untuned("c", None),
        ])
        .html();
        let [half, more] = [0.5, 0.625].map(number);
        for part in [
            "t: mean validation auc so far",
            &format!("<td class=\"number\">{half}<br><span class=\"small\">n 2</span>"),
            &format!("<strong class=\"leads\">{more}</strong><br><span class=\"small\">n 1</span>"),
            "<td class=\"number\">–<br><span class=\"small\">2/6 confirmed",
        ] {
            assert!(html.contains(part), "{part:?} is not in {html}");
        }
        let html = live(vec![cell("a", 64, Some(0.5))]).html();
        assert!(html.contains("t: best validation auc so far"), "{html}");
    }

    #[test]
    fn every_arm_is_in_view() {
        let arms = (0..10).map(|arm| cell(&format!("arm-{arm}"), 64, Some(0.5)));
        let live = Live {
            cells: arms.collect(),
            ..Live::default()
        };
        let html = live.html();
        let region = "class=\"scroll whole\" role=\"region\" aria-label=\"Best so far on t\"";
        assert!(html.contains(region) && html.contains("arm-9"), "{html}");
    }

    #[test]
    fn names_are_escaped_and_curves_are_finite() {
        let live = Live {
            state: "tuning".into(),
            running: vec![RunningTrial {
                name: "<b>".into(),
                losses: vec![f64::NAN, 2.0, 1.0],
                ..RunningTrial::default()
            }],
            ..Live::default()
        };
        let html = live.html();
        assert!(
            html.contains("&lt;b&gt;") && !html.contains("<b>"),
            "{html}"
        );
        assert!(html.contains("2.0,2.0 118.0,26.0"), "{html}");
        assert!(!html.contains("NaN"), "{html}");
        assert_eq!(curve(&[f64::INFINITY]), "–");
    }
}
