//! Vectors of the x86-64 extensions AVX-512 and AVX2 with FMA.
#![cfg(target_arch = "x86_64")]

use std::arch::x86_64::*;

use super::lanes::Lanes;

/// 16 f32, AVX-512.
#[derive(Clone, Copy)]
pub(crate) struct F32x16(__m512);
/// 8 f64, AVX-512.
#[derive(Clone, Copy)]
pub(crate) struct F64x8(__m512d);
/// 8 f32, AVX2.
#[derive(Clone, Copy)]
pub(crate) struct F32x8(__m256);
/// 4 f64, AVX2.
#[derive(Clone, Copy)]
pub(crate) struct F64x4(__m256d);

/// The mask of the first `n` lanes.
#[inline(always)]
fn first_lanes(n: usize) -> u32 {
    (1 << n) - 1
}

/// The mask of the first `n` lanes of eight.
#[inline(always)]
unsafe fn first_f32(n: usize) -> __m256i {
    const LANES: [i32; 16] = [-1, -1, -1, -1, -1, -1, -1, -1, 0, 0, 0, 0, 0, 0, 0, 0];
    // SAFETY: eight numbers from the `8 − n`th on lie within, as `n` is at most 8; the caller has
    // made sure of the instruction.
    unsafe { _mm256_loadu_si256(LANES.as_ptr().add(8 - n.min(8)).cast()) }
}

/// The mask of the first `n` lanes of four.
#[inline(always)]
unsafe fn first_f64(n: usize) -> __m256i {
    const LANES: [i64; 8] = [-1, -1, -1, -1, 0, 0, 0, 0];
    // SAFETY: four numbers from the `4 − n`th on lie within, as `n` is at most 4; the caller has
    // made sure of the instruction.
    unsafe { _mm256_loadu_si256(LANES.as_ptr().add(4 - n.min(4)).cast()) }
}

/// The methods that are one instruction each. They differ only in its name.
macro_rules! one_instruction {
    ($element:ty, $splat:ident, $load:ident, $store:ident, $add:ident, $mul:ident, $div:ident,
     $sqrt:ident, $max:ident, $min:ident, $fma:ident) => {
        #[inline(always)]
        unsafe fn splat(x: $element) -> Self {
            // SAFETY: the caller has made sure of the instruction.
            Self(unsafe { $splat(x) })
        }
        #[inline(always)]
        unsafe fn load(p: *const $element) -> Self {
            // SAFETY: as above, and the pointer is valid for N elements.
            Self(unsafe { $load(p) })
        }
        #[inline(always)]
        unsafe fn store(self, p: *mut $element) {
            // SAFETY: as above, and the pointer is valid for N elements.
            unsafe { $store(p, self.0) }
        }
        #[inline(always)]
        unsafe fn add(self, b: Self) -> Self {
            // SAFETY: the caller has made sure of the instruction.
            Self(unsafe { $add(self.0, b.0) })
        }
        #[inline(always)]
        unsafe fn mul(self, b: Self) -> Self {
            // SAFETY: the caller has made sure of the instruction.
            Self(unsafe { $mul(self.0, b.0) })
        }
        #[inline(always)]
        unsafe fn div(self, b: Self) -> Self {
            // SAFETY: the caller has made sure of the instruction.
            Self(unsafe { $div(self.0, b.0) })
        }
        #[inline(always)]
        unsafe fn sqrt(self) -> Self {
            // SAFETY: the caller has made sure of the instruction.
            Self(unsafe { $sqrt(self.0) })
        }
        #[inline(always)]
        unsafe fn max(self, b: Self) -> Self {
            // SAFETY: the caller has made sure of the instruction.
            Self(unsafe { $max(self.0, b.0) })
        }
        #[inline(always)]
        unsafe fn min(self, b: Self) -> Self {
            // SAFETY: the caller has made sure of the instruction.
            Self(unsafe { $min(self.0, b.0) })
        }
        #[inline(always)]
        unsafe fn mul_add(self, b: Self, c: Self) -> Self {
            // SAFETY: the caller has made sure of the instruction.
            Self(unsafe { $fma(self.0, b.0, c.0) })
        }
    };
}

impl Lanes for F32x16 {
    type Element = f32;
    type Sum = [__m512d; 2];
    const N: usize = 16;

    one_instruction!(
        f32,
        _mm512_set1_ps,
        _mm512_loadu_ps,
        _mm512_storeu_ps,
        _mm512_add_ps,
        _mm512_mul_ps,
        _mm512_div_ps,
        _mm512_sqrt_ps,
        _mm512_max_ps,
        _mm512_min_ps,
        _mm512_fmadd_ps
    );

    #[inline(always)]
    unsafe fn first(self, n: usize) -> Self {
        // SAFETY: the caller has made sure of the instruction.
        Self(unsafe { _mm512_maskz_mov_ps(first_lanes(n) as __mmask16, self.0) })
    }
    #[inline(always)]
    unsafe fn load_first(p: *const Self::Element, n: usize) -> Self {
        // SAFETY: as above, and the pointer is valid for the lanes that the mask has.
        Self(unsafe { _mm512_maskz_loadu_ps(first_lanes(n) as __mmask16, p) })
    }
    #[inline(always)]
    unsafe fn store_first(self, p: *mut Self::Element, n: usize) {
        // SAFETY: as above, and the pointer is valid for the lanes that the mask has.
        unsafe { _mm512_mask_storeu_ps(p, first_lanes(n) as __mmask16, self.0) }
    }

    #[inline(always)]
    unsafe fn or_zero(self, divisor: Self) -> Self {
        // SAFETY: the caller has made sure of the instructions.
        unsafe {
            let other = _mm512_cmp_ps_mask::<_CMP_NEQ_UQ>(divisor.0, _mm512_setzero_ps());
            Self(_mm512_maskz_mov_ps(other, self.0))
        }
    }
    #[inline(always)]
    unsafe fn zero() -> Self::Sum {
        // SAFETY: the caller has made sure of the instruction.
        [unsafe { _mm512_setzero_pd() }; 2]
    }
    #[inline(always)]
    unsafe fn dot(self, b: Self, sum: Self::Sum) -> Self::Sum {
        // SAFETY: the caller has made sure of the instructions.
        unsafe {
            let low = |x| _mm512_cvtps_pd(_mm512_castps512_ps256(x));
            let high = |x| {
                let upper = _mm512_extractf64x4_pd::<1>(_mm512_castps_pd(x));
                _mm512_cvtps_pd(_mm256_castpd_ps(upper))
            };
            [
                _mm512_fmadd_pd(low(self.0), low(b.0), sum[0]),
                _mm512_fmadd_pd(high(self.0), high(b.0), sum[1]),
            ]
        }
    }
    #[inline(always)]
    unsafe fn total(sum: Self::Sum) -> f64 {
        // SAFETY: the caller has made sure of the instructions.
        unsafe { _mm512_reduce_add_pd(_mm512_add_pd(sum[0], sum[1])) }
    }
}

impl Lanes for F64x8 {
    type Element = f64;
    type Sum = __m512d;
    const N: usize = 8;

    one_instruction!(
        f64,
        _mm512_set1_pd,
        _mm512_loadu_pd,
        _mm512_storeu_pd,
        _mm512_add_pd,
        _mm512_mul_pd,
        _mm512_div_pd,
        _mm512_sqrt_pd,
        _mm512_max_pd,
        _mm512_min_pd,
        _mm512_fmadd_pd
    );

    #[inline(always)]
    unsafe fn first(self, n: usize) -> Self {
        // SAFETY: the caller has made sure of the instruction.
        Self(unsafe { _mm512_maskz_mov_pd(first_lanes(n) as __mmask8, self.0) })
    }
    #[inline(always)]
    unsafe fn load_first(p: *const Self::Element, n: usize) -> Self {
        // SAFETY: as above, and the pointer is valid for the lanes that the mask has.
        Self(unsafe { _mm512_maskz_loadu_pd(first_lanes(n) as __mmask8, p) })
    }
    #[inline(always)]
    unsafe fn store_first(self, p: *mut Self::Element, n: usize) {
        // SAFETY: as above, and the pointer is valid for the lanes that the mask has.
        unsafe { _mm512_mask_storeu_pd(p, first_lanes(n) as __mmask8, self.0) }
    }

    #[inline(always)]
    unsafe fn or_zero(self, divisor: Self) -> Self {
        // SAFETY: the caller has made sure of the instructions.
        unsafe {
            let other = _mm512_cmp_pd_mask::<_CMP_NEQ_UQ>(divisor.0, _mm512_setzero_pd());
            Self(_mm512_maskz_mov_pd(other, self.0))
        }
    }
    #[inline(always)]
    unsafe fn zero() -> Self::Sum {
        // SAFETY: the caller has made sure of the instruction.
        unsafe { _mm512_setzero_pd() }
    }
    #[inline(always)]
    unsafe fn dot(self, b: Self, sum: Self::Sum) -> Self::Sum {
        // SAFETY: the caller has made sure of the instruction.
        unsafe { _mm512_fmadd_pd(self.0, b.0, sum) }
    }
    #[inline(always)]
    unsafe fn total(sum: Self::Sum) -> f64 {
        // SAFETY: the caller has made sure of the instructions.
        unsafe { _mm512_reduce_add_pd(sum) }
    }
}

/// The four lanes added up from the first to the last.
#[inline(always)]
unsafe fn total_256(sum: __m256d) -> f64 {
    let mut lanes = [0.0; 4];
    // SAFETY: four f64 fit, and the caller has made sure of the instruction.
    unsafe { _mm256_storeu_pd(lanes.as_mut_ptr(), sum) };
    lanes.iter().sum()
}

impl Lanes for F32x8 {
    type Element = f32;
    type Sum = [__m256d; 2];
    const N: usize = 8;

    one_instruction!(
        f32,
        _mm256_set1_ps,
        _mm256_loadu_ps,
        _mm256_storeu_ps,
        _mm256_add_ps,
        _mm256_mul_ps,
        _mm256_div_ps,
        _mm256_sqrt_ps,
        _mm256_max_ps,
        _mm256_min_ps,
        _mm256_fmadd_ps
    );

    #[inline(always)]
    unsafe fn first(self, n: usize) -> Self {
        // SAFETY: the caller has made sure of the instruction.
        Self(unsafe { _mm256_and_ps(_mm256_castsi256_ps(first_f32(n)), self.0) })
    }
    #[inline(always)]
    unsafe fn load_first(p: *const Self::Element, n: usize) -> Self {
        // SAFETY: as above, and the pointer is valid for the lanes that the mask has.
        Self(unsafe { _mm256_maskload_ps(p, first_f32(n)) })
    }
    #[inline(always)]
    unsafe fn store_first(self, p: *mut Self::Element, n: usize) {
        // SAFETY: as above, and the pointer is valid for the lanes that the mask has.
        unsafe { _mm256_maskstore_ps(p, first_f32(n), self.0) }
    }

    #[inline(always)]
    unsafe fn or_zero(self, divisor: Self) -> Self {
        // SAFETY: the caller has made sure of the instructions.
        unsafe {
            let other = _mm256_cmp_ps::<_CMP_NEQ_UQ>(divisor.0, _mm256_setzero_ps());
            Self(_mm256_and_ps(other, self.0))
        }
    }
    #[inline(always)]
    unsafe fn zero() -> Self::Sum {
        // SAFETY: the caller has made sure of the instruction.
        [unsafe { _mm256_setzero_pd() }; 2]
    }
    #[inline(always)]
    unsafe fn dot(self, b: Self, sum: Self::Sum) -> Self::Sum {
        // SAFETY: the caller has made sure of the instructions.
        unsafe {
            let low = |x| _mm256_cvtps_pd(_mm256_castps256_ps128(x));
            let high = |x| _mm256_cvtps_pd(_mm256_extractf128_ps::<1>(x));
            [
                _mm256_fmadd_pd(low(self.0), low(b.0), sum[0]),
                _mm256_fmadd_pd(high(self.0), high(b.0), sum[1]),
            ]
        }
    }
    #[inline(always)]
    unsafe fn total(sum: Self::Sum) -> f64 {
        // SAFETY: the caller has made sure of the instructions.
        unsafe { total_256(_mm256_add_pd(sum[0], sum[1])) }
    }
}

impl Lanes for F64x4 {
    type Element = f64;
    type Sum = __m256d;
    const N: usize = 4;

    one_instruction!(
        f64,
        _mm256_set1_pd,
        _mm256_loadu_pd,
        _mm256_storeu_pd,
        _mm256_add_pd,
        _mm256_mul_pd,
        _mm256_div_pd,
        _mm256_sqrt_pd,
        _mm256_max_pd,
        _mm256_min_pd,
        _mm256_fmadd_pd
    );

    #[inline(always)]
    unsafe fn first(self, n: usize) -> Self {
        // SAFETY: the caller has made sure of the instruction.
        Self(unsafe { _mm256_and_pd(_mm256_castsi256_pd(first_f64(n)), self.0) })
    }
    #[inline(always)]
    unsafe fn load_first(p: *const Self::Element, n: usize) -> Self {
        // SAFETY: as above, and the pointer is valid for the lanes that the mask has.
        Self(unsafe { _mm256_maskload_pd(p, first_f64(n)) })
    }
    #[inline(always)]
    unsafe fn store_first(self, p: *mut Self::Element, n: usize) {
        // SAFETY: as above, and the pointer is valid for the lanes that the mask has.
        unsafe { _mm256_maskstore_pd(p, first_f64(n), self.0) }
    }

    #[inline(always)]
    unsafe fn or_zero(self, divisor: Self) -> Self {
        // SAFETY: the caller has made sure of the instructions.
        unsafe {
            let other = _mm256_cmp_pd::<_CMP_NEQ_UQ>(divisor.0, _mm256_setzero_pd());
            Self(_mm256_and_pd(other, self.0))
        }
    }
    #[inline(always)]
    unsafe fn zero() -> Self::Sum {
        // SAFETY: the caller has made sure of the instruction.
        unsafe { _mm256_setzero_pd() }
    }
    #[inline(always)]
    unsafe fn dot(self, b: Self, sum: Self::Sum) -> Self::Sum {
        // SAFETY: the caller has made sure of the instruction.
        unsafe { _mm256_fmadd_pd(self.0, b.0, sum) }
    }
    #[inline(always)]
    unsafe fn total(sum: Self::Sum) -> f64 {
        // SAFETY: the caller has made sure of the instructions.
        unsafe { total_256(sum) }
    }
}
