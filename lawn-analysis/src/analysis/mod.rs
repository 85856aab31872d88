//! From records to answers: pairing, comparison, families, verdicts.

mod across;
mod advantages;
mod best;
mod claims;
mod comparison;
mod contrasts;
mod families;
mod freeze;
mod lack;
mod measured;
mod pairing;
mod place;
mod places;
mod quantity;
mod question;
mod reason;
mod sensitivity;
mod study;
mod survival;
mod target;
mod tuning;
mod unpaired;
mod verdict;
mod worst_rank;

pub use across::{ArmRanks, ArmScores, Improvement, arm_ranks, arm_scores, improvements};
pub use best::best_baseline;
pub use claims::{
    Claim, ClaimAcross, ClaimCell, ClaimKind, Pooled, Study, Support, claims, claims_across_tasks,
    claims_feasibility,
};
pub use comparison::Comparison;
pub use contrasts::contrasts_by_name;
pub use families::{Analysis, Answer, Family};
pub use lack::{Cause, UnmatchedSeed};
pub use place::Place;
pub use question::Question;
pub use sensitivity::{POWER, Sensitivity, sensitivity};
pub use study::{CurvePoint, Task, tasks};
pub use survival::{Failure, Survival, failures, survival};
pub use target::{Target, TargetCell, target};
pub use tuning::{Border, Tuning, TuningPoint, TuningPoints, tuning, tuning_points};
pub use unpaired::IndependentSamples;
pub use verdict::{AdjustedPValues, Verdict};
pub use worst_rank::DivergedTrials;
