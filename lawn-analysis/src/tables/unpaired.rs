//! Arms without a seed in common, compared as independent samples.

use super::row::{Rows, row};
use crate::analysis::{Analysis, Answer, Place};
use crate::stats::Estimate;

row! {
    /// One comparison of arms that have no seed in common.
    pub struct UnpairedRow {
        /// What is compared, and where.
        place: Place as [task, question, baseline, treatment, batch_size],
        /// Trials of the baseline.
        baseline_n: usize,
        /// Trials of the treatment.
        treatment_n: usize,
        /// How many of both diverged.
        diverged: usize,
        /// Difference of the means, positive where the treatment is better.
        advantage: Estimate as [advantage, low, high],
        /// p of Welch's t test.
        welch_p: Option<f64> = detail,
        /// The same after Holm.
        welch_adjusted_p: Option<f64>,
        /// p of the Mann–Whitney test.
        mann_whitney_p: Option<f64> = detail,
        /// The same after Holm.
        mann_whitney_adjusted_p: Option<f64>,
    }
}

impl UnpairedRow {
    fn new(answer: &Answer) -> Option<Self> {
        let found = answer.comparison.unpaired.as_ref()?;
        Some(Self {
            place: answer.comparison.place.clone(),
            baseline_n: found.baseline,
            treatment_n: found.treatment,
            diverged: found.diverged,
            advantage: found.difference,
            welch_p: found.welch.map(|test| test.p),
            welch_adjusted_p: answer.adjusted.welch,
            mann_whitney_p: found.mann_whitney.map(|test| test.p),
            mann_whitney_adjusted_p: answer.adjusted.mann_whitney,
        })
    }
}

/// Every comparison of arms that have no seed in common, as independent samples. None of them
/// decides a verdict.
pub fn unpaired(analysis: &Analysis) -> Rows<UnpairedRow> {
    Rows::new(
        "unpaired",
        "Arms without a seed in common, compared as independent samples. The advantage is the \
         difference of the means, positive where the treatment is better, with Welch's interval, \
         which is not adjusted for the number of comparisons. p-values are two-sided and adjusted \
         by Holm over the family (one question, one task). The Mann–Whitney test is exact, with \
         diverged trials ranked worst. These tests decide no verdict, since the registered test is \
         one of pairs.",
        analysis.answers().filter_map(UnpairedRow::new).collect(),
    )
    .with_sections(2)
}
