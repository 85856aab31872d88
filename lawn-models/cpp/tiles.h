// Products of matrices of f32 by the tile unit of x86 processors (AMX), which multiplies bf16.
//
//   a = a₁ + a₂ + a₃        each the bf16 nearest to what is left; together they are a
//   a b ≈ a₁b₁ + a₁b₂ + a₂b₁ + a₁b₃ + a₂b₂ + a₃b₁
//
// What is left out is at most 2⁻²³ |a b|, and 2⁻²⁶ on average, where each rounding of a sum in f32
// is up to 2⁻²⁴ of it. So the result is as near to the exact one as that of f32. Parts below 2⁻¹²⁶
// count as 0.
#pragma once

#include "guard.h"

#if defined(__x86_64__) && defined(__linux__)
#define LAWN_HAS_TILES 1
#endif

#ifdef LAWN_HAS_TILES
#include <cpuid.h>
#include <immintrin.h>

#include <ATen/cpu/Utils.h>

#define LAWN_TILES                                                                                 \
  __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx512bf16,amx-tile,amx-bf16")))
#define LAWN_TILES_INLINE LAWN_TILES inline __attribute__((always_inline))

namespace lawn {

// Lanes (rows of the first matrix or columns of the second) and numbers along the sum that a panel
// has side by side: two tiles.
constexpr int64_t PANEL = 32;
// Numbers of a tile of bf16.
constexpr int64_t TILE = 512;
// Numbers of a panel for 32 places along the sum: three parts of two tiles.
constexpr int64_t PANEL_STEP = 6 * TILE;

// A matrix of which either the lanes or the places along the sum are neighbours.
struct Factor {
  const float *data;
  int64_t stride;
  bool sum_is_inner;

  const float *at(int64_t lane, int64_t place) const {
    return sum_is_inner ? data + lane * stride + place : data + place * stride + lane;
  }
};

// Whether the processor has the tiles and the system lets this process use them.
inline bool has_tiles() {
  static const bool answer = [] {
    unsigned a = 0, b = 0, c = 0, d = 0;
    const bool tiles = __get_cpuid_count(7, 0, &a, &b, &c, &d) && (d >> 22 & 1) && (d >> 24 & 1);
    const bool bf16 = __get_cpuid_count(7, 1, &a, &b, &c, &d) && (a >> 5 & 1);
    return tiles && bf16 && __builtin_cpu_supports("avx512dq") &&
           __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512bw") &&
           at::cpu::init_amx();
  }();
  return answer;
}

// All eight tiles have 16 rows of 64 bytes, for as long as this lives, in this thread.
class Tiles {
public:
  LAWN_TILES __attribute__((noinline)) Tiles() {
    static const struct alignas(64) {
      uint8_t palette = 1, start = 0, none[14] = {};
      uint16_t bytes[16] = {64, 64, 64, 64, 64, 64, 64, 64};
      uint8_t rows[16] = {16, 16, 16, 16, 16, 16, 16, 16};
    } shape;
    asm volatile("ldtilecfg %0" ::"m"(shape));
  }
  LAWN_TILES __attribute__((noinline)) ~Tiles() { asm volatile("tilerelease"); }
  Tiles(const Tiles &) = delete;
  Tiles &operator=(const Tiles &) = delete;
};

// The nearest bf16, which `rest` loses.
LAWN_TILES_INLINE __m256i nearest(__m512 &rest) {
  const __m256i part = (__m256i)_mm512_cvtneps_pbh(rest);
  const __m512i wide = _mm512_slli_epi32(_mm512_cvtepu16_epi32(part), 16);
  rest = _mm512_sub_ps(rest, _mm512_castsi512_ps(wide));
  return part;
}

LAWN_TILES_INLINE __mmask16 first_of(int64_t count) {
  return count >= 16 ? 0xffff : count <= 0 ? 0 : static_cast<__mmask16>((1 << count) - 1);
}

// The three parts of 32 numbers: `low` then `high`, or alternating.
LAWN_TILES_INLINE __mmask16 write_parts(uint16_t *const to[3], int64_t at, __m512 low, __m512 high,
                                        bool alternating) {
  for (int part = 0; part < 3; ++part) {
    const __m256i l = nearest(low), h = nearest(high);
    const __m512i both =
        alternating ? _mm512_or_si512(_mm512_cvtepu16_epi32(l),
                                      _mm512_slli_epi32(_mm512_cvtepu16_epi32(h), 16))
                    : _mm512_inserti64x4(_mm512_castsi256_si512(l), h, 1);
    _mm512_store_si512(to[part] + at, both);
  }
  // Nothing is left of a finite number, and NaN of all others.
  return _mm512_cmp_ps_mask(low, high, _CMP_UNORD_Q);
}

// 16 × 16 pairs of bf16.
LAWN_TILES_INLINE void transpose(uint16_t *to, const uint16_t *from) {
  __m512i r[16], t[16];
#pragma GCC unroll 16
  for (int i = 0; i < 16; ++i) {
    r[i] = _mm512_load_si512(from + 32 * i);
  }
#pragma GCC unroll 8
  for (int i = 0; i < 16; i += 2) {
    t[i] = _mm512_unpacklo_epi32(r[i], r[i + 1]);
    t[i + 1] = _mm512_unpackhi_epi32(r[i], r[i + 1]);
  }
#pragma GCC unroll 4
  for (int i = 0; i < 16; i += 4) {
    r[i] = _mm512_unpacklo_epi64(t[i], t[i + 2]);
    r[i + 1] = _mm512_unpackhi_epi64(t[i], t[i + 2]);
    r[i + 2] = _mm512_unpacklo_epi64(t[i + 1], t[i + 3]);
    r[i + 3] = _mm512_unpackhi_epi64(t[i + 1], t[i + 3]);
  }
#pragma GCC unroll 4
  for (int i = 0; i < 4; ++i) {
    const __m512i a = _mm512_shuffle_i32x4(r[i], r[4 + i], 0x88);
    const __m512i b = _mm512_shuffle_i32x4(r[8 + i], r[12 + i], 0x88);
    const __m512i c = _mm512_shuffle_i32x4(r[i], r[4 + i], 0xdd);
    const __m512i d = _mm512_shuffle_i32x4(r[8 + i], r[12 + i], 0xdd);
    _mm512_store_si512(to + 32 * i, _mm512_shuffle_i32x4(a, b, 0x88));
    _mm512_store_si512(to + 32 * (4 + i), _mm512_shuffle_i32x4(c, d, 0x88));
    _mm512_store_si512(to + 32 * (8 + i), _mm512_shuffle_i32x4(a, b, 0xdd));
    _mm512_store_si512(to + 32 * (12 + i), _mm512_shuffle_i32x4(c, d, 0xdd));
  }
}

// A panel of `lanes` lanes from `lane` on, for `places` places from `place` on, with zeros around
// it. Of a second matrix, tiles have the lanes in pairs of places. Answers whether all is finite.
LAWN_TILES __attribute__((noinline)) inline bool fill_panel(uint16_t *to, const Factor &from,
                                                            int64_t lane, int64_t lanes,
                                                            int64_t place, int64_t places,
                                                            bool second) {
  alignas(64) uint16_t turned[3][TILE];
  const bool turns = from.sum_is_inner == second;
  __mmask16 bad = 0;
  for (int64_t k = 0; k < places; k += PANEL, to += PANEL_STEP) {
    for (int tile = 0; tile < 2; ++tile) {
      const int64_t there = lanes - 16 * tile, sums = places - k;
      uint16_t *parts[3], *kept[3];
      for (int part = 0; part < 3; ++part) {
        kept[part] = to + (2 * part + tile) * TILE;
        parts[part] = turns ? turned[part] : kept[part];
      }
      const __mmask16 low = first_of(from.sum_is_inner ? sums : there);
      const __mmask16 high = first_of(from.sum_is_inner ? sums - 16 : there);
      for (int64_t row = 0; row < 16; ++row) {
        __m512 a = _mm512_setzero_ps(), b = a;
        if (from.sum_is_inner && row < there) {
          const float *line = from.at(lane + 16 * tile + row, place + k);
          a = _mm512_maskz_loadu_ps(low, line);
          b = _mm512_maskz_loadu_ps(high, line + 16);
          // What comes next in this row lies too far from the next row for the processor to see it.
          __builtin_prefetch(line + 2 * PANEL);
          __builtin_prefetch(line + 2 * PANEL + 16);
        } else if (!from.sum_is_inner) {
          const float *line = from.at(lane + 16 * tile, place + k + 2 * row);
          a = 2 * row < sums ? _mm512_maskz_loadu_ps(low, line) : a;
          b = 2 * row + 1 < sums ? _mm512_maskz_loadu_ps(high, line + from.stride) : b;
          // Of the next panel.
          __builtin_prefetch(line + PANEL);
          __builtin_prefetch(line + PANEL + from.stride);
        }
        bad |= write_parts(parts, 32 * row, a, b, !from.sum_is_inner);
      }
      for (int part = 0; turns && part < 3; ++part) {
        transpose(kept[part], turned[part]);
      }
    }
  }
  return bad == 0;
}

#define LAWN_LOAD(A, B, FROM, PART)                                                                \
  asm volatile("tileloadd (%0,%1,1), %%tmm" #A ::"r"((FROM) + 2 * (PART) * TILE), "r"(64L));        \
  asm volatile("tileloadd (%0,%1,1), %%tmm" #B ::"r"((FROM) + (2 * (PART) + 1) * TILE), "r"(64L))
#define LAWN_MULTIPLY                                                                              \
  asm volatile("tdpbf16ps %%tmm6, %%tmm4, %%tmm0\n\ttdpbf16ps %%tmm7, %%tmm4, %%tmm1\n\t"             \
               "tdpbf16ps %%tmm6, %%tmm5, %%tmm2\n\ttdpbf16ps %%tmm7, %%tmm5, %%tmm3" ::)

// c ← [c +] a b of two panels; the 32 rows of c are `stride` bytes apart.
LAWN_TILES __attribute__((noinline)) inline void multiply_panels(float *c, int64_t stride,
                                                                 const uint16_t *a,
                                                                 const uint16_t *b, int64_t steps,
                                                                 bool adds) {
  char *line = reinterpret_cast<char *>(c), *below = line + 16 * stride;
  if (adds) {
    asm volatile("tileloadd (%0,%1,1), %%tmm0" ::"r"(line), "r"(stride) : "memory");
    asm volatile("tileloadd (%0,%1,1), %%tmm1" ::"r"(line + 64), "r"(stride));
    asm volatile("tileloadd (%0,%1,1), %%tmm2" ::"r"(below), "r"(stride));
    asm volatile("tileloadd (%0,%1,1), %%tmm3" ::"r"(below + 64), "r"(stride));
  } else {
    asm volatile("tilezero %%tmm0\n\ttilezero %%tmm1\n\ttilezero %%tmm2\n\ttilezero %%tmm3" ::
                     : "memory");
  }
  for (int64_t step = 0; step < steps; ++step, a += PANEL_STEP, b += PANEL_STEP) {
    LAWN_LOAD(4, 5, a, 0);
    LAWN_LOAD(6, 7, b, 2);
    LAWN_MULTIPLY;
    LAWN_LOAD(6, 7, b, 1);
    LAWN_MULTIPLY;
    LAWN_LOAD(6, 7, b, 0);
    LAWN_MULTIPLY;
    LAWN_LOAD(4, 5, a, 2);
    LAWN_MULTIPLY;
    LAWN_LOAD(4, 5, a, 1);
    LAWN_MULTIPLY;
    LAWN_LOAD(6, 7, b, 1);
    LAWN_MULTIPLY;
  }
  asm volatile("tilestored %%tmm0, (%0,%1,1)" ::"r"(line), "r"(stride) : "memory");
  asm volatile("tilestored %%tmm1, (%0,%1,1)" ::"r"(line + 64), "r"(stride) : "memory");
  asm volatile("tilestored %%tmm2, (%0,%1,1)" ::"r"(below), "r"(stride) : "memory");
  asm volatile("tilestored %%tmm3, (%0,%1,1)" ::"r"(below + 64), "r"(stride) : "memory");
}

#undef LAWN_LOAD
#undef LAWN_MULTIPLY

// The part of c [.., columns] at `row` and `column` that is `height` high and `width` wide.
inline void multiply_part(float *c, int64_t columns, int64_t row, int64_t height, int64_t column,
                          int64_t width, const uint16_t *a, const uint16_t *b, int64_t steps,
                          bool adds) {
  float *to = c + row * columns + column;
  if (height == PANEL && width == PANEL) {
    multiply_panels(to, columns * sizeof(float), a, b, steps, adds);
    return;
  }
  alignas(64) float whole[PANEL * PANEL] = {};
  for (int64_t line = 0; adds && line < height; ++line) {
    std::memcpy(whole + line * PANEL, to + line * columns, width * sizeof(float));
  }
  multiply_panels(whole, PANEL * sizeof(float), a, b, steps, adds);
  for (int64_t line = 0; line < height; ++line) {
    std::memcpy(to + line * columns, whole + line * PANEL, width * sizeof(float));
  }
}

} // namespace lawn
#endif
