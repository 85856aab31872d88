//! Every comparison with its estimates, tests and verdict.

use super::row::{Rows, row};
use crate::analysis::{Analysis, Answer, Place, Sensitivity, Verdict};
use crate::stats::{Estimate, Interval};

row! {
    /// One comparison.
    pub struct ComparisonRow {
        /// What is compared, and where.
        place: Place as [task, question, baseline, treatment, batch_size],
        /// Number of pairs.
        n: usize,
        /// Mean of the baseline over the pairs.
        baseline_mean: Option<f64> = detail,
        /// Mean of the treatment over the pairs.
        treatment_mean: Option<f64> = detail,
        /// Mean paired difference, positive where the treatment is better.
        advantage: Option<Estimate> as [advantage, low, high],
        /// Bootstrap interval of the advantage.
        bootstrap: Option<Interval> as [bca_low, bca_high] = detail,
        /// Standardized advantage d_z.
        d_z: Option<f64> = detail,
        /// Hedges' g: the standardized advantage without small-sample bias.
        hedges_g: Option<f64> = detail,
        /// Share of the pairs that the treatment wins.
        p_superior: Option<f64>,
        /// Whether that share is statistically meaningful.
        meaningful: Option<bool> = detail,
        /// Smallest true difference that is detected with power 0.8.
        detectable: Option<f64> = detail,
        /// Pairs that would detect a difference as large as the margin.
        seeds_for_margin: Option<usize> = detail,
        /// p of the sign-flip test.
        sign_flip_p: Option<f64> = detail,
        /// The same after Holm.
        sign_flip_adjusted_p: Option<f64> = detail,
        /// p of the paired t test.
        t_p: Option<f64> = detail,
        /// The same after Holm.
        t_adjusted_p: Option<f64> = detail,
        /// Trials of the baseline that diverged.
        baseline_diverged: usize = detail,
        /// Trials of the treatment that diverged.
        treatment_diverged: usize = detail,
        /// Adjusted p of the worst-rank test, where a trial diverged.
        worst_rank_adjusted_p: Option<f64> = detail,
        /// Adjusted p of equivalence.
        equivalence_adjusted_p: Option<f64> = detail,
        /// Adjusted p of non-inferiority.
        non_inferiority_adjusted_p: Option<f64> = detail,
        /// Adjusted p of the test that decides.
        adjusted_p: Option<f64>,
        /// The verdict.
        verdict: Verdict,
    }
}

impl ComparisonRow {
    fn new(answer: &Answer, found: Option<&Sensitivity>) -> Self {
        let (comparison, adjusted) = (&answer.comparison, &answer.adjusted);
        let superiority = comparison.superiority.as_ref();
        Self {
            place: comparison.place.clone(),
            n: comparison.seeds.len(),
            baseline_mean: comparison.baseline.map(|mean| mean.value),
            treatment_mean: comparison.treatment.map(|mean| mean.value),
            advantage: comparison.advantage,
            bootstrap: comparison.bootstrap,
            d_z: comparison.d_z.map(|d| d.value),
            hedges_g: comparison.hedges_g.map(|g| g.value),
            p_superior: superiority.map(|found| found.estimate.value),
            meaningful: superiority.map(|found| found.meaningful()),
            detectable: found.map(|found| found.difference),
            seeds_for_margin: found.and_then(|found| found.seeds_for_margin),
            sign_flip_p: comparison.sign_flip.map(|test| test.p),
            sign_flip_adjusted_p: adjusted.sign_flip,
            t_p: comparison.paired_t.map(|test| test.p),
            t_adjusted_p: adjusted.paired_t,
            baseline_diverged: comparison.diverged.baseline,
            treatment_diverged: comparison.diverged.treatment,
            worst_rank_adjusted_p: comparison.worst_rank.and(adjusted.deciding),
            equivalence_adjusted_p: adjusted.equivalence,
            non_inferiority_adjusted_p: adjusted.non_inferiority,
            adjusted_p: adjusted.deciding,
            verdict: answer.verdict,
        }
    }
}

/// Every comparison, family by family.
pub fn comparisons(
    analysis: &Analysis,
    sensitivities: &[Vec<Option<Sensitivity>>],
) -> Rows<ComparisonRow> {
    let found = sensitivities.iter().flatten();
    let rows = analysis.answers().zip(found);
    Rows::new(
        "comparisons",
        "Every registered comparison. The advantage is the mean paired difference, positive where \
         the treatment is better, with its t interval, which is not adjusted for the number of \
         comparisons. p-values are two-sided and adjusted by Holm over the family (one question, \
         one task). The adjusted p decides. It is that of the registered test, or where a trial \
         diverged, of the signed-rank test with diverged trials ranked worst. The CSV has more \
         columns. Among them, detectable is the smallest true difference that these pairs detect \
         with power 0.8 at the first step of Holm, and seeds for margin is the number of pairs that \
         would detect a true difference as large as the margin.",
        rows.map(|(answer, found)| ComparisonRow::new(answer, found.as_ref()))
            .collect(),
    )
    .with_sections(2)
}
