//! Which error ends the command with which exit code.

use lawn_models::DataError;

use super::{Error, is_storage};
use crate::exit::Exit;

impl Error {
    /// How the `lawn` command ends on it: what the user wrote is wrong, or something failed.
    #[must_use]
    pub fn exit(&self) -> Exit {
        match self {
            Self::Out { source, .. } if is_storage(source.kind()) => Exit::NoRoom,
            Self::Config(_)
            | Self::Newer(_)
            | Self::Older(_)
            | Self::Foreign(_)
            | Self::UnknownKind(_)
            | Self::Damaged(_)
            | Self::PlanGone(_)
            | Self::OtherPlan(_)
            | Self::OtherData(_)
            | Self::OtherRule(_)
            | Self::OtherSamples(_)
            | Self::NotOurs(_)
            | Self::NotAFile(_)
            | Self::MadeOtherwise(_)
            | Self::NoRun(_)
            | Self::NoTrial(_)
            | Self::NotSelected(_)
            | Self::NoDataRoot(_)
            | Self::NoSuchDataRoot { .. }
            | Self::NoData(_)
            | Self::RunDamaged(_)
            | Self::OtherBuild(_)
            | Self::NoTorch(_)
            | Self::Machine { .. }
            | Self::Trial(
                lawn_models::TrialError::Device { .. }
                | lawn_models::TrialError::Weights(_)
                | lawn_models::TrialError::UnusableValues { .. },
            )
            | Self::Refused { .. }
            | Self::Results(_)
            | Self::BadResults(_)
            | Self::Unsettled { .. }
            | Self::NoPort { .. }
            | Self::NotInSweep(_)
            | Self::BadFiles(_)
            | Self::TaskSetting { .. }
            | Self::Option(_)
            | Self::Out { .. }
            | Self::MakeData(_) => Exit::Usage,
            Self::Data(error) | Self::Trial(lawn_models::TrialError::Data(error)) => of_data(error),
            Self::DataHere { source, .. } => source.exit(),
            Self::Fetch(error) => error.exit(),
            // The weights were found and fit; that their logits are not finite is a result, not a
            // wrong request.
            Self::Evaluation(error) => match **error {
                lawn_models::EvaluationError::NotFinite { .. } => Exit::Failed,
                _ => Exit::Usage,
            },
            Self::TooManyFailed { .. } => Exit::TooManyFailed,
            Self::Held { .. } => Exit::Held,
            Self::NoRoom { .. } => Exit::NoRoom,
            Self::Io { source, .. } if is_storage(source.kind()) => Exit::NoRoom,
            Self::Analysis(lawn_analysis::Error::Io { source, .. })
                if is_storage(source.kind()) =>
            {
                Exit::NoRoom
            }
            _ => Exit::Failed,
        }
    }
}

/// As for [`Error::exit`], wherever data were asked for.
fn of_data(error: &DataError) -> Exit {
    match error {
        DataError::Unusable { .. }
        | DataError::Image { .. }
        | DataError::BadFiles { .. }
        | DataError::ImageSize { .. }
        | DataError::Turned { .. }
        | DataError::Several(_)
        | DataError::NotFound { .. }
        | DataError::NoRoot { .. }
        | DataError::Columns { .. }
        | DataError::Field { .. }
        | DataError::NoFormat { .. }
        | DataError::Options { .. }
        | DataError::Setting(_)
        | DataError::Read { .. } => Exit::Usage,
        DataError::Write { source, .. } if is_storage(source.kind()) => Exit::NoRoom,
        _ => Exit::Failed,
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    #[test]
    fn what_cannot_be_written_ends_alike_wherever_data_were_asked_for() {
        for (kind, exit) in [
            (io::ErrorKind::StorageFull, Exit::NoRoom),
            (io::ErrorKind::InvalidInput, Exit::Failed),
        ] {
            let data = || DataError::Write {
                path: "cache".into(),
                source: kind.into(),
            };
            let here = Error::DataHere {
                task: "clicks".to_owned(),
                source: Box::new(Error::Data(data())),
            };
            for error in [
                Error::Data(data()),
                Error::Trial(lawn_models::TrialError::Data(data())),
                here,
            ] {
                assert_eq!(error.exit(), exit, "{error}");
            }
        }
    }
}
