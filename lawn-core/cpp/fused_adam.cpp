// libtorch's own fused kernel of Adam.

#include <optional>

#include <ATen/ops/_fused_adam.h>
#include <ATen/ops/_fused_adamw.h>

#include "guard.h"

using lawn::guarded;
using lawn::list;

extern "C" {

// One step of Adam for each parameter, in one launch for some tens of them. No step is taken
// where *infinite is 1. *rate is a scalar of f32. Decay is L2 unless it is decoupled. Plain Adam
// has no largest second moments.
char *lawn_fused_adam(at::Tensor **parameters, at::Tensor **gradients, at::Tensor **first,
                      at::Tensor **second, at::Tensor **largest, at::Tensor **updates,
                      size_t count, at::Tensor *rate, double beta1, double beta2, double epsilon,
                      double decay, bool decoupled, at::Tensor *infinite) {
  return guarded([&] {
    const auto parameter_list = list(parameters, count), gradient_list = list(gradients, count),
               first_list = list(first, count), second_list = list(second, count),
               largest_list = list(largest, largest ? count : 0),
               update_list = list(updates, count);
    const std::optional<at::Tensor> found =
        infinite ? std::optional<at::Tensor>(*infinite) : std::nullopt;
    const auto step = [&](auto kernel) {
      kernel(parameter_list, gradient_list, first_list, second_list, largest_list, update_list,
             *rate, beta1, beta2, decay, epsilon, /*amsgrad=*/largest != nullptr,
             /*maximize=*/false, /*grad_scale=*/std::nullopt, found);
    };
    if (decoupled) {
      step([](auto &&...a) { at::_fused_adamw_(a...); });
    } else {
      step([](auto &&...a) { at::_fused_adam_(a...); });
    }
  });
}
}
