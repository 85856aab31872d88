// The cross layers of DCN-v2. What lies between their products is done in one pass with them,
// forward and backward.

#include "multiply.h"

#include <mutex>
#include <vector>

#include <torch/csrc/autograd/function.h>
#include <torch/csrc/autograd/functions/utils.h>
#include <torch/csrc/autograd/saved_variable.h>

namespace {

// u ← u + b, to ← first ∘ u + x
LAWN_VECTORIZED void cross(float *__restrict to, float *__restrict u, const float *__restrict bias,
                           const float *first, const float *x, int64_t samples, int64_t width) {
  for (int64_t n = 0; n < samples; ++n, to += width, u += width, first += width, x += width) {
    for (int64_t k = 0; k < width; ++k) {
      u[k] += bias[k];
      to[k] = first[k] * u[k] + x[k];
    }
  }
}

// Of the gradient g of a layer's output: s ← g ∘ first, which is that of u, bias ← bias + s, and
// sum ← [sum +] g ∘ u.
LAWN_VECTORIZED void uncross(float *__restrict s, float *__restrict sum, float *__restrict bias,
                             const float *__restrict g, const float *__restrict first,
                             const float *__restrict u, int64_t samples, int64_t width, bool adds) {
  for (int64_t n = 0; n < samples; ++n) {
    for (int64_t k = 0; k < width; ++k) {
      s[k] = g[k] * first[k];
      bias[k] += s[k];
    }
    if (adds) {
      for (int64_t k = 0; k < width; ++k) {
        sum[k] += g[k] * u[k];
      }
    } else {
      for (int64_t k = 0; k < width; ++k) {
        sum[k] = g[k] * u[k];
      }
    }
    s += width, sum += width, g += width, first += width, u += width;
  }
}

LAWN_VECTORIZED void add_to(float *__restrict to, const float *__restrict a, int64_t count) {
  for (int64_t k = 0; k < count; ++k) {
    to[k] += a[k];
  }
}

LAWN_VECTORIZED void add_both_to(float *__restrict to, const float *__restrict a,
                                 const float *__restrict b, int64_t count) {
  for (int64_t k = 0; k < count; ++k) {
    to[k] += a[k] + b[k];
  }
}

// What backward needs of a layer.
struct CrossLayer {
  // W, or V and U.
  std::vector<torch::autograd::SavedVariable> factors;
  // What each of them is multiplied with. Nobody else has these, but that of the first layer.
  std::vector<at::Tensor> inputs;
  // W x + b
  at::Tensor u;
};

struct CrossBackward : public torch::autograd::Node {
  torch::autograd::SavedVariable first;
  std::vector<CrossLayer> layers;

  std::string name() const override { return "LawnCrossBackward"; }
  void release_variables() override {
    std::lock_guard<std::mutex> lock(mutex_);
    first.reset_data();
    for (CrossLayer &layer : layers) {
      for (auto &factor : layer.factors) {
        factor.reset_data();
      }
      layer.inputs.clear();
      layer.u.reset();
    }
  }

  torch::autograd::variable_list apply(torch::autograd::variable_list &&gradients) override {
    std::lock_guard<std::mutex> lock(mutex_);
    lawn::require_last_gradient();
    const size_t depth = layers[0].factors.size();
    torch::autograd::variable_list answer(1 + layers.size() * (depth + 1));
    if (!gradients[0].defined()) {
      return answer;
    }
    at::NoGradGuard no_grad;
    const at::Tensor x0 = first.unpack();
    at::Tensor g = gradients[0].contiguous();
    at::Tensor s = at::empty_like(x0), sum = at::empty_like(x0);
    const int64_t samples = x0.size(0), width = x0.size(1);
    const int64_t at_once = lawn::rows_at_once(samples);
    const int64_t pieces = (samples + at_once - 1) / at_once;
    const float *crossed = x0.const_data_ptr<float>();
    float *to = s.data_ptr<float>(), *total = sum.data_ptr<float>();
    at::Tensor biases;
    const auto begin_layer = [&] { biases = at::zeros({pieces, width}, x0.options()); };
    const auto uncross_rows = [&](size_t place, const float *from, int64_t begin, int64_t end) {
      const int64_t at = begin * width;
      float *bias = biases.data_ptr<float>() + begin / at_once * width;
      const float *u = layers[place].u.const_data_ptr<float>();
      uncross(to + at, total + at, bias, from + at, crossed + at, u + at, end - begin, width,
              place + 1 < layers.size());
    };
    begin_layer();
    const float *above = g.const_data_ptr<float>();
    lawn::parallel_for(0, pieces, 1, [&](int64_t begin, int64_t end) {
      for (int64_t piece = begin; piece < end; ++piece) {
        const int64_t top = piece * at_once;
        uncross_rows(layers.size() - 1, above, top, std::min(top + at_once, samples));
      }
    });
    for (size_t place = layers.size(); place-- > 0;) {
      const CrossLayer &layer = layers[place];
      const size_t edge = 1 + place * (depth + 1);
      answer[edge + depth] = biases.sum(0);
      at::Tensor outer = s;
      for (size_t factor = depth; factor-- > 0;) {
        const at::Tensor weight = layer.factors[factor].unpack();
        if (task_should_compute_output(edge + factor)) {
          const at::Tensor &input = place + factor > 0 ? layer.inputs[factor] : x0;
          answer[edge + factor] = lawn::multiply(outer.t(), input);
        }
        if (factor > 0) {
          outer = lawn::multiply(outer, weight);
          continue;
        }
        if (place == 0 && !task_should_compute_output(0)) {
          continue;
        }
        at::Tensor next = at::empty_like(x0);
        float *made = next.data_ptr<float>();
        const float *before = g.const_data_ptr<float>();
        begin_layer();
        // The rows of s that are written here have been multiplied.
        lawn::multiply(outer, weight, next, [&](int64_t begin, int64_t end) {
          const int64_t at = begin * width, count = (end - begin) * width;
          if (place == 0) {
            add_both_to(total + at, made + at, before + at, count);
          } else {
            add_to(made + at, before + at, count);
            uncross_rows(place - 1, made, begin, end);
          }
        });
        g = next;
      }
    }
    if (task_should_compute_output(0)) {
      answer[0] = sum;
    }
    return answer;
  }
};

void require_cross(const at::Tensor &tensor, at::IntArrayRef sizes, const char *what) {
  TORCH_CHECK(lawn::suits(tensor) && tensor.sizes() == sizes, what, " is ", sizes,
              " f32 on the CPU, not ", tensor.sizes(), " ", tensor.scalar_type(), " on ",
              tensor.device());
}

} // namespace

extern "C" {

// Whether `lawn_cross` takes these features and, it follows, weights like them.
bool lawn_cross_suits(at::Tensor *x) { return x->dim() == 2 && lawn::suits(*x); }

// [N, features] to the same by `count` layers of `depth` factors each, which are [features,
// features], or [rank, features] and [features, rank]. `weights` has those of a layer and then its
// bias, layer by layer.
char *lawn_cross(at::Tensor *x, at::Tensor *const *weights, int64_t count, int64_t depth,
                 at::Tensor **found) {
  return lawn::guarded([&] {
    TORCH_CHECK(count > 0 && (depth == 1 || depth == 2), "no cross layers: ", count, " of ", depth);
    TORCH_CHECK(lawn_cross_suits(x), "features are [N, features] f32 on the CPU, not ", x->sizes(),
                " ", x->scalar_type(), " on ", x->device());
    const at::Tensor x0 = x->detach().contiguous();
    const int64_t samples = x0.size(0), width = x0.size(1);
    bool follows = x->requires_grad();
    torch::autograd::edge_list edges = torch::autograd::collect_next_edges(*x);
    std::vector<CrossLayer> layers(count);
    at::Tensor input = x0;
    for (CrossLayer &layer : layers) {
      const int64_t rank = depth == 2 ? weights[0]->size(0) : width;
      at::Tensor narrow = input;
      for (int64_t factor = 0; factor < depth; ++factor) {
        const int64_t outputs = factor + 1 < depth ? rank : width;
        const int64_t inputs = factor > 0 ? rank : width;
        require_cross(*weights[factor], {outputs, inputs}, "a matrix of a cross layer");
        const at::Tensor matrix = weights[factor]->detach();
        layer.factors.emplace_back(matrix, false);
        layer.inputs.push_back(narrow);
        if (factor + 1 < depth) {
          narrow = lawn::multiply(narrow, matrix.t());
        }
      }
      require_cross(*weights[depth], {width}, "the bias of a cross layer");
      const at::Tensor bias = weights[depth]->detach().contiguous();
      const at::Tensor last = weights[depth - 1]->detach();
      layer.u = at::empty_like(x0);
      at::Tensor output = at::empty_like(x0);
      float *u = layer.u.data_ptr<float>(), *to = output.data_ptr<float>();
      const float *add = bias.const_data_ptr<float>(), *first = x0.const_data_ptr<float>();
      const float *from = input.const_data_ptr<float>();
      lawn::multiply(narrow, last.t(), layer.u, [&](int64_t begin, int64_t end) {
        const int64_t at = begin * width;
        cross(to + at, u + at, add, first + at, from + at, end - begin, width);
      });
      for (int64_t weight = 0; weight <= depth; ++weight, ++weights) {
        follows = follows || (*weights)->requires_grad();
        edges.push_back(torch::autograd::impl::gradient_edge(**weights));
      }
      input = output;
    }
    if (at::GradMode::is_enabled() && follows) {
      auto node = std::shared_ptr<CrossBackward>(new CrossBackward(), torch::autograd::deleteNode);
      node->first = torch::autograd::SavedVariable(x0, false);
      // x₀ is kept by the variable that is checked.
      layers[0].inputs[0].reset();
      node->layers = std::move(layers);
      node->set_next_edges(std::move(edges));
      torch::autograd::set_history(input, node);
    }
    *found = new at::Tensor(input);
  });
}
}
