//! How the steps of a phase are launched: by this backend, or by a graph that has captured it.

use tch::Tensor;

use super::Cuda;
use super::launch::{Arguments, Kernel};
use super::phase::Phase;
use super::records::{PlanRecord, raw};
use crate::backend::launches::{StepLaunches, StepUnderWay};
use crate::backend::slot::Slot;
use crate::report::Limits;

/// The launches of a step after `begin`, which alone takes what changes from step to step.
#[derive(Clone, Copy)]
pub(super) struct Launched {
    constrained: bool,
    pub(super) plan: PlanRecord,
    looks_first: bool,
    /// Whether `after` and `move` follow.
    rules_after: bool,
    moves: bool,
    chunks: i64,
    units: i64,
}

impl Launched {
    pub(super) fn new(phase: &Phase, constrained: bool, limits: Limits, measures: bool) -> Self {
        let asks = limits.largest().is_some() || limits.clip().is_some();
        Self::looking(phase, constrained, asks || phase.needs_products, measures)
    }

    fn looking(phase: &Phase, constrained: bool, looks_first: bool, measures: bool) -> Self {
        let looks_first = looks_first || measures;
        let (chunks, units) = phase.blocks();
        Self {
            constrained,
            plan: PlanRecord {
                measures: i64::from(measures),
                sums_late: i64::from(!looks_first),
                ..phase.record
            },
            looks_first,
            rules_after: phase.has_two_passes || measures,
            moves: phase.has_two_passes,
            chunks,
            units,
        }
    }

    /// What tells them apart.
    fn as_told(&self) -> StepLaunches {
        let mut words = raw(&[self.plan]).to_vec();
        let also = [self.rules_after, self.moves].map(i64::from);
        words.extend(also.into_iter().chain([self.chunks, self.units]));
        StepLaunches {
            constrained: self.constrained,
            looks_first: self.looks_first,
            words,
        }
    }
}

impl Cuda {
    /// Sums over weights and gradients, where anything asks for them before buffers move.
    pub(super) fn launch_sums(&self, of: &Launched) {
        if of.looks_first {
            self.launch(Kernel::Sum, &of.plan, Arguments::None, of.chunks);
        }
    }

    /// What follows.
    pub(super) fn launch_moves(&self, of: &Launched) {
        self.launch(Kernel::Before, &of.plan, Arguments::None, of.units);
        self.launch(Kernel::Update, &of.plan, Arguments::None, of.chunks);
        if of.rules_after {
            self.launch(Kernel::After, &of.plan, Arguments::None, of.units);
        }
        if of.moves {
            self.launch(Kernel::Move, &of.plan, Arguments::None, of.chunks);
        }
    }

    /// See [`Backend::launches`](crate::backend::interface::Backend::launches).
    pub(super) fn launches_of(
        &self,
        slots: &[Slot],
        constrained: bool,
        limits: Limits,
    ) -> Result<StepLaunches, String> {
        let phase = self.phase(constrained);
        let mut is_mine = vec![false; slots.len()];
        for (&slot, member) in self.slots.iter().zip(&phase.members) {
            is_mine[slot] = member.is_some();
        }
        let mut others = slots.iter().zip(is_mine).filter(|(_, mine)| !mine);
        match others.find(|(slot, _)| slot.weight.requires_grad()) {
            Some((slot, _)) => Err(format!(
                "libtorch's operations take the steps of `{}`",
                slot.name
            )),
            None => Ok(Launched::new(phase, constrained, limits, false).as_told()),
        }
    }

    /// Why launches that were captured are not those of a step, if they are not. `moved` of its
    /// gradients are read elsewhere than where `backward` has left them.
    pub(super) fn require_same(
        captured: &StepLaunches,
        now: &Launched,
        (moved, has_rest): (usize, bool),
    ) -> Result<(), &'static str> {
        if now.as_told() != *captured {
            Err("they were captured of other parameters, another phase or other settings")
        } else if moved > 0 {
            Err("a gradient has to be copied before it is read")
        } else if has_rest {
            Err("libtorch's operations take some of the parameters")
        } else {
            Ok(())
        }
    }

    /// Carries out launches that were told of before.
    ///
    /// # Panics
    ///
    /// If they are of another optimizer, or of this one before something was set.
    pub(super) fn launch_told(&self, launches: &StepLaunches) {
        let StepLaunches {
            constrained,
            looks_first,
            ..
        } = *launches;
        let now = Launched::looking(self.phase(constrained), constrained, looks_first, false);
        assert!(
            now.as_told() == *launches,
            "launches are of the optimizer that carries them out, as it is now"
        );
        self.launch_sums(&now);
        self.launch_moves(&now);
    }

    /// Hands a step to what carries its launches out.
    pub(super) fn hand_over(
        &self,
        slots: &[Slot],
        launched: &Launched,
        run: &dyn Fn(&StepUnderWay<'_>),
    ) {
        let launch = || {
            self.launch_sums(launched);
            self.launch_moves(launched);
        };
        let memory = || self.memory(slots);
        run(&StepUnderWay {
            launch: &launch,
            memory: &memory,
        });
    }

    /// All that launches write and the next step reads, by name.
    fn memory(&self, slots: &[Slot]) -> Vec<(String, Tensor)> {
        let mut all = Vec::new();
        for &index in &self.slots {
            let slot = &slots[index];
            let name = &slot.name;
            all.push((name.clone(), slot.weight.detach()));
            let master = slot.master.iter();
            all.extend(master.map(|one| (format!("{name}, f32"), one.shallow_clone())));
            for (number, buffer) in slot.buffers.iter().enumerate() {
                all.push((format!("buffer {number} of {name}"), buffer.shallow_clone()));
            }
        }
        let counts = [
            ("counts of updates", &self.memories),
            ("counts of steps", self.clock.taken()),
            ("numbers of updates", &self.kept[0]),
            ("numbers of the step", &self.kept[1]),
        ];
        all.extend(counts.map(|(name, one)| (name.to_owned(), one.shallow_clone())));
        for phase in self.phases() {
            let of_units = [
                ("radii", &phase.radii),
                ("memory of units", &phase.remembered),
            ];
            for (name, one) in of_units {
                all.extend(one.iter().map(|one| (name.to_owned(), one.shallow_clone())));
            }
        }
        all
    }
}
