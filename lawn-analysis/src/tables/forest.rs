//! Advantages as figures draw them: those of a task, and those of single pairs.

use super::field::{Field, Kind};
use super::row::{Named, Rows, row};
use super::value::Value;
use crate::analysis::{Analysis, Answer, Question, Task, Verdict};
use crate::stats::{Estimate, Interval};

row! {
    /// The advantage of one treatment.
    pub struct ForestRow {
        /// What is compared.
        question: Question,
        /// The treatment.
        treatment: String,
        /// The baseline.
        baseline: String,
        /// The batch size, where the question has one.
        batch_size: Option<i64>,
        /// Pairs.
        n: usize,
        /// Mean paired difference, positive where the treatment is better.
        advantage: Estimate as [advantage, low, high],
        /// Adjusted p of the test that decides.
        adjusted_p: Option<f64>,
        /// The verdict.
        verdict: Verdict,
    }
}

impl Named for ForestRow {
    fn names(&self) -> Vec<&str> {
        vec![&self.treatment, &self.baseline]
    }
}

/// Every advantage on some questions, all of which are in the unit of the metric.
pub fn forest(analysis: &Analysis, task: &Task, questions: &[Question]) -> Rows<ForestRow> {
    let families = questions
        .iter()
        .filter_map(|question| analysis.family(&task.name, *question));
    let row = |answer: &Answer| {
        let place = &answer.comparison.place;
        let advantage = answer.comparison.advantage?;
        Some(ForestRow {
            question: place.question,
            treatment: place.contrast.treatment.clone(),
            baseline: place.contrast.baseline.clone(),
            batch_size: place.batch_size,
            n: advantage.n,
            advantage,
            adjusted_p: answer.adjusted.deciding,
            verdict: answer.verdict,
        })
    };
    Rows::of_task(
        [task.name.as_str(), "forest"],
        format!("Advantages of the treatments on {}.", task.name),
        families
            .flat_map(|family| &family.answers)
            .filter_map(row)
            .collect(),
    )
}

/// What a row of pairs shows.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum PairedPoint {
    /// One pair of trials.
    Seed {
        /// The seed of both.
        seed: i64,
        /// Test metric of the baseline.
        baseline: Option<f64>,
        /// Test metric of the treatment.
        treatment: Option<f64>,
        /// The advantage of the treatment.
        advantage: f64,
    },
    /// The mean of all pairs.
    Mean {
        /// Mean of the baseline.
        baseline: Option<f64>,
        /// Mean of the treatment.
        treatment: Option<f64>,
        /// Mean advantage with its t interval.
        advantage: Estimate,
        /// The largest difference that does not matter.
        margin: Option<f64>,
    },
}

/// Kind, seed, number of pairs, both arms, the advantage with the ends of its interval, and the
/// margin.
impl Field for PairedPoint {
    const KINDS: &'static [Kind] = &[Kind::Plain; 9];

    fn write(&self, cells: &mut Vec<Value>) {
        match self {
            Self::Seed {
                seed,
                baseline,
                treatment,
                advantage,
            } => {
                "seed".write(cells);
                seed.write(cells);
                None::<usize>.write(cells);
                baseline.write(cells);
                treatment.write(cells);
                advantage.write(cells);
                None::<Interval>.write(cells);
                None::<f64>.write(cells);
            }
            Self::Mean {
                baseline,
                treatment,
                advantage,
                margin,
            } => {
                "mean".write(cells);
                None::<i64>.write(cells);
                advantage.n.write(cells);
                baseline.write(cells);
                treatment.write(cells);
                advantage.write(cells);
                margin.write(cells);
            }
        }
    }
}

row! {
    /// A pair of one comparison, or the mean of its pairs.
    pub struct PairedRow {
        /// The pair, or the mean.
        point: PairedPoint
            as [kind, seed, n, baseline, treatment, advantage, low, high, margin],
    }
}

/// The arms are named in the title.
impl Named for PairedRow {
    fn names(&self) -> Vec<&str> {
        Vec::new()
    }
}

/// The pairs of one comparison of the test metric, and their mean.
pub fn paired(task: &Task, answer: &Answer, margin: Option<f64>) -> Rows<PairedRow> {
    let comparison = &answer.comparison;
    let contrast = &comparison.place.contrast;
    let test = |arm: &str, seed: i64| {
        task.confirmation(arm, comparison.place.batch_size?, seed)?
            .test_metric
    };
    let pairs = comparison.seeds.iter().zip(&comparison.advantages);
    let pairs = pairs.map(|(seed, advantage)| PairedPoint::Seed {
        seed: *seed,
        baseline: test(&contrast.baseline, *seed),
        treatment: test(&contrast.treatment, *seed),
        advantage: *advantage,
    });
    let mean = comparison.advantage.map(|advantage| PairedPoint::Mean {
        baseline: comparison.baseline.map(|mean| mean.value),
        treatment: comparison.treatment.map(|mean| mean.value),
        advantage,
        margin,
    });
    Rows::of_task(
        [
            task.name.as_str(),
            "paired",
            &contrast.treatment,
            &contrast.baseline,
        ],
        format!(
            "Pairs of {} and {} on {}.",
            contrast.baseline, contrast.treatment, task.name
        ),
        pairs.chain(mean).map(|point| PairedRow { point }).collect(),
    )
}
