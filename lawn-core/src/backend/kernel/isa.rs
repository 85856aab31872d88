//! The running machine: its instructions, and what its memory wants.

use super::lanes::{Element, Lanes};
use super::tuning::{LastLook, Tuning};

/// What the running machine offers. Only [`Isa::available`] makes one, of what it has found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Isa {
    level: Level,
    tuning: Tuning,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Level {
    #[cfg(target_arch = "x86_64")]
    Avx512,
    #[cfg(target_arch = "x86_64")]
    Avx2,
    Portable,
}

/// Something to be done with vectors of any width.
pub(crate) trait Vectorized<E: Element> {
    type Output;

    /// # Safety
    ///
    /// The running machine has the instructions of `L`, and whatever else the
    /// implementation asks for.
    unsafe fn run<L: Lanes<Element = E>>(self) -> Self::Output;
}

impl Isa {
    /// All that this machine offers, the best first.
    pub(crate) fn available() -> Vec<Self> {
        let mut levels = Vec::new();
        #[cfg(target_arch = "x86_64")]
        {
            if is_x86_feature_detected!("avx512f") {
                levels.push(Level::Avx512);
            }
            if is_x86_feature_detected!("avx2")
                && is_x86_feature_detected!("fma")
                && is_x86_feature_detected!("f16c")
            {
                levels.push(Level::Avx2);
            }
        }
        levels.push(Level::Portable);
        let tuning = Tuning::of_machine();
        levels
            .into_iter()
            .map(|level| Self { level, tuning })
            .collect()
    }

    /// The best that this machine offers.
    pub(crate) fn best() -> Self {
        Self::available()[0]
    }

    pub(super) fn level(self) -> Level {
        self.level
    }

    /// The same instructions, with memory treated in another way.
    #[cfg(test)]
    pub(super) fn tuned(self, tuning: Tuning) -> Self {
        Self { tuning, ..self }
    }

    /// Whether what is looked at for the last time is asked to leave the caches.
    pub(super) fn lets_go(self) -> bool {
        self.tuning.last_look == LastLook::Leaves
    }

    /// Elements of a wave.
    pub(super) fn wave(self) -> usize {
        self.tuning.wave
    }

    /// Runs something with these instructions.
    ///
    /// # Safety
    ///
    /// What [`Vectorized::run`] of `task` asks for, apart from the instructions.
    pub(crate) unsafe fn run<E: Element, T: Vectorized<E>>(self, task: T) -> T::Output {
        match self.level {
            #[cfg(target_arch = "x86_64")]
            // SAFETY: the level exists only where the machine was asked.
            Level::Avx512 => unsafe { avx512(task) },
            #[cfg(target_arch = "x86_64")]
            // SAFETY: the level exists only where the machine was asked.
            Level::Avx2 => unsafe { avx2(task) },
            // SAFETY: needs no instructions beyond those of the target.
            Level::Portable => unsafe { task.run::<E::Portable>() },
        }
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx2,fma")]
unsafe fn avx512<E: Element, T: Vectorized<E>>(task: T) -> T::Output {
    // SAFETY: this function has the instructions, which inlining hands on.
    unsafe { task.run::<E::Avx512>() }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
unsafe fn avx2<E: Element, T: Vectorized<E>>(task: T) -> T::Output {
    // SAFETY: this function has the instructions, which inlining hands on.
    unsafe { task.run::<E::Avx2>() }
}
