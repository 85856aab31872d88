// A linear map and the ReLU behind it: bias and ReLU in one pass, and their gradients in another.

#include "guard.h"

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
                              int64_t width) {
  for (int64_t n = 0; n < samples; ++n, y += width) {
    for (int64_t k = 0; k < width; ++k) {
      const float value = y[k] + bias[k];
      y[k] = value < 0 ? 0 : value;
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

struct LinearReluBackward : public torch::autograd::Node {
  torch::autograd::SavedVariable x, weight, output;

  std::string name() const override { return "LawnLinearReluBackward"; }
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
    const at::Tensor y = output.unpack(shared_from_this());
    const at::Tensor gradient = gradients[0].contiguous();
    const int64_t samples = y.size(0), width = y.size(1);
    const int64_t pieces = (samples + LINEAR_PIECE - 1) / LINEAR_PIECE;
    at::Tensor masked = at::empty_like(y);
    at::Tensor sums = at::zeros({pieces, width}, y.options());
    const float *from = gradient.const_data_ptr<float>(), *kept = y.const_data_ptr<float>();
    float *to = masked.data_ptr<float>(), *sum = sums.data_ptr<float>();
    at::parallel_for(0, pieces, 1, [&](int64_t begin, int64_t end) {
      for (int64_t piece = begin; piece < end; ++piece) {
        const int64_t first = piece * LINEAR_PIECE, size = std::min(LINEAR_PIECE, samples - first);
        const int64_t at = first * width;
        mask(to + at, sum + piece * width, from + at, kept + at, size, width);
      }
    });
    if (task_should_compute_output(0)) {
      answer[0] = at::mm(masked, weight.unpack());
    }
    if (task_should_compute_output(1)) {
      answer[1] = at::mm(masked.t(), x.unpack());
    }
    if (task_should_compute_output(2)) {
      answer[2] = sums.sum(0);
    }
    return answer;
  }
};

} // namespace

extern "C" {

// Whether `lawn_linear_relu` takes this input and this weight.
bool lawn_linear_relu_suits(at::Tensor *x, at::Tensor *weight) {
  return x->dim() == 2 && lawn::suits(*x) && lawn::suits(*weight);
}

// relu(x Wᵀ + b), [n, inputs] to [n, outputs].
char *lawn_linear_relu(at::Tensor *x, at::Tensor *weight, at::Tensor *bias, at::Tensor **found) {
  return lawn::guarded([&] {
    TORCH_CHECK(lawn_linear_relu_suits(x, weight) && weight->dim() == 2,
                "input and weight are matrices of f32 on the CPU, not ", x->sizes(), " and ",
                weight->sizes());
    TORCH_CHECK(lawn::suits(*bias) && bias->numel() == weight->size(0),
                "a bias of ", weight->size(0), " f32 on the CPU, not ", bias->sizes(), " ",
                bias->scalar_type(), " on ", bias->device());
    const at::Tensor input = x->detach(), matrix = weight->detach();
    const at::Tensor shift = bias->detach().contiguous();
    at::Tensor y = at::mm(input, matrix.t());
    const int64_t width = y.size(1);
    const float *add = shift.const_data_ptr<float>();
    float *to = y.data_ptr<float>();
    at::parallel_for(0, y.size(0), lawn::grain(width), [&](int64_t begin, int64_t end) {
      add_bias(to + begin * width, add, end - begin, width);
    });
    const bool follows = at::GradMode::is_enabled() && (x->requires_grad() ||
                         weight->requires_grad() || bias->requires_grad());
    if (follows) {
      auto node = std::shared_ptr<LinearReluBackward>(new LinearReluBackward(),
                                                      torch::autograd::deleteNode);
      node->x = torch::autograd::SavedVariable(input, false);
      node->weight = torch::autograd::SavedVariable(matrix, false);
      node->set_next_edges(torch::autograd::collect_next_edges(*x, *weight, *bias));
      torch::autograd::set_history(y, node);
      node->output = torch::autograd::SavedVariable(y, true);
    }
    *found = new at::Tensor(y);
  });
}
}
