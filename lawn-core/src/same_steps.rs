//! Whether two configurations come to the same steps.

use crate::config::{Clock, OptimizerConfig};
use crate::constraint::interface::NormConstraint;
use crate::decay::WeightDecay;
use crate::rule::{Context, Rule, RuleConfig};
use crate::schedule::Schedule;
use crate::units::Granularity;

impl OptimizerConfig {
    /// Whether this takes the first `steps` steps of `other`, whatever the parameters and their
    /// gradients are, up to rounding, as long as no call between steps changes either.
    ///
    /// It is told by what the backends compute of the two ([`Rule::form`]), so that a rule under
    /// another name, a weight decay of 0, a trust ratio that no parameter has, or a freeze that comes
    /// after all steps makes no difference. Where a rule has no form the two have to be equal. `false`
    /// says that they may differ, not that they do on every model. The backend is no part of it.
    ///
    /// ```
    /// use lawn_core::{AdamConfig, OptimizerConfig, RuleConfig, Schedule, WeightDecay};
    ///
    /// let adam = RuleConfig::from(AdamConfig::default());
    /// let adam = OptimizerConfig::new(adam, Schedule::constant(1e-3));
    /// let adamw = |rate| adam.clone().with_decay(WeightDecay::Decoupled { rate });
    /// assert!(adamw(0.0).takes_steps_of(&adam, 100));
    /// assert!(!adamw(0.1).takes_steps_of(&adam, 100));
    /// ```
    #[must_use]
    pub fn takes_steps_of(&self, other: &Self, steps: u64) -> bool {
        // Named one by one, so that what is added is not forgotten here.
        let Self {
            rule: _,
            schedule,
            clock,
            decay: _,
            lawn,
            hyperball,
            cpr,
            rotational,
            clip_norm,
            cow_clip,
            groups,
            check_finite,
            master_weights,
            backend: _,
        } = self;
        *clock == other.clock
            && has_rates_of(schedule, &other.schedule, *clock, steps)
            && taking_part(lawn, steps) == taking_part(&other.lawn, steps)
            && hyperball == &other.hyperball
            && taking_part(cpr, steps) == taking_part(&other.cpr, steps)
            && rotational == &other.rotational
            && *clip_norm == other.clip_norm
            && *cow_clip == other.cow_clip
            && *groups == other.groups
            && *check_finite == other.check_finite
            && *master_weights == other.master_weights
            && self.computes_what(other)
    }

    /// Whether the rules with their decays compute the same for parameters of every kind.
    fn computes_what(&self, other: &Self) -> bool {
        let of_groups = self.groups.iter().filter_map(|group| group.decay);
        let mut decays = vec![[self.decay, other.decay], [WeightDecay::None; 2]];
        decays.extend(of_groups.map(|decay| [decay; 2]));
        let constrained = [false, self.constraints().next().is_some()];
        for decays in decays {
            for (table, matrix) in [(false, false), (false, true), (true, false)] {
                for constrained in constrained {
                    let contexts = decays.map(|decay| Context {
                        updates: 1,
                        learning_rate: 1.0,
                        decay,
                        constrained,
                        table,
                        matrix,
                        granularity: Granularity::default(),
                    });
                    if !is_same(&self.rule, &other.rule, &contexts) {
                        return false;
                    }
                }
            }
        }
        true
    }
}

/// Whether two rules compute the same, each in its own context.
fn is_same(one: &RuleConfig, other: &RuleConfig, contexts: &[Context; 2]) -> bool {
    let [first, second] = contexts;
    let rows = !first.table || one.row_updates(first) == other.row_updates(second);
    match (one.form(first), other.form(second)) {
        (Some(one), Some(other)) => rows && one.reduced() == other.reduced(),
        _ => {
            let (decay, its) = (first.decay, second.decay);
            one == other && (decay == its || (decay.is_none() && its.is_none()))
        }
    }
}

/// Whether two schedules give the same rates in these steps.
fn has_rates_of(one: &Schedule, other: &Schedule, clock: Clock, steps: u64) -> bool {
    let mut positions = 0..steps;
    one == other
        || (clock == Clock::Steps && positions.all(|step| one.lr_at(step) == other.lr_at(step)))
}

/// A constraint that begins before the steps are over.
fn taking_part<C: NormConstraint>(constraint: &Option<C>, steps: u64) -> Option<&C> {
    constraint.as_ref().filter(|one| one.free_steps() < steps)
}
