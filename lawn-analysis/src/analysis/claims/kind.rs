//! The claims of the paper, which every task is asked.

use serde::Serialize;

/// What a claim is about.
///
/// The first five are those of the LAWN paper; `LosesLess` is a part of the third that a mean over
/// batch sizes does not show.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ClaimKind {
    /// Unregularised training loses adaptivity: the logits of the baseline grow after the freeze.
    LosesAdaptivity,
    /// Constraining restores it: the logits of the treatment grow less.
    KeepsAdaptivity,
    /// The treatment generalizes better, over all batch sizes.
    GeneralizesBetter,
    /// The treatment loses less as the batch grows.
    LosesLess,
    /// The first contrast, which is Adam's in the paper, gains most at the largest batch.
    FirstGainsMost,
    /// Every treatment gains at the largest batch.
    AllGain,
}

impl ClaimKind {
    /// All claims, in the order of the paper.
    pub const ALL: [Self; 6] = [
        Self::LosesAdaptivity,
        Self::KeepsAdaptivity,
        Self::GeneralizesBetter,
        Self::LosesLess,
        Self::FirstGainsMost,
        Self::AllGain,
    ];

    /// What is claimed, whatever the arms are called.
    pub fn in_words(self) -> &'static str {
        match self {
            Self::LosesAdaptivity => {
                "Training without a constraint loses adaptivity: logits grow after the freeze"
            }
            Self::KeepsAdaptivity => "A constraint keeps it: logits grow less",
            Self::GeneralizesBetter => "The result generalizes better, over all batch sizes",
            Self::LosesLess => "It loses less as the batch grows",
            Self::FirstGainsMost => {
                "The first contrast, Adam's in the paper, gains most at the largest batch"
            }
            Self::AllGain => "Every treatment gains at the largest batch",
        }
    }

    /// Whether it is made for each contrast. The others are about all of them at once.
    pub fn of_each_contrast(self) -> bool {
        !matches!(self, Self::FirstGainsMost | Self::AllGain)
    }

    /// Whether its number is in doublings, a unit that all tasks share. The others are in the unit of
    /// the test metric.
    pub fn in_doublings(self) -> bool {
        matches!(self, Self::LosesAdaptivity | Self::KeepsAdaptivity)
    }
}
