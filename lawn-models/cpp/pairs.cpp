// Dot products of all pairs of a sample's vectors, in pieces that stay in a core's cache.

#include "guard.h"

#include <mutex>

#include <ATen/ATen.h>
#include <torch/csrc/autograd/function.h>
#include <torch/csrc/autograd/functions/utils.h>
#include <torch/csrc/autograd/saved_variable.h>

namespace {

// Samples of a piece.
constexpr int64_t PAIRS_PIECE = 32;

// Features of a sample's pairs.
int64_t pairs(int64_t vectors, int64_t diagonal) {
  return vectors * (vectors + 1 - 2 * diagonal) / 2;
}

struct PairsBackward : public torch::autograd::Node {
  // [n, vectors, width]
  torch::autograd::SavedVariable input;
  int64_t diagonal = 0;
  int64_t kept = 0;

  std::string name() const override { return "LawnPairsBackward"; }
  void release_variables() override {
    std::lock_guard<std::mutex> lock(mutex_);
    input.reset_data();
  }

  torch::autograd::variable_list apply(torch::autograd::variable_list &&gradients) override {
    std::lock_guard<std::mutex> lock(mutex_);
    lawn::require_last_gradient();
    if (!gradients[0].defined()) {
      return torch::autograd::variable_list(1);
    }
    at::NoGradGuard no_grad;
    const at::Tensor vectors = input.unpack();
    const at::Tensor gradient = gradients[0].contiguous();
    const int64_t samples = vectors.size(0), count = vectors.size(1);
    const int64_t stride = gradient.size(1);
    at::Tensor answer = at::empty_like(vectors);
    const float *from = gradient.const_data_ptr<float>();
    lawn::parallel_for(0, (samples + PAIRS_PIECE - 1) / PAIRS_PIECE, 1, [&](int64_t begin, int64_t end) {
      at::NoGradGuard no_grad_here;
      at::Tensor both = at::zeros({PAIRS_PIECE, count, count}, vectors.options());
      float *to = both.data_ptr<float>();
      for (int64_t piece = begin; piece < end; ++piece) {
        const int64_t first = piece * PAIRS_PIECE, size = std::min(PAIRS_PIECE, samples - first);
        for (int64_t n = 0; n < size; ++n) {
          const float *g = from + (first + n) * stride + kept;
          float *square = to + n * count * count;
          for (int64_t i = 0; i < count; ++i) {
            for (int64_t j = i + diagonal; j < count; ++j, ++g) {
              square[i * count + j] = i == j ? 2 * *g : *g;
              square[j * count + i] = i == j ? 2 * *g : *g;
            }
          }
        }
        at::Tensor part = answer.narrow(0, first, size);
        at::bmm_out(part, both.narrow(0, 0, size), vectors.narrow(0, first, size));
        if (kept > 0) {
          part.select(1, 0).add_(gradient.narrow(0, first, size).narrow(1, 0, kept));
        }
      }
    });
    return {answer};
  }
};

} // namespace

extern "C" {

// Whether `lawn_pairs` takes these vectors.
bool lawn_pairs_suits(at::Tensor *vectors) { return lawn::suits(*vectors); }

// [n, vectors, width] to [n, kept + pairs]: the pairs i + diagonal ≤ j, behind the first vector
// if it is kept.
char *lawn_pairs(at::Tensor *input, int64_t diagonal, bool keeps_first, at::Tensor **found) {
  return lawn::guarded([&] {
    TORCH_CHECK(lawn::suits(*input) && input->dim() == 3,
                "vectors are [N, V, width] f32 on the CPU, not ", input->sizes(), " ",
                input->scalar_type(), " on ", input->device());
    const at::Tensor vectors = input->detach().contiguous();
    const int64_t samples = vectors.size(0), count = vectors.size(1), width = vectors.size(2);
    const int64_t kept = keeps_first ? width : 0;
    const int64_t stride = kept + pairs(count, diagonal);
    at::Tensor out = at::empty({samples, stride}, vectors.options());
    float *to = out.data_ptr<float>();
    const float *from = vectors.const_data_ptr<float>();
    lawn::parallel_for(0, (samples + PAIRS_PIECE - 1) / PAIRS_PIECE, 1, [&](int64_t begin, int64_t end) {
      at::NoGradGuard no_grad;
      at::Tensor square = at::empty({PAIRS_PIECE, count, count}, vectors.options());
      const float *products = square.const_data_ptr<float>();
      for (int64_t piece = begin; piece < end; ++piece) {
        const int64_t first = piece * PAIRS_PIECE, size = std::min(PAIRS_PIECE, samples - first);
        const at::Tensor part = vectors.narrow(0, first, size);
        at::Tensor here = square.narrow(0, 0, size);
        at::bmm_out(here, part, part.transpose(1, 2));
        for (int64_t n = 0; n < size; ++n) {
          float *line = to + (first + n) * stride;
          std::memcpy(line, from + (first + n) * count * width, kept * sizeof(float));
          line += kept;
          for (int64_t i = 0; i < count; ++i) {
            const int64_t length = count - i - diagonal;
            std::memcpy(line, products + (n * count + i) * count + i + diagonal,
                        length * sizeof(float));
            line += length;
          }
        }
      }
    });
    if (at::GradMode::is_enabled() && input->requires_grad()) {
      auto node = std::shared_ptr<PairsBackward>(new PairsBackward(), torch::autograd::deleteNode);
      node->input = torch::autograd::SavedVariable(vectors, false);
      node->diagonal = diagonal;
      node->kept = kept;
      node->set_next_edges(torch::autograd::collect_next_edges(*input));
      torch::autograd::set_history(out, node);
    }
    *found = new at::Tensor(out);
  });
}
}
