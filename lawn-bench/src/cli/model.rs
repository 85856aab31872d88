use std::collections::BTreeMap;
use std::path::PathBuf;

use clap::Args;
use lawn_models::{
    GeneratedImages, ImageConfig, TaskConfig, Treatment, TreatmentTable, TrialConfig,
};
use serde::Serialize;

use super::layers::{self, ArmLayers};
use super::output::{print, to_json};
use super::values::{Chosen, DataRoot, Sets};
use crate::Exit;
use crate::error::{Fault, Place};
use crate::plan::choices::Choices;
use crate::plan::{Cell, Plan};
use crate::{Error, data};

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  lawn model lawn-bench/studies/embedded.toml
  lawn model lawn-bench/studies/embedded.toml --layers
  lawn model lawn-bench/studies/imagenet-resnet50.toml --layers --classes 1000
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
    /// Print the layers in forward order instead, what LAWN constrains of each, and why.
    #[arg(long)]
    layers: bool,
    /// Classes of the image folders: their nets are built without the data.
    #[arg(long, value_name = "N", requires = "layers", value_parser = clap::value_parser!(u32).range(2..=1000))]
    classes: Option<u32>,
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
    /// Steps of an epoch at the reference batch size.
    steps_per_epoch: u64,
    /// Samples of an epoch.
    epoch_samples: u64,
    treatments: Vec<Treatment>,
}

impl Model {
    pub(super) fn run(self) -> Result<Exit, Error> {
        let mut sweep = self.sets.read(&self.file)?.sweep()?;
        if let Some(classes) = self.classes {
            let mut is_used = false;
            for task in &mut sweep.tasks {
                is_used |=
                    self.chosen.has_task(&task.name) && without_data(&mut task.config, classes);
            }
            if !is_used {
                let fault = Fault::new(
                    Place::key("--classes"),
                    "no task here has folders of images",
                );
                return Err(Error::Option(Box::new(fault.advice(
                    "leave it out; tables of users, items and categories have the rows of the data: \
                     --data-root DIR",
                ))));
            }
        }
        let plan = Plan::new(sweep, BTreeMap::new());
        self.chosen.require(&plan.sweep, &self.file)?;
        let tasks = plan.sweep.tasks.iter();
        let tasks: Vec<_> = tasks
            .filter(|task| self.chosen.has_task(&task.name))
            .cloned()
            .collect();
        data::find(&tasks, self.data.folder()).map_err(|error| match self.layers {
            true if tasks.iter().any(|task| is_of_classes(&task.config)) => error.or_classes(),
            _ => error,
        })?;
        let mut cells = plan.cells();
        cells.retain(|cell| {
            cell.batch_size == plan.sweep.reference_batch_size && self.chosen.has(cell)
        });
        match self.layers {
            true => self.show(&plan, &cells, Self::arm_layers, layers::describe),
            false => self.show(&plan, &cells, Self::treated, describe),
        }
    }

    /// Prints what is found of each cell.
    fn show<T: Serialize>(
        &self,
        plan: &Plan,
        cells: &[Cell],
        find: fn(&Self, &Plan, &Cell) -> Result<T, Error>,
        describe: fn(&T) -> String,
    ) -> Result<Exit, Error> {
        let found = cells.iter().map(|cell| find(self, plan, cell));
        let found: Vec<T> = found.collect::<Result<_, Error>>()?;
        print(&if self.json {
            to_json(&found)
        } else {
            found.iter().map(describe).collect::<Vec<_>>().join("\n")
        });
        Ok(Exit::Ok)
    }

    /// The first trial of a cell: settings differ in numbers, not in what is constrained.
    fn trial(plan: &Plan, cell: &Cell) -> Result<TrialConfig, Error> {
        let index = plan.trials.iter().position(|trial| trial.cell == *cell);
        let (_, config) = plan.resolve(index.unwrap_or(0), &Choices::default())?;
        Ok(config)
    }

    fn arm_layers(&self, plan: &Plan, cell: &Cell) -> Result<ArmLayers, Error> {
        let config = Self::trial(plan, cell)?;
        let root = self.data.folder();
        Ok(ArmLayers {
            task: cell.task.clone(),
            arm: cell.arm.clone(),
            layers: lawn_models::treated_layers(&config, root)?,
        })
    }

    fn treated(&self, plan: &Plan, cell: &Cell) -> Result<TreatedModel, Error> {
        let config = Self::trial(plan, cell)?;
        let info = lawn_models::dry_run(&config, self.data.folder())?;
        let elements = |treatments: &mut dyn Iterator<Item = &Treatment>| {
            treatments
                .map(|treatment| treatment.shape.iter().product::<i64>())
                .sum()
        };
        let treatments = info.treatments;
        Ok(TreatedModel {
            task: cell.task.clone(),
            arm: cell.arm.clone(),
            elements: elements(&mut treatments.iter()),
            constrained_elements: elements(
                &mut treatments.iter().filter(|treatment| treatment.units > 0),
            ),
            steps_per_epoch: info.steps_per_epoch,
            epoch_samples: info.train_samples,
            treatments,
        })
    }
}

/// Puts generated images of as many classes in the place of a folder of images, of which a net
/// knows no more than the classes and the size; false where the task has none.
fn without_data(task: &mut TaskConfig, classes: u32) -> bool {
    if !is_of_classes(task) {
        return false;
    }
    let TaskConfig::Image(config) = task else {
        return false;
    };
    config.data = ImageConfig::default().data;
    config.init_from = None;
    config.generated = Some(GeneratedImages {
        classes,
        // A transform makes its own size of it.
        side: if config.transform.is_some() { 8 } else { 32 },
        train: 4 * classes,
        test: classes,
        ..GeneratedImages::default()
    });
    true
}

/// Whether a task reads a folder of images.
fn is_of_classes(task: &TaskConfig) -> bool {
    matches!(task, TaskConfig::Image(config) if config.generated.is_none())
}

fn describe(treated: &TreatedModel) -> String {
    format!(
        "{} · {}: {} parameters in {} tensors, {} of them constrained; {} samples and {} steps an epoch\n{}",
        treated.task,
        treated.arm,
        treated.elements,
        treated.treatments.len(),
        treated.constrained_elements,
        treated.epoch_samples,
        treated.steps_per_epoch,
        TreatmentTable(&treated.treatments)
    )
}
