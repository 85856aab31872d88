//! Which arms are compared, where, and on which quantity.

use super::question::Question;
use crate::request::Contrast;

/// One comparison to be made: a contrast on one question of one task, at a batch size or over all.
#[derive(Clone, Debug, PartialEq)]
pub struct Place {
    /// The task.
    pub task: String,
    /// The primary metric.
    pub metric: String,
    /// What is compared.
    pub question: Question,
    /// The arms.
    pub contrast: Contrast,
    /// The batch size, where the question has one.
    pub batch_size: Option<i64>,
}

impl Place {
    /// The batch size of the trials that an arm is represented by.
    pub(crate) fn batch_of(&self, arm: &str, reference: i64) -> Option<i64> {
        match self.question {
            Question::AgainstReference if arm == self.contrast.baseline => Some(reference),
            _ => self.batch_size,
        }
    }
}
