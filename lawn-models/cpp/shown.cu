// The images of a batch, a thread a pixel; compiled by NVRTC, on the device that they are for.

#include "shown.h"

extern "C" __global__ void lawn_shown(lawn::samples::Shown of, float *values) {
  const lawn::samples::u64 number = (lawn::samples::u64)blockIdx.x * blockDim.x + threadIdx.x;
  if (number < of.count * of.height * of.width) {
    lawn::samples::show(of, number, values);
  }
}
