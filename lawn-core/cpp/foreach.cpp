// Operations on lists of tensors.

#include <limits>
#include <utility>
#include <vector>

#include <ATen/ops/_foreach_copy.h>
#include <ATen/ops/_foreach_div.h>
#include <ATen/ops/_foreach_lerp.h>
#include <ATen/ops/_foreach_norm.h>
#include <ATen/ops/stack.h>

#include "guard.h"

using lawn::guarded;
using lawn::list;

namespace {

// The same memory seen with the strides of `like`, where they differ only for
// dimensions of size 1, along which no step is ever taken.
at::Tensor with_strides_of(const at::Tensor &tensor, const at::Tensor &like) {
  if (tensor.strides() == like.strides() || tensor.sizes() != like.sizes()) {
    return tensor;
  }
  for (int64_t i = 0; i < tensor.dim(); ++i) {
    if (tensor.size(i) != 1 && tensor.stride(i) != like.stride(i)) {
      return tensor;
    }
  }
  return tensor.as_strided(like.sizes(), like.strides(), tensor.storage_offset());
}

// The norm of each tensor, f64. Squares of f32 cannot overflow f64, squares of f64 may. So
// tensors of f64 are divided by their largest element first.
at::Tensor norms(const std::vector<at::Tensor> &tensors) {
  const auto of = [](const std::vector<at::Tensor> &all) {
    return at::stack(at::_foreach_norm(all, 2, at::kDouble));
  };
  std::vector<at::Tensor> elements;
  for (const auto &tensor : tensors) {
    if (tensor.numel() > 0 && tensor.scalar_type() == at::kDouble) {
      elements.push_back(tensor);
    }
  }
  if (elements.empty()) {
    return of(tensors);
  }
  const double infinity = std::numeric_limits<double>::infinity();
  const at::Tensor largest = at::stack(at::_foreach_norm(elements, infinity)).amax();
  const at::Tensor plain = largest.isfinite().logical_and(largest.gt(0)).logical_not();
  const at::Tensor unit = largest.masked_fill(plain, 1);
  return of(at::_foreach_div(tensors, unit)).mul(unit);
}

} // namespace

extern "C" {

// Copies each source into its destination, which has its shape. Pairs of one layout go
// together, in a few launches on an accelerator. A pair of different layouts goes alone.
char *lawn_foreach_copy(at::Tensor **destinations, at::Tensor **sources, size_t count) {
  return guarded([&] {
    std::vector<at::Tensor> to, from;
    to.reserve(count);
    from.reserve(count);
    for (size_t i = 0; i < count; ++i) {
      at::Tensor &destination = *destinations[i];
      at::Tensor source = with_strides_of(*sources[i], destination);
      if (source.strides() == destination.strides() && source.is_non_overlapping_and_dense()) {
        to.push_back(destination);
        from.push_back(std::move(source));
      } else {
        destination.copy_(source);
      }
    }
    if (!to.empty()) {
      at::_foreach_copy_(to, from, /*non_blocking=*/true);
    }
  });
}

// Moves each tensor by a part of the way to the one beside it.
char *lawn_foreach_lerp(at::Tensor **from, at::Tensor **to, size_t count, double part) {
  return guarded([&] { at::_foreach_lerp_(list(from, count), list(to, count), part); });
}

// The norm of each tensor, f64, as one tensor for the caller to free.
char *lawn_foreach_norm(at::Tensor **tensors, size_t count, at::Tensor **result) {
  return guarded([&] {
    *result = new at::Tensor(norms(list(tensors, count)));
  });
}
}
