//! The instructions of the running machine.

use super::lanes::{Element, Lanes};

/// What the running machine offers; there is no way to have one that it does not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Isa(Level);

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
        levels.into_iter().map(Self).collect()
    }

    /// The best that this machine offers.
    pub(crate) fn best() -> Self {
        Self::available()[0]
    }

    pub(super) fn level(self) -> Level {
        self.0
    }

    /// Runs something with these instructions.
    ///
    /// # Safety
    ///
    /// What [`Vectorized::run`] of `task` asks for, apart from the instructions.
    pub(crate) unsafe fn run<E: Element, T: Vectorized<E>>(self, task: T) -> T::Output {
        match self.0 {
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
