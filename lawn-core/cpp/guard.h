// What every file here needs: lists of tensors, and errors that do not cross into Rust.
#pragma once

#include <cstring>
#include <exception>
#include <vector>

#include <ATen/core/Tensor.h>

namespace lawn {

// Answers the message of what was thrown, for the caller to free, or null.
template <typename Body>
char *guarded(Body body) {
  try {
    body();
    return nullptr;
  } catch (const std::exception &error) {
    return strdup(error.what());
  } catch (...) {
    return strdup("an unknown exception");
  }
}

inline std::vector<at::Tensor> list(at::Tensor **tensors, size_t count) {
  std::vector<at::Tensor> result;
  result.reserve(count);
  for (size_t i = 0; i < count; ++i) {
    result.push_back(*tensors[i]);
  }
  return result;
}

} // namespace lawn
