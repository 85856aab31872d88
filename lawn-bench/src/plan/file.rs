//! `plan.json`: cells once, and a row a trial that names its cell by index.

use std::collections::{BTreeMap, HashMap};

use lawn_models::{OptimizerSettings, Stage};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

use super::{Cell, Plan, Trial, defaults};
use crate::config::Sweep;

#[derive(Serialize)]
struct Written<'a> {
    sweep: &'a Sweep,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    data: &'a BTreeMap<String, String>,
    defaults: &'a [OptimizerSettings],
    cells: Vec<&'a Cell>,
    trials: Vec<Row<&'a str>>,
}

#[derive(Deserialize)]
struct Read {
    sweep: Sweep,
    #[serde(default)]
    data: BTreeMap<String, String>,
    #[serde(default = "defaults::of_first_plans")]
    defaults: Vec<OptimizerSettings>,
    cells: Vec<Cell>,
    trials: Vec<Row<String>>,
}

/// One trial.
#[derive(Serialize, Deserialize)]
pub(super) struct Row<S> {
    id: S,
    cell: usize,
    stage: Stage,
    #[serde(default, skip_serializing_if = "is_first")]
    rung: usize,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    setting: Option<usize>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    place: Option<usize>,
    seed: u64,
}

fn is_first(rung: &usize) -> bool {
    *rung == 0
}

impl Serialize for Plan {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut cells: Vec<&Cell> = Vec::new();
        let mut places: HashMap<&Cell, usize> = HashMap::new();
        let rows = self.trials.iter().map(|trial| Row {
            id: trial.id.as_str(),
            cell: *places.entry(&trial.cell).or_insert_with(|| {
                cells.push(&trial.cell);
                cells.len() - 1
            }),
            stage: trial.stage,
            rung: trial.rung,
            setting: trial.setting,
            place: trial.place,
            seed: trial.seed,
        });
        let trials = rows.collect();
        Written {
            sweep: &self.sweep,
            data: &self.data,
            defaults: &self.defaults,
            cells,
            trials,
        }
        .serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Plan {
    /// Refuses a plan whose parts do not fit, so that later code can rely on them.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Read {
            sweep,
            data,
            defaults,
            cells,
            trials: rows,
        } = Read::deserialize(deserializer)?;
        check(&sweep, &cells).map_err(D::Error::custom)?;
        let mut trials: Vec<Trial> = Vec::with_capacity(rows.len());
        for (index, row) in rows.into_iter().enumerate() {
            let trial = row.trial(index, &sweep, &cells).map_err(D::Error::custom)?;
            if trials
                .last()
                .is_some_and(|last| last.round() > trial.round())
            {
                let fault = fault(index, "an earlier round than the trial before it");
                return Err(D::Error::custom(fault));
            }
            trials.push(trial);
        }
        Ok(Self {
            sweep,
            data,
            defaults,
            trials,
        })
    }
}

/// Makes sure that the sweep is sound and has the cells.
pub(super) fn check(sweep: &Sweep, cells: &[Cell]) -> Result<(), String> {
    sweep.check().map_err(|error| error.to_string())?;
    let is_known = |cell: &&Cell| {
        sweep.tasks.iter().any(|task| task.name == cell.task)
            && sweep.arms.iter().any(|arm| arm.name == cell.arm)
            && sweep.batch_sizes.contains(&cell.batch_size)
    };
    match cells.iter().find(|cell| !is_known(cell)) {
        None => Ok(()),
        Some(cell) => Err(format!("the sweep has no cell {cell}")),
    }
}

fn fault(index: usize, what: &str) -> String {
    format!("trial {index} of the plan has {what}")
}

impl Row<String> {
    /// The trial at `index` that this row is.
    ///
    /// # Errors
    ///
    /// In words, where it does not fit the sweep or its cells.
    pub(super) fn trial(
        self,
        index: usize,
        sweep: &Sweep,
        cells: &[Cell],
    ) -> Result<Trial, String> {
        let fault = |what| Err(fault(index, what));
        let Some(cell) = cells.get(self.cell) else {
            return fault("an unknown cell");
        };
        let settings = sweep.rungs[0].settings;
        if self.setting.is_some_and(|setting| setting >= settings) {
            return fault("an unknown setting");
        }
        if self.rung >= sweep.rungs.len() {
            return fault("an unknown rung");
        }
        let sound = |c: char| c.is_ascii_hexdigit();
        if self.id.len() != 16 || !self.id.chars().all(sound) {
            return fault("an id that is not 16 hexadecimal digits");
        }
        Ok(Trial {
            id: self.id,
            cell: cell.clone(),
            stage: self.stage,
            rung: self.rung,
            setting: self.setting,
            place: self.place,
            seed: self.seed,
        })
    }
}
