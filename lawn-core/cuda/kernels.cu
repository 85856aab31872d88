// What NVRTC compiles: a launch each.
#include "kernels.h"

#define KERNEL extern "C" __global__ void __launch_bounds__(THREADS, 4)

KERNEL lawn_begin(const Plan plan, const Begin begin) {
  if (threadIdx.x == 0) {
    begin_step(plan, begin);
  }
}
KERNEL lawn_sum(const Plan plan) { sum_block(plan, blockIdx.x, gridDim.x); }
KERNEL lawn_before(const Plan plan) { before_block(plan, blockIdx.x); }
KERNEL lawn_update(const Plan plan) { update_block(plan, blockIdx.x, gridDim.x); }
KERNEL lawn_after(const Plan plan) { after_block(plan, blockIdx.x); }
KERNEL lawn_move(const Plan plan) { move_block(plan, blockIdx.x); }
KERNEL lawn_release(const Plan plan, Index tensor, void *moment, Index count) {
  release_block(plan, tensor, moment, count, blockIdx.x);
}
