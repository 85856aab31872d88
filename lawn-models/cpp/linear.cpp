// A linear map, alone or with the ReLU behind it: bias and ReLU in one pass with the product, and
// their gradients in another.

#include "multiply.h"

#include <mutex>

#include <ATen/ATen.h>
#include <torch/csrc/autograd/function.h>
#include <torch/csrc/autograd/functions/utils.h>
#include <torch/csrc/autograd/saved_variable.h>

namespace {

// Samples whose gradients of the bias are added up by one thread; the same with any number of
// threads.
constexpr int64_t LINEAR_PIECE = 256;

// NaN stays NaN, as in libtorch.
LAWN_VECTORIZED void add_bias(float *y, const float *__restrict bias, int64_t samples,
                              int64_t width, bool relu) {
  for (int64_t n = 0; n < samples; ++n, y += width) {
    if (relu) {
      for (int64_t k = 0; k < width; ++k) {
        const float value = y[k] + bias[k];
        y[k] = value < 0 ? 0 : value;
      }
    } else {
      for (int64_t k = 0; k < width; ++k) {
        y[k] += bias[k];
      }
    }
  }
}

// to ← gradient where y is not 0, and its sum over the samples.
LAWN_VECTORIZED void mask(float *__restrict to, float *__restrict sum,
                          const float *__restrict gradient, const float *__restrict y,
                          int64_t samples, int64_t width) {
  for (int64_t n = 0; n < samples; ++n, to += width, gradient += width, y += width) {
    for (int64_t k = 0; k < width; ++k) {
      const float value = y[k] <= 0 ? 0 : gradient[k];
      to[k] = value;
      sum[k] += value;
    }
  }
}

LAWN_VECTORIZED void add_samples(float *__restrict sum, const float *__restrict gradient,
                                 int64_t samples, int64_t width) {
  for (int64_t n = 0; n < samples; ++n, gradient += width) {
    for (int64_t k = 0; k < width; ++k) {
      sum[k] += gradient[k];
    }
  }
}

// All but the last dimension as one.
at::Tensor as_matrix(const at::Tensor &tensor) {
  return tensor.dim() == 2 ? tensor : tensor.reshape({-1, tensor.size(-1)});
}

struct LinearBackward : public torch::autograd::Node {
  // Matrices; the output where a ReLU follows.
  torch::autograd::SavedVariable x, weight, output;
  bool relu = false;

  std::string name() const override { return "LawnLinearBackward"; }
  void release_variables() override {
    std::lock_guard<std::mutex> lock(mutex_);
    x.reset_data();
    weight.reset_data();
    output.reset_data();
  }

  torch::autograd::variable_list apply(torch::autograd::variable_list &&gradients) override {
    std::lock_guard<std::mutex> lock(mutex_);
    lawn::require_last_gradient();
    torch::autograd::variable_list answer(3);
    if (!gradients[0].defined()) {
      return answer;
    }
    at::NoGradGuard no_grad;
    const at::Tensor gradient = as_matrix(gradients[0]).contiguous();
    const int64_t samples = gradient.size(0), width = gradient.size(1);
    const int64_t pieces = (samples + LINEAR_PIECE - 1) / LINEAR_PIECE;
    const at::Tensor y = relu ? as_matrix(output.unpack(shared_from_this())) : at::Tensor();
    const at::Tensor passed = relu ? at::empty_like(gradient) : gradient;
    if (relu || task_should_compute_output(2)) {
      at::Tensor sums = at::zeros({pieces, width}, gradient.options());
      const float *from = gradient.const_data_ptr<float>();
      const float *kept = relu ? y.const_data_ptr<float>() : nullptr;
      float *to = relu ? passed.data_ptr<float>() : nullptr, *sum = sums.data_ptr<float>();
      lawn::parallel_for(0, pieces, 1, [&](int64_t begin, int64_t end) {
        for (int64_t piece = begin; piece < end; ++piece) {
          const int64_t first = piece * LINEAR_PIECE, at = first * width;
          const int64_t size = std::min(LINEAR_PIECE, samples - first);
          if (relu) {
            mask(to + at, sum + piece * width, from + at, kept + at, size, width);
          } else {
            add_samples(sum + piece * width, from + at, size, width);
          }
        }
      });
      answer[2] = sums.sum(0);
    }
    if (task_should_compute_output(0)) {
      const at::Tensor found = lawn::multiply(passed, weight.unpack());
      std::vector<int64_t> sizes = gradients[0].sizes().vec();
      sizes.back() = found.size(1);
      answer[0] = found.view(sizes);
    }
    if (task_should_compute_output(1)) {
      answer[1] = lawn::multiply(passed.t(), x.unpack());
    }
    return answer;
  }
};

} // namespace

extern "C" {

// Whether `lawn_linear` takes this input and this weight, and is faster than libtorch's operations.
bool lawn_linear_suits(at::Tensor *x, at::Tensor *weight, bool relu) {
  if (!lawn::suits(*x) || !lawn::suits(*weight) || weight->dim() != 2) {
    return false;
  }
  if (x->dim() == 2 && relu) {
    return true;
  }
  return x->dim() >= 2 && x->is_contiguous() && weight->size(1) > 0 &&
         lawn::suits_tiles(x->numel() / weight->size(1), weight->size(0), weight->size(1));
}

// x Wᵀ + b, […, inputs] to […, outputs], or what a ReLU makes of it.
char *lawn_linear(at::Tensor *x, at::Tensor *weight, at::Tensor *bias, bool relu,
                  at::Tensor **found) {
  return lawn::guarded([&] {
    TORCH_CHECK(x->dim() >= 2 && weight->dim() == 2 && x->size(-1) == weight->size(1) &&
                    lawn::suits(*x) && lawn::suits(*weight),
                "input and weight are [.., inputs] and [outputs, inputs] f32 on the CPU, not ",
                x->sizes(), " and ", weight->sizes());
    TORCH_CHECK(lawn::suits(*bias) && bias->numel() == weight->size(0),
                "a bias of ", weight->size(0), " f32 on the CPU, not ", bias->sizes(), " ",
                bias->scalar_type(), " on ", bias->device());
    const at::Tensor input = as_matrix(x->detach()), matrix = weight->detach();
    const at::Tensor shift = bias->detach().contiguous();
    std::vector<int64_t> sizes = x->sizes().vec();
    sizes.back() = matrix.size(0);
    at::Tensor y = at::empty(sizes, input.options());
    const int64_t width = matrix.size(0);
    at::Tensor lines = y.view({input.size(0), width});
    const float *add = shift.const_data_ptr<float>();
    float *to = y.data_ptr<float>();
    lawn::multiply(input, matrix.t(), lines, [&](int64_t begin, int64_t end) {
      add_bias(to + begin * width, add, end - begin, width, relu);
    });
    const bool follows = at::GradMode::is_enabled() && (x->requires_grad() ||
                         weight->requires_grad() || bias->requires_grad());
    if (follows) {
      auto node =
          std::shared_ptr<LinearBackward>(new LinearBackward(), torch::autograd::deleteNode);
      node->x = torch::autograd::SavedVariable(input, false);
      node->weight = torch::autograd::SavedVariable(matrix, false);
      node->relu = relu;
      node->set_next_edges(torch::autograd::collect_next_edges(*x, *weight, *bias));
      torch::autograd::set_history(y, node);
      if (relu) {
        node->output = torch::autograd::SavedVariable(y, true);
      }
    }
    *found = new at::Tensor(y);
  });
}
}
