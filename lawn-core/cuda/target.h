// One source for two compilers: NVRTC, for a device, and a C++ compiler, for which blocks and
// threads are loops. A kernel is a row of loops over the threads of its block; what one loop
// leaves for the next lies in shared memory.
#pragma once

#include "records.h"

#ifdef __CUDACC_RTC__

#define DEVICE __device__ __forceinline__
#define OUTLINE __device__ __noinline__
#define UNROLL _Pragma("unroll")
#define SHARED(type, name, count) __shared__ Raw<type> name##_raw[count]; type *name = (type *)name##_raw
#define FOR_EACH_THREAD(thread) for (int thread = threadIdx.x, once = 1; once; once = 0)
#define BARRIER() __syncthreads()

// Shared memory takes no type with a constructor.
template <typename T> struct Raw {
  alignas(T) unsigned char bytes[sizeof(T)];
};

DEVICE float bits_to_float(unsigned bits) { return __uint_as_float(bits); }
DEVICE unsigned float_to_bits(float x) { return __float_as_uint(x); }
DEVICE float root(float x) { return sqrtf(x); }
DEVICE double root(double x) { return sqrt(x); }
DEVICE double to_power(double x, double y) { return pow(x, y); }
// Whether this block is the last of the launch to come here; what the others wrote is seen then.
DEVICE bool arrives_last(Index *arrived, Index blocks) {
  __threadfence();
  const bool last = atomicAdd((unsigned long long *)arrived, 1ull) == (unsigned long long)(blocks - 1);
  __threadfence();
  return last;
}

#else

#include <cmath>
#include <cstring>

#define DEVICE inline
#define OUTLINE inline
#define UNROLL
#define SHARED(type, name, count) type name[count]
#define FOR_EACH_THREAD(thread)                                                                    \
  for (int turn = 0, thread = at_turn(0); turn < THREADS; ++turn, thread = at_turn(turn))
#define BARRIER()

// Threads run one after the other, from the first or from the last on.
static thread_local bool backwards = false;
inline int at_turn(int turn) { return backwards ? THREADS - 1 - turn : turn; }

inline float bits_to_float(unsigned bits) {
  float x;
  std::memcpy(&x, &bits, sizeof x);
  return x;
}
inline unsigned float_to_bits(float x) {
  unsigned bits;
  std::memcpy(&bits, &x, sizeof x);
  return bits;
}
inline float root(float x) { return std::sqrt(x); }
inline double root(double x) { return std::sqrt(x); }
inline double to_power(double x, double y) { return std::pow(x, y); }
inline bool arrives_last(Index *arrived, Index blocks) { return (*arrived)++ == blocks - 1; }

#endif

DEVICE bool is_finite(double x) { return x - x == 0.0; }

// xⁿ by squaring: the same bits wherever it is compiled.
DEVICE double power(double x, Index n) {
  double result = 1.0;
  for (; n > 0; n >>= 1, x *= x) {
    if (n & 1) {
      result *= x;
    }
  }
  return result;
}
