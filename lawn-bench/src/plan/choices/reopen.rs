//! Takes back choices in which nothing was chosen, since trials that are retried may give one.

use std::collections::BTreeMap;

use lawn_models::Stage;

use crate::Error;
use crate::plan::choices::decided::Choices;
use crate::plan::choices::freeze::Frozen;
use crate::plan::choices::halving::Promoted;
use crate::plan::trials::{Cell, Plan, Trial};
use crate::run::files;
use crate::run::run_dir::RunDir;

impl Choices {
    /// Whether the choice that `trial` counts in is open: it was not made yet, or nothing was
    /// chosen. No choice follows a confirmation.
    pub(crate) fn is_open(&self, trial: &Trial, plan: &Plan) -> bool {
        let cell = &trial.cell;
        match trial.stage {
            Stage::Confirm => true,
            Stage::Tune if trial.rung + 1 < plan.sweep.rungs.len() => {
                let promoted = self.promoted.get(trial.rung).and_then(|it| it.get(cell));
                promoted.is_none_or(Vec::is_empty)
            }
            Stage::Tune => self.frozen(cell).is_none(),
        }
    }
}

/// Takes back what was decided of each cell after the rung given with it, so that
/// [`decide`](super::decide) decides it again. Nothing was chosen in what is taken back.
///
/// # Errors
///
/// As [`document::read`](crate::run::document::read) and [`document::write`](crate::run::document::write).
pub(crate) fn reopen(
    run: &RunDir,
    plan: &Plan,
    cells: &BTreeMap<Cell, usize>,
) -> Result<(), Error> {
    if cells.is_empty() {
        return Ok(());
    }
    if let Some(mut frozen) = Frozen::read(run)? {
        frozen.cells.retain(|one| !cells.contains_key(&one.cell));
        match frozen.cells.is_empty() {
            true => files::remove_if_there(&run.frozen())?,
            false => frozen.write(run)?,
        }
    }
    // The latest first: what is left after a kill is decided in its order.
    for rung in (1..plan.sweep.rungs.len()).rev() {
        let Some(mut promoted) = Promoted::read(run, rung)? else {
            continue;
        };
        let stays = |cell: &Cell| cells.get(cell).is_none_or(|&from| rung <= from);
        promoted.cells.retain(|one| stays(&one.cell));
        match promoted.cells.is_empty() {
            true => files::remove_if_there(&run.promoted(rung))?,
            false => promoted.write(run)?,
        }
    }
    Ok(())
}
