//! What the memory of the running processor wants.
//!
//! A constant of this kind is right only where it was measured, so it belongs to a family of
//! processors. None of them changes a result. Hints are no accesses, and sums are taken by
//! block, however many blocks make a wave.

use std::sync::OnceLock;

/// How memory is asked for, and how much of it is worked on at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Tuning {
    pub(super) last_look: LastLook,
    /// How many elements of the larger units all threads take through their passes together:
    /// so few that they stay in the caches between one pass and the next.
    pub(super) wave: usize,
}

/// How memory is asked for that no later pass looks at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LastLook {
    /// It leaves the caches, which then have room for what another pass looks at
    /// (`prefetchnta`).
    Leaves,
    /// It is asked for as all other memory is (`prefetcht0`). For the other hint, Intel's
    /// Xeons bring memory in by another way, which takes 1.4 to 2.5 times as long.
    Stays,
}

impl Tuning {
    /// Of the Zen family; measured on Zen 5, with 1 MiB of second-level cache a core.
    pub(super) const ZEN: Self = Self {
        last_look: LastLook::Leaves,
        wave: 512 * 1024,
    };

    /// Of all others; measured on Intel Xeons with 1 MiB and 2 MiB a core.
    pub(super) const XEON: Self = Self {
        last_look: LastLook::Stays,
        wave: 256 * 1024,
    };

    /// That of the running machine.
    pub(crate) fn of_machine() -> Self {
        static FOUND: OnceLock<Tuning> = OnceLock::new();
        *FOUND.get_or_init(|| Self::of(vendor()))
    }

    /// That of the processors of a maker, who is named as they name him.
    fn of(vendor: [u8; 12]) -> Self {
        match &vendor {
            // Hygon's are of AMD's design.
            b"AuthenticAMD" | b"HygonGenuine" => Self::ZEN,
            _ => Self::XEON,
        }
    }
}

/// The maker of the running processor; zeros where it has no name for it.
fn vendor() -> [u8; 12] {
    let mut name = [0; 12];
    #[cfg(target_arch = "x86_64")]
    {
        let found = std::arch::x86_64::__cpuid(0);
        for (bytes, register) in name.chunks_mut(4).zip([found.ebx, found.edx, found.ecx]) {
            bytes.copy_from_slice(&register.to_le_bytes());
        }
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_maker_has_a_tuning() {
        assert_eq!(Tuning::of(*b"AuthenticAMD"), Tuning::ZEN);
        assert_eq!(Tuning::of(*b"HygonGenuine"), Tuning::ZEN);
        assert_eq!(Tuning::of(*b"GenuineIntel"), Tuning::XEON);
        assert_eq!(Tuning::of([0; 12]), Tuning::XEON);
        assert_eq!(Tuning::of_machine(), Tuning::of(vendor()));
    }
}
