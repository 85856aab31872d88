//! What can be learned: the kinds of task, each in a file of its own.
//!
//! The list of kinds stands below, and nowhere else. What reads a sweep file, writes its
//! schema, finds data sets, measures floors or prints help asks the list.

mod ctr;
mod generated;
mod image;
mod image_data;
mod image_evaluation;
mod image_model;
mod kind;
mod left_by;
#[macro_use]
mod list;
mod named;
mod ncf;
mod ncf_config;
mod ncf_data;
mod ncf_model;
mod ncf_net;
mod ncf_survey;
mod stated;
mod task;
#[cfg(test)]
mod tests;

pub use ctr::CtrConfig;
pub use image::ImageConfig;
pub use image_evaluation::{
    EvaluationError, ImageAccuracy, ImageEvaluation, ImageSplit, evaluate_images,
};
pub(crate) use kind::KindFormat;
pub use kind::{
    AssembledNet, AssembledTask, Counts, Files, Kind, KindEntry, Surroundings, TaskMetrics,
};
pub(crate) use left_by::note as note_of_task;
pub use ncf_config::NcfConfig;
pub use ncf_model::{NcfModel, Pretrained};
pub use stated::{DataSize, StatedSizes};
pub(crate) use task::{Net, TableRows, Task};

// The list of kinds. The name of a variant in lower case is the name of its kind.
kinds! {
    Ncf: NcfConfig,
    Image: ImageConfig,
    Ctr: CtrConfig,
}

/// What a trial of any kind of task is asked to do.
pub type TrialConfig = crate::trial::TrialConfig<TaskConfig>;

impl TrialConfig {
    /// Checks all settings, each alone and against the others, without libtorch.
    ///
    /// # Errors
    /// [`SettingsError`](crate::SettingsError) names the setting, its value and what is
    /// allowed.
    pub fn validate(&self) -> Result<(), crate::trial::SettingsError> {
        self.task.validate()?;
        self.validate_training()
    }
}
