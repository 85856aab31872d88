// Elements of weights and gradients, and the kind that is computed in.
#pragma once

#include "target.h"

struct Half {
  unsigned short bits;
};
struct Bfloat {
  unsigned short bits;
};

DEVICE float widen(float x) { return x; }
DEVICE double widen(double x) { return x; }
DEVICE float widen(Bfloat x) { return bits_to_float((unsigned)x.bits << 16); }
DEVICE float widen(Half x) {
  const unsigned sign = (unsigned)(x.bits & 0x8000u) << 16, rest = x.bits & 0x7fffu;
  if (rest >= 0x7c00u) {
    return bits_to_float(sign | 0x7f800000u | (rest & 0x3ffu) << 13);
  }
  // The exponent is off by 112. The product is exact, for subnormal numbers too.
  const float scaled = bits_to_float(rest << 13) * bits_to_float((127u + 112u) << 23);
  return bits_to_float(sign | float_to_bits(scaled));
}

// To the nearest, and to the even of two that are as near.
DEVICE void narrow(float x, float &result) { result = x; }
DEVICE void narrow(double x, double &result) { result = x; }
DEVICE void narrow(float x, Bfloat &result) {
  const unsigned bits = float_to_bits(x);
  if ((bits & 0x7fffffffu) > 0x7f800000u) {
    result.bits = (unsigned short)(bits >> 16 | 0x40u);
    return;
  }
  result.bits = (unsigned short)((bits + 0x7fffu + (bits >> 16 & 1u)) >> 16);
}
DEVICE void narrow(float x, Half &result) {
  const unsigned bits = float_to_bits(x), sign = bits >> 16 & 0x8000u;
  unsigned rest = bits & 0x7fffffffu;
  if (rest > 0x7f800000u) {
    result.bits = (unsigned short)(sign | 0x7e00u);
  } else if (rest >= 0x477ff000u) {
    // 65520 and more.
    result.bits = (unsigned short)(sign | 0x7c00u);
  } else if (rest < 0x38800000u) {
    // Below 2⁻¹⁴: the sum with 0.5 has steps of 2⁻²⁴, and rounds as it should.
    const float sum = bits_to_float(rest) + 0.5f;
    result.bits = (unsigned short)(sign | (float_to_bits(sum) - 0x3f000000u));
  } else {
    rest += 0xfffu + (rest >> 13 & 1u);
    result.bits = (unsigned short)(sign | ((rest - (112u << 23)) >> 13));
  }
}

template <typename E> struct Kept {
  typedef float Work;
  static const bool is_wide = false;
};
template <> struct Kept<double> {
  typedef double Work;
  static const bool is_wide = true;
};

// So many elements at once, where they lie so that one instruction takes them.
template <typename E> struct alignas(PACK * sizeof(E)) Pack {
  E x[PACK];
};

// How far an element lies from the first, by its number in the order of the dimensions. Out of
// line: few parameters need it, and divisions take many registers.
OUTLINE Index offset_of(const Layout *layout, int array, Index number) {
  Index offset = 0;
  for (int k = DIMENSIONS - 1; k >= 0; --k) {
    const Index size = layout->sizes[k];
    if (size > 1) {
      offset += number % size * layout->strides[array][k];
      number /= size;
    }
  }
  return offset;
}

// Up to PACK neighbours of a parameter. Loops over them have a fixed length, so that a device keeps
// them in registers.
struct Place {
  Index first;
  int count;
  // Null for a parameter that is walked through from end to end.
  const Layout *layout;

  DEVICE Index at(int array, int j) const {
    return layout ? offset_of(layout, array, first + j) : first + j;
  }

  // Whether they can be taken at once.
  template <typename E> DEVICE bool is_pack(const E *base) const {
    return !layout && count == PACK && (unsigned long long)(base + first) % sizeof(Pack<E>) == 0;
  }

  // What lies beyond the last of them is 0.
  template <typename E> DEVICE void load(const E *base, int array, typename Kept<E>::Work *x) const {
    if (is_pack(base)) {
      const Pack<E> pack = *(const Pack<E> *)(base + first);
      UNROLL for (int j = 0; j < PACK; ++j) { x[j] = widen(pack.x[j]); }
    } else {
      UNROLL for (int j = 0; j < PACK; ++j) { x[j] = j < count ? widen(base[at(array, j)]) : 0; }
    }
  }

  template <typename E>
  DEVICE void store(E *base, int array, const typename Kept<E>::Work *x) const {
    if (is_pack(base)) {
      Pack<E> pack;
      UNROLL for (int j = 0; j < PACK; ++j) { narrow(x[j], pack.x[j]); }
      *(Pack<E> *)(base + first) = pack;
    } else {
      UNROLL for (int j = 0; j < PACK; ++j) {
        if (j < count) {
          narrow(x[j], base[at(array, j)]);
        }
      }
    }
  }
};
