use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use clap::Args;
use lawn_models::{StatedSizes, Treatment, TreatmentTable, TrialConfig};
use serde::Serialize;

use super::layers::{self, ArmLayers};
use super::output::{print, to_json};
use super::stated::Stated;
use super::values::{Chosen, DataRoot, Sets};
use crate::Exit;
use crate::config::NamedTask;
use crate::plan::choices::Choices;
use crate::plan::{Cell, Plan};
use crate::{Error, data};

#[derive(Debug, Args)]
#[command(after_help = "\
Data that are not on this machine are not needed where their sizes are known: options state them, and of
clicks the sweep file may.

Examples:
  lawn model lawn-bench/studies/embedded.toml
  lawn model lawn-bench/studies/embedded.toml --layers
  lawn model lawn-bench/studies/imagenet-resnet50.toml --layers --classes 1000
  lawn model lawn-bench/studies/he-neumf-ml-1m.toml --layers --users 6040 --items 3706
  lawn model lawn-bench/studies/criteo-1tb-algoperf-dlrm.toml --arm adamw-lawn
  lawn model lawn-bench/studies/ml-1m.toml --arm adam-lawn --data-root ~/data")]
pub(super) struct Model {
    /// The sweep file.
    file: PathBuf,
    #[command(flatten)]
    sets: Sets,
    #[command(flatten)]
    data: DataRoot,
    #[command(flatten)]
    chosen: Chosen,
    #[command(flatten)]
    stated: Stated,
    /// Print the layers in forward order instead, what LAWN constrains of each, and why.
    #[arg(long)]
    layers: bool,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// A task's model as an arm treats it.
#[derive(Debug, Serialize)]
struct TreatedModel {
    task: String,
    arm: String,
    /// Elements of all parameters.
    elements: i64,
    /// Those of constrained ones.
    constrained_elements: i64,
    /// Steps of an epoch at the reference batch size; none where the data are not here.
    #[serde(skip_serializing_if = "Option::is_none")]
    steps_per_epoch: Option<u64>,
    /// Samples of an epoch; none where the data are not here.
    #[serde(skip_serializing_if = "Option::is_none")]
    epoch_samples: Option<u64>,
    treatments: Vec<Treatment>,
}

impl Model {
    pub(super) fn run(self) -> Result<Exit, Error> {
        let sweep = self.sets.read(&self.file)?.sweep()?;
        let plan = Plan::new(sweep, BTreeMap::new());
        self.chosen.require(&plan.sweep, &self.file)?;
        self.stated.require_of(&plan.sweep.tasks, &self.chosen)?;
        let mut cells = plan.cells();
        cells.retain(|cell| {
            cell.batch_size == plan.sweep.reference_batch_size && self.chosen.has(cell)
        });
        let nets = Nets {
            without_data: self.without_data(&plan.sweep.tasks)?,
            stated: self.stated.sizes(),
            root: self.data.folder(),
            plan: &plan,
        };
        match self.layers {
            true => self.show(&cells, |cell| nets.arm_layers(cell), layers::describe),
            false => self.show(&cells, |cell| nets.treated(cell), describe),
        }
    }

    /// The tasks whose nets are made without their data: those of which sizes are stated, and those whose
    /// data are not here and of which the sweep file says enough.
    ///
    /// # Errors
    ///
    /// Where a task has neither its data nor all sizes: the error names the options that are lacking.
    fn without_data(&self, tasks: &[NamedTask]) -> Result<BTreeSet<String>, Error> {
        let mut without = BTreeSet::new();
        for task in tasks.iter().filter(|task| self.chosen.has_task(&task.name)) {
            let found = || data::find(std::slice::from_ref(task), self.data.folder());
            let Some(lacking) = self.stated.lacking(task) else {
                found()?;
                continue;
            };
            if self.stated.are_of(task) {
                if !lacking.is_empty() {
                    return Err(Error::not_all_stated(&task.name, &lacking));
                }
            } else {
                match found() {
                    Ok(()) => continue,
                    Err(Error::NoDataRoot(_) | Error::NoData(_)) if lacking.is_empty() => {}
                    Err(error) => return Err(error.or_stated(&lacking)),
                }
            }
            without.insert(task.name.clone());
        }
        Ok(without)
    }

    /// Prints what is found of each cell.
    fn show<T: Serialize>(
        &self,
        cells: &[Cell],
        find: impl Fn(&Cell) -> Result<T, Error>,
        describe: fn(&T) -> String,
    ) -> Result<Exit, Error> {
        let found = cells.iter().map(find);
        let found: Vec<T> = found.collect::<Result<_, Error>>()?;
        print(&if self.json {
            to_json(&found)
        } else {
            found.iter().map(describe).collect::<Vec<_>>().join("\n")
        });
        Ok(Exit::Ok)
    }
}

/// The nets of a plan.
struct Nets<'p> {
    plan: &'p Plan,
    root: Option<&'p Path>,
    stated: StatedSizes,
    /// Tasks whose nets are made without their data.
    without_data: BTreeSet<String>,
}

impl Nets<'_> {
    /// The first trial of a cell: settings differ in numbers, not in what is constrained.
    fn trial(&self, cell: &Cell) -> Result<TrialConfig, Error> {
        let mut trials = self.plan.trials.iter();
        let index = trials.position(|trial| trial.cell == *cell);
        let (_, config) = self.plan.resolve(index.unwrap_or(0), &Choices::default())?;
        Ok(config)
    }

    fn arm_layers(&self, cell: &Cell) -> Result<ArmLayers, Error> {
        let config = self.trial(cell)?;
        let layers = match self.without_data.contains(&cell.task) {
            true => lawn_models::treated_layers_without_data(&config, &self.stated)?,
            false => lawn_models::treated_layers(&config, self.root)?,
        };
        Ok(ArmLayers {
            task: cell.task.clone(),
            arm: cell.arm.clone(),
            layers,
        })
    }

    fn treated(&self, cell: &Cell) -> Result<TreatedModel, Error> {
        let config = self.trial(cell)?;
        let (treatments, epoch) = match self.without_data.contains(&cell.task) {
            true => (
                lawn_models::treatments_without_data(&config, &self.stated)?,
                None,
            ),
            false => {
                let info = lawn_models::dry_run(&config, self.root)?;
                let epoch = (info.train_samples, info.steps_per_epoch);
                (info.treatments, Some(epoch))
            }
        };
        let elements = |treatments: &mut dyn Iterator<Item = &Treatment>| {
            treatments
                .map(|treatment| treatment.shape.iter().product::<i64>())
                .sum()
        };
        Ok(TreatedModel {
            task: cell.task.clone(),
            arm: cell.arm.clone(),
            elements: elements(&mut treatments.iter()),
            constrained_elements: elements(
                &mut treatments.iter().filter(|treatment| treatment.units > 0),
            ),
            epoch_samples: epoch.map(|(samples, _)| samples),
            steps_per_epoch: epoch.map(|(_, steps)| steps),
            treatments,
        })
    }
}

fn describe(treated: &TreatedModel) -> String {
    let epoch = match (treated.epoch_samples, treated.steps_per_epoch) {
        (Some(samples), Some(steps)) => format!("{samples} samples and {steps} steps an epoch"),
        _ => "made without the data, which say the samples and steps of an epoch".to_owned(),
    };
    format!(
        "{} · {}: {} parameters in {} tensors, {} of them constrained; {epoch}\n{}",
        treated.task,
        treated.arm,
        treated.elements,
        treated.treatments.len(),
        treated.constrained_elements,
        TreatmentTable(&treated.treatments)
    )
}
