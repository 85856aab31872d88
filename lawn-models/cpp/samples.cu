// The train ratings of a batch, a thread each; compiled by NVRTC, on the device that they are for.

#include "samples.h"

extern "C" __global__ void lawn_ratings(lawn::samples::Pairs train, lawn::samples::Permutation order,
                                        lawn::samples::u64 key, lawn::samples::u64 first,
                                        lawn::samples::u64 count, long long *users, long long *items,
                                        float *labels) {
  const lawn::samples::u64 number = (lawn::samples::u64)blockIdx.x * blockDim.x + threadIdx.x;
  if (number < count) {
    lawn::samples::write(train, order, key, first, number, users, items, labels);
  }
}
