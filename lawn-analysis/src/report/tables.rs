//! The tables of a report.

use crate::analysis::{Analysis, ArmScores, Claim, ClaimAcross, Sensitivity};
use crate::error::Error;
use crate::request::ReportRequest;
use crate::tables::{
    self, AggregateRow, ClaimByTaskRow, ClaimRow, ComparisonRow, ConfirmationRow, FailureRow,
    FeasibilityRow, MeanRow, PairRow, Rows, SurvivalRow, Table, TuningRow, UnmatchedRow,
    UnpairedRow,
};

/// The tables of a report, each with its rows.
pub(super) struct Tables {
    pub(super) feasibility: Rows<FeasibilityRow>,
    pub(super) claims: Rows<ClaimRow>,
    pub(super) claims_by_task: Rows<ClaimByTaskRow>,
    pub(super) means: Rows<MeanRow>,
    pub(super) comparisons: Rows<ComparisonRow>,
    pub(super) unpaired: Rows<UnpairedRow>,
    pub(super) pairs: Rows<PairRow>,
    pub(super) unmatched: Rows<UnmatchedRow>,
    pub(super) survival: Rows<SurvivalRow>,
    pub(super) failures: Rows<FailureRow>,
    pub(super) tuning: Rows<TuningRow>,
    pub(super) confirmations: Rows<ConfirmationRow>,
    pub(super) aggregates: Rows<AggregateRow>,
}

impl Tables {
    pub(super) fn new(
        analysis: &Analysis,
        sensitivities: &[Vec<Option<Sensitivity>>],
        claims: &[Claim],
        across: &[ClaimAcross],
        scores: &[ArmScores],
        request: &ReportRequest,
    ) -> Result<Self, Error> {
        let alpha = request.alpha;
        Ok(Self {
            feasibility: tables::feasibility(analysis, sensitivities, claims, alpha),
            claims: tables::claims(claims),
            claims_by_task: tables::claims_by_task(across),
            means: tables::means(&analysis.tasks, 1.0 - alpha)?,
            comparisons: tables::comparisons(analysis, sensitivities),
            unpaired: tables::unpaired(analysis),
            pairs: tables::pairs(analysis),
            unmatched: tables::unmatched(analysis),
            survival: tables::survival(analysis),
            failures: tables::failures(analysis),
            tuning: tables::tuning(analysis),
            confirmations: tables::confirmations(&analysis.tasks),
            aggregates: tables::aggregates(scores),
        })
    }

    /// The tables that have rows, ready to be written.
    pub(super) fn filled(&self) -> Vec<Table> {
        let mut all = vec![
            self.feasibility.table(),
            self.claims.table(),
            self.claims_by_task.table(),
            self.means.table(),
            self.comparisons.table(),
            self.unpaired.table(),
            self.pairs.table(),
            self.unmatched.table(),
            self.survival.table(),
            self.failures.table(),
            self.tuning.table(),
            self.confirmations.table(),
            self.aggregates.table(),
        ];
        all.retain(|table| !table.is_empty());
        all
    }
}
