//! Arms without a seed in common, as independent samples.

use super::Table;
use crate::analysis::Analysis;

/// Every comparison of arms that have no seed in common: what independent samples say there, which
/// decides no verdict.
pub fn unpaired(analysis: &Analysis) -> Table {
    let mut table = Table::new(
        "unpaired",
        "Arms without a seed in common, as independent samples. The advantage is the difference of \
         the means, positive where the treatment is better, with Welch's interval, which is not \
         adjusted for the number of comparisons; p-values are two-sided, adjusted by Holm over the \
         family (one question, one task), Mann and Whitney's exact and with diverged trials worst. \
         They decide no verdict: the registered test is one of pairs.",
        &[
            "task",
            "question",
            "baseline",
            "treatment",
            "batch_size",
            "baseline_n",
            "treatment_n",
            "diverged",
            "advantage",
            "low",
            "high",
            "welch_p",
            "welch_adjusted_p",
            "mann_whitney_p",
            "mann_whitney_adjusted_p",
        ],
    )
    .with_detail(&["welch_p", "mann_whitney_p"])
    .with_sections(2);
    let answers = analysis.families.iter().flat_map(|family| &family.answers);
    for answer in answers {
        let place = &answer.comparison.place;
        let Some(found) = &answer.comparison.unpaired else {
            continue;
        };
        let interval = found.difference.interval;
        table.push(vec![
            (&place.task).into(),
            place.question.name().into(),
            (&place.contrast.baseline).into(),
            (&place.contrast.treatment).into(),
            place.batch_size.into(),
            found.baseline.into(),
            found.treatment.into(),
            found.diverged.into(),
            found.difference.value.into(),
            interval.map(|interval| interval.low).into(),
            interval.map(|interval| interval.high).into(),
            found.welch.map(|test| test.p).into(),
            answer.adjusted.welch.into(),
            found.mann_whitney.map(|test| test.p).into(),
            answer.adjusted.mann_whitney.into(),
        ]);
    }
    table
}
