// What the files here share: errors that do not cross into Rust, when kernels of one's own suit,
// and how these are compiled for the vector units of the machine that they run on.
#pragma once

#include "parallel.h"

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <exception>

#include <ATen/autocast_mode.h>
#include <ATen/core/Tensor.h>
#include <ATen/core/grad_mode.h>

#if defined(__x86_64__) && defined(__linux__)
#define LAWN_VECTORIZED __attribute__((target_clones("avx512f", "avx2", "default")))
#else
#define LAWN_VECTORIZED
#endif

namespace lawn {

// Answers the message of what was thrown, for the caller to free, or null.
template <typename Body> char *guarded(Body body) {
  try {
    body();
    return nullptr;
  } catch (const std::exception &error) {
    return strdup(error.what());
  } catch (...) {
    return strdup("an unknown exception");
  }
}

// Whether a tensor is one that the kernels here compute with.
inline bool suits(const at::Tensor &tensor) {
  return tensor.device().is_cpu() && tensor.scalar_type() == at::kFloat &&
         tensor.layout() == at::kStrided && !at::autocast::is_autocast_enabled(at::kCPU);
}

// Samples that a thread takes at a time, if each has so many values.
inline int64_t grain(int64_t values) {
  return std::max<int64_t>(1, (1 << 15) / std::max<int64_t>(1, values));
}

// Called as a gradient is computed: autograd records that where it is asked for the next one, and
// the kernels here would be left out of the record.
inline void require_last_gradient() {
  TORCH_CHECK(!at::GradMode::is_enabled(), "no gradient of the gradient is known");
}

} // namespace lawn
