//! Which error ends the command with which exit code.

use super::{Error, is_storage};
use crate::exit::Exit;

impl Error {
    /// How the `lawn` command ends on it: what the user wrote is wrong, or something failed.
    #[must_use]
    pub fn exit(&self) -> Exit {
        match self {
            Self::Out { source, .. } if is_storage(source.kind()) => Exit::NoRoom,
            Self::Config(_)
            | Self::Newer { .. }
            | Self::Older { .. }
            | Self::Foreign(_)
            | Self::UnknownKind { .. }
            | Self::Damaged(_)
            | Self::PlanGone { .. }
            | Self::OtherPlan { .. }
            | Self::OtherData { .. }
            | Self::OtherRule { .. }
            | Self::SetInRun { .. }
            | Self::OutOfRun { .. }
            | Self::NotOurs { .. }
            | Self::NotAFile { .. }
            | Self::MadeOtherwise { .. }
            | Self::NoRun { .. }
            | Self::NoTrial { .. }
            | Self::NoModel { .. }
            | Self::NotSelected(_)
            | Self::NoDataRoot { .. }
            | Self::NoClasses { .. }
            | Self::NoDataRootGiven
            | Self::NoSuchDataRoot { .. }
            | Self::NoData { .. }
            | Self::Data(
                lawn_models::DataError::Unusable { .. }
                | lawn_models::DataError::Image { .. }
                | lawn_models::DataError::BadFiles { .. }
                | lawn_models::DataError::Several(_)
                | lawn_models::DataError::NotFound { .. }
                | lawn_models::DataError::NoRoot { .. }
                | lawn_models::DataError::Columns { .. }
                | lawn_models::DataError::Field { .. }
                | lawn_models::DataError::NoFormat { .. }
                | lawn_models::DataError::Options { .. }
                | lawn_models::DataError::Read { .. },
            )
            | Self::DataHere { .. }
            | Self::RunDamaged { .. }
            | Self::OtherBuild { .. }
            | Self::Machine { .. }
            | Self::Trial(
                lawn_models::TrialError::Device { .. }
                | lawn_models::TrialError::Data(_)
                | lawn_models::TrialError::Weights(_),
            )
            | Self::Refused { .. }
            | Self::Results(_)
            | Self::BadResults(_)
            | Self::Unsettled { .. }
            | Self::NothingToShow { .. }
            | Self::NoTask { .. }
            | Self::BadFilesToPack { .. }
            | Self::Option(_)
            | Self::Out { .. }
            | Self::MakeData { .. } => Exit::Usage,
            Self::Fetch(error) => error.exit(),
            // Weights that answer with no numbers were read, and were asked for.
            Self::Evaluation(error) => match **error {
                lawn_models::EvaluationError::NotFinite { .. } => Exit::Failed,
                _ => Exit::Usage,
            },
            Self::TooManyFailed { .. } => Exit::TooManyFailed,
            Self::Held { .. } => Exit::Held,
            Self::NoRoom { .. } => Exit::NoRoom,
            Self::Io { source, .. } | Self::Data(lawn_models::DataError::Write { source, .. })
                if is_storage(source.kind()) =>
            {
                Exit::NoRoom
            }
            Self::Analysis(lawn_analysis::Error::Io { source, .. })
                if is_storage(source.kind()) =>
            {
                Exit::NoRoom
            }
            _ => Exit::Failed,
        }
    }
}
