//! `plan.json`: cells once, and a row a trial that names its cell by index.

use std::collections::{BTreeMap, HashMap};

use lawn_models::Stage;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

use super::{Cell, Plan, Trial};
use crate::config::Sweep;

#[derive(Serialize)]
struct Written<'a> {
    sweep: &'a Sweep,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    data: &'a BTreeMap<String, String>,
    cells: Vec<&'a Cell>,
    trials: Vec<Row<&'a str>>,
}

#[derive(Deserialize)]
struct Read {
    sweep: Sweep,
    #[serde(default)]
    data: BTreeMap<String, String>,
    cells: Vec<Cell>,
    trials: Vec<Row<String>>,
}

/// One trial.
#[derive(Serialize, Deserialize)]
struct Row<S> {
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
            cells,
            trials,
        }
        .serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Plan {
    /// Refuses a plan whose parts do not fit, so that later code can rely on them.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let read = Read::deserialize(deserializer)?;
        let sweep = read.sweep;
        sweep.check().map_err(D::Error::custom)?;
        for cell in &read.cells {
            let known = sweep.tasks.iter().any(|task| task.name == cell.task)
                && sweep.arms.iter().any(|arm| arm.name == cell.arm)
                && sweep.batch_sizes.contains(&cell.batch_size);
            if !known {
                return Err(D::Error::custom(format!("the sweep has no cell {cell}")));
            }
        }
        let settings = sweep.rungs[0].settings;
        let mut trials: Vec<Trial> = Vec::with_capacity(read.trials.len());
        for row in read.trials {
            let fault = |what: &str| {
                D::Error::custom(format!("trial {} of the plan has {what}", trials.len()))
            };
            let cell = read
                .cells
                .get(row.cell)
                .ok_or_else(|| fault("an unknown cell"))?;
            if row.setting.is_some_and(|setting| setting >= settings) {
                return Err(fault("an unknown setting"));
            }
            if row.rung >= sweep.rungs.len() {
                return Err(fault("an unknown rung"));
            }
            if trials
                .last()
                .is_some_and(|last| last.round() > (row.stage == Stage::Confirm, row.rung))
            {
                return Err(fault("an earlier round than the trial before it"));
            }
            let sound = |c: char| c.is_ascii_hexdigit();
            if row.id.len() != 16 || !row.id.chars().all(sound) {
                return Err(fault("an id that is not 16 hexadecimal digits"));
            }
            trials.push(Trial {
                id: row.id,
                cell: cell.clone(),
                stage: row.stage,
                rung: row.rung,
                setting: row.setting,
                place: row.place,
                seed: row.seed,
            });
        }
        Ok(Self {
            sweep,
            data: read.data,
            trials,
        })
    }
}
