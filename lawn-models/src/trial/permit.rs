use super::config::Stage;

/// Leave to look at test data. Whatever reads a test split asks for one, and only a
/// confirm stage gives it: in a tune trial there is none, and nobody can make one.
///
/// A person who has weights measured ([`evaluate_images`](crate::evaluate_images)), floors
/// ([`floors`](crate::floors)), or test data counted before anything is trained on the rest
/// ([`survey`](crate::survey)), asked for just that, and no trial does: that is the other way to
/// one, and it is not open to others.
///
/// ```compile_fail
/// let permit = lawn_models::TestPermit(());
/// ```
/// ```compile_fail
/// let permit = lawn_models::TestPermit::of(lawn_models::Stage::Confirm);
/// ```
/// ```compile_fail
/// let permit = lawn_models::TestPermit::of_a_person();
/// ```
/// ```compile_fail
/// let permit: lawn_models::TestPermit = Default::default();
/// ```
/// ```compile_fail
/// fn another(permit: &lawn_models::TestPermit) -> lawn_models::TestPermit {
///     permit.clone()
/// }
/// ```
/// It can be named, so that the examples above fail for what they should:
/// ```
/// fn reads_test_data(_permit: &lawn_models::TestPermit) {}
/// ```
#[derive(Debug)]
pub struct TestPermit(());

impl TestPermit {
    /// The permit of a stage, if it has one.
    pub(crate) fn of(stage: Stage) -> Option<Self> {
        match stage {
            Stage::Tune => None,
            Stage::Confirm => Some(Self(())),
        }
    }

    /// The permit of a person who asks for weights or floors to be measured, or test data counted. No trial comes by
    /// here: what is tuned cannot lead to it.
    pub(crate) fn of_a_person() -> Self {
        Self(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tune_stage_gives_no_permit() {
        assert!(TestPermit::of(Stage::Tune).is_none());
        assert!(TestPermit::of(Stage::Confirm).is_some());
    }
}
