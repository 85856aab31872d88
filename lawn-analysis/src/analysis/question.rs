//! The questions asked of every contrast.

use serde::Serialize;

/// What two arms are compared on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Question {
    /// The test metric at a batch size.
    TestMetric,
    /// Train metric minus test metric at a batch size.
    GeneralizationGap,
    /// Test metric at the reference batch size minus test metric at a batch size.
    LargeBatchDrop,
    /// Test metric at a batch size, against that of the baseline at the reference batch size.
    AgainstReference,
    /// Test metric at a batch size, against the baseline with the best validation metric.
    AgainstBest,
    /// Growth of the logits after the treatment's freeze, in doublings.
    LogitGrowth,
    /// Fall of the training loss after the treatment's freeze.
    LossFall,
    /// How far the weights moved after the treatment's freeze.
    DistanceMoved,
    /// Slope of the test metric on log2 of the batch size, over all batch sizes.
    TestSlope,
    /// Slope of the generalization gap on log2 of the batch size, over all batch sizes.
    GapSlope,
}

impl Question {
    /// The questions asked at each batch size.
    pub const BY_BATCH: [Self; 8] = [
        Self::TestMetric,
        Self::GeneralizationGap,
        Self::LargeBatchDrop,
        Self::AgainstReference,
        Self::AgainstBest,
        Self::LogitGrowth,
        Self::LossFall,
        Self::DistanceMoved,
    ];
    /// The questions about what happens after the freeze.
    pub const ADAPTIVITY: [Self; 3] = [Self::LogitGrowth, Self::LossFall, Self::DistanceMoved];
    /// The questions with one answer over all batch sizes.
    pub const OVERALL: [Self; 2] = [Self::TestSlope, Self::GapSlope];

    /// The quantity in words.
    pub fn name(self) -> &'static str {
        match self {
            Self::TestMetric => "test metric",
            Self::GeneralizationGap => "generalization gap",
            Self::LargeBatchDrop => "large-batch drop",
            Self::AgainstReference => "test metric against the reference batch",
            Self::AgainstBest => "test metric against the best baseline",
            Self::LogitGrowth => "logit growth after the freeze",
            Self::LossFall => "fall of the training loss after the freeze",
            Self::DistanceMoved => "distance moved after the freeze",
            Self::TestSlope => "test metric per doubling of the batch",
            Self::GapSlope => "generalization gap per doubling of the batch",
        }
    }

    /// Whether more of the quantity is better, for a metric of which more is better.
    ///
    /// Gaps and drops are oriented: a loss on unseen data, or at a large batch, is positive
    /// whichever way the metric points.
    pub fn more_is_better(self, higher_is_better: bool) -> bool {
        match self {
            Self::TestMetric | Self::AgainstReference | Self::AgainstBest | Self::TestSlope => {
                higher_is_better
            }
            Self::LossFall | Self::DistanceMoved => true,
            Self::GeneralizationGap | Self::LargeBatchDrop | Self::LogitGrowth | Self::GapSlope => {
                false
            }
        }
    }

    /// Whether this is the primary question, which every contrast is registered for.
    pub(crate) fn is_primary(self) -> bool {
        self == Self::TestMetric
    }

    /// Whether the quantity is in the unit of the metric, so that a margin of the metric applies.
    pub fn in_metric_units(self) -> bool {
        !Self::ADAPTIVITY.contains(&self)
    }

    /// Whether there is one answer over all batch sizes.
    pub fn overall(self) -> bool {
        matches!(self, Self::TestSlope | Self::GapSlope)
    }
}
