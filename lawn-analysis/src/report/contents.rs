//! Everything that a report says, computed but not yet written.

use super::tables::Tables;
use crate::analysis::{
    Analysis, Claim, ClaimAcross, Sensitivity, Study, arm_ranks, arm_scores, claims,
    claims_across_tasks, improvements, sensitivity,
};
use crate::error::Error;
use crate::figures::{self, AcrossTasks, Figure};
use crate::parallel;
use crate::records::Records;
use crate::request::ReportRequest;
use crate::tables::{ByBatch, ByEpoch};

/// The contents of page, summary, verdicts and files.
pub(super) struct Contents<'a> {
    pub(super) request: &'a ReportRequest,
    pub(super) analysis: Analysis,
    /// The sensitivities, by family and answer.
    pub(super) sensitivities: Vec<Vec<Option<Sensitivity>>>,
    pub(super) claims: Vec<Claim>,
    pub(super) claims_across: Vec<ClaimAcross>,
    pub(super) figures: Vec<Figure>,
    pub(super) tables: Tables,
}

impl<'a> Contents<'a> {
    pub(super) fn new(records: &Records, request: &'a ReportRequest) -> Result<Self, Error> {
        let analysis = Analysis::new(records, request)?;
        let families = parallel::map(request.threads, &analysis.families, |family| {
            sensitivity(family, request)
        });
        let sensitivities = families.into_iter().collect::<Result<Vec<_>, _>>()?;
        let scores = arm_scores(&analysis.tasks, request)?;
        let ranks = arm_ranks(&analysis.tasks, request.alpha);
        let of_tasks = parallel::map(request.threads, &analysis.tasks, |task| {
            figures::of_task(task, &analysis, records, request)
        });
        let mut drawn = Vec::new();
        for figures in of_tasks {
            drawn.extend(figures?);
        }
        let across = AcrossTasks {
            scores: &scores,
            improvements: &improvements(&scores, request)?,
            ranks: ranks.as_ref(),
        };
        drawn.extend(figures::of_all_tasks(&analysis.tasks, across, request));
        figures::set_apart(&mut drawn);
        let claims = claims(&analysis, request)?;
        let across = claims_across_tasks(&[Study {
            analysis: &analysis,
            claims: &claims,
            request,
        }])?;
        Ok(Self {
            request,
            tables: Tables::new(
                &analysis,
                &sensitivities,
                &claims,
                &across,
                &scores,
                request,
            )?,
            sensitivities,
            claims,
            claims_across: across,
            figures: drawn,
            analysis,
        })
    }

    /// The main figures of a task: its test metric by batch size.
    pub(super) fn main_figures(&self, task: &str) -> impl Iterator<Item = &Figure> {
        self.figures_of([task, ByBatch::TestMetric.slug()])
    }

    /// The figures of a task that show how far its nets have moved.
    pub(super) fn distance_figures(&self, task: &str) -> impl Iterator<Item = &Figure> {
        self.figures_of([task, ByEpoch::Norms.slug()])
    }

    fn figures_of(&self, of: [&str; 2]) -> impl Iterator<Item = &Figure> {
        let is_it = move |figure: &&Figure| figure.table().identity().begins_with(&of);
        self.figures.iter().filter(is_it)
    }
}
