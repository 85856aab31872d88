//! Sizes of data that are not on this machine, as options state them.

use clap::Args;
use lawn_models::{ClickFormat, DataSize, StatedSizes};

use super::values::Chosen;
use crate::config::NamedTask;
use crate::error::{Error, Fault, Place, allowed};

#[derive(Debug, Args)]
pub(super) struct Stated {
    /// Users of ratings in files, which need not be here: those with a train interaction.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    users: Option<u32>,
    /// Items of ratings in files, which need not be here: those with a train interaction.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    items: Option<u32>,
    /// Classes of folders of images, which need not be here.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(2..=1000))]
    classes: Option<u32>,
    /// Format of clicks in files, which need not be here: `criteo` or `avazu`.
    #[arg(long, value_name = "FORMAT", value_parser = click_format)]
    click_format: Option<ClickFormat>,
}

/// Each size, its option, and what states it.
const OPTIONS: [(DataSize, &str, &str, &str); 4] = [
    (DataSize::Users, "--users", "N", "ratings in files"),
    (DataSize::Items, "--items", "N", "ratings in files"),
    (DataSize::Classes, "--classes", "N", "folders of images"),
    (
        DataSize::ClickFormat,
        "--click-format",
        "FORMAT",
        "clicks in files",
    ),
];

impl Stated {
    pub(super) fn sizes(&self) -> StatedSizes {
        StatedSizes {
            users: self.users,
            items: self.items,
            classes: self.classes,
            click_format: self.click_format,
        }
    }

    /// Refuses an option that states nothing of the tasks that are chosen.
    pub(super) fn require_of(&self, tasks: &[NamedTask], chosen: &Chosen) -> Result<(), Error> {
        let sizes = self.sizes();
        let is_of_one = |size| {
            let mut tasks = tasks.iter().filter(|task| chosen.has_task(&task.name));
            tasks.any(|task| is_of_files(task) && task.config.sizes().contains(&size))
        };
        for (size, option, _, what) in OPTIONS {
            if sizes.has(size) && !is_of_one(size) {
                let found = format!("no task here has {what}");
                let fault = Fault::new(Place::key(option), found).advice("leave it out");
                return Err(Error::Option(Box::new(fault)));
            }
        }
        Ok(())
    }

    /// Whether sizes of this task are stated.
    pub(super) fn are_of(&self, task: &NamedTask) -> bool {
        let (sizes, of_task) = (self.sizes(), task.config.sizes());
        is_of_files(task) && of_task.iter().any(|&size| sizes.has(size))
    }

    /// The options that would state what is not known yet of a task's data; none for a task that is
    /// told nothing by any.
    pub(super) fn lacking(&self, task: &NamedTask) -> Option<Vec<String>> {
        let unstated = task.config.unstated(&self.sizes());
        let options = OPTIONS.iter().filter(|one| unstated.contains(&one.0));
        let options = options.map(|(_, option, value, _)| format!("{option} {value}"));
        is_of_files(task).then(|| options.collect())
    }
}

/// Whether a task reads its data from files.
fn is_of_files(task: &NamedTask) -> bool {
    !task.config.is_generated()
}

/// A format of clicks by its name in small letters.
fn click_format(text: &str) -> Result<ClickFormat, String> {
    let name = |format: ClickFormat| format.name().to_lowercase();
    let mut formats = ClickFormat::ALL.into_iter();
    let found = formats.find(|&format| name(format) == text);
    found.ok_or_else(|| allowed(ClickFormat::ALL.map(name)))
}
