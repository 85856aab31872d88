// What libtorch has and tch does not offer: operations on lists of tensors,
// and, for the tests, a count of the operations that are dispatched.

#include <cstring>
#include <limits>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include <ATen/Context.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/_foreach_copy.h>
#include <ATen/ops/_foreach_div.h>
#include <ATen/ops/_foreach_norm.h>
#include <ATen/ops/_fused_adam.h>
#include <ATen/ops/_fused_adamw.h>
#include <ATen/ops/stack.h>
#include <ATen/record_function.h>

namespace {

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

std::vector<at::Tensor> list(at::Tensor **tensors, size_t count) {
  std::vector<at::Tensor> result;
  result.reserve(count);
  for (size_t i = 0; i < count; ++i) {
    result.push_back(*tensors[i]);
  }
  return result;
}

// The norm of each tensor, f64. Squares of f64 may overflow, as those of f32 in
// f64 cannot; so f64 are divided by the largest of them first.
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

thread_local int depth = 0;
thread_local std::string outermost;
thread_local std::map<std::string, size_t> counts;
thread_local at::CallbackHandle handle = 0;

std::unique_ptr<at::ObserverContext> entered(const at::RecordFunction &function) {
  std::string name = function.name();
  if (depth == 0) {
    outermost = name;
  } else {
    name = outermost + "/" + name;
  }
  counts[name] += 1;
  depth += 1;
  return nullptr;
}

void left(const at::RecordFunction &, at::ObserverContext *) { depth -= 1; }

} // namespace

extern "C" {

// Copies each source into its destination, which has its shape. Those of one
// layout go together, in a few launches on an accelerator; a pair of different
// layouts is copied on its own.
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

// The norm of each tensor, f64, as one tensor for the caller to free.
char *lawn_foreach_norm(at::Tensor **tensors, size_t count, at::Tensor **result) {
  return guarded([&] {
    *result = new at::Tensor(norms(list(tensors, count)));
  });
}

// Tells autograd that each tensor was written to, as an operation in place does;
// so do all that share its memory as views.
char *lawn_bump_versions(at::Tensor **tensors, size_t count) {
  return guarded([&] {
    for (size_t i = 0; i < count; ++i) {
      tensors[i]->unsafeGetTensorImpl()->bump_version();
    }
  });
}

// self ← self + alpha · other
char *lawn_add(at::Tensor *self, at::Tensor *other, double alpha) {
  return guarded([&] { self->add_(*other, alpha); });
}

// self ← self + value · a · b
char *lawn_addcmul(at::Tensor *self, at::Tensor *a, at::Tensor *b, double value) {
  return guarded([&] { self->addcmul_(*a, *b, value); });
}

// One step of Adam for each parameter, in one launch for some tens of them;
// none where *infinite is 1. *rate is a scalar of f32. Decay is L2 unless it is
// decoupled. Without the largest second moments for plain Adam.
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

// The switches of libtorch that decide whether an operation gives the same bits each time.
void lawn_determinism(bool *algorithms, bool *cudnn, bool *benchmark) {
  const at::Context &context = at::globalContext();
  *algorithms = context.deterministicAlgorithms();
  *cudnn = context.deterministicCuDNN();
  *benchmark = context.benchmarkCuDNN();
}

// Starts to count the operations that this thread dispatches.
void lawn_operations_start() {
  depth = 0;
  counts.clear();
  handle = at::addThreadLocalCallback(
      at::RecordFunctionCallback(&entered, &left).scopes({at::RecordScope::FUNCTION}));
}

// Stops, and tells how often each operation was dispatched. One within another
// is told as "outermost/own name".
void lawn_operations_stop(void *context, void (*tell)(void *, const char *, size_t)) {
  at::removeCallback(handle);
  for (const auto &[name, count] : counts) {
    tell(context, name.c_str(), count);
  }
}
}
