//! Numbers of 16 bits in memory, and their way to f32 and back.

use half::{bf16, f16};

use super::isa::Isa;
#[cfg(target_arch = "x86_64")]
use super::isa::Level;

/// A floating-point format of 16 bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    F16,
    Bf16,
}

impl Format {
    /// Writes `len` numbers as f32, which is exact.
    ///
    /// # Safety
    ///
    /// Both pointers are valid for `len` numbers, which do not overlap.
    pub(crate) unsafe fn widen(self, isa: Isa, from: *const u16, to: *mut f32, len: usize) {
        // SAFETY: the level exists only where the machine was asked. The caller gives valid
        // pointers.
        unsafe {
            match (self, isa.level()) {
                #[cfg(target_arch = "x86_64")]
                (Format::F16, Level::Avx512) => x86::widen_f16_avx512(from, to, len),
                #[cfg(target_arch = "x86_64")]
                (Format::F16, Level::Avx2) => x86::widen_f16_avx2(from, to, len),
                #[cfg(target_arch = "x86_64")]
                (Format::Bf16, Level::Avx512) => x86::widen_bf16_avx512(from, to, len),
                #[cfg(target_arch = "x86_64")]
                (Format::Bf16, Level::Avx2) => x86::widen_bf16_avx2(from, to, len),
                (Format::F16, _) => widen_f16(from, to, len),
                (Format::Bf16, _) => widen_bf16(from, to, len),
            }
        }
    }

    /// Writes `len` f32 in this format, rounded to nearest, ties to even.
    ///
    /// # Safety
    ///
    /// As [`widen`](Self::widen).
    pub(crate) unsafe fn narrow(self, isa: Isa, from: *const f32, to: *mut u16, len: usize) {
        // SAFETY: as above.
        unsafe {
            match (self, isa.level()) {
                #[cfg(target_arch = "x86_64")]
                (Format::F16, Level::Avx512) => x86::narrow_f16_avx512(from, to, len),
                #[cfg(target_arch = "x86_64")]
                (Format::F16, Level::Avx2) => x86::narrow_f16_avx2(from, to, len),
                #[cfg(target_arch = "x86_64")]
                (Format::Bf16, Level::Avx512) => x86::narrow_bf16_avx512(from, to, len),
                #[cfg(target_arch = "x86_64")]
                (Format::Bf16, Level::Avx2) => x86::narrow_bf16_avx2(from, to, len),
                (Format::F16, _) => narrow_f16(from, to, len),
                (Format::Bf16, _) => narrow_bf16(from, to, len),
            }
        }
    }
}

/// A loop over one element at a time, which the compiler vectorizes where the
/// conversion is made of operations that vectors have.
macro_rules! elementwise {
    ($name:ident, $from:ty => $to:ty, $convert:expr) => {
        /// # Safety
        ///
        /// Both pointers are valid for `len` numbers.
        #[inline(always)]
        unsafe fn $name(from: *const $from, to: *mut $to, len: usize) {
            for i in 0..len {
                // SAFETY: within `len`, for which the pointers are valid.
                unsafe { *to.add(i) = $convert(*from.add(i)) };
            }
        }
    };
}

elementwise!(widen_f16, u16 => f32, |x| f16::from_bits(x).to_f32_const());
elementwise!(narrow_f16, f32 => u16, |x| f16::from_f32_const(x).to_bits());
elementwise!(widen_bf16, u16 => f32, |x| bf16::from_bits(x).to_f32_const());
elementwise!(narrow_bf16, f32 => u16, |x| bf16::from_f32_const(x).to_bits());

#[cfg(target_arch = "x86_64")]
mod x86 {
    use std::arch::x86_64::*;

    macro_rules! vectorized {
        ($name:ident, $features:literal, $from:ty => $to:ty, $lanes:literal,
         |$source:ident, $target:ident| $convert:expr, $rest:ident) => {
            /// # Safety
            ///
            /// Both pointers are valid for `len` numbers, and the machine has the
            /// features.
            #[target_feature(enable = $features)]
            pub(super) unsafe fn $name(from: *const $from, to: *mut $to, len: usize) {
                let whole = len - len % $lanes;
                for i in (0..whole).step_by($lanes) {
                    // SAFETY: as many numbers as a vector has are left.
                    unsafe {
                        let ($source, $target) = (from.add(i), to.add(i));
                        $convert;
                    }
                }
                // SAFETY: what is left of `len`.
                unsafe { super::$rest(from.add(whole), to.add(whole), len - whole) };
            }
        };
    }

    vectorized!(widen_f16_avx512, "avx512f", u16 => f32, 16, |from, to|
        _mm512_storeu_ps(to, _mm512_cvtph_ps(_mm256_loadu_si256(from.cast()))), widen_f16);
    vectorized!(narrow_f16_avx512, "avx512f", f32 => u16, 16, |from, to|
        _mm256_storeu_si256(to.cast(), _mm512_cvtps_ph::<NEAREST>(_mm512_loadu_ps(from))), narrow_f16);
    vectorized!(widen_f16_avx2, "avx2,f16c", u16 => f32, 8, |from, to|
        _mm256_storeu_ps(to, _mm256_cvtph_ps(_mm_loadu_si128(from.cast()))), widen_f16);
    vectorized!(narrow_f16_avx2, "avx2,f16c", f32 => u16, 8, |from, to|
        _mm_storeu_si128(to.cast(), _mm256_cvtps_ph::<NEAREST>(_mm256_loadu_ps(from))), narrow_f16);

    const NEAREST: i32 = _MM_FROUND_TO_NEAREST_INT;

    /// The loop over single elements, compiled for more instructions.
    macro_rules! recompiled {
        ($name:ident, $features:literal, $from:ty => $to:ty, $loop:ident) => {
            /// # Safety
            ///
            /// As above.
            #[target_feature(enable = $features)]
            pub(super) unsafe fn $name(from: *const $from, to: *mut $to, len: usize) {
                // SAFETY: the caller keeps to the same conditions.
                unsafe { super::$loop(from, to, len) };
            }
        };
    }

    recompiled!(widen_bf16_avx512, "avx512f", u16 => f32, widen_bf16);
    recompiled!(narrow_bf16_avx512, "avx512f", f32 => u16, narrow_bf16);
    recompiled!(widen_bf16_avx2, "avx2", u16 => f32, widen_bf16);
    recompiled!(narrow_bf16_avx2, "avx2", f32 => u16, narrow_bf16);
}

#[cfg(test)]
mod tests {
    use super::*;

    const FORMATS: [Format; 2] = [Format::F16, Format::Bf16];

    fn widened(format: Format, isa: Isa, from: &[u16]) -> Vec<f32> {
        let mut to = vec![0.0; from.len()];
        // SAFETY: both have as many elements.
        unsafe { format.widen(isa, from.as_ptr(), to.as_mut_ptr(), from.len()) };
        to
    }

    fn narrowed(format: Format, isa: Isa, from: &[f32]) -> Vec<u16> {
        let mut to = vec![0; from.len()];
        // SAFETY: both have as many elements.
        unsafe { format.narrow(isa, from.as_ptr(), to.as_mut_ptr(), from.len()) };
        to
    }

    fn same(a: f32, b: f32) -> bool {
        a.to_bits() == b.to_bits() || a.is_nan() && b.is_nan()
    }

    #[test]
    fn every_number_of_16_bits_comes_back() {
        let all: Vec<u16> = (0..=u16::MAX).collect();
        for isa in Isa::available() {
            for format in FORMATS {
                let wide = widened(format, isa, &all);
                let back = narrowed(format, isa, &wide);
                for ((&bits, &wide), &back) in all.iter().zip(&wide).zip(&back) {
                    let expected = match format {
                        Format::F16 => f16::from_bits(bits).to_f64() as f32,
                        Format::Bf16 => f32::from_bits(u32::from(bits) << 16),
                    };
                    assert!(same(wide, expected), "{isa:?} {format:?} {bits:x}");
                    assert!(
                        wide.is_nan() || back == bits,
                        "{isa:?} {format:?} {bits:x}: {back:x}"
                    );
                }
            }
        }
    }

    /// The neighbours below and above, the middle between them, and a little to
    /// either side of that.
    #[test]
    fn rounding_is_to_the_nearest_and_to_even() {
        let portable = Isa::available()[Isa::available().len() - 1];
        for format in FORMATS {
            let all: Vec<u16> = (0..0x7bff).collect();
            let below = widened(format, portable, &all);
            let above = widened(
                format,
                portable,
                &all.iter().map(|x| x + 1).collect::<Vec<_>>(),
            );
            // Exact: the middle needs one bit more than the format has.
            let middle: Vec<f32> = below
                .iter()
                .zip(&above)
                .map(|(a, b)| ((f64::from(*a) + f64::from(*b)) / 2.0) as f32)
                .collect();
            let shifted = |by: i32| -> Vec<f32> {
                middle
                    .iter()
                    .map(|x| f32::from_bits(x.to_bits().wrapping_add_signed(by)))
                    .collect()
            };
            for isa in Isa::available() {
                let even: Vec<u16> = all.iter().map(|x| x + (x & 1)).collect();
                assert_eq!(narrowed(format, isa, &middle), even, "{isa:?} {format:?}");
                assert_eq!(
                    narrowed(format, isa, &shifted(-1)),
                    all,
                    "{isa:?} {format:?}"
                );
                let next: Vec<u16> = all.iter().map(|x| x + 1).collect();
                assert_eq!(
                    narrowed(format, isa, &shifted(1)),
                    next,
                    "{isa:?} {format:?}"
                );
            }
        }
    }

    #[test]
    fn any_length_is_whole() {
        for isa in Isa::available() {
            for format in FORMATS {
                for len in 0..70 {
                    let from: Vec<f32> = (0..len).map(|i| i as f32 - 20.0).collect();
                    let there = narrowed(format, isa, &from);
                    assert_eq!(widened(format, isa, &there), from, "{isa:?} {format:?}");
                }
            }
        }
    }
}
