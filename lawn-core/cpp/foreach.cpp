// Operations on lists of tensors.

#include <utility>
#include <vector>

#include <ATen/ops/_foreach_copy.h>
#include <ATen/ops/_foreach_lerp.h>

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
}
