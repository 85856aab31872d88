//! Statistics for few seeds: exact tests, small-sample intervals, adjustment within families.
//!
//! Inputs are checked types ([`Sample`], [`Differences`]), and results are structs with named
//! fields. There is no global random generator, so equal data give equal numbers.

mod adjust;
mod aggregate;
mod bootstrap;
mod effect;
mod equivalence;
mod exact;
mod feasibility;
mod friedman;
mod grid;
mod logs;
mod mann_whitney;
mod permutation;
mod philox;
mod power;
mod proportion;
mod random_effects;
mod result;
mod sample;
mod sign;
mod sign_flip;
mod signed_rank;
mod special;
mod t;

pub use adjust::{Adjustment, adjust};
pub use aggregate::{Aggregate, Scores, interquartile_mean};
pub use bootstrap::{Bootstrap, BootstrapInterval, FEWEST_FOR_BOOTSTRAP};
pub use effect::{
    ProbabilityOfSuperiority, cliffs_delta, d_z, hedges_g, hedges_g_independent,
    probability_of_superiority,
};
pub use equivalence::{Equivalence, equivalence, non_inferiority};
pub use exact::Differences;
pub use feasibility::Feasibility;
pub use friedman::Ranking;
pub(crate) use grid::{Integers, Scale, decimal};
pub(crate) use logs::log_sums;
pub(crate) use mann_whitney::rank_sum;
pub use mann_whitney::{mann_whitney, probability_larger};
pub use permutation::permutation;
pub use philox::Philox;
pub(crate) use philox::normal_draw;
pub use power::{minimum_detectable_effect, power, seeds_needed};
pub use proportion::clopper_pearson;
pub use random_effects::{RandomEffects, random_effects};
pub use result::{Alternative, Estimate, Interval, Ratio, TestResult};
pub use sample::Sample;
pub use sign::sign_test;
pub use sign_flip::sign_flip;
pub use signed_rank::signed_rank;
pub(crate) use signed_rank::signed_ranks;
pub(crate) use special::t_quantile;
pub use t::{difference_welch, mean_difference, mean_t, paired_t, welch_t};
